//! What phones publish of their users: RFC 3903, with one document a publication and an entity tag that changes with every request.
//!
//! Invariant: a publication belongs to the user who made it; a tag that is not current changes nothing.

use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

use crate::base::{Alarms, Random, Time, bounds};
use crate::sip::{Message, Name};

use super::package::{Named, Package};
use super::pidf::Status;

/// One publication.
struct Publication {
    tag: Box<str>,
    status: Status,
    /// Tells it from others of the user for as long as it lives.
    number: u64,
    expires: Time,
}

/// All publications of all users.
#[derive(Default)]
pub struct Publications {
    of_user: HashMap<String, Vec<Publication>>,
    alarms: Alarms<(String, u64)>,
    last_number: u64,
}

/// A PUBLISH was carried out: the headers of its 200.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// SIP-ETag.
    pub tag: String,
    /// Expires, in seconds.
    pub expires_s: u64,
}

/// Why a PUBLISH changed nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Its body cannot be read, or it has none where one is needed (RFC 3903 §6 step 6).
    #[error("nothing readable is published")]
    Unreadable,
    /// Its SIP-If-Match names no publication of this user (§6 step 3).
    #[error("no such publication")]
    NoMatch,
    /// Its body is of another type, or encoded.
    #[error("another kind of document")]
    Kind,
    /// Its package is not published here.
    #[error("another event package")]
    Package,
    /// Its expiry is below [`bounds::EVENT_EXPIRES_MIN`].
    #[error("expiry is too brief")]
    TooBrief,
    /// Its body is longer than [`bounds::PUBLISHED_BYTES`].
    #[error("document is too long")]
    TooLong,
}

impl Refused {
    /// The status of the answer.
    pub const fn status(self) -> u16 {
        match self {
            Refused::Unreadable => 400,
            Refused::NoMatch => 412,
            Refused::TooLong => 413,
            Refused::Kind => 415,
            Refused::TooBrief => 423,
            Refused::Package => 489,
        }
    }
}

impl Publications {
    /// Carries out a PUBLISH of `user` for itself (that it may was checked): initial, refresh, modification or removal (RFC 3903 §4).
    ///
    /// # Errors
    /// [`Refused`]; then nothing changed.
    pub fn publish(
        &mut self,
        now: Time,
        random: &mut Random,
        user: &str,
        request: &Message,
    ) -> Result<Published, Refused> {
        if Named::of(request).is_none_or(|named| named.package != Package::Presence) {
            return Err(Refused::Package);
        }
        let old = request.header_str(Name::SipIfMatch);
        let number = match old {
            Some(tag) => Some(self.number_of(now, user, tag).ok_or(Refused::NoMatch)?),
            None => None,
        };
        let lifetime = lifetime(request)?;
        let status = published(request, number.is_some())?;
        let tag = random.token(16);
        let number = number.unwrap_or_else(|| {
            self.last_number += 1;
            self.last_number
        });
        match lifetime {
            Duration::ZERO => self.remove(user, number),
            _ => self.put(user, number, &tag, status, now + lifetime),
        }
        Ok(Published { tag, expires_s: lifetime.as_secs() })
    }

    /// What `user`'s phones say of it, the one that spoke last first.
    pub fn of(&self, now: Time, user: &str) -> impl Iterator<Item = &Status> {
        let all = self.of_user.get(user).into_iter().flatten().rev();
        all.filter(move |publication| publication.expires > now).map(|publication| &publication.status)
    }

    /// Forgets everything of `user`.
    pub fn forget(&mut self, user: &str) {
        let numbers: Vec<u64> = self.of_user.get(user).into_iter().flatten().map(|p| p.number).collect();
        for number in numbers {
            self.remove(user, number);
        }
    }

    /// Removes one publication that has lapsed by `now` and says whose; call until `None`.
    pub fn pop_lapsed(&mut self, now: Time) -> Option<String> {
        let (user, number) = self.alarms.pop_due(now)?;
        self.remove(&user, number);
        Some(user)
    }

    /// When [`Publications::pop_lapsed`] has something.
    pub fn deadline(&self) -> Option<Time> {
        self.alarms.deadline()
    }

    /// Whether nobody has published anything.
    pub fn is_empty(&self) -> bool {
        self.of_user.is_empty() && self.alarms.is_empty()
    }

    fn number_of(&self, now: Time, user: &str, tag: &str) -> Option<u64> {
        let mut all = self.of_user.get(user)?.iter();
        all.find(|publication| *publication.tag == *tag && publication.expires > now).map(|p| p.number)
    }

    /// Puts a publication last; the one that would lapse first makes room where there is none.
    fn put(&mut self, user: &str, number: u64, tag: &str, status: Option<Status>, expires: Time) {
        let all = self.of_user.entry(user.to_string()).or_default();
        let old = all.iter().position(|publication| publication.number == number);
        let old = old.map(|at| all.remove(at).status);
        all.push(Publication {
            tag: tag.into(),
            status: status.or(old).unwrap_or_default(),
            number,
            expires,
        });
        let first = all.iter().min_by_key(|publication| publication.expires).map(|p| p.number);
        let full = all.len() > bounds::PUBLICATIONS_PER_USER;
        self.alarms.set((user.to_string(), number), expires);
        if let Some(first) = first.filter(|_| full) {
            self.remove(user, first);
        }
    }

    fn remove(&mut self, user: &str, number: u64) {
        self.alarms.clear(&(user.to_string(), number));
        if let Some(all) = self.of_user.get_mut(user) {
            all.retain(|publication| publication.number != number);
            if all.is_empty() {
                self.of_user.remove(user);
            }
        }
    }
}

impl fmt::Debug for Publications {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Publications({} users)", self.of_user.len())
    }
}

