//! What users may come back to by a code: who called them, and whom they found busy.
//!
//! Invariant: a caller who wants privacy is remembered as nobody; whoever was transferred is remembered for nobody.

use crate::base::Masked;
use crate::plan::{Origin, Target};

use super::desk::{Desk, Effect, Memory};
use super::dial::{Contact, Dialling};
use super::{Call, Phase};

/// The user that a dial is for.
#[derive(Debug)]
pub(super) struct Wanted {
    user: Masked,
    /// As it was dialled.
    target: Masked,
}

impl Wanted {
    /// The user that `targets` are, if they are one.
    pub fn of(desk: &Desk<'_>, targets: &[Target]) -> Option<Wanted> {
        let [Target::User(target) | Target::Number(target)] = targets else { return None };
        let user = Masked::new(&desk.directory.find(target.reveal())?.name);
        Some(Wanted { user, target: target.clone() })
    }
}

impl Call {
    /// The user whose phone rings may call back whoever it is.
    pub(super) fn remember_caller(&self, desk: &mut Desk<'_>, contact: &Contact) {
        if contact.way.is_none() && self.summons.is_none() {
            let caller = Some(self.shown.user.clone()).filter(|_| !self.anonymous);
            let memory = Memory::Rang { user: contact.user.clone(), caller };
            desk.effects.push_back(Effect::Remember(self.id, memory));
        }
    }

    /// The user who called may want to be called back, as long as nobody has been transferred.
    pub(super) fn remember_busy(&self, desk: &mut Desk<'_>) {
        let Phase::Dialling(Dialling { wanted: Some(wanted), .. }) = &self.phase else { return };
        let (user, target) = (wanted.user.clone(), wanted.target.clone());
        let own = self.facts.origin == Origin::Users && self.summons.is_none() && !self.moved;
        if own && self.transfer.is_none() {
            let memory = Memory::Busy { by: self.caller_name.clone(), user, target };
            desk.effects.push_back(Effect::Remember(self.id, memory));
        }
    }
}
