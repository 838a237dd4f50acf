//! Where users are: RFC 3261 §10.3, with flows (RFC 5626), device names (RFC 5627) and paths (RFC 3327).
//!
//! Invariant: a REGISTER changes all that it names or nothing; a binding that is listed has not expired; a user without
//! bindings owns neither memory nor an alarm; whatever changes is noted for whoever keeps it.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use super::binding::Binding;
use super::kept::{Kept, KeptContact};
use super::wanted::{Refused, order, wanted};
use crate::base::{Alarms, Random, Time, Wall, bounds};
use crate::sip::{Flow, Message, Name};

/// What a registrar holds its phones to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// The briefest registration that is taken.
    pub least: Duration,
    /// The longest.
    pub most: Duration,
    /// How often each contact is asked whether it is there; `None`: never.
    pub ping: Option<Duration>,
}

impl Default for Rules {
    fn default() -> Rules {
        Rules { least: bounds::EXPIRES_MIN, most: bounds::EXPIRES_MAX, ping: None }
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
pub struct Bindings {
    pub(super) rules: Rules,
    pub(super) random: Random,
    pub(super) users: HashMap<String, Vec<Binding>>,
    /// Who is reached over which stream.
    streams: BTreeSet<(u64, String)>,
    /// Who is reached as a datagram at which address.
    sources: BTreeSet<(SocketAddr, String)>,
    /// Whose temporary GRUU it is.
    temporary: HashMap<Box<str>, String>,
    /// One alarm a user: its earliest expiry.
    alarms: Alarms<String>,
    /// When each contact is to be asked whether it is there.
    pub(super) pings: Alarms<(String, u64)>,
    /// Users whose bindings have changed since they were last kept.
    changed: BTreeSet<String>,
    last_id: u64,
}

impl Bindings {
    /// Nobody is registered.
    pub fn new(rules: Rules, random: &mut Random) -> Bindings {
        Bindings {
            rules,
            random: random.fork(),
            users: HashMap::new(),
            streams: BTreeSet::new(),
            sources: BTreeSet::new(),
            temporary: HashMap::new(),
            alarms: Alarms::new(),
            pings: Alarms::new(),
            changed: BTreeSet::new(),
            last_id: 0,
        }
    }

    /// What phones are held to.
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Carries out a REGISTER of `user` (whose right to do so was checked) that came over `flow`. Without a Contact it only asks.
    /// The answer is 200 with one Contact for each of [`Bindings::live`].
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
            false => updated(old, &wanted(now, &self.rules, request, flow)?)?,
        };
        if change == Change::default() {
            return Ok(change);
        }
        let gruu = request.lists(Name::Supported, "gruu");
        let next = next.into_iter().map(|binding| self.named(now, binding, gruu)).collect();
        self.put(user, next);
        Ok(change)
    }

    /// The bindings of `user`, the preferred and then the latest first. Those that have stopped answering are left out while
    /// another one is there.
    pub fn lookup(&self, now: Time, user: &str) -> Vec<Binding> {
        let mut found: Vec<Binding> = self.live(now, user).cloned().collect();
        if found.iter().any(|b| !b.reach.is_dead()) {
            found.retain(|b| !b.reach.is_dead());
        }
        found.sort_by_key(|b| (std::cmp::Reverse(b.q_thousandths), std::cmp::Reverse(b.refreshed)));
        found
    }

    /// The bindings of `user` that have not expired, in the order in which they were made.
    pub fn live(&self, now: Time, user: &str) -> impl Iterator<Item = &Binding> {
        self.users.get(user).into_iter().flatten().filter(move |b| b.expires > now)
    }

    /// Whose temporary GRUU has this user part, and which device it stands for.
    pub fn temporary(&self, gruu: &str) -> Option<(&str, &str)> {
        let user = self.temporary.get(gruu)?;
        let bindings = self.users.get(user)?;
        let binding = bindings.iter().find(|b| b.temporary.iter().any(|one| **one == *gruu))?;
        Some((user, binding.instance.as_deref()?))
    }

