//! What a call's legs are to their users, as busy lamps show it (RFC 4235).

use crate::base::{LegId, Masked};
use crate::dialog::Dialog;
use crate::presence::{Direction, Line, Party, Stage as Lamp};

use super::leg::{Leg, Stage};
use super::{CALLER, Call, Phase};

impl Call {
    /// The lines of this call when they may have changed since the last time; a packet's news costs no more than a look.
    pub fn new_lines(&mut self) -> Option<Vec<(String, Line)>> {
        let shown = self.fingerprint();
        (self.lines_shown.replace(shown) != Some(shown)).then(|| self.lines())
    }

    /// Changes whenever a lamp would show something else: stages, who talks to whom, which dialogs have names, the slot.
    fn fingerprint(&self) -> u64 {
        let parked = matches!(self.phase, Phase::Parked(_));
        let head = u64::from(self.near.0) << 1 | u64::from(parked);
        self.legs.iter().fold(head, |print, leg| {
            let stage = self.lamp(leg).map_or(0, |stage| 1 + stage as u64);
            let named =
                leg.dialog().is_some() || leg.invitation.as_ref().is_some_and(|i| i.early().next().is_some());
            let peer = self.peer_of(leg.id).map_or(0, |peer| 1 + u64::from(peer.0));
            // FNV-1a over what the leg shows.
            (print ^ (stage | u64::from(named) << 3 | peer << 4)).wrapping_mul(0x0000_0100_0000_01b3)
        })
    }

    /// The line of every leg that is somebody's, with that user.
    fn lines(&self) -> Vec<(String, Line)> {
        let legs = self.legs.iter().filter_map(|leg| Some((leg, self.lamp(leg)?)));
        let of_legs = legs.map(|(leg, stage)| {
            let asked = leg.dialog().is_some_and(|dialog| !dialog.we_invited());
            let direction = if asked { Direction::Initiator } else { Direction::Recipient };
            let line = Line {
                id: format!("{}-{}", self.id, leg.id.0),
                dialog: leg.dialog().or_else(|| leg.invitation.as_ref()?.early().next()).and_then(names),
                direction,
                stage,
                remote: self.other_side(leg.id),
            };
            (leg.user.reveal().to_string(), line)
        });
        let mut lines = Vec::with_capacity(self.legs.len());
        lines.extend(of_legs.chain(self.slot_line()));
        lines
    }

    /// How far a leg is; `None` when it is over or on its way out.
    fn lamp(&self, leg: &Leg) -> Option<Lamp> {
        if matches!(self.phase, Phase::Ending) {
            return None;
        }
        match &leg.stage {
            Stage::Asking { rang: false, early: false, .. } | Stage::Preparing { .. } => Some(Lamp::Trying),
            Stage::Asking { .. } | Stage::Calling { ringing: true, cancelled: false, .. } => {
                Some(Lamp::Early)
            }
            Stage::Calling { cancelled: false, .. } => Some(Lamp::Trying),
            Stage::Up { leaving: false, .. } => Some(Lamp::Confirmed),
            Stage::Calling { .. } | Stage::Up { .. } | Stage::Leaving { .. } | Stage::Gone => None,
        }
    }

    /// Whom a leg's user talks to: the caller sees who answered (before that, what it dialled),
    /// everybody else the caller, unless it wants privacy (RFC 3323).
    fn other_side(&self, leg: LegId) -> Option<Party> {
        if let Some(peer) = self.peer_of(leg).and_then(|peer| self.leg(peer)).filter(|peer| peer.id != CALLER)
        {
            let user = peer.number.clone().unwrap_or_else(|| peer.user.clone());
            let (user, display) = self.named_on_lamps(peer.id, user, Masked::default());
            return Some(Party { user, display, private: false });
        }
        let (user, display, private) = match leg {
            CALLER => (self.facts.dialled.clone(), Masked::default(), false),
            _ => {
                let (user, display) = (self.facts.caller.clone(), self.facts.display.clone());
                let (user, display) = self.named_on_lamps(CALLER, user, display);
                (user, display, self.anonymous)
            }
        };
        Some(Party { user, display, private })
    }
}

/// A dialog's names from the phone's side, once it has all three.
fn names(dialog: &Dialog) -> Option<(String, String, String)> {
    let id = dialog.id();
    let call_id = std::str::from_utf8(id.call_id()).ok()?;
    Some((call_id.to_string(), id.remote_tag().to_string(), id.local_tag().to_string()))
}
