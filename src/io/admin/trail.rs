//! The audit trail of what administrators do: which acts are audited, by whom they were asked, and the rule that nothing
//! audited happens before its entry is durable (AUD-01, AUD-03, AUD-05).
//!
//! Invariant: an act that reads or changes evidence, accounts or settings has an entry `begun` before it and an outcome
//! after it; where the first cannot be written, the act is not done.

use serde_json::{Value, json};

use super::persons::{MotionAct, PersonAct};
use super::protocol::{Act, Failure, KeyAct, Kind};
use crate::base::{Masked, Wall, mask_numbers};
use crate::call::{RoomAct, Supervision};
use crate::compliance::approval::Voice;
use crate::io::clock::wall;
use crate::io::store::Store;
use crate::switch::Command;
use crate::vault::{AuditEntry, Outcome, Who};

/// What is audited of one act.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Deed {
    /// Its name: `rec.play`.
    pub act: &'static str,
    /// On what.
    pub on: Option<String>,
    /// What was looked for, when it is personal.
    pub about: Vec<Masked>,
    /// The purpose that was given.
    pub reason: Option<String>,
    /// Anything else.
    pub detail: Value,
}

impl Deed {
    /// An act on `on`.
    pub fn new(act: &'static str, on: impl Into<Option<String>>) -> Deed {
        Deed { act, on: on.into(), ..Deed::default() }
    }

    /// What of `act` is audited; `None` for what neither reads nor changes anything that matters.
    pub fn of_act(act: &Act) -> Option<Deed> {
        let named = |name: &String| Some(name.clone());
        Some(match act {
            Act::Watch => Deed::new("calls.watch", None),
            Act::UserAdd { name, numbers, .. } => Deed {
                about: numbers.iter().map(Masked::new).collect(),
                ..Deed::new("user.add", named(name))
            },
            Act::UserList => Deed::new("user.list", None),
            Act::UserPasswd { name, .. } => Deed::new("user.passwd", named(name)),
            Act::UserSet { name, setting } => {
                let about = serde_json::to_string(setting).map(Masked::new).into_iter().collect();
                Deed { about, ..Deed::new("user.set", named(name)) }
            }
            Act::UserShow { name } => Deed::new("user.show", named(name)),
            Act::UserRemove { name } => Deed::new("user.remove", named(name)),
            Act::SecretSet { name, .. } => Deed::new("secret.set", named(name)),
            Act::SecretList => Deed::new("secret.list", None),
            Act::SecretRemove { name } => Deed::new("secret.remove", named(name)),
            Act::Plan(act) => act.deed(),
            Act::Emergency(act) => act.deed(),
            Act::RecSearch(search) => Deed {
                about: [&search.number, &search.name, &search.tail, &search.agent]
                    .into_iter()
                    .flatten()
                    .chain(search.tags.iter().map(|(_, value)| value))
                    .chain(&search.said)
                    .map(Masked::new)
                    .collect(),
                detail: json!({ "from": search.from, "until": search.until, "queue": search.queue }),
                reason: search.purpose.clone(),
                ..Deed::new("rec.search", None)
            },
            Act::RecReview(search) => Deed {
                detail: json!({ "from": search.from, "until": search.until }),
                ..Deed::new("rec.review", None)
            },
            Act::RecTranscript { recording, reason, reveal } => Deed {
                reason: reason.clone(),
                detail: json!({ "reveal": reveal }),
                ..Deed::new("rec.transcript", recording.to_string())
            },
            Act::RecShow { recording } => Deed::new("rec.show", recording.to_string()),
            Act::RecReveal { recording, reason } => {
                Deed { reason: reason.clone(), ..Deed::new("rec.reveal", recording.to_string()) }
            }
            // Each writes its own entry: only there is it known who came.
            Act::LogIn { .. } | Act::Enter { .. } | Act::Prove { .. } => return None,
            Act::Person(act) => return Deed::of_person(act),
            Act::Motion(act) => return Deed::of_motion(act),
            Act::Export(act) => act.deed(),
            Act::Backup { to, .. } => Deed::new("backup", to.to_string_lossy().into_owned()),
            Act::RecPlay { recording, purpose, reason, to, .. } => {
                let act = match purpose {
                    super::protocol::Purpose::Play => "rec.play",
                    super::protocol::Purpose::Export => "rec.export",
                };
                let detail = to.as_ref().map_or(Value::Null, |user| json!({ "to": user }));
                Deed { reason: reason.clone(), detail, ..Deed::new(act, recording.to_string()) }
            }
            Act::RecItem { recording, item, reason } => Deed {
                reason: reason.clone(),
                detail: json!({ "item": item }),
                ..Deed::new("rec.item", recording.to_string())
            },
            Act::RecRedact { recording, cuts, why, reason } => Deed {
                reason: reason.clone(),
                detail: json!({ "cuts_ms": cuts, "why": why }),
                ..Deed::new("rec.redact", recording.to_string())
            },
            Act::RecVerify { recording, .. } => Deed::new("rec.verify", recording.map(|id| id.to_string())),
            Act::Key(KeyAct::List) => Deed::new("key.list", None),
            Act::Key(KeyAct::Rotate) => Deed::new("key.rotate", None),
            Act::Key(KeyAct::Rewrap) => Deed::new("key.rewrap", None),
            Act::Key(KeyAct::Retire { version }) => Deed::new("key.retire", version.to_string()),
            Act::Keep(act) => act.deed(),
            Act::RecProve { recording } => Deed::new("rec.prove", recording.to_string()),
            Act::AuditHeads { .. } => Deed::new("audit.heads", None),
            Act::AuditConsistency { .. } => Deed::new("audit.consistency", None),
            Act::Alarms => return None,
            Act::RecReindex => Deed::new("rec.reindex", None),
            Act::Trace { call } => Deed::new("call.explain", call.to_string()),
            Act::AuditList { query, reveal } => {
                Deed { detail: json!({ "query": query, "reveal": reveal }), ..Deed::new("audit.list", None) }
            }
            Act::AuditVerify => Deed::new("audit.verify", None),
        })
    }

