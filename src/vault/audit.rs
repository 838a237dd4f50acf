//! Entries of the audit book: who, in which role, when, from where, did what, on what, with what result and why
//! (AUD-01).
//!
//! Invariant: an entry is sealed as it is; it may hold personal data (what was searched for) and prints none.

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::base::{Masked, Wall};

/// One act of somebody.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// When, by the node's clock.
    pub at: Wall,
    /// Who.
    pub who: Who,
    /// What: `rec.play`, `user.add`, `node.start`, …
    pub act: String,
    /// On what: an identifier or a name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on: Option<String>,
    /// What was looked for, when it is personal: a number, a name.
    #[serde(default, with = "super::order::clear_list", skip_serializing_if = "Vec::is_empty")]
    pub about: Vec<Masked>,
    /// What came of it.
    pub result: Outcome,
    /// Why: the purpose that was given, or the reason of a refusal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Of an outcome: the leaf of the entry that says that the act was begun.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<u64>,
    /// Anything else worth keeping: counts, hashes.
    #[serde(default, skip_serializing_if = "serde_json::Value::is_null")]
    pub detail: serde_json::Value,
}

/// Somebody.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Who {
    /// The system's user that asked, as the kernel says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<u32>,
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub login: Option<String>,
    /// The person that was proved to be there, once people have accounts of their own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<String>,
    /// In which role.
    pub role: String,
    /// From where: `socket`, `command line`, `signal`, `node`.
    pub from: String,
}

/// What came of an act.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It is about to be done: written before anything happens.
    Begun,
    /// It was done.
    Done,
    /// It was not allowed.
    Refused,
    /// It could not be done.
    Failed,
}

/// What to look for in the audit book. All given conditions must hold.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct AuditQuery {
    /// At or after this.
    pub from: Option<Wall>,
    /// Before this.
    pub until: Option<Wall>,
    /// By this person, login or uid.
    pub who: Option<String>,
    /// This act, or with a trailing dot (`rec.`) all that begin so.
    pub act: Option<String>,
    /// On this.
    pub on: Option<String>,
    /// With this result.
    pub result: Option<Outcome>,
    /// At most so many, the newest.
    pub limit: usize,
}

impl AuditEntry {
    /// The content of its chunk.
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        super::content::json(self)
    }

    /// From the content of a chunk.
    pub fn parse(plaintext: &[u8]) -> Option<AuditEntry> {
        serde_json::from_slice(plaintext).ok()
    }
}

impl Who {
    /// The node itself.
    pub fn node() -> Who {
        Who { role: "system".into(), from: "node".into(), ..Who::default() }
    }

    /// One word for it: the person, the login, the number, the node.
    pub fn name(&self) -> String {
        let login = self.login.clone().or_else(|| self.uid.map(|uid| format!("uid {uid}")));
        self.person.clone().or(login).unwrap_or_else(|| self.from.clone())
    }

    fn is(&self, name: &str) -> bool {
        [&self.person, &self.login].into_iter().flatten().any(|known| known == name)
            || self.uid.is_some_and(|uid| uid.to_string() == name)
            || self.from == name
    }
}

impl AuditQuery {
    /// Whether `entry` is looked for.
    pub fn matches(&self, entry: &AuditEntry) -> bool {
        let act = |wanted: &String| match wanted.strip_suffix('.') {
            Some(_) => entry.act.starts_with(wanted.as_str()),
            None => entry.act == *wanted,
        };
        self.from.is_none_or(|from| entry.at >= from)
            && self.until.is_none_or(|until| entry.at < until)
            && self.who.as_ref().is_none_or(|who| entry.who.is(who))
            && self.act.as_ref().is_none_or(act)
            && self.on.as_ref().is_none_or(|on| entry.on.as_ref() == Some(on))
            && self.result.is_none_or(|result| entry.result == result)
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Outcome::Begun => "begun",
            Outcome::Done => "done",
            Outcome::Refused => "refused",
            Outcome::Failed => "failed",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> AuditEntry {
        AuditEntry {
            at: Wall::from_micros(50),
            who: Who {
                uid: Some(1_000),
                login: Some("li".into()),
                role: "operator".into(),
                from: "socket".into(),
                person: None,
            },
            act: "rec.search".into(),
            on: Some("r-1".into()),
            about: vec![Masked::new("13812345678")],
            result: Outcome::Done,
            reason: None,
            of: Some(3),
            detail: serde_json::Value::Null,
        }
    }

    /// AUD-01: every field survives, and nothing personal prints.
    #[test]
    fn an_entry_survives_its_sealed_text_and_prints_masked() {
        let entry = entry();
        let text = entry.to_bytes();
        assert!(String::from_utf8_lossy(&text).contains("13812345678"));
        assert_eq!(AuditEntry::parse(&text), Some(entry.clone()));
        assert!(!format!("{entry:?}").contains("13812345678"));
    }

    #[test]
    fn a_query_finds_what_it_names() {
        let all = AuditQuery::default();
        let wall = |us| Some(Wall::from_micros(us));
        for (query, found) in [
            (all.clone(), true),
            (AuditQuery { from: wall(50), until: wall(51), ..all.clone() }, true),
            (AuditQuery { from: wall(51), ..all.clone() }, false),
            (AuditQuery { until: wall(50), ..all.clone() }, false),
            (AuditQuery { who: Some("li".into()), ..all.clone() }, true),
            (AuditQuery { who: Some("1000".into()), ..all.clone() }, true),
            (AuditQuery { who: Some("wang".into()), ..all.clone() }, false),
            (AuditQuery { act: Some("rec.".into()), ..all.clone() }, true),
            (AuditQuery { act: Some("rec".into()), ..all.clone() }, false),
            (AuditQuery { on: Some("r-1".into()), ..all.clone() }, true),
            (AuditQuery { on: Some("r-2".into()), ..all.clone() }, false),
            (AuditQuery { result: Some(Outcome::Refused), ..all.clone() }, false),
        ] {
            assert_eq!(query.matches(&entry()), found, "{query:?}");
        }
    }
}
