//! What users set for themselves (where their calls go instead, that nobody is to disturb them) and what is set for them.
//!
//! Invariant: a setting changes only its own user; a user who has set nothing has no entry.

use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::base::{Masked, bounds};
use crate::config::Srtp;

/// When a call is forwarded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum When {
    /// Every call, without ringing.
    Always,
    /// When every phone is busy, or nobody is to disturb.
    Busy,
    /// When nobody has answered for a time.
    NoAnswer,
    /// When no phone is registered, or none can be reached.
    Unregistered,
}

impl When {
    /// Every one, in the order in which they are shown.
    pub const ALL: [When; 4] = [When::Always, When::Busy, When::NoAnswer, When::Unregistered];

    /// The word of the command line.
    pub const fn word(self) -> &'static str {
        match self {
            When::Always => "always",
            When::Busy => "busy",
            When::NoAnswer => "no-answer",
            When::Unregistered => "unregistered",
        }
    }

    /// The `reason` of a Diversion header (RFC 5806 §4).
    pub const fn reason(self) -> &'static str {
        match self {
            When::Always => "unconditional",
            When::Busy => "user-busy",
            When::NoAnswer => "no-answer",
            When::Unregistered => "unavailable",
        }
    }

    /// The `cause` of a History-Info entry (RFC 4458 §2).
    pub const fn cause(self) -> u16 {
        match self {
            When::Always => 302,
            When::Busy => 486,
            When::NoAnswer => 408,
            When::Unregistered => 503,
        }
    }
}

/// One change.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Setting {
    /// Nobody is to disturb, or may again.
    Dnd(bool),
    /// Forward calls to this number, or no more.
    Forward {
        /// Which calls.
        when: When,
        /// To where; `None`: no more.
        to: Option<String>,
        /// After how many seconds of ringing ([`When::NoAnswer`] only); `None`: as before, or the default.
        after_s: Option<u16>,
    },
    /// Whether media is encrypted on the way to the user's phones; `None`: as the node has it. Set by administrators only.
    Srtp(Option<Srtp>),
    /// Whether the user's calls may have video; `None`: as the node has it. Set by administrators only.
    Video(Option<bool>),
}

/// Everything that one user has set.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// Nobody is to disturb: the user's phones do not ring.
    pub dnd: bool,
    always: Option<String>,
    busy: Option<String>,
    no_answer: Option<String>,
    unregistered: Option<String>,
    after_s: Option<u16>,
    /// Whether media is encrypted on the way to the user's phones; `None`: as the node has it.
    pub srtp: Option<Srtp>,
    /// Whether the user's calls may have video; `None`: as the node has it.
    pub video: Option<bool>,
}

impl Settings {
    /// Takes a change over.
    pub fn apply(&mut self, setting: &Setting) {
        match setting {
            Setting::Dnd(on) => self.dnd = *on,
            Setting::Srtp(policy) => self.srtp = *policy,
            Setting::Video(may) => self.video = *may,
            Setting::Forward { when, to, after_s } => {
                *self.place(*when) = to.clone();
                if after_s.is_some() {
                    self.after_s = *after_s;
                }
            }
        }
    }

    /// Where calls go `when`.
    pub fn forward(&self, when: When) -> Option<&str> {
        let to = match when {
            When::Always => &self.always,
            When::Busy => &self.busy,
            When::NoAnswer => &self.no_answer,
            When::Unregistered => &self.unregistered,
        };
        to.as_deref()
    }

    /// How long the user's phones ring before [`When::NoAnswer`].
    pub fn patience(&self) -> Duration {
        self.after_s.map_or(bounds::FORWARD_AFTER, |s| Duration::from_secs(u64::from(s)))
    }

    /// Whether nothing is set.
    pub fn is_plain(&self) -> bool {
        let own = self.dnd || self.srtp.is_some() || self.video.is_some();
        !own && When::ALL.iter().all(|when| self.forward(*when).is_none())
    }

    fn place(&mut self, when: When) -> &mut Option<String> {
        match when {
            When::Always => &mut self.always,
            When::Busy => &mut self.busy,
            When::NoAnswer => &mut self.no_answer,
            When::Unregistered => &mut self.unregistered,
        }
    }
}

/// The settings of everybody who has any, by the account's name.
pub type SettingsBook = HashMap<String, Settings>;

/// Takes a change into the book. What the user has set then.
pub fn change(book: &mut SettingsBook, user: &str, setting: &Setting) -> Settings {
    let settings = book.entry(user.to_string()).or_default();
    settings.apply(setting);
    let now = settings.clone();
    if now.is_plain() {
        book.remove(user);
    }
    now
}

impl fmt::Debug for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Setting::Dnd(on) => write!(f, "Dnd({on})"),
            Setting::Srtp(policy) => write!(f, "Srtp({policy:?})"),
            Setting::Video(may) => write!(f, "Video({may:?})"),
            Setting::Forward { when, to, .. } => {
                write!(f, "Forward({}, {:?})", when.word(), to.as_ref().map(Masked::new))
            }
        }
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let set = When::ALL.iter().filter(|when| self.forward(**when).is_some()).count();
        write!(f, "Settings(dnd: {}, {set} forwards)", self.dnd)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_set_is_there_until_it_is_unset() {
        let mut book = SettingsBook::new();
        for when in When::ALL {
            let to = Some("13800138005".to_string());
            let set = change(&mut book, "alice", &Setting::Forward { when, to, after_s: None });
            assert_eq!(set.forward(when), Some("13800138005"));
            assert!(!format!("{set:?} {book:?}").contains("138001"));
            assert_eq!(When::ALL.iter().filter(|when| set.forward(**when).is_some()).count(), 1);
            change(&mut book, "alice", &Setting::Forward { when, to: None, after_s: None });
            assert!(book.is_empty());
        }
        let after = Setting::Forward { when: When::NoAnswer, to: Some("9".into()), after_s: Some(7) };
        assert_eq!(change(&mut book, "bob", &after).patience(), Duration::from_secs(7));
        assert!(change(&mut book, "bob", &Setting::Dnd(true)).dnd);
        for may in [Some(false), Some(true), None] {
            assert_eq!(change(&mut book, "carol", &Setting::Video(may)).video, may);
            assert_eq!(book.contains_key("carol"), may.is_some());
        }
        for policy in [Some(Srtp::Off), Some(Srtp::Required), None] {
            assert_eq!(change(&mut book, "carol", &Setting::Srtp(policy)).srtp, policy);
            assert_eq!(book.contains_key("carol"), policy.is_some());
        }
        change(&mut book, "carol", &Setting::Srtp(Some(Srtp::Required)));
        let text = serde_json::to_string(&book).expect("JSON");
        assert_eq!(serde_json::from_str::<SettingsBook>(&text).expect("JSON"), book);
    }
}
