//! Who is heard how often: limits by source and by user, and bans that end by themselves.
//!
//! Three kinds of peers: *proven* ones (an address and port from which an account has proven itself), *trusted* ones (the
//! configuration says so), and strangers. Strangers share narrow limits by source (an IPv4 address, an IPv6 /64) and one for all of
//! them; a proven peer has limits of its own, so that neither a flood nor a ban of its address takes it along (an office behind one
//! translator). Wrong passwords lock the pair of source and user, never the user: nobody locks out a phone that is elsewhere. What
//! counts as wrong needs a nonce that was given to that very source, so nobody does it in another's name either.
//!
//! Invariant: every table is bounded and costs nothing while nobody misbehaves; a limit never tells whether a user exists.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use crate::base::{Bucket, Rate, Recent, Time, bounds};
use crate::sip::{Flow, Transport};

use super::view::{BanView, FloodView};

/// How often who is heard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Requests of one source that has not proven itself.
    pub source: Rate,
    /// Requests of all sources that have not proven themselves.
    pub strangers: Rate,
    /// Requests of one proven peer.
    pub peer: Rate,
    /// Requests outside a dialog of one user.
    pub user: Rate,
    /// Wrong passwords for one user from one source before the pair is locked; 0: never.
    pub wrong: u32,
    /// Wrong passwords for any users from one source, within ten minutes, before the source is banned; 0: never.
    pub wrong_of_source: u32,
    /// How long locks and bans last.
    pub ban: Duration,
    /// Sources without limits: trunks, border controllers, probes.
    pub trusted: Vec<Net>,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            source: Rate { per_s: 500, burst: 5_000 },
            strangers: Rate { per_s: 5_000, burst: 10_000 },
            peer: Rate { per_s: 10_000, burst: 20_000 },
            user: Rate { per_s: 3_000, burst: 6_000 },
            wrong: 5,
            wrong_of_source: 25,
            ban: bounds::BAN,
            trusted: Vec::new(),
        }
    }
}

/// A network: an address and how many of its leading bits count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Net {
    ip: IpAddr,
    bits: u8,
}

impl Net {
    /// The network of `ip` with `bits` leading bits; too many are all.
    pub fn new(ip: IpAddr, bits: u8) -> Net {
        match ip.to_canonical() {
            IpAddr::V4(ip) => {
                let bits = bits.min(32);
                let mask = u32::MAX.checked_shl(32 - u32::from(bits)).unwrap_or(0);
                Net { ip: IpAddr::V4((u32::from(ip) & mask).into()), bits }
            }
            IpAddr::V6(ip) => {
                let bits = bits.min(128);
                let mask = u128::MAX.checked_shl(128 - u32::from(bits)).unwrap_or(0);
                Net { ip: IpAddr::V6(Ipv6Addr::from(u128::from(ip) & mask)), bits }
            }
        }
    }

    /// What counts as one source: an IPv4 address, the /64 of an IPv6 one (a household has that many).
    pub fn source(ip: IpAddr) -> Net {
        Net::new(ip, if ip.to_canonical().is_ipv4() { 32 } else { 64 })
    }

    /// Reads `192.0.2.0/24`, `2001:db8::/32` or a single address.
    pub fn parse(text: &str) -> Option<Net> {
        let (ip, bits) = text.split_once('/').unwrap_or((text, "128"));
        let ip: IpAddr = ip.parse().ok()?;
        let bits: u8 = bits.parse().ok().filter(|bits| *bits <= 128)?;
        let fits = ip.is_ipv6() || bits <= 32 || !text.contains('/');
        fits.then(|| Net::new(ip, bits))
    }

    /// Whether `ip` is in it.
    pub fn holds(&self, ip: IpAddr) -> bool {
        Net::new(ip, self.bits) == *self
    }
}

impl std::fmt::Display for Net {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.ip, self.bits) {
            (IpAddr::V4(ip), 32) => write!(f, "{ip}"),
            (ip, bits) => write!(f, "{ip}/{bits}"),
        }
    }
}

/// What is done with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Entry {
    /// It is heard.
    Heard,
    /// It is too much: over a stream it is answered 503, over UDP not at all.
    TooMuch,
    /// Its source is banned: not a word.
    Banned,
}

/// Who is banned: a source, or one user's name at one source.
type Key = (Net, Option<String>);

#[derive(Debug, Clone)]
struct Ban {
    since: Time,
    until: Time,
    why: &'static str,
    refused: u64,
}

