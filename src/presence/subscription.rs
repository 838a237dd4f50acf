//! One subscription: its dialog, what its watcher was told last, and the next NOTIFY.

use std::time::Duration;

use crate::base::Time;
use crate::dialog::Dialog;
use crate::sip::{Builder, Method, Name};

use super::facts::{Content, Facts, Seen};
use super::figure::State;
use super::package::{Named, Package};

/// What is watched.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Topic {
    /// Which side of it.
    pub package: Package,
    /// An account's name, or a park slot's number.
    pub resource: String,
}

/// Why a subscription ends (RFC 6665 §4.1.3): what the watcher's phone does next depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// Its time is over, or its watcher ended it.
    Timeout,
    /// What was watched is no more: nobody tries again.
    NoResource,
    /// The watcher may not watch any more: it does not try again.
    Rejected,
    /// The node goes down: try again in a while.
    Probation,
}

impl Reason {
    const fn as_str(self) -> &'static str {
        match self {
            Reason::Timeout => "timeout",
            Reason::NoResource => "noresource",
            Reason::Rejected => "rejected",
            Reason::Probation => "probation;retry-after=30",
        }
    }

    /// Whether the last NOTIFY still tells the state.
    const fn tells(self) -> bool {
        matches!(self, Reason::Timeout)
    }
}

/// One subscription.
#[derive(Debug)]
pub(super) struct Subscription {
    pub topic: Topic,
    /// The Event header, as every NOTIFY repeats it.
    pub named: Named,
    /// The user as the watcher wrote it: the document is about that URI.
    pub asked: String,
    /// The watcher's account.
    pub watcher: String,
    pub dialog: Dialog,
    pub state: State,
    pub expires: Time,
    /// Why it ends, once it does.
    pub reason: Reason,
    /// When the last NOTIFY went out.
    pub spoke: Time,
    pub told: Option<Content>,
    version: u32,
}

impl Subscription {
    /// A subscription that nothing has been said in yet.
    pub fn new(topic: Topic, named: Named, asked: String, watcher: String, dialog: Dialog) -> Subscription {
        Subscription {
            topic,
            named,
            asked,
            watcher,
            dialog,
            state: State::Idle,
            expires: Time::ZERO,
            reason: Reason::Timeout,
            spoke: Time::ZERO,
            told: None,
            version: 0,
        }
    }

    /// The next NOTIFY, with the state of this moment.
    pub fn notify(&mut self, facts: &Facts, seen: &Seen<'_>, last: bool) -> Builder {
        let state = match last {
            true => format!("terminated;reason={}", self.reason.as_str()),
            false => format!("active;expires={}", self.remaining(seen.now).as_secs().max(1)),
        };
        let request = self.dialog.request(&Method::Notify);
        let request = request.header(Name::Event, self.named.value()).header(Name::SubscriptionState, state);
        self.spoke = seen.now;
        if last && !self.reason.tells() {
            return request;
        }
        let content = facts.content(seen, &self.topic);
        let told = self.told.as_ref();
        let document = content.document(seen, &self.topic, &self.asked, self.version, told);
        // RFC 4235 §4.1: the version rises with every document and never goes back.
        self.version = self.version.saturating_add(1);
        self.told = Some(content);
        request.body(self.topic.package.content_type(), document)
    }

    /// How long it lasts still.
    pub fn remaining(&self, now: Time) -> Duration {
        self.expires.since(now)
    }
}