fn lifetime(request: &Message) -> Result<Duration, Refused> {
    match request.expires().map(|s| Duration::from_secs(s.into())) {
        None => Ok(bounds::EVENT_EXPIRES_DEFAULT),
        Some(Duration::ZERO) => Ok(Duration::ZERO),
        Some(brief) if brief < bounds::EVENT_EXPIRES_MIN => Err(Refused::TooBrief),
        Some(long) => Ok(long.min(bounds::EVENT_EXPIRES_MAX)),
    }
}

/// The document; `None` where a refresh or removal repeats none.
fn published(request: &Message, known: bool) -> Result<Option<Status>, Refused> {
    if request.body().is_empty() {
        return if known || request.expires() == Some(0) { Ok(None) } else { Err(Refused::Unreadable) };
    }
    if request.body().len() > bounds::PUBLISHED_BYTES {
        return Err(Refused::TooLong);
    }
    let kind = request.content_type().unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    let encoded =
        request.header(Name::ContentEncoding).is_some_and(|coding| !coding.eq_ignore_ascii_case(b"identity"));
    if encoded || !kind.eq_ignore_ascii_case(Package::Presence.content_type()) {
        return Err(Refused::Kind);
    }
    Status::read(request.body()).map(Some).map_err(|_| Refused::Unreadable)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn publish(lines: &str, body: &str) -> Message {
        let kind = if body.is_empty() { "" } else { "Content-Type: application/pidf+xml\r\n" };
        let text = format!(
            "PUBLISH sip:a@h SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bKa\r\nFrom: <sip:a@h>;tag=1\r\nTo: <sip:a@h>\r\n\
             Call-ID: 1\r\nCSeq: 1 PUBLISH\r\n{lines}{kind}\r\n{body}"
        );
        Message::parse(text.into()).expect("well formed")
    }

    const OPEN: &str = "<presence><tuple id='1'><status><basic>open</basic></status></tuple></presence>";
    const AWAY: &str = "<presence><note>away</note></presence>";

    struct Bench {
        publications: Publications,
        random: Random,
        now: Time,
    }

    impl Bench {
        fn new() -> Bench {
            Bench { publications: Publications::default(), random: Random::from_number(1), now: Time::ZERO }
        }

        fn says(&mut self, lines: &str, body: &str) -> Result<Published, Refused> {
            self.publications.publish(self.now, &mut self.random, "a", &publish(lines, body))
        }

        fn open(&self) -> Vec<bool> {
            self.publications.of(self.now, "a").map(|status| status.open).collect()
        }
    }

    #[test]
    fn a_publication_is_made_refreshed_changed_and_removed() {
        let mut bench = Bench::new();
        let made = bench.says("Event: presence\r\nExpires: 600\r\n", OPEN).expect("made");
        assert_eq!((made.expires_s, bench.open()), (600, vec![true]));
        let again = format!("Event: presence\r\nExpires: 600\r\nSIP-If-Match: {}\r\n", made.tag);
        let refreshed = bench.says(&again, "").expect("refreshed");
        assert_ne!(refreshed.tag, made.tag);
        assert_eq!(bench.open(), [true]);
        assert_eq!(bench.says(&again, OPEN), Err(Refused::NoMatch), "a tag serves once");
        let change = format!("Event: presence\r\nSIP-If-Match: {}\r\n", refreshed.tag);
        let changed = bench.says(&change, AWAY).expect("changed");
        assert_eq!((changed.expires_s, bench.open()), (3_600, vec![false]));
        let remove = format!("Event: presence\r\nExpires: 0\r\nSIP-If-Match: {}\r\n", changed.tag);
        assert_eq!(bench.says(&remove, "").map(|gone| gone.expires_s), Ok(0));
        assert!(bench.publications.is_empty());
    }

    #[test]
    fn what_is_wrong_with_a_publish_is_said() {
        let presence = "Event: presence\r\n";
        let bomb = "<!DOCTYPE a [<!ENTITY b \"c\">]><presence/>";
        let long = format!("<presence>{}</presence>", " ".repeat(bounds::PUBLISHED_BYTES));
        for (lines, body, refused) in [
            (presence.to_string(), "", Refused::Unreadable),
            (presence.to_string(), bomb, Refused::Unreadable),
            (presence.to_string(), long.as_str(), Refused::TooLong),
            ("Event: dialog\r\n".into(), OPEN, Refused::Package),
            (String::new(), OPEN, Refused::Package),
            (format!("{presence}Expires: 5\r\n"), OPEN, Refused::TooBrief),
            (format!("{presence}SIP-If-Match: x\r\n"), OPEN, Refused::NoMatch),
            (format!("{presence}Content-Encoding: gzip\r\n"), OPEN, Refused::Kind),
        ] {
            let mut bench = Bench::new();
            assert_eq!(bench.says(&lines, body), Err(refused), "{lines}");
            assert!(bench.publications.is_empty());
        }
    }

    #[test]
    fn publications_lapse_and_make_room() {
        let mut bench = Bench::new();
        for n in 0..=bounds::PUBLICATIONS_PER_USER as u64 {
            bench.says(&format!("Event: presence\r\nExpires: {}\r\n", 100 + n), OPEN).expect("made");
        }
        assert_eq!(bench.open().len(), bounds::PUBLICATIONS_PER_USER);
        bench.now = Time::from_millis(101_000);
        assert_eq!(
            bench.publications.pop_lapsed(bench.now).as_deref(),
            Some("a"),
            "the second; the first made room"
        );
        bench.now = Time::from_millis(1_000_000);
        while bench.publications.pop_lapsed(bench.now).is_some() {}
        assert!(bench.publications.is_empty());
    }
}
