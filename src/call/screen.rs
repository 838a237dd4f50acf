//! What parties of a conversation say, held against the words that policies name, and what is done about it.
//!
//! ```text
//!            joined                 said            hit, by the policy's screen
//!  Talking ─────────> listened to ───────> watched ─────────────────────────────> reaction of the plan
//!            parted                 deaf            `on recogniser-down`
//! ```
//!
//! In `intercept` mode the agent's sound reaches the customer later by the screen's delay, and a hit silences what is still on its
//! way. Invariant: a conversation whose policy has screens is listened to, or its event track says from when to when it was not; of
//! one occurrence one reaction is begun.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::base::{LegId, Time, bounds};
use crate::compliance::words::{self, HitId, Noticed, Party, Watcher, Words};
use crate::media::Order;
use crate::plan::Screen;
use crate::speech::{News, Said, Wanted};
use crate::vault::Event;

use super::desk::{Alarm, Desk, Effect};
use super::{Call, Phase};

/// What is silenced around a word that is intercepted: recognisers say where a word stands to some tens of milliseconds.
const MARGIN: Duration = Duration::from_millis(150);

/// Words that a policy names, as somebody spoke them: for the call record and the audit book. It holds the set's phrase, not what was
/// said around it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spoken {
    /// Whether the agent spoke; else the customer.
    pub agent: bool,
    /// The set.
    pub set: String,
    /// Its version.
    pub version: String,
    /// The phrase as the set writes it.
    pub phrase: String,
    /// `exact`, `homophone` or `near`.
    pub level: String,
    /// Where it begins, in milliseconds since the call began.
    pub from_ms: u64,
    /// Where it ends.
    pub to_ms: u64,
    /// How long after its end it was known, in milliseconds.
    pub known_after_ms: u64,
    /// Whether an exception covers it: then nothing is done about it.
    #[serde(default)]
    pub excused: bool,
    /// Whether the recogniser took it back.
    #[serde(default)]
    pub withdrawn: bool,
    /// Whether the customer was kept from hearing it, whole or in part; `None`: nobody asked for that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intercepted: Option<bool>,
    /// Whether more was said after it than a record holds: it is acted on all the same, and written down nowhere.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cut_here: bool,
}

/// What is listened to in one call.
#[derive(Debug, Default)]
pub(super) struct Screening {
    ears: Vec<Ear>,
    /// Hits of each of the policy's screens so far.
    counts: Vec<u32>,
    spoken: Vec<Spoken>,
}

/// One party that is listened to.
struct Ear {
    leg: LegId,
    agent: bool,
    began: Time,
    watcher: Watcher,
    deaf: bool,
    /// The text that is still being corrected.
    partial: Option<Said>,
    delay: Option<Duration>,
    /// Whether a tone is heard in the place of what is not to be heard.
    bleeps: bool,
    /// Until when what is on its way is not to be heard, once it has come that far.
    hushed: Option<Time>,
    /// The last hits of this ear, which a recogniser may still correct.
    hits: VecDeque<Known>,
}

/// A hit that was told.
struct Known {
    id: HitId,
    spoken: Spoken,
    /// Its place in [`Screening::spoken`]; `None`: the record was full.
    at: Option<usize>,
}

impl fmt::Debug for Ear {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ear").field("leg", &self.leg).field("deaf", &self.deaf).finish_non_exhaustive()
    }
}

/// Beginning and ending.
impl Call {
    /// Listens to whom the policy wants listened to, and to nobody else. Asked after everything that happens to the call.
    pub fn mind_speech(&mut self, desk: &mut Desk<'_>) {
        if self.screening.is_none() && !self.minds_words() {
            return;
        }
        let wanted = self.speakers();
        let heard: Vec<LegId> = self.ears().map(|ear| ear.leg).collect();
        for leg in heard.iter().filter(|leg| !wanted.iter().any(|(other, _)| other == *leg)) {
            self.end_ear(desk, *leg);
        }
        for (leg, agent) in wanted.into_iter().filter(|(leg, _)| !heard.contains(leg)) {
            self.begin_ear(desk, leg, agent);
        }
    }

    fn screens(&self) -> &[Arc<Screen>] {
        &self.machine.policy().rules.screens
    }

    fn ears(&self) -> impl Iterator<Item = &Ear> {
        self.screening.iter().flat_map(|screening| &screening.ears)
    }

