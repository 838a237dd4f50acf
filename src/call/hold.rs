//! What a held party hears: music, or nothing of the switch's (`[media] music`).
//!
//! Hold is between the holder's phone and the switch; the held party's dialog does not change, so any phone can be held by any other.

use crate::base::LegId;
use crate::media::{Order, Sound};

use super::desk::{Desk, Effect};
use super::{Call, Phase};

impl Call {
    /// A leg waits: it hears music until something else is played to it, or it is joined.
    pub(super) fn hold_music(&mut self, desk: &mut Desk<'_>, leg: LegId) {
        if let Some(music) = desk.node.manner.music
            && self.leg(leg).is_some_and(|at| at.is_up() && !at.media.is_held())
        {
            self.start_sounds(desk, leg, vec![Sound::Prompt(music)], true);
        }
    }

    /// A party has put the other on hold, or taken it off.
    pub(super) fn hold_changed(&mut self, desk: &mut Desk<'_>, holder: LegId, holds: bool) {
        let Some(held) = self.peer_of(holder) else { return };
        match holds {
            true => self.hold_music(desk, held),
            false if desk.node.manner.music.is_some() => {
                desk.effects.push_back(Effect::Media(Order::Stop { call: self.id, leg: held }));
            }
            false => {}
        }
    }

    /// Two were joined, and one of them holds still (as after a transfer that failed).
    pub(super) fn play_to_held(&mut self, desk: &mut Desk<'_>) {
        let Phase::Talking { with } = self.phase else { return };
        for holder in [self.near, with] {
            if self.leg(holder).is_some_and(|at| at.media.is_held()) {
                self.hold_changed(desk, holder, true);
            }
        }
    }
}
