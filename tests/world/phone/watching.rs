//! What a phone watches: its subscriptions (RFC 6665), the NOTIFYs that it hears in them, and those that nobody subscribed to.

use std::time::Duration;

use ledgerline::base::Time;

use super::Phone;
use super::client::Purpose;
use super::script::{Act, Step, When};
use super::words::REQUEST;
use crate::world::text::{Heard, fill, within};

/// One subscription as its watcher sees it.
#[derive(Debug, Clone)]
pub struct Watch {
    pub event: String,
    pub user: String,
    call_id: String,
    local_tag: String,
    remote_tag: String,
    /// Where requests go.
    target: String,
    cseq: u32,
    remote_cseq: u32,
    expires_s: u32,
    /// Every final answer to its SUBSCRIBEs but 401, with the answer's Expires.
    pub answers: Vec<(u16, String)>,
    /// What it was told, in order.
    pub notices: Vec<Notice>,
}

/// One NOTIFY.
#[derive(Debug, Clone)]
pub struct Notice {
    pub at: Time,
    /// The Subscription-State header.
    pub state: String,
    pub body: String,
}

impl Watch {
    /// The last document.
    pub fn last(&self) -> &str {
        self.notices.last().map_or("", |notice| &notice.body)
    }

    /// The reason that it ended with, if it has.
    pub fn ended(&self) -> Option<&str> {
        let state = &self.notices.last()?.state;
        state.starts_with("terminated").then(|| state.split_once("reason=").map_or("", |(_, reason)| reason))
    }

    /// The states of all lamps of the last document, e.g. `early`.
    pub fn lamps(&self) -> Vec<String> {
        all_between(self.last(), "<state>", "</state>")
    }

    /// The states of each document in turn, without repetitions.
    pub fn story(&self) -> Vec<String> {
        let mut story: Vec<String> = Vec::new();
        for notice in &self.notices {
            let lamps = all_between(&notice.body, "<state>", "</state>").join("+");
            if story.last() != Some(&lamps) {
                story.push(lamps);
            }
        }
        story
    }
}

/// Everything that stands between `before` and `after`.
pub fn all_between(text: &str, before: &str, after: &str) -> Vec<String> {
    let parts = text.split(before).skip(1);
    parts.filter_map(|part| part.split_once(after).map(|(inner, _)| inner.to_string())).collect()
}

/// The story's verbs.
impl Phone {
    /// Subscribes to an event package of a user for an hour.
    pub fn watches(&mut self, event: &str, user: &str) -> Step<'_> {
        self.watches_for(event, user, 3_600)
    }

    /// Subscribes for so many seconds; 0 only asks.
    pub fn watches_for(&mut self, event: &str, user: &str, expires_s: u32) -> Step<'_> {
        let act = Act::Watch { event: event.into(), user: user.into(), expires_s };
        self.will(When::At(Duration::ZERO), act)
    }

    /// Prolongs its last subscription, or ends it with 0.
    pub fn watches_on_for(&mut self, expires_s: u32) -> Step<'_> {
        self.will(When::At(Duration::ZERO), Act::WatchOn { expires_s })
    }

    /// The last subscription.
    pub fn watch(&self) -> &Watch {
        self.watches.last().unwrap_or_else(|| panic!("{} watches nothing", self.id.name))
    }
}

/// Asking.
impl Phone {
    pub fn subscribe(&mut self, now: Time, event: String, user: String, expires_s: u32) {
        let target = format!("sip:{user}@{}", self.id.realm);
        let (call_id, local_tag) = (self.random.token(16), self.random.token(8));
        let remote_tag = String::new();
        let (cseq, remote_cseq) = (0, 0);
        let (answers, notices) = (Vec::new(), Vec::new());
        self.watches.push(Watch {
            event,
            user,
            call_id,
            local_tag,
            remote_tag,
            target,
            cseq,
            remote_cseq,
            expires_s,
            answers,
            notices,
        });
        self.send_subscribe(now, self.watches.len() - 1, "", false);
    }

    pub fn subscribe_on(&mut self, now: Time, expires_s: u32) {
        if let Some(watch) = self.watches.last_mut() {
            watch.expires_s = expires_s;
            self.send_subscribe(now, self.watches.len() - 1, "", false);
        }
    }