    fn ear(&mut self, leg: LegId) -> Option<&mut Ear> {
        self.screening.as_mut()?.ears.iter_mut().find(|ear| ear.leg == leg)
    }

    /// The parties of the conversation whose words some screen names, and whether each is the agent.
    fn speakers(&self) -> Vec<(LegId, bool)> {
        let Some(agent) = self.agent() else { return Vec::new() };
        let customer = self.peer_of(agent);
        let parties = [(Some(agent), true), (customer, false)].into_iter();
        parties
            .filter(|(_, agent)| self.minds_words_of(*agent))
            .filter_map(|(leg, agent)| Some((leg?, agent)))
            .collect()
    }

    fn minds_words(&self) -> bool {
        self.minds_words_of(true) || self.minds_words_of(false)
    }

    /// Whether a screen, a rule for the end of the call or the transcript wants to know what a party says.
    fn minds_words_of(&self, agent: bool) -> bool {
        let rules = &self.machine.policy().rules;
        self.screens().iter().any(|screen| screen.agent == agent)
            || rules.at_end.iter().any(|rule| rule.when.needs_words_of() == Some(agent))
            || rules.writes_down(agent)
            || !agent && self.machine.program().declared().cards.iter().any(|card| !card.on.is_empty())
    }

    fn begin_ear(&mut self, desk: &mut Desk<'_>, leg: LegId, agent: bool) {
        let party = if agent { Party::Agent } else { Party::Customer };
        let words = desk.lexicon.words(self.machine.program(), desk.program, desk.wall);
        let delay =
            self.screens().iter().filter(|screen| screen.agent == agent).filter_map(|s| s.intercept).max();
        let bleeps = self.screens().iter().any(|screen| screen.agent == agent && screen.bleeps);
        let screens = self.screens().len();
        let screening = self.screening.get_or_insert_default();
        screening.counts.resize(screens, 0);
        let rules = &self.machine.policy().rules;
        let all = rules.writes_down(agent)
            || rules.at_end.iter().any(|rule| rule.when.needs_words_of() == Some(agent));
        // Without words in force there is nothing to wait for, unless all that is said is of interest.
        let words = words.or_else(|| all.then(|| Words::compile(&[]).ok().map(Arc::new)).flatten());
        let Some(words) = words else { return };
        let wanted = Some(Wanted { words: words.clone(), speaker: party, intercepts: delay.is_some() });
        let watcher = Watcher::new(words, party);
        let ear = Ear {
            leg,
            agent,
            began: desk.now,
            watcher,
            deaf: false,
            partial: None,
            delay,
            bleeps,
            hushed: None,
            hits: VecDeque::new(),
        };
        screening.ears.push(ear);
        if let Some(delay) = delay {
            self.delay(desk, leg, delay);
        }
        desk.effects.push_back(Effect::Listen { call: self.id, leg, wanted });
    }

    fn end_ear(&mut self, desk: &mut Desk<'_>, leg: LegId) {
        let Some(screening) = &mut self.screening else { return };
        let Some(at) = screening.ears.iter().position(|ear| ear.leg == leg) else { return };
        let ear = screening.ears.remove(at);
        // What was said last counts as it was understood last.
        if let Some(partial) = &ear.partial {
            let offset_ms = ear.began.since(self.trace.began().0).as_millis() as u64;
            self.heard_whole(ear.agent, partial, offset_ms);
        }
        desk.alarms.clear(&(self.id, Alarm::Hush(leg)));
        let stays = !matches!(self.phase, Phase::Ending) && self.leg(leg).is_some_and(|at| !at.is_gone());
        if ear.delay.is_some() && stays {
            self.delay(desk, leg, Duration::ZERO);
        }
        desk.effects.push_back(Effect::Listen { call: self.id, leg, wanted: None });
    }

    fn delay(&mut self, desk: &mut Desk<'_>, leg: LegId, delay: Duration) {
        if !delay.is_zero() {
            self.note(desk, format!("{leg} is heard {} ms later", delay.as_millis()));
            self.record_event(desk, other("delay", json!({ "leg": leg.0, "ms": delay.as_millis() as u64 })));
        }
        desk.effects.push_back(Effect::Media(Order::Delay { call: self.id, leg, delay }));
    }

