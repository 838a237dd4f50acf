//! All subscriptions: found by dialog, by topic and by the NOTIFY that is out, driven by their figure.
//!
//! Invariant: a subscription that is over is in no table and owns no alarm.

use std::collections::{BTreeSet, HashMap};
use std::fmt;

use crate::base::{Alarms, OwnMap, Time, bounds};
use crate::dialog::{Dialog, Id};
use crate::sip::Flow;
use crate::transaction::{ClientKey, Layer};

use super::facts::{Facts, Seen};
use super::figure::{self, Act, Event};
use super::subscription::{Reason, Subscription, Topic};

/// A subscription. Never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SubscriptionId(u64);

/// What an alarm of a subscription is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Alarm {
    /// Its time is over.
    Expired,
    /// The pause between two NOTIFYs is over.
    Paused,
}

/// All subscriptions of all watchers.
#[derive(Default)]
pub(super) struct Subscriptions {
    all: OwnMap<SubscriptionId, Subscription>,
    by_dialog: HashMap<Id, SubscriptionId>,
    by_topic: BTreeSet<(Topic, SubscriptionId)>,
    by_watcher: HashMap<String, usize>,
    clients: OwnMap<ClientKey, SubscriptionId>,
    alarms: Alarms<(SubscriptionId, Alarm)>,
    last: u64,
}

/// Why there is no room for another subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Full {
    /// [`bounds::SUBSCRIPTIONS_PER_USER`].
    Watcher,
    /// [`bounds::SUBSCRIPTIONS`].
    Node,
}

/// What a subscription speaks with.
pub(super) struct Voice<'a> {
    pub layer: &'a mut Layer,
    pub facts: &'a Facts,
    pub seen: Seen<'a>,
}

/// Keeping.
impl Subscriptions {
    /// Whether `watcher` may have another.
    pub fn room_for(&self, watcher: &str) -> Result<(), Full> {
        if self.all.len() >= bounds::SUBSCRIPTIONS {
            return Err(Full::Node);
        }
        match self.by_watcher.get(watcher).is_some_and(|count| *count >= bounds::SUBSCRIPTIONS_PER_USER) {
            true => Err(Full::Watcher),
            false => Ok(()),
        }
    }

    /// Keeps a new subscription.
    pub fn add(&mut self, subscription: Subscription) -> SubscriptionId {
        self.last += 1;
        let id = SubscriptionId(self.last);
        self.by_dialog.insert(subscription.dialog.id().clone(), id);
        self.by_topic.insert((subscription.topic.clone(), id));
        *self.by_watcher.entry(subscription.watcher.clone()).or_default() += 1;
        self.all.insert(id, subscription);
        id
    }

    pub fn get(&self, id: SubscriptionId) -> Option<&Subscription> {
        self.all.get(&id)
    }

    pub fn dialog_mut(&mut self, id: SubscriptionId) -> Option<&mut Dialog> {
        self.all.get_mut(&id).map(|subscription| &mut subscription.dialog)
    }

    /// The subscription of a dialog.
    pub fn of_dialog(&self, dialog: &Id) -> Option<SubscriptionId> {
        self.by_dialog.get(dialog).copied()
    }

    /// The subscription whose NOTIFY this is.
    pub fn of_client(&self, key: &ClientKey) -> Option<SubscriptionId> {
        self.clients.get(key).copied()
    }

    /// The transaction of a NOTIFY is over.
    pub fn forget_client(&mut self, key: &ClientKey) {
        self.clients.remove(key);
    }

    /// The subscriptions to a topic.
    pub fn about(&self, topic: &Topic) -> Vec<SubscriptionId> {
        let from = (topic.clone(), SubscriptionId(0));
        self.by_topic.range(from..).take_while(|(is, _)| is == topic).map(|(_, id)| *id).collect()
    }

    /// Every topic that is watched, each once.
    pub fn topics(&self) -> Vec<Topic> {
        let mut topics: Vec<Topic> = self.by_topic.iter().map(|(topic, _)| topic.clone()).collect();
        topics.dedup();
        topics
    }

