//! Two programs walked at the same time: where one call would part ways, and what it meets on either side.
//!
//! Invariant: a pair of instructions is compared once under the same assumptions, so that the walk ends.

use std::collections::{BTreeMap, HashSet, VecDeque};

use crate::base::bounds::PLAN_DIFF_PAIRS;
use crate::plan::calendar::Calendar;
use crate::plan::diagnostic::Lang;
use crate::plan::op::{NOWHERE, Op, Pc};
use crate::plan::program::Program;
use crate::plan::resolved::{Condition, Operand};
use crate::plan::tell::{Both, Known, Teller, known, same_row};

use super::times;

/// The two programs.
pub(super) struct Sides<'p> {
    pub before: &'p Program,
    pub now: &'p Program,
}

/// Where the two part: on which way, and what is met on either.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Parting {
    pub when: Both,
    pub now: Both,
    pub before: Both,
}

/// Where a call is in one program.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Place {
    pc: Pc,
    /// What stands in its slots.
    known: Vec<Known>,
    /// How urgent the call is.
    priority: Option<u8>,
}

/// A place with what is met on the way to it.
struct Arrival {
    place: Place,
    /// The flow that was entered first.
    flow: Option<String>,
}

/// Where a call is in both, and what has happened to it.
#[derive(Clone)]
struct Stand {
    a: Place,
    b: Place,
    /// Conditions of which it is known whether they hold, by how they read.
    assumed: BTreeMap<String, bool>,
    /// What has happened, for people.
    when: Vec<Both>,
}

/// Follows both programs from `(a, b)`; `slots` are the values that calls bring there.
pub(super) fn walk(sides: &Sides, (a, b): (Pc, Pc), slots: (usize, usize)) -> Vec<Parting> {
    let place = |pc, slots| Place { pc, known: known::captured(slots), priority: None };
    let first =
        Stand { a: place(a, slots.0), b: place(b, slots.1), assumed: BTreeMap::new(), when: Vec::new() };
    let mut walk =
        Walk { sides, met: HashSet::new(), next: VecDeque::from([first]), found: Vec::new(), quiet: false };
    walk.run();
    walk.found
}

/// The first thing that people meet at `pc`: the flow that it leads to, or what is done.
pub(super) fn summary(program: &Program, pc: Pc) -> Both {
    let arrival = arrive(program, Place { pc, known: Vec::new(), priority: None });
    told(program, &arrival)
}

fn told(program: &Program, arrival: &Arrival) -> Both {
    match &arrival.flow {
        Some(flow) => Both::same(flow.clone()),
        None => Both::of(|lang| teller(program, lang, &arrival.place).op(arrival.place.pc)),
    }
}

fn teller<'p>(program: &'p Program, lang: Lang, place: &'p Place) -> Teller<'p> {
    Teller { program, lang, known: &place.known }
}

/// Steps over what nobody notices: gates, names, the entries of flows.
fn arrive(program: &Program, mut place: Place) -> Arrival {
    let mut flow = None;
    for _ in 0..crate::base::bounds::PLAN_STEPS {
        match program.code.ops.get(place.pc as usize) {
            Some(Op::Gate { next } | Op::Guard { next, .. }) => place.pc = *next,
            Some(Op::Enter { priority, next }) => {
                place.priority = Some(*priority);
                place.pc = *next;
            }
            Some(Op::Let { next, .. }) => {
                known::behind(program, &mut place.known, place.pc);
                place.pc = *next;
            }
            Some(Op::Go { flow: to, arguments }) => {
                let values =
                    arguments.iter().map(|value| known::passed(program, &place.known, value)).collect();
                let name = program.flows.get(*to as usize).map(|flow| flow.to_string());
                flow = flow.or(name);
                place.known = values;
                place.pc = program.code.flows.get(*to as usize).copied().unwrap_or(NOWHERE);
            }
            _ => break,
        }
    }
    Arrival { place, flow }
}

struct Walk<'s, 'p> {
    sides: &'s Sides<'p>,
    met: HashSet<(Place, Place, BTreeMap<String, bool>)>,
    next: VecDeque<Stand>,
    found: Vec<Parting>,
    /// Whether it is only asked whether there is a difference: the first ends the walk.
    quiet: bool,
}