    /// The node's words have changed: urgent ones count in this call from now on.
    pub fn renew_words(&mut self, desk: &mut Desk<'_>) {
        if self.screening.is_none() {
            return;
        }
        let Some(words) = desk.lexicon.words(self.machine.program(), desk.program, desk.wall) else { return };
        let legs: Vec<LegId> = self.ears().map(|ear| ear.leg).collect();
        for leg in legs {
            let Some(ear) = self.ear(leg) else { continue };
            let speaker = if ear.agent { Party::Agent } else { Party::Customer };
            let intercepts = ear.delay.is_some();
            let news = ear.watcher.replace(words.clone());
            let wanted = Some(Wanted { words: words.clone(), speaker, intercepts });
            desk.effects.push_back(Effect::Listen { call: self.id, leg, wanted });
            self.judge(desk, leg, news);
        }
    }
}

/// Hearing.
impl Call {
    /// A recogniser has something to tell of a leg.
    pub fn on_speech(&mut self, desk: &mut Desk<'_>, leg: LegId, news: &News) {
        match news {
            News::Said(said) => self.heard_saying(desk, leg, said),
            News::Deaf { why } => self.deaf(desk, leg, why),
            News::Hears => self.hears_again(desk, leg),
            News::Spoke(spoke) => self.voiced(leg, *spoke),
        }
    }

    fn heard_saying(&mut self, desk: &mut Desk<'_>, leg: LegId, said: &Said) {
        let began = self.trace.began().0;
        let Some(ear) = self.ear(leg) else { return };
        let news = ear.watcher.hear(&said.heard());
        ear.partial = (!said.last).then(|| said.clone());
        let (agent, offset_ms) = (ear.agent, ear.began.since(began).as_millis() as u64);
        self.judge(desk, leg, news);
        if said.last {
            self.heard_whole(agent, said, offset_ms);
        }
    }

    fn deaf(&mut self, desk: &mut Desk<'_>, leg: LegId, why: &str) {
        let Some(ear) = self.ear(leg).filter(|ear| !ear.deaf) else { return };
        ear.deaf = true;
        let agent = ear.agent;
        self.unheard(agent);
        self.note(desk, format!("{leg} is not listened to: {why}"));
        self.record_event(desk, other("unheard", json!({ "leg": leg.0, "when": "begins", "why": why })));
        let down: Vec<u32> =
            self.screens().iter().filter(|screen| screen.agent == agent).filter_map(|s| s.down()).collect();
        for reaction in down {
            self.react_to(desk, reaction, None);
        }
    }

    fn hears_again(&mut self, desk: &mut Desk<'_>, leg: LegId) {
        if let Some(ear) = self.ear(leg).filter(|ear| ear.deaf) {
            ear.deaf = false;
            self.note(desk, format!("{leg} is listened to again"));
            self.record_event(desk, other("unheard", json!({ "leg": leg.0, "when": "ends" })));
        }
    }

    fn judge(&mut self, desk: &mut Desk<'_>, leg: LegId, news: Vec<words::News>) {
        for one in news {
            match one {
                words::News::Hit(noticed) => self.noticed(desk, leg, &noticed),
                words::News::Became(noticed) => self.became(desk, leg, &noticed),
                words::News::Excused(id) => {
                    self.said_counts(leg, id, false);
                    self.amend(desk, leg, id, |spoken| spoken.excused = true);
                }
                words::News::Withdrawn(id) => {
                    self.said_counts(leg, id, false);
                    self.amend(desk, leg, id, |spoken| spoken.withdrawn = true);
                }
                words::News::Charged(id) => self.charged(desk, leg, id),
            }
        }
    }

    /// Said before, and after a correction no exception covers it: what is done about any hit is done now.
    fn charged(&mut self, desk: &mut Desk<'_>, leg: LegId, id: HitId) {
        self.said_counts(leg, id, true);
        let Some(mut spoken) = self.known(leg, id).map(|known| known.spoken.clone()) else { return };
        spoken.excused = false;
        self.keep_from_others(desk, leg, &mut spoken);
        let changed = spoken.clone();
        self.amend(desk, leg, id, |known| *known = changed);
        self.act_on(desk, leg, &spoken);
    }

    /// It is another phrase than it seemed, perhaps one that is longer.
    fn became(&mut self, desk: &mut Desk<'_>, leg: LegId, noticed: &Noticed) {
        let Some(mut spoken) = self.known(leg, noticed.id).map(|known| known.spoken.clone()) else { return };
        let Some((from_ms, to_ms)) = self.span(leg, noticed) else { return };
        spoken.phrase = noticed.phrase.to_string();
        (spoken.from_ms, spoken.to_ms) = (from_ms.min(spoken.from_ms), to_ms.max(spoken.to_ms));
        if !spoken.excused {
            self.keep_from_others(desk, leg, &mut spoken);
        }
        self.amend(desk, leg, noticed.id, |known| *known = spoken);
    }

