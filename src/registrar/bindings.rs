//! Where users are: RFC 3261 §10.3, with the flow of each registration remembered (in the sense of RFC 5626 §5.2).
//!
//! Invariant: a REGISTER changes all that it names or nothing; a binding that is listed has not expired; a user without
//! bindings owns neither memory nor an alarm.

use std::collections::{BTreeSet, HashMap};
use std::fmt::{self, Write as _};
use std::time::Duration;

use crate::base::{Alarms, Time, bounds};
use crate::sip::{Flow, Message, Name, NameAddr, Scheme, UriBuf, quote};

/// One contact of one user.
#[derive(Clone)]
pub struct Binding {
    /// The contact URI as registered, URI headers (`?…`) included: [`Binding::target`] is what a request is sent to.
    pub contact: UriBuf,
    /// The path the REGISTER came on: requests to the contact go back on it.
    pub flow: Flow,
    /// Preference in thousandths, 0 to 1000.
    pub q_thousandths: u16,
    /// When it ends unless it is refreshed.
    pub expires: Time,
    /// When it was last made or refreshed.
    pub refreshed: Time,
    /// The device (`+sip.instance`, RFC 5626), without quotes.
    pub instance: Option<Box<str>>,
    /// Which of its flows (`reg-id`, RFC 5626).
    pub reg_id: Option<u32>,
    /// What the phone calls itself.
    pub user_agent: Option<Box<str>>,
    call_id: Box<[u8]>,
    cseq: u32,
}

impl Binding {
    /// The Request-URI for a request to this contact: without the URI headers (RFC 3261 §19.1.5 forbids them there).
    pub fn target(&self) -> UriBuf {
        let whole = self.contact.as_str();
        let text = whole.split_once('?').map_or(whole, |(uri, _)| uri);
        UriBuf::new(text).unwrap_or_else(|_| self.contact.clone())
    }

    /// Seconds until it ends, rounded up, so that a listed binding never says 0.
    pub fn remaining_s(&self, now: Time) -> u64 {
        self.expires.since(now).as_micros().div_ceil(1_000_000) as u64
    }

    /// As it stands in a Contact header of an answer to REGISTER (RFC 3261 §10.3 item 8).
    pub fn listed(&self, now: Time) -> String {
        let mut text = format!("<{}>;expires={}", self.contact.as_str(), self.remaining_s(now));
        if self.q_thousandths < 1_000 {
            let _ = write!(text, ";q=0.{:03}", self.q_thousandths);
        }
        if let Some(instance) = &self.instance {
            let _ = write!(text, ";+sip.instance={}", quote(instance));
        }
        if let Some(reg_id) = self.reg_id {
            let _ = write!(text, ";reg-id={reg_id}");
        }
        text
    }

    /// Whether both stand for the same phone: the same device and flow number (RFC 5626 §6), else an equivalent URI.
    ///
    /// DEVIATES: RFC 5626 compares devices only where a `reg-id` is given. A desk phone that restarts on another port sends none
    /// and would fill the user's places with its dead contacts.
    fn is_same(&self, other: &Binding) -> bool {
        match (&self.instance, &other.instance) {
            (Some(a), Some(b)) => a == b && self.reg_id == other.reg_id,
            _ => self.contact == other.contact,
        }
    }

    /// Whether a REGISTER with this Call-ID and CSeq comes too late to touch this binding (RFC 3261 §10.3 items 6 and 7).
    fn is_newer_than(&self, call_id: &[u8], cseq: u32) -> bool {
        *self.call_id == *call_id && cseq <= self.cseq
    }
}

/// Why a REGISTER changed nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// `*` beside another contact or without `Expires: 0`, a contact that is no SIP URI, headers missing.
    #[error("contacts cannot be understood")]
    Malformed,
    /// More than [`bounds::BINDINGS_PER_USER`].
    #[error("too many contacts")]
    TooMany,
    /// An expiry below [`bounds::EXPIRES_MIN`]: the answer carries [`Refused::min_expires_s`].
    #[error("expiry is too brief")]
    TooBrief,
    /// An older request than the one that made the binding.
    #[error("request is out of order")]
    OutOfOrder,
}

impl Refused {
    /// The status of the answer.
    pub const fn status(self) -> u16 {
        match self {
            Refused::Malformed => 400,
            Refused::TooMany => 403,
            Refused::TooBrief => 423,
            Refused::OutOfOrder => 500,
        }
    }

    /// The value of Min-Expires, where the answer needs one.
    pub fn min_expires_s(self) -> Option<u64> {
        (self == Refused::TooBrief).then(|| bounds::EXPIRES_MIN.as_secs())
    }
}

