//! What one call wants of another: the far side of a consultation comes over when its transfer is attended (RFC 5589).
//!
//! Invariant: calls never see each other; the switch takes from one and gives to the other, within one event.

use std::time::Duration;

use crate::base::{CallId, Masked, Time};
use crate::dialog;
use crate::plan::Ended;

use super::Switch;

impl Switch {
    /// Takes the caller of `from` into the room that `into` is, if it is let in.
    pub(super) fn enter(&mut self, now: Time, from: CallId, into: CallId, limit: u16, longest: Duration) {
        let admitted = self.calls.get(&into).map_or(Err(Ended::Failed), |room| room.admits(limit));
        if let Err(why) = admitted {
            self.with_call(now, from, |call, desk| call.not_admitted(desk, why));
            return;
        }
        let mut given = None;
        self.with_call(now, from, |call, desk| given = call.give_near(desk, into));
        if let Some(given) = given {
            self.with_call(now, into, |call, desk| call.take_party(desk, given, from, longest));
        }
    }

    /// Lets the party of `from`, whose account is `by`, take the call that has rung longest at `user`. The groups of the
    /// configuration hold here as they do for `**`.
    pub(super) fn pick_up_by_plan(&mut self, now: Time, from: CallId, by: &Masked, user: &Masked) {
        let rings = match (self.directory.account(by.reveal()), self.directory.find(user.reveal())) {
            (Some(by), Some(wanted)) if self.features.may_pick_up(&by.name, &wanted.name) => {
                self.ringing(by, Some(&wanted.name)).ok_or("nothing rings there")
            }
            (Some(_), Some(_)) => Err("the groups do not let them"),
            (Some(_), None) => Err("there is nobody of that number"),
            (None, _) => Err("only a user picks up"),
        };
        let taken = rings.and_then(|into| {
            let can = self.calls.get(&into).is_some_and(|call| into != from && call.can_be_taken());
            if can { Ok(into) } else { Err("it cannot be taken any more") }
        });
        let mut given = None;
        match taken {
            Ok(into) => {
                self.with_call(now, from, |call, desk| given = call.give_picker(desk, into));
                if let Some(given) = given {
                    self.with_call(now, into, |call, desk| call.take_picker(desk, given));
                }
            }
            Err(why) => drop(self.with_call(now, from, |call, desk| call.not_reached(desk, why))),
        }
    }

    /// Takes the party that `user` talks to over `dialog` out of its call and gives it to `into`, which waits for it.
    pub(super) fn fetch(&mut self, now: Time, into: CallId, user: &Masked, dialog: &dialog::Id) {
        let found = self.index.dialog(dialog.call_id(), dialog.local_tag()).filter(|(call, _)| *call != into);
        let mut given = Err(481);
        if let Some((from, leg)) = found {
            self.with_call(now, from, |call, desk| given = call.surrender(desk, leg, user, dialog));
        }
        self.with_call(now, into, |call, desk| call.take_in(desk, given));
    }
}