    fn known(&mut self, leg: LegId, id: HitId) -> Option<&mut Known> {
        self.ear(leg)?.hits.iter_mut().rfind(|known| known.id == id)
    }

    /// Where a hit stands, in milliseconds since the call began.
    fn span(&self, leg: LegId, noticed: &Noticed) -> Option<(u64, u64)> {
        let ear = self.ears().find(|ear| ear.leg == leg)?;
        let offset = ear.began.since(self.trace.began().0).as_millis() as u64;
        Some((offset.saturating_add(noticed.from_ms), offset.saturating_add(noticed.to_ms)))
    }

    /// Says on the event track and in the call's record what turned out different.
    fn amend(&mut self, desk: &mut Desk<'_>, leg: LegId, id: HitId, change: impl FnOnce(&mut Spoken)) {
        let Some(known) = self.known(leg, id) else { return };
        change(&mut known.spoken);
        let (spoken, at) = (known.spoken.clone(), known.at);
        if at.is_some() {
            self.write_spoken(desk, at, spoken);
        }
    }

    fn noticed(&mut self, desk: &mut Desk<'_>, leg: LegId, noticed: &Noticed) {
        let Some(agent) = self.ear(leg).map(|ear| ear.agent) else { return };
        self.said_of(leg, noticed.id, agent, &noticed.set, !noticed.excused);
        if !agent && !noticed.excused {
            self.cards_on(desk, &noticed.set);
        }
        let named = |screen: &Arc<Screen>| screen.agent == agent && screen.words.contains(&noticed.set);
        if !self.screens().iter().any(named) {
            return;
        }
        let Some((from_ms, to_ms)) = self.span(leg, noticed) else { return };
        let known = desk.now.since(self.trace.began().0).as_millis() as u64;
        let mut spoken = Spoken {
            agent,
            set: noticed.set.to_string(),
            version: noticed.version.to_string(),
            phrase: noticed.phrase.to_string(),
            level: noticed.level.to_string(),
            from_ms,
            to_ms,
            known_after_ms: known.saturating_sub(to_ms),
            excused: noticed.excused,
            withdrawn: false,
            intercepted: None,
            cut_here: false,
        };
        if !spoken.excused {
            self.keep_from_others(desk, leg, &mut spoken);
        }
        let at = self.write_new(desk, &spoken);
        if let Some(ear) = self.ear(leg) {
            if ear.hits.len() >= bounds::HITS_OPEN {
                ear.hits.pop_front();
            }
            ear.hits.push_back(Known { id: noticed.id, spoken: spoken.clone(), at });
        }
        if !spoken.excused {
            self.act_on(desk, leg, &spoken);
        }
    }

    /// A new hit for the record: its place there. Of the first that finds no room the last one that did says so.
    fn write_new(&mut self, desk: &mut Desk<'_>, spoken: &Spoken) -> Option<usize> {
        let record = &mut self.screening.as_mut()?.spoken;
        if record.len() < bounds::SPOKEN {
            record.push(spoken.clone());
            let at = record.len() - 1;
            self.write_spoken(desk, Some(at), spoken.clone());
            return Some(at);
        }
        let last = record.last().filter(|last| !last.cut_here).cloned();
        let at = record.len().checked_sub(1);
        if let Some(last) = last {
            self.write_spoken(desk, at, Spoken { cut_here: true, ..last });
        }
        None
    }

    fn write_spoken(&mut self, desk: &mut Desk<'_>, at: Option<usize>, mut spoken: Spoken) {
        let Some(screening) = &mut self.screening else { return };
        if let Some(written) = at.and_then(|at| screening.spoken.get_mut(at)) {
            spoken.cut_here |= written.cut_here;
            *written = spoken.clone();
        }
        self.page_changes(|_| ());
        self.tell_spoken(desk, &spoken);
    }

    /// In `intercept` mode: what is still on its way of these words reaches nobody.
    fn keep_from_others(&mut self, desk: &mut Desk<'_>, leg: LegId, spoken: &mut Spoken) {
        let began = self.trace.began().0;
        let Some(delay) = self.ear(leg).and_then(|ear| ear.delay) else { return };
        let at = |ms| began + Duration::from_millis(ms) + delay;
        let until = at(spoken.to_ms) + MARGIN;
        spoken.intercepted = Some(desk.now < until);
        self.hush(desk, leg, at(spoken.from_ms), until);
    }

