//! Joining caller and callee, and what becomes of the caller when the callee leaves.

use std::time::Duration;

use crate::base::LegId;
use crate::media::Order;
use crate::plan::{Outcome, Reply};

use super::answer::fits;
use super::desk::{Alarm, Desk, Effect};
use super::hangup::End;
use super::leg::Stage;
use super::trace::What;
use super::view::Change;
use super::{Call, Phase};

/// No conversation lasts longer: a call whose phones both vanished must not stay for ever.
const LONGEST_TALK: Duration = Duration::from_secs(24 * 3_600);

impl Call {
    /// Whether the caller and this leg have a way to understand each other.
    pub(super) fn can_join(&self, leg: LegId) -> bool {
        let Some(format) = self.leg(leg).and_then(|leg| leg.media.agreed.first()) else { return false };
        self.choose_for_caller(Some(format)).is_some()
    }

    /// Joins the caller with a leg that has answered; answers the caller first if that is still to be done.
    pub(super) fn join(&mut self, desk: &mut Desk<'_>, leg: LegId) {
        let format = self.leg(leg).and_then(|leg| leg.media.agreed.first().copied());
        let asking = matches!(self.leg(self.near).map(|caller| &caller.stage), Some(Stage::Asking { .. }));
        if asking {
            let Some(chosen) = self.choose_for_caller(format.as_ref()) else {
                return self.end(desk, End::NoCommonCodec);
            };
            self.mirror(desk, leg, self.near);
            self.accept(desk, chosen);
        } else {
            self.quiet(desk, self.near);
        }
        if let Some(at) = self.leg_mut(leg) {
            at.talked = true;
        }
        self.tap(desk, leg);
        self.unlinked();
        desk.effects.push_back(Effect::Media(Order::Join { call: self.id, a: self.near, b: leg }));
        let near = self.near;
        self.trace.add(desk.now, &What::Call { text: format!("{near} and {leg} are joined").into() });
        self.hears_no_music(near);
        self.hears_no_music(leg);
        self.left = None;
        self.phase = Phase::Talking { with: leg };
        desk.alarms.set((self.id, Alarm::Talk), desk.now + LONGEST_TALK);
        self.happened(desk, Change::Joined);
        self.monitors_begin(desk);
        self.tell_popped(desk);
        self.mix(desk);
        self.transfer_done(desk);
        self.play_to_held(desk);
        self.settle(desk);
    }

    /// The callee has left; the plan says what the caller meets next.
    pub(super) fn far_side_left(&mut self, desk: &mut Desk<'_>, leg: LegId) {
        self.left = Some(leg);
        desk.alarms.clear(&(self.id, Alarm::Talk));
        if let Some(heir) = self.heir() {
            self.inherit(desk, heir);
            self.moved = true;
            return self.join(desk, heir);
        }
        self.part_near(desk);
        self.phase = Phase::Between;
        self.note(desk, format!("dial ended: {}", Outcome::Answered.word()));
        match self.orphan {
            true => self.without_plan(desk, Outcome::Answered),
            false => self.resume(desk, Reply::Dialled(Outcome::Answered)),
        }
        self.settle(desk);
    }

    /// The leg that hears this one.
    pub(super) fn peer_of(&self, leg: LegId) -> Option<LegId> {
        match &self.phase {
            Phase::Talking { with } if leg == self.near => Some(*with),
            Phase::Talking { with } if *with == leg => Some(self.near),
            _ => None,
        }
    }

    /// Whether a codec, newly chosen for `leg`, still reaches the leg's peer.
    pub(super) fn reaches_peer(&self, leg: LegId, format: &crate::rtp::Format) -> bool {
        let peer = self.peer_of(leg).and_then(|peer| self.leg(peer));
        peer.and_then(|peer| peer.media.agreed.first()).is_none_or(|theirs| fits(format, theirs))
    }
}
