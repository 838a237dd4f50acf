//! What a held party hears: music, or nothing of the switch's (`[media] music`).
//!
//! Hold is between the holder's phone and the switch; the held party's dialog does not change, so any phone can be held by any other.
//! Invariant: of two who talk, one hears music when the other holds and it does not hold itself.

use crate::base::LegId;
use crate::media::Sound;

use super::desk::Desk;
use super::{Call, Phase};

impl Call {
    /// A leg waits: it hears music until something else is played to it, or it is joined.
    pub(super) fn hold_music(&mut self, desk: &mut Desk<'_>, leg: LegId) {
        let Some(music) = desk.node.manner.music else { return };
        if self.leg(leg).is_some_and(|at| at.is_up() && !at.media.is_held()) {
            self.start_sounds(desk, leg, vec![Sound::Music(music)], true);
            if let Some(at) = self.leg_mut(leg) {
                at.hears_music = true;
            }
        }
    }

    /// Of two who talk one has put the other on hold or taken it off, or they have just been joined: music begins or ends.
    pub(super) fn play_to_held(&mut self, desk: &mut Desk<'_>) {
        let Phase::Talking { with } = self.phase else { return };
        for (leg, other) in [(self.near, with), (with, self.near)] {
            let holds = |leg| self.leg(leg).is_some_and(|at| at.media.is_held());
            let should = holds(other) && !holds(leg);
            match (should, self.leg(leg).is_some_and(|at| at.hears_music)) {
                (true, false) => self.hold_music(desk, leg),
                (false, true) => self.quiet(desk, leg),
                _ => {}
            }
        }
    }
}
