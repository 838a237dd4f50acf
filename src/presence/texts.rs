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
use crate::compliance::words::Hit;
use crate::plan::Judged;
use crate::registrar::Account;
use crate::sip::{Message, Method, Name, NameAddrBuf, UriBuf};
use crate::transaction::ServerKey;

use super::events::Desk;
use super::facts::uri;
use super::outside;
use super::readable::readable;
use super::report::Report;

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
    hits: Vec<Hit>,
}

/// Why a text goes nowhere.
struct Stopped {
    status: u16,
    to: Masked,
    hits: Vec<Hit>,
}

/// All texts on their way.
#[derive(Debug, Default)]
pub(super) struct Texts {
    all: HashMap<TextId, Text>,
    alarms: Alarms<TextId>,
    last: u64,
}

impl Texts {
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
        let (target, hits) = match check(desk, message) {
            Ok(found) => found,
            Err(stopped) => return stop(desk, asked, message, account, stopped),
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
            hits,
        };
        self.all.insert(id, text);
        self.alarms.set(id, desk.now + bounds::TEXT_WAIT);
        let report = if carriers.is_empty() { self.answer(desk, id, 503) } else { None };
        Sent { carriers, report }
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

    /// Shows a text of the switch itself on every device of `user`. Nobody waits for their answers.
    pub fn tell(desk: &mut Desk<'_>, user: &str, text: &str) {
        let from = NameAddrBuf { display: None, ..address("ledgerline", desk.realm) };
        let to = address(user, desk.realm);
        for binding in outside::devices(desk.now, desk.bindings, user) {
            let request = outside::request(desk.random, &Method::Message, &binding, from.clone(), &to, 70);
            // A flow that has no room loses the text; the conversation's record has it.
            let _ = desk.layer.request(
                desk.now,
                binding.flow,
                request.body("text/plain;charset=utf-8", bytes::Bytes::copy_from_slice(text.as_bytes())),
            );
        }
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
        Some(Report::Text {
            from: text.from,
            to: text.to,
            octets: text.octets,
            contacts: text.contacts,
            status,
            hits: text.hits,
        })
    }
}

/// What came of sending.
pub(super) struct Sent {
    /// The transactions that carry the text.
    pub carriers: Vec<(crate::transaction::ClientKey, TextId)>,
    /// What there is to report already.
    pub report: Option<Report>,
}

/// Who is to get it, and what it holds that some policy names. Refused: with which status, and to whom it was.
fn check(desk: &Desk<'_>, message: &Message) -> Result<(String, Vec<Hit>), Stopped> {
    let asked = message.request_uri().and_then(|uri| uri.user_decoded().map(String::from));
    let asked = asked.filter(|user| user.len() <= bounds::DIALLED).unwrap_or_default();
    // What a stranger to the directory is called goes into the log, and must not make lines there.
    let to = Masked::new(asked.replace(char::is_control, "?"));
    let refuse = |status| Stopped { status, to: to.clone(), hits: Vec::new() };
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
    let judged = judge(desk, message).ok_or_else(|| refuse(415))?;
    if judged.refused {
        return Err(Stopped { hits: judged.hits, ..refuse(403) });
    }
    match desk.bindings.lookup(desk.now, &target.name).is_empty() {
        true => Err(Stopped { hits: judged.hits, ..refuse(480) }),
        false => Ok((target.name.clone(), judged.hits)),
    }
}

/// What the plan's policies say of the text; `None`: it cannot be read, and what cannot be read may hold what is forbidden.
fn judge(desk: &Desk<'_>, message: &Message) -> Option<Judged> {
    if desk.rules.are_empty(desk.wall) || message.body().is_empty() {
        return Some(Judged::default());
    }
    match readable(content_type(message), message.body()) {
        Some(text) => Some(desk.rules.judge(desk.wall, &text)),
        None if desk.rules.forbid_any(desk.wall) => None,
        None => Some(Judged::default()),
    }
}

/// Tells the sender that its text goes nowhere, and why.
fn stop(desk: &mut Desk<'_>, asked: ServerKey, message: &Message, account: &Account, why: Stopped) -> Sent {
    let Stopped { status, to, hits } = why;
    if let Some(reply) = desk.layer.reply(asked, status) {
        let reply = match status {
            403 => reply.header(
                Name::Warning,
                format!("399 {} \"it holds words that a policy forbids\"", desk.realm),
            ),
            415 => reply.header(Name::Accept, "text/plain;charset=utf-8"),
            _ => reply,
        };
        desk.layer.respond(desk.now, asked, reply);
    }
    let (from, octets) = (Masked::new(&account.name), message.body().len());
    Sent { carriers: Vec::new(), report: Some(Report::Text { from, to, octets, contacts: 0, status, hits }) }
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

/// The type of the text with its parameters: without its charset whoever gets it would read something else.
fn content_type(message: &Message) -> &str {
    let whole = message.header_str(Name::ContentType).filter(|value| !value.contains(char::is_control));
    whole.or(message.content_type()).map_or("text/plain", str::trim)
}

/// Of two refusals the one that tells the sender more (RFC 3261 §16.7 step 6), whichever came first: a person's word, then what is
/// wrong with the text, then that nobody is there.
fn better(a: u16, b: u16) -> u16 {
    let rank = |status: u16| match status {
        600..=699 => 0,
        486 => 1,
        400..=407 | 409..=479 | 482..=499 => 2,
        480 | 408 | 481 => 3,
        _ => 4,
    };
    if (rank(b), b) < (rank(a), a) { b } else { a }
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
            (415, 486, 486),
            (603, 600, 600),
        ] {
            assert_eq!(told(better(a, b)), heard, "{a} {b}");
        }
    }

    /// Two phones answer in any order: the sender hears the same.
    #[test]
    fn no_order_of_refusals_changes_what_is_heard() {
        for a in 300..700 {
            for b in 300..700 {
                assert_eq!(better(a, b), better(b, a), "{a} {b}");
            }
        }
    }
}