    /// Every subscription.
    pub fn ids(&self) -> Vec<SubscriptionId> {
        let mut ids: Vec<SubscriptionId> = self.all.keys().copied().collect();
        // The same order each time a seed is told.
        ids.sort_unstable();
        ids
    }

    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether nothing is kept: no subscription, no transaction, no alarm.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
            && self.by_dialog.is_empty()
            && self.by_topic.is_empty()
            && self.by_watcher.is_empty()
            && self.clients.is_empty()
            && self.alarms.is_empty()
    }

    /// The stream that watchers were told over is gone: the next NOTIFY opens another, to where their Contact says.
    pub fn flow_closed(&mut self, flow: &Flow) {
        for subscription in self.all.values_mut().filter(|subscription| subscription.dialog.flow() == *flow) {
            let target = subscription.dialog.target_address().unwrap_or(flow.remote);
            subscription.dialog.set_flow(Flow { connection: 0, remote: target, ..*flow });
        }
    }

    fn remove(&mut self, id: SubscriptionId) {
        for alarm in [Alarm::Expired, Alarm::Paused] {
            self.alarms.clear(&(id, alarm));
        }
        let Some(gone) = self.all.remove(&id) else { return };
        self.by_dialog.remove(gone.dialog.id());
        self.by_topic.remove(&(gone.topic, id));
        if let Some(count) = self.by_watcher.get_mut(&gone.watcher) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.by_watcher.remove(&gone.watcher);
            }
        }
    }
}

/// Time.
impl Subscriptions {
    /// Lets a subscription last until `expires`.
    pub fn prolong(&mut self, id: SubscriptionId, expires: Time) {
        if let Some(subscription) = self.all.get_mut(&id) {
            subscription.expires = expires;
            self.alarms.set((id, Alarm::Expired), expires);
        }
    }

    pub fn pop_due(&mut self, now: Time) -> Option<(SubscriptionId, Alarm)> {
        self.alarms.pop_due(now)
    }

    pub fn deadline(&self) -> Option<Time> {
        self.alarms.deadline()
    }
}

/// Speaking.
impl Subscriptions {
    /// Ends a subscription for `reason`.
    pub fn finish(&mut self, voice: &mut Voice<'_>, id: SubscriptionId, reason: Reason) {
        if let Some(subscription) = self.all.get_mut(&id) {
            subscription.reason = reason;
            self.alarms.clear(&(id, Alarm::Expired));
            self.drive(voice, id, Event::Finished);
        }
    }

    /// The topic of a subscription may have changed: says so only if there is something to say.
    pub fn changed(&mut self, voice: &mut Voice<'_>, id: SubscriptionId) {
        let Some(subscription) = self.all.get(&id) else { return };
        let content = voice.facts.content(&voice.seen, &subscription.topic);
        if subscription.told.as_ref() != Some(&content) {
            self.drive(voice, id, Event::Changed);
        }
    }

    /// Lets a subscription take `event`, and does what its figure wants.
    pub fn drive(&mut self, voice: &mut Voice<'_>, id: SubscriptionId, event: Event) {
        let Some(subscription) = self.all.get_mut(&id) else { return };
        let (next, acts) = figure::step(subscription.state, event);
        subscription.state = next;
        for act in acts {
            match act {
                Act::Notify => self.notify(voice, id, false),
                Act::NotifyLast => self.notify(voice, id, true),
                Act::Pause => self.pause(id, voice.seen.now),
                Act::Forget => self.remove(id),
            }
        }
    }

    fn pause(&mut self, id: SubscriptionId, now: Time) {
        if let Some(subscription) = self.all.get(&id) {
            let due = (subscription.spoke + bounds::NOTIFY_GAP).max(now);
            self.alarms.set((id, Alarm::Paused), due);
        }
    }

    fn notify(&mut self, voice: &mut Voice<'_>, id: SubscriptionId, last: bool) {
        self.alarms.clear(&(id, Alarm::Paused));
        let Some(subscription) = self.all.get_mut(&id) else { return };
        let request = subscription.notify(voice.facts, &voice.seen, last);
        match voice.layer.request(voice.seen.now, subscription.dialog.flow(), request) {
            Ok(key) => {
                self.clients.insert(key, id);
            }
            // No transaction to be had: the watcher will find out when its subscription is not prolonged.
            Err(_) => self.remove(id),
        }
    }
}

impl fmt::Debug for Subscriptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Subscriptions({})", self.len())
    }
}
