//! What the shell does for administrators: accounts, plans, recordings. The same desk serves the admin socket of a running
//! node and the command line beside a stopped one.
//!
//! Invariant: every function may block on the disk and is called where that harms nobody.

use std::sync::Arc;

use serde::Serialize;
use serde_json::{Value, json};

use super::actor::{Actor, right_of};
use super::export::ExportAct;
use super::protocol::{Act, Failure, KeyAct, Kind, Line, Word};
use super::trail::{self, Deed};
use super::view::{AuditView, UserMade, UserShown};
use crate::base::{CallId, RecordingId, Secret, bounds};
use crate::compliance::approval::Weighty;
use crate::compliance::disclosure::To;
use crate::compliance::role::Right;
use crate::config;
use crate::io::door::Door;
use crate::io::motions::Motions;
use crate::io::outside::Outside;
use crate::io::password;
use crate::io::people::People;
use crate::io::programs::Programs;
use crate::io::secrets::{Secrets, SecretsError};
use crate::io::settings::SettingsFile;
use crate::io::store::{Depth, Store, StoreError};
use crate::io::users::{UserView, Users, UsersError};
use crate::plan::Site;
use crate::registrar::{Setting, Settings};
use crate::switch::Command;
use crate::vault::{AuditQuery, Scope};

/// What an act yields before its result.
#[derive(Debug)]
pub enum Reply {
    /// One value of several.
    Item(Value),
    /// A piece of sound.
    Octets(Vec<u8>),
}

impl Reply {
    /// The line that announces it.
    pub fn line(&self) -> Line {
        match self {
            Reply::Item(value) => Line::Item(value.clone()),
            Reply::Octets(octets) => Line::Octets(octets.len()),
        }
    }
}

/// Everything that acts need. Cheap to clone.
#[derive(Clone)]
pub struct Desk {
    /// The accounts.
    pub users: Users,
    /// What users have set for their calls.
    pub settings: SettingsFile,
    /// Named secrets.
    pub secrets: Secrets,
    /// Administrators, listeners and whoever else proves who they are.
    pub people: People,
    /// Acts that wait for several of them.
    pub motions: Motions,
    /// The realm of their passwords.
    pub realm: String,
    /// The recording store; `None` beside a stopped node when only accounts are asked for.
    pub store: Option<Store>,
    /// Where the plan is.
    pub plan: config::Plan,
    /// What it takes to load one.
    pub mode: config::Mode,
    /// The programs that were loaded.
    pub programs: Programs,
    /// What of the configuration it may name.
    pub site: Site,
    /// The way to systems outside; `None` beside a stopped node.
    pub outside: Option<Outside>,
    /// The way to the core; `None` beside a stopped node.
    pub door: Option<Door>,
    /// Gives the core its trunks anew, with the secrets that are sealed now; `None` beside a stopped node.
    pub trunks: Option<Retrunk>,
}

/// Reads the secrets and tells the core's trunks of them.
pub type Retrunk = Arc<dyn Fn() + Send + Sync>;

/// Where replies go. False: nobody listens any more.
pub type Out<'a> = &'a mut dyn FnMut(Reply) -> bool;

impl Desk {
    /// Carries `act` out for `who`: replies go to `out`, the result is returned. What must be audited is audited before
    /// it happens and after.
    ///
    /// # Errors
    /// Why it was not done.
    pub fn act(&self, actor: &Actor, act: Act, out: Out<'_>) -> Result<Value, Failure> {
        if let Act::Export(ExportAct::Items { motion, recordings }) = &act {
            return self.export_items(actor, *motion, recordings, out);
        }
        let allowed = self.allowed(actor, &act);
        let Some(deed) = Deed::of_act(&act) else {
            return allowed.and_then(|()| self.carry_out(actor, act, out));
        };
        let begun = trail::begin(self.store.as_ref(), actor.who(), deed)?;
        let result = allowed.and_then(|()| self.carry_out(actor, act, out));
        begun.end(self.store.as_ref(), result.as_ref().map(trail::gist));
        result
    }

