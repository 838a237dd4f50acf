//! Flows and routes: statements in order, names in scope, every way followed to its end.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use crate::plan::ask::Cause;
use crate::plan::ast::{self, Block, Expr, FileAst, Name, PromptUse, Statement, StatementKind};
use crate::plan::code::Code;
use crate::plan::file::Span;
use crate::plan::finding::{Arg, Finding, Term, nearest, note};
use crate::plan::pattern::Pattern;
use crate::plan::resolved::{Flow, Operand, Route, Sounds, Step, StepKind, Window};
use crate::plan::verb::Kind;

use super::names::World;
use super::path::{QuietWay, Reach, circles};
use super::types::Type;
use super::versions::Version;

/// What is known of a flow before and while flows are followed.
struct Entry<'a> {
    ast: &'a ast::Flow,
    file: &'a FileAst,
    /// Types of the parameters: declared, or those of the first call.
    types: Vec<Type>,
    /// Where the types were first given.
    first: Option<Span>,
    wanted: bool,
    /// Other versions of its name; only at the first of them.
    later: Vec<usize>,
}

/// A name in force.
#[derive(Debug, Clone)]
struct Binding {
    name: Arc<str>,
    slot: u16,
    kind: Type,
    span: Span,
}

/// The walk through one flow or route.
pub(super) struct FlowCheck<'c> {
    pub world: &'c World,
    pub findings: &'c mut Vec<Finding>,
    pub language: Option<&'c Name>,
    /// Whether this is a reaction and not a flow.
    pub reacts: bool,
    /// Whether the flow's queues make room for its calls.
    pub preempts: bool,
    /// Whether lookups' answers can be named by the lookup: in policies.
    pub facts: bool,
    /// Whether `match.text` is what a screen has found.
    pub matches: bool,
    bindings: Vec<Binding>,
    slots: u16,
    /// The flow that is walked; `None` for a route.
    flow: Option<usize>,
    calls: Vec<Call>,
    ways: &'c mut Vec<QuietWay>,
}

/// `-> flow(values)` as it was met.
#[derive(Clone)]
struct Call {
    flow: usize,
    types: Vec<(Type, Span)>,
    at: Span,
}

/// Follows every route, then every flow that is led to, then the others.
pub(super) fn check(
    asts: &[FileAst],
    world: &World,
    groups: &[(usize, Vec<Version>)],
    policies: impl FnOnce(&mut Walks, &mut Vec<Finding>),
    findings: &mut Vec<Finding>,
) -> (Vec<Route>, Vec<Flow>, usize) {
    let mut entries = entries(asts, findings);
    for (first, versions) in groups.iter().filter(|(_, versions)| versions.len() > 1) {
        let others: Vec<usize> =
            versions.iter().map(|version| version.index).filter(|index| index != first).collect();
        if let Some(entry) = entries.get_mut(*first) {
            entry.later = others;
        }
    }
    let mut ways = Vec::new();
    let mut queue = VecDeque::new();
    let mut slots = 0;
    let mut routes = Vec::new();
    for (ast, route) in asts.iter().flat_map(|ast| ast.routes.iter().map(move |route| (ast, route))) {
        let mut walk = FlowCheck::new(world, findings, ast, None, &mut ways);
        walk.route(route, &mut routes);
        slots = slots.max(walk.slots);
        let calls = std::mem::take(&mut walk.calls);
        arrive(calls, &mut entries, &mut queue, findings);
    }
    for (ast, emergency) in asts.iter().flat_map(|ast| ast.emergencies.iter().map(move |one| (ast, one))) {
        for route in &emergency.routes {
            let mut walk = FlowCheck::new(world, findings, ast, None, &mut ways);
            let before = routes.len();
            walk.route(route, &mut routes);
            slots = slots.max(walk.slots);
            let calls = std::mem::take(&mut walk.calls);
            for route in routes.iter_mut().skip(before) {
                route.emergency = Some(emergency.name.text.clone());
            }
            arrive(calls, &mut entries, &mut queue, findings);
        }
    }
    arrive(campaigns(asts, world), &mut entries, &mut queue, findings);
    let mut walks = Walks { world, ways: &mut ways, slots, calls: Vec::new() };
    policies(&mut walks, findings);
    slots = walks.slots;
    arrive(walks.calls, &mut entries, &mut queue, findings);
    if asts.iter().all(|ast| ast.routes.is_empty() && ast.profile.is_none()) {
        findings.push(Finding::new(Code::NO_ROUTES, Span::default()));
    }
    let mut flows: Vec<Flow> = entries.iter().map(|entry| entry.flow()).collect();
    for (_, versions) in groups {
        for version in versions {
            if let Some(flow) = flows.get_mut(version.index) {
                flow.window = version.window;
            }
        }
    }
    let mut rest = 0..entries.len();
    while let Some(index) = queue.pop_front().or_else(|| lonely(&mut rest, &mut entries, world, findings)) {
        let Some(entry) = entries.get(index) else {
            continue;
        };
        let mut walk = FlowCheck::new(world, findings, entry.file, Some(index), &mut ways);
        walk.preempts = entry.ast.preempt;
        let body = walk.flow(entry);
        slots = slots.max(walk.slots);
        let calls = std::mem::take(&mut walk.calls);
        if let Some(flow) = flows.get_mut(index) {
            flow.body = body;
        }
        arrive(calls, &mut entries, &mut queue, findings);
    }
    for route in &mut routes {
        route.priority = first_priority(&route.body, &flows);
    }
    let names: Vec<&str> = entries.iter().map(|entry| &*entry.ast.name.text).collect();
    circles(&ways, &names, findings);
    (routes, flows, usize::from(slots))
}

