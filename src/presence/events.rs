//! The notifier and the event state compositor: SUBSCRIBE and PUBLISH of proven users, the NOTIFYs that follow, and their answers.
//!
//! Invariant: nothing here is kept for a peer that has not proven who it is; every subscription and publication ends by an alarm.

use std::collections::HashMap;
use std::time::Duration;

use crate::base::{CallId, Masked, Random, Time, bounds};
use crate::config::{Shown, Watching};
use crate::dialog::{Dialog, Id, contact};
use crate::registrar::{Account, Bindings, Directory};
use crate::sip::{self, Builder, Flow, Message, Method, Name, NameAddrBuf, UriBuf};
use crate::transaction::{ClientKey, Layer, ServerKey};

use super::facts::{Facts, Seen, uri};
use super::figure::Event;
use super::lines::Line;
use super::outside;
use super::package::{ALLOW_EVENTS, Named, Package};
use super::publications::Refused;
use super::report::Report;
use super::subscription::{Reason, Subscription, Topic};
use super::subscriptions::{Alarm, Full, SubscriptionId, Subscriptions, Voice};
use super::summary::Waiting;
use super::texts::{Screen, TextId, Texts};

/// What the room works with while it handles one event: lent by the switch.
pub struct Desk<'a> {
    /// Now.
    pub now: Time,
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
    facts: Facts,
    subscriptions: Subscriptions,
    texts: Texts,
    /// What our requests outside dialogs are for.
    errands: HashMap<ClientKey, Errand>,
    reports: Vec<Report>,
    policy: Policy,
}

/// What a request of ours outside any dialog is for.
#[derive(Debug)]
enum Errand {
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
            errands: HashMap::new(),
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

/// Requests.
impl Events {
    /// A SUBSCRIBE outside any dialog, of a user who has proven to be `account`.
    pub fn on_subscribe(
        &mut self,
        desk: &mut Desk<'_>,
        key: ServerKey,
        flow: Flow,
        message: &Message,
        account: &Account,
    ) {
        match self.wanted(desk, key, flow, message, account) {
            Ok((subscription, lifetime)) => {
                let id = self.subscriptions.add(subscription);
                self.accept(desk, key, id, message, lifetime);
            }
            Err(refusal) => refusal.answer(desk, key),
        }
    }

    /// A SUBSCRIBE within the dialog of a subscription, from a peer who is believed: it prolongs or ends it (RFC 6665 §4.2.1.4).
    pub fn on_resubscribe(
        &mut self,
        desk: &mut Desk<'_>,
        key: ServerKey,
        flow: Flow,
        message: &Message,
        id: SubscriptionId,
    ) {
        let named = Named::of(message);
        let same = self.subscriptions.get(id).is_some_and(|s| named.as_ref() == Some(&s.named));
        if !same {
            return Refusal::new(481).answer(desk, key);
        }
        let lifetime = match lifetime(message) {
            Ok(lifetime) => lifetime,
            Err(refusal) => return refusal.answer(desk, key),
        };
        let taken = self.subscriptions.dialog_mut(id).map(|dialog| dialog.take(message, flow));
        match taken {
            Some(Ok(())) => self.accept(desk, key, id, message, lifetime),
            _ => Refusal::new(500).answer(desk, key),
        }
    }

    /// A PUBLISH of a user who has proven to be `account`.
    pub fn on_publish(&mut self, desk: &mut Desk<'_>, key: ServerKey, message: &Message, account: &Account) {
        let resource = message.request_uri().and_then(|uri| uri.user_decoded().map(String::from));
        if !resource.is_some_and(|resource| account.may_claim(&resource)) {
            return Refusal::new(403).answer(desk, key);
        }
        match self.facts.publications.publish(desk.now, desk.random, &account.name, message) {
            Ok(published) => {
                if let Some(reply) = desk.layer.reply(key, 200) {
                    let reply = reply.header(Name::SipEtag, &published.tag);
                    desk.layer.respond(desk.now, key, reply.display(Name::Expires, published.expires_s));
                }
                self.changed(desk, Package::Presence, &account.name);
            }
            Err(refused) => {
                let refusal = Refusal::new(refused.status());
                match refused {
                    Refused::Package => refusal.with(Name::AllowEvents, Package::Presence.as_str()),
                    Refused::Kind => refusal.with(Name::Accept, Package::Presence.content_type()),
                    Refused::TooBrief => refusal.with(Name::MinExpires, least()),
                    _ => refusal,
                }
                .answer(desk, key);
            }
        }
    }

