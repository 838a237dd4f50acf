//! What a call's policies ask for: recording, keeping, notice. Decided once, when the call starts.
//!
//! Invariant: policies only add up. Of several that match one call the stricter demand of each kind counts, so that no
//! policy can weaken another.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::{Span, Timestamp, tz::TimeZone};

use super::lookup::host;
use crate::base::{PromptId, Wall};

/// The sum of all policies that match one call.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Policy {
    /// The names of the policies that matched, in the order of the files.
    pub names: Vec<Arc<str>>,
    /// Whether the call is recorded, and what happens when it cannot be.
    pub record: Record,
    /// What else a recorded call may have, because it is recorded too.
    pub beside: Beside,
    /// How long the recording is kept; present whenever `record` is not off.
    pub retain: Option<Arc<RetentionClass>>,
    /// What the caller hears before any other media; empty: nothing. The machine plays it; the call need not.
    pub notice: Arc<[PromptId]>,
    /// What else they demand.
    pub rules: Rules,
}

/// What policies demand besides recording, keeping and the notice; the demands of several stand side by side.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rules {
    /// Written into the record of a call that goes on although it cannot be recorded.
    pub failure_event: Option<Arc<str>>,
    /// What happens when words are spoken.
    pub screens: Vec<Arc<Screen>>,
    /// What is masked where.
    pub masks: Vec<Mask>,
    /// What it takes to hear a recording; all of them.
    pub play: Vec<Needs>,
    /// What it takes to see something unmasked; all of them.
    pub reveal: Vec<Needs>,
    /// Of each policy that says so: the only hosts that lookups and webhooks may speak to.
    pub egress: Vec<Arc<[Arc<str>]>>,
    /// What is looked at when a call has ended.
    pub at_end: Vec<Arc<EndRule>>,
    /// Whether what the agent, and what the customer says is written down.
    pub transcript: [bool; 2],
}

/// What a finished conversation is held to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndRule {
    /// When it is a finding.
    pub when: EndWhen,
    /// What is done then; a number of the program's reactions.
    pub(crate) then: u32,
}

impl EndRule {
    /// The reaction.
    pub fn reaction(&self) -> u32 {
        self.then
    }
}

/// When a finished conversation is a finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EndWhen {
    /// Nobody spoke for so long at a stretch.
    Silence(Duration),
    /// Both spoke for so long at a stretch.
    Overlap(Duration),
    /// A party spoke faster, or slower, than so many characters a minute.
    Rate {
        /// The agent; else the customer.
        agent: bool,
        /// Slower.
        at_most: bool,
        /// Characters a minute of speech.
        per_minute: u32,
    },
    /// A party said nothing of a set of words.
    Missing {
        /// The agent; else the customer.
        agent: bool,
        /// The set.
        words: Arc<str>,
    },
}

impl EndWhen {
    /// Its word: `silence`.
    pub const fn word(&self) -> &'static str {
        match self {
            EndWhen::Silence(_) => "silence",
            EndWhen::Overlap(_) => "overlap",
            EndWhen::Rate { .. } => "rate",
            EndWhen::Missing { .. } => "missing",
        }
    }

    /// Whose words must be recognised to judge it: the agent's (`true`) or the customer's; `None`: nobody's.
    pub const fn needs_words_of(&self) -> Option<bool> {
        match self {
            EndWhen::Silence(_) | EndWhen::Overlap(_) => None,
            EndWhen::Rate { agent, .. } | EndWhen::Missing { agent, .. } => Some(*agent),
        }
    }
}

impl Rules {
    /// Whether a lookup or webhook of this call may speak to the host of `url`. The checker has seen to it; whoever sends asks
    /// again.
    pub fn lets_out(&self, url: &str) -> bool {
        host(url)
            .is_some_and(|host| self.egress.iter().all(|hosts| hosts.iter().any(|known| **known == *host)))
    }

    /// Whether the host of `url` may be told numbers as they are: a policy names it, and none masks them for systems outside.
    pub fn tells_numbers(&self, url: &str) -> bool {
        let named =
            |host: &str| self.egress.iter().flat_map(|hosts| hosts.iter()).any(|known| **known == *host);
        !self.masks("phone", "api") && host(url).is_some_and(named)
    }

    /// Whether a policy masks `what` (`phone`, `name`, …) at `place` (`agent`, `api`, …).
    pub fn masks(&self, what: &str, place: &str) -> bool {
        let has = |list: &[Arc<str>], word: &str| list.iter().any(|known| **known == *word);
        self.masks.iter().any(|mask| has(&mask.what, what) && has(&mask.places, place))
    }

