//! The compiled plan: flat, immutable, named by the hash of its canonical text.
//!
//! Invariant: nothing in a program changes after `load`; a call keeps the program that it started with.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::base::{Masked, PromptId, Wall};

use super::calendar::Calendar;
use super::declared::{Declared, TrunkRules};
use super::emit::Code;
use super::file::Files;
use super::pattern::Pattern;
use super::policy::{Policy, Record, RetentionClass};
use super::resolved::{Monitors, Origins, PolicyRule, Resolved};
use super::test::Test;
use super::texts::TextRules;
use super::tree::Tree;

/// Who a call comes from, as far as routes and policies care.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Origin {
    /// An authenticated user of this switch.
    Users,
    /// A trunk, by its name in the plan.
    Trunk(Arc<str>),
}

/// What is known of a call when it starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// Who calls: the user's name or number, or the caller's number on a trunk.
    pub caller: Masked,
    /// What was dialled: the user part of the Request-URI, unescaped.
    pub dialled: Masked,
    /// The caller's display name; may be empty.
    pub display: Masked,
    /// Where the call comes from.
    pub origin: Origin,
    /// When the call started.
    pub wall: Wall,
}

/// A route of a program: an index that only its own program understands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RouteId(pub(crate) u32);

/// A route as the operator wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteRef {
    /// The pattern, e.g. `8XXX`; `names` for the route of user names.
    pub pattern: Arc<str>,
    /// The file, relative to the plan folder.
    pub file: Arc<str>,
    /// The line, from 1.
    pub line: u32,
}

/// One sound of one prompt in one language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PromptRef {
    /// The sound's content, by which an ask names it.
    pub id: PromptId,
    /// SHA-256 of the file.
    pub sha256: [u8; 32],
    /// The prompt's name in the plan.
    pub name: Arc<str>,
    /// The language: `zh`, `en`.
    pub lang: Arc<str>,
    /// The file, relative to the plan folder.
    pub path: Arc<str>,
    /// What the sound says, where the plan tells.
    pub says: Option<Arc<str>>,
    /// How long it plays.
    pub duration: Duration,
}

/// A checked and compiled plan.
#[derive(Debug)]
pub struct Program {
    hash: [u8; 32],
    prompts: Vec<PromptRef>,
    /// Sorted: of two that match one call the more specific is in front.
    pub(super) routes: Vec<RouteEntry>,
    /// Routes of one number, by the number.
    numbers: HashMap<String, Vec<u32>>,
    pub(super) policies: Vec<PolicyEntry>,
    pub(super) calendars: Vec<Calendar>,
    /// The names of the calendars.
    pub(super) hours: Vec<Arc<str>>,
    /// What the flows are called.
    pub(super) flows: Vec<Arc<str>>,
    pub(super) code: Code,
    pub(super) slots: usize,
    declared: Declared,
    texts: TextRules,
    pub(super) monitors: Vec<Option<Monitors>>,
    pub(super) features: Vec<(Arc<str>, u32)>,
    tests: Vec<Test>,
}

#[derive(Debug)]
pub(super) struct RouteEntry {
    pub pattern: Pattern,
    pub from: Origins,
    pub written: RouteRef,
    pub emergency: Option<Arc<str>>,
    priority: u8,
}

#[derive(Debug)]
pub(super) struct PolicyEntry {
    pub rule: PolicyRule,
    pub file: Arc<str>,
    pub line: u32,
}

impl Program {
    pub(super) fn new(resolved: Resolved, code: Code, files: &Files, trees: &[Tree]) -> Program {
        let hash = hash(files, trees, &resolved.prompts);
        let mut numbers: HashMap<String, Vec<u32>> = HashMap::new();
        let mut routes = Vec::with_capacity(resolved.routes.len());
        for (index, route) in (0..).zip(resolved.routes) {
            if let Some(number) = route.pattern.only() {
                numbers.entry(number).or_default().push(index);
            }
            let (file, line) = files.line(route.at);
            let written = RouteRef { pattern: route.written, file, line };
            let (emergency, priority) = (route.emergency, route.priority);
            routes.push(RouteEntry {
                pattern: route.pattern,
                from: route.from,
                written,
                emergency,
                priority,
            });
        }
        let policies = resolved.policies.into_iter().map(|rule| {
            let (file, line) = files.line(rule.at);
            PolicyEntry { rule, file, line }
        });
        let flows = resolved.flows.iter().map(|flow| files.slice(flow.at).into());
        let (hours, calendars) = resolved.calendars.into_iter().unzip();
        Program {
            hash,
            prompts: resolved.prompts,
            routes,
            numbers,
            policies: policies.collect(),
            flows: flows.collect(),
            calendars,
            hours,
            code,
            slots: resolved.slots,
            declared: resolved.declared,
            texts: resolved.texts,
            monitors: resolved.monitors,
            features: resolved.features,
            tests: resolved.tests,
        }
    }

