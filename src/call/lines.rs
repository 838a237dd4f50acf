//! What a call's legs are to their users, as busy lamps show it (RFC 4235).

use crate::base::{LegId, Masked};
use crate::dialog::Dialog;
use crate::presence::{Direction, Line, Party, Stage as Lamp};

use super::leg::{Leg, Stage};
use super::{CALLER, Call, Phase};

impl Call {
    /// The line of every leg that is somebody's, with that user.
    pub fn lines(&self) -> Vec<(String, Line)> {
        let legs = self.legs.iter().filter_map(|leg| Some((leg, self.lamp(leg)?)));
        legs.map(|(leg, stage)| {
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
        })
        .chain(self.slot_line())
        .collect()
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
    /// everybody else the caller.
    fn other_side(&self, leg: LegId) -> Option<Party> {
        if let Some(peer) = self.peer_of(leg).and_then(|peer| self.leg(peer)).filter(|peer| peer.id != CALLER)
        {
            let user = peer.number.clone().unwrap_or_else(|| peer.user.clone());
            return Some(Party { user, display: Masked::default(), private: false });
        }
        let (user, display) = match leg {
            CALLER => (&self.facts.dialled, Masked::default()),
            _ => (&self.facts.caller, self.facts.display.clone()),
        };
        Some(Party { user: user.clone(), display, private: false })
    }
}

/// A dialog's names from the phone's side, once it has all three.
fn names(dialog: &Dialog) -> Option<(String, String, String)> {
    let id = dialog.id();
    let call_id = std::str::from_utf8(id.call_id()).ok()?;
    Some((call_id.to_string(), id.remote_tag().to_string(), id.local_tag().to_string()))
}
