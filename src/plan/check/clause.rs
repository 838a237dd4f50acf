//! Clauses of policies besides recording and keeping, and codes that parties press: reactions, monitors, masks, egress,
//! forbidden words.

use std::sync::Arc;
use std::time::Duration;

use crate::compliance::words::Words;
use crate::plan::ast::{
    Block, Clause, ClauseKind, EndRule as WrittenEnd, FileAst, Monitors as Written, Name,
    Screen as WrittenScreen,
};
use crate::plan::code::Code;
use crate::plan::declared::WordSet;
use crate::plan::file::{Span, offset};
use crate::plan::finding::{Arg, Finding, nearest, note};
use crate::plan::lookup::host;
use crate::plan::policy::{EndRule, EndWhen, Mask, Needs, Screen};
use crate::plan::resolved::{DeedSource, Monitors, PolicyRule, Reaction, Step, StepKind};
use crate::plan::verb::Kind;

use super::flow::Walks;
use super::names::World;
use super::path::Reach;

/// The longest delay of what is said (base: `DELAY` of the media plane), and the longest wait for monitors.
const DELAY: Duration = Duration::from_millis(3_000);
const WITHIN: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(120));

/// How long a stretch of silence or of both talking is worth looking at, and how many characters a minute people speak.
const STRETCH: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(600));
const RATES: std::ops::RangeInclusive<u32> = 30..=1_000;

const MASKED: [&str; 4] = ["phone", "name", "idcard", "card"];
const PLACES: [&str; 6] = ["log", "api", "cdr", "agent", "event", "export"];
const RIGHTS: [&str; 3] = ["step-up", "purpose", "second-auth"];

/// What clauses and features come to besides the policies themselves.
#[derive(Debug, Default)]
pub(super) struct Extra {
    pub monitors: Vec<Option<Monitors>>,
    pub features: Vec<(Arc<str>, u32)>,
    pub reactions: Vec<Reaction>,
    /// Sets of words that texts between users are looked through for, and whether they are refused then.
    pub texts: Vec<(Arc<WordSet>, bool)>,
}

/// Looks at every clause of every policy and at every feature; fills the policies' rules.
pub(super) fn check(
    asts: &[FileAst],
    policies: &mut [PolicyRule],
    walks: &mut Walks,
    world: &World,
    findings: &mut Vec<Finding>,
) -> Extra {
    let mut extra = Extra::default();
    let all = asts.iter().flat_map(|ast| ast.policies.iter().map(move |policy| (ast, policy)));
    for ((ast, policy), rule) in all.zip(policies) {
        let mut monitors = None;
        for clause in &policy.clauses {
            let mut one = One { ast, walks: &mut *walks, world, findings: &mut *findings, extra: &mut extra };
            let found = one.clause(clause, rule);
            if let (Some(_), Some(_)) = (&monitors, &found) {
                findings.push(Finding::new(Code::OPTION_TWICE, clause.span).arg("monitors"));
            }
            monitors = monitors.or(found);
        }
        extra.monitors.push(monitors);
    }
    for (ast, feature) in asts.iter().flat_map(|ast| ast.features.iter().map(move |feature| (ast, feature))) {
        let code = &feature.code;
        let good = code.text.len() >= 2
            && code.text.starts_with(['*', '#'])
            && code.text.chars().all(|ch| ch.is_ascii_digit() || matches!(ch, '*' | '#'));
        if !good {
            findings.push(Finding::new(Code::BAD_FEATURE, code.span).arg(&*code.text));
        }
        if extra.features.iter().any(|(known, _)| *known == code.text) {
            findings.push(Finding::new(Code::OPTION_TWICE, code.span).arg(&*code.text));
        }
        let mut one = One { ast, walks, world, findings, extra: &mut extra };
        let reaction = one.reaction(&feature.body, feature.span, false);
        extra.features.push((code.text.clone(), reaction));
    }
    extra
}

/// One clause on its way.
struct One<'c, 'w> {
    ast: &'c FileAst,
    walks: &'c mut Walks<'w>,
    world: &'c World,
    findings: &'c mut Vec<Finding>,
    extra: &'c mut Extra,
}

