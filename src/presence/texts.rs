//! MESSAGE between users: RFC 3428, to every contact of the user at once, no storing and forwarding.
//!
//! ```text
//! sender ──MESSAGE──> asked ──MESSAGE──> each contact
//!        <──200────── the first that takes it; else, when all have refused or time is over, the best refusal
//! ```
//!
//! Invariant: a sender gets one answer, and gets it before its own transaction gives up; the text itself is kept nowhere.

use std::collections::HashMap;

use crate::base::{Alarms, Masked, Time, bounds};
use crate::registrar::Account;
use crate::sip::{Message, Method, Name, NameAddrBuf, UriBuf};
use crate::transaction::ServerKey;

use super::events::Desk;
use super::facts::uri;
use super::outside;
use super::report::Report;

/// What compliance is shown of a text before anybody gets it.
#[derive(Debug, Clone, Copy)]
pub struct Letter<'a> {
    /// The account that sends it.
    pub from: &'a str,
    /// The account that is to get it.
    pub to: &'a str,
    /// What it is written in, e.g. `text/plain;charset=UTF-8`.
    pub content_type: &'a str,
    /// The text, at most [`bounds::TEXT_BYTES`] octets, never encoded.
    pub body: &'a [u8],
}

/// What compliance says of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Screening {
    /// It may go.
    Passes,
    /// It stays here; its sender hears 403.
    Stopped,
}

