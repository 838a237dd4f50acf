//! Reliable provisional responses: RFC 3262, in both roles.
//!
//! [`Reliable`] is one of ours until its PRACK comes; [`Order`] keeps what a peer sends in order.
//! Invariant: RSeq numbers of one INVITE rise by one; a response that is out of order is neither acknowledged nor believed.

use std::time::Duration;

use super::Ring;
use crate::base::{Random, Time};
use crate::sip::{Message, Method, Name};
use crate::transaction::{T1, TRIES};

/// The option tag.
pub const OPTION: &str = "100rel";

/// A reliable provisional response of ours that waits for its PRACK (RFC 3262 §3). The transaction repeats nothing by itself: when this
/// rings, it is sent again; 64 × T1 after it was sent the INVITE is to be refused with a 5xx.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reliable {
    rseq: u32,
    cseq: u32,
    gap: Duration,
    due: Time,
    end: Time,
}

impl Reliable {
    /// A response with this RSeq to the INVITE with this CSeq number was sent at `now`.
    pub fn new(now: Time, rseq: u32, cseq: u32) -> Reliable {
        Reliable { rseq, cseq, gap: T1, due: now + T1, end: now + TRIES }
    }

    /// When it rings next.
    pub fn due(&self) -> Time {
        self.due
    }

    /// It rings. Unlike a 2xx's, the gaps double without an upper limit (RFC 3262 §3).
    pub fn ring(&mut self, now: Time) -> Ring {
        if now >= self.end {
            return Ring::GiveUp;
        }
        self.gap *= 2;
        self.due = (now + self.gap).min(self.end);
        Ring::Repeat
    }

    /// Whether `prack` acknowledges it: its RAck names this RSeq, this CSeq number and INVITE. A PRACK for anything else gets 481.
    pub fn is_acknowledged_by(&self, prack: &Message) -> bool {
        prack.header(Name::RAck).and_then(read_rack) == Some((self.rseq, self.cseq))
    }
}

/// The first RSeq of an INVITE: random, within the lower half, so that it can rise (RFC 3262 §3).
pub fn first_rseq(random: &mut Random) -> u32 {
    1 + (random.next_u32() & 0x3fff_ffff)
}

/// What a provisional response is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Standing {
    /// Sent without reliability.
    Plain,
    /// Reliable and the next one: a PRACK with this RAck value is owed (`RSeq CSeq INVITE`).
    Next(u32),
    /// Reliable and taken already: its PRACK is under way.
    Again,
    /// Reliable, and one before it has not come yet: it is as if it had not come (RFC 3262 §4).
    Early,
}

/// The reliable provisional responses of one early dialog, as they come.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Order {
    last: Option<u32>,
}

impl Order {
    /// Nothing has come.
    pub const fn new() -> Order {
        Order { last: None }
    }

    /// Takes a provisional response.
    pub fn take(&mut self, response: &Message) -> Standing {
        let rseq = response.header_str(Name::RSeq).and_then(|text| text.trim().parse::<u32>().ok());
        let Some(rseq) = rseq.filter(|_| response.lists(Name::Require, OPTION)) else {
            return Standing::Plain;
        };
        match self.last {
            None => {}
            Some(last) if rseq <= last => return Standing::Again,
            Some(last) if rseq == last.saturating_add(1) => {}
            Some(_) => return Standing::Early,
        }
        self.last = Some(rseq);
        Standing::Next(rseq)
    }
}

/// The RAck value for a response: `rseq` of an INVITE with CSeq number `cseq` (RFC 3262 §7.2).
pub fn rack(rseq: u32, cseq: u32) -> String {
    format!("{rseq} {cseq} INVITE")
}

/// The RSeq and the CSeq number of a RAck value for an INVITE.
fn read_rack(value: &[u8]) -> Option<(u32, u32)> {
    let mut words = std::str::from_utf8(value).ok()?.split_ascii_whitespace();
    let (rseq, cseq, method) = (words.next()?, words.next()?, words.next()?);
    let ours = words.next().is_none() && method == Method::Invite.as_str();
    Some((rseq.parse().ok()?, cseq.parse().ok()?)).filter(|_| ours)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_repeated_with_doubled_gaps_until_64_t1() {
        let start = Time::from_millis(1_000);
        let mut reliable = Reliable::new(start, 7, 1);
        let mut rings = Vec::new();
        let end = loop {
            let now = reliable.due();
            match reliable.ring(now) {
                Ring::Repeat => rings.push((now - start).as_millis()),
                Ring::GiveUp => break (now - start).as_millis(),
            }
        };
        assert_eq!((rings, end), (vec![500, 1_500, 3_500, 7_500, 15_500, 31_500], 32_000));
    }

    fn message(start: &str, lines: &str) -> Message {
        let text = format!(
            "{start}\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKx\r\nFrom: <sip:a@x>;tag=1\r\nTo: <sip:b@x>;tag=2\r\n\
             Call-ID: 1\r\n{lines}\r\n"
        );
        Message::parse(text.into()).expect("well formed")
    }

    #[test]
    fn a_rack_must_name_the_response() {
        let reliable = Reliable::new(Time::ZERO, 776_656, 1);
        for (rack, acknowledges) in [
            ("RAck: 776656 1 INVITE\r\n", true),
            ("RAck:  776656  1  INVITE\r\n", true),
            ("RAck: 776655 1 INVITE\r\n", false),
            ("RAck: 776656 2 INVITE\r\n", false),
            ("RAck: 776656 1 OPTIONS\r\n", false),
            ("RAck: 776656 1\r\n", false),
            ("RAck: 776656 1 INVITE x\r\n", false),
            ("RAck: 99999999999 1 INVITE\r\n", false),
            ("", false),
        ] {
            let prack = message("PRACK sip:b@x SIP/2.0", &format!("CSeq: 2 PRACK\r\n{rack}"));
            assert_eq!(reliable.is_acknowledged_by(&prack), acknowledges, "{rack:?}");
        }
    }

    #[test]
    fn responses_are_taken_in_order() {
        let mut order = Order::new();
        for (lines, standing) in [
            ("", Standing::Plain),
            ("RSeq: 9\r\n", Standing::Plain),
            ("Require: 100rel\r\n", Standing::Plain),
            ("Require: 100rel\r\nRSeq: 9\r\n", Standing::Next(9)),
            ("Require: 100rel\r\nRSeq: 9\r\n", Standing::Again),
            ("Require: 100rel\r\nRSeq: 11\r\n", Standing::Early),
            ("Require: 100rel\r\nRSeq: 10\r\n", Standing::Next(10)),
            ("Require: foo, 100rel\r\nRSeq: 11\r\n", Standing::Next(11)),
            ("", Standing::Plain),
        ] {
            let response = message("SIP/2.0 183 Session Progress", &format!("CSeq: 1 INVITE\r\n{lines}"));
            assert_eq!(order.take(&response), standing, "{lines:?}");
        }
        assert_eq!(rack(9, 1), "9 1 INVITE");
    }

    #[test]
    fn the_first_number_can_rise() {
        let mut random = Random::from_number(1);
        assert!((0..1_000).map(|_| first_rseq(&mut random)).all(|rseq| (1..1 << 31).contains(&rseq)));
    }
}