    /// A MESSAGE of a user who has proven to be `account`.
    pub fn on_message(&mut self, desk: &mut Desk<'_>, key: ServerKey, message: &Message, account: &Account) {
        let sent = self.texts.send(desk, key, message, account);
        self.errands.extend(sent.carriers.into_iter().map(|(key, id)| (key, Errand::Text(id))));
        self.reports.extend(sent.report);
    }

    /// From now on `screen` sees every text before anybody gets it.
    pub fn screen_texts(&mut self, screen: Screen) {
        self.texts.screened_by(screen);
    }

    /// Asks every phone of `user` to fetch its configuration (NOTIFY `check-sync`, as the makers of phones agreed on it), and to
    /// restart if it must. Returns how many were asked.
    pub fn sync(&mut self, desk: &mut Desk<'_>, user: &str, reboot: bool) -> usize {
        let Ok(address) = UriBuf::new(uri(user, desk.realm)).map(NameAddrBuf::new) else { return 0 };
        let mut asked = 0;
        for binding in outside::devices(desk.now, desk.bindings, user) {
            let request =
                outside::request(desk.random, &Method::Notify, &binding, address.clone(), &address, 70)
                    .header(Name::Contact, contact(None, &binding.flow))
                    .header(Name::Event, format!("check-sync;reboot={reboot}"))
                    .header(Name::SubscriptionState, "terminated;reason=noresource");
            if let Ok(key) = desk.layer.request(desk.now, binding.flow, request) {
                self.errands.insert(key, Errand::Sync(Masked::new(user)));
                asked += 1;
            }
        }
        asked
    }

    /// What there is to report; call until `None`.
    pub fn pop_report(&mut self) -> Option<Report> {
        self.reports.pop()
    }

    /// Everything that must hold before a subscription begins.
    fn wanted(
        &self,
        desk: &Desk<'_>,
        key: ServerKey,
        flow: Flow,
        message: &Message,
        account: &Account,
    ) -> Result<(Subscription, Duration), Refusal> {
        let bad_event = || Refusal::new(489).with(Name::AllowEvents, ALLOW_EVENTS);
        let named = Named::of(message).ok_or_else(bad_event)?;
        if !sip::accepts(message, named.package.content_type()) {
            return Err(Refusal::new(406));
        }
        let lifetime = lifetime(message)?;
        let asked = message.request_uri().and_then(|uri| uri.user_decoded().map(String::from));
        let asked = asked.filter(|user| user.len() <= bounds::DIALLED).ok_or(Refusal::new(404))?;
        let resource = self.resource(desk, &asked).ok_or(Refusal::new(404))?;
        let topic = Topic { package: named.package, resource };
        if !self.may_watch(account, &topic) {
            return Err(Refusal::new(403));
        }
        self.subscriptions.room_for(&account.name).map_err(|full| match full {
            Full::Watcher => Refusal::new(403),
            Full::Node => Refusal::new(503).with(Name::RetryAfter, "60"),
        })?;
        let tag = desk.layer.local_tag(key).ok_or(Refusal::new(500))?;
        let dialog = Dialog::answering(message, flow, tag, &contact(None, &flow));
        let mut dialog = dialog.map_err(|_| Refusal::new(400))?;
        dialog.confirm(None);
        Ok((Subscription::new(topic, named, asked, account.name.clone(), dialog), lifetime))
    }

    /// The name under which a resource is kept: a user's account, or the number of a place.
    fn resource(&self, desk: &Desk<'_>, asked: &str) -> Option<String> {
        match desk.directory.find(asked) {
            Some(account) => Some(account.name.clone()),
            None => self.policy.places.iter().find(|place| *place == asked).cloned(),
        }
    }

