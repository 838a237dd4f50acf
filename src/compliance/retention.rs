//! How long a recording stays: its classes as they were stored with it, the events that they count from, holds, and the
//! state that follows.
//!
//! Invariant: everything here is computed from what was written down when the recording was made and from the book of
//! keeping; a rule that is changed later is not consulted (RET-06). What is not known keeps a recording (RET-02).

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::base::{RecordingId, Wall};

/// The anchor that every recording has: the end of its call.
pub const CALL_END: &str = "call.end";

/// One retention class as it was stored with a recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Class {
    /// Its name: `金融通用`.
    pub name: String,
    /// The event that it counts from: `call.end`, `contract.end`, `dispute.closed`, …
    pub anchor: String,
    /// Kept at least so long after it.
    pub min: Option<Duration>,
    /// Destroyed at the latest so long after it.
    pub max: Option<Duration>,
}

/// What the classes of one recording come to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Term {
    /// Nobody destroys it before this. `None`: an anchor is not known, so nobody knows.
    pub keep_until: Option<Wall>,
    /// It is to be destroyed by this.
    pub destroy_by: Option<Wall>,
    /// Anchors that have not come yet.
    pub pending: Vec<String>,
    /// The shortest maximum ends before the longest minimum: the minimum wins, and it is sealed from then on.
    pub conflict: bool,
}

impl Term {
    /// Of `classes` with the anchors that are known (RET-03: the latest minimum wins). No class: kept until somebody gives
    /// it one.
    pub fn of(classes: &[Class], anchors: &BTreeMap<String, Wall>) -> Term {
        let mut term = Term::default();
        let mut latest = None;
        for class in classes {
            let Some(from) = anchors.get(&class.anchor) else {
                term.pending.push(class.anchor.clone());
                continue;
            };
            let keep = *from + class.min.unwrap_or_default();
            latest = latest.max(Some(keep));
            let destroy = class.max.map(|max| *from + max);
            term.destroy_by = match (term.destroy_by, destroy) {
                (Some(a), Some(b)) => Some(a.min(b)),
                (a, b) => a.or(b),
            };
        }
        if classes.is_empty() {
            term.pending.push("class".into());
        }
        if term.pending.is_empty() {
            term.keep_until = latest;
        }
        term.conflict = latest.zip(term.destroy_by).is_some_and(|(keep, destroy)| destroy < keep);
        term
    }

    /// Whether the term is over at `now`.
    pub fn is_over(&self, now: Wall) -> bool {
        self.keep_until.is_some_and(|until| now >= until)
    }

    /// Whether it should be gone at `now` (RET-04): past its maximum, and its minimum over.
    pub fn is_overdue(&self, now: Wall) -> bool {
        self.is_over(now) && self.destroy_by.is_some_and(|by| now >= by)
    }
}

/// Where a recording stands. Holds lie beside it: see [`Standing`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It runs.
    Capturing,
    /// It is kept and used.
    Active,
    /// It is kept and not used: erasure was asked for, or a maximum passed, while a minimum runs (PIPL art. 47).
    Sealed,
    /// Its term is over: it may be destroyed.
    Expired,
    /// It is being destroyed.
    Destroying,
    /// It is gone; its tombstone stays.
    Destroyed,
}

/// What happens to a recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// The call ended, the file is closed.
    Closed,
    /// Whom it concerns asked that it be erased.
    EraseAsked,
    /// A maximum passed while a minimum runs.
    MaximumPassed,
    /// Its term is over.
    TermOver,
    /// Its term is running again: an anchor moved to a later time.
    TermRuns,
    /// Its destruction was approved and begins.
    Approved,
    /// Key and file are gone.
    Gone,
}

/// The figure. What is not in it changes nothing; a hold stops [`Event::Approved`] before it comes here.
pub const fn step(state: State, event: Event) -> State {
    match (state, event) {
        (State::Capturing, Event::Closed) => State::Active,
        (State::Active, Event::EraseAsked | Event::MaximumPassed) => State::Sealed,
        (State::Active | State::Sealed, Event::TermOver) => State::Expired,
        (State::Expired, Event::TermRuns) => State::Active,
        (State::Expired, Event::Approved) => State::Destroying,
        (State::Destroying, Event::Gone) => State::Destroyed,
        (stay, _) => stay,
    }
}

/// Where a recording stands, and which cases hold it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// Its state.
    pub state: State,
    /// Cases that hold it: while there is one, nothing destroys it.
    pub held_by: Vec<String>,
}

