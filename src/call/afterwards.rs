//! What a finished conversation is held to (`on call end { … }`): how long nobody spoke, how long both did, how fast, and what was
//! not said. Voices are told by loudness, without any recogniser; words by what recognisers heard.
//!
//! ```text
//!  two talk ──> gauged, written down ──> the call ends ──> judged ──> findings: event track, call record, tags, the plan's block
//! ```
//!
//! Invariant: what could not be heard is not judged, and the finding says so; while somebody holds, nobody is waited for.

use serde::{Deserialize, Serialize};

use crate::base::{LegId, Time, bounds};
use crate::compliance::words::HitId;
use crate::plan::{Deed, EndWhen};
use crate::speech::{Said, Spoke};
use crate::vault::Event;

use super::Call;
use super::desk::{Desk, Effect};
use super::transcript::{Line, Writing};

/// Below so much speech nobody's speed is judged, in milliseconds.
const LEAST_SPEECH_MS: u64 = 10_000;

/// The tag by which calls with findings are found.
pub const TAG: &str = "review";

/// Something that a finished conversation was found wanting in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// `silence`, `overlap`, `rate` or `missing`.
    pub what: String,
    /// Whose: the agent's, or the customer's; `None`: nobody's alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<bool>,
    /// What was measured: milliseconds, or characters a minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<u64>,
    /// What the plan allows, in the same unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
    /// Where it begins, in milliseconds since the call began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_ms: Option<u64>,
    /// The set of which nothing was said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub words: Option<String>,
    /// Whether it could not be judged, because somebody was not heard.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unjudged: bool,
}

/// Stretches of time, in milliseconds since the call began; ascending, none meets another.
type Stretches = Vec<(u64, u64)>;

/// What is known of a conversation that is to be judged.
#[derive(Debug, Default)]
pub(super) struct Afterwards {
    gauged: Vec<Gauged>,
    /// When which two talked, nobody holding.
    talks: Stretches,
    since_ms: Option<u64>,
    parties: [Party; 2],
    said: Vec<Mandatory>,
    pub(super) writing: Option<Writing>,
    pub(super) findings: Vec<Finding>,
}

/// One party's voice and speech, over all legs that it had.
#[derive(Debug, Default)]
struct Party {
    spoke: Stretches,
    /// Whether anything of its sound was ever there to be gauged.
    audible: bool,
    letters: u64,
    speaking_ms: u64,
    /// Whether a recogniser was missing at any time.
    unheard: bool,
}

#[derive(Debug)]
struct Gauged {
    leg: LegId,
    agent: bool,
    began_ms: u64,
}

/// Words were said of a set that somebody must say.
#[derive(Debug)]
struct Mandatory {
    leg: LegId,
    id: HitId,
    agent: bool,
    set: String,
    counts: bool,
}

/// Listening.
impl Call {
    /// Gauges the voices of two who talk, where the policy has rules about them. Asked after everything that happens to the call.
    pub fn mind_voices(&mut self, desk: &mut Desk<'_>) {
        let rules = &self.machine.policy().rules;
        if self.afterwards.is_none() && rules.at_end.is_empty() && rules.transcript == [false; 2] {
            return;
        }
        let gauges = rules.at_end.iter().any(|rule| rule.when.needs_words_of().is_none());
        let writes = rules.transcript != [false; 2];
        let wanted = if gauges { self.voices() } else { Vec::new() };
        if self.afterwards.is_none() && self.agent().is_none() {
            return;
        }
        let now_ms = self.since_began(desk.now);
        let afterwards = self.afterwards.get_or_insert_with(|| {
            Box::new(Afterwards { writing: writes.then(Writing::default), ..Afterwards::default() })
        });
        let gauged: Vec<(LegId, bool)> = afterwards.gauged.iter().map(|at| (at.leg, at.agent)).collect();
        if gauged == wanted {
            return;
        }
        afterwards.part(now_ms);
        afterwards.gauged.retain(|at| wanted.contains(&(at.leg, at.agent)));
        let begun = wanted.iter().filter(|one| !gauged.contains(one));
        afterwards.gauged.extend(begun.map(|(leg, agent)| Gauged {
            leg: *leg,
            agent: *agent,
            began_ms: now_ms,
        }));
        afterwards.gauged.sort_by_key(|at| wanted.iter().position(|one| *one == (at.leg, at.agent)));
        afterwards.since_ms = (wanted.len() == 2).then_some(now_ms);
        let call = self.id;
        let gauge = |leg: LegId, begins| Effect::Gauge { call, leg, begins };
        desk.effects
            .extend(gauged.iter().filter(|one| !wanted.contains(one)).map(|(leg, _)| gauge(*leg, false)));
        desk.effects
            .extend(wanted.iter().filter(|one| !gauged.contains(one)).map(|(leg, _)| gauge(*leg, true)));
    }