impl One<'_, '_> {
    fn clause(&mut self, clause: &Clause, rule: &mut PolicyRule) -> Option<Monitors> {
        match &clause.kind {
            ClauseKind::Screen(screen) => {
                let screen = self.screen(screen, clause.span);
                rule.rules.screens.push(Arc::new(screen));
            }
            ClauseKind::Forbid { words, places, noted } => self.forbid(words, places, *noted),
            ClauseKind::Mask { what, places } => {
                self.words(what, &MASKED);
                self.words(places, &PLACES);
                rule.rules.masks.push(Mask { what: texts(what), places: texts(places) });
            }
            ClauseKind::Needs { reveal, role, needs, limit } => {
                self.words(reveal.as_slice(), &MASKED);
                self.words(needs, &RIGHTS);
                let needs = Needs {
                    reveal: reveal.as_ref().map(|name| name.text.clone()),
                    role: role.as_ref().map(|name| name.text.clone()),
                    needs: texts(needs),
                    limit: limit.map(|limit| u32::try_from(limit).unwrap_or(u32::MAX)),
                };
                let list = if needs.reveal.is_some() { &mut rule.rules.reveal } else { &mut rule.rules.play };
                list.push(needs);
            }
            ClauseKind::Monitors(written) => return self.monitors(written, clause.span),
            ClauseKind::Transcript(parties) => {
                self.words(parties, &["agent", "customer"]);
                for party in parties {
                    rule.rules.transcript[usize::from(&*party.text != "agent")] = true;
                }
            }
            ClauseKind::AtEnd(rules) => {
                for written in rules {
                    let rule_of = self.end_rule(written);
                    rule.rules.at_end.extend(rule_of.map(Arc::new));
                }
            }
            ClauseKind::Egress(hosts) => {
                self.egress(hosts);
                rule.rules.egress.push(texts(hosts).into());
            }
        }
        None
    }