    /// Whether `actor` may have `act` done, by right, presence, purpose and scope.
    fn allowed(&self, actor: &Actor, act: &Act) -> Result<(), Failure> {
        let Some(right) = right_of(act) else { return Ok(()) };
        if right == Right::Audit && actor.may(Right::Operate) && self.has_no_auditor() {
            return Ok(());
        }
        actor.check(right)?;
        match act {
            Act::RecShow { recording } => self.covered(actor, *recording),
            Act::RecSearch(search) if search.said.is_some() => {
                actor.check(Right::Play)?;
                actor.attend(search.purpose.as_deref())
            }
            Act::RecTranscript { recording, reason, reveal: true } => {
                actor.check(Right::Play)?;
                self.covered(actor, *recording)?;
                actor.attend(reason.as_deref())?;
                self.disclosed(actor, *recording, To::Play, reason.as_deref())?;
                self.disclosed(actor, *recording, To::Reveal, reason.as_deref())
            }
            Act::RecPlay { recording, reason, .. }
            | Act::RecReveal { recording, reason }
            | Act::RecItem { recording, reason, .. }
            | Act::RecRedact { recording, reason, .. }
            | Act::RecTranscript { recording, reason, .. } => {
                self.covered(actor, *recording)?;
                actor.attend(reason.as_deref())?;
                let to = if matches!(act, Act::RecReveal { .. }) { To::Reveal } else { To::Play };
                self.disclosed(actor, *recording, to, reason.as_deref())
            }
            _ => Ok(()),
        }
    }

    /// What lies outside somebody's scope is not there for them.
    pub(super) fn covered(&self, actor: &Actor, recording: RecordingId) -> Result<(), Failure> {
        if actor.scope() == crate::compliance::role::Scope::Everything {
            return Ok(());
        }
        let record = self.store()?.show(recording).map_err(store)?;
        if actor.covers(&record.row) { Ok(()) } else { Err(store(StoreError::NotFound(recording))) }
    }

    fn carry_out(&self, actor: &Actor, act: Act, out: Out<'_>) -> Result<Value, Failure> {
        match act {
            Act::LogIn { .. } | Act::Enter { .. } | Act::Prove { .. } => {
                Err(Failure::new(Kind::Usage, "a connection enters, not an act"))
            }
            Act::Person(act) => self.person(actor, act),
            Act::Motion(act) => self.motion(actor, act),
            Act::Key(act) => self.key(actor, act, out),
            Act::Export(act) => self.export(actor, act, out),
            Act::Backup { to, content } => {
                let depth = if content { Depth::Content } else { Depth::Index };
                let mut told = 0;
                let mut progress = |done, all| {
                    // A line for every hundredth recording: nobody reads faster.
                    if done >= told + 100 || done == all {
                        told = done;
                        out(Reply::Item(json!({ "done": done, "all": all })));
                    }
                };
                value(self.store()?.backup(&to, depth, &mut progress).map_err(store)?)
            }
            Act::Keep(act) => self.keep(actor, act, out),
            Act::Watch => Err(Failure::new(Kind::Usage, "only a running node can be watched")),
            Act::UserAdd { name, display, numbers, password } => {
                self.user_add(&name, &display, &numbers, password)
            }
            Act::UserList => value(self.users.list().map_err(users)?),
            Act::UserPasswd { name, password } => self.user_passwd(&name, password),
            Act::UserRemove { name } => self.user_remove(&name),
            Act::UserSet { name, setting } => self.user_set(&name, &setting),
            Act::UserShow { name } => self.user_show(&name),
            Act::Plan(act) => self.planning(actor, act),
            Act::Emergency(act) => self.emergency(actor, act),
            Act::RecSearch(mut search) => match search.said.take() {
                Some(said) => self.rec_search_said(actor, &search, &said, out),
                None => self.rec_search(actor, &search, out),
            },
            Act::RecTranscript { recording, reveal, .. } => self.rec_transcript(recording, reveal),
            Act::RecReview(search) => self.rec_review(actor, &search, out),
            Act::RecShow { recording } => self.rec_show(recording, false),
            Act::RecReveal { recording, .. } => self.rec_show(recording, true),
            Act::RecPlay { recording, purpose, to: Some(user), .. } => {
                self.rec_ring(recording, purpose, &user)
            }
            Act::RecPlay { recording, purpose, beside: true, .. } => self.rec_beside(recording, purpose, out),
            Act::RecPlay { recording, purpose, .. } => self.rec_play(recording, purpose, out),
            Act::RecItem { recording, item, .. } => self.rec_item(recording, item, out),
            Act::RecRedact { recording, cuts, why, .. } => self.rec_redact(recording, &cuts, &why),
            Act::RecVerify { recording, between, index } => {
                self.verified(match (recording, between, index) {
                    (Some(one), ..) => Scope::One(one),
                    (None, _, true) => Scope::Index,
                    (None, Some((from, until)), _) => Scope::Between { from, until },
                    (None, None, _) => Scope::All,
                })
            }
            Act::RecProve { recording } => match self.store()?.prove(recording).map_err(store)? {
                Some(proof) => value(proof),
                None => {
                    Err(Failure::new(Kind::NotFound, format!("{recording} has no leaf in the ledger yet")))
                }
            },
            Act::AuditHeads { count } => value(self.store()?.heads(count).map_err(store)?),
            Act::AuditConsistency { from, to } => {
                match self.store()?.prove_growth(from, to).map_err(store)? {
                    Some(proof) => value(proof),
                    None => {
                        Err(Failure::new(Kind::NotFound, "there is no such head, or the later is not later"))
                    }
                }
            }
            Act::Alarms => {
                let mut alarms = self.store()?.status().alarms;
                alarms.extend(self.people_alarms());
                alarms.extend(self.programs.alarm());
                alarms.extend(self.emergency_alarm());
                alarms.extend(self.outside.iter().flat_map(Outside::alarms));
                value(alarms)
            }
            Act::RecReindex => {
                let recordings = self.store()?.reindex(&mut |_, _| ()).map_err(store)?;
                Ok(json!({ "indexed": recordings }))
            }
            Act::AuditList { query, reveal } => self.audit_list(&query, reveal, out),
            Act::AuditVerify => self.verified(Scope::Audit),
            Act::SecretSet { name, value: Word(word) } => {
                self.secrets.set(&name, word).map_err(secrets)?;
                self.tell_trunks();
                Ok(json!({ "set": name, "effective": self.trunks.is_some() }))
            }
            Act::SecretList => value(self.secrets.all().map_err(secrets)?.into_keys().collect::<Vec<_>>()),
            Act::SecretRemove { name } => {
                self.secrets.remove(&name).map_err(secrets)?;
                self.tell_trunks();
                Ok(json!({ "removed": name }))
            }
            Act::Trace { call } => self.trace(call),
        }
    }