    /// The agent and the customer, while they talk and neither holds.
    fn voices(&self) -> Vec<(LegId, bool)> {
        let holds = |leg: &LegId| self.leg(*leg).is_some_and(|at| at.media.is_held());
        match self.agent().and_then(|agent| Some([agent, self.peer_of(agent)?])) {
            Some(two) if !two.iter().any(holds) => two.into_iter().zip([true, false]).collect(),
            _ => Vec::new(),
        }
    }

    fn since_began(&self, now: Time) -> u64 {
        u64::try_from(now.since(self.trace.began().0).as_millis()).unwrap_or(u64::MAX)
    }

    /// A leg's voice was heard, in milliseconds since its gauging began; an empty stretch is a sign of life.
    pub(super) fn voiced(&mut self, leg: LegId, spoke: Spoke) {
        let Some(afterwards) = &mut self.afterwards else { return };
        let Some(at) = afterwards.gauged.iter().find(|at| at.leg == leg) else { return };
        let (from, to) = (at.began_ms.saturating_add(spoke.from_ms), at.began_ms.saturating_add(spoke.to_ms));
        let party = &mut afterwards.parties[usize::from(!at.agent)];
        party.audible = true;
        let room = party.spoke.len() < bounds::STRETCHES;
        match party.spoke.last_mut() {
            Some(last) if from <= last.1 => last.1 = last.1.max(to),
            _ if from < to && room => party.spoke.push((from, to)),
            _ => {}
        }
    }

    /// A text that will not be corrected any more; `offset_ms` is when listening to its leg began.
    pub(super) fn heard_whole(&mut self, agent: bool, said: &Said, offset_ms: u64) {
        let writes = self.machine.policy().rules.transcript[usize::from(!agent)];
        let Some(afterwards) = &mut self.afterwards else { return };
        let letters = said.text.chars().filter(|c| c.is_alphanumeric()).count() as u64;
        if letters == 0 {
            return;
        }
        let party = &mut afterwards.parties[usize::from(!agent)];
        party.letters += letters;
        party.speaking_ms += said.to_ms.saturating_sub(said.from_ms);
        if let Some(writing) = afterwards.writing.as_mut().filter(|_| writes) {
            let (from_ms, to_ms) = (offset_ms + said.from_ms, offset_ms + said.to_ms);
            writing.add(Line { agent, from_ms, to_ms, text: said.text.clone() });
        }
    }

    /// A party is not listened to for a while.
    pub(super) fn unheard(&mut self, agent: bool) {
        if let Some(afterwards) = &mut self.afterwards {
            afterwards.parties[usize::from(!agent)].unheard = true;
        }
    }

    /// Words of a set were said that a rule asks for.
    pub(super) fn said_of(&mut self, leg: LegId, id: HitId, agent: bool, set: &str, counts: bool) {
        let asked = |rule: &EndWhen| matches!(rule, EndWhen::Missing { agent: by, words } if *by == agent && **words == *set);
        if !self.machine.policy().rules.at_end.iter().any(|rule| asked(&rule.when)) {
            return;
        }
        if let Some(afterwards) = &mut self.afterwards
            && afterwards.said.len() < bounds::SPOKEN
        {
            afterwards.said.push(Mandatory { leg, id, agent, set: set.into(), counts });
        }
    }

    /// What was known of those words has changed.
    pub(super) fn said_counts(&mut self, leg: LegId, id: HitId, counts: bool) {
        let said = self.afterwards.iter_mut().flat_map(|afterwards| &mut afterwards.said);
        said.filter(|one| (one.leg, one.id) == (leg, id)).for_each(|one| one.counts = counts);
    }
}