/// How urgent the calls of a route are: as the flow says that it leads to at once.
fn first_priority(body: &[Step], flows: &[Flow]) -> u8 {
    match body {
        [Step { kind: StepKind::Go { flow, .. }, .. }] => {
            flows.get(*flow).and_then(|flow| flow.priority).unwrap_or(0)
        }
        _ => 0,
    }
}

/// Campaigns lead to flows too: to the one that takes over when somebody answers, with no values.
fn campaigns(asts: &[FileAst], world: &World) -> Vec<Call> {
    let blocks = asts.iter().flat_map(|ast| &ast.blocks).filter(|block| block.row.kind == Kind::Campaign);
    let lines = blocks.flat_map(|block| &block.lines).filter(|line| line.row.word == "answered");
    let flows = lines.filter_map(|line| match &line.value {
        Some(ast::ChoiceValue::Refs(names)) => names.first(),
        _ => None,
    });
    flows
        .filter_map(|name| {
            let (flow, _) = world.get(Kind::Flow, &name.text)?;
            Some(Call { flow, types: Vec::new(), at: name.span })
        })
        .collect()
}

/// What bodies outside of flows share: those of policies and features.
pub(super) struct Walks<'c> {
    world: &'c World,
    ways: &'c mut Vec<QuietWay>,
    slots: u16,
    calls: Vec<Call>,
}

impl Walks<'_> {
    /// Runs `walk` over what stands in `file`.
    pub fn walk<T>(
        &mut self,
        file: &FileAst,
        findings: &mut Vec<Finding>,
        walk: impl FnOnce(&mut FlowCheck) -> T,
    ) -> T {
        let mut check = FlowCheck::new(self.world, findings, file, None, self.ways);
        let out = walk(&mut check);
        let (slots, calls) = (check.slots, std::mem::take(&mut check.calls));
        self.slots = self.slots.max(slots);
        self.calls.extend(calls);
        out
    }
}

impl Entry<'_> {
    fn flow(&self) -> Flow {
        let priority = self.ast.priority.map(|(priority, _)| u8::try_from(priority.min(9)).unwrap_or(9));
        let (body, window) = (Vec::new(), Window::ALWAYS);
        Flow { at: self.ast.name.span, body, priority, window, later: self.later.clone() }
    }
}