    /// A mailbox is its owner's business; lamps and presence are everybody's or nobody else's, as configured.
    fn may_watch(&self, account: &Account, topic: &Topic) -> bool {
        let own = topic.resource == account.name;
        match (topic.package, self.policy.watching) {
            (Package::MessageSummary, _) => own,
            (_, Watching::Users) => true,
            (_, Watching::Own) => own || self.policy.places.contains(&topic.resource),
        }
    }

    /// 200, and the NOTIFY that follows every SUBSCRIBE at once (RFC 6665 §4.2.1.2).
    fn accept(
        &mut self,
        desk: &mut Desk<'_>,
        key: ServerKey,
        id: SubscriptionId,
        message: &Message,
        lifetime: Duration,
    ) {
        let ours = self.subscriptions.get(id).map(|s| s.dialog.contact().to_string()).unwrap_or_default();
        if let Some(reply) = desk.layer.reply(key, 200) {
            let reply = reply.copy(message, Name::RecordRoute).header(Name::Contact, ours);
            let reply = reply.display(Name::Expires, lifetime.as_secs());
            desk.layer.respond(desk.now, key, reply.header(Name::AllowEvents, ALLOW_EVENTS));
        }
        if lifetime.is_zero() {
            return self.with_voice(desk, |subscriptions, voice| {
                subscriptions.finish(voice, id, Reason::Timeout);
            });
        }
        self.subscriptions.prolong(id, desk.now + lifetime);
        self.with_voice(desk, |subscriptions, voice| subscriptions.drive(voice, id, Event::Asked));
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

    /// The transaction is over.
    pub fn on_ended(&mut self, key: &ClientKey) {
        self.errands.remove(key);
        self.subscriptions.forget_client(key);
    }

    /// A stream is gone.
    pub fn on_flow_closed(&mut self, flow: &Flow) {
        self.subscriptions.flow_closed(flow);
    }

    /// A call says what its legs are to their users now; nothing when it is over.
    pub fn set_lines(&mut self, desk: &mut Desk<'_>, call: CallId, lines: Vec<(String, Line)>) {
        for user in self.facts.lines.set(call, lines) {
            self.changed(desk, Package::Dialog, &user);
            self.changed(desk, Package::Presence, &user);
        }
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

    fn changed(&mut self, desk: &mut Desk<'_>, package: Package, user: &str) {
        let about = self.subscriptions.about(&Topic { package, resource: user.to_string() });
        for id in about {
            self.with_voice(desk, |subscriptions, voice| subscriptions.changed(voice, id));
        }
    }

    fn with_voice(&mut self, desk: &mut Desk<'_>, speak: impl FnOnce(&mut Subscriptions, &mut Voice<'_>)) {
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

/// An answer that changes nothing.
struct Refusal {
    status: u16,
    header: Option<(Name<'static>, String)>,
}

impl Refusal {
    fn new(status: u16) -> Refusal {
        Refusal { status, header: None }
    }

    fn with(self, name: Name<'static>, value: impl Into<String>) -> Refusal {
        Refusal { header: Some((name, value.into())), ..self }
    }

    fn answer(self, desk: &mut Desk<'_>, key: ServerKey) {
        let Some(reply) = desk.layer.reply(key, self.status) else { return };
        let reply: Builder = match self.header {
            Some((name, value)) => reply.header(name, value),
            None => reply,
        };
        desk.layer.respond(desk.now, key, reply);
    }
}

/// How long a subscription is to last; zero ends it.
fn lifetime(message: &Message) -> Result<Duration, Refusal> {
    match message.expires().map(|s| Duration::from_secs(s.into())) {
        None => Ok(bounds::EVENT_EXPIRES_DEFAULT),
        Some(Duration::ZERO) => Ok(Duration::ZERO),
        Some(brief) if brief < bounds::EVENT_EXPIRES_MIN => {
            Err(Refusal::new(423).with(Name::MinExpires, least()))
        }
        Some(long) => Ok(long.min(bounds::EVENT_EXPIRES_MAX)),
    }
}

fn least() -> String {
    bounds::EVENT_EXPIRES_MIN.as_secs().to_string()
}
