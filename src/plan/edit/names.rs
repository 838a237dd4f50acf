//! Every place of a plan where a name stands: declared or used, and of what kind.
//!
//! Invariant: what is collected comes from the syntax tree's meaning, not from how a word looks: a field, a skill or a key that
//! happens to be spelt like a flow is no mention of it.

use std::sync::Arc;

use crate::plan::ast::{
    Arm, Block, Choice, ChoiceValue, ClauseKind, Expect, Expr, ExprKind, FileAst, From, Head, Name,
    Otherwise, Param, PartUse, PopField, PromptUse, Statement, StatementKind, TargetUse, TestKind, Verb, Who,
    Whom,
};
use crate::plan::file::Span;
use crate::plan::verb::{HeadShape, Kind, ValueShape};

/// What a name is the name of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Of {
    Declared(Kind),
    /// A value of the flow or route that begins here.
    Local(Span),
}

/// A name where it stands.
#[derive(Debug, Clone)]
pub(super) struct Mention {
    pub of: Of,
    pub text: Arc<str>,
    pub span: Span,
    pub declares: bool,
}

/// Every mention in a file.
pub(super) fn mentions(ast: &FileAst) -> Vec<Mention> {
    let mut walk = Walk { out: Vec::new(), home: Span::default(), bound: Vec::new() };
    walk.file(ast);
    walk.out
}

struct Walk {
    out: Vec<Mention>,
    home: Span,
    /// Values of the flow that is walked.
    bound: Vec<Arc<str>>,
}

impl Walk {
    fn declares(&mut self, kind: Kind, name: &Name) {
        let (text, span) = (name.text.clone(), name.span);
        self.out.push(Mention { of: Of::Declared(kind), text, span, declares: true });
    }

    fn uses(&mut self, kind: Kind, name: &Name) {
        let (text, span) = (name.text.clone(), name.span);
        self.out.push(Mention { of: Of::Declared(kind), text, span, declares: false });
    }

    fn binds(&mut self, name: &Name) {
        self.bound.push(name.text.clone());
        let (text, span) = (name.text.clone(), name.span);
        self.out.push(Mention { of: Of::Local(self.home), text, span, declares: true });
    }

    fn file(&mut self, ast: &FileAst) {
        ast.classes.iter().for_each(|class| self.declares(Kind::Class, &class.name));
        ast.prompts.iter().for_each(|prompt| self.declares(Kind::Prompt, &prompt.name));
        ast.holidays.iter().for_each(|holidays| self.declares(Kind::Holidays, &holidays.name));
        ast.lookups.iter().for_each(|lookup| self.declares(Kind::Lookup, &lookup.name));
        ast.scripts.iter().for_each(|script| self.declares(Kind::Script, &script.name));
        ast.words.iter().for_each(|words| self.declares(Kind::Words, &words.name));
        for hours in &ast.hours {
            self.declares(Kind::Hours, &hours.name);
            hours.holidays.iter().for_each(|name| self.uses(Kind::Holidays, name));
        }
        for block in &ast.blocks {
            self.declares(block.row.kind, &block.name);
            block.lines.iter().for_each(|line| self.choice(line));
        }
        for policy in &ast.policies {
            self.policy(policy);
        }
        for route in ast.routes.iter().chain(ast.emergencies.iter().flat_map(|plan| &plan.routes)) {
            (self.home, self.bound) = (route.span, Vec::new());
            self.origins(&route.from);
            self.statements(&route.body);
        }
        ast.emergencies.iter().for_each(|plan| self.declares(Kind::Emergency, &plan.name));
        for flow in &ast.flows {
            self.declares(Kind::Flow, &flow.name);
            (self.home, self.bound) = (flow.name.span, Vec::new());
            flow.params.iter().for_each(|Param { name, .. }| self.binds(name));
            self.block(&flow.body);
        }
        for feature in &ast.features {
            (self.home, self.bound) = (feature.span, Vec::new());
            self.block(&feature.body);
        }
        for line in ast.tests.iter().flat_map(|test| &test.lines) {
            self.test(&line.kind);
        }
    }

