//! The tests of a plan, run: each a simulated call and a list of what must come of it; and which ways they have covered.
//!
//! Invariant: a test that passes once passes always; nothing in it depends on the day or the machine.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use crate::base::Wall;

use super::ask::{Outcome, Target};
use super::deed::{Deed, Ended, Shows};
use super::diagnostic::Lang;
use super::lookup::Lookup;
use super::op::{NOWHERE, Pc};
use super::policy::Record;
use super::program::{Origin, Program};
use super::sim::{Caller, Happened, Player, Run, run};
use super::test::{Behaviour, Call, Expectation, Line, LineKind, Test, What};
use super::value::Value;

/// The moment of a test that names none: a working Thursday, 8 October 2026, 10:00 in Shanghai.
const WHEN: Wall = Wall::from_micros(1_791_424_800_000_000);

/// How a test came out.
#[derive(Debug)]
pub struct Verdict {
    /// The test's name.
    pub name: Arc<str>,
    /// The file.
    pub file: Arc<str>,
    /// The line, from 1.
    pub line: u32,
    /// What was expected and did not come: the line, what it says, and what came instead.
    pub failures: Vec<Failure>,
    /// The calls of the test.
    pub runs: Vec<Run>,
}

impl Verdict {
    /// Whether everything came as expected.
    pub fn passed(&self) -> bool {
        self.failures.is_empty()
    }
}

/// An expectation that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The line of the plan file.
    pub line: u32,
    /// The expectation, as it is written.
    pub said: Arc<str>,
    en: String,
    zh: String,
}

impl Failure {
    /// What came instead.
    pub fn why(&self, lang: Lang) -> &str {
        match lang {
            Lang::En => &self.en,
            Lang::Zh => &self.zh,
        }
    }
}

/// What tests have covered.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Coverage {
    /// Ways that some test has gone.
    pub gone: usize,
    /// Ways that calls can go.
    pub all: usize,
    /// Statements with a way that no test has gone: file, line, what stands there.
    pub missing: Vec<(Arc<str>, u32, Arc<str>)>,
}

impl Coverage {
    /// In hundredths; a plan without ways is covered.
    pub fn percent(&self) -> usize {
        (self.gone * 100).checked_div(self.all).unwrap_or(100)
    }
}

/// Runs every test of a program.
pub fn rehearse(program: &Arc<Program>) -> Vec<Verdict> {
    program.tests().iter().map(|test| rehearse_one(program, test)).collect()
}

/// Which ways of a program the calls of `verdicts` have gone.
pub fn coverage(program: &Program, verdicts: &[Verdict]) -> Coverage {
    let gone: BTreeSet<(Pc, Pc)> =
        verdicts.iter().flat_map(|verdict| &verdict.runs).flat_map(|run| run.ways.iter().copied()).collect();
    let code = &program.code;
    let mut out = Coverage::default();
    let mut missing: BTreeSet<(Arc<str>, u32, Arc<str>)> = BTreeSet::new();
    for pc in reachable(program) {
        let (Some(op), Some(origin)) = (code.ops.get(pc as usize), code.origins.get(pc as usize)) else {
            continue;
        };
        let ways: BTreeSet<Pc> = op.ways(&code.flows).into_iter().map(|way| way.to).collect();
        for to in ways.into_iter().filter(|to| *to != NOWHERE) {
            out.all += 1;
            if gone.contains(&(pc, to)) {
                out.gone += 1;
            } else {
                missing.insert((origin.file.clone(), origin.line, origin.said.clone()));
            }
        }
    }
    out.missing = missing.into_iter().collect();
    out
}

fn reachable(program: &Program) -> BTreeSet<Pc> {
    let code = &program.code;
    let mut met: BTreeSet<Pc> = BTreeSet::new();
    let mut next: Vec<Pc> = code.routes.clone();
    while let Some(pc) = next.pop() {
        if pc != NOWHERE
            && met.insert(pc)
            && let Some(op) = code.ops.get(pc as usize)
        {
            next.extend(op.ways(&code.flows).into_iter().map(|way| way.to));
        }
    }
    met
}

