//! Tests: every name in them found, every expectation understood.

use std::collections::HashSet;
use std::sync::Arc;

use crate::base::Masked;
use crate::base::bounds::PLAN_TESTS;
use crate::plan::ast::{self, FileAst, Name, TestKind, TestLine};
use crate::plan::code::Code;
use crate::plan::file::Files;
use crate::plan::finding::{Arg, Finding, Term, nearest};
use crate::plan::resolved::Operand;
use crate::plan::test::{Behaviour, Call, EXPECTATIONS, Expectation, Line, LineKind, Test, What};
use crate::plan::value::Value;
use crate::plan::verb::{Kind, VerbRow, verbs};

use super::flow::FlowCheck;
use super::names::World;

const ENDINGS: [&str; 12] = [
    "answered",
    "busy",
    "no-answer",
    "rejected",
    "unreachable",
    "unknown",
    "failed",
    "timeout",
    "full",
    "free",
    "recorded",
    "empty",
];

/// Every test of every file.
pub(super) fn tests(
    asts: &[FileAst],
    files: &Files,
    world: &World,
    findings: &mut Vec<Finding>,
) -> Vec<Test> {
    let mut names: HashSet<Arc<str>> = HashSet::new();
    let mut out = Vec::new();
    for (ast, test) in asts.iter().flat_map(|ast| ast.tests.iter().map(move |test| (ast, test))) {
        if out.len() >= PLAN_TESTS {
            findings.push(Finding::new(Code::TOO_MANY_TESTS, test.name.span).arg(PLAN_TESTS));
            break;
        }
        if !names.insert(test.name.text.clone()) {
            findings.push(Finding::new(Code::TEST_TWICE, test.name.span).arg(&*test.name.text));
        }
        let mut one = One { ast, files, world, findings };
        let lines: Vec<Line> = test.lines.iter().filter_map(|line| one.line(line)).collect();
        one.whole(test, &lines);
        let (file, line) = files.line(test.name.span);
        let at = test.at.as_ref().map(|moment| super::versions::wall(ast, moment));
        out.push(Test { name: test.name.text.clone(), file, line, at, lines });
    }
    out
}

struct One<'c> {
    ast: &'c FileAst,
    files: &'c Files,
    world: &'c World,
    findings: &'c mut Vec<Finding>,
}