    /// What holds for text messages between users.
    pub fn texts(&self) -> &TextRules {
        &self.texts
    }

    /// What the plan demands of the trunk or group of trunks called `name`.
    pub fn trunk(&self, name: &str) -> Option<&TrunkRules> {
        self.declared.trunks.iter().find(|rules| *rules.name == *name)
    }

    /// What is declared besides flows and routes.
    pub fn declared(&self) -> &Declared {
        &self.declared
    }

    /// The tests that stand in the files, in order.
    pub fn tests(&self) -> &[Test] {
        &self.tests
    }

    /// The codes that parties may press in a conversation, in the order of the files.
    pub fn features(&self) -> impl Iterator<Item = &str> {
        self.features.iter().map(|(code, _)| &**code)
    }

    /// SHA-256 over the canonical text of all files and the content of all sounds.
    pub fn hash(&self) -> [u8; 32] {
        self.hash
    }

    /// The hash as 64 lower-case hexadecimal digits.
    pub fn hash_hex(&self) -> String {
        crate::base::hex(&self.hash)
    }

    /// Every sound that an ask of this program may name, in the order of the files. Two may share an id.
    pub fn prompts(&self) -> &[PromptRef] {
        &self.prompts
    }

    /// Every route, the more specific in front.
    pub fn routes(&self) -> impl Iterator<Item = &RouteRef> {
        self.routes.iter().map(|route| &route.written)
    }

    /// The route for a call from `origin` to `dialled`; `None` when nobody is reached that way (404).
    pub fn route(&self, origin: &Origin, dialled: &str) -> Option<RouteId> {
        self.route_in(None, origin, dialled)
    }

    /// As [`route`](Self::route), while the emergency plan of this name is switched on: its routes are asked first.
    pub fn route_during(&self, emergency: Option<&str>, origin: &Origin, dialled: &str) -> Option<RouteId> {
        let first = emergency.and_then(|plan| self.route_in(Some(plan), origin, dialled));
        first.or_else(|| self.route(origin, dialled))
    }

    /// The routes of an emergency plan, the more specific in front.
    pub fn routes_of(&self, emergency: &str) -> impl Iterator<Item = &RouteRef> {
        let of = move |route: &&RouteEntry| route.emergency.as_deref() == Some(emergency);
        self.routes.iter().filter(of).map(|route| &route.written)
    }

    /// The emergency plan that a route belongs to.
    pub fn emergency_of(&self, route: RouteId) -> Option<&str> {
        self.routes.get(route.0 as usize)?.emergency.as_deref()
    }

    fn route_in(&self, emergency: Option<&str>, origin: &Origin, dialled: &str) -> Option<RouteId> {
        let holds = |route: &RouteEntry| route.emergency.as_deref() == emergency && route.from.holds(origin);
        let exact = self.numbers.get(dialled).into_iter().flatten().copied();
        let from = |index: &u32| self.routes.get(*index as usize).is_some_and(holds);
        let found = exact.into_iter().find(from).or_else(|| {
            let takes = |route: &RouteEntry| holds(route) && route.pattern.matches(dialled);
            self.routes.iter().position(takes).map(super::file::offset)
        });
        found.map(RouteId)
    }

    /// Where a call to `dialled` comes from, if anybody may make it: a user, or else a trunk.
    pub fn origin_of(&self, dialled: &str) -> Option<Origin> {
        let takes = |route: &&RouteEntry| route.pattern.matches(dialled);
        let mut origins = self.routes.iter().filter(takes).map(|route| &route.from);
        let first = self.routes.iter().filter(takes).flat_map(|route| route.from.trunks.first()).next();
        match origins.any(|from| from.users) {
            true => Some(Origin::Users),
            false => first.cloned().map(Origin::Trunk),
        }
    }

    /// The code of a feature and its reaction.
    pub fn feature(&self, code: &str) -> Option<u32> {
        self.features.iter().find(|(known, _)| **known == *code).map(|(_, reaction)| *reaction)
    }

    /// How urgent the calls of a route are before anything is known of them.
    pub(super) fn priority(&self, route: RouteId) -> u8 {
        self.routes.get(route.0 as usize).map_or(0, |route| route.priority)
    }

    /// A route as it is written; `None` when `route` is of another program.
    pub fn route_ref(&self, route: RouteId) -> Option<&RouteRef> {
        self.routes.get(route.0 as usize).map(|route| &route.written)
    }

    /// What the captures of a route hold, in order.
    pub(super) fn captured(&self, route: RouteId, dialled: &str) -> Vec<String> {
        let Some(entry) = self.routes.get(route.0 as usize) else {
            return Vec::new();
        };
        let captures = &entry.pattern.captures;
        captures.iter().map(|capture| entry.pattern.captured(capture, dialled)).collect()
    }