    fn of_person(act: &PersonAct) -> Option<Deed> {
        let named = |name: &String| Some(name.clone());
        Some(match act {
            PersonAct::Me => return None,
            PersonAct::List => Deed::new("person.list", None),
            PersonAct::Add { name, roles, scope, same_as, .. } => Deed {
                detail: json!({ "roles": roles, "scope": scope, "same_as": same_as }),
                ..Deed::new("person.add", named(name))
            },
            PersonAct::Roles { name, roles, scope } => Deed {
                detail: json!({ "roles": roles, "scope": scope }),
                ..Deed::new("person.role", named(name))
            },
            PersonAct::Passwd { name, .. } => Deed::new("person.passwd", named(name)),
            PersonAct::Disable { name, disabled: true } => Deed::new("person.disable", named(name)),
            PersonAct::Disable { name, disabled: false } => Deed::new("person.enable", named(name)),
            PersonAct::Totp { name } => Deed::new("person.totp", named(name)),
            PersonAct::RevokeKey { name } => Deed::new("person.key-revoke", named(name)),
            PersonAct::Key { key } => Deed { detail: json!({ "key": key }), ..Deed::new("person.key", None) },
        })
    }

    fn of_motion(act: &MotionAct) -> Option<Deed> {
        Some(match act {
            MotionAct::List => Deed::new("approve.list", None),
            MotionAct::Show { id } => Deed::new("approve.show", id.to_string()),
            MotionAct::Vote { id, vote } => {
                let act = if vote.voice == Voice::Approve { "approve.sign" } else { "approve.refuse" };
                Deed { detail: json!({ "vote": vote }), ..Deed::new(act, id.to_string()) }
            }
        })
    }