impl One<'_> {
    fn whole(&mut self, test: &ast::Test, lines: &[Line]) {
        if !test.whole || lines.len() < test.lines.len() {
            return;
        }
        let calls = lines.iter().any(|line| matches!(line.kind, LineKind::Call(_)));
        let expects = || {
            lines.iter().filter_map(|line| match &line.kind {
                LineKind::Expect(expectation) => Some(expectation),
                _ => None,
            })
        };
        if expects().next().is_none() {
            self.findings.push(Finding::new(Code::EXPECTS_NOTHING, test.name.span).arg(&*test.name.text));
        }
        if !calls && expects().any(|expectation| !matches!(expectation.what, What::Usable(..))) {
            self.findings.push(Finding::new(Code::NO_CALL, test.name.span).arg(&*test.name.text));
        }
    }

    fn line(&mut self, written: &TestLine) -> Option<Line> {
        let kind = match &written.kind {
            TestKind::Stub { name, fields } => self.stub(name, fields.as_deref())?,
            TestKind::Behaves { name, outcome, count, after } => {
                self.behaves(name, outcome, *count, after.as_ref())?
            }
            TestKind::Call { from, to, trunk, press, during } => {
                if let Some(name) = during {
                    self.world.find(Kind::Emergency, name, self.findings)?;
                }
                LineKind::Call(Call {
                    from: Masked::new(from.as_ref().map_or("13800000000", |from| &*from.text)),
                    to: Masked::new(&*to.text),
                    trunk: trunk.as_ref().map(|trunk| trunk.text.clone()),
                    press: press.iter().map(|keys| Masked::new(&*keys.text)).collect(),
                    during: during.as_ref().map(|name| name.text.clone()),
                })
            }
            TestKind::Says { party, text } => {
                LineKind::Says { agent: &*party.text == "agent", text: text.text.clone() }
            }
            TestKind::Acts { party, act } => match (&*party.text, &*act.text) {
                ("agent", "answers") => LineKind::Answered,
                (_, "hangs") => LineKind::HangsUp,
                (_, other) => {
                    let words = ["answers", "hangs up"];
                    let finding = Finding::new(Code::NOT_A_WORD, act.span).arg(other).arg(Arg::list(words));
                    self.findings.push(finding.suggest(nearest(other, words)));
                    return None;
                }
            },
            TestKind::Expect(expect) => LineKind::Expect(self.expectation(expect)?),
        };
        let (_, line) = self.files.line(written.span);
        let said = self.files.slice(written.span).lines().next().unwrap_or("").into();
        Some(Line { line, said, kind })
    }

    fn stub(&mut self, name: &Name, fields: Option<&[(Name, ast::Expr)]>) -> Option<LineKind> {
        let Some((index, _)) = self.world.get(Kind::Lookup, &name.text) else {
            let known = self.world.known(Kind::Lookup);
            let finding = Finding::new(Code::NO_STUB, name.span).arg(&*name.text);
            self.findings.push(finding.suggest(nearest(&name.text, known)));
            return None;
        };
        let Some(fields) = fields else {
            return Some(LineKind::Answers(name.text.clone(), None));
        };
        let yields = self.world.lookups.get(index)?.yields.clone();
        let mut ways = Vec::new();
        let mut check = FlowCheck::new(self.world, self.findings, self.ast, None, &mut ways);
        let Operand::Record(operands) = check.record(fields, &yields, name.span)? else {
            return None;
        };
        let values = operands.iter().map(|operand| match operand {
            Operand::Fixed(value) => Some(value.clone()),
            _ => None,
        });
        let values: Option<Vec<Value>> = values.collect();
        if values.is_none() {
            self.findings.push(Finding::new(Code::NOT_CONSTANT, name.span));
        }
        Some(LineKind::Answers(name.text.clone(), Some(values?.into())))
    }

    fn behaves(
        &mut self,
        name: &Name,
        outcome: &Name,
        count: Option<u64>,
        after: Option<&crate::plan::literal::Amount>,
    ) -> Option<LineKind> {
        if self.world.get(Kind::Lookup, &name.text).is_some() || !ENDINGS.contains(&&*outcome.text) {
            let finding = Finding::new(Code::NOT_A_WORD, outcome.span).arg(&*outcome.text);
            self.findings.push(finding.arg(Arg::list(ENDINGS)).suggest(nearest(&outcome.text, ENDINGS)));
            return None;
        }
        let after = after.and_then(|after| after.duration());
        Some(LineKind::Behaves(name.text.clone(), Behaviour { outcome: outcome.text.clone(), count, after }))
    }

    fn expectation(&mut self, expect: &ast::Expect) -> Option<Expectation> {
        let named = |one: &mut Self, kind: Kind| -> Option<Arc<str>> {
            let name = one.wants(expect, kind.term())?;
            one.world.find(kind, &name, one.findings)?;
            Some(name.text)
        };
        const TEXT: Term = Term::new("a text in quotes", "引号中的文字");
        const NAME: Term = Term::new("a name", "名字");
        let what = match &*expect.what.text {
            "played" => What::Played(named(self, Kind::Prompt)?),
            "tag" | "tagged" => What::Tagged(self.wants(expect, TEXT)?.text),
            "event" => What::Event(self.wants(expect, NAME)?.text),
            "notified" => {
                let times = expect.words.get(1).and_then(|count| count.text.parse().ok());
                What::Notified(named(self, Kind::Webhook)?, times)
            }
            "queued" => What::Queued(named(self, Kind::Queue)?),
            "requeued" => What::Requeued(named(self, Kind::Queue)?),
            "flow" => What::Flow(named(self, Kind::Flow)?),
            "rings" => What::Rings(self.wants(expect, NAME)?.text),
            "ended" => What::Ended(self.wants(expect, NAME)?.text),
            "recorded" => What::Recorded,
            "gap" => What::GapSecret,
            "nowhere" => What::Nowhere(self.wants(expect, TEXT)?.text),
            "log" => What::Masks(match expect.words.get(1) {
                Some(text) => text.text.clone(),
                None => self.lacks(expect, TEXT)?,
            }),
            "shown" => What::Shown(self.wants(expect, TEXT)?.text),
            "voicemail" => What::Voicemail(self.wants(expect, NAME)?.text),
            "did" => {
                let verb = self.wants(expect, NAME)?;
                if VerbRow::of(&verb.text).is_none() {
                    let known = || verbs().map(|row| row.word);
                    let finding = Finding::new(Code::UNKNOWN_VERB, verb.span).arg(&*verb.text);
                    self.findings.push(finding.arg(Arg::list(known())).suggest(nearest(&verb.text, known())));
                    return None;
                }
                What::Did(verb.text)
            }
            "script" => {
                let name = self.wants(expect, Kind::Script.term())?;
                let index = self.world.find(Kind::Script, &name, self.findings)?;
                match expect.words.get(1).map(|word| &*word.text) {
                    Some("usable") => What::Usable(index, true),
                    Some("unusable") => What::Usable(index, false),
                    _ => {
                        self.lacks(expect, Term::new("`usable` or `unusable`", "`usable` 或 `unusable`"));
                        return None;
                    }
                }
            }
            "refused" => What::Refused,
            other => {
                let known = || EXPECTATIONS.iter().map(|row| row.word);
                let finding = Finding::new(Code::UNKNOWN_EXPECTATION, expect.what.span).arg(other);
                self.findings.push(finding.arg(Arg::list(known())).suggest(nearest(other, known())));
                return None;
            }
        };
        let after = expect.after.as_ref().and_then(|after| after.duration());
        Some(Expectation { not: expect.not, after, what })
    }

    fn wants(&mut self, expect: &ast::Expect, what: Term) -> Option<Name> {
        match expect.words.first() {
            Some(word) => Some(word.clone()),
            None => {
                self.lacks(expect, what);
                None
            }
        }
    }

    fn lacks(&mut self, expect: &ast::Expect, what: Term) -> Option<Arc<str>> {
        let finding = Finding::new(Code::EXPECTATION_LACKS, expect.what.span).arg(&*expect.what.text);
        self.findings.push(finding.arg(what));
        None
    }
}