    fn origins(&mut self, from: &[From]) {
        for from in from {
            if let From::Trunk(name) = from {
                self.uses(Kind::Trunk, name);
            }
        }
    }

    fn policy(&mut self, policy: &crate::plan::ast::Policy) {
        self.declares(Kind::Policy, &policy.name);
        (self.home, self.bound) = (policy.name.span, Vec::new());
        self.origins(&policy.from);
        policy.retain.iter().for_each(|class| self.uses(Kind::Class, class));
        policy.notice.iter().for_each(|prompt| self.prompt(prompt));
        for clause in &policy.clauses {
            match &clause.kind {
                ClauseKind::Screen(screen) => {
                    screen.words.iter().for_each(|words| self.uses(Kind::Words, words));
                    self.block(&screen.body);
                    screen.hits.iter().for_each(|(_, block)| self.block(block));
                    screen.down.iter().for_each(|block| self.block(block));
                }
                ClauseKind::Forbid { words, .. } => {
                    words.iter().for_each(|words| self.uses(Kind::Words, words))
                }
                ClauseKind::Monitors(monitors) => {
                    monitors.condition.iter().for_each(|condition| self.expr(condition));
                    self.uses(Kind::Group, &monitors.group);
                    monitors.otherwise.iter().for_each(|statements| self.statements(statements));
                }
                ClauseKind::AtEnd(rules) => {
                    for rule in rules {
                        rule.words.iter().for_each(|words| self.uses(Kind::Words, words));
                        self.block(&rule.body);
                    }
                }
                _ => {}
            }
        }
    }

    fn prompt(&mut self, prompt: &PromptUse) {
        self.uses(Kind::Prompt, &prompt.name);
    }

    fn block(&mut self, block: &Block) {
        self.statements(&block.statements);
    }

    fn statements(&mut self, statements: &[Statement]) {
        for statement in statements {
            match &statement.kind {
                StatementKind::Verb(verb) => self.verb(verb),
                StatementKind::If { condition, then, otherwise } => {
                    self.expr(condition);
                    self.block(then);
                    otherwise.iter().for_each(|block| self.block(block));
                }
                StatementKind::Let { name, value } => {
                    self.expr(value);
                    self.binds(name);
                }
                StatementKind::Lookup { name, lookup, arguments, otherwise } => {
                    self.uses(Kind::Lookup, lookup);
                    arguments.iter().for_each(|value| self.expr(value));
                    match otherwise {
                        Otherwise::Values(values, _) => values.iter().for_each(|(_, value)| self.expr(value)),
                        Otherwise::Goes(statements) => self.statements(statements),
                        Otherwise::Unsaid(_) => {}
                    }
                    name.iter().for_each(|name| self.binds(name));
                }
                StatementKind::Go { flow, arguments } => {
                    self.uses(Kind::Flow, flow);
                    arguments.iter().for_each(|value| self.expr(value));
                }
                StatementKind::End | StatementKind::Hangup { .. } | StatementKind::Broken => {}
            }
        }
    }

    fn verb(&mut self, verb: &Verb) {
        match &verb.head {
            Head::Prompts(prompts) => prompts.iter().for_each(|prompt| self.prompt(prompt)),
            Head::Name(name) => self.binds(name),
            Head::Targets(_, targets) => targets.iter().for_each(|target| self.target(target)),
            Head::Parts(parts) => parts.iter().for_each(|part| match part {
                PartUse::Sound(prompt) => self.prompt(prompt),
                PartUse::Value(value) => self.expr(value),
            }),
            Head::Value(value) => self.expr(value),
            Head::Named(name, text) => {
                if let HeadShape::Ref(kind) | HeadShape::RefNamed(kind) = verb.row.head {
                    self.uses(kind, name);
                }
                text.iter().for_each(|text| self.expr(text));
            }
            Head::Who(Who::Value(name)) => self.value(name),
            Head::Fields(fields) => fields.iter().for_each(|field| match field {
                PopField::Value(_, value) => self.expr(value),
                PopField::Script(name, values) => {
                    self.uses(Kind::Script, name);
                    values.iter().for_each(|value| self.expr(value));
                }
                PopField::Card(name) => self.uses(Kind::Card, name),
            }),
            Head::Flow(flow, values) => {
                self.uses(Kind::Flow, flow);
                values.iter().for_each(|value| self.expr(value));
            }
            Head::Nothing | Head::Who(Who::Literal(_)) | Head::Amount(..) => {}
        }
        verb.options.iter().for_each(|choice| self.choice(choice));
        verb.arms.iter().for_each(|Arm { body, .. }| self.statements(body));
    }