    /// Whether what a party says is written down: the agent, or the customer.
    pub fn writes_down(&self, agent: bool) -> bool {
        self.transcript[usize::from(!agent)]
    }

    /// Adds another policy's demands.
    pub(crate) fn add(&mut self, other: &Rules) {
        self.failure_event = self.failure_event.take().or_else(|| other.failure_event.clone());
        self.screens.extend(other.screens.iter().cloned());
        self.masks.extend(other.masks.iter().cloned());
        self.play.extend(other.play.iter().cloned());
        self.reveal.extend(other.reveal.iter().cloned());
        self.egress.extend(other.egress.iter().cloned());
        self.at_end.extend(other.at_end.iter().cloned());
        self.transcript = std::array::from_fn(|at| self.transcript[at] || other.transcript[at]);
    }
}

/// What happens when somebody speaks words of a set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Screen {
    /// Whose words: the agent's, or the customer's.
    pub agent: bool,
    /// The sets of words.
    pub words: Vec<Arc<str>>,
    /// Whether what is said waits until it is judged, and how long.
    pub intercept: Option<std::time::Duration>,
    /// Whether a tone is heard in the place of what is kept back; else nothing is.
    pub bleeps: bool,
    /// What is done for each hit; numbers of the program's reactions.
    pub(crate) hit: u32,
    /// What is done from so many hits on.
    pub(crate) hits: Vec<(u32, u32)>,
    /// What is done when nothing recognises speech.
    pub(crate) down: Option<u32>,
}

impl Screen {
    /// The reactions to the hit that is number `count` of the screen's (from 1), in their order.
    pub fn reactions(&self, count: u32) -> impl Iterator<Item = u32> {
        let more = self.hits.iter().filter(move |(least, _)| *least == count).map(|(_, reaction)| *reaction);
        std::iter::once(self.hit).chain(more)
    }

    /// The reaction to nobody listening.
    pub fn down(&self) -> Option<u32> {
        self.down
    }
}

/// What is masked where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mask {
    /// `phone`, `name`, `idcard`, `card`
    pub what: Vec<Arc<str>>,
    /// `log`, `api`, `cdr`, `agent`
    pub places: Vec<Arc<str>>,
}

/// What it takes to hear or see something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Needs {
    /// What is revealed; `None` for hearing recordings.
    pub reveal: Option<Arc<str>>,
    /// The role that may.
    pub role: Option<Arc<str>>,
    /// `step-up`, `purpose`, `second-auth`
    pub needs: Vec<Arc<str>>,
    /// Times for each agent and day.
    pub limit: Option<u32>,
}

/// Whether a call is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Record {
    /// Not recorded.
    #[default]
    Off,
    /// All of it, both tracks, from before the first media to the end.
    All {
        /// What happens when the recording cannot be opened or goes on failing.
        on_failure: OnFailure,
    },
}

/// What is recorded besides sound. A recorded call has no more than is recorded: what is not named here is refused in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Beside {
    /// Video.
    pub video: bool,
    /// Fax (T.38).
    pub fax: bool,
}

impl Beside {
    /// Adds what another policy names.
    pub(crate) fn add(&mut self, other: Beside) {
        self.video |= other.video;
        self.fax |= other.fax;
    }
}

/// What happens to a call that cannot be recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum OnFailure {
    /// The call goes on unrecorded and the loss is logged.
    Continue,
    /// No recording, no call: refused before media (503), ended if recording is lost.
    Refuse,
}

/// How long recordings of a kind are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetentionClass {
    /// The name of the class; of several that apply to one call, their names joined by `+`.
    pub name: Arc<str>,
    /// From when the terms count.
    pub anchor: Anchor,
    /// Nobody can destroy the recording before this has passed.
    pub min: Term,
    /// The recording must be destroyed when this has passed.
    pub max: Option<Term>,
}

/// From when a retention term counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Anchor {
    /// The end of the call.
    CallEnd,
    /// The end of the contract with the customer, told to the switch later.
    ContractEnd,
}

impl Anchor {
    /// The words of the plan language: `call.end`, `contract.end`.
    pub const fn word(self) -> &'static str {
        match self {
            Anchor::CallEnd => "call.end",
            Anchor::ContractEnd => "contract.end",
        }
    }
}

/// A length of calendar time: years first, then days, then seconds, so that five years are five years in leap years too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Term {
    /// Calendar years.
    pub years: u16,
    /// Days of 24 hours.
    pub days: u32,
    /// Seconds.
    pub seconds: u64,
}

impl Term {
    /// The moment that lies this long after `from`, counted in UTC; the far end of time if it lies beyond year 9999.
    pub fn after(self, from: Wall) -> Wall {
        self.exact(from).unwrap_or(Wall::from_micros(i64::MAX))
    }

