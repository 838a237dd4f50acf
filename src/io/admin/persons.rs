//! What the desk does about people: logging in, their accounts, and the acts that wait for several of them.
//!
//! Invariant: everybody may change their own password, codes and key, nobody but the security administrator anybody
//! else's; a new password or seed is told once.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::actor::Actor;
use super::desk::Desk;
use super::protocol::{Act, Failure, Kind, Word};
use super::trail;
use crate::base::{MotionId, PersonId, Wall};
use crate::compliance::approval::{Motion, Objection, Standing, Vote, Weighty};
use crate::compliance::role::{NotARole, NotAScope, Right, Role, Scope};
use crate::io::clock::wall;
use crate::io::motions::{MotionView, MotionsError};
use crate::io::password;
use crate::io::people::{NewPerson, PeopleError, PersonView, Session};
use crate::vault::{Outcome, Who};

/// A request about the accounts of people.
#[derive(Clone, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum PersonAct {
    /// Who is logged in.
    Me,
    /// Every account.
    List,
    /// Add one.
    Add {
        /// Its name.
        name: String,
        /// An account that the same human being has already.
        #[serde(default)]
        same_as: Option<String>,
        /// Its roles.
        roles: Vec<String>,
        /// Over which recordings they reach, as written; without: everything.
        #[serde(default)]
        scope: Option<String>,
        /// Hearing and unmasking take the password only, no one-time code.
        #[serde(default)]
        no_code: bool,
        /// Whether it is for emergencies.
        #[serde(default)]
        break_glass: bool,
        /// Its password; without one, one is made and returned once.
        #[serde(default)]
        password: Option<Word>,
    },
    /// Give somebody other roles, or another scope.
    Roles {
        /// Whom.
        name: String,
        /// Which; without: as before.
        #[serde(default)]
        roles: Option<Vec<String>>,
        /// Over what; without: as before.
        #[serde(default)]
        scope: Option<String>,
    },
    /// Give somebody a new password.
    Passwd {
        /// Whom.
        name: String,
        /// Which; without one, one is made and returned once.
        #[serde(default)]
        password: Option<Word>,
    },
    /// Let somebody in no more, or again.
    Disable {
        /// Whom.
        name: String,
        /// No more.
        disabled: bool,
    },
    /// Draw a new seed for one-time codes.
    Totp {
        /// For whom.
        name: String,
    },
    /// Register the public key of one's approvals.
    Key {
        /// 64 hexadecimal digits.
        key: String,
    },
    /// Take the key of somebody's approvals out of force.
    RevokeKey {
        /// Whose.
        name: String,
    },
}

/// A request about acts that wait for several people.
#[derive(Clone, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum MotionAct {
    /// Those that are kept.
    List,
    /// One of them.
    Show {
        /// Which.
        id: MotionId,
    },
    /// Vote on one.
    Vote {
        /// Which.
        id: MotionId,
        /// The signed vote.
        vote: Vote,
    },
}

/// A session, as it is told to a client.
#[derive(Clone, Serialize, Deserialize)]
pub struct SessionView {
    /// The account.
    pub account: String,
    /// The human being.
    pub person: PersonId,
    /// Their roles, in words.
    pub roles: String,
    /// Over which recordings they reach.
    pub scope: String,
    /// Whether they proved a moment ago to be there.
    pub present: bool,
    /// What proves the session next time.
    pub token: Word,
}

/// An account that was made or changed, with what is told once.
#[derive(Clone, Serialize, Deserialize)]
pub struct PersonMade {
    /// The account.
    pub person: PersonView,
    /// Its password, if the node made one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<Word>,
    /// What an authenticator app is to be shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub otpauth: Option<Word>,
}

impl Desk {
    /// Lets somebody in, or goes on with a session: what the connection is from now on, and what the client is told.
    /// Every try is audited.
    ///
    /// # Errors
    /// Not let in.
    pub fn enter(&self, actor: &Actor, act: &Act) -> Result<(Actor, SessionView), Failure> {
        let now = wall();
        let (session, deed) = match act {
            Act::LogIn { name, password: Word(password), code } => {
                let session = self.people.log_in(name, password.expose(), code.as_deref(), now);
                (session, Some(("person.login", name.clone())))
            }
            Act::Prove { token: Word(token), proof: Word(proof) } => {
                let session = self.people.step_up(token.expose(), proof.expose(), now);
                (session, Some(("person.prove", String::new())))
            }
            Act::Enter { token: Word(token) } => (self.people.enter(token.expose(), now), None),
            _ => return Err(Failure::new(Kind::Usage, "this lets nobody in")),
        };
        if let Some((act, name)) = deed {
            self.note_entry(actor.who(), act, name, session.as_ref())?;
        }
        let session = session.map_err(people)?;
        if session.entered.break_glass && matches!(act, Act::LogIn { .. }) {
            self.glass_broken(actor.who(), &session)?;
        }
        let view = SessionView {
            account: session.entered.account.clone(),
            person: session.entered.person,
            roles: session.entered.roles.to_string(),
            scope: session.entered.scope.to_string(),
            present: session.entered.present,
            token: Word(session.token),
        };
        Ok((Actor::from(actor.who().clone()).entered(session.entered), view))
    }