/// One source of strangers.
#[derive(Debug)]
struct Source {
    requests: Bucket,
    /// Wrong passwords, and until when they count.
    wrong: (u32, Time),
    /// Octets by which answers to it may still exceed what it sent.
    excess: Bucket,
}

/// A peer that has proven itself.
#[derive(Debug)]
struct Peer {
    user: String,
    requests: Bucket,
    wrong: u32,
}

/// Counts since the start.
#[derive(Debug, Default, Clone, Copy)]
struct Counts {
    too_much: u64,
    banned: u64,
    wrong: u64,
    unanswered: u64,
}

/// Answers to a stranger over UDP may exceed its requests by so much: a handful of challenges at once, and then one every few seconds.
/// A flood under a forged address is not made larger by us (reliability class 14).
const EXCESS: Rate = Rate { per_s: 256, burst: 16_384 };

/// Wrong passwords of a source are forgotten within this.
const MEMORY: Duration = Duration::from_secs(600);

/// Limits and bans of a node.
#[derive(Debug)]
pub(super) struct Guard {
    limits: Limits,
    sources: Recent<Net, Source>,
    strangers: Bucket,
    peers: Recent<SocketAddr, Peer>,
    users: Recent<String, Bucket>,
    /// Wrong passwords by source and user, each with the time until which they count.
    wrong: Recent<(Net, String), (u32, Time)>,
    bans: BTreeMap<Key, Ban>,
    counts: Counts,
}

impl Guard {
    pub fn new(now: Time, limits: Limits) -> Guard {
        Guard {
            strangers: Bucket::full(now, limits.strangers),
            limits,
            sources: Recent::new(bounds::GUARDED_SOURCES),
            peers: Recent::new(bounds::PROVEN_PEERS),
            users: Recent::new(bounds::GUARDED_SOURCES),
            wrong: Recent::new(bounds::GUARDED_SOURCES),
            bans: BTreeMap::new(),
            counts: Counts::default(),
        }
    }

    /// Whether a message that comes over `flow` is heard.
    pub fn enter(&mut self, now: Time, flow: &Flow) -> Entry {
        if self.trusts(flow.remote.ip()) {
            return Entry::Heard;
        }
        let (limits, counts) = (&self.limits, &mut self.counts);
        let heard = if let Some(peer) = self.peers.get_mut(&flow.remote) {
            peer.requests.take(now, limits.peer, 1)
        } else {
            let net = Net::source(flow.remote.ip());
            if let Some(ban) = live(&mut self.bans, now, &(net, None)) {
                ban.refused += 1;
                counts.banned += 1;
                return Entry::Banned;
            }
            let source = self.sources.entry(net, || Source::new(now, limits));
            source.requests.take(now, limits.source, 1) && self.strangers.take(now, limits.strangers, 1)
        };
        if heard {
            return Entry::Heard;
        }
        counts.too_much += 1;
        Entry::TooMuch
    }

    /// Whether an answer that is `excess` octets longer than its request may go to `flow` (negative: shorter).
    pub fn may_answer(&mut self, now: Time, flow: &Flow, excess: i64) -> bool {
        if flow.transport != Transport::Udp
            || excess <= 0
            || self.peers.get(&flow.remote).is_some()
            || self.trusts(flow.remote.ip())
        {
            return true;
        }
        let limits = &self.limits;
        let source = self.sources.entry(Net::source(flow.remote.ip()), || Source::new(now, limits));
        let may = source.excess.take(now, EXCESS, u32::try_from(excess).unwrap_or(u32::MAX));
        self.counts.unanswered += u64::from(!may);
        may
    }

    /// Whether `user` may be tried from `flow`, or the pair is locked.
    pub fn is_locked(&mut self, now: Time, flow: &Flow, user: &str) -> bool {
        let own = self.peers.get(&flow.remote).is_some_and(|peer| peer.user == user);
        let key = (Net::source(flow.remote.ip()), Some(user.to_string()));
        match live(&mut self.bans, now, &key) {
            Some(ban) if !own => {
                ban.refused += 1;
                true
            }
            _ => false,
        }
    }

    /// `user` has proven itself from `flow`. `false` when it does so too often.
    pub fn proven(&mut self, now: Time, flow: &Flow, user: &str) -> bool {
        let limits = &self.limits;
        let peer = self.peers.entry(flow.remote, || Peer {
            user: user.to_string(),
            requests: Bucket::full(now, limits.peer),
            wrong: 0,
        });
        peer.wrong = 0;
        if peer.user != user {
            peer.user = user.to_string();
        }
        if !self.wrong.is_empty() {
            self.wrong.remove(&(Net::source(flow.remote.ip()), user.to_string()));
        }
        if limits.user.per_s == 0 || self.trusts(flow.remote.ip()) {
            return true;
        }
        let rate = self.limits.user;
        let bucket = self.users.entry(user.to_string(), || Bucket::full(now, rate));
        let may = bucket.take(now, rate, 1);
        self.counts.too_much += u64::from(!may);
        may
    }