/// The next flow that nothing leads to; it is checked all the same.
fn lonely(
    rest: &mut Range<usize>,
    entries: &mut [Entry],
    world: &World,
    findings: &mut Vec<Finding>,
) -> Option<usize> {
    let index = rest.find(|index| entries.get(*index).is_some_and(|entry| !entry.wanted))?;
    let entry = entries.get_mut(index)?;
    entry.wanted = true;
    let name = &entry.ast.name;
    let twin = world.get(Kind::Flow, &name.text).is_some_and(|(first, _)| first != index);
    findings.extend((!twin).then(|| Finding::new(Code::NEVER_USED, name.span).arg(&*name.text)));
    Some(index)
}

fn entries<'a>(asts: &'a [FileAst], findings: &mut Vec<Finding>) -> Vec<Entry<'a>> {
    let all = asts.iter().flat_map(|file| file.flows.iter().map(move |flow| (file, flow)));
    all.map(|(file, ast)| {
        let of = |param: &ast::Param, findings: &mut Vec<Finding>| {
            param.kind.as_ref().map_or(Type::Unknown, |kind| Type::of(kind, findings))
        };
        let types = ast.params.iter().map(|param| of(param, findings)).collect();
        if let Some((priority, span)) = ast.priority.filter(|(priority, _)| *priority > 9) {
            let finding = Finding::new(Code::OUT_OF_BOUNDS, span).arg("priority").arg(priority.to_string());
            findings.push(finding.arg("0").arg("9"));
        }
        Entry { ast, file, types, first: None, wanted: false, later: Vec::new() }
    })
    .collect()
}

/// Compares the values of calls with the parameters of their flows, and queues flows that are met for the first time.
fn arrive(calls: Vec<Call>, entries: &mut [Entry], queue: &mut VecDeque<usize>, findings: &mut Vec<Finding>) {
    let all = calls.into_iter().flat_map(|call| {
        let later = entries.get(call.flow).map(|entry| entry.later.clone()).unwrap_or_default();
        std::iter::once(call.flow).chain(later).map(move |flow| Call { flow, ..call.clone() })
    });
    for call in all.collect::<Vec<_>>() {
        let Some(entry) = entries.get_mut(call.flow) else {
            continue;
        };
        if !entry.wanted {
            entry.wanted = true;
            queue.push_back(call.flow);
        }
        let name = &entry.ast.name;
        if call.types.len() != entry.types.len() {
            let finding = Finding::new(Code::ARGUMENTS, call.at).arg(&*name.text);
            let finding = finding.arg(entry.types.len()).arg(call.types.len());
            findings.push(finding.also(name.span, note::FLOW));
            continue;
        }
        let first = *entry.first.get_or_insert(call.at);
        let params = entry.ast.params.iter().zip(entry.types.iter_mut());
        for ((param, kind), (given, span)) in params.zip(call.types) {
            let declared = param.kind.is_some();
            if !declared && *kind == Type::Unknown {
                *kind = given;
            } else if !(kind.takes(&given) || !declared && kind.is_text() && given.is_text()) {
                let finding = Finding::new(Code::WRONG_TYPE, span).arg(&*param.name.text);
                let (place, text) =
                    if declared { (param.name.span, note::FIRST) } else { (first, note::FIRST_CALL) };
                findings.push(finding.arg(kind.term()).arg(given.term()).also(place, text));
            }
        }
    }
}