/// What somebody wants with a recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// To hear it.
    Play,
    /// To find it in searches.
    Search,
    /// To hand it over.
    Export,
    /// To hand it to a regulator, approved by two.
    RegulatorExport,
    /// To destroy it, approved by two.
    Destroy,
}

impl Standing {
    /// Whether `wanted` may be done with it (RET-07, HOLD-02).
    pub const fn allows(&self, wanted: Use) -> bool {
        match (self.state, wanted) {
            (State::Destroying | State::Destroyed, _) => false,
            (State::Sealed, Use::RegulatorExport) => true,
            (State::Sealed, _) => false,
            (State::Expired, Use::Destroy) => self.held_by.is_empty(),
            (_, Use::Destroy) => false,
            _ => true,
        }
    }
}

/// What is known of a recording, to compute where it stands.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// Whether it runs.
    pub running: bool,
    /// Its classes.
    pub classes: Vec<Class>,
    /// Anchors that have come, [`CALL_END`] among them.
    pub anchors: BTreeMap<String, Wall>,
    /// Whether erasure was asked for.
    pub erase_asked: bool,
    /// Cases that hold it.
    pub held_by: Vec<String>,
    /// Whether a job is about to destroy it.
    pub destroying: bool,
    /// Whether its tombstone is written.
    pub destroyed: bool,
}

impl Known {
    /// Its term.
    pub fn term(&self) -> Term {
        Term::of(&self.classes, &self.anchors)
    }

    /// Where it stands at `now`.
    pub fn standing(&self, now: Wall) -> Standing {
        let term = self.term();
        let past_maximum = term.destroy_by.is_some_and(|by| now >= by) && term.pending.is_empty();
        let events = [
            (!self.running, Event::Closed),
            (self.erase_asked, Event::EraseAsked),
            (past_maximum && !term.is_over(now), Event::MaximumPassed),
            (term.is_over(now), Event::TermOver),
            (self.destroying || self.destroyed, Event::Approved),
            (self.destroyed, Event::Gone),
        ];
        let mut state = State::Capturing;
        for (_, event) in events.into_iter().filter(|(happened, _)| *happened) {
            state = step(state, event);
        }
        // What a tombstone says is true whatever clocks and books say today.
        if self.destroyed {
            state = State::Destroyed;
        }
        Standing { state, held_by: self.held_by.clone() }
    }
}

/// What a hold, an anchor or a request is about: all given conditions must hold, at least one must be given.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Select {
    /// These recordings.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub recordings: Vec<RecordingId>,
    /// A number in it, in the form of the index.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number: Option<String>,
    /// Somebody in it: an agent, a customer, in the form of the index.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Begun at or after.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<Wall>,
    /// Begun before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Wall>,
    /// A tag and its value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tag: Option<(String, String)>,
    /// A retention class (one of those joined by `+`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
}

/// What a [`Select`] is compared with.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// Which recording; `None` of none in particular.
    pub recording: Option<RecordingId>,
    /// When it began.
    pub begun: Wall,
    /// Numbers of everybody in it, in the form of the index.
    pub numbers: Vec<String>,
    /// Names, likewise.
    pub names: Vec<String>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// Its classes' names.
    pub classes: Vec<String>,
}

impl Select {
    /// Whether it says anything: nothing given would be everything, and nobody means that.
    pub fn is_empty(&self) -> bool {
        *self == Select::default()
    }

    /// Whether `facts` are meant; of recordings to come too (HOLD-01).
    pub fn matches(&self, facts: &Facts) -> bool {
        let among =
            |wanted: &Option<String>, given: &[String]| wanted.as_ref().is_none_or(|one| given.contains(one));
        !self.is_empty()
            && (self.recordings.is_empty() || facts.recording.is_some_and(|id| self.recordings.contains(&id)))
            && among(&self.number, &facts.numbers)
            && among(&self.name, &facts.names)
            && self.from.is_none_or(|from| facts.begun >= from)
            && self.until.is_none_or(|until| facts.begun < until)
            && self.tag.as_ref().is_none_or(|(name, value)| facts.tags.get(name) == Some(value))
            && among(&self.class, &facts.classes)
    }
}

/// How far the wall's clock may go another way than the clock that does not jump (RET-05).
pub const JUMP: Duration = Duration::from_secs(300);