/// Judging.
impl Call {
    /// The conversation is over: it is held to the policy's rules, while the recording still takes events.
    pub(super) fn judge_at_end(&mut self, desk: &mut Desk<'_>) {
        let now_ms = self.since_began(desk.now);
        let Some(afterwards) = self.afterwards.as_mut() else { return };
        afterwards.part(now_ms);
        for at in std::mem::take(&mut afterwards.gauged) {
            desk.effects.push_back(Effect::Gauge { call: self.id, leg: at.leg, begins: false });
        }
        for rule in self.machine.policy().rules.at_end.clone() {
            let Some(finding) = self.afterwards.as_ref().and_then(|known| known.judged(&rule.when)) else {
                continue;
            };
            self.note(desk, finding.to_string());
            let value = serde_json::to_value(&finding).unwrap_or_default();
            self.record_event(desk, Event::Other { name: "finding".into(), value });
            self.tag(desk, TAG, "");
            self.tag(
                desk,
                &format!("{TAG}.{}", if finding.unjudged { "unjudged" } else { &finding.what }),
                "",
            );
            if !finding.unjudged {
                let (deeds, _) = self.machine.react(rule.reaction(), None, desk.wall);
                self.tell_plan(desk);
                deeds.into_iter().for_each(|deed: Deed| drop(self.deed(desk, deed)));
            }
            if let Some(afterwards) = &mut self.afterwards {
                afterwards.findings.push(finding);
            }
        }
    }

    /// What was found, for the call's record.
    pub(super) fn findings(&self) -> Vec<Finding> {
        self.afterwards.as_ref().map(|afterwards| afterwards.findings.clone()).unwrap_or_default()
    }
}

impl Afterwards {
    /// The two who talked do not any more.
    fn part(&mut self, now_ms: u64) {
        if let Some(since) = self.since_ms.take().filter(|since| *since < now_ms)
            && self.talks.len() < bounds::STRETCHES
        {
            self.talks.push((since, now_ms));
        }
    }

    /// What is wrong by a rule; `None`: nothing.
    fn judged(&self, when: &EndWhen) -> Option<Finding> {
        let finding = Finding {
            what: when.word().into(),
            agent: when.needs_words_of(),
            value: None,
            limit: None,
            from_ms: None,
            words: None,
            unjudged: false,
        };
        let party = |agent: bool| &self.parties[usize::from(!agent)];
        match when {
            EndWhen::Silence(limit) | EndWhen::Overlap(limit) => {
                let limit = u64::try_from(limit.as_millis()).unwrap_or(u64::MAX);
                let longest = match when {
                    EndWhen::Silence(_) => {
                        longest(&gaps(&self.talks, &self.parties[0].spoke, &self.parties[1].spoke))
                    }
                    _ => longest(&meets(&self.parties[0].spoke, &self.parties[1].spoke)),
                };
                let found = longest.filter(|(from, to)| to - from >= limit);
                let limit = Some(limit);
                if self.talks.is_empty() {
                    return None;
                }
                if !self.parties.iter().all(|party| party.audible) {
                    return Some(Finding { limit, unjudged: true, ..finding });
                }
                found.map(|(from, to)| Finding {
                    value: Some(to - from),
                    limit,
                    from_ms: Some(from),
                    ..finding
                })
            }
            EndWhen::Rate { agent, at_most, per_minute } => {
                let Party { letters, speaking_ms, unheard, .. } = party(*agent);
                let limit = Some(u64::from(*per_minute));
                if *speaking_ms < LEAST_SPEECH_MS {
                    return unheard.then_some(Finding { limit, unjudged: true, ..finding });
                }
                let rate = letters * 60_000 / speaking_ms;
                let found = if *at_most { rate <= limit? } else { rate >= limit? };
                found.then_some(Finding { value: Some(rate), limit, ..finding })
            }
            EndWhen::Missing { agent, words } => {
                let said =
                    self.said.iter().any(|one| one.counts && one.agent == *agent && *one.set == **words);
                let words = Some(words.to_string());
                let unjudged = party(*agent).unheard;
                (!said).then_some(Finding { words, unjudged, ..finding })
            }
        }
    }
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let seconds = |ms: u64| ms as f64 / 1_000.0;
        write!(f, "finding: {}", self.what)?;
        if let Some(agent) = self.agent {
            write!(f, " of the {}", if agent { "agent" } else { "customer" })?;
        }
        match (self.what.as_str(), self.value, self.limit) {
            ("rate", Some(value), Some(limit)) => write!(f, ": {value} characters a minute (limit {limit})")?,
            (_, Some(value), Some(limit)) => {
                write!(f, ": {:.1} s (limit {:.1} s)", seconds(value), seconds(limit))?
            }
            _ => {}
        }
        if let Some(words) = &self.words {
            write!(f, ": nothing of {words} was said")?;
        }
        if let Some(from) = self.from_ms {
            write!(f, " from {:.1} s on", seconds(from))?;
        }
        if self.unjudged { write!(f, ", not judged: not everybody was heard") } else { Ok(()) }
    }
}

