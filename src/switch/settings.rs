//! What users set by dialling a code, and administrators by command: applied here, kept by the shell.
//!
//! Invariant: only a user's own proven call sets anything for that user; a code that was carried out is answered with a beep.

use std::sync::Arc;

use crate::base::Time;
use crate::config::{Code, Feature, Forwards};
use crate::plan::{Folder, Program, load};
use crate::registrar::{Account, Setting, When, change};

use super::view::Answer;
use super::{Output, Switch};

/// What a call runs that has dialled a code: it ends, and before that it beeps.
const PROGRAM: &str = "edition 2026\nmodule codes\npolicy codes for all calls {\n  record off\n}\n\
    route \"0\" from users -> done\nflow done {\n  hangup\n}\n";

/// The number under which [`PROGRAM`] is reached.
pub(super) const DONE: &str = "0";

/// The compiled [`PROGRAM`].
pub(super) fn program() -> Option<Arc<Program>> {
    load(&Folder::new().with_plan("codes.plan", PROGRAM), &["codes.plan"]).0
}

/// What a code with the number behind it sets.
pub(super) fn setting(code: Code, to: Option<&str>) -> Setting {
    let when = |forwards| match forwards {
        Forwards::Always => When::Always,
        Forwards::Busy => When::Busy,
        Forwards::NoAnswer => When::NoAnswer,
        Forwards::Unregistered => When::Unregistered,
    };
    match code {
        Code::Dnd(on) => Setting::Dnd(on),
        Code::Forward(it) => Setting::Forward { when: when(it), to: to.map(str::to_string), after_s: None },
        Code::ForwardOff(it) => Setting::Forward { when: when(it), to: None, after_s: None },
    }
}

impl Switch {
    /// Carries out what a user has set by a code, and has it kept.
    fn set(&mut self, account: &Account, setting: &Setting) {
        let settings = change(&mut self.settings, &account.name, setting);
        self.out.push_back(Output::Settings { user: account.name.clone(), settings });
    }

    /// Does what a user wants by a code that a beep confirms.
    ///
    /// # Errors
    /// The status that the user hears instead, and why.
    pub(super) fn carry_out(
        &mut self,
        now: Time,
        account: &Account,
        feature: &Feature,
    ) -> Result<(), (u16, &'static str)> {
        match feature {
            Feature::Set(code, to) => self.set(account, &setting(*code, to.as_deref())),
            Feature::CallBack(true) => self.call_back(now, account).map_err(|why| (480, why))?,
            Feature::CallBack(false) => self.call_backs.forget(&account.name),
            Feature::PickUpAny | Feature::PickUp(_) | Feature::Retrieve(_) => {}
        }
        Ok(())
    }

    /// An administrator has changed a user's settings (they are kept already).
    pub(super) fn on_settings(&mut self, user: String, settings: crate::registrar::Settings) -> Answer {
        match settings.is_plain() {
            true => self.settings.remove(&user),
            false => self.settings.insert(user, settings),
        };
        Answer::Done
    }
}

#[cfg(test)]
mod tests {
    use crate::plan::Origin;

    #[test]
    fn the_program_of_codes_compiles_and_has_its_route() {
        let program = super::program().expect("it compiles");
        assert!(program.route(&Origin::Users, super::DONE).is_some());
    }
}
