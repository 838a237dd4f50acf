//! The notifier and the event state compositor: SUBSCRIBE and PUBLISH of proven users, the NOTIFYs that follow, and their answers.
//!
//! Invariant: nothing here is kept for a peer that has not proven who it is; every subscription and publication ends by an alarm.

use crate::base::{CallId, Masked, OwnMap, Random, Time, Wall};
use crate::config::{Shown, Watching};
use crate::dialog::Id;
use crate::plan::TextRules;
use crate::registrar::{Bindings, Directory};
use crate::sip::{Flow, Message};
use crate::transaction::{ClientKey, Layer};

use super::facts::{Facts, Seen};
use super::figure::Event;
use super::lines::Line;
use super::package::Package;
use super::report::Report;
use super::subscription::{Reason, Topic};
use super::subscriptions::{Alarm, SubscriptionId, Subscriptions, Voice};
use super::summary::Waiting;
use super::texts::{TextId, Texts};

/// What the room works with while it handles one event: lent by the switch.
pub struct Desk<'a> {
    /// Now.
    pub now: Time,
    /// Now, as people say it.
    pub wall: Wall,
    /// What policies say of texts between users.
    pub rules: &'a TextRules,
    /// Entity tags.
    pub random: &'a mut Random,
    /// Transactions.
    pub layer: &'a mut Layer,
    /// Accounts.
    pub directory: &'a Directory,
    /// Registered contacts.
    pub bindings: &'a Bindings,
    /// The SIP domain.
    pub realm: &'a str,
}

/// Who may know what.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Policy {
    /// Whom users may watch.
    pub watching: Watching,
    /// Whose numbers they see.
    pub shown: Shown,
    /// Resources beside the users: the numbers of park slots.
    pub places: Vec<String>,
}

/// Subscriptions, publications, and what they are about.
#[derive(Debug)]
pub struct Events {
    pub(super) facts: Facts,
    pub(super) subscriptions: Subscriptions,
    pub(super) texts: Texts,
    /// What our requests outside dialogs are for.
    pub(super) errands: OwnMap<ClientKey, Errand>,
    pub(super) reports: Vec<Report>,
    pub(super) policy: Policy,
}

/// What a request of ours outside any dialog is for.
#[derive(Debug)]
pub(super) enum Errand {
    /// It carries a text.
    Text(TextId),
    /// It asks a phone of this user to fetch its configuration.
    Sync(Masked),
}

/// How it is set up, and what it holds.
impl Events {
    /// Nobody watches anything.
    pub fn new(policy: Policy) -> Events {
        Events {
            facts: Facts::default(),
            subscriptions: Subscriptions::default(),
            texts: Texts::default(),
            errands: OwnMap::default(),
            reports: Vec::new(),
            policy,
        }
    }

    /// How many subscriptions there are.
    pub fn subscriptions(&self) -> usize {
        self.subscriptions.len()
    }

    /// Whether nothing goes on: no subscription, no publication, no line. Mailboxes are facts, not doings.
    pub fn is_quiet(&self) -> bool {
        self.subscriptions.is_empty()
            && self.facts.is_quiet()
            && self.texts.is_empty()
            && self.errands.is_empty()
    }

    /// When [`Events::fire`] has something to do.
    pub fn deadline(&self) -> Option<Time> {
        let all = [self.subscriptions.deadline(), self.facts.publications.deadline(), self.texts.deadline()];
        all.into_iter().flatten().min()
    }

    /// The subscription that has this dialog, and the account that it belongs to.
    pub fn of_dialog(&self, dialog: &Id) -> Option<(SubscriptionId, &str)> {
        let id = self.subscriptions.of_dialog(dialog)?;
        Some((id, &self.subscriptions.get(id)?.watcher))
    }
}

/// News.
impl Events {
    /// An answer to a request of ours, if it is one.
    pub fn on_response(&mut self, desk: &mut Desk<'_>, key: &ClientKey, message: &Message) {
        let Some(status) = message.status().filter(|status| *status >= 200) else { return };
        self.run_errand(desk, key, status);
        let Some(id) = self.subscriptions.of_client(key) else { return };
        if let Some(dialog) = self.subscriptions.dialog_mut(id) {
            dialog.note(message);
        }
        let event = if status < 300 { Event::Answered } else { Event::Failed };
        self.with_voice(desk, |subscriptions, voice| subscriptions.drive(voice, id, event));
    }

    /// A request of ours, if it is one, got no answer (408) or could not be sent (503).
    pub fn on_failure(&mut self, desk: &mut Desk<'_>, key: &ClientKey, status: u16) {
        self.run_errand(desk, key, status);
        if let Some(id) = self.subscriptions.of_client(key) {
            self.with_voice(desk, |subscriptions, voice| subscriptions.drive(voice, id, Event::Failed));
        }
    }

