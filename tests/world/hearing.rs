//! Who hears whom: what the wiring of the plane and the phones' sessions come to, and what they ought to.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

use ledgerline::base::{CallId, LegId, Time};
use ledgerline::media::{Role, Trust};

use super::phone::{Dialog, Phone, Stage};
use super::plane::{Leg, Plane};
use super::store::Store;

/// A phone and one of its dialogs, by their indices.
type Ear = (usize, usize);

/// A phone that listens and one that is heard, by their indices.
type Pair = (usize, usize);

/// Who hears whom, and for how long they have.
#[derive(Default)]
pub struct Hearing {
    now: BTreeSet<(Ear, Ear)>,
    /// Legs that hear another leg now: listener, speaker.
    legs: Vec<((CallId, LegId), (CallId, LegId))>,
    /// Calls in which two legs are joined now, and whether both are recorded.
    joined: Vec<(CallId, bool)>,
    pub time: BTreeMap<Pair, Duration>,
    pub talk: BTreeMap<CallId, Duration>,
    pub recorded: BTreeMap<CallId, Duration>,
}

impl Hearing {
    /// Time passes while nothing changes.
    pub fn pass(&mut self, from: Time, to: Time, plane: &mut Plane) {
        let gap = to.since(from);
        for ((listener, _), (speaker, _)) in &self.now {
            *self.time.entry((*listener, *speaker)).or_default() += gap;
        }
        for ((call, listener), (_, speaker)) in &self.legs {
            if let Some(leg) = plane.leg_mut(*call, *speaker) {
                leg.heard_for += gap;
            }
            if let Some(leg) = plane.leg_mut(*call, *listener) {
                leg.sent_for += gap;
            }
        }
        for (call, recorded) in &self.joined {
            *self.talk.entry(*call).or_default() += gap;
            if *recorded {
                *self.recorded.entry(*call).or_default() += gap;
            }
        }
    }

    /// Looks at the world as it is now.
    pub fn refresh(&mut self, now: Time, plane: &mut Plane, store: &Store, phones: &[Phone]) {
        for leg in plane.calls.values_mut().flat_map(BTreeMap::values_mut) {
            let speaks = speaks(leg, phones).is_some();
            leg.hears_speech(now, speaks);
        }
        self.now.clear();
        self.legs.clear();
        self.joined.clear();
        for (call, legs) in &plane.calls {
            let mixed = || legs.values().filter(|leg| leg.role == Some(Role::Party));
            if mixed().count() > 1 {
                // The party that the plan serves is copied, and with it all that it hears.
                let recorded = mixed().any(|leg| (0..2).any(|track| is_recorded(leg, store, track)));
                self.joined.push((*call, recorded));
            }
            for (id, leg) in legs {
                if let Some((with, other)) = leg.joined.and_then(|with| legs.get_key_value(&with))
                    && id < with
                {
                    let both = |a, b| is_recorded(leg, store, a) && is_recorded(other, store, b);
                    self.joined.push((*call, both(0, 1) || both(1, 0)));
                }
                for with in Plane::heard_by(legs, *id) {
                    let other = legs.get(&with).and_then(|other| speaks(other, phones));
                    if let (Some(a), Some(b)) = (listens(leg, phones), other) {
                        self.now.insert((a, b));
                        self.legs.push(((*call, *id), (*call, with)));
                    }
                }
            }
        }
    }

    /// Where the wiring is not what the phones have agreed to. Only asked when nothing is under way.
    pub fn disagreements(&self, plane: &Plane, phones: &[Phone]) -> Vec<String> {
        let mut faults = Vec::new();
        for (call, legs) in &plane.calls {
            let settled: Vec<(LegId, Ear, &Dialog)> = legs
                .iter()
                .filter_map(|(id, leg)| dialog_at(leg.local, phones).map(|(ear, dialog)| (*id, ear, dialog)))
                .filter(|(_, (phone, _), dialog)| dialog.is_settled() && !phones[*phone].is_vanished())
                // Which of two that answered was taken is not theirs to know until the other has heard its BYE.
                .filter(|(_, (phone, _), _)| !phones[*phone].manners.answers_twice)
                .collect();
            let [(first, a, caller), (second, b, callee)] = settled.as_slice() else { continue };
            // While a third is rung, as in a transfer, the two may be apart.
            if legs.len() > 2 && legs.get(first).is_some_and(|leg| leg.joined != Some(*second)) {
                continue;
            }
            if settled.iter().any(|(id, _, _)| legs.get(id).is_some_and(|leg| leg.plays() || leg.muted)) {
                continue;
            }
            for (listener, ear, speaker, mouth) in [(a, caller, b, callee), (b, callee, a, caller)] {
                let should = ear.session.receives() && mouth.session.sends();
                if should != self.now.contains(&(*listener, *speaker)) {
                    let (listener, speaker) = (&phones[listener.0].id.name, &phones[speaker.0].id.name);
                    let word = if should { "does not hear" } else { "hears" };
                    faults.push(format!("{listener} {word} {speaker} in {call}"));
                }
            }
        }
        faults
    }
}

/// The phone that hears what the plane sends to this leg.
fn listens(leg: &Leg, phones: &[Phone]) -> Option<Ear> {
    let aim = leg.aim.as_ref().filter(|aim| aim.send && !aim.rtp.ip().is_unspecified() && !leg.plays())?;
    let (ear, dialog) = dialog_at(leg.local, phones)?;
    let phone = &phones[ear.0];
    let reached = aim.rtp == dialog.session.here || is_behind(aim.trust, phone);
    let open = matches!(dialog.stage, Stage::Inviting | Stage::Answered | Stage::Confirmed);
    (reached && open && dialog.session.receives() && !phone.is_vanished()).then_some(ear)
}

/// The phone whose voice the plane takes on this leg.
fn speaks(leg: &Leg, phones: &[Phone]) -> Option<Ear> {
    let aim = leg.aim.as_ref().filter(|aim| aim.receive)?;
    let (ear, dialog) = dialog_at(leg.local, phones)?;
    let phone = &phones[ear.0];
    let hold = aim.rtp.ip().is_unspecified() && aim.rtp.port() == dialog.session.here.port();
    let trusted = aim.rtp == dialog.session.here || hold || is_behind(aim.trust, phone);
    let open = matches!(dialog.stage, Stage::Inviting | Stage::Answered | Stage::Confirmed);
    (trusted && open && dialog.session.sends() && !phone.is_vanished()).then_some(ear)
}

fn is_behind(trust: Trust, phone: &Phone) -> bool {
    matches!(trust, Trust::Signalled(ip) if ip == phone.id.seen.ip())
}

fn is_recorded(leg: &Leg, store: &Store, track: u8) -> bool {
    leg.taps.iter().any(|(recording, on)| *on == track && store.runs(*recording))
}

/// The dialog whose far end is this address of the switch.
pub fn dialog_at(local: SocketAddr, phones: &[Phone]) -> Option<(Ear, &Dialog)> {
    phones.iter().enumerate().find_map(|(phone, at)| {
        let dialog = at.dialogs.iter().position(|dialog| dialog.far_media() == Some(local))?;
        Some(((phone, dialog), &at.dialogs[dialog]))
    })
}
