//! Everything that watchers may be told, and what of it a topic's document holds at this moment.

use std::collections::HashMap;

use crate::base::Time;
use crate::config::Shown;
use crate::registrar::{Bindings, Directory};
use crate::sip::{Host, UriBuf};

use super::dialog_info;
use super::lines::{Line, Lines, Stage};
use super::package::Package;
use super::pidf::Status;
use super::publications::Publications;
use super::subscription::Topic;
use super::summary::Waiting;

/// What is known of users beside their registrations.
#[derive(Debug, Default)]
pub struct Facts {
    /// Their calls.
    pub lines: Lines,
    /// What their phones say of them.
    pub publications: Publications,
    /// Their mailboxes, those in which something waits or waited.
    pub mailboxes: HashMap<String, Waiting>,
}

/// Where the facts of this moment come from.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    /// Now.
    pub now: Time,
    /// The SIP domain.
    pub realm: &'a str,
    /// Accounts.
    pub directory: &'a Directory,
    /// Registered contacts.
    pub bindings: &'a Bindings,
    /// Whose numbers watchers of a lamp see.
    pub shown: Shown,
}

/// What a document says: equal contents need not be told twice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// A user's calls.
    Lines(Vec<Line>),
    /// A mailbox.
    Waiting(Waiting),
    /// Whether somebody is there.
    Status(Status),
}

impl Facts {
    /// What there is to say of `topic`.
    pub fn content(&self, seen: &Seen<'_>, topic: &Topic) -> Content {
        let user = topic.resource.as_str();
        match topic.package {
            Package::Dialog => Content::Lines(self.lines.of(user)),
            Package::MessageSummary => {
                Content::Waiting(self.mailboxes.get(user).copied().unwrap_or_default())
            }
            Package::Presence => Content::Status(self.status(seen, user)),
        }
    }

    /// There is somebody whose phone is registered or says so itself; who talks is on the phone; the last word on anything else is
    /// that of the phone that spoke last.
    fn status(&self, seen: &Seen<'_>, user: &str) -> Status {
        let mut published = self.publications.of(seen.now, user);
        let registered = !seen.bindings.lookup(seen.now, user).is_empty();
        let mut status = published.next().cloned().unwrap_or_default();
        status.open = status.open || registered || published.any(|other| other.open);
        let talks = self.lines.of(user).iter().any(|line| line.stage == Stage::Confirmed);
        status.activities.retain(|activity| *activity != "on-the-phone");
        if talks {
            status.activities.push("on-the-phone");
        }
        status
    }

    /// Whether nothing is kept that would lapse or end by itself.
    pub fn is_quiet(&self) -> bool {
        self.lines.is_empty() && self.publications.is_empty()
    }
}

impl Content {
    /// Writes the document. `asked` is the user as the watcher wrote it, `told` what it was told last.
    pub fn document(
        &self,
        seen: &Seen<'_>,
        topic: &Topic,
        asked: &str,
        version: u32,
        told: Option<&Content>,
    ) -> String {
        let entity = uri(asked, seen.realm);
        match self {
            Content::Waiting(waiting) => waiting.document(&entity),
            Content::Status(status) => status.document(&entity),
            Content::Lines(lines) => {
                let told = match told {
                    Some(Content::Lines(told)) => told.as_slice(),
                    _ => &[],
                };
                let account = seen.directory.account(&topic.resource);
                let display = account.map_or("", |account| account.display.as_str());
                dialog_info::document(&entity, display, version, lines, told, |line| shows(seen, line))
            }
        }
    }
}

/// The other side of a line as watchers may see it: URI and name.
fn shows(seen: &Seen<'_>, line: &Line) -> Option<(String, String)> {
    let party = line.remote.as_ref()?;
    let may = match seen.shown {
        Shown::Nobody => false,
        Shown::Users => seen.directory.find(party.user.reveal()).is_some(),
        Shown::All => true,
    };
    match may && !party.private {
        true => Some((uri(party.user.reveal(), seen.realm), party.display.reveal().to_string())),
        false => None,
    }
}

/// `sip:user@realm`.
pub(super) fn uri(user: &str, realm: &str) -> String {
    let host = Host::parse(realm).unwrap_or(Host::Name("localhost"));
    UriBuf::sip(Some(user), host, None).as_str().to_string()
}