/// Stretches of `talks` in which neither party spoke.
fn gaps(talks: &Stretches, one: &Stretches, other: &Stretches) -> Stretches {
    let mut voices: Stretches = one.iter().chain(other).copied().collect();
    voices.sort_unstable();
    let mut gaps = Stretches::new();
    for (begins, ends) in talks {
        let mut quiet_from = *begins;
        for (from, to) in voices.iter().filter(|(from, to)| from < ends && to > begins) {
            if *from > quiet_from {
                gaps.push((quiet_from, *from));
            }
            quiet_from = quiet_from.max(*to);
        }
        if quiet_from < *ends {
            gaps.push((quiet_from, *ends));
        }
    }
    gaps
}

/// Stretches in which both spoke.
fn meets(one: &Stretches, other: &Stretches) -> Stretches {
    let (mut one, mut other) = (one.iter().peekable(), other.iter().peekable());
    let mut meets = Stretches::new();
    while let (Some((a, b)), Some((c, d))) = (one.peek(), other.peek()) {
        let (from, to) = (*a.max(c), *b.min(d));
        if from < to {
            meets.push((from, to));
        }
        if b < d {
            one.next()
        } else {
            other.next()
        };
    }
    meets
}

fn longest(stretches: &Stretches) -> Option<(u64, u64)> {
    stretches.iter().copied().max_by_key(|(from, to)| (to - from, std::cmp::Reverse(*from)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_is_where_neither_speaks_and_overlap_where_both_do() {
        for (talks, one, other, silent, both) in [
            (vec![(0, 100)], vec![], vec![], vec![(0, 100)], vec![]),
            (vec![(0, 100)], vec![(10, 40)], vec![(30, 60)], vec![(0, 10), (60, 100)], vec![(30, 40)]),
            (vec![(0, 50), (70, 100)], vec![(40, 80)], vec![], vec![(0, 40), (80, 100)], vec![]),
            (vec![(0, 10)], vec![(0, 4), (6, 10)], vec![(3, 7)], vec![], vec![(3, 4), (6, 7)]),
            (vec![], vec![(0, 9)], vec![(1, 2), (3, 4)], vec![], vec![(1, 2), (3, 4)]),
        ] {
            assert_eq!(gaps(&talks, &one, &other), silent, "{one:?} {other:?}");
            assert_eq!(meets(&one, &other), both, "{one:?} {other:?}");
        }
        assert_eq!(longest(&vec![(0, 5), (10, 20), (30, 40)]), Some((10, 20)), "the first of equals");
        assert_eq!(longest(&Vec::new()), None);
    }

    #[test]
    fn what_was_not_heard_is_not_judged() {
        let missing = EndWhen::Missing { agent: true, words: "risk".into() };
        let mut known = Afterwards::default();
        assert_eq!(known.judged(&missing).map(|finding| finding.unjudged), Some(false));
        known.parties[0].unheard = true;
        assert_eq!(known.judged(&missing).map(|finding| finding.unjudged), Some(true));
        known.said.push(Mandatory {
            leg: LegId(1),
            id: HitId(1),
            agent: true,
            set: "risk".into(),
            counts: true,
        });
        assert_eq!(known.judged(&missing), None, "said is said");
        let silence = EndWhen::Silence(std::time::Duration::from_millis(50));
        known.talks.push((0, 100));
        assert_eq!(known.judged(&silence).map(|finding| finding.unjudged), Some(true));
        known.parties.iter_mut().for_each(|party| party.audible = true);
        assert_eq!(known.judged(&silence).and_then(|finding| finding.value), Some(100));
        let fast = EndWhen::Rate { agent: true, at_most: false, per_minute: 300 };
        (known.parties[0].letters, known.parties[0].speaking_ms) = (100, 20_000);
        assert_eq!(known.judged(&fast).and_then(|finding| finding.value), Some(300));
        known.parties[0].letters = 99;
        assert_eq!(known.judged(&fast), None);
    }
}