    /// A login that cannot be audited is none (AUD-03).
    fn note_entry(
        &self,
        who: &Who,
        act: &'static str,
        name: String,
        session: Result<&Session, &PeopleError>,
    ) -> Result<(), Failure> {
        let person = session.ok().map(|session| session.entered.account.clone());
        let name = person.clone().unwrap_or(name);
        let who = Who { person, ..who.clone() };
        // What was typed for a name may be a password: only names that somebody has are kept.
        let known = self.people.list().is_ok_and(|all| all.iter().any(|view| view.of.name == name));
        let deed = trail::Deed {
            reason: session.err().map(ToString::to_string),
            ..trail::Deed::new(act, known.then_some(name))
        };
        let result = if session.is_ok() { Outcome::Done } else { Outcome::Refused };
        trail::write(self.store.as_ref(), &who, &deed, result)
    }

    /// DUAL-06: whoever is responsible hears of it at once, and somebody has to say that it was looked into.
    fn glass_broken(&self, who: &Who, session: &Session) -> Result<(), Failure> {
        let account = &session.entered.account;
        tracing::error!(target: "ledgerline::alarm", %account, from = %who.from, "the break-glass account was opened");
        let opened = self.people.list().map_err(people)?.into_iter().find(|view| view.of.name == *account);
        let at = opened.and_then(|view| view.of.broken).unwrap_or_else(wall).rfc3339();
        let text = format!(
            "review the use of the account for emergencies\naccount {account}\nopened {at}\nby {} ({})\n",
            who.name(),
            who.from
        );
        self.motions.propose(Weighty::Review, &text, session.entered.person, wall()).map_err(motions)?;
        Ok(())
    }

    /// What somebody should be woken for about people.
    pub(super) fn people_alarms(&self) -> Vec<String> {
        let all = self.people.list().unwrap_or_default();
        let broken = all.iter().filter_map(|view| Some((&view.of.name, view.of.broken?)));
        broken
            .map(|(name, at)| {
                format!(
                    "the account {name} for emergencies was opened at {} and is not reviewed",
                    at.rfc3339()
                )
            })
            .collect()
    }

    /// Whether nobody reads the audit book by office: then whoever runs the machine may.
    pub(super) fn has_no_auditor(&self) -> bool {
        self.people
            .list()
            .is_ok_and(|all| !all.iter().any(|view| view.of.roles.has(Role::Audit) && !view.of.disabled))
    }

    pub(super) fn person(&self, actor: &Actor, act: PersonAct) -> Result<Value, Failure> {
        let now = wall();
        let view = match act {
            PersonAct::Me => {
                let entered = actor.somebody()?;
                let all = self.people.list().map_err(people)?;
                return value(all.into_iter().find(|view| view.of.name == entered.account));
            }
            PersonAct::List => {
                if !actor.may(Right::Audit) {
                    actor.check(Right::People)?;
                }
                return value(self.people.list().map_err(people)?);
            }
            PersonAct::Add { name, same_as, roles, scope, no_code, break_glass, password } => {
                let (word, told) = self.new_word(password)?;
                let new = NewPerson {
                    name,
                    same_as,
                    roles: parsed_roles(&roles)?,
                    scope: scope.map(|scope| parsed_scope(&scope)).transpose()?.unwrap_or(Scope::Everything),
                    wants_code: !no_code,
                    break_glass,
                };
                let (person, uri) = self.people.add(&new, &word, now).map_err(people)?;
                let otpauth = uri.map(|uri| Word(crate::base::Secret::new(uri.to_string())));
                return value(PersonMade { person, password: told, otpauth });
            }
            PersonAct::Roles { name, roles, scope } => {
                let roles = roles.map(|roles| parsed_roles(&roles)).transpose()?;
                let scope = scope.map(|scope| parsed_scope(&scope)).transpose()?;
                self.people.set_roles(&name, roles, scope)
            }
            PersonAct::Passwd { name, password } => {
                own_or_security(actor, &name)?;
                let (word, told) = self.new_word(password)?;
                let person = self.people.set_password(&name, &word, now).map_err(people)?;
                return value(PersonMade { person, password: told, otpauth: None });
            }
            PersonAct::Disable { name, disabled } => self.people.disable(&name, disabled),
            PersonAct::Totp { name } => {
                own_or_security(actor, &name)?;
                let uri = self.people.totp(&name).map_err(people)?;
                return Ok(json!({ "name": name, "otpauth": uri.as_str() }));
            }
            PersonAct::Key { key } => {
                let entered = actor.somebody()?;
                if !entered.present {
                    let text = "prove that it is you: `ledgerline prove`";
                    return Err(Failure::new(Kind::Presence, text));
                }
                self.people.set_key(&entered.account, &key)
            }
            PersonAct::RevokeKey { name } => {
                own_or_security(actor, &name)?;
                self.people.revoke_key(&name)
            }
        };
        value(view.map_err(people)?)
    }

