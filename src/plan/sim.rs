//! A call in virtual time: a machine, and somebody who stands in for the world. The trace is that of a live call.
//!
//! Invariant: the same program, caller, player and moment give the same run, whatever the machine it runs on.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use crate::base::{Masked, PromptId, Wall};
use crate::compliance::words::Words;

use super::ask::{Ask, Cause, Outcome, Part, Reply, Target};
use super::deed::{Deed, Ended};
use super::lookup::Lookup;
use super::machine::Machine;
use super::policy::{EndWhen, Screen};
use super::program::{Facts, Origin, Program, RouteId};
use super::trace::TraceLine;
use super::value::{Pin, Value};

/// Asks after which a simulated call is cut: a checked plan ends far before.
const ASKS: usize = 1_000;

/// How long a spoken value, a ringing phone and a conversation take.
const SPOKEN: Duration = Duration::from_secs(2);
const PICKS_UP: Duration = Duration::from_secs(3);
const TALKS: Duration = Duration::from_secs(30);
const AT_ONCE: Duration = Duration::from_millis(200);

/// Who stands in for callers, phones, agents and systems outside.
pub trait Player {
    /// The keys that the caller presses; `None`: none.
    fn keys(&mut self, most: u8, secret: bool) -> Option<String>;
    /// How ringing these ends, and after how long.
    fn dial(&mut self, targets: &[Target], ring: Duration) -> (Outcome, Option<Duration>);
    /// What a lookup answers; `None`: nothing.
    fn lookup(&mut self, lookup: &Lookup, values: &[Value]) -> Option<Arc<[Value]>>;
    /// How a deed ends, and after how long.
    fn deed(&mut self, deed: &Deed) -> (Ended, Option<Duration>);
    /// What is said next in the conversation that runs: by the agent or the customer.
    fn says(&mut self) -> Option<(bool, Arc<str>)>;
    /// Is told of every line of the trace when it comes.
    fn line(&mut self, _after: Duration, _line: &TraceLine) {}
}

/// What happened in a simulated call besides its trace.
#[derive(Debug, Clone, PartialEq)]
pub enum Happened {
    /// A prompt was played.
    Played(PromptId),
    /// Somebody was rung.
    Rang(Vec<Target>, Outcome),
    /// A deed was done, and ended so.
    Did(Deed, Ended),
    /// A secret was taken: the recording has a gap here.
    Secret,
    /// Words of a screen were spoken.
    Hit(Arc<str>),
}

/// A simulated call.
#[derive(Debug)]
pub struct Run {
    /// The trace, each line with its time since the call began.
    pub lines: Vec<(Duration, TraceLine)>,
    /// What happened, each with its time.
    pub happened: Vec<(Duration, Happened)>,
    /// How the plan ended the call.
    pub ended: Cause,
    pub(super) ways: Vec<(u32, u32)>,
}

/// Who calls, when.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The caller's number or name.
    pub from: Masked,
    /// What is dialled.
    pub to: Masked,
    /// Where the call comes from; `None`: wherever somebody may call this from.
    pub origin: Option<Origin>,
    /// When.
    pub at: Wall,
    /// The emergency plan that is switched on.
    pub during: Option<Arc<str>>,
}

/// Lets a call run to its end. `None` when no route takes it.
pub fn run(program: &Arc<Program>, caller: &Caller, player: &mut dyn Player) -> Option<Run> {
    let dialled = caller.to.reveal();
    let origin = caller.origin.clone().or_else(|| program.origin_of(dialled))?;
    let route = program.route_during(caller.during.as_deref(), &origin, dialled)?;
    let facts = Facts {
        caller: caller.from.clone(),
        dialled: caller.to.clone(),
        display: Masked::default(),
        origin,
        wall: caller.at,
    };
    let mut stage = Stage::new(program, route, facts, player);
    let ended = stage.play_out();
    stage.judge_at_end();
    let ways = stage.machine.ways().collect();
    Some(Run { lines: stage.lines, happened: stage.happened, ended, ways })
}

/// The call under way.
struct Stage<'p> {
    program: Arc<Program>,
    machine: Machine,
    player: &'p mut dyn Player,
    began: Wall,
    now: Duration,
    lengths: HashMap<PromptId, Duration>,
    lines: Vec<(Duration, TraceLine)>,
    happened: Vec<(Duration, Happened)>,
    /// Hits of each screen so far.
    hits: HashMap<usize, u32>,
    /// The cards that have come up by themselves: each does once a call.
    cards: Vec<Arc<str>>,
    /// What was said, and whether by the agent: the rules for the end of the call ask for what is missing.
    said: Vec<(bool, Arc<str>)>,
}

