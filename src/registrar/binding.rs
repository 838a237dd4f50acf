//! One contact of one user, and how it is shown: in a Contact header, as a GRUU, as a Route.
//!
//! Invariant: a binding's `id` names it and nothing else for the life of the node; it survives a refresh.

use std::fmt::{self, Write as _};
use std::time::Duration;

use crate::base::Time;
use crate::sip::{Flow, UriBuf, quote, unescape};

/// One contact of one user.
#[derive(Clone)]
pub struct Binding {
    /// Its number, kept over refreshes; 0 until it is one of a user's bindings.
    pub id: u64,
    /// The contact URI as registered, URI headers (`?…`) included: [`Binding::target`] is what a request is sent to.
    pub contact: UriBuf,
    /// The path the REGISTER came on: requests to the contact go back on it.
    pub flow: Flow,
    /// The proxies between us and the phone, nearest first: the Route of every request to it (RFC 3327 §5.3).
    pub path: Box<[UriBuf]>,
    /// Preference in thousandths, 0 to 1000.
    pub q_thousandths: u16,
    /// When it ends unless it is refreshed.
    pub expires: Time,
    /// When it was last made or refreshed.
    pub refreshed: Time,
    /// The device (`+sip.instance`, RFC 5626), without quotes.
    pub instance: Option<Box<str>>,
    /// Which of its flows (`reg-id`, RFC 5626); only when the phone supports `outbound`.
    pub reg_id: Option<u32>,
    /// What the phone calls itself.
    pub user_agent: Option<Box<str>>,
    /// Its temporary GRUUs that are still good, the user parts alone, oldest first (RFC 5627 §3.1.2).
    pub temporary: Vec<Box<str>>,
    /// Whether it answers.
    pub reach: Reach,
    pub(super) call_id: Box<[u8]>,
    pub(super) cseq: u32,
}

/// What is known of whether a contact answers: from OPTIONS that the switch sends it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Reach {
    /// How long its last answer took.
    pub round_trip: Option<Duration>,
    /// Questions in a row that it did not answer.
    pub misses: u8,
}

impl Reach {
    /// Unanswered questions after which a contact counts as dead. One may be chance.
    const DEAD: u8 = 2;

    /// Whether it has been silent for too long. It may still be rung, when its user has no better contact.
    pub const fn is_dead(self) -> bool {
        self.misses >= Reach::DEAD
    }

    /// For people.
    pub const fn word(self) -> &'static str {
        match (self.is_dead(), self.round_trip) {
            (true, _) => "dead",
            (false, Some(_)) => "answers",
            (false, None) => "unasked",
        }
    }
}

impl Binding {
    /// Somebody who is reached at `contact` over `flow` without having registered: the far end of a trunk.
    pub fn toward(contact: UriBuf, flow: Flow, now: Time) -> Binding {
        Binding {
            id: 0,
            contact,
            flow,
            path: Box::default(),
            q_thousandths: 1_000,
            expires: now,
            refreshed: now,
            instance: None,
            reg_id: None,
            user_agent: None,
            temporary: Vec::new(),
            reach: Reach::default(),
            call_id: Box::default(),
            cseq: 0,
        }
    }

    /// The Request-URI for a request to this contact: without the URI headers (RFC 3261 §19.1.5 forbids them there).
    pub fn target(&self) -> UriBuf {
        let whole = self.contact.as_str();
        let text = whole.split_once('?').map_or(whole, |(uri, _)| uri);
        UriBuf::new(text).unwrap_or_else(|_| self.contact.clone())
    }

    /// The Route values of a request to this contact, in order; none when nothing stands between.
    pub fn routes(&self) -> impl Iterator<Item = String> {
        self.path.iter().map(|uri| format!("<{}>", uri.as_str()))
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

    /// As [`Binding::listed`], with the GRUUs of `user` at `domain` for a phone that supports them (RFC 5627 §5.3).
    pub fn listed_with_gruus(&self, now: Time, user: &str, domain: &str) -> String {
        let mut text = self.listed(now);
        if let Some(device) = self.device() {
            let user = crate::sip::escape_user(user);
            let _ = write!(text, ";pub-gruu=\"sip:{user}@{domain};gr={}\"", in_parameter(device));
            if let Some(newest) = self.temporary.last() {
                let _ = write!(text, ";temp-gruu=\"sip:{newest}@{domain};gr\"");
            }
        }
        text
    }

    /// Whether it belongs to the device that the `gr` parameter of a public GRUU names.
    pub fn is_device(&self, gr: &str) -> bool {
        self.device().is_some_and(|device| device.eq_ignore_ascii_case(&unescape(gr)))
    }

    /// Whether `other` is another flow of the same device (RFC 5626 §4.2): one of them is enough to reach it.
    pub fn is_flow_beside(&self, other: &Binding) -> bool {
        self.instance.is_some() && self.instance == other.instance && self.reg_id != other.reg_id
    }

    /// The instance without its angle brackets.
    fn device(&self) -> Option<&str> {
        let instance = self.instance.as_deref()?;
        Some(instance.strip_prefix('<').and_then(|rest| rest.strip_suffix('>')).unwrap_or(instance))
    }

    /// Whether both stand for the same phone: the same device and flow number (RFC 5626 §6), else an equivalent URI.
    ///
    /// DEVIATES: RFC 5626 compares devices only where a `reg-id` is given. A desk phone that restarts on another port sends none
    /// and would fill the user's places with its dead contacts.
    pub(super) fn is_same(&self, other: &Binding) -> bool {
        match (&self.instance, &other.instance) {
            (Some(a), Some(b)) => a == b && self.reg_id == other.reg_id,
            _ => self.contact == other.contact,
        }
    }

    /// Whether a REGISTER with this Call-ID and CSeq comes too late to touch this binding (RFC 3261 §10.3 items 6 and 7).
    pub(super) fn is_newer_than(&self, call_id: &[u8], cseq: u32) -> bool {
        *self.call_id == *call_id && cseq <= self.cseq
    }
}

/// `text` fit for the value of a URI parameter (RFC 3261 §25.1 `paramchar`).
fn in_parameter(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.bytes() {
        if c.is_ascii_alphanumeric() || b"-_.!~*'():/&+$[]".contains(&c) {
            out.push(char::from(c));
        } else {
            let _ = write!(out, "%{c:02X}");
        }
    }
    out
}

impl fmt::Debug for Binding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Binding({:?} until {:?})", self.contact, self.expires)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_contact_is_dead_after_two_silences_and_alive_after_one_answer() {
        for (misses, round_trip, word) in [
            (0, None, "unasked"),
            (1, None, "unasked"),
            (1, Some(Duration::from_millis(3)), "answers"),
            (2, Some(Duration::from_millis(3)), "dead"),
            (9, None, "dead"),
        ] {
            assert_eq!(Reach { round_trip, misses }.word(), word);
        }
    }

    #[test]
    fn what_a_device_calls_itself_fits_a_parameter() {
        for (device, written) in [
            ("urn:uuid:f81d-4fae", "urn:uuid:f81d-4fae"),
            ("a;b=\"c\" d", "a%3Bb%3D%22c%22%20d"),
            ("é", "%C3%A9"),
        ] {
            assert_eq!(in_parameter(device), written);
            assert_eq!(unescape(&in_parameter(device)), device);
        }
    }
}
