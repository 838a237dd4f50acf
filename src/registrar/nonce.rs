//! Nonces that prove their own age, and the count each was last used with.
//!
//! A nonce is `time ‖ random ‖ HMAC` in hexadecimal, the HMAC over both and the address that asked: an unused one costs no memory, so a flood of challenges costs none either.
//! Invariant: a count is stored only by [`Nonces::spend`], after the digest was verified; what was ever spent is never accepted
//! again, also not after it was evicted.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::ops::Bound;
use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::base::{Random, Time, bounds, hex, unhex};

/// Octets of a nonce: six of time, six random, eight of HMAC.
const LEN: usize = 20;
/// The part that the HMAC covers and by which a nonce is known.
const ID: usize = 12;

type Id = [u8; ID];

/// What a nonce that a peer shows is worth.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Worth {
    /// Ours, young, and this count was not used: [`Nonces::spend`] it once the digest is verified.
    Fresh(Ticket),
    /// Not ours, too old, or used: a peer that proves itself with it is to try again with a new one (`stale=true`).
    Stale,
}

/// The right to spend one count of one nonce.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ticket {
    id: Id,
    count: u32,
}

/// Mints nonces and remembers counts.
pub struct Nonces {
    /// The HMAC with its secret in: only what it covers is still to come.
    seal: Hmac<Sha256>,
    random: Random,
    /// The last count of each nonce that was used; the key begins with the time of issue, so the first is the oldest.
    counts: BTreeMap<Id, u32>,
    /// Nonces up to this one are no longer known and count as used.
    floor: Id,
}

impl Nonces {
    /// A mint with a secret of its own.
    pub fn new(random: &mut Random) -> Nonces {
        let mut random = random.fork();
        let mut secret = Zeroizing::new([0; 64]);
        random.fill(&mut secret[..32]);
        let seal = Hmac::new((&*secret).into());
        Nonces { seal, random, counts: BTreeMap::new(), floor: [0; ID] }
    }

    /// A new nonce for whoever is at `source`: 40 hexadecimal digits. It is good for nothing from elsewhere, so that nobody can prove, or
    /// fail to prove, anything in the name of an address where they do not hear.
    pub fn mint(&mut self, now: Time, source: IpAddr) -> String {
        let mut nonce = [0; LEN];
        let (time, rest) = nonce.split_at_mut(6);
        time.copy_from_slice(&millis(now).to_be_bytes()[2..]);
        self.random.fill(&mut rest[..6]);
        let mut id = [0; ID];
        id.copy_from_slice(&nonce[..ID]);
        nonce[ID..].copy_from_slice(&self.seal(&id, source));
        hex(&nonce)
    }

    /// What `nonce` with `count` is worth, shown by `source`. `count` is the request's `nc`; `None` (no `qop`) needs a nonce that was never used
    /// and uses it up.
    pub fn weigh(&self, now: Time, source: IpAddr, nonce: &[u8], count: Option<u32>) -> Worth {
        let Some(id) = self.open(nonce, source) else { return Worth::Stale };
        let issued = id.iter().take(6).fold(0, |ms, byte| ms << 8 | u64::from(*byte));
        let age = millis(now).checked_sub(issued).map(Duration::from_millis);
        let young = age.is_some_and(|age| age <= bounds::NONCE_LIFETIME);
        let last = self.counts.get(&id).copied().unwrap_or(0);
        let unused = match count {
            Some(count) => count > last,
            None => last == 0,
        };
        match young && unused && id > self.floor {
            true => Worth::Fresh(Ticket { id, count: count.unwrap_or(u32::MAX) }),
            false => Worth::Stale,
        }
    }

    /// Marks a count as used. Call it when, and only when, the digest that came with it was right.
    pub fn spend(&mut self, now: Time, ticket: Ticket) {
        self.counts.insert(ticket.id, ticket.count);
        let oldest = millis(now).saturating_sub(bounds::NONCE_LIFETIME.as_millis() as u64);
        while let Some(first) = self.counts.first_entry() {
            let expired = first.key().iter().take(6).fold(0, |ms, byte| ms << 8 | u64::from(*byte)) < oldest;
            if !expired && self.counts.len() <= bounds::NONCES {
                break;
            }
            if let Some((id, _)) = self.counts.pop_first() {
                self.floor = self.floor.max(id);
            }
        }
    }

    /// How many nonces are remembered.
    pub fn len(&self) -> usize {
        self.counts.range::<Id, _>((Bound::Excluded(self.floor), Bound::Unbounded)).count()
    }

    /// Whether none is remembered.
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    fn open(&self, nonce: &[u8], source: IpAddr) -> Option<Id> {
        let bytes: [u8; LEN] = unhex(nonce)?;
        let (id, mac) = bytes.split_first_chunk::<ID>()?;
        bool::from(self.seal(id, source).ct_eq(mac)).then_some(*id)
    }

