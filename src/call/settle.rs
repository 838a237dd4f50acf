//! Video and fax between two who talk: ports for them, who may have them, and bringing both legs to the same.
//!
//! [`Call::settle`] looks at the two legs and does the next thing that is missing: link what both have; offer one what the other has
//! and it wants; take from one what the other will not have. It is called after whatever changed a leg.
//! Invariant: a strand is linked only between two legs that both describe it, after the recording has been told of it if there is one.

use crate::base::{LegId, bounds};
use crate::config::Srtp;
use crate::media::{Order, Strand, StrandAct, StrandNews};
use crate::plan::{Origin, Record};
use crate::vault::Event;

use super::desk::{Desk, Effect};
use super::leg::{Leg, Stage, trust};
use super::room::is_idle;
use super::trace::What;
use super::{Call, Phase};

/// Who may.
impl Call {
    /// Whether a leg may have a strand: its user or trunk may, and a call that is recorded is recorded with it.
    pub(super) fn may(&self, desk: &Desk<'_>, leg: LegId, strand: Strand) -> bool {
        let Some(at) = self.leg(leg) else { return false };
        self.records(strand)
            && match strand {
                Strand::Video => self.may_see(desk, at),
                // UDPTL has no encryption.
                Strand::Fax => at.media.keys.policy() != Srtp::Required,
            }
    }

    fn may_see(&self, desk: &Desk<'_>, at: &Leg) -> bool {
        let manner = &desk.node.manner;
        if let Some(way) = &at.way {
            return manner.video && way.video;
        }
        match (&at.carrier, &self.facts.origin) {
            (Some(trunk), Origin::Trunk(_)) => manner.video && desk.trunks.video(trunk),
            _ => {
                let own = desk.settings.get(at.user.reveal()).and_then(|settings| settings.video);
                own.unwrap_or(manner.video)
            }
        }
    }

    /// Whether nothing of a strand would pass unrecorded that is to be recorded.
    fn records(&self, strand: Strand) -> bool {
        let policy = self.machine.policy();
        policy.record == Record::Off
            || match strand {
                Strand::Video => policy.beside.video,
                Strand::Fax => policy.beside.fax,
            }
    }
}

/// Ports.
impl Call {
    /// Opens ports for a strand of a leg, if it has none.
    pub(super) fn prepare(&mut self, desk: &mut Desk<'_>, leg: LegId, strand: Strand) {
        let call = self.id;
        let Some(at) = self.leg_mut(leg) else { return };
        let (policy, private) = (at.media.keys.policy(), at.flow.transport.is_secure());
        let local = at.flow.local.ip();
        if at.media.strands.prepare(strand, policy, private, desk.random) {
            let act = StrandAct::Open(local);
            desk.effects.push_back(Effect::Media(Order::Strand { call, leg, strand, act }));
        }
    }

    /// Opens ports on both sides for what the party that the plan serves wants besides sound, before `leg` is rung.
    pub(super) fn prepare_wishes(&mut self, desk: &mut Desk<'_>, leg: LegId) {
        let near = self.near;
        // Who is rung into a conversation listens in: to sound.
        if matches!(self.phase, Phase::Talking { .. }) {
            return;
        }
        for strand in Strand::ALL {
            let wanted = self.leg(near).is_some_and(|at| at.media.strands.wishes(strand));
            if wanted && self.may(desk, near, strand) && self.may(desk, leg, strand) {
                self.prepare(desk, near, strand);
                self.prepare(desk, leg, strand);
            }
        }
    }

    /// Has the INVITE of a leg offer what the party that the plan serves wants besides sound, as far as there are ports.
    pub(super) fn offer_wishes(&mut self, desk: &Desk<'_>, leg: LegId) {
        let most_kbps = desk.node.manner.video_kbps;
        let Some([near, at]) = self.two(self.near, leg) else { return };
        let ready =
            |strand: &Strand| near.media.strands.has_port(*strand) && at.media.strands.has_port(*strand);
        for strand in Strand::ALL.into_iter().filter(ready).collect::<Vec<_>>() {
            at.media.strands.offer_wish_of(&near.media.strands, strand, most_kbps);
        }
    }