    /// Trunks of a running node prove themselves with what is sealed now.
    fn tell_trunks(&self) {
        if let Some(trunks) = &self.trunks {
            trunks();
        }
    }

    fn user_add(
        &self,
        name: &str,
        display: &str,
        numbers: &[String],
        password: Option<Word>,
    ) -> Result<Value, Failure> {
        let (word, made) = self.word(password)?;
        let user = self.users.add(name, display, numbers, &word).map_err(users)?;
        self.tell_directory()?;
        self.made(user, made)
    }

    fn user_passwd(&self, name: &str, password: Option<Word>) -> Result<Value, Failure> {
        let (word, made) = self.word(password)?;
        let user = self.users.set_password(name, &word).map_err(users)?;
        self.tell_directory()?;
        self.unregister(name)?;
        self.made(user, made)
    }

    fn user_set(&self, name: &str, setting: &Setting) -> Result<Value, Failure> {
        if let Setting::Forward { to: Some(to), .. } = setting {
            let fits = |c: char| c.is_ascii_alphanumeric() || "*#+.-_".contains(c);
            if !(1..=64).contains(&to.len()) || !to.chars().all(fits) {
                return Err(Failure::new(
                    Kind::Usage,
                    format!("`{to}` is not a number that a phone could dial"),
                ));
            }
        }
        let user = self.user(name)?;
        let settings = self.settings.change(&user.name, setting).map_err(failed)?;
        if let Some(door) = &self.door {
            let told = Command::Settings { user: user.name.clone(), settings: settings.clone() };
            door.ask(told).map_err(failed)?;
        }
        value(UserShown { user, settings })
    }

    fn user_show(&self, name: &str) -> Result<Value, Failure> {
        let user = self.user(name)?;
        let settings = self.settings.read().map_err(failed)?.remove(&user.name).unwrap_or_default();
        value(UserShown { user, settings })
    }

    /// A user by name or number.
    fn user(&self, name: &str) -> Result<UserView, Failure> {
        let mut all = self.users.list().map_err(users)?.into_iter();
        all.find(|user| user.name == name || user.numbers.iter().any(|number| number == name))
            .ok_or_else(|| Failure::new(Kind::NotFound, format!("there is no user {name}")))
    }

    fn user_remove(&self, name: &str) -> Result<Value, Failure> {
        self.users.remove(name).map_err(users)?;
        self.settings.put(name, Settings::default()).map_err(failed)?;
        self.tell_directory()?;
        self.unregister(name)?;
        Ok(Value::Null)
    }

    /// The password to use, and the same again if it was made here and is to be shown.
    fn word(&self, brought: Option<Word>) -> Result<(Secret<String>, Option<Word>), Failure> {
        match brought {
            Some(Word(word)) => Ok((word, None)),
            None => {
                let word = password::generate().map_err(failed)?;
                Ok((word.clone(), Some(Word(word))))
            }
        }
    }

    fn made(&self, user: UserView, password: Option<Word>) -> Result<Value, Failure> {
        value(UserMade { user, password, realm: self.realm.clone() })
    }

    /// Swaps the accounts of a running node.
    fn tell_directory(&self) -> Result<(), Failure> {
        let Some(door) = &self.door else { return Ok(()) };
        door.directory(Arc::new(self.users.directory().map_err(users)?)).map_err(failed)
    }