    /// Likewise of a command to the core: what changes something, and what shows a call from the inside.
    pub fn of_command(command: &Command) -> Option<Deed> {
        let named = |name: &String| Some(name.clone());
        Some(match command {
            Command::Explain { id } => Deed::new("call.explain", id.to_string()),
            Command::Hangup { id } => Deed::new("call.hangup", id.to_string()),
            Command::Supervise { id, user, how } => {
                let detail = serde_json::json!({ "user": user });
                let act = match how {
                    Supervision::Listen => "call.listen",
                    Supervision::Whisper => "call.whisper",
                    Supervision::Barge => "call.barge",
                    Supervision::TakeOver => "call.take-over",
                };
                Deed { detail, ..Deed::new(act, id.to_string()) }
            }
            Command::Room { id, act } => {
                let (act, leg) = match act {
                    RoomAct::Lock(true) => ("conference.lock", None),
                    RoomAct::Lock(false) => ("conference.open", None),
                    RoomAct::Mute(leg, true) => ("conference.mute", Some(leg)),
                    RoomAct::Mute(leg, false) => ("conference.unmute", Some(leg)),
                    RoomAct::Kick(leg) => ("conference.kick", Some(leg)),
                };
                let detail = serde_json::json!({ "leg": leg.map(|leg| leg.0) });
                Deed { detail, ..Deed::new(act, id.to_string()) }
            }
            Command::Start { from, to, .. } => {
                Deed { about: vec![Masked::new(to)], ..Deed::new("call.start", named(from)) }
            }
            Command::Settings { user, .. } => Deed::new("user.set", named(user)),
            Command::Forgive { source } => Deed::new("bans.remove", source.clone()),
            Command::Bans => Deed::new("bans.list", None),
            Command::Unregister { user } => Deed::new("user.unregister", named(user)),
            Command::Waiting { user, .. } => Deed::new("phones.waiting", named(user)),
            Command::Sync { user, .. } => Deed::new("phones.sync", named(user)),
            Command::Drain => Deed::new("node.drain", None),
            Command::Status | Command::Calls | Command::Trunks => return None,
            Command::Call { .. } | Command::Look { .. } => return None,
            Command::Phones | Command::Phone { .. } => return None,
        })
    }

    fn entry(&self, who: &Who, result: Outcome) -> AuditEntry {
        AuditEntry {
            at: wall(),
            who: who.clone(),
            act: self.act.into(),
            on: self.on.clone(),
            about: self.about.clone(),
            result,
            reason: self.reason.clone(),
            of: None,
            detail: self.detail.clone(),
        }
    }
}

/// An act that was audited when it began, and owes its outcome.
#[derive(Debug)]
#[must_use = "an act that began has an outcome"]
pub struct Begun {
    deed: Deed,
    who: Who,
    leaf: u64,
}

/// Writes that `who` is about to do `deed`.
///
/// # Errors
/// The entry cannot be made durable: the deed is refused (AUD-03).
pub fn begin(store: Option<&Store>, who: &Who, deed: Deed) -> Result<Begun, Failure> {
    let refused =
        |why: &dyn std::fmt::Display| Failure::new(Kind::Refused, format!("not audited, so not done: {why}"));
    let store = store.ok_or_else(|| refused(&"the store is not open"))?;
    let leaf = store.audit(deed.entry(who, Outcome::Begun)).map_err(|error| refused(&error))?;
    Ok(Begun { deed, who: who.clone(), leaf })
}

/// As [`begin`] of several at once: their entries become durable together.
///
/// # Errors
/// As there.
pub fn begin_all(store: Option<&Store>, who: &Who, deeds: Vec<Deed>) -> Result<Vec<Begun>, Failure> {
    let refused =
        |why: &dyn std::fmt::Display| Failure::new(Kind::Refused, format!("not audited, so not done: {why}"));
    let store = store.ok_or_else(|| refused(&"the store is not open"))?;
    let entries = deeds.iter().map(|deed| deed.entry(who, Outcome::Begun)).collect();
    let leaves = store.audit_all(entries).map_err(|error| refused(&error))?;
    let begun = |(deed, leaf)| Begun { deed, who: who.clone(), leaf };
    Ok(deeds.into_iter().zip(leaves).map(begun).collect())
}

