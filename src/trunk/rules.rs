//! What is configured of a trunk, and what it does to numbers.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use super::life::Life;
use crate::base::{Random, Secret};
use crate::config::{ForwardedBy, Srtp};
use crate::sip::UriBuf;

/// One `[[trunk]]`, checked.
#[derive(Debug, Clone)]
pub struct Rules {
    /// Its name in plans.
    pub name: Arc<str>,
    /// A name that several trunks share.
    pub group: Option<Arc<str>>,
    /// Among a group, lower first.
    pub priority: u16,
    /// Among the same priority, drawn in proportion to it; 0 only when there is no other.
    pub weight: u16,
    /// Where it is, in the order in which it is tried.
    pub to: Vec<UriBuf>,
    /// Addresses that its calls come from, beside those of `to`.
    pub from: Vec<IpAddr>,
    /// How it is registered with; `None`: it knows us by our address.
    pub register: Option<Register>,
    /// The user that proofs are given as.
    pub user: String,
    /// The only realm for which a proof is given; `None`: the host of the first of `to`.
    pub realm: Option<String>,
    /// What is proved with; `None`: no challenge is answered.
    pub secret: Option<Secret<String>>,
    /// The numbers that may be shown as a caller's; a caller without one of them is shown as the first.
    pub caller_ids: Vec<String>,
    /// Calls at one time; 0: no limit.
    pub calls: usize,
    /// What dialled numbers become on their way out; the first that fits.
    pub outward: Vec<Rewrite>,
    /// What the numbers of its calls become on their way in; the first that fits.
    pub inward: Vec<Rewrite>,
    /// How often it is asked whether it is there; `None`: never, and it counts as up.
    pub ask: Option<Duration>,
    /// Codecs in the order in which they are offered.
    pub codecs: Vec<String>,
    /// Whether media is encrypted on the way to it; `None`: as the node has it.
    pub srtp: Option<Srtp>,
    /// Whether calls over it may have video.
    pub video: bool,
    /// How it is told who passed a call on.
    pub forwarded_by: ForwardedBy,
}

/// How a trunk is registered with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Register {
    /// The interval that is asked for.
    pub expires: Duration,
}

/// A leading part of a number and what takes its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rewrite {
    /// Empty: every number.
    pub prefix: String,
    /// May be empty.
    pub with: String,
}

impl Rules {
    /// Whether both lead to the same places and keep watch over them alike.
    pub(super) fn leads_as(&self, other: &Rules) -> bool {
        let places = self.name == other.name && self.to == other.to && self.from == other.from;
        places && self.register == other.register && self.ask == other.ask
    }

    /// Whether both give the same proofs.
    pub(super) fn proves_as(&self, other: &Rules) -> bool {
        let secret = |rules: &Rules| rules.secret.as_ref().map(|secret| secret.expose().clone());
        self.user == other.user && self.realm == other.realm && secret(self) == secret(other)
    }

    pub(super) fn is_called(&self, name: &str) -> bool {
        *self.name == *name || self.group.as_deref() == Some(name)
    }

    /// The caller id that `caller` goes out under: of the trunk's own, one that is in `only`, too, if that is not empty.
    pub(super) fn caller(&self, caller: &str, only: &[Arc<str>]) -> Option<String> {
        let outward = self.outward(caller);
        let listed = |id: &&String| {
            only.is_empty() || only.iter().any(|one| **one == ***id || self.outward(one) == **id)
        };
        let mut allowed = self.caller_ids.iter().filter(listed);
        let first = allowed.clone().next();
        allowed.find(|id| **id == caller || **id == outward).or(first).cloned()
    }

    /// A number as the trunk wants it.
    pub fn outward(&self, number: &str) -> String {
        rewritten(&self.outward, number)
    }

    /// A number of the trunk's as the plan knows it.
    pub fn inward(&self, number: &str) -> String {
        rewritten(&self.inward, number)
    }
}

fn rewritten(rules: &[Rewrite], number: &str) -> String {
    let fits = rules.iter().find_map(|rule| number.strip_prefix(&*rule.prefix).map(|rest| (rule, rest)));
    fits.map_or_else(|| number.to_string(), |(rule, rest)| format!("{}{rest}", rule.with))
}

/// Puts trunks in the order in which they are tried: by priority, and among equals drawn by weight.
pub(super) fn order(named: &mut Vec<usize>, lives: &[Life], random: &mut Random) {
    let of =
        |at: &usize| lives.get(*at).map_or((u16::MAX, 0), |life| (life.rules.priority, life.rules.weight));
    named.sort_by_key(|at| of(at).0);
    let mut ordered = Vec::with_capacity(named.len());
    while let Some(first) = named.first() {
        let priority = of(first).0;
        let equals: Vec<u64> =
            named.iter().take_while(|at| of(at).0 == priority).map(|at| u64::from(of(at).1)).collect();
        let drawn = random.below(equals.iter().sum::<u64>().max(1));
        let mut running = 0;
        let at = equals.iter().position(|weight| {
            running += weight;
            running > drawn
        });
        ordered.push(named.remove(at.unwrap_or(0)));
    }
    *named = ordered;
}