    /// Reports words that are not among `known`.
    fn words(&mut self, names: &[Name], known: &[&'static str]) {
        for name in names.iter().filter(|name| !known.contains(&&*name.text)) {
            let finding = Finding::new(Code::NOT_A_WORD, name.span).arg(&*name.text);
            let finding = finding.arg(Arg::list(known.iter().copied()));
            self.findings.push(finding.suggest(nearest(&name.text, known.iter().copied())));
        }
    }

    fn screen(&mut self, written: &WrittenScreen, at: Span) -> Screen {
        self.words(std::slice::from_ref(&written.party), &["agent", "customer"]);
        for name in &written.words {
            self.world.find(Kind::Words, name, self.findings);
        }
        let intercepts = match &written.mode {
            Some(mode) => {
                self.words(std::slice::from_ref(mode), &["advise", "intercept", "bleep"]);
                matches!(&*mode.text, "intercept" | "bleep")
            }
            None => false,
        };
        let delay = written.delay.as_ref().and_then(|(amount, _)| amount.duration());
        match (&written.delay, intercepts) {
            (Some((amount, span)), true) => {
                if delay.is_none_or(|delay| delay > DELAY || delay < Duration::from_millis(100)) {
                    let finding =
                        Finding::new(Code::OUT_OF_BOUNDS, *span).arg("delay").arg(amount.to_string());
                    self.findings.push(finding.arg("100ms").arg("3000ms"));
                }
            }
            (Some((_, span)), false) => self.findings.push(Finding::new(Code::DELAY_ALONE, *span)),
            (None, true) => {
                let finding = Finding::new(Code::UNBOUNDED, at).arg("screen").arg("delay");
                self.findings.push(finding.arg("delay 1200ms"));
            }
            (None, false) => {}
        }
        if written.down.is_none() {
            self.findings.push(Finding::new(Code::NO_DOWN, at));
        }
        let hit = self.reaction(&written.body, at, true);
        let mut hits = Vec::new();
        for (count, block) in &written.hits {
            let number = self.reaction(block, at, true);
            hits.push((u32::try_from(*count).unwrap_or(u32::MAX), number));
        }
        let down = written.down.as_ref().map(|block| self.reaction(block, at, false));
        Screen {
            agent: &*written.party.text == "agent",
            words: texts(&written.words),
            intercept: delay.filter(|_| intercepts),
            bleeps: written.mode.as_ref().is_some_and(|mode| &*mode.text == "bleep"),
            hit,
            hits,
            down,
        }
    }

    /// A block that is carried out while people talk; its number.
    fn reaction(&mut self, block: &Block, at: Span, matches: bool) -> u32 {
        let body: Vec<Step> = self.walks.walk(self.ast, self.findings, |check| {
            check.reacts = true;
            check.matches = matches;
            let start = Reach::Goes { quiet: false, fell: block.close };
            check.in_scope(|check| check.statements(&block.statements, start)).0
        });
        self.extra.reactions.push(Reaction { at, body });
        offset(self.extra.reactions.len() - 1)
    }

    /// What a finished call is held to; only what tells and marks can be done then.
    fn end_rule(&mut self, written: &WrittenEnd) -> Option<EndRule> {
        self.words(std::slice::from_ref(&written.what), &["silence", "overlap", "rate", "missing"]);
        self.words(written.party.as_slice(), &["agent", "customer"]);
        let agent = written.party.as_ref().is_some_and(|party| &*party.text == "agent");
        let when = match &*written.what.text {
            "silence" => EndWhen::Silence(self.stretch(written)?),
            "overlap" => EndWhen::Overlap(self.stretch(written)?),
            "rate" => {
                let (per_minute, span) = written.count.unwrap_or((0, written.span));
                let per_minute = u32::try_from(per_minute).ok().filter(|rate| RATES.contains(rate));
                if per_minute.is_none() {
                    self.outside(
                        "rate",
                        written.count.map_or(String::new(), |(n, _)| n.to_string()),
                        span,
                        "30",
                        "1000",
                    );
                }
                EndWhen::Rate { agent, at_most: written.at_most, per_minute: per_minute? }
            }
            "missing" => {
                let words = written.words.as_ref()?;
                self.world.find(Kind::Words, words, self.findings);
                EndWhen::Missing { agent, words: words.text.clone() }
            }
            _ => return None,
        };
        let then = self.reaction(&written.body, written.span, false);
        let body = self.extra.reactions.last().map(|reaction| &*reaction.body).unwrap_or_default();
        let tells = |step: &Step| matches!(&step.kind, StepKind::Do(did) if matches!(did.deed, DeedSource::Tag(_) | DeedSource::Event { .. } | DeedSource::Notify { .. }));
        if !body.iter().all(tells) {
            self.findings.push(Finding::new(Code::NOT_AT_END, written.span));
        }
        Some(EndRule { when, then })
    }

    fn stretch(&mut self, written: &WrittenEnd) -> Option<Duration> {
        let (least, most) = STRETCH;
        let time = written.time.as_ref().and_then(|(amount, _)| amount.duration());
        let time = time.filter(|time| !written.at_most && (least..=most).contains(time));
        if time.is_none() {
            let said = written.time.as_ref().map_or(String::new(), |(amount, _)| amount.to_string());
            self.outside(&written.what.text, said, written.span, "1s", "600s");
        }
        time
    }

    fn outside(&mut self, what: &str, said: String, at: Span, least: &'static str, most: &'static str) {
        let finding = Finding::new(Code::OUT_OF_BOUNDS, at).arg(what).arg(said);
        self.findings.push(finding.arg(least).arg(most));
    }

    fn monitors(&mut self, written: &Written, at: Span) -> Option<Monitors> {
        self.world.find(Kind::Group, &written.group, self.findings);
        if !(1..=5).contains(&written.count) {
            let finding = Finding::new(Code::OUT_OF_BOUNDS, written.count_span).arg("require");
            self.findings.push(finding.arg(written.count.to_string()).arg("1").arg("5"));
        }
        let (least, most) = WITHIN;
        let within = match &written.within {
            Some((amount, span)) => {
                let time = amount.duration().filter(|time| (least..=most).contains(time));
                if time.is_none() {
                    let finding =
                        Finding::new(Code::OUT_OF_BOUNDS, *span).arg("within").arg(amount.to_string());
                    self.findings.push(finding.arg("1s").arg("120s"));
                }
                time
            }
            None => {
                let finding = Finding::new(Code::UNBOUNDED, at).arg("monitors").arg("within");
                self.findings.push(finding.arg("within 20s"));
                None
            }
        };
        let (condition, otherwise, ends) = self.walks.walk(self.ast, self.findings, |check| {
            check.facts = true;
            let condition = written.condition.as_ref().map(|condition| check.condition(condition));
            let start = Reach::Goes { quiet: true, fell: at };
            let body = written.otherwise.as_deref().unwrap_or(&[]);
            let (steps, end) = check.in_scope(|check| check.statements(body, start));
            (condition, steps, end)
        });
        if let (Reach::Goes { fell, .. }, true) = (ends, written.otherwise.is_some()) {
            self.findings.push(Finding::new(Code::WITHOUT_MONITORS, fell).also(at, note::FIRST));
        }
        let condition = match condition {
            Some(None) => return None,
            Some(Some(condition)) => Some(condition),
            None => None,
        };
        Some(Monitors {
            condition,
            count: u8::try_from(written.count).unwrap_or(u8::MAX),
            group: written.group.text.clone(),
            within: within?,
            at,
            otherwise,
        })
    }

    /// Every host that the plan speaks to is one of these.
    fn egress(&mut self, hosts: &[Name]) {
        let asts_hosts = self.world.addresses.iter();
        for (name, url, span) in asts_hosts {
            if let Some(found) = host(url)
                && !hosts.iter().any(|host| &*host.text == found)
            {
                let finding = Finding::new(Code::EGRESS, *span).arg(&**name).arg(found);
                let known = hosts.iter().map(|host| &*host.text);
                let finding = finding.arg(Arg::list(known.clone())).suggest(nearest(found, known));
                self.findings.push(finding.also(hosts.first().map_or(*span, |host| host.span), note::ALLOWS));
            }
        }
    }

    /// No text of the plan holds a word of these sets; texts between users are looked at when they come.
    fn forbid(&mut self, names: &[Name], places: &[Name], noted: bool) {
        self.words(places, if noted { &["messages"] } else { &["scripts", "prompts", "messages"] });
        let names_place = |place: &str| places.iter().any(|name| &*name.text == place);
        if names_place("messages") || noted {
            for name in names {
                let index = self.world.find(Kind::Words, name, self.findings);
                let set = index.and_then(|index| self.world.declared.words.get(index));
                self.extra.texts.extend(set.map(|set| (set.clone(), !noted)));
            }
        }
        if noted || (!places.is_empty() && !names_place("scripts") && !names_place("prompts")) {
            return;
        }
        for name in names {
            let Some(index) = self.world.find(Kind::Words, name, self.findings) else {
                continue;
            };
            let Some(set) = self.world.declared.words.get(index) else {
                continue;
            };
            let sets: Vec<_> = set.versions.iter().map(|version| set.phrases(version)).collect();
            // Phrases that cannot be used are told where they are declared.
            let Ok(words) = Words::compile(&sets) else { continue };
            for (text, span) in &self.world.texts {
                let mut told: Vec<Arc<str>> = Vec::new();
                for hit in words.scan(text).into_iter().filter(|hit| !hit.excused) {
                    if told.contains(&hit.phrase) {
                        continue;
                    }
                    let place = crate::plan::template::place(*span, &hit.bytes);
                    let finding =
                        Finding::new(Code::FORBIDDEN_WORD, place).arg(&*hit.phrase).arg(&*name.text);
                    self.findings.push(finding.also(name.span, note::FORBIDS));
                    told.push(hit.phrase);
                }
            }
        }
    }
}

fn texts(names: &[Name]) -> Vec<Arc<str>> {
    names.iter().map(|name| name.text.clone()).collect()
}