impl Begun {
    /// Writes what came of it: `detail` of what was done, or why not.
    pub fn end(self, store: Option<&Store>, outcome: Result<Value, &Failure>) {
        let mut entry = AuditEntry { of: Some(self.leaf), ..self.deed.entry(&self.who, Outcome::Done) };
        match outcome {
            Ok(detail) => entry.detail = detail,
            Err(failure) => {
                let refused = matches!(failure.kind, Kind::Refused | Kind::Presence);
                entry.result = if refused { Outcome::Refused } else { Outcome::Failed };
                entry.detail = Value::Null;
                if refused {
                    // A rule speaks of roles and acts: an auditor reads it as it stands.
                    entry.detail = json!({ "why": mask_numbers(&failure.text) });
                } else {
                    // Sentences may quote what was typed: they are kept where personal things are kept.
                    entry.about.push(Masked::new(&failure.text));
                }
            }
        }
        if let Some(store) = store
            && store.audit_later(entry).is_err()
        {
            tracing::error!(act = self.deed.act, leaf = self.leaf, "the outcome of an act is not audited");
        }
    }
}

/// Writes what happened, and waits until it is durable.
///
/// # Errors
/// It cannot be written: what it speaks of must not count.
pub fn write(store: Option<&Store>, who: &Who, deed: &Deed, result: Outcome) -> Result<(), Failure> {
    let refused = |why: &dyn std::fmt::Display| Failure::new(Kind::Refused, format!("not audited: {why}"));
    let store = store.ok_or_else(|| refused(&"the store is not open"))?;
    store.audit(deed.entry(who, result)).map(drop).map_err(|error| refused(&error))
}

/// Writes something of the node itself, or a refusal at the door: nothing waits for it.
pub fn note(store: &Store, who: &Who, deed: &Deed, result: Outcome) {
    if store.audit_later(deed.entry(who, result)).is_err() {
        tracing::error!(act = deed.act, "not audited");
    }
}

/// What is kept of a result: counts, hashes and identifiers, nothing personal and no secret.
pub fn gist(result: &Value) -> Value {
    let Value::Object(result) = result else { return Value::Null };
    let kept = [
        "found",
        "indexed",
        "clean",
        "program",
        "change",
        "approved_by",
        "call",
        "to",
        "item",
        "receipt",
        "samples",
        "len_bytes",
        "ended",
        "leaf",
        "job",
        "destroyed",
        "motion",
        "set",
        "removed",
    ];
    let kept = result.iter().filter(|(name, _)| kept.contains(&name.as_str()));
    let kept: serde_json::Map<String, Value> =
        kept.map(|(name, value)| (name.clone(), value.clone())).collect();
    if kept.is_empty() { Value::Null } else { Value::Object(kept) }
}

/// The user `uid` of this system, asking from `from`.
pub fn who(uid: u32, from: String) -> Who {
    let role = if uid == 0 { "system administrator (root)" } else { "system administrator (node's user)" };
    Who { uid: Some(uid), login: login(uid), person: None, role: role.into(), from }
}

/// The user that runs this process, at the command line beside a stopped node.
pub fn beside() -> Who {
    who(rustix::process::getuid().as_raw(), "command line".into())
}

/// The name of a user as `/etc/passwd` has it. Names that only a directory service knows stay numbers.
fn login(uid: u32) -> Option<String> {
    let text = std::fs::read_to_string("/etc/passwd").ok()?;
    named(&text, uid).map(str::to_string)
}

fn named(passwd: &str, uid: u32) -> Option<&str> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(uid)).then_some(name)
    })
}

/// How a time is shown.
pub fn shown(at: Wall) -> String {
    at.rfc3339()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_named_as_the_system_names_them() {
        let passwd = "root:x:0:0:root:/root:/bin/sh\nli:x:1000:1000::/home/li:/bin/sh\nbroken\n";
        assert_eq!(
            (named(passwd, 0), named(passwd, 1_000), named(passwd, 7)),
            (Some("root"), Some("li"), None)
        );
    }

    #[test]
    fn what_is_kept_of_a_result_holds_no_secret() {
        let result = json!({ "name": "bob", "password": "sesame", "found": 3, "clean": true });
        assert_eq!(gist(&result), json!({ "found": 3, "clean": true }));
        assert_eq!(gist(&json!({ "password": "sesame" })), Value::Null);
    }
}