impl<'c> FlowCheck<'c> {
    pub(super) fn new(
        world: &'c World,
        findings: &'c mut Vec<Finding>,
        file: &'c FileAst,
        flow: Option<usize>,
        ways: &'c mut Vec<QuietWay>,
    ) -> FlowCheck<'c> {
        let language = file.language.as_ref();
        let (reacts, preempts, facts, matches) = (false, false, false, false);
        let (bindings, calls) = (Vec::new(), Vec::new());
        FlowCheck {
            world,
            findings,
            language,
            reacts,
            preempts,
            facts,
            matches,
            bindings,
            slots: 0,
            flow,
            calls,
            ways,
        }
    }

    pub(super) fn report(&mut self, finding: Finding) {
        self.findings.push(finding);
    }

    fn route(&mut self, route: &ast::Route, out: &mut Vec<Route>) {
        let patterns: Vec<(Arc<str>, Option<Pattern>)> = if route.names {
            vec![("names".into(), Some(Pattern::names()))]
        } else {
            let read = |text: &Name, findings: &mut Vec<Finding>| super::route::pattern(text, findings);
            route.patterns.iter().map(|text| (text.text.clone(), read(text, self.findings))).collect()
        };
        for (text, pattern) in route.patterns.iter().zip(&patterns) {
            for capture in pattern.1.iter().flat_map(|pattern| &pattern.captures) {
                if patterns.len() > 1 {
                    self.report(Finding::new(Code::CAPTURE_AND_LIST, text.span));
                }
                let start = text.span.start + 1 + super::super::file::offset(capture.place.start);
                let end = text.span.start + 1 + super::super::file::offset(capture.place.end);
                let name = Name { text: capture.name.clone(), span: Span { start, end, ..text.span } };
                self.bind(&name, if capture.digits { Type::Digits } else { Type::Phone });
            }
        }
        let start = Reach::Goes { quiet: true, fell: route.span };
        let (body, end) = self.statements(&route.body, start);
        if let Reach::Goes { fell, .. } = end {
            let what = route.patterns.first().map_or("", |name| &name.text);
            let route = Term::new("the route", "路由");
            self.report(Finding::new(Code::DEAD_END, fell).arg(route).arg(what));
        }
        let body = Arc::new(body);
        let from = super::route::origins(&route.from);
        out.extend(patterns.into_iter().filter_map(|(written, pattern)| {
            let (pattern, from, body) = (pattern?, from.clone(), body.clone());
            Some(Route { at: route.span, written, pattern, from, body, emergency: None, priority: 0 })
        }));
    }

    fn flow(&mut self, entry: &Entry) -> Vec<Step> {
        for (param, kind) in entry.ast.params.iter().zip(&entry.types) {
            self.bind(&param.name, kind.clone());
        }
        let start = Reach::Goes { quiet: true, fell: entry.ast.body.close };
        let (body, end) = self.block(&entry.ast.body, start);
        if let Reach::Goes { fell, .. } = end {
            let close = entry.ast.body.close;
            let flow = Term::new("the flow", "流程");
            let finding = Finding::new(Code::DEAD_END, close).arg(flow).arg(&*entry.ast.name.text);
            self.report(if fell == close { finding } else { finding.also(fell, note::FALLS) });
        }
        body
    }

    /// Runs `walk` with names of its own: those that it binds are forgotten behind it.
    pub(super) fn in_scope<T>(&mut self, walk: impl FnOnce(&mut Self) -> T) -> T {
        let bound = self.bindings.len();
        let out = walk(self);
        self.bindings.truncate(bound);
        out
    }

    fn block(&mut self, block: &Block, reach: Reach) -> (Vec<Step>, Reach) {
        self.in_scope(|check| check.statements(&block.statements, reach))
    }

    /// Statements in order; what stands behind one that leaves is reported once.
    pub(super) fn statements(&mut self, list: &[Statement], entry: Reach) -> (Vec<Step>, Reach) {
        let mut steps = Vec::with_capacity(list.len());
        let mut reach = entry;
        let mut left = None;
        for statement in list {
            if let Reach::Leaves(from) = reach {
                if left.is_none() && !matches!(statement.kind, StatementKind::Broken) {
                    let finding = Finding::new(Code::UNREACHABLE, statement.span);
                    self.report(finding.also(from, note::LEADS_AWAY));
                }
                left = left.or(Some(from));
                reach = Reach::Unknown;
            }
            let (kind, onward) = self.statement(statement, reach);
            steps.extend(kind.map(|kind| Step { at: statement.span, kind }));
            reach = onward;
        }
        (steps, left.map_or(reach, Reach::Leaves))
    }

    fn statement(&mut self, statement: &Statement, reach: Reach) -> (Option<StepKind>, Reach) {
        let leaves = Reach::Leaves(statement.span);
        if self.reacts && !matches!(statement.kind, StatementKind::Verb(_) | StatementKind::Broken) {
            let said = steering(&statement.kind);
            self.report(Finding::new(Code::NOT_IN_REACTION, statement.word).arg(said));
            return (None, Reach::Unknown);
        }
        match &statement.kind {
            StatementKind::Verb(verb) => self.verb(verb, statement.word, statement.span, reach),
            StatementKind::If { condition, then, otherwise } => {
                let condition = self.condition(condition);
                let (then, one) = self.block(then, reach.going(statement.word));
                let (otherwise, other) = match otherwise {
                    Some(block) => self.block(block, reach.going(statement.word)),
                    None => (Vec::new(), reach.going(statement.word)),
                };
                let kind = condition.map(|condition| StepKind::If { condition, then, otherwise });
                (kind, one.join(other))
            }
            StatementKind::Let { name, value } => {
                let value = self.value(value);
                let kind = value.as_ref().map_or(Type::Unknown, |(_, kind)| kind.clone());
                let slot = self.bind(name, kind);
                (value.map(|(value, _)| StepKind::Let { slot, value }), reach.going(statement.span))
            }
            StatementKind::Lookup { name, lookup, arguments, otherwise } => {
                self.ask_lookup((name.as_ref(), lookup, arguments, otherwise), statement.span, reach)
            }
            StatementKind::Go { flow, arguments } => {
                (self.go(flow, arguments, statement.span, reach), leaves)
            }
            StatementKind::End => (Some(StepKind::Hangup(Cause::Normal)), leaves),
            StatementKind::Hangup { cause } => (self.hangup(cause.as_ref()).map(StepKind::Hangup), leaves),
            StatementKind::Broken => (None, Reach::Unknown),
        }
    }

    fn go(&mut self, flow: &Name, arguments: &[Expr], at: Span, reach: Reach) -> Option<StepKind> {
        if let (true, Some(from), Some((to, _))) =
            (reach.is_quiet(), self.flow, self.world.get(Kind::Flow, &flow.text))
        {
            self.ways.push(QuietWay { from, to, at });
        }
        let (flow, arguments) = self.led_to(flow, arguments, at)?;
        Some(StepKind::Go { flow, arguments })
    }

    /// A flow with the values that it is given.
    pub(super) fn led_to(
        &mut self,
        flow: &Name,
        arguments: &[Expr],
        at: Span,
    ) -> Option<(usize, Vec<Operand>)> {
        let given: Vec<_> = arguments.iter().map(|value| (self.value(value), value.span)).collect();
        let index = self.world.find(Kind::Flow, flow, self.findings)?;
        let kind =
            |value: &Option<(Operand, Type)>| value.as_ref().map_or(Type::Unknown, |(_, kind)| kind.clone());
        let types = given.iter().map(|(value, span)| (kind(value), *span)).collect();
        self.calls.push(Call { flow: index, types, at });
        let arguments =
            given.into_iter().map(|(value, _)| value.map(|(operand, _)| operand)).collect::<Option<_>>()?;
        Some((index, arguments))
    }

    fn hangup(&mut self, cause: Option<&Name>) -> Option<Cause> {
        let Some(name) = cause else {
            return Some(Cause::Normal);
        };
        let found = Cause::ALL.into_iter().find(|cause| cause.word() == &*name.text);
        if found.is_none() {
            let words = || Cause::ALL.into_iter().map(Cause::word);
            let status = Cause::ALL.into_iter().find(|cause| cause.status().to_string() == *name.text);
            let finding =
                Finding::new(Code::UNKNOWN_CAUSE, name.span).arg(&*name.text).arg(Arg::list(words()));
            self.report(finding.suggest(status.map(Cause::word).or(nearest(&name.text, words()))));
        }
        found
    }

    /// Gives `name` to a new value; a name that is in force already is refused.
    pub(super) fn bind(&mut self, name: &Name, kind: Type) -> u16 {
        let hidden =
            self.bindings.iter().rev().find(|binding| binding.name == name.text).map(|binding| binding.span);
        let hours = self.world.get(Kind::Hours, &name.text).map(|(_, span)| span);
        if let Some(span) = hidden {
            let what = Term::new("the name of a value", "一个值的名字");
            let finding = Finding::new(Code::HIDES, name.span).arg(&*name.text).arg(what);
            self.report(finding.also(span, note::FIRST));
        } else if let Some(span) = hours {
            let what = Term::new("the name of hours", "一个时段的名字");
            let finding = Finding::new(Code::HIDES, name.span).arg(&*name.text).arg(what);
            self.report(finding.also(span, note::FIRST));
        }
        let slot = u16::try_from(self.bindings.len()).unwrap_or(u16::MAX);
        self.bindings.push(Binding { name: name.text.clone(), slot, kind, span: name.span });
        self.slots = self.slots.max(slot.saturating_add(1));
        slot
    }

    /// What a name stands for.
    pub(super) fn lookup(&self, name: &str) -> Option<(Operand, Type)> {
        let of = |name: &str| self.bindings.iter().rev().find(|binding| &*binding.name == name);
        if let Some((head, field)) = name.split_once('.') {
            if let Some(Binding { slot, kind: Type::Record(fields), .. }) = of(head) {
                let at = fields.iter().position(|(name, _)| &**name == field)?;
                let (_, kind) = fields.get(at)?;
                return Some((Operand::Field(*slot, u16::try_from(at).ok()?), kind.clone()));
            }
            if let Some(found) = self.fact(head, field) {
                return Some(found);
            }
        }
        match (of(name), name) {
            (Some(binding), _) => Some((Operand::Slot(binding.slot), binding.kind.clone())),
            (None, "match.text") if self.matches => Some((Operand::Matched, Type::Text)),
            (None, "priority") => Some((Operand::Priority, Type::Int)),
            (None, "caller.phone") => Some((Operand::Caller, Type::Phone)),
            (None, "caller") => Some((Operand::Caller, Type::Phone)),
            (None, "caller.name") => Some((Operand::CallerName, Type::Text)),
            (None, "callee") => Some((Operand::Callee, Type::Phone)),
            _ => None,
        }
    }

    /// In a policy: a field of what a lookup has answered last.
    fn fact(&self, lookup: &str, field: &str) -> Option<(Operand, Type)> {
        let (index, _) = self.world.get(Kind::Lookup, lookup).filter(|_| self.facts)?;
        let Type::Record(fields) = &self.world.lookups.get(index)?.yields else {
            return None;
        };
        let at = fields.iter().position(|(name, _)| &**name == field)?;
        let operand = Operand::Fact(u16::try_from(index).ok()?, u16::try_from(at).ok()?);
        Some((operand, fields.get(at)?.1.clone()))
    }

    /// The names of all values in force.
    pub(super) fn known_values(&self) -> Vec<String> {
        let mut out: Vec<String> =
            ["caller", "caller.name", "callee", "priority"].into_iter().map(str::to_string).collect();
        for binding in &self.bindings {
            out.push(binding.name.to_string());
            if let Type::Record(fields) = &binding.kind {
                out.extend(fields.iter().map(|(field, _)| format!("{}.{field}", binding.name)));
            }
        }
        out
    }

    /// The sounds that prompts mean in this file.
    pub(super) fn sounds(&mut self, prompts: &[PromptUse]) -> Sounds {
        super::prompt::sounds(prompts, self.language, self.world, self.findings)
    }
}

/// The word of a statement that steers.
fn steering(kind: &StatementKind) -> &'static str {
    match kind {
        StatementKind::If { .. } => "if",
        StatementKind::Let { .. } => "let",
        StatementKind::Lookup { .. } => "lookup",
        StatementKind::Go { .. } | StatementKind::End => "->",
        StatementKind::Hangup { .. } => "hangup",
        StatementKind::Verb(_) | StatementKind::Broken => "",
    }
}
