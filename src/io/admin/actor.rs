//! Who asks, and whether they may: the table of acts and rights, and what hearing and unmasking ask for besides.
//!
//! Invariant: nobody is more than one person at a time. Root and the node's own user are *system administrator* and
//! nothing else until somebody logs in on the connection; from then on only that person's rights count.

use super::keeping::KeepAct;
use super::persons::{MotionAct, PersonAct};
use super::protocol::{Act, Failure, Kind, Purpose};
use crate::base::{PersonId, bounds};
use crate::compliance::role::{Right, Role, Scope, who_may};
use crate::io::people::Entered;
use crate::switch::Command;
use crate::vault::{Row, Who};

/// Who asks.
#[derive(Debug, Clone)]
pub struct Actor {
    /// As the audit book is told.
    who: Who,
    /// The person who logged in.
    entered: Option<Entered>,
}

impl From<Who> for Actor {
    fn from(who: Who) -> Actor {
        Actor { who, entered: None }
    }
}

impl Actor {
    /// The same, once somebody has logged in.
    pub fn entered(self, entered: Entered) -> Actor {
        let roles = entered.roles.to_string();
        let role = if entered.break_glass { format!("{roles}, glass broken") } else { roles };
        let who = Who { person: Some(entered.account.clone()), role, ..self.who };
        Actor { who, entered: Some(entered) }
    }

    /// As the audit book is told.
    pub fn who(&self) -> &Who {
        &self.who
    }

    /// The person, if one has logged in.
    pub fn person(&self) -> Option<&Entered> {
        self.entered.as_ref()
    }

    /// The person.
    ///
    /// # Errors
    /// Nobody has logged in.
    pub fn somebody(&self) -> Result<&Entered, Failure> {
        let text = "only a person does that: log in first (`ledgerline login NAME`)";
        self.entered.as_ref().ok_or_else(|| Failure::new(Kind::Refused, text))
    }

    /// The human being, for motions.
    ///
    /// # Errors
    /// Nobody has logged in.
    pub fn human(&self) -> Result<PersonId, Failure> {
        self.somebody().map(|entered| entered.person)
    }

    /// Whether they may.
    pub fn may(&self, right: Right) -> bool {
        match &self.entered {
            Some(entered) => entered.may(right),
            None => who_may(right).contains(&Role::System),
        }
    }

    /// Over which recordings their rights reach. Whoever runs the machine finds all, masked.
    pub fn scope(&self) -> Scope {
        match &self.entered {
            Some(entered) if entered.roles.has(Role::System) => Scope::Everything,
            Some(entered) => entered.scope.clone(),
            None => Scope::Everything,
        }
    }

    /// Whether `row` is theirs to know of.
    pub fn covers(&self, row: &Row) -> bool {
        row.is_in(&self.scope())
    }

    /// That they may.
    ///
    /// # Errors
    /// Refused, with what would help.
    pub fn check(&self, right: Right) -> Result<(), Failure> {
        if self.may(right) {
            return Ok(());
        }
        let roles: Vec<&str> = who_may(right).iter().map(|role| role.word()).collect();
        let (who, hint) = match &self.entered {
            Some(entered) => (format!("{} ({})", entered.account, entered.roles), String::new()),
            None => ("the system administrator".to_string(), ": `ledgerline login NAME`".to_string()),
        };
        let text = format!("{who} may not do this; it takes a person who is {}{hint}", roles.join(" or "));
        Err(Failure::new(Kind::Refused, text))
    }

    /// That they proved a moment ago to be there, and say what for (DUAL-05).
    ///
    /// # Errors
    /// [`Kind::Presence`] when they have to prove it again; usage when no purpose is given.
    pub fn attend(&self, purpose: Option<&str>) -> Result<(), Failure> {
        let purpose = purpose.unwrap_or_default().trim();
        if purpose.is_empty() || purpose.chars().count() > bounds::PURPOSE {
            return Err(Failure::new(Kind::Usage, "say what it is wanted for: --purpose TEXT"));
        }
        self.prove()
    }

    /// That they may give `command` to the core: who hears a running conversation has proved to be there, as who hears a recorded
    /// one (DUAL-03, DUAL-05).
    ///
    /// # Errors
    /// Refused; [`Kind::Presence`].
    pub fn may_give(&self, command: &Command) -> Result<(), Failure> {
        right_of_command(command).map_or(Ok(()), |right| self.check(right))?;
        match command {
            Command::Supervise { .. } => self.prove(),
            _ => Ok(()),
        }
    }

    fn prove(&self) -> Result<(), Failure> {
        if self.somebody()?.present {
            return Ok(());
        }
        Err(Failure::new(Kind::Presence, "prove that it is you: `ledgerline prove`, with a one-time code"))
    }
}

