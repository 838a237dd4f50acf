//! What users ask for: SUBSCRIBE, PUBLISH and MESSAGE, each of an account that has proven itself.
//!
//! Invariant: a request is answered here and at once, or (a text) by whoever takes it; what is refused changes nothing.

use std::time::Duration;

use crate::base::{Masked, bounds};
use crate::config::Watching;
use crate::dialog::{Dialog, contact};
use crate::registrar::Account;
use crate::sip::{self, Builder, Flow, Message, Method, Name, NameAddrBuf, UriBuf};
use crate::transaction::ServerKey;

use super::events::{Desk, Errand, Events};
use super::facts::uri;
use super::figure::Event;
use super::outside;
use super::package::{ALLOW_EVENTS, Named, Package};
use super::publications::Refused;
use super::subscription::{Reason, Subscription, Topic};
use super::subscriptions::{Full, SubscriptionId};
use super::texts::Texts;

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

    /// Shows a text of the switch itself on a user's phones.
    pub fn tell(&mut self, desk: &mut Desk<'_>, user: &str, text: &str) {
        Texts::tell(desk, user, text);
    }

    /// A MESSAGE of a user who has proven to be `account`.
    pub fn on_message(&mut self, desk: &mut Desk<'_>, key: ServerKey, message: &Message, account: &Account) {
        let sent = self.texts.send(desk, key, message, account);
        self.errands.extend(sent.carriers.into_iter().map(|(key, id)| (key, Errand::Text(id))));
        self.reports.extend(sent.report);
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
    pub(super) fn resource(&self, desk: &Desk<'_>, asked: &str) -> Option<String> {
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