    /// The policies that match a call, each with its number.
    pub(super) fn matching_numbers(&self, facts: &Facts) -> Vec<u16> {
        let dialled = facts.dialled.reveal();
        let all = (0..).zip(&self.policies).filter(move |(_, entry)| {
            let to = &entry.rule.to;
            entry.rule.from.holds(&facts.origin) && (to.is_empty() || to.iter().any(|to| to.matches(dialled)))
        });
        all.map(|(number, _)| number).collect()
    }

    pub(super) fn matching(&self, facts: &Facts) -> impl Iterator<Item = &PolicyEntry> {
        let dialled = facts.dialled.reveal();
        self.policies.iter().filter(move |entry| {
            let to = &entry.rule.to;
            entry.rule.from.holds(&facts.origin) && (to.is_empty() || to.iter().any(|to| to.matches(dialled)))
        })
    }

    /// What all policies that match a call with these facts ask for together, of a call that is not urgent.
    pub fn policy(&self, facts: &Facts) -> Policy {
        self.policy_at(facts, 0)
    }

    /// As [`policy`](Self::policy), of a call that takes the route it will take.
    pub fn policy_of(&self, facts: &Facts) -> Policy {
        let route = self.route(&facts.origin, facts.dialled.reveal());
        self.policy_at(facts, route.map_or(0, |route| self.priority(route)))
    }

    /// As [`policy`](Self::policy), of a call that `route` takes: an urgent one may go on unrecorded where a policy says so.
    pub fn policy_for(&self, facts: &Facts, route: RouteId) -> Policy {
        self.policy_at(facts, self.priority(route))
    }

    pub(super) fn policy_at(&self, facts: &Facts, priority: u8) -> Policy {
        let mut sum = Policy::default();
        let mut notice: Vec<PromptId> = Vec::new();
        for PolicyEntry { rule, .. } in self.matching(facts) {
            sum.names.push(rule.name.clone());
            sum.record = sum.record.max(rule.record_at(priority));
            sum.beside.add(rule.beside);
            sum.rules.add(&rule.rules);
            sum.retain = stricter(sum.retain, rule.class.as_ref());
            for id in rule.notice.at_or_last(facts.wall) {
                if !notice.contains(&id) {
                    notice.push(id);
                }
            }
        }
        if sum.record == Record::Off {
            sum.retain = None;
        }
        sum.notice = notice.into();
        sum
    }
}

/// Both classes at once: the longest minimum, the shortest maximum. The checker has seen that they agree.
fn stricter(
    sum: Option<Arc<RetentionClass>>,
    class: Option<&Arc<RetentionClass>>,
) -> Option<Arc<RetentionClass>> {
    let (Some(a), Some(b)) = (&sum, class) else {
        return sum.or_else(|| class.cloned());
    };
    if a.name == b.name {
        return sum;
    }
    let min = if a.min.covers(b.min) { a.min } else { b.min };
    let max = match (a.max, b.max) {
        (Some(a), Some(b)) => Some(if a.covers(b) { b } else { a }),
        (a, b) => a.or(b),
    };
    Some(Arc::new(RetentionClass {
        name: format!("{}+{}", a.name, b.name).into(),
        anchor: a.anchor,
        min,
        max,
    }))
}

fn hash(files: &Files, trees: &[Tree], prompts: &[PromptRef]) -> [u8; 32] {
    let texts = files.0.iter().zip(trees).map(|(file, tree)| (&*file.path, tree.canonical()));
    content_hash(texts, prompts.iter().map(|prompt| (&*prompt.path, prompt.sha256)))
}

/// What names a program: SHA-256 over `ledgerline plan 2`, then for each file in the order of paths its path and
/// [canonical](super::canonical) text, then for each sound in the order of paths its path and SHA-256, every part with its
/// length in front.
pub fn content_hash<'a>(
    texts: impl IntoIterator<Item = (&'a str, String)>,
    sounds: impl IntoIterator<Item = (&'a str, [u8; 32])>,
) -> [u8; 32] {
    let mut hasher = Sha256::new();
    let mut part = |bytes: &[u8]| {
        hasher.update((bytes.len() as u64).to_be_bytes());
        hasher.update(bytes);
    };
    part(b"ledgerline plan 2");
    let mut texts: Vec<(&str, String)> = texts.into_iter().collect();
    texts.sort();
    for (path, text) in &texts {
        part(path.as_bytes());
        part(text.as_bytes());
    }
    let mut sounds: Vec<(&str, [u8; 32])> = sounds.into_iter().collect();
    sounds.sort_unstable();
    sounds.dedup();
    for (path, sha256) in &sounds {
        part(path.as_bytes());
        part(sha256);
    }
    hasher.finalize().into()
}