    /// Whoever held the old password is not reached any more.
    fn unregister(&self, name: &str) -> Result<(), Failure> {
        let Some(door) = &self.door else { return Ok(()) };
        door.ask(Command::Unregister { user: name.to_string() }).map(drop).map_err(failed)
    }

    fn verified(&self, scope: Scope) -> Result<Value, Failure> {
        let report = self.store()?.verify(scope).map_err(store)?;
        let words: Vec<String> = report.findings.iter().map(ToString::to_string).collect();
        Ok(json!({ "clean": report.is_clean(), "report": report, "words": words }))
    }

    fn audit_list(&self, query: &AuditQuery, reveal: bool, out: Out<'_>) -> Result<Value, Failure> {
        let query = AuditQuery { limit: query.limit.clamp(1, bounds::SEARCH_ROWS), ..query.clone() };
        let mut found = 0_u64;
        for (leaf, entry) in self.store()?.audits(&query).map_err(store)? {
            if !out(Reply::Item(value(AuditView::of(leaf, entry, reveal))?)) {
                break;
            }
            found += 1;
        }
        Ok(json!({ "found": found }))
    }

    fn key(&self, actor: &Actor, act: KeyAct, out: Out<'_>) -> Result<Value, Failure> {
        let kept = self.store()?;
        match act {
            KeyAct::List => value(kept.key_use().map_err(store)?),
            KeyAct::Rotate => Ok(json!({ "set": kept.rotate().map_err(store)? })),
            KeyAct::Rewrap => {
                let mut listening = true;
                let done = kept.rewrap(&mut |done, all| {
                    listening = listening && out(Reply::Item(json!({ "done": done, "all": all })));
                });
                value(done.map_err(store)?)
            }
            KeyAct::Retire { version } => {
                // What cannot be done is not laid before anybody.
                kept.may_retire(version).map_err(store)?;
                let text = format!(
                    "destroy key-encryption key version {version}\nwhat an older copy has under it opens no more\n"
                );
                let approved_by = self.agreed(Weighty::KeyRetire, &text, actor.human())?;
                kept.retire(version).map_err(store)?;
                Ok(json!({ "removed": version, "approved_by": approved_by }))
            }
        }
    }

    pub(super) fn store(&self) -> Result<&Store, Failure> {
        self.store.as_ref().ok_or_else(|| failed("the recording store is not open"))
    }

    /// The log of a call that is over; the rest of its record stays sealed.
    fn trace(&self, call: CallId) -> Result<Value, Failure> {
        let kept = self.store()?;
        let mut records = kept.cdrs_of(call).map_err(store)?;
        if records.is_empty() && kept.status().writable {
            // A call that ended this moment is on its way into the store.
            kept.settle();
            records = kept.cdrs_of(call).map_err(store)?;
        }
        match records
            .into_iter()
            .next_back()
            .and_then(|mut record| record.cdr.get_mut("trace").map(Value::take))
        {
            Some(trace) => Ok(trace),
            None => Err(Failure::new(Kind::NotFound, format!("there is no call {call}"))),
        }
    }
}

pub(super) fn value(value: impl Serialize) -> Result<Value, Failure> {
    serde_json::to_value(value).map_err(failed)
}

pub(super) fn failed(error: impl std::fmt::Display) -> Failure {
    Failure::new(Kind::Failed, error)
}

fn users(error: UsersError) -> Failure {
    let kind = match &error {
        UsersError::Unknown(_) => Kind::NotFound,
        UsersError::Name(_) | UsersError::Number(_) => Kind::Usage,
        UsersError::Exists(_) | UsersError::Twice(_) | UsersError::Weak(_) | UsersError::Full => {
            Kind::Refused
        }
        UsersError::Content(_) | UsersError::Hash(_) | UsersError::Sealed(_) => Kind::Failed,
    };
    Failure::new(kind, error)
}

fn secrets(error: SecretsError) -> Failure {
    let kind = match &error {
        SecretsError::Unknown(_) => Kind::NotFound,
        SecretsError::Name(_) | SecretsError::Value => Kind::Usage,
        SecretsError::Full => Kind::Refused,
        SecretsError::Content(_) | SecretsError::Sealed(_) => Kind::Failed,
    };
    Failure::new(kind, error)
}

pub(super) fn store(error: StoreError) -> Failure {
    let kind = match &error {
        StoreError::NotFound(_) | StoreError::NoItem(..) => Kind::NotFound,
        StoreError::NotAudited | StoreError::Withheld(..) | StoreError::Rule(_) => Kind::Refused,
        _ => Kind::Failed,
    };
    Failure::new(kind, error)
}