    fn send_subscribe(&mut self, now: Time, index: usize, proof: &str, proven: bool) {
        let branch = self.branch();
        let (own, contact, local) = (self.id.own.to_string(), self.contact(), self.uri());
        let (transport, realm) = (self.transport.as_str(), self.id.realm.clone());
        let Some(watch) = self.watches.get_mut(index) else { return };
        watch.cseq += 1;
        let remote_tag = match watch.remote_tag.as_str() {
            "" => String::new(),
            tag => format!(";tag={tag}"),
        };
        let more = format!("{contact}Event: {}\nExpires: {}\n{proof}", watch.event, watch.expires_s);
        let text = fill(
            REQUEST,
            &[
                ("method", "SUBSCRIBE"),
                ("uri", &watch.target),
                ("transport", transport),
                ("own", &own),
                ("branch", &branch),
                ("local", &local),
                ("local_tag", &watch.local_tag),
                ("remote", &format!("sip:{}@{realm}", watch.user)),
                ("remote_tag", &remote_tag),
                ("call_id", &watch.call_id),
                ("cseq", &watch.cseq.to_string()),
                ("more", &more),
                ("body", ""),
            ],
        );
        self.launch(now, "SUBSCRIBE", branch, text, Purpose::Watch { index, proven });
    }

    pub fn on_subscribed(&mut self, now: Time, index: usize, proven: bool, status: u16, heard: &Heard) {
        if status == 401 && !proven && self.take_challenge(heard) {
            let target = self.watches.get(index).map(|watch| watch.target.clone()).unwrap_or_default();
            let proof = self.proof("SUBSCRIBE", &target, true);
            return self.send_subscribe(now, index, &proof, true);
        }
        let Some(watch) = self.watches.get_mut(index) else { return };
        watch.answers.push((status, heard.one("Expires").to_string()));
        if status == 200 {
            watch.remote_tag = heard.tag_of_to().to_string();
            watch.target = within(heard.one("Contact")).to_string();
        }
    }
}

/// Hearing.
impl Phone {
    pub fn on_notify(&mut self, now: Time, heard: &Heard) {
        let state = heard.one("Subscription-State").to_string();
        let notice = Notice { at: now, state, body: heard.body().to_string() };
        if heard.tag_of_to().is_empty() {
            self.unasked.push((heard.one("Event").to_string(), notice));
            return self.reply(now, heard, 200);
        }
        let found = self
            .watches
            .iter()
            .position(|watch| watch.call_id == heard.call_id() && watch.local_tag == heard.tag_of_to());
        let Some(index) = found else { return self.reply(now, heard, 481) };
        self.scrutinise_notice(index, heard);
        if let Some(watch) = self.watches.get_mut(index) {
            watch.remote_cseq = watch.remote_cseq.max(heard.cseq());
            watch.notices.push(notice);
        }
        self.reply_or_not(now, heard, self.manners.refuses_notices);
    }

    pub fn on_text(&mut self, now: Time, heard: &Heard) {
        self.texts.push((within(heard.one("From")).to_string(), heard.body().to_string()));
        self.reply_or_not(now, heard, self.manners.refuses_texts);
    }

    fn reply_or_not(&mut self, now: Time, heard: &Heard, manner: u16) {
        match manner {
            0 => self.reply(now, heard, 200),
            // Never an answer.
            1 => drop(self.serve(now, heard, None)),
            status => self.reply(now, heard, status),
        }
    }

    /// RFC 6665 §4.1.3 and §8.2, RFC 4235 §4.1: what every NOTIFY is held to.
    fn scrutinise_notice(&mut self, index: usize, heard: &Heard) {
        let Some(watch) = self.watches.get(index) else { return };
        let mut faults = Vec::new();
        if heard.one("Event") != watch.event {
            faults.push("the Event is not the subscription's");
        }
        if heard.cseq() <= watch.remote_cseq {
            faults.push("a NOTIFY out of order");
        }
        let state = heard.one("Subscription-State");
        if !state.starts_with("active;expires=") && !state.starts_with("terminated;reason=") {
            faults.push("no sensible Subscription-State");
        }
        if watch.ended().is_some() {
            faults.push("a NOTIFY after the last");
        }
        if within(heard.one("Contact")).is_empty() {
            faults.push("a NOTIFY needs a Contact");
        }
        if !watch.remote_tag.is_empty() && heard.tag_of_from() != watch.remote_tag {
            faults.push("a NOTIFY from another dialog");
        }
        let version = |body: &str| all_between(body, " version=\"", "\"").first()?.parse::<u32>().ok();
        let before = watch.notices.iter().rev().find_map(|notice| version(&notice.body));
        if before.is_some_and(|before| version(heard.body()).is_some_and(|now| now <= before)) {
            faults.push("the version does not rise");
        }
        for fault in faults {
            let text = heard.text().to_string();
            self.complain(format!("{fault}:\n{text}"));
        }
    }
}