fn rehearse_one(program: &Arc<Program>, test: &Test) -> Verdict {
    let (mut failures, mut runs) = (Vec::new(), Vec::new());
    let at = test.at.unwrap_or(WHEN);
    let calls = test.lines.iter().filter(|line| matches!(line.kind, LineKind::Call(_))).count();
    for line in &test.lines {
        let LineKind::Call(call) = &line.kind else { continue };
        let mut actor = Actor::of(test, call);
        let origin = call.trunk.clone().map(Origin::Trunk);
        let caller =
            Caller { from: call.from.clone(), to: call.to.clone(), origin, at, during: call.during.clone() };
        runs.extend(run(program, &caller, &mut actor));
    }
    let judge = Judge { program, test, at, runs: &runs, calls };
    for line in &test.lines {
        if let LineKind::Expect(expectation) = &line.kind {
            failures.extend(judge.judge(line, expectation));
        }
    }
    Verdict { name: test.name.clone(), file: test.file.clone(), line: test.line, failures, runs }
}

/// Plays what a test has written down.
struct Actor {
    keys: Vec<String>,
    answers: HashMap<Arc<str>, Option<Arc<[Value]>>>,
    behaves: HashMap<Arc<str>, Behaviour>,
    says: Vec<(bool, Arc<str>)>,
}

impl Actor {
    fn of(test: &Test, call: &Call) -> Actor {
        let mut actor = Actor {
            keys: call.press.iter().rev().map(|keys| keys.reveal().to_string()).collect(),
            answers: HashMap::new(),
            behaves: HashMap::new(),
            says: Vec::new(),
        };
        for line in &test.lines {
            match &line.kind {
                LineKind::Answers(name, fields) => {
                    actor.answers.insert(name.clone(), fields.clone());
                }
                LineKind::Behaves(name, behaviour) => {
                    actor.behaves.insert(name.clone(), behaviour.clone());
                }
                LineKind::Says { agent, text } => actor.says.insert(0, (*agent, text.clone())),
                _ => {}
            }
        }
        actor
    }

    fn behaviour(&self, name: &str) -> Option<&Behaviour> {
        self.behaves.get(name)
    }
}

impl Player for Actor {
    fn keys(&mut self, most: u8, _secret: bool) -> Option<String> {
        let keys = self.keys.pop().filter(|keys| !keys.is_empty())?;
        Some(keys.chars().take(most.into()).collect())
    }

    fn dial(&mut self, targets: &[Target], _ring: Duration) -> (Outcome, Option<Duration>) {
        let mut worst = None;
        for target in targets {
            let (Target::User(name) | Target::Group(name) | Target::Number(name)) = target else {
                return (Outcome::Answered, None);
            };
            let Some(behaviour) = self.behaviour(name.reveal()) else {
                return (Outcome::Answered, None);
            };
            let outcome = Outcome::ALL.into_iter().find(|outcome| outcome.word() == &*behaviour.outcome);
            match outcome {
                Some(Outcome::Answered) => return (Outcome::Answered, behaviour.after),
                other => worst = worst.or(Some((other.unwrap_or(Outcome::Failed), behaviour.after))),
            }
        }
        worst.unwrap_or((Outcome::Answered, None))
    }

    fn lookup(&mut self, lookup: &Lookup, _values: &[Value]) -> Option<Arc<[Value]>> {
        self.answers.get(&lookup.name).cloned().flatten()
    }

    fn deed(&mut self, deed: &Deed) -> (Ended, Option<Duration>) {
        let (name, unsaid): (&str, Ended) = match deed {
            Deed::Queue(queueing) => (&queueing.queue.name, Ended::Answered),
            Deed::Monitors { group, count, .. } => {
                let free = self.behaviour(group).and_then(|behaviour| behaviour.count);
                let enough = free.is_none_or(|free| free >= u64::from(*count));
                return (if enough { Ended::Done } else { Ended::Timeout }, None);
            }
            Deed::Voicemail { mailbox, .. } => (mailbox.reveal(), Ended::Recorded),
            Deed::Callback { .. } => ("callback", Ended::Booked),
            Deed::Conference { room, .. } => (room.reveal(), Ended::Left),
            Deed::Park { slot, .. } => (slot.as_ref().map_or("park", |slot| slot.reveal()), Ended::Answered),
            Deed::Pickup { user } => (user.reveal(), Ended::Answered),
            _ => return (Ended::Done, None),
        };
        match self.behaviour(name) {
            Some(behaviour) => {
                let ended = Ended::ALL.into_iter().find(|ended| ended.word() == &*behaviour.outcome);
                // What a phone does says nothing of its owner's box.
                (ended.unwrap_or(unsaid), behaviour.after)
            }
            None => (unsaid, None),
        }
    }