    fn exact(self, from: Wall) -> Option<Wall> {
        let start = Timestamp::from_microsecond(from.as_micros()).ok()?.to_zoned(TimeZone::UTC);
        let span = Span::new()
            .try_years(i64::from(self.years))
            .and_then(|span| span.try_days(i64::from(self.days)))
            .and_then(|span| span.try_seconds(i64::try_from(self.seconds).unwrap_or(i64::MAX)))
            .ok()?;
        let end = start.checked_add(span).ok()?;
        Some(Wall::from_micros(end.timestamp().as_microsecond()))
    }

    /// Whether this term is at least as long as `other` wherever both are laid down in the calendar.
    pub fn covers(self, other: Term) -> bool {
        let years = i64::from(self.years) - i64::from(other.years);
        let a_year = if years >= 0 { 365 } else { 366 };
        let seconds = |term: Term| i128::from(term.days) * 86_400 + i128::from(term.seconds);
        i128::from(years * a_year) * 86_400 + seconds(self) - seconds(other) >= 0
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut sum = "";
        if self.years > 0 {
            write!(f, "{}y", self.years)?;
            sum = "+";
        }
        if self.days > 0 {
            write!(f, "{sum}{}d", self.days)?;
            sum = "+";
        }
        match self.seconds {
            0 if sum.is_empty() => f.write_str("0s"),
            0 => Ok(()),
            s if s % 3_600 == 0 => write!(f, "{sum}{}h", s / 3_600),
            s if s % 60 == 0 => write!(f, "{sum}{}m", s / 60),
            s => write!(f, "{sum}{s}s"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_leaves_the_house_is_what_every_policy_lets_out() {
        let list = |hosts: &[&str]| hosts.iter().map(|host| Arc::from(*host)).collect::<Arc<[Arc<str>]>>();
        let mask = |what: &str, place: &str| Mask { what: vec![what.into()], places: vec![place.into()] };
        let (crm, risk) = ("https://crm.intra/x", "http://risk.intra:8080/c?p=1");
        for (egress, masks, lets, tells) in [
            (vec![], vec![], (true, true), (false, false)),
            (vec![list(&["crm.intra"])], vec![], (true, false), (true, false)),
            (
                vec![list(&["crm.intra", "risk.intra"]), list(&["risk.intra"])],
                vec![],
                (false, true),
                (true, true),
            ),
            (vec![list(&["crm.intra"])], vec![mask("phone", "api")], (true, false), (false, false)),
            (
                vec![list(&["crm.intra"])],
                vec![mask("phone", "log"), mask("name", "api")],
                (true, false),
                (true, false),
            ),
            (vec![list(&[])], vec![], (false, false), (false, false)),
        ] {
            let rules = Rules { egress, masks, ..Rules::default() };
            assert_eq!((rules.lets_out(crm), rules.lets_out(risk)), lets, "{rules:?}");
            assert_eq!((rules.tells_numbers(crm), rules.tells_numbers(risk)), tells, "{rules:?}");
        }
        assert!(!Rules::default().lets_out("https://good@evil/"));
    }

    #[test]
    fn a_term_counts_calendar_years() {
        let leap_day: Timestamp = "2028-02-29T10:00:00Z".parse().unwrap_or_default();
        let from = Wall::from_micros(leap_day.as_microsecond());
        for (term, until) in [
            (Term { years: 5, ..Term::default() }, "2033-02-28T10:00:00.000Z"),
            (Term { years: 5, days: 90, seconds: 0 }, "2033-05-29T10:00:00.000Z"),
            (Term { seconds: 72 * 3_600, ..Term::default() }, "2028-03-03T10:00:00.000Z"),
        ] {
            assert_eq!(term.after(from).rfc3339(), until, "{term}");
        }
        let ages = Term { years: u16::MAX, ..Term::default() };
        assert_eq!(ages.after(from), Wall::from_micros(i64::MAX));
    }

    #[test]
    fn a_term_covers_another_only_if_it_does_in_every_year() {
        let years = |years| Term { years, ..Term::default() };
        let days = |days| Term { days, ..Term::default() };
        for (long, short, covers) in [
            (years(5), years(5), true),
            (years(5), days(5 * 365), true),
            (years(5), days(5 * 365 + 2), false),
            (days(366), years(1), true),
            (days(365), years(1), false),
            (Term { seconds: 86_400, ..Term::default() }, days(1), true),
        ] {
            assert_eq!(long.covers(short), covers, "{long} {short}");
        }
    }
}