/// By how many seconds the wall's clock jumped between two moments read on both clocks, when by more than [`JUMP`].
///
/// `passed` is what the clock that does not jump counted between `before` and `after`.
pub fn jumped(before: Wall, after: Wall, passed: Duration) -> Option<i64> {
    let passed_us = i64::try_from(passed.as_micros()).unwrap_or(i64::MAX);
    let by_us = after.as_micros().saturating_sub(before.as_micros()).saturating_sub(passed_us);
    (by_us.unsigned_abs() > JUMP.as_micros() as u64).then_some(by_us / 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use State::*;

    const DAY: u64 = 86_400;
    const YEAR: u64 = 365 * DAY;

    fn at(seconds: u64) -> Wall {
        Wall::from_micros(seconds as i64 * 1_000_000)
    }

    fn class(name: &str, anchor: &str, min: Option<u64>, max: Option<u64>) -> Class {
        let term = |seconds: Option<u64>| seconds.map(Duration::from_secs);
        Class { name: name.into(), anchor: anchor.into(), min: term(min), max: term(max) }
    }

    fn known(classes: Vec<Class>) -> Known {
        Known { classes, anchors: BTreeMap::from([(CALL_END.to_string(), at(0))]), ..Known::default() }
    }

    #[test]
    fn the_figure_is_the_figure() {
        let events = [
            Event::Closed,
            Event::EraseAsked,
            Event::MaximumPassed,
            Event::TermOver,
            Event::TermRuns,
            Event::Approved,
            Event::Gone,
        ];
        let table = [
            (Capturing, [Active, Capturing, Capturing, Capturing, Capturing, Capturing, Capturing]),
            (Active, [Active, Sealed, Sealed, Expired, Active, Active, Active]),
            (Sealed, [Sealed, Sealed, Sealed, Expired, Sealed, Sealed, Sealed]),
            (Expired, [Expired, Expired, Expired, Expired, Active, Destroying, Expired]),
            (Destroying, [Destroying, Destroying, Destroying, Destroying, Destroying, Destroying, Destroyed]),
            (Destroyed, [Destroyed; 7]),
        ];
        for (from, to) in table {
            assert_eq!(events.map(|event| step(from, event)), to, "{from:?}");
        }
    }

    #[test]
    fn each_state_allows_what_the_law_lets_it() {
        let uses = [Use::Play, Use::Search, Use::Export, Use::RegulatorExport, Use::Destroy];
        for (state, held, allowed) in [
            (Capturing, false, [true, true, true, true, false]),
            (Active, false, [true, true, true, true, false]),
            (Active, true, [true, true, true, true, false]),
            // RET-07
            (Sealed, false, [false, false, false, true, false]),
            (Expired, false, [true, true, true, true, true]),
            // HOLD-02
            (Expired, true, [true, true, true, true, false]),
            (Destroying, false, [false; 5]),
            (Destroyed, false, [false; 5]),
        ] {
            let held_by = if held { vec!["C-7".to_string()] } else { vec![] };
            let standing = Standing { state, held_by };
            assert_eq!(uses.map(|wanted| standing.allows(wanted)), allowed, "{state:?} {held}");
        }
    }

    /// RET-01: not a second before its term, and then.
    #[test]
    fn five_years_are_five_years() {
        let finance = known(vec![class("金融通用", CALL_END, Some(5 * YEAR), Some(5 * YEAR + 90 * DAY))]);
        for (now, state, destroyable, overdue) in [
            (0, Active, false, false),
            (5 * YEAR - DAY, Active, false, false),
            (5 * YEAR - 1, Active, false, false),
            (5 * YEAR, Expired, true, false),
            (5 * YEAR + 90 * DAY, Expired, true, true),
        ] {
            let standing = finance.standing(at(now));
            assert_eq!((standing.state, standing.allows(Use::Destroy)), (state, destroyable), "{now}");
            assert_eq!(finance.term().is_overdue(at(now)), overdue, "RET-04 at {now}");
        }
    }

    /// RET-02: what counts from an event that has not come is kept for ever, and listed.
    #[test]
    fn an_anchor_that_has_not_come_keeps() {
        let mut insured = known(vec![class("保险长期", "contract.end", Some(10 * YEAR), Some(11 * YEAR))]);
        assert_eq!(insured.standing(at(100 * YEAR)).state, Active);
        assert_eq!(insured.term().pending, ["contract.end"]);
        insured.anchors.insert("contract.end".into(), at(3 * YEAR));
        assert_eq!(insured.standing(at(13 * YEAR - 1)).state, Active);
        assert_eq!(insured.standing(at(13 * YEAR)).state, Expired);
        let nameless = known(vec![]);
        assert_eq!((nameless.standing(at(100 * YEAR)).state, nameless.term().pending.len()), (Active, 1));
    }

    /// RET-03: of several classes the latest minimum wins; a maximum before it seals.
    #[test]
    fn the_longest_minimum_wins() {
        let both = known(vec![
            class("外呼营销", CALL_END, Some(30 * DAY), Some(YEAR)),
            class("证券适当性", CALL_END, Some(20 * YEAR), Some(21 * YEAR)),
        ]);
        assert_eq!(both.term().keep_until, Some(at(20 * YEAR)));
        assert!(both.term().conflict);
        for (now, state) in
            [(YEAR - 1, Active), (YEAR, Sealed), (20 * YEAR - 1, Sealed), (20 * YEAR, Expired)]
        {
            assert_eq!(both.standing(at(now)).state, state, "{now}");
        }
        // One class whose anchor is unknown keeps, whatever the others say.
        let mut open = both.clone();
        open.classes.push(class("反洗钱", "relation.end", Some(10 * YEAR), None));
        assert_eq!(open.standing(at(90 * YEAR)).state, Active);
    }

    /// RET-07: asked to erase while the term runs: stored and guarded, nothing else.
    #[test]
    fn erasure_that_is_asked_for_early_seals() {
        let mut asked = known(vec![class("金融通用", CALL_END, Some(5 * YEAR), None)]);
        asked.erase_asked = true;
        assert_eq!(asked.standing(at(YEAR)).state, Sealed);
        assert_eq!(asked.standing(at(5 * YEAR)).state, Expired);
    }

    /// HOLD-02, HOLD-03: held, nothing destroys it; released, the old term counts.
    #[test]
    fn a_hold_stops_destruction_and_nothing_else() {
        let mut held = known(vec![class("普通", CALL_END, Some(YEAR), Some(YEAR))]);
        held.held_by.push("C-7".into());
        let standing = held.standing(at(2 * YEAR));
        assert_eq!(standing.state, Expired);
        assert!(!standing.allows(Use::Destroy) && standing.allows(Use::Play));
        held.held_by.clear();
        assert!(held.standing(at(2 * YEAR)).allows(Use::Destroy));
    }

    /// HOLD-01: by recording, number, person, time, tag, class; of what comes later too.
    #[test]
    fn a_selection_means_what_it_names() {
        let id = RecordingId::from_bytes([1; 16]);
        let facts = Facts {
            recording: Some(id),
            begun: at(100),
            numbers: vec!["13812345678".into()],
            names: vec!["张三丰".into(), "alice".into()],
            tags: BTreeMap::from([("case".into(), "C-7".into())]),
            classes: vec!["普通".into(), "合作项目".into()],
        };
        let text = |text: &str| Some(text.to_string());
        let all = Select::default();
        for (select, matches) in [
            (all.clone(), false),
            (Select { recordings: vec![id], ..all.clone() }, true),
            (Select { recordings: vec![RecordingId::from_bytes([2; 16])], ..all.clone() }, false),
            (Select { number: text("13812345678"), ..all.clone() }, true),
            (Select { number: text("13812345679"), ..all.clone() }, false),
            (Select { name: text("alice"), from: Some(at(100)), ..all.clone() }, true),
            (Select { name: text("alice"), from: Some(at(101)), ..all.clone() }, false),
            (Select { until: Some(at(100)), ..all.clone() }, false),
            (Select { tag: Some(("case".into(), "C-7".into())), ..all.clone() }, true),
            (Select { tag: Some(("case".into(), "C-8".into())), ..all.clone() }, false),
            (Select { class: text("合作项目"), ..all.clone() }, true),
        ] {
            assert_eq!(select.matches(&facts), matches, "{select:?}");
        }
    }

    /// RET-05.
    #[test]
    fn clocks_that_part_by_more_than_five_minutes_have_jumped() {
        for (after, passed, jump) in [
            (60, 60, None),
            (360, 60, None),
            (361, 60, Some(301)),
            (0, 300, None),
            (0, 301, Some(-301)),
            (10 * YEAR, 60, Some((10 * YEAR - 60) as i64)),
        ] {
            assert_eq!(jumped(at(0), at(after), Duration::from_secs(passed)), jump, "{after} {passed}");
        }
    }
}