    pub(super) fn motion(&self, actor: &Actor, act: MotionAct) -> Result<Value, Failure> {
        let now = wall();
        match act {
            MotionAct::List => {
                actor.somebody()?;
                let all = self.motions.list().map_err(motions)?;
                value(all.into_iter().map(|motion| self.seen(motion, now)).collect::<Vec<_>>())
            }
            MotionAct::Show { id } => {
                actor.somebody()?;
                value(self.seen(self.motions.get(id).map_err(motions)?, now))
            }
            MotionAct::Vote { id, vote } => {
                let entered = actor.somebody()?;
                if vote.person != entered.person {
                    return Err(Failure::new(Kind::Refused, "this vote is another person's"));
                }
                let (roles, key) = self.people.voter(&entered.account).map_err(people)?;
                let none = "you have no key for approvals yet: `ledgerline user key NAME`";
                let key = key.ok_or_else(|| Failure::new(Kind::Refused, none))?;
                let motion = self.motions.vote(id, vote, &key, &roles, now).map_err(motions)?;
                if motion.act == Weighty::Review && motion.standing(now) == Standing::Approved {
                    self.reviewed(&motion.text)?;
                    self.motions.spend(id, Weighty::Review, &motion.text, now).map_err(motions)?;
                }
                value(self.seen(motion, now))
            }
        }
    }

    /// A motion with the names of the people in it.
    fn seen(&self, motion: Motion, now: Wall) -> MotionView {
        let people = self.people.list().unwrap_or_default();
        let in_it = |person: PersonId| {
            person == motion.author || motion.votes.iter().any(|vote| vote.person == person)
        };
        let mut names: BTreeMap<PersonId, String> = BTreeMap::new();
        for known in people.iter().filter(|view| in_it(view.of.person)) {
            let accounts = names.entry(known.of.person).or_default();
            let comma = if accounts.is_empty() { "" } else { ", " };
            *accounts += &format!("{comma}{}", known.of.name);
        }
        MotionView { names, ..MotionView::of(motion, now) }
    }

    /// The glass is whole again.
    fn reviewed(&self, text: &str) -> Result<(), Failure> {
        let account = text.lines().find_map(|line| line.strip_prefix("account "));
        let account = account.ok_or_else(|| Failure::new(Kind::Failed, "the motion names no account"))?;
        self.people.reviewed(account).map(drop).map_err(people)
    }

    fn new_word(&self, given: Option<Word>) -> Result<(crate::base::Secret<String>, Option<Word>), Failure> {
        match given {
            Some(Word(word)) => Ok((word, None)),
            None => {
                let word = password::generate().map_err(|error| Failure::new(Kind::Failed, error))?;
                Ok((word.clone(), Some(Word(word))))
            }
        }
    }
}

fn own_or_security(actor: &Actor, name: &str) -> Result<(), Failure> {
    match actor.person() {
        Some(entered) if entered.account == name => Ok(()),
        _ => actor.check(Right::People),
    }
}

fn parsed_roles(words: &[String]) -> Result<Vec<Role>, Failure> {
    let roles: Result<_, NotARole> = words.iter().map(|word| word.parse()).collect();
    roles.map_err(|error| Failure::new(Kind::Usage, error))
}

fn parsed_scope(text: &str) -> Result<Scope, Failure> {
    text.parse().map_err(|error: NotAScope| Failure::new(Kind::Usage, error))
}

fn value(value: impl Serialize) -> Result<Value, Failure> {
    serde_json::to_value(value).map_err(|error| Failure::new(Kind::Failed, error))
}

/// What a failure about people is to a client.
pub(super) fn people(error: PeopleError) -> Failure {
    let kind = match &error {
        PeopleError::Unknown(_) => Kind::NotFound,
        PeopleError::Name(_) | PeopleError::Key => Kind::Usage,
        PeopleError::Exists(_) | PeopleError::Conflict(_) | PeopleError::Weak(_) => Kind::Refused,
        PeopleError::NotLetIn(_) | PeopleError::Enough | PeopleError::Full => Kind::Refused,
        PeopleError::Hash(_) | PeopleError::Random(_) | PeopleError::Content(_) => Kind::Failed,
        PeopleError::Sealed(_) => Kind::Failed,
    };
    Failure::new(kind, error)
}

/// What a failure about motions is to a client.
pub(super) fn motions(error: MotionsError) -> Failure {
    let kind = match &error {
        MotionsError::Unknown(_) => Kind::NotFound,
        MotionsError::Objection(Objection::Text) => Kind::Usage,
        MotionsError::Objection(_) | MotionsError::Full => Kind::Refused,
        MotionsError::Random(_) | MotionsError::Content(_) | MotionsError::Sealed(_) => Kind::Failed,
    };
    Failure::new(kind, error)
}