impl Walk<'_, '_> {
    fn run(&mut self) {
        while let Some(stand) = self.next.pop_front() {
            if self.met.len() > PLAN_DIFF_PAIRS || self.quiet && !self.found.is_empty() {
                return;
            }
            let a = arrive(self.sides.before, stand.a.clone());
            let b = arrive(self.sides.now, stand.b.clone());
            if self.met.insert((a.place.clone(), b.place.clone(), stand.assumed.clone())) {
                self.step(&stand, &a, &b);
            }
        }
    }

    fn step(&mut self, stand: &Stand, a: &Arrival, b: &Arrival) {
        let mut stand = stand.clone();
        if let (Some(was), Some(is)) = (&a.flow, &b.flow)
            && was == is
            && !stand.when.is_empty()
        {
            // Many ways may lead here; what differs here differs on all of them.
            stand.when = vec![Both::new(format!("in {is}"), format!("进入{is}后"))];
        }
        let stand = &stand;
        if let (Some(was), Some(is)) = (&a.flow, &b.flow)
            && was != is
            && !self.quiet
        {
            let renamed = !has_flow(self.sides.now, was) && !has_flow(self.sides.before, is);
            if self.is_same(stand, a, b) {
                return;
            }
            if !renamed {
                return self.part(stand, told(self.sides.now, b), told(self.sides.before, a));
            }
        }
        if a.place.priority != b.place.priority {
            let said = |priority: Option<u8>| {
                let priority = priority.unwrap_or(0);
                Both::new(format!("priority {priority}"), format!("优先级 {priority}"))
            };
            self.part(stand, said(b.place.priority), said(a.place.priority));
        }
        let (Some(before), Some(now)) = (op(self.sides.before, &a.place), op(self.sides.now, &b.place))
        else {
            return;
        };
        match (before, now) {
            (Op::If { .. }, Op::If { .. }) => self.conditions(stand, &a.place, &b.place),
            (Op::If { condition, yes, no }, _) => {
                let asked = Both::of(|lang| teller(self.sides.before, lang, &a.place).condition(condition));
                for (holds, to) in [(true, *yes), (false, *no)] {
                    let a = Place { pc: to, ..a.place.clone() };
                    self.split(stand, a, b.place.clone(), &asked, holds);
                }
            }
            (_, Op::If { condition, yes, no }) => {
                let asked = Both::of(|lang| teller(self.sides.now, lang, &b.place).condition(condition));
                for (holds, to) in [(true, *yes), (false, *no)] {
                    let b = Place { pc: to, ..b.place.clone() };
                    self.split(stand, a.place.clone(), b, &asked, holds);
                }
            }
            (before, now) => self.acts(stand, (a, before), (b, now)),
        }
    }

    /// Goes on where it is assumed that a condition holds, or does not; not where the opposite is known.
    fn split(&mut self, stand: &Stand, a: Place, b: Place, asked: &Both, holds: bool) {
        let mut next = Stand { a, b, ..stand.clone() };
        match next.assumed.insert(asked.en.clone(), holds) {
            Some(known) if known != holds => return,
            Some(_) => {}
            None => next.when.push(if holds { asked.clone() } else { negated(asked) }),
        }
        self.next.push_back(next);
    }

    /// Both ask: the same, or something else than before.
    fn conditions(&mut self, stand: &Stand, a: &Place, b: &Place) {
        let (
            Some(Op::If { condition: was, yes: a_yes, no: a_no }),
            Some(Op::If { condition: is, yes: b_yes, no: b_no }),
        ) = (op(self.sides.before, a), op(self.sides.now, b))
        else {
            return;
        };
        let was = Both::of(|lang| teller(self.sides.before, lang, a).condition(was));
        let is = Both::of(|lang| teller(self.sides.now, lang, b).condition(is));
        if let Some(holds) = stand.assumed.get(&was.en) {
            let a = Place { pc: if *holds { *a_yes } else { *a_no }, ..a.clone() };
            return self.next.push_back(Stand { a, b: b.clone(), ..stand.clone() });
        }
        if let Some(holds) = stand.assumed.get(&is.en) {
            let b = Place { pc: if *holds { *b_yes } else { *b_no }, ..b.clone() };
            return self.next.push_back(Stand { a: a.clone(), b, ..stand.clone() });
        }
        if was != is {
            let said = |asked: &Both| {
                Both::new(format!("it depends on: {}", asked.en), format!("取决于：{}", asked.zh))
            };
            self.part(stand, said(&is), said(&was));
        }
        let ways = [(true, *a_yes, *b_yes), (false, *a_no, *b_no)];
        if was == is {
            self.hours(stand, a, b, ways);
        }
        for (holds, a_to, b_to) in ways {
            let mut next = stand.clone();
            (next.a, next.b) = (Place { pc: a_to, ..a.clone() }, Place { pc: b_to, ..b.clone() });
            next.when.push(if holds { is.clone() } else { negated(&is) });
            self.next.push_back(next);
        }
    }