impl<'p> Stage<'p> {
    fn new(program: &Arc<Program>, route: RouteId, facts: Facts, player: &'p mut dyn Player) -> Stage<'p> {
        let began = facts.wall;
        let mut machine = Machine::start(program.clone(), route, facts);
        machine.watch();
        Stage {
            program: program.clone(),
            machine,
            player,
            began,
            now: Duration::ZERO,
            lengths: program.prompts().iter().map(|prompt| (prompt.id, prompt.duration)).collect(),
            lines: Vec::new(),
            happened: Vec::new(),
            hits: HashMap::new(),
            cards: Vec::new(),
            said: Vec::new(),
        }
    }

    fn wall(&self) -> Wall {
        let micros = i64::try_from(self.now.as_micros()).unwrap_or(i64::MAX);
        Wall::from_micros(self.began.as_micros().saturating_add(micros))
    }

    fn play_out(&mut self) -> Cause {
        let mut ask = self.machine.resume(self.wall(), Reply::Start);
        for _ in 0..ASKS {
            self.trace();
            let reply = match ask {
                Ask::Hangup { cause } => return cause,
                other => self.perform(other),
            };
            ask = match reply {
                Next::Reply(reply) => self.machine.resume(self.wall(), reply),
                Next::Ask(ask) => *ask,
            };
        }
        Cause::Failed
    }

    fn trace(&mut self) {
        for line in self.machine.take_trace() {
            self.player.line(self.now, &line);
            self.lines.push((self.now, line));
        }
    }

    fn happens(&mut self, what: Happened) {
        self.happened.push((self.now, what));
    }

    fn hears(&mut self, prompts: &[PromptId]) {
        for prompt in prompts {
            self.happens(Happened::Played(*prompt));
            self.now += self.lengths.get(prompt).copied().unwrap_or_default();
        }
    }

    fn perform(&mut self, ask: Ask) -> Next {
        Next::Reply(match ask {
            Ask::Play { prompts, .. } => {
                self.hears(&prompts);
                Reply::Played
            }
            Ask::Say { parts } => {
                for part in &parts {
                    match part {
                        Part::Prompt(prompt) => self.hears(&[*prompt]),
                        Part::Value { .. } => self.now += SPOKEN,
                    }
                }
                Reply::Played
            }
            Ask::Collect { prompts, max, first, secret, .. } => self.enter(&prompts, max, first, secret),
            Ask::Dial { targets, ring, .. } => {
                let (outcome, after) = self.player.dial(&targets, ring);
                let unsaid = match outcome {
                    Outcome::Answered => PICKS_UP.min(ring),
                    Outcome::NoAnswer => ring,
                    _ => AT_ONCE,
                };
                self.now += after.unwrap_or(unsaid);
                self.happens(Happened::Rang(targets.to_vec(), outcome));
                if outcome == Outcome::Answered
                    && let Some(ask) = self.talk()
                {
                    return Next::Ask(ask);
                }
                Reply::Dialled(outcome)
            }
            Ask::Lookup { lookup, values } => match self.player.lookup(&lookup, &values) {
                Some(fields) => {
                    self.now += AT_ONCE;
                    Reply::Found(fields)
                }
                None => {
                    self.now += lookup.timeout;
                    Reply::Did(Ended::Timeout)
                }
            },
            Ask::Do(deed) => return self.deed(deed),
            Ask::Hangup { .. } => Reply::Played,
        })
    }

    fn enter(&mut self, prompts: &[PromptId], most: u8, first: Duration, secret: bool) -> Reply {
        self.hears(prompts);
        if secret {
            self.happens(Happened::Secret);
        }
        match self.player.keys(most, secret) {
            Some(keys) => {
                let count = u32::try_from(keys.len()).unwrap_or(u32::MAX);
                self.now += AT_ONCE.saturating_mul(count);
                if secret { Reply::Secret(Pin::new(keys)) } else { Reply::Keys(Masked::new(keys)) }
            }
            None => {
                self.now += first;
                Reply::NoKeys
            }
        }
    }

    fn deed(&mut self, deed: Deed) -> Next {
        if let Deed::Voicemail { prompts, .. } = &deed {
            self.hears(&prompts.clone());
        }
        let (ended, after) = self.player.deed(&deed);
        let unsaid = match (&deed, ended) {
            (Deed::Wait(time), _) => *time,
            (Deed::Monitors { within, .. }, ended) if ended != Ended::Done => *within,
            (Deed::Queue(queueing), Ended::Timeout) => queueing.wait,
            (Deed::Park { wait, .. }, Ended::Timeout) => *wait,
            (_, Ended::Answered) => PICKS_UP,
            _ => Duration::ZERO,
        };
        let begins = self.now;
        self.now += after.unwrap_or(unsaid);
        self.happened.push((begins, Happened::Did(deed, ended)));
        if ended == Ended::Answered
            && let Some(ask) = self.talk()
        {
            return Next::Ask(ask);
        }
        Next::Reply(Reply::Did(ended))
    }

    /// People talk. `Some` when a reaction leads the customer on.
    fn talk(&mut self) -> Option<Box<Ask>> {
        let screens = self.machine.policy().rules.screens.clone();
        while let Some((agent, text)) = self.player.says() {
            self.now += SPOKEN;
            for (number, screen) in screens.iter().enumerate().filter(|(_, screen)| screen.agent == agent) {
                if let Some(ask) = self.screen(number, screen, &text) {
                    return Some(ask);
                }
            }
            if !agent {
                self.cards(&text);
            }
            self.said.push((agent, text));
        }
        self.now += TALKS;
        None
    }

    /// What the finished conversation is held to, as far as words decide it: nobody's voice is heard here.
    fn judge_at_end(&mut self) {
        if self.said.is_empty() {
            return;
        }
        let wall = self.wall();
        for rule in self.machine.policy().rules.at_end.clone() {
            let EndWhen::Missing { agent, words } = &rule.when else { continue };
            let mut sets = self.program.declared().phrases_at(wall);
            sets.retain(|set| *set.name == **words);
            let Ok(compiled) = Words::compile(&sets) else { continue };
            let said = self.said.iter().filter(|(by, _)| by == agent);
            if said.flat_map(|(_, text)| compiled.scan(text)).all(|hit| hit.excused) {
                let (deeds, _) = self.machine.react(rule.reaction(), None, wall);
                self.trace();
                for deed in deeds {
                    let (ended, _) = self.player.deed(&deed);
                    self.happens(Happened::Did(deed, ended));
                }
            }
        }
    }

    /// Shows the agent every card that waits for words which the customer has just said.
    fn cards(&mut self, text: &str) {
        let program = self.program.clone();
        let sets = program.declared().phrases_at(self.wall());
        let waiting: Vec<_> = program.declared().cards.iter().filter(|card| !card.on.is_empty()).collect();
        for card in waiting {
            let mut sets = sets.clone();
            sets.retain(|set| card.on.contains(&set.name));
            let hits = Words::compile(&sets).map(|words| words.scan(text)).unwrap_or_default();
            if self.cards.contains(&card.name) || hits.iter().all(|hit| hit.excused) {
                continue;
            }
            self.cards.push(card.name.clone());
            let (file, line) = card.place.clone();
            let entry =
                TraceLine { file, line, text: format!("card {}: the customer speaks of it", card.name) };
            self.player.line(self.now, &entry);
            self.lines.push((self.now, entry));
            self.happens(Happened::Did(Deed::Push(card.clone()), Ended::Done));
        }
    }

    fn screen(&mut self, number: usize, screen: &Arc<Screen>, text: &str) -> Option<Box<Ask>> {
        let wall = self.wall();
        let declared = self.program.declared();
        let mut sets = declared.phrases_at(wall);
        sets.retain(|set| screen.words.contains(&set.name));
        let Ok(words) = Words::compile(&sets) else {
            return None;
        };
        for hit in words.scan(text).into_iter().filter(|hit| !hit.excused) {
            self.happens(Happened::Hit(hit.phrase.clone()));
            let count = self.hits.entry(number).or_insert(0);
            *count += 1;
            let reached = *count;
            let said = text.get(hit.bytes.clone()).unwrap_or(&hit.phrase);
            for reaction in screen.reactions(reached) {
                let (deeds, ask) = self.machine.react(reaction, Some(said), wall);
                self.trace();
                for deed in deeds {
                    let (ended, _) = self.player.deed(&deed);
                    self.happens(Happened::Did(deed, ended));
                }
                if let Some(ask) = ask {
                    return Some(Box::new(ask));
                }
            }
        }
        None
    }
}

enum Next {
    Reply(Reply),
    Ask(Box<Ask>),
}