    /// Whether somebody registered from `source` by datagrams: then it is no forged address, and may be answered at greater length.
    pub fn knows(&self, source: SocketAddr) -> bool {
        let from = (source, String::new());
        self.sources.range(from..).next().is_some_and(|(found, _)| *found == source)
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
            let all = self.users.get(user).into_iter().flatten();
            let rest = all.filter(|b| b.flow.connection != flow.connection).cloned().collect();
            self.put(user, rest);
        }
        users
    }

    /// Forgets all bindings of `user` (the account is gone or locked).
    pub fn forget(&mut self, user: &str) {
        self.put(user, Vec::new());
    }

    /// Removes what has expired by `now`; says whether anything had.
    pub fn fire(&mut self, now: Time) -> bool {
        let mut any = false;
        while let Some(user) = self.alarms.pop_due(now) {
            self.expire(now, &user);
            any = true;
        }
        any
    }

    /// When [`Bindings::fire`] or [`Bindings::ping_due`] has something to do.
    pub fn deadline(&self) -> Option<Time> {
        [self.alarms.deadline(), self.pings.deadline()].into_iter().flatten().min()
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
        self.users.is_empty()
            && self.streams.is_empty()
            && self.sources.is_empty()
            && self.temporary.is_empty()
            && self.pings.is_empty()
    }

    fn expire(&mut self, now: Time, user: &str) {
        let Some(bindings) = self.users.get(user).filter(|all| all.iter().any(|b| b.expires <= now)) else {
            return;
        };
        let rest = bindings.iter().filter(|b| b.expires > now).cloned().collect();
        self.put(user, rest);
    }

    /// A binding with a number and, for a device that wants them, one more temporary GRUU for each time that it is refreshed
    /// (RFC 5627 §5.1); those before it stay good until the device is gone.
    fn named(&mut self, now: Time, mut binding: Binding, gruu: bool) -> Binding {
        if binding.id == 0 {
            self.last_id += 1;
            binding.id = self.last_id;
        }
        if gruu && binding.refreshed == now && binding.instance.is_some() {
            binding.temporary.push(format!("tgruu.{}", self.random.token(24)).into());
            let surplus = binding.temporary.len().saturating_sub(bounds::TEMPORARY_GRUUS);
            binding.temporary.drain(..surplus);
        }
        binding
    }

    /// Makes `bindings` all that `user` has, and sets alarms and indexes accordingly.
    pub(super) fn put(&mut self, user: &str, bindings: Vec<Binding>) {
        for old in self.users.remove(user).into_iter().flatten() {
            self.streams.remove(&(old.flow.connection, user.to_string()));
            self.sources.remove(&(old.flow.remote, user.to_string()));
            old.temporary.iter().for_each(|gruu| drop(self.temporary.remove(gruu)));
            if !bindings.iter().any(|new| new.id == old.id) {
                self.pings.clear(&(user.to_string(), old.id));
            }
        }
        for new in &bindings {
            if new.flow.connection != 0 {
                self.streams.insert((new.flow.connection, user.to_string()));
            } else {
                self.sources.insert((new.flow.remote, user.to_string()));
            }
            self.temporary.extend(new.temporary.iter().map(|gruu| (gruu.clone(), user.to_string())));
            self.plan_ping(user, new);
        }
        self.changed.insert(user.to_string());
        match bindings.iter().map(|b| b.expires).min() {
            Some(first) => {
                self.alarms.set(user.to_string(), first);
                self.users.insert(user.to_string(), bindings);
            }
            None => {
                self.alarms.clear(&user.to_string());
            }
        }
    }
}

/// How bindings outlive the node.
impl Bindings {
    /// What has changed since the last time, whole users at a time. `wall` is the time for people at `now`.
    pub fn take_changed(&mut self, now: Time, wall: Wall) -> Vec<Kept> {
        let changed = std::mem::take(&mut self.changed);
        let kept = |user: String| {
            let contacts = self.live(now, &user).map(|b| KeptContact::of(b, now, wall)).collect();
            Kept { user, contacts }
        };
        changed.into_iter().map(kept).collect()
    }

    /// Whether [`Bindings::take_changed`] has something to tell.
    pub fn has_changed(&self) -> bool {
        !self.changed.is_empty()
    }

    /// Takes back what was kept of a user, with what is left of each contact's time. What cannot be read or has expired is left out.
    pub fn restore(&mut self, now: Time, wall: Wall, kept: Kept) {
        let rules = self.rules;
        let found = kept.contacts.into_iter().filter_map(|contact| contact.binding(&rules, now, wall));
        let found: Vec<Binding> = found.take(bounds::BINDINGS_PER_USER).collect();
        let named = found.into_iter().map(|binding| self.named(now, binding, false)).collect();
        self.put(&kept.user, named);
        self.spread_pings(now, &kept.user);
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

/// `old` after `wanted`; the order rules are asked of `old` alone, since one request may name a contact twice.
fn updated(old: &[Binding], wanted: &[Binding]) -> Result<(Vec<Binding>, Change), Refused> {
    let (mut next, mut change) = (old.to_vec(), Change::default());
    for new in wanted {
        if old.iter().any(|b| b.is_same(new) && b.is_newer_than(&new.call_id, new.cseq)) {
            return Err(Refused::OutOfOrder);
        }
        let place = next.iter().position(|b| b.is_same(new));
        match (place.and_then(|at| next.get_mut(at)), new.expires > new.refreshed) {
            (Some(old), true) => {
                *old = refreshed(old, new);
                change.refreshed += 1;
            }
            (Some(_), false) => {
                next.retain(|b| !b.is_same(new));
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

/// `new` in the place of `old`: what it was called stays; whether it answers is asked anew when it has moved.
fn refreshed(old: &Binding, new: &Binding) -> Binding {
    let same_place = old.flow == new.flow && old.contact == new.contact;
    let reach = if same_place { old.reach } else { new.reach };
    Binding { id: old.id, temporary: old.temporary.clone(), reach, ..new.clone() }
}