    /// Both ask for hours of one name, which are other hours than before: tells what differs at the times between.
    fn hours(&mut self, stand: &Stand, a: &Place, b: &Place, [yes, no]: [(bool, Pc, Pc); 2]) {
        let (Some(Op::If { condition: was, .. }), Some(Op::If { condition: is, .. })) =
            (op(self.sides.before, a), op(self.sides.now, b))
        else {
            return;
        };
        let (Some((before, says)), Some((now, _))) = (open(self.sides.before, was), open(self.sides.now, is))
        else {
            return;
        };
        for (times, opens) in [(times::only(now, before), true), (times::only(before, now), false)] {
            let Some(times) = times else { continue };
            let (_, was_to, _) = if opens == says { no } else { yes };
            let (_, _, is_to) = if opens == says { yes } else { no };
            let was = told(self.sides.before, &arrive(self.sides.before, Place { pc: was_to, ..a.clone() }));
            let is = told(self.sides.now, &arrive(self.sides.now, Place { pc: is_to, ..b.clone() }));
            let mut stand = stand.clone();
            stand.when.push(times);
            self.part(&stand, is, was);
        }
    }

    /// Both do something.
    fn acts(&mut self, stand: &Stand, (a, before): (&Arrival, &Op), (b, now): (&Arrival, &Op)) {
        if !alike(before, now) {
            if self.inserted(stand, a, b) {
                return;
            }
            // Within the same flow its name tells nothing: what it does first, does.
            let (is, was) = match a.flow == b.flow {
                true => (
                    self.told_at(self.sides.now, &b.place, now),
                    self.told_at(self.sides.before, &a.place, before),
                ),
                false => (told(self.sides.now, b), told(self.sides.before, a)),
            };
            return self.part(stand, is, was);
        }
        let was = self.told_at(self.sides.before, &a.place, before);
        let is = self.told_at(self.sides.now, &b.place, now);
        if was != is {
            if self.inserted(stand, a, b) {
                return;
            }
            let (less_is, less_was) = apart(&is, &was);
            self.part(stand, less_is, less_was);
        }
        self.ways(stand, (&a.place, before), (&b.place, now), &is);
    }

    /// What an instruction does; of a lookup also what stands in for its answer.
    fn told_at(&self, program: &Program, place: &Place, op: &Op) -> Both {
        Both::of(|lang| {
            let teller = teller(program, lang, place);
            let mut out = teller.op(place.pc);
            if let Op::Lookup { failed, .. } = op
                && let Some(Op::Let { value: value @ Operand::Record(_), .. }) =
                    program.code.ops.get(*failed as usize)
            {
                out += &match lang {
                    Lang::En => format!(", else {}", teller.operand(value)),
                    Lang::Zh => format!("，无答复时按 {}", teller.operand(value)),
                };
            }
            out
        })
    }