    fn target(&mut self, target: &TargetUse) {
        match (&target.whom, &target.who) {
            (Whom::Group, Who::Literal(name)) => self.uses(Kind::Group, name),
            (Whom::Trunk(trunk), _) => self.uses(Kind::Trunk, trunk),
            _ => {}
        }
        if let Who::Value(name) = &target.who {
            self.value(name);
        }
    }

    fn choice(&mut self, choice: &Choice) {
        match (&choice.value, choice.row.value) {
            (Some(ChoiceValue::Prompts(prompts)), _) => prompts.iter().for_each(|prompt| self.prompt(prompt)),
            (Some(ChoiceValue::Refs(names)), ValueShape::Ref(kind) | ValueShape::Refs(kind)) => {
                names.iter().for_each(|name| self.uses(kind, name));
            }
            (Some(ChoiceValue::Refs(names)), ValueShape::Flow) => {
                names.iter().for_each(|name| self.uses(Kind::Flow, name))
            }
            (Some(ChoiceValue::Tier(_, _, script)), _) => self.uses(Kind::Script, script),
            (Some(ChoiceValue::Targets(targets)), _) => targets.iter().for_each(|target| self.target(target)),
            (Some(ChoiceValue::Number(value) | ChoiceValue::Skill(_, value)), _) => self.expr(value),
            _ => {}
        }
    }

    fn expr(&mut self, expr: &Expr) {
        match &expr.kind {
            ExprKind::Or(all) | ExprKind::And(all) => all.iter().for_each(|part| self.expr(part)),
            ExprKind::Not(inner) | ExprKind::Matches(inner, _) => self.expr(inner),
            ExprKind::Compare(_, left, right) => {
                self.expr(left);
                self.expr(right);
            }
            ExprKind::Choose(condition, yes, no) => {
                [condition, yes, no].into_iter().for_each(|part| self.expr(part))
            }
            ExprKind::Name(name) => self.value(name),
            _ => {}
        }
    }

    /// `c.级别`: a value, hours, or a lookup's answer in a policy. Only the first part is a name of its own.
    fn value(&mut self, name: &Name) {
        let first = name.text.split('.').next().unwrap_or(&name.text);
        let length = crate::plan::file::offset(first.len());
        let span = Span { end: (name.span.start + length).min(name.span.end), ..name.span };
        let of = match self.bound.iter().any(|bound| **bound == *first) {
            true => Of::Local(self.home),
            false if name.text.contains('.') => Of::Declared(Kind::Lookup),
            false => Of::Declared(Kind::Hours),
        };
        self.out.push(Mention { of, text: first.into(), span, declares: false });
    }

    fn test(&mut self, line: &TestKind) {
        match line {
            TestKind::Stub { name, .. } => self.uses(Kind::Lookup, name),
            TestKind::Behaves { name, .. } => {
                self.uses(Kind::Queue, name);
                self.uses(Kind::Group, name);
            }
            TestKind::Call { during, .. } => during.iter().for_each(|plan| self.uses(Kind::Emergency, plan)),
            TestKind::Expect(Expect { what, words, .. }) => {
                let kind = match &*what.text {
                    "played" => Kind::Prompt,
                    "queued" | "requeued" => Kind::Queue,
                    "flow" => Kind::Flow,
                    "notified" => Kind::Webhook,
                    "script" => Kind::Script,
                    _ => return,
                };
                words.first().into_iter().for_each(|name| self.uses(kind, name));
            }
            TestKind::Says { .. } | TestKind::Acts { .. } => {}
        }
    }
}
