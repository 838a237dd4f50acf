//! Numbers that users come back to by a code: the one that they dialled last, the one that called them last, and whoever was busy.
//!
//! Invariant: a number is dialled again by the plan's routes with the rights of whoever dials it; one that was withheld is not kept.
//! All of it is memory of this process: nothing survives a restart, and nothing is written.

use std::collections::HashMap;

use crate::base::{CallId, Masked, Time};
use crate::call::Memory;
use crate::config::Again;
use crate::plan::Origin;
use crate::registrar::Account;

use super::Switch;
use super::call_back::Busy;
use super::view::Answer;

/// What is kept for one user.
#[derive(Debug, Clone, Default)]
struct Last {
    dialled: Option<Masked>,
    caller: Option<Masked>,
    busy: Option<Busy>,
}

/// What is kept, by account.
#[derive(Debug, Default)]
pub(super) struct Memories(HashMap<String, Last>);

impl Memories {
    /// A call of `user`'s has begun, to `number`.
    pub fn dialled(&mut self, user: &str, number: &Masked) {
        let last = self.0.entry(user.to_string()).or_default();
        (last.dialled, last.busy) = (Some(number.clone()), None);
    }

    /// The number that the code stands for.
    pub fn again(&self, user: &str, again: Again) -> Option<&Masked> {
        let last = self.0.get(user)?;
        match again {
            Again::Number => last.dialled.as_ref(),
            Again::Caller => last.caller.as_ref(),
        }
    }

    /// Keeps what belongs to users who are still there.
    pub fn keep(&mut self, exists: impl Fn(&str) -> bool) {
        self.0.retain(|user, _| exists(user));
    }
}

impl Switch {
    /// A call tells what users may come back to.
    pub(super) fn remember(&mut self, call: CallId, memory: Memory) {
        match memory {
            Memory::Rang { user, caller } => {
                self.memories.0.entry(user.reveal().to_string()).or_default().caller = caller;
            }
            Memory::Busy { by, user, target } => {
                let Some(account) = self.directory.account(user.reveal()) else { return };
                let numbers = [target.reveal(), &account.name].into_iter();
                let numbers = numbers.chain(account.numbers.iter().map(String::as_str));
                let mut routed = numbers.filter(|number| self.route(&Origin::Users, number).is_some());
                let Some(number) = routed.next().map(Masked::new) else { return };
                let user = account.name.clone();
                let engaged = self.events.engaged(&user, Some(call));
                let last = self.memories.0.entry(by.reveal().to_string()).or_default();
                last.busy = Some(Busy { user, number, engaged });
            }
        }
    }

    /// `account` wants to be called when whoever was busy is free.
    ///
    /// # Errors
    /// Why that cannot be.
    pub(super) fn call_back(&mut self, now: Time, account: &Account) -> Result<(), &'static str> {
        let busy = self.memories.0.get(&account.name).and_then(|last| last.busy.clone());
        let mut busy = busy.ok_or("nobody was busy in the last call")?;
        busy.engaged |= self.events.engaged(&busy.user, None);
        self.call_backs.ask(now, &account.name, busy)
    }

    /// The calls of `users` have changed: somebody may be free.
    pub(super) fn lines_changed(&mut self, now: Time, users: &[String]) {
        for user in users {
            self.call_backs.changed(now, user, |user| self.events.engaged(user, None));
        }
    }

    /// Calls back whoever's turn it is.
    pub(super) fn serve_call_backs(&mut self, now: Time) {
        while let Some((asker, number)) = self.call_backs.pop_due(now) {
            // As if the asker had dialled: whoever was busy then is to be asked for anew.
            self.memories.dialled(&asker, &number);
            if !matches!(self.summon(now, &asker, number.reveal(), false, CALLED_BACK), Answer::Started(_)) {
                self.log(false, format!("{} is not called back: no room", Masked::new(asker)));
            }
        }
    }

    /// The accounts have changed: who is gone is forgotten.
    pub(super) fn forget_strangers(&mut self) {
        let directory = &self.directory;
        self.memories.keep(|user| directory.account(user).is_some());
        self.call_backs.keep(|user| directory.account(user).is_some());
    }
}

/// Why the call has begun, in its log.
const CALLED_BACK: &str = "begun to call back: whoever was busy is free";