    /// A wrong password for `user` came over `flow`. What is banned because of it, in words for the log.
    pub fn wrong_password(&mut self, now: Time, flow: &Flow, user: &str) -> Option<String> {
        self.counts.wrong += 1;
        if self.trusts(flow.remote.ip()) || self.limits.wrong == 0 {
            return None;
        }
        if let Some(peer) = self.peers.get_mut(&flow.remote) {
            peer.wrong += 1;
            if peer.wrong >= self.limits.wrong {
                self.peers.remove(&flow.remote);
            }
        }
        let (net, limits) = (Net::source(flow.remote.ip()), &self.limits);
        let tried = self.wrong.entry((net, user.to_string()), || (0, now));
        let locked = one_more(tried, now) >= limits.wrong;
        let source = self.sources.entry(net, || Source::new(now, limits));
        let spent = limits.wrong_of_source > 0 && one_more(&mut source.wrong, now) >= limits.wrong_of_source;
        if locked {
            self.wrong.remove(&(net, user.to_string()));
            self.ban(now, (net, Some(user.to_string())), "wrong passwords for one user");
        }
        if spent {
            self.ban(now, (net, None), "wrong passwords for many users");
        }
        match (spent, locked) {
            (true, _) => Some(format!("{net} is banned: wrong passwords for many users")),
            (_, true) => Some(format!("{net} is locked for a user: wrong passwords")),
            _ => None,
        }
    }

    /// Whether the configuration puts no limits on `ip`.
    pub fn trusts(&self, ip: IpAddr) -> bool {
        self.limits.trusted.iter().any(|net| net.holds(ip))
    }

    /// Every ban that still lasts.
    pub fn bans(&mut self, now: Time) -> Vec<BanView> {
        self.bans.retain(|_, ban| ban.until > now);
        let view = |((net, user), ban): (&Key, &Ban)| BanView {
            source: net.to_string(),
            user: user.clone(),
            why: ban.why.to_string(),
            age_s: now.since(ban.since).as_secs(),
            left_s: ban.until.since(now).as_secs(),
            refused: ban.refused,
        };
        self.bans.iter().map(view).collect()
    }

    /// Ends the bans of a source, as [`Guard::bans`] writes it or by any address in it, or all of them. How many ended.
    pub fn forgive(&mut self, source: Option<&str>) -> usize {
        let before = self.bans.len();
        match source {
            None => self.bans.clear(),
            Some(text) => {
                let net = Net::parse(text).map(|net| Net::source(net.ip));
                self.bans.retain(|(banned, _), _| Some(*banned) != net);
                if let Some(net) = net {
                    self.sources.remove(&net);
                }
            }
        }
        before - self.bans.len()
    }

    /// Counts for `status`.
    pub fn view(&mut self, now: Time) -> FloodView {
        self.bans.retain(|_, ban| ban.until > now);
        FloodView {
            bans: self.bans.len(),
            wrong_passwords: self.counts.wrong,
            too_much: self.counts.too_much,
            banned: self.counts.banned,
            unanswered: self.counts.unanswered,
        }
    }

    fn ban(&mut self, now: Time, key: Key, why: &'static str) {
        if self.bans.len() >= bounds::BANS {
            self.bans.retain(|_, ban| ban.until > now);
        }
        if self.bans.len() >= bounds::BANS
            && let Some(first) = self.bans.iter().min_by_key(|(_, ban)| ban.until).map(|(key, _)| key.clone())
        {
            self.bans.remove(&first);
        }
        self.bans.insert(key, Ban { since: now, until: now + self.limits.ban, why, refused: 0 });
    }
}

/// Counts one more wrong password; a count that is older than [`MEMORY`] begins anew.
fn one_more((count, until): &mut (u32, Time), now: Time) -> u32 {
    if *until <= now {
        (*count, *until) = (0, now + MEMORY);
    }
    *count += 1;
    *count
}

impl Source {
    fn new(now: Time, limits: &Limits) -> Source {
        Source {
            requests: Bucket::full(now, limits.source),
            wrong: (0, now),
            excess: Bucket::full(now, EXCESS),
        }
    }
}