    /// The media plane tells of a strand.
    pub(super) fn on_strand(&mut self, desk: &mut Desk<'_>, leg: LegId, strand: Strand, news: StrandNews) {
        let word = strand.word();
        let text = match &news {
            StrandNews::Opened(local) => format!("{word}: port {local}"),
            StrandNews::NoPort => format!("{word}: no port"),
            StrandNews::Heard(from) => format!("{word}: heard from {from}"),
            StrandNews::Facts(facts) => format!("{word}: {}", facts.words()),
        };
        self.trace.add(desk.now, &What::Media { leg, text: text.into() });
        let local = match news {
            StrandNews::Opened(local) => Some(desk.node.announced(local)),
            StrandNews::NoPort => None,
            StrandNews::Heard(_) | StrandNews::Facts(_) => return,
        };
        let Some(at) = self.leg_mut(leg) else { return };
        at.media.strands.opened(strand, local);
        if !at.media.strands.wait() {
            match at.stage {
                Stage::Preparing { .. } if at.media.local.is_some() => return self.invite(desk, leg),
                _ => {}
            }
            self.pass_on(desk);
            self.settle(desk);
        }
    }
}

/// Levelling.
impl Call {
    /// Has a leg that is still to be answered answered with what another leg's party has agreed to.
    pub(super) fn mirror(&mut self, desk: &Desk<'_>, from: LegId, to: LegId) {
        let most_kbps = desk.node.manner.video_kbps;
        let Some([from, to]) = self.two(from, to) else { return };
        for strand in Strand::ALL {
            to.media.strands.answer_as(&from.media.strands, strand, most_kbps);
        }
    }

    /// Brings the two who talk to the same, one step at a time.
    pub(super) fn settle(&mut self, desk: &mut Desk<'_>) {
        if self.passing.is_some() {
            return;
        }
        let (near, with) = match self.phase {
            Phase::Talking { with } => (self.near, with),
            // Whoever is alone hears the switch: fax is over.
            Phase::Between | Phase::Playing { .. } | Phase::Collecting(_) | Phase::Pausing => {
                let near = self.near;
                if self.leg(near).is_some_and(|at| at.media.strands.shape.silent) {
                    self.lower(near, Strand::Fax);
                    self.reshape(desk, near);
                }
                return;
            }
            _ => return,
        };
        for strand in Strand::ALL {
            let is_on = |leg| self.leg(leg).is_some_and(|at| at.media.strands.is_on(strand));
            let both = (is_on(near), is_on(with));
            if both != (true, true) {
                self.unlink(desk, strand);
            }
            match both {
                (true, true) => self.link(desk, near, with, strand),
                (true, false) => self.level(desk, near, with, strand),
                (false, true) => self.level(desk, with, near, strand),
                (false, false) => {
                    for leg in [near, with] {
                        if strand == Strand::Fax
                            && self.leg(leg).is_some_and(|at| at.media.strands.shape.silent)
                        {
                            self.lower(leg, strand);
                        }
                    }
                }
            }
        }
        self.reshape(desk, near);
        self.reshape(desk, with);
    }

    /// One leg has a strand, the other not: it is offered to the other if its phone wants it, and else taken from the one.
    fn level(&mut self, desk: &mut Desk<'_>, has: LegId, lacks: LegId, strand: Strand) {
        let wants = self.leg(lacks).is_some_and(|at| at.media.strands.wishes(strand));
        if !wants || !self.may(desk, lacks, strand) {
            return self.lower(has, strand);
        }
        self.prepare(desk, lacks, strand);
        let most_kbps = desk.node.manner.video_kbps;
        let Some([has, lacks]) = self.two(has, lacks) else { return };
        if lacks.media.strands.has_port(strand) {
            lacks.media.strands.offer_wish_of(&has.media.strands, strand, most_kbps);
        }
    }