    /// Follows every way of two instructions that are alike.
    fn ways(&mut self, stand: &Stand, (a, before): (&Place, &Op), (b, now): (&Place, &Op), said: &Both) {
        let of = |program: &Program, place: &Place, op: &Op, lang| teller(program, lang, place).ways(op);
        let (was, is) = (of(self.sides.before, a, before, Lang::En), of(self.sides.now, b, now, Lang::En));
        let zh = [of(self.sides.before, a, before, Lang::Zh), of(self.sides.now, b, now, Lang::Zh)].concat();
        let labels: Vec<String> = was.iter().chain(&is).map(|(label, _)| label.clone()).collect();
        let wrong = |ways: &[(String, Pc)], op: &Op| {
            let of_menu = matches!(op, Op::Menu { .. });
            of_menu.then(|| ways.last().map(|(_, to)| *to)).flatten()
        };
        let mut seen = HashSet::new();
        for (at, label) in labels.iter().enumerate().filter(|(_, label)| seen.insert((*label).clone())) {
            let to = |ways: &[(String, Pc)], op: &Op| {
                ways.iter().find(|(known, _)| known == label).map(|(_, to)| *to).or_else(|| wrong(ways, op))
            };
            let (Some(a_to), Some(b_to)) = (to(&was, before), to(&is, now)) else {
                continue;
            };
            let mut next = stand.clone();
            (next.a, next.b) = (a.clone(), b.clone());
            known::behind(self.sides.before, &mut next.a.known, a.pc);
            known::behind(self.sides.now, &mut next.b.known, b.pc);
            (next.a.pc, next.b.pc) = (a_to, b_to);
            let label =
                Both::new(label.clone(), zh.get(at).map_or(label.clone(), |(label, _)| label.clone()));
            next.when.extend(when(now, said, &label));
            self.next.push_back(next);
        }
    }

    /// Whether one side only does something more first, and then both go on alike; tells it and goes on behind it.
    fn inserted(&mut self, stand: &Stand, a: &Arrival, b: &Arrival) -> bool {
        let (sides, quiet) = (self.sides, self.quiet);
        let meets = |program: &Program, from: &Place, other: &Program, goal: &Place| {
            let goal_op = op(other, goal)?;
            let goal_said = self.told_at(other, goal, goal_op);
            let (mut at, mut steps) = (from.clone(), Vec::new());
            for _ in 0..8 {
                let next = straight(op(program, &at)?)?;
                steps.push(Both::of(|lang| teller(program, lang, &at).op(at.pc)));
                at = arrive(program, Place { pc: next, ..at }).place;
                let here = op(program, &at)?;
                if alike(here, goal_op) && self.told_at(program, &at, here) == goal_said {
                    return Some((at, steps));
                }
            }
            None
        };
        let more = meets(sides.now, &b.place, sides.before, &a.place);
        let less = meets(sides.before, &a.place, sides.now, &b.place);
        let shorter = |a: &Option<(Place, Vec<Both>)>, b: &Option<(Place, Vec<Both>)>| {
            a.as_ref().map_or(usize::MAX, |(_, steps)| steps.len())
                <= b.as_ref().map_or(usize::MAX, |(_, steps)| steps.len())
        };
        let first = shorter(&more, &less);
        let (Some((place, steps)), added) = (if first { (more, true) } else { (less, false) }) else {
            return false;
        };
        let steps = Both::of(|lang| {
            crate::plan::tell::list(
                lang,
                &steps.iter().map(|step| step.say(lang).to_string()).collect::<Vec<_>>(),
            )
        });
        let mut next = stand.clone();
        (next.a, next.b) = if added { (a.place.clone(), place) } else { (place, b.place.clone()) };
        match added {
            true => self.part(stand, steps, Both::default()),
            false => self.part(stand, Both::default(), steps),
        }
        if !quiet {
            self.next.push_back(next);
        }
        true
    }

    fn is_same(&self, stand: &Stand, a: &Arrival, b: &Arrival) -> bool {
        let first = Stand {
            a: a.place.clone(),
            b: b.place.clone(),
            assumed: stand.assumed.clone(),
            when: Vec::new(),
        };
        let mut walk = Walk {
            sides: self.sides,
            met: HashSet::new(),
            next: VecDeque::from([first]),
            found: Vec::new(),
            quiet: true,
        };
        walk.run();
        walk.found.is_empty()
    }

    /// Here they part.
    fn part(&mut self, stand: &Stand, now: Both, before: Both) {
        let when = Both::of(|lang| {
            let when: Vec<&str> = stand.when.iter().map(|when| when.say(lang)).collect();
            when.join(if lang == Lang::En { ", " } else { "，" })
        });
        let change = Parting { when, now, before };
        // The same difference met in other ways is told once, of the shortest way.
        if !self.found.iter().any(|known| known.now == change.now && known.before == change.before) {
            self.found.push(change);
        }
    }
}