    fn says(&mut self) -> Option<(bool, Arc<str>)> {
        self.says.pop()
    }
}

/// Compares what came with what was expected.
struct Judge<'t> {
    program: &'t Arc<Program>,
    test: &'t Test,
    at: Wall,
    runs: &'t [Run],
    calls: usize,
}

impl Judge<'_> {
    fn judge(&self, line: &Line, expectation: &Expectation) -> Option<Failure> {
        let (came, instead) = self.came(expectation);
        if came != expectation.not {
            return None;
        }
        let fail =
            |en: String, zh: String| Some(Failure { line: line.line, said: line.said.clone(), en, zh });
        if expectation.not {
            return fail("it came all the same".into(), "结果却出现了".into());
        }
        match instead.is_empty() {
            true => fail("it did not come".into(), "没有出现".into()),
            false => {
                let list = instead.join(", ");
                fail(format!("what came: {list}"), format!("实际是：{list}"))
            }
        }
    }

    /// Whether it came, and what of its kind did.
    fn came(&self, expectation: &Expectation) -> (bool, Vec<String>) {
        let after = expectation.after.unwrap_or_default();
        match &expectation.what {
            What::Played(name) => {
                let named = |happened: &Happened| match happened {
                    Happened::Played(id) => self.prompt(*id),
                    _ => None,
                };
                self.among(after, name, named)
            }
            What::Tagged(tag) => self.among(after, tag, |happened| match happened {
                Happened::Did(Deed::Tag(tag), _) => Some(tag.to_string()),
                _ => None,
            }),
            What::Event(name) => self.among(after, name, |happened| match happened {
                Happened::Did(Deed::Event { name, .. }, _) => Some(name.to_string()),
                _ => None,
            }),
            What::Notified(name, times) => {
                let told = self.all(after, |happened| match happened {
                    Happened::Did(Deed::Notify { webhook, .. }, _) => Some(webhook.name.to_string()),
                    _ => None,
                });
                let count = told.iter().filter(|told| **told == **name).count() as u64;
                (times.map_or(count > 0, |times| count == times), vec![format!("{count} times")])
            }
            What::Queued(name) => self.among(after, name, queued(false)),
            What::Requeued(name) => self.among(after, name, queued(true)),
            What::Rings(name) => self.among_all(after, name, |happened| match happened {
                Happened::Rang(targets, _) => targets.iter().map(reveal).collect(),
                _ => Vec::new(),
            }),
            What::Flow(name) => {
                let said = self.runs.iter().flat_map(|run| &run.lines).filter(|(at, _)| *at >= after);
                let goes: Vec<String> = said
                    .filter_map(|(_, line)| line.text.strip_prefix("-> "))
                    .map(|flow| flow.split(['(', ':']).next().unwrap_or(flow).trim().to_string())
                    .collect();
                (goes.iter().any(|flow| **flow == **name), goes)
            }
            What::Ended(cause) => {
                let causes: Vec<String> = self.runs.iter().map(|run| run.ended.word().to_string()).collect();
                (causes.iter().any(|known| **known == **cause), causes)
            }
            What::Recorded => (self.recorded(), Vec::new()),
            What::GapSecret => {
                let gap =
                    self.runs.iter().flat_map(|run| &run.happened).any(|(_, what)| *what == Happened::Secret);
                (gap, Vec::new())
            }
            What::Nowhere(text) => {
                let seen: Vec<String> =
                    self.seen().into_iter().filter(|seen| seen.contains(&**text)).collect();
                (seen.is_empty(), seen)
            }
            What::Masks(text) => {
                let clear: Vec<&str> = self.test.lines.iter().filter_map(caller).collect();
                let seen = self.seen();
                let leaks =
                    |seen: &&String| clear.iter().any(|clear| clear.len() > 6 && seen.contains(clear));
                let found = seen.iter().any(|seen| seen.contains(&**text));
                (
                    found && !seen.iter().any(|seen| leaks(&seen)),
                    seen.into_iter().filter(|seen| seen.contains('*')).collect(),
                )
            }
            What::Shown(text) => {
                let shown = self.all_of(after, |happened| match happened {
                    Happened::Did(Deed::Pop(fields), _) => fields.iter().map(Shows::to_string).collect(),
                    Happened::Did(Deed::Show { text, .. }, _) => vec![text.to_string()],
                    Happened::Did(Deed::Push(card), _) => vec![card.title.to_string()],
                    _ => Vec::new(),
                });
                (shown.iter().any(|shown| shown.contains(&**text)), shown)
            }
            What::Voicemail(name) => self.among(after, name, |happened| match happened {
                Happened::Did(Deed::Voicemail { mailbox, .. }, Ended::Recorded) => {
                    Some(mailbox.reveal().to_string())
                }
                _ => None,
            }),
            What::Did(verb) => self.among(after, verb, |happened| match happened {
                Happened::Did(deed, _) => Some(deed.word().to_string()),
                _ => None,
            }),
            What::Usable(index, usable) => {
                let script = self.program.declared().scripts.get(*index);
                let version = script.and_then(|script| script.at(self.at));
                let said =
                    version.map_or("unusable".to_string(), |version| format!("usable, {}", version.version));
                (version.is_some() == *usable, vec![said])
            }
            What::Refused => (self.runs.len() < self.calls, Vec::new()),
        }
    }

    fn recorded(&self) -> bool {
        let calls = self.test.lines.iter().filter_map(|line| match &line.kind {
            LineKind::Call(call) => Some(call),
            _ => None,
        });
        let whole = |call: &Call| {
            let origin = call.trunk.clone().map(Origin::Trunk);
            let origin = origin.or_else(|| self.program.origin_of(call.to.reveal()))?;
            let route = self.program.route(&origin, call.to.reveal())?;
            let facts = super::program::Facts {
                caller: call.from.clone(),
                dialled: call.to.clone(),
                display: crate::base::Masked::default(),
                origin,
                wall: self.at,
            };
            Some(self.program.policy_for(&facts, route).record != Record::Off)
        };
        let all: Vec<bool> = calls.map(|call| whole(call).unwrap_or(false)).collect();
        !all.is_empty() && all.iter().all(|recorded| *recorded)
    }

    fn prompt(&self, id: crate::base::PromptId) -> Option<String> {
        self.program.prompts().iter().find(|prompt| prompt.id == id).map(|prompt| prompt.name.to_string())
    }

    /// Everything that was logged, shown or told.
    fn seen(&self) -> Vec<String> {
        let lines = self.runs.iter().flat_map(|run| run.lines.iter().map(|(_, line)| line.text.clone()));
        let deeds = self.runs.iter().flat_map(|run| run.happened.iter().map(|(_, what)| format!("{what:?}")));
        lines.chain(deeds).collect()
    }

    fn among(
        &self,
        after: Duration,
        name: &str,
        of: impl Fn(&Happened) -> Option<String>,
    ) -> (bool, Vec<String>) {
        let all = self.all(after, of);
        (all.iter().any(|known| known == name), all)
    }

    fn among_all(
        &self,
        after: Duration,
        name: &str,
        of: impl Fn(&Happened) -> Vec<String>,
    ) -> (bool, Vec<String>) {
        let all = self.all_of(after, of);
        (all.iter().any(|known| known == name), all)
    }

    fn all(&self, after: Duration, of: impl Fn(&Happened) -> Option<String>) -> Vec<String> {
        self.all_of(after, |happened| of(happened).into_iter().collect())
    }

    fn all_of(&self, after: Duration, of: impl Fn(&Happened) -> Vec<String>) -> Vec<String> {
        let all = self.runs.iter().flat_map(|run| &run.happened).filter(|(at, _)| *at >= after);
        all.flat_map(|(_, happened)| of(happened)).collect()
    }
}

fn queued(again: bool) -> impl Fn(&Happened) -> Option<String> {
    move |happened| match happened {
        Happened::Did(Deed::Queue(queueing), _) if queueing.again == again => {
            Some(queueing.queue.name.to_string())
        }
        _ => None,
    }
}

fn reveal(target: &Target) -> String {
    let (Target::User(who) | Target::Group(who) | Target::Number(who) | Target::Trunk { number: who, .. }) =
        target;
    who.reveal().to_string()
}

fn caller(line: &Line) -> Option<&str> {
    match &line.kind {
        LineKind::Call(call) => Some(call.from.reveal()),
        _ => None,
    }
}