/// What a REGISTER did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Change {
    /// Contacts that are new.
    pub added: usize,
    /// Contacts that were refreshed or replaced.
    pub refreshed: usize,
    /// Contacts that are gone.
    pub removed: usize,
}

/// All bindings of all users.
#[derive(Default)]
pub struct Bindings {
    users: HashMap<String, Vec<Binding>>,
    /// Who is reached over which stream.
    streams: BTreeSet<(u64, String)>,
    /// One alarm a user: its earliest expiry.
    alarms: Alarms<String>,
}

impl Bindings {
    /// Nobody is registered.
    pub fn new() -> Bindings {
        Bindings::default()
    }

    /// Carries out a REGISTER of `user` (whose right to do so was checked) that came over `flow`. Without a Contact it only asks.
    /// The answer is 200 with one Contact for each of [`Bindings::contacts`].
    ///
    /// # Errors
    /// [`Refused`]; then nothing changed.
    pub fn register(
        &mut self,
        now: Time,
        user: &str,
        request: &Message,
        flow: Flow,
    ) -> Result<Change, Refused> {
        self.expire(now, user);
        let old = self.users.get(user).map_or(&[][..], Vec::as_slice);
        let (next, change) = match request.list(Name::Contact).any(|contact| contact == b"*") {
            true => (Vec::new(), unregister_all(old, request)?),
            false => updated(old, &wanted(now, request, flow)?)?,
        };
        self.put(user, next);
        Ok(change)
    }

    /// The bindings of `user`, the preferred and then the latest first.
    pub fn lookup(&self, now: Time, user: &str) -> Vec<Binding> {
        let mut found: Vec<Binding> = self.live(now, user).cloned().collect();
        found.sort_by_key(|b| (std::cmp::Reverse(b.q_thousandths), std::cmp::Reverse(b.refreshed)));
        found
    }

    /// The Contact values that an answer to `user`'s REGISTER carries.
    pub fn contacts(&self, now: Time, user: &str) -> impl Iterator<Item = String> {
        self.live(now, user).map(move |binding| binding.listed(now))
    }

    /// Forgets the bindings that a broken stream leaves unreachable; returns whose they were. A phone that is alive opens another.
    pub fn flow_failed(&mut self, flow: &Flow) -> Vec<String> {
        if flow.connection == 0 {
            return Vec::new();
        }
        let from = (flow.connection, String::new());
        let users: Vec<String> = self
            .streams
            .range(from..)
            .take_while(|(connection, _)| *connection == flow.connection)
            .map(|(_, user)| user.clone())
            .collect();
        for user in &users {
            let rest = self
                .users
                .get(user)
                .into_iter()
                .flatten()
                .filter(|b| b.flow.connection != flow.connection)
                .cloned()
                .collect();
            self.put(user, rest);
        }
        users
    }

    /// Forgets all bindings of `user` (the account is gone or locked).
    pub fn forget(&mut self, user: &str) {
        self.put(user, Vec::new());
    }

    /// Removes what has expired by `now`.
    pub fn fire(&mut self, now: Time) {
        while let Some(user) = self.alarms.pop_due(now) {
            self.expire(now, &user);
        }
    }

    /// When [`Bindings::fire`] has something to do.
    pub fn deadline(&self) -> Option<Time> {
        self.alarms.deadline()
    }

    /// Every user with its bindings, in no order (for `ledgerline phones`).
    pub fn all(&self) -> impl Iterator<Item = (&str, &[Binding])> {
        self.users.iter().map(|(user, bindings)| (user.as_str(), bindings.as_slice()))
    }

    /// How many users are registered.
    pub fn len(&self) -> usize {
        self.users.len()
    }

    /// Whether nobody is registered.
    pub fn is_empty(&self) -> bool {
        self.users.is_empty() && self.streams.is_empty()
    }

    fn live(&self, now: Time, user: &str) -> impl Iterator<Item = &Binding> {
        self.users.get(user).into_iter().flatten().filter(move |b| b.expires > now)
    }

    fn expire(&mut self, now: Time, user: &str) {
        let Some(bindings) = self.users.get(user).filter(|all| all.iter().any(|b| b.expires <= now)) else {
            return;
        };
        let rest = bindings.iter().filter(|b| b.expires > now).cloned().collect();
        self.put(user, rest);
    }