fn has_flow(program: &Program, name: &str) -> bool {
    program.flows.iter().any(|flow| **flow == *name)
}

fn op<'p>(program: &'p Program, place: &Place) -> Option<&'p Op> {
    program.code.ops.get(place.pc as usize)
}

/// The hours that a condition is about, and whether it holds while they are open.
fn open<'p>(program: &'p Program, condition: &Condition) -> Option<(&'p Calendar, bool)> {
    match condition {
        Condition::Open(index) => Some((program.calendars.get(*index)?, true)),
        Condition::Not(inner) => open(program, inner).map(|(calendar, says)| (calendar, !says)),
        _ => None,
    }
}

fn negated(asked: &Both) -> Both {
    let flip = |text: &str, from: &str, to: &str| text.strip_prefix(from).map(|rest| format!("{to}{rest}"));
    let en = flip(&asked.en, "within ", "outside ").or_else(|| flip(&asked.en, "outside ", "within "));
    let zh = match (asked.zh.strip_suffix("之外"), asked.zh.strip_suffix('内')) {
        (Some(hours), _) => Some(format!("{hours}内")),
        (None, Some(hours)) if asked.zh.starts_with('在') => Some(format!("{hours}之外")),
        _ => None,
    };
    Both {
        en: en.unwrap_or_else(|| format!("not {}", asked.en)),
        zh: zh.unwrap_or_else(|| format!("并非 {}", asked.zh)),
    }
}

/// What a way says of the call, if it says anything.
fn when(op: &Op, said: &Both, label: &Both) -> Option<Both> {
    match op {
        Op::Menu { .. } if label.en.chars().count() == 1 => {
            Some(Both::new(format!("pressing {}", label.en), format!("按 {}", label.zh)))
        }
        Op::Menu { .. } => Some(label.clone()),
        Op::Collect { .. } if label.en == "entered" => None,
        Op::Lookup { .. } if label.en == "answered" => None,
        Op::Lookup { .. } => {
            Some(Both::new(format!("{} without an answer", said.en), format!("{}无答复", said.zh)))
        }
        _ if label.en.is_empty() => None,
        Op::Dial { .. } | Op::Do { .. } => {
            let first = |text: &str| text.split([',', '，']).next().unwrap_or(text).to_string();
            Some(Both::new(
                format!("{}: {}", first(&said.en), label.en),
                format!("{}：{}", first(&said.zh), label.zh),
            ))
        }
        _ => Some(label.clone()),
    }
}

/// Two phrases of one verb without what both say alike behind its first words.
fn apart(now: &Both, before: &Both) -> (Both, Both) {
    let less = |text: &str, other: &str| {
        let cut = |text: &str| {
            text.split([',', '，', '、']).map(|part| part.trim().to_string()).collect::<Vec<_>>()
        };
        let (parts, others) = (cut(text), cut(other));
        let kept = parts.into_iter().enumerate().filter(|(at, part)| *at == 0 || !others.contains(part));
        kept.map(|(_, part)| part).collect::<Vec<_>>().join(if text.contains(['，', '、']) {
            "，"
        } else {
            ", "
        })
    };
    let of = |a: &Both, b: &Both| Both { en: less(&a.en, &b.en), zh: less(&a.zh, &b.zh) };
    (of(now, before), of(before, now))
}

/// Whether two instructions are of one kind, so that their ways can be compared one by one.
fn alike(a: &Op, b: &Op) -> bool {
    match (a, b) {
        (Op::Do { row: a, .. }, Op::Do { row: b, .. }) => same_row(a, b),
        (Op::Collect { secret: a, .. }, Op::Collect { secret: b, .. }) => a == b,
        (Op::Lookup { .. }, Op::Lookup { .. }) => true,
        (a, b) => std::mem::discriminant(a) == std::mem::discriminant(b),
    }
}

/// The way on from what has only one.
fn straight(op: &Op) -> Option<Pc> {
    match op {
        Op::Play { next, .. } | Op::Say { next, .. } | Op::Language { next, .. } => Some(*next),
        Op::Do { row, to, .. } if row.outcomes.is_empty() => to.first().copied(),
        _ => None,
    }
}