/// Decides about every text.
pub type Screen = fn(&Letter<'_>) -> Screening;

/// A text on its way. Never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct TextId(u64);

/// One text on its way to a user's phones.
#[derive(Debug)]
struct Text {
    asked: ServerKey,
    from: Masked,
    to: Masked,
    octets: usize,
    contacts: usize,
    /// Contacts that have not answered yet.
    open: usize,
    best: Option<u16>,
}

/// All texts on their way.
#[derive(Debug)]
pub(super) struct Texts {
    all: HashMap<TextId, Text>,
    alarms: Alarms<TextId>,
    last: u64,
    screen: Screen,
}

impl Default for Texts {
    fn default() -> Texts {
        let screen: Screen = |_| Screening::Passes;
        Texts { all: HashMap::new(), alarms: Alarms::new(), last: 0, screen }
    }
}

impl Texts {
    /// From now on `screen` sees every text first.
    pub fn screened_by(&mut self, screen: Screen) {
        self.screen = screen;
    }

    pub fn is_empty(&self) -> bool {
        self.all.is_empty() && self.alarms.is_empty()
    }

    pub fn deadline(&self) -> Option<Time> {
        self.alarms.deadline()
    }

    /// Sends a text of `account` on. Returns the transactions that carry it, and what there is to report at once.
    pub fn send(
        &mut self,
        desk: &mut Desk<'_>,
        asked: ServerKey,
        message: &Message,
        account: &Account,
    ) -> Sent {
        let target = match self.check(desk, message, account) {
            Ok(target) => target,
            Err((status, to)) => {
                if let Some(reply) = desk.layer.reply(asked, status) {
                    desk.layer.respond(desk.now, asked, reply);
                }
                let report = report(&Masked::new(&account.name), &to, message.body().len(), 0, status);
                return Sent { carriers: Vec::new(), report: Some(report) };
            }
        };
        self.last += 1;
        let id = TextId(self.last);
        let carriers = self.carry(desk, message, account, &target, id);
        let text = Text {
            asked,
            from: Masked::new(&account.name),
            to: Masked::new(&target),
            octets: message.body().len(),
            contacts: carriers.len(),
            open: carriers.len(),
            best: None,
        };
        self.all.insert(id, text);
        self.alarms.set(id, desk.now + bounds::TEXT_WAIT);
        let report = if carriers.is_empty() { self.answer(desk, id, 503) } else { None };
        Sent { carriers, report }
    }

    /// Who is to get it. Refused: with which status, and to whom it was.
    fn check(&self, desk: &Desk<'_>, message: &Message, account: &Account) -> Result<String, (u16, Masked)> {
        let asked = message.request_uri().and_then(|uri| uri.user_decoded().map(String::from));
        let asked = asked.filter(|user| user.len() <= bounds::DIALLED).unwrap_or_default();
        // What a stranger to the directory is called goes into the log, and must not make lines there.
        let refuse = |status| (status, Masked::new(asked.replace(char::is_control, "?")));
        if message.max_forwards() == Some(0) {
            return Err(refuse(483));
        }
        if message.body().len() > bounds::TEXT_BYTES {
            return Err(refuse(413));
        }
        let coding = message.header(Name::ContentEncoding);
        if coding.is_some_and(|coding| !coding.eq_ignore_ascii_case(b"identity")) {
            return Err(refuse(415));
        }
        let target = desk.directory.find(&asked).ok_or_else(|| refuse(404))?;
        let letter = Letter {
            from: &account.name,
            to: &target.name,
            content_type: content_type(message),
            body: message.body(),
        };
        if (self.screen)(&letter) == Screening::Stopped {
            return Err(refuse(403));
        }
        match desk.bindings.lookup(desk.now, &target.name).is_empty() {
            true => Err(refuse(480)),
            false => Ok(target.name.clone()),
        }
    }

    fn carry(
        &self,
        desk: &mut Desk<'_>,
        message: &Message,
        account: &Account,
        target: &str,
        id: TextId,
    ) -> Vec<(crate::transaction::ClientKey, TextId)> {
        let from = address(&shown(message, account), desk.realm).with_display(&account.display);
        let from = if account.display.is_empty() { NameAddrBuf { display: None, ..from } } else { from };
        let to = address(target, desk.realm);
        let forwards = message.max_forwards().unwrap_or(70).saturating_sub(1);
        let mut carriers = Vec::new();
        for binding in outside::devices(desk.now, desk.bindings, target) {
            let request =
                outside::request(desk.random, &Method::Message, &binding, from.clone(), &to, forwards);
            let request = match message.body().is_empty() {
                true => request,
                false => request.body(content_type(message), message.body_bytes()),
            };
            if let Ok(key) = desk.layer.request(desk.now, binding.flow, request) {
                carriers.push((key, id));
            }
        }
        carriers
    }

    /// A contact has answered (or, by 408 and 503, has not).
    pub fn heard(&mut self, desk: &mut Desk<'_>, id: TextId, status: u16) -> Option<Report> {
        let text = self.all.get_mut(&id)?;
        if (200..300).contains(&status) {
            return self.answer(desk, id, 200);
        }
        text.open = text.open.saturating_sub(1);
        let best = text.best.map_or(status, |best| better(best, status));
        text.best = Some(best);
        let open = text.open;
        if open == 0 { self.answer(desk, id, told(best)) } else { None }
    }

    /// A text whose time is over by `now`; call until `None`.
    pub fn pop_late(&mut self, desk: &mut Desk<'_>) -> Option<Option<Report>> {
        let id = self.alarms.pop_due(desk.now)?;
        let best = self.all.get(&id).and_then(|text| text.best).map_or(480, told);
        Some(self.answer(desk, id, best))
    }

    fn answer(&mut self, desk: &mut Desk<'_>, id: TextId, status: u16) -> Option<Report> {
        self.alarms.clear(&id);
        let text = self.all.remove(&id)?;
        if let Some(reply) = desk.layer.reply(text.asked, status) {
            desk.layer.respond(desk.now, text.asked, reply);
        }
        Some(report(&text.from, &text.to, text.octets, text.contacts, status))
    }
}

/// What came of sending.
pub(super) struct Sent {
    /// The transactions that carry the text.
    pub carriers: Vec<(crate::transaction::ClientKey, TextId)>,
    /// What there is to report already.
    pub report: Option<Report>,
}

fn report(from: &Masked, to: &Masked, octets: usize, contacts: usize, status: u16) -> Report {
    Report::Text { from: from.clone(), to: to.clone(), octets, contacts, status }
}

/// As whom the sender shows itself: the name or number that it claimed and that is its own.
fn shown(message: &Message, account: &Account) -> String {
    let claimed = message.from().and_then(|from| from.uri().user_decoded().map(String::from));
    claimed.filter(|user| account.may_claim(user)).unwrap_or_else(|| account.name.clone())
}

fn address(user: &str, realm: &str) -> NameAddrBuf {
    let fallback = || UriBuf::sip(Some(user), crate::sip::Host::Name("localhost"), None);
    NameAddrBuf::new(UriBuf::new(uri(user, realm)).unwrap_or_else(|_| fallback()))
}

fn content_type(message: &Message) -> &str {
    message.content_type().unwrap_or("text/plain")
}

/// Of two refusals the one that tells the sender more (RFC 3261 §16.7 step 6).
fn better(a: u16, b: u16) -> u16 {
    let rank = |status: u16| match status {
        600..=699 => 0,
        400..=407 | 409..=479 | 482..=499 => 1,
        480 | 408 | 481 => 2,
        _ => 3,
    };
    if rank(b) < rank(a) { b } else { a }
}

/// What the sender is told: nothing that would make its phone act, and no timeout (RFC 4320 §4.2).
const fn told(status: u16) -> u16 {
    match status {
        300..=399 | 401 | 407 | 408 | 421 | 423 | 481 | 487 | 489 | 491 | 494 => 480,
        503 => 480,
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sender_hears_the_refusal_that_says_most() {
        for (a, b, heard) in [
            (480, 415, 415),
            (408, 603, 603),
            (503, 408, 480),
            (401, 503, 480),
            (302, 486, 486),
            (413, 415, 413),
        ] {
            assert_eq!(told(better(a, b)), heard, "{a} {b}");
        }
    }
}