    /// Makes `bindings` all that `user` has, and sets the alarm accordingly.
    fn put(&mut self, user: &str, bindings: Vec<Binding>) {
        for old in self.users.get(user).into_iter().flatten().filter(|b| b.flow.connection != 0) {
            self.streams.remove(&(old.flow.connection, user.to_string()));
        }
        for new in bindings.iter().filter(|b| b.flow.connection != 0) {
            self.streams.insert((new.flow.connection, user.to_string()));
        }
        match bindings.iter().map(|b| b.expires).min() {
            Some(first) => {
                self.alarms.set(user.to_string(), first);
                self.users.insert(user.to_string(), bindings);
            }
            None => {
                self.alarms.clear(&user.to_string());
                self.users.remove(user);
            }
        }
    }
}

impl fmt::Debug for Binding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Binding({:?} until {:?})", self.contact, self.expires)
    }
}

impl fmt::Debug for Bindings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Bindings({} users)", self.users.len())
    }
}

/// `Contact: *` (RFC 3261 §10.2.2): alone, with `Expires: 0`, and not older than any binding.
fn unregister_all(old: &[Binding], request: &Message) -> Result<Change, Refused> {
    if request.list(Name::Contact).count() != 1 || request.expires() != Some(0) {
        return Err(Refused::Malformed);
    }
    let (call_id, cseq) = order(request)?;
    match old.iter().any(|b| b.is_newer_than(call_id, cseq)) {
        true => Err(Refused::OutOfOrder),
        false => Ok(Change { removed: old.len(), ..Change::default() }),
    }
}

fn order(request: &Message) -> Result<(&[u8], u32), Refused> {
    let cseq = request.cseq().ok_or(Refused::Malformed)?;
    Ok((request.call_id().ok_or(Refused::Malformed)?, cseq.number))
}

/// The bindings that `request` asks for; those to be removed have `expires == now`.
fn wanted(now: Time, request: &Message, flow: Flow) -> Result<Vec<Binding>, Refused> {
    let (call_id, cseq) = order(request)?;
    let user_agent = request.header_str(Name::UserAgent);
    let mut all = Vec::new();
    for contact in request.list(Name::Contact) {
        let contact = NameAddr::parse(contact).map_err(|_| Refused::Malformed)?;
        if !matches!(contact.uri().scheme(), Scheme::Sip | Scheme::Sips) {
            return Err(Refused::Malformed);
        }
        all.push(Binding {
            contact: contact.uri().into(),
            flow,
            q_thousandths: contact.q_thousandths().unwrap_or(1_000),
            expires: now + lifetime(request, &contact)?,
            refreshed: now,
            instance: contact.params().get("+sip.instance").map(Into::into),
            reg_id: contact.params().get("reg-id").and_then(|id| id.parse().ok()),
            user_agent: user_agent.map(|text| text.chars().take(bounds::USER_AGENT_CHARS).collect()),
            call_id: call_id.into(),
            cseq,
        });
        if all.len() > 2 * bounds::BINDINGS_PER_USER {
            return Err(Refused::TooMany);
        }
    }
    Ok(all)
}

/// How long `contact` is to live: its own `expires`, else the request's, else the default; never longer than the maximum.
/// What is no number counts as the default (RFC 3261 §20.10, §20.19).
fn lifetime(request: &Message, contact: &NameAddr<'_>) -> Result<Duration, Refused> {
    let asked = match contact.params().has("expires") {
        true => contact.expires(),
        false => request.expires(),
    };
    match asked.map_or(bounds::EXPIRES_DEFAULT, |s| Duration::from_secs(s.into())) {
        Duration::ZERO => Ok(Duration::ZERO),
        brief if brief < bounds::EXPIRES_MIN => Err(Refused::TooBrief),
        long => Ok(long.min(bounds::EXPIRES_MAX)),
    }
}

/// `old` after `wanted`; the order rules are asked of `old` alone, since one request may name a contact twice.
fn updated(old: &[Binding], wanted: &[Binding]) -> Result<(Vec<Binding>, Change), Refused> {
    let (mut next, mut change) = (old.to_vec(), Change::default());
    for new in wanted {
        if old.iter().any(|b| b.is_same(new) && b.is_newer_than(&new.call_id, new.cseq)) {
            return Err(Refused::OutOfOrder);
        }
        let place = next.iter().position(|b| b.is_same(new));
        match (place, new.expires > new.refreshed) {
            (Some(at), true) => {
                next[at] = new.clone();
                change.refreshed += 1;
            }
            (Some(at), false) => {
                next.remove(at);
                change.removed += 1;
            }
            (None, true) => {
                next.push(new.clone());
                change.added += 1;
            }
            (None, false) => {}
        }
    }
    match next.len() > bounds::BINDINGS_PER_USER {
        true => Err(Refused::TooMany),
        false => Ok((next, change)),
    }
}