    fn lower(&mut self, leg: LegId, strand: Strand) {
        if let Some(at) = self.leg_mut(leg).filter(|at| at.is_up()) {
            at.media.strands.next().drop(strand);
        }
    }

    /// Sends a leg's phone the offer that `next` is, if there is one to send.
    fn reshape(&mut self, desk: &mut Desk<'_>, leg: LegId) {
        let Some(at) = self.leg_mut(leg) else { return };
        if at.media.strands.next.is_some()
            && !at.media.strands.wait()
            && at.renewal.is_none_or(|r| r.seq == 0)
        {
            self.renew_lines(desk, leg);
        }
    }

    fn link(&mut self, desk: &mut Desk<'_>, a: LegId, b: LegId, strand: Strand) {
        let linked = self.linked.contains(&(a, b, strand)) || self.linked.contains(&(b, a, strand));
        if linked {
            return;
        }
        self.linked.retain(|(.., of)| *of != strand);
        self.linked.push((a, b, strand));
        for leg in [a, b] {
            self.tap_strand(desk, leg, strand);
        }
        let (call, act) = (self.id, StrandAct::Link(b));
        desk.effects.push_back(Effect::Media(Order::Strand { call, leg: a, strand, act }));
        self.note(desk, format!("{}: {a} and {b} are linked", strand.word()));
    }

    /// One of two has given a strand up: nothing of it passes any more.
    fn unlink(&mut self, desk: &mut Desk<'_>, strand: Strand) {
        let call = self.id;
        let over = self.linked.extract_if(.., |(.., of)| *of == strand);
        let orders = over.map(|(leg, ..)| Order::Strand { call, leg, strand, act: StrandAct::Unlink });
        desk.effects.extend(orders.map(Effect::Media));
    }

    /// Two are taken from each other: their strands are linked anew when they meet again.
    pub(super) fn unlinked(&mut self) {
        self.linked.clear();
    }

    fn tap_strand(&mut self, desk: &mut Desk<'_>, leg: LegId, strand: Strand) {
        let Some(recording) = self.recording.as_ref().filter(|r| r.is_running()) else { return };
        let (call, recording, started) = (self.id, recording.id, recording.began);
        let Some(at) = self.leg(leg) else { return };
        let track = strand.track(at.track);
        let formats = at.media.strands.formats(strand);
        for (payload_type, codec, clock_hz) in formats {
            self.record_event(desk, Event::Format { track, payload_type, codec, clock_hz });
        }
        let act = StrandAct::Tap { recording, started, track };
        desk.effects.push_back(Effect::Media(Order::Strand { call, leg, strand, act }));
    }

    /// Tells the media plane where the strands of a leg that are on are.
    pub(super) fn aim_strands(&mut self, desk: &mut Desk<'_>, leg: LegId) {
        let call = self.id;
        let video_bps = desk.node.manner.video_kbps.saturating_mul(1_000);
        let Some(at) = self.leg(leg) else { return };
        let mut told = Vec::new();
        for strand in Strand::ALL {
            let rate_bps = if strand == Strand::Video { video_bps } else { bounds::FAX_BITS_PER_S };
            let Some(aim) = at.media.strands.aim(strand, |to| trust(to.ip(), at.seen), rate_bps) else {
                continue;
            };
            told.push(format!("{}: to {}", strand.word(), aim.to));
            let act = StrandAct::Aim(Box::new(aim));
            desk.effects.push_back(Effect::Media(Order::Strand { call, leg, strand, act }));
        }
        for text in told {
            self.trace.add(desk.now, &What::Media { leg, text: text.into() });
        }
    }

    /// Two different legs at once.
    pub(super) fn two(&mut self, a: LegId, b: LegId) -> Option<[&mut Leg; 2]> {
        self.legs.get_disjoint_mut([usize::from(a.0), usize::from(b.0)]).ok()
    }

    /// Whether a leg's dialog is free, or has only a change of this kind put off.
    pub(super) fn may_reshape(&self, leg: LegId) -> bool {
        self.leg(leg).is_some_and(is_idle)
    }
}