    fn seal(&self, id: &Id, source: IpAddr) -> [u8; LEN - ID] {
        let (mut seal, mut mac) = ([0; LEN - ID], self.seal.clone());
        mac.update(id);
        match source.to_canonical() {
            IpAddr::V4(ip) => mac.update(&ip.octets()),
            IpAddr::V6(ip) => mac.update(&ip.octets()),
        }
        for (to, from) in seal.iter_mut().zip(mac.finalize().into_bytes()) {
            *to = from;
        }
        seal
    }
}

/// Milliseconds in 48 bits: 8 900 years.
fn millis(now: Time) -> u64 {
    (now.as_micros() / 1_000) & 0xffff_ffff_ffff
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 9));

    fn mint() -> Nonces {
        Nonces::new(&mut Random::from_number(5))
    }

    fn fresh(nonces: &Nonces, now: Time, nonce: &str, count: Option<u32>) -> Option<Ticket> {
        match nonces.weigh(now, HERE, nonce.as_bytes(), count) {
            Worth::Fresh(ticket) => Some(ticket),
            Worth::Stale => None,
        }
    }

    #[test]
    fn counts_only_rise_and_only_when_spent() {
        let (mut nonces, now) = (mint(), Time::from_millis(1_000));
        let nonce = nonces.mint(now, HERE);
        assert!(fresh(&nonces, now, &nonce, Some(u32::MAX)).is_some());
        let ticket = fresh(&nonces, now, &nonce, Some(1)).expect("a weighed count is not a spent one");
        nonces.spend(now, ticket);
        assert!(fresh(&nonces, now, &nonce, Some(1)).is_none());
        assert!(fresh(&nonces, now, &nonce, Some(0)).is_none());
        assert!(fresh(&nonces, now, &nonce, None).is_none(), "used with qop, so not without");
        assert!(fresh(&nonces, now, &nonce, Some(7)).is_some());
    }

    #[test]
    fn without_qop_a_nonce_serves_once() {
        let (mut nonces, now) = (mint(), Time::ZERO);
        let nonce = nonces.mint(now, HERE);
        let ticket = fresh(&nonces, now, &nonce, None).expect("unused");
        nonces.spend(now, ticket);
        for count in [None, Some(1), Some(u32::MAX)] {
            assert!(fresh(&nonces, now, &nonce, count).is_none(), "{count:?}");
        }
    }

    #[test]
    fn nonces_age_and_cannot_be_forged() {
        let (mut nonces, issued) = (mint(), Time::from_millis(10_000));
        let nonce = nonces.mint(issued, HERE);
        let last = issued + bounds::NONCE_LIFETIME;
        assert!(fresh(&nonces, last, &nonce, Some(1)).is_some());
        assert!(fresh(&nonces, last + Duration::from_millis(1), &nonce, Some(1)).is_none());
        assert!(fresh(&nonces, Time::ZERO, &nonce, Some(1)).is_none(), "from the future");
        assert!(
            fresh(&Nonces::new(&mut Random::from_number(6)), issued, &nonce, Some(1)).is_none(),
            "another node's"
        );
        let elsewhere = "192.0.2.10".parse().expect("an address");
        assert_eq!(nonces.weigh(issued, elsewhere, nonce.as_bytes(), Some(1)), Worth::Stale);
        let mapped = "::ffff:192.0.2.9".parse().expect("an address");
        assert_ne!(nonces.weigh(issued, mapped, nonce.as_bytes(), Some(1)), Worth::Stale, "the same machine");
        for i in 0..nonce.len() {
            let mut forged = nonce.clone().into_bytes();
            forged[i] = if forged[i] == b'0' { b'1' } else { b'0' };
            assert_eq!(nonces.weigh(issued, HERE, &forged, Some(1)), Worth::Stale, "digit {i}");
        }
        for bad in [&b""[..], b"x", "é".repeat(20).as_bytes(), &[b'+'; 40], &[0xff; 40]] {
            assert_eq!(nonces.weigh(issued, HERE, bad, Some(1)), Worth::Stale);
        }
    }

    #[test]
    fn memory_is_bounded_and_what_is_forgotten_stays_used() {
        let mut nonces = mint();
        let first = nonces.mint(Time::ZERO, HERE);
        let ticket = fresh(&nonces, Time::ZERO, &first, Some(1)).expect("new");
        nonces.spend(Time::ZERO, ticket);
        let now = Time::from_millis(1);
        for _ in 0..bounds::NONCES {
            let nonce = nonces.mint(now, HERE);
            let ticket = fresh(&nonces, now, &nonce, Some(1)).expect("new");
            nonces.spend(now, ticket);
        }
        assert_eq!(nonces.len(), bounds::NONCES);
        assert!(fresh(&nonces, now, &first, Some(2)).is_none(), "evicted, so no longer good for any count");
        let late = now + bounds::NONCE_LIFETIME + Duration::from_secs(1);
        let nonce = nonces.mint(late, HERE);
        let ticket = fresh(&nonces, late, &nonce, Some(1)).expect("new");
        nonces.spend(late, ticket);
        assert_eq!(nonces.len(), 1, "expired ones go");
    }
}