    fn run_errand(&mut self, desk: &mut Desk<'_>, key: &ClientKey, status: u16) {
        match self.errands.remove(key) {
            Some(Errand::Text(id)) => self.reports.extend(self.texts.heard(desk, id, status)),
            Some(Errand::Sync(user)) => self.reports.push(Report::Sync { user, status }),
            None => {}
        }
    }

    /// What there is to report; call until `None`.
    pub fn pop_report(&mut self) -> Option<Report> {
        self.reports.pop()
    }

    /// The transaction is over.
    pub fn on_ended(&mut self, key: &ClientKey) {
        self.errands.remove(key);
        self.subscriptions.forget_client(key);
    }

    /// A stream is gone.
    pub fn on_flow_closed(&mut self, flow: &Flow) {
        self.subscriptions.flow_closed(flow);
    }

    /// A call says what its legs are to their users now; nothing when it is over. Returns whose lines are not what they were.
    pub fn set_lines(
        &mut self,
        desk: &mut Desk<'_>,
        call: CallId,
        lines: Vec<(String, Line)>,
    ) -> Vec<String> {
        let changed = self.facts.lines.set(call, lines);
        for user in &changed {
            self.changed(desk, Package::Dialog, user);
            self.changed(desk, Package::Presence, user);
        }
        changed
    }

    /// Whether `user` is a party to a call, or rung by one; `but`: by another than this.
    pub fn engaged(&self, user: &str, but: Option<CallId>) -> bool {
        self.facts.lines.calls(user).any(|call| Some(call) != but)
    }

    /// What waits in `user`'s mailbox.
    pub fn set_waiting(&mut self, desk: &mut Desk<'_>, user: &str, waiting: Waiting) {
        self.facts.mailboxes.insert(user.to_string(), waiting);
        self.changed(desk, Package::MessageSummary, user);
    }

    /// What waits in `user`'s mailbox, as far as anybody has said.
    pub fn waiting(&self, user: &str) -> Waiting {
        self.facts.mailboxes.get(user).copied().unwrap_or_default()
    }

    /// `user` has registered a contact or lost one.
    pub fn contacts_changed(&mut self, desk: &mut Desk<'_>, user: &str) {
        self.changed(desk, Package::Presence, user);
    }

    /// Contacts have lapsed, nobody says whose.
    pub fn contacts_lapsed(&mut self, desk: &mut Desk<'_>) {
        for topic in self.subscriptions.topics() {
            if topic.package == Package::Presence {
                self.changed(desk, topic.package, &topic.resource);
            }
        }
    }

    /// The accounts have changed: who is no more neither watches nor is watched.
    pub fn directory_changed(&mut self, desk: &mut Desk<'_>) {
        for id in self.subscriptions.ids() {
            let Some(subscription) = self.subscriptions.get(id) else { continue };
            let reason = if desk.directory.account(&subscription.watcher).is_none() {
                Reason::Rejected
            } else if self.resource(desk, &subscription.topic.resource).is_none() {
                Reason::NoResource
            } else {
                continue;
            };
            self.with_voice(desk, |subscriptions, voice| subscriptions.finish(voice, id, reason));
        }
        self.facts.mailboxes.retain(|user, _| desk.directory.account(user).is_some());
    }

    /// The node goes down: watchers are told to come back in a while.
    pub fn drain(&mut self, desk: &mut Desk<'_>) {
        for id in self.subscriptions.ids() {
            self.with_voice(desk, |subscriptions, voice| subscriptions.finish(voice, id, Reason::Probation));
        }
    }

    /// Rings every alarm that is due.
    pub fn fire(&mut self, desk: &mut Desk<'_>) {
        while let Some((id, alarm)) = self.subscriptions.pop_due(desk.now) {
            self.with_voice(desk, |subscriptions, voice| match alarm {
                Alarm::Expired => subscriptions.finish(voice, id, Reason::Timeout),
                Alarm::Paused => subscriptions.drive(voice, id, Event::PauseOver),
            });
        }
        while let Some(user) = self.facts.publications.pop_lapsed(desk.now) {
            self.changed(desk, Package::Presence, &user);
        }
        while let Some(report) = self.texts.pop_late(desk) {
            self.reports.extend(report);
        }
    }

    pub(super) fn changed(&mut self, desk: &mut Desk<'_>, package: Package, user: &str) {
        let about = self.subscriptions.about(&Topic { package, resource: user.to_string() });
        for id in about {
            self.with_voice(desk, |subscriptions, voice| subscriptions.changed(voice, id));
        }
    }

    pub(super) fn with_voice(
        &mut self,
        desk: &mut Desk<'_>,
        speak: impl FnOnce(&mut Subscriptions, &mut Voice<'_>),
    ) {
        let seen = Seen {
            now: desk.now,
            realm: desk.realm,
            directory: desk.directory,
            bindings: desk.bindings,
            shown: self.policy.shown,
        };
        let mut voice = Voice { layer: desk.layer, facts: &self.facts, seen };
        speak(&mut self.subscriptions, &mut voice);
    }
}
