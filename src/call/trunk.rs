//! Dialling out over a trunk: its ways one after the other, its challenges, its failures.
//!
//! Invariant: only what the trunk itself says moves a call to the next way (503, no answer, a broken path); what a person says
//! (busy, declined) ends the dial.

use std::collections::VecDeque;
use std::time::Duration;

use crate::base::{LegId, Masked, bounds};
use crate::plan::Outcome;
use crate::registrar::Binding;
use crate::sip::{Message, Name, UriBuf};
use crate::trunk::Way;

use super::desk::{Alarm, Desk, Purpose};
use super::dial::{Contact, Outward};
use super::divert::Diversion;
use super::leg::Stage;
use super::offer::Spoken;
use super::trace;
use super::wave::Wave;
use super::wire::{SDP, asking, user_at};
use super::{Call, Phase};

/// How long a way rings before the next joins in: never by itself, a dial is over long before.
pub(super) const ALONE: Duration = Duration::from_secs(86_400);

/// Puts the trunks' ways behind the users: the first of each target beside the first wave, the others each in a wave of its own.
pub(super) fn join(waves: &mut VecDeque<Wave>, targets: Vec<Vec<Contact>>) {
    for contacts in targets {
        for (rank, contact) in contacts.into_iter().enumerate() {
            while waves.len() <= rank {
                waves.push_back(Wave { contacts: Vec::new(), lasts: ALONE, stops: false });
            }
            if let Some(wave) = waves.get_mut(rank) {
                wave.lasts = ALONE;
                wave.contacts.push(contact);
            }
        }
    }
}

/// The formats in the order in which the trunk wants them offered; those that it does not name follow.
pub(super) fn preferred(way: Option<&Way>, mut formats: Vec<Spoken>) -> Vec<Spoken> {
    if let Some(way) = way.filter(|way| !way.codecs.is_empty()) {
        let rank = |name: &str| way.codecs.iter().position(|codec| codec.eq_ignore_ascii_case(name));
        formats.sort_by_key(|spoken| rank(spoken.format.codec.name()).unwrap_or(usize::MAX));
    }
    formats
}

impl Call {
    /// The ways of every trunk that is dialled. `nobody`: what the dial comes to when there are none.
    pub(super) fn over_trunks(
        &mut self,
        desk: &mut Desk<'_>,
        outward: &[Outward],
        nobody: &mut Outcome,
    ) -> Vec<Vec<Contact>> {
        let mut found = Vec::new();
        for Outward { trunk, number, caller, chain } in outward {
            let demands = self.machine.program().trunk(trunk);
            let number =
                demands.map_or_else(|| number.reveal().to_string(), |rules| rules.written(number.reveal()));
            let only = demands.map_or(&[][..], |rules| &rules.caller_ids);
            match desk.trunks.ways(desk.now, trunk, &number, caller.reveal(), only, desk.random) {
                Ok(ways) => {
                    let ways = ways.into_iter().take(bounds::PLACES);
                    found.push(ways.map(|way| contact(desk, way, chain)).collect());
                }
                Err(why) => {
                    self.note(desk, format!("trunk {trunk}: {why}"));
                    *nobody = Outcome::Failed;
                }
            }
        }
        found
    }

    /// Answers a trunk's challenge. `false`: it is none, or is not to be answered.
    pub(super) fn prove(&mut self, desk: &mut Desk<'_>, leg: LegId, challenge: &Message) -> bool {
        let (id, max_forwards, interval_s) = (self.id, self.max_forwards, desk.node.manner.session_s);
        let Some(at) = self.leg_mut(leg) else { return false };
        let (Some(way), Some(invitation), Some(sdp)) = (&mut at.way, &mut at.invitation, &at.media.said)
        else {
            return false;
        };
        if !matches!(at.stage, Stage::Calling { .. }) || way.proofs >= bounds::PROOFS {
            return false;
        }
        let uri = target(way);
        let proved = desk.trunks.prove(&way.name, challenge, "INVITE", uri.as_str(), desk.random);
        let Some((name, value)) = proved else { return false };
        way.proofs += 1;
        let request = asking(invitation.request_anew(max_forwards), interval_s);
        let request = request.header(name, &value).body(SDP, sdp.clone());
        way.proof = Some((name, value));
        let Ok(invite) = desk.layer.request(desk.now, at.flow, request) else { return false };
        desk.index.add_client(invite, (id, leg), Purpose::Invite);
        at.stage = Stage::Calling { invite, ringing: false, cancelled: false };
        self.said(desk, leg, trace::Way::Out, "INVITE (sdp, proof)");
        true
    }

    /// A way has failed: whether the next is tried, and whether this one is left alone for a while.
    pub(super) fn after_trunk(
        &mut self,
        desk: &mut Desk<'_>,
        leg: LegId,
        status: u16,
        message: Option<&Message>,
    ) {
        let Some(way) = self.leg(leg).and_then(|at| at.way.clone()) else { return };
        if matches!(status, 408 | 500 | 502..=504) {
            let retry = message
                .and_then(|message| message.header_str(Name::RetryAfter))
                .and_then(crate::trunk::seconds);
            desk.trunks.failed(desk.now, &way, retry);
            self.note(desk, format!("trunk {} fails with {status} at {}", way.name, way.flow.remote));
        } else if let Phase::Dialling(dialling) = &mut self.phase {
            dialling.waves.iter_mut().for_each(|wave| wave.contacts.retain(|contact| contact.way.is_none()));
        }
    }
}

/// Silence.
impl Call {
    /// An INVITE to a trunk is out: if not a word comes back, the next way is tried before the transaction gives up.
    pub(super) fn expect_trunk(&self, desk: &mut Desk<'_>, leg: LegId) {
        if self.leg(leg).is_some_and(|at| at.way.is_some()) {
            desk.alarms.set((self.id, Alarm::Silence(leg)), desk.now + bounds::TRUNK_SILENCE);
        }
    }

    /// Not a word has come. Without another way the INVITE is left to its transaction.
    pub(super) fn trunk_silent(&mut self, desk: &mut Desk<'_>, leg: LegId) {
        let Phase::Dialling(dialling) = &self.phase else { return };
        let others = dialling.waves.iter().flat_map(|wave| &wave.contacts).any(|to| to.way.is_some());
        let calling = matches!(
            self.leg(leg).map(|at| &at.stage),
            Some(Stage::Calling { ringing: false, cancelled: false, .. })
        );
        if !others || !calling || !dialling.legs.contains(&leg) {
            return;
        }
        self.note(desk, format!("{leg}: its trunk says nothing"));
        self.release(desk, leg, 408, None);
        self.close_media(desk, leg);
        self.after_trunk(desk, leg, 408, None);
        self.leg_failed(desk, leg, 408);
    }
}

/// A way as somebody to ring; who passed the call on goes by numbers that the trunk may hear.
fn contact(desk: &Desk<'_>, way: Way, chain: &[Diversion]) -> Contact {
    let number = Masked::new(&way.number);
    let shown = |step: &Diversion| {
        let number = Masked::new(desk.trunks.shown(&way.name, step.number.reveal())?);
        Some(Diversion { number, ..step.clone() })
    };
    let diverted = chain.iter().filter_map(shown).collect();
    Contact {
        user: Masked::new(&*way.name),
        number: Some(number),
        binding: Binding::toward(target(&way), way.flow, desk.now),
        others: Vec::new(),
        diverted,
        way: Some(Box::new(way)),
    }
}

fn target(way: &Way) -> UriBuf {
    user_at(&way.number, &way.domain)
}