/// The right that `act` takes; `None`: whoever is let in may.
pub fn right_of(act: &Act) -> Option<Right> {
    Some(match act {
        Act::Watch | Act::RecReindex | Act::Trace { .. } => Right::Operate,
        Act::Plan(act) => return act.right(),
        // Of several rights one will do: looked at where it is done.
        Act::Emergency(_) => return None,
        Act::UserAdd { .. } | Act::UserList | Act::UserPasswd { .. } | Act::UserSet { .. } => Right::Operate,
        Act::UserShow { .. } | Act::UserRemove { .. } => Right::Operate,
        Act::SecretSet { .. } | Act::SecretList | Act::SecretRemove { .. } => Right::Operate,
        Act::RecSearch(_) | Act::RecReview(_) | Act::RecShow { .. } => Right::Search,
        Act::RecReveal { .. } | Act::RecTranscript { reveal: true, .. } => Right::Reveal,
        Act::RecTranscript { .. } => Right::Play,
        Act::Backup { .. } => Right::Backup,
        Act::RecPlay { purpose: Purpose::Play, .. } | Act::RecItem { .. } => Right::Play,
        Act::RecRedact { .. } => Right::Export,
        Act::RecPlay { purpose: Purpose::Export, .. } | Act::Export(_) => Right::Export,
        Act::RecVerify { .. } | Act::RecProve { .. } | Act::AuditVerify => Right::Verify,
        Act::AuditHeads { .. } | Act::AuditConsistency { .. } => Right::Verify,
        Act::AuditList { .. } => Right::Audit,
        Act::Key(_) => Right::Operate,
        Act::Keep(KeepAct::List { .. } | KeepAct::Holds | KeepAct::Jobs) => Right::Verify,
        Act::Keep(KeepAct::Thaw { .. } | KeepAct::Propose(_) | KeepAct::Destroy { .. }) => Right::Destroy,
        Act::Keep(_) => Right::Hold,
        Act::Person(PersonAct::Add { .. } | PersonAct::Roles { .. } | PersonAct::Disable { .. }) => {
            Right::People
        }
        // What everybody may do for themselves is looked at where it is done.
        Act::Person(_) => return None,
        Act::Motion(MotionAct::Vote { .. }) => Right::Approve,
        Act::Motion(_) => return None,
        Act::Alarms | Act::LogIn { .. } | Act::Enter { .. } | Act::Prove { .. } => return None,
    })
}

/// The right that `command` takes; `None`: whoever is let in may.
fn right_of_command(command: &Command) -> Option<Right> {
    match command {
        Command::Status => None,
        Command::Supervise { .. } => Some(Right::Supervise),
        _ => Some(Right::Operate),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::RecordingId;
    use crate::compliance::role::Roles;

    fn person(roles: &[Role], present: bool) -> Actor {
        let entered = Entered {
            account: "anna".into(),
            person: PersonId::from_bytes([1; 16]),
            roles: Roles::new(roles.iter().copied()).expect("together"),
            scope: Scope::Everything,
            present,
            break_glass: false,
        };
        Actor::from(Who::default()).entered(entered)
    }

    fn root() -> Actor {
        Actor::from(Who { uid: Some(0), ..Who::default() })
    }

    fn play(purpose: Purpose) -> Right {
        let recording = RecordingId::from_bytes([1; 16]);
        right_of(&Act::RecPlay { recording, purpose, reason: None, beside: false, to: None })
            .expect("a right")
    }

    /// DUAL-03, DUAL-05: root is brought into no conversation, and who may be has proved to be there.
    #[test]
    fn root_is_brought_into_no_conversation() {
        let id = crate::base::CallId::from_bytes([1; 16]);
        let listen = Command::Supervise { id, user: "8001".into(), how: crate::call::Supervision::Listen };
        for (actor, refused) in [
            (root(), Some(Kind::Refused)),
            (person(&[Role::System], true), Some(Kind::Refused)),
            (person(&[Role::Supervisor], false), Some(Kind::Presence)),
            (person(&[Role::Supervisor], true), None),
        ] {
            assert_eq!(actor.may_give(&listen).err().map(|failure| failure.kind), refused);
        }
        assert!(root().may_give(&Command::Hangup { id }).is_ok());
        assert!(person(&[Role::Supervisor], true).may_give(&Command::Hangup { id }).is_err());
    }

    /// DUAL-03: root on the socket runs the machine and hears nothing; who hears does not run it.
    #[test]
    fn root_runs_the_machine_and_hears_nothing() {
        assert!(root().check(Right::Operate).is_ok());
        for right in [play(Purpose::Play), play(Purpose::Export), Right::Reveal, Right::People] {
            assert_eq!(root().check(right).expect_err("refused").kind, Kind::Refused, "{right:?}");
        }
        let listener = person(&[Role::Listener], true);
        assert!(listener.check(play(Purpose::Play)).is_ok());
        assert_eq!(listener.check(Right::Operate).expect_err("refused").kind, Kind::Refused);
        assert_eq!(listener.check(play(Purpose::Export)).expect_err("refused").kind, Kind::Refused);
    }

    /// DUAL-05.
    #[test]
    fn hearing_takes_presence_and_a_purpose() {
        for (actor, purpose, kind) in [
            (person(&[Role::Listener], true), Some("case 7"), None),
            (person(&[Role::Listener], true), None, Some(Kind::Usage)),
            (person(&[Role::Listener], true), Some("  "), Some(Kind::Usage)),
            (person(&[Role::Listener], false), Some("case 7"), Some(Kind::Presence)),
            (root(), Some("case 7"), Some(Kind::Refused)),
        ] {
            assert_eq!(actor.attend(purpose).err().map(|failure| failure.kind), kind, "{purpose:?}");
        }
    }
}