    /// Nobody hears what reaches the others between these moments, the margin before the first included.
    fn hush(&mut self, desk: &mut Desk<'_>, leg: LegId, from: Time, until: Time) {
        let Some(ear) = self.ear(leg) else { return };
        let until = ear.hushed.map_or(until, |already| already.max(until));
        ear.hushed = Some(until);
        if from <= desk.now + MARGIN {
            self.bleep(desk, leg);
            return self.silence(desk, leg, until);
        }
        let (alarm, at) = ((self.id, Alarm::Hush(leg)), desk.now + (from.since(desk.now) - MARGIN));
        if desk.alarms.of(&alarm).is_none_or(|already| at < already) {
            desk.alarms.set(alarm, at);
        }
    }

    /// What is not to be heard reaches the others now.
    pub(super) fn hush_now(&mut self, desk: &mut Desk<'_>, leg: LegId) {
        if let Some(until) = self.ear(leg).and_then(|ear| ear.hushed.take()) {
            self.bleep(desk, leg);
            self.silence(desk, leg, until);
        }
    }

    /// From the next silence of the leg to its end a tone is heard, where the policy wants it.
    fn bleep(&mut self, desk: &mut Desk<'_>, leg: LegId) {
        if self.ear(leg).is_some_and(|ear| ear.bleeps) {
            desk.effects.push_back(Effect::Media(Order::Bleep { call: self.id, leg, on: true }));
        }
    }

    /// A party may be heard again.
    pub(super) fn heard_again(&mut self, desk: &mut Desk<'_>, leg: LegId) {
        self.mute(desk, leg, false);
        if self.ear(leg).is_some_and(|ear| ear.bleeps) {
            desk.effects.push_back(Effect::Media(Order::Bleep { call: self.id, leg, on: false }));
        }
    }

    /// Nobody hears the leg until then.
    pub(super) fn silence(&mut self, desk: &mut Desk<'_>, leg: LegId, until: Time) {
        let alarm = (self.id, Alarm::Unmute(leg));
        if until <= desk.now || desk.alarms.of(&alarm).is_some_and(|already| already >= until) {
            return;
        }
        self.mute(desk, leg, true);
        desk.alarms.set(alarm, until);
    }

    fn tell_spoken(&mut self, desk: &mut Desk<'_>, spoken: &Spoken) {
        let who = if spoken.agent { "agent" } else { "customer" };
        let fate = match (spoken.withdrawn, spoken.excused) {
            (true, _) => ", taken back",
            (false, true) => ", excused",
            (false, false) if spoken.cut_here => "; nothing after it is written down",
            (false, false) => "",
        };
        let Spoken { set, version, phrase, level, from_ms, .. } = spoken;
        let second = Duration::from_millis(*from_ms).as_secs_f64();
        self.note(
            desk,
            format!("{who} said \"{phrase}\" of {set} {version} ({level}{fate}) at {second:.1} s"),
        );
        let value = serde_json::to_value(spoken).unwrap_or_default();
        self.record_event(desk, other("words", value));
        desk.effects.push_back(Effect::Spoken { call: self.id, spoken: Box::new(spoken.clone()) });
    }

    /// Begins what the screens that name the words want done.
    fn act_on(&mut self, desk: &mut Desk<'_>, leg: LegId, spoken: &Spoken) {
        let Some(screening) = &mut self.screening else { return };
        let mut reactions = Vec::new();
        let screens = &self.machine.policy().rules.screens;
        for (screen, count) in screens.iter().zip(&mut screening.counts) {
            if screen.agent == spoken.agent && screen.words.iter().any(|set| **set == *spoken.set) {
                *count = count.saturating_add(1);
                reactions.extend(screen.reactions(*count));
            }
        }
        for reaction in reactions {
            // A reaction may have led the customer elsewhere: what is left is about nobody any more.
            if self.peer_of(leg).is_some() {
                self.react_to(desk, reaction, Some(&spoken.phrase));
            }
        }
    }

    /// The words that were spoken, for the call's record.
    pub(super) fn all_spoken(&self) -> Vec<Spoken> {
        self.screening.as_ref().map(|screening| screening.spoken.clone()).unwrap_or_default()
    }
}

fn other(name: &str, value: serde_json::Value) -> Event {
    Event::Other { name: name.into(), value }
}