/// The ban of `key`, if it lasts; one that is over is forgotten.
fn live<'b>(bans: &'b mut BTreeMap<Key, Ban>, now: Time, key: &Key) -> Option<&'b mut Ban> {
    if bans.is_empty() {
        return None;
    }
    if bans.get(key).is_some_and(|ban| ban.until <= now) {
        bans.remove(key);
    }
    bans.get_mut(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flow(address: &str) -> Flow {
        let local = "192.0.2.1:5060".parse().expect("an address");
        let remote = address.parse().expect("an address");
        Flow { transport: Transport::Udp, local, remote, connection: 0 }
    }

    fn guard(limits: Limits) -> Guard {
        Guard::new(Time::ZERO, limits)
    }

    fn narrow() -> Limits {
        let few = Rate { per_s: 1, burst: 3 };
        Limits {
            source: few,
            strangers: Rate { per_s: 1, burst: 5 },
            peer: few,
            user: few,
            ..Limits::default()
        }
    }

    fn heard(guard: &mut Guard, address: &str, tries: usize) -> usize {
        (0..tries).filter(|_| guard.enter(Time::ZERO, &flow(address)) == Entry::Heard).count()
    }

    #[test]
    fn strangers_share_limits_and_proven_peers_have_their_own() {
        let mut guard = guard(narrow());
        assert!(guard.proven(Time::ZERO, &flow("198.51.100.7:5060"), "alice"));
        assert_eq!(heard(&mut guard, "198.51.100.7:666", 10), 3, "one source, whatever the port");
        assert_eq!(heard(&mut guard, "198.51.100.7:667", 10), 0);
        assert_eq!(heard(&mut guard, "[2001:db8::1]:5060", 1), 1);
        assert_eq!(heard(&mut guard, "[2001:db8::2]:5060", 10), 1, "the strangers' common limit");
        assert_eq!(heard(&mut guard, "198.51.100.7:5060", 10), 3, "whoever has proven itself is not drowned");
        assert_eq!(guard.view(Time::ZERO).too_much, 7 + 10 + 9 + 7);
        assert_eq!(guard.enter(Time::from_millis(1_000), &flow("198.51.100.7:666")), Entry::Heard, "later");
    }

    #[test]
    fn trusted_networks_have_no_limits() {
        let trusted = vec![Net::parse("198.51.100.0/24").expect("a network")];
        let mut guard = guard(Limits { trusted, ..narrow() });
        assert_eq!(heard(&mut guard, "198.51.100.7:5060", 1_000), 1_000);
        assert!(
            (0..100).all(|_| guard.wrong_password(Time::ZERO, &flow("198.51.100.7:1"), "alice").is_none())
        );
        assert!((0..100).all(|_| guard.proven(Time::ZERO, &flow("198.51.100.7:2"), "alice")));
    }

    #[test]
    fn a_user_may_ask_only_so_often() {
        let mut guard = guard(narrow());
        let often = |guard: &mut Guard, user: &str, from: &str| {
            (0..10).filter(|_| guard.proven(Time::ZERO, &flow(from), user)).count()
        };
        assert_eq!(often(&mut guard, "alice", "198.51.100.7:5060"), 3);
        assert_eq!(often(&mut guard, "alice", "198.51.100.8:5060"), 0, "wherever it is");
        assert_eq!(often(&mut guard, "bob", "198.51.100.7:5061"), 3);
    }

    /// A lock is for one source and one user, for a time, and the phone that has proven itself is not touched.
    #[test]
    fn wrong_passwords_lock_the_pair_and_nobody_else() {
        let mut guard = guard(Limits::default());
        let (attacker, phone) = (flow("198.51.100.66:5060"), flow("192.0.2.10:5060"));
        let neighbour = flow("198.51.100.66:7777");
        assert!(guard.proven(Time::ZERO, &neighbour, "alice"));
        for n in 1..=5 {
            assert!(!guard.is_locked(Time::ZERO, &attacker, "alice"), "{n}");
            let banned = guard.wrong_password(Time::ZERO, &attacker, "alice");
            assert_eq!(banned.is_some(), n == 5);
        }
        for (flow, user, locked) in [
            (&attacker, "alice", true),
            (&attacker, "bob", false),
            (&phone, "alice", false),
            (&neighbour, "alice", false),
        ] {
            assert_eq!(guard.is_locked(Time::ZERO, flow, user), locked, "{flow:?} {user}");
        }
        let bans = guard.bans(Time::ZERO);
        assert_eq!((bans.len(), bans[0].user.as_deref(), bans[0].refused), (1, Some("alice"), 1));
        let late = Time::ZERO + bounds::BAN;
        assert!(!guard.is_locked(late, &attacker, "alice"), "it ends by itself");
        assert_eq!(guard.view(late).bans, 0);
    }

    #[test]
    fn a_source_that_tries_many_users_is_banned_until_it_is_forgiven() {
        let mut guard = guard(Limits::default());
        let attacker = flow("198.51.100.66:5060");
        let neighbour = flow("198.51.100.66:7777");
        assert!(guard.proven(Time::ZERO, &neighbour, "carol"));
        let banned: Vec<bool> = (0..25)
            .map(|n| guard.wrong_password(Time::ZERO, &attacker, &format!("user{n}")).is_some())
            .collect();
        assert_eq!(banned.iter().filter(|banned| **banned).count(), 1);
        assert_eq!(guard.enter(Time::ZERO, &attacker), Entry::Banned);
        assert_eq!(guard.enter(Time::ZERO, &neighbour), Entry::Heard, "who has proven itself is still heard");
        assert_eq!(guard.forgive(Some("192.0.2.1")), 0);
        assert_eq!(guard.forgive(Some("198.51.100.66")), 1);
        assert_eq!(guard.enter(Time::ZERO, &attacker), Entry::Heard);
        // The same number of tries, but spread over hours, as people mistype.
        for n in 0..100 {
            let at = Time::from_millis(n * 60_000);
            assert!(guard.wrong_password(at, &flow("198.51.100.67:1"), &format!("user{n}")).is_none());
        }
    }

    /// Reliability class 14.
    #[test]
    fn answers_to_strangers_do_not_enlarge_a_flood() {
        let mut guard = guard(Limits::default());
        let victim = flow("198.51.100.7:5060");
        let sent: i64 = (0..1_000).filter(|_| guard.may_answer(Time::ZERO, &victim, 300)).map(|_| 300).sum();
        assert!(sent <= i64::from(EXCESS.burst), "{sent}");
        assert!(guard.may_answer(Time::ZERO, &victim, 0) && guard.may_answer(Time::ZERO, &victim, -50));
        assert!(
            guard.may_answer(Time::from_millis(2_000), &victim, 300),
            "an honest phone gets its challenge"
        );
        let stream = Flow { transport: Transport::Tcp, ..victim };
        assert!(guard.may_answer(Time::ZERO, &stream, 300), "a stream's peer is where it says");
        assert!(guard.view(Time::ZERO).unanswered > 900);
    }

    #[test]
    fn tables_stay_small_whoever_comes() {
        let mut guard = guard(Limits { strangers: Rate::UNLIMITED, ..Limits::default() });
        for n in 0..200_000_u32 {
            let ip = std::net::Ipv4Addr::from(0x0a00_0000 + n);
            let flow = flow(&format!("{ip}:5060"));
            guard.enter(Time::ZERO, &flow);
            guard.wrong_password(Time::ZERO, &flow, "alice");
        }
        for n in 0..10_000 {
            guard.ban(
                Time::ZERO,
                (Net::source("192.0.2.1".parse().expect("an address")), Some(format!("{n}"))),
                "x",
            );
        }
        assert!(guard.sources.len() <= bounds::GUARDED_SOURCES);
        assert!(guard.wrong.len() <= bounds::GUARDED_SOURCES);
        assert_eq!(guard.bans.len(), bounds::BANS);
        assert_eq!(guard.forgive(None), bounds::BANS);
    }

    #[test]
    fn networks_are_read_and_hold_what_they_should() {
        for (text, inside, outside) in [
            ("192.0.2.0/24", "192.0.2.255", "192.0.3.0"),
            ("192.0.2.7", "192.0.2.7", "192.0.2.8"),
            ("192.0.2.7", "::ffff:192.0.2.7", "::1"),
            ("2001:db8::/32", "2001:db8:ffff::1", "2001:db9::"),
            ("0.0.0.0/0", "203.0.113.1", "::1"),
        ] {
            let net = Net::parse(text).unwrap_or_else(|| panic!("{text}"));
            assert!(net.holds(inside.parse().expect("an address")), "{text} {inside}");
            assert!(!net.holds(outside.parse().expect("an address")), "{text} {outside}");
        }
        for wrong in ["", "x", "192.0.2.0/33", "192.0.2.0/-1", "192.0.2.0/24/1"] {
            assert!(Net::parse(wrong).is_none(), "{wrong}");
        }
        assert_eq!(Net::source("2001:db8::1".parse().expect("an address")).to_string(), "2001:db8::/64");
    }
}
