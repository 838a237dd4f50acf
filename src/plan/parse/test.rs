//! Tests in the file: a call in virtual time and what must come of it.

use super::{Parser, what};
use crate::plan::ast::{Expect, Expr, FileAst, Name, Test, TestKind, TestLine};
use crate::plan::finding::Arg;
use crate::plan::token::Kind;
use crate::plan::tree::NodeKind;

/// What a line of a test begins with.
const LINES: [&str; 4] = ["stub", "call", "expect", "agent answers"];

impl Parser<'_> {
    /// `test "…" at 2026-10-08 10:00 { … }`
    pub(super) fn test(&mut self, ast: &mut FileAst) {
        self.bump();
        let name = self.quoted(what::TEXT);
        let at = if self.take_word("at").is_some() { self.moment() } else { None };
        let (mut lines, mut whole) = (Vec::new(), true);
        let closed = self.braces(|p| {
            p.node(NodeKind::Clause, |p| {
                let start = p.span();
                match p.test_line() {
                    Some(kind) => lines.push(TestLine { span: start.to(p.last_span()), kind }),
                    None => {
                        whole = false;
                        p.skip_statement();
                    }
                }
            });
        });
        whole &= closed.is_some();
        if let Some(name) = name {
            ast.tests.push(Test { name, at, lines, whole });
        }
    }

    fn test_line(&mut self) -> Option<TestKind> {
        let word = self.word().unwrap_or_default();
        match word.as_str() {
            "stub" => self.stub(),
            "call" => self.test_call(),
            "expect" => self.expect_line().map(TestKind::Expect),
            "agent" | "customer" | "caller" => {
                let party = self.first_name()?;
                if self.take_word("says").is_some() {
                    return Some(TestKind::Says { party, text: self.quoted(what::TEXT)? });
                }
                let mut act = self.name()?;
                if &*act.text == "hangs" {
                    act.span = act.span.to(self.take_word("up")?);
                }
                Some(TestKind::Acts { party, act })
            }
            _ => {
                self.expected(Arg::OneOf(LINES.iter().map(|word| Arg::from(format!("`{word}`"))).collect()));
                None
            }
        }
    }

    /// `stub 客户 = { … }`, `stub 客户 down`, `stub 主管组 free 1`, `stub user bob busy after 5s`
    fn stub(&mut self) -> Option<TestKind> {
        self.bump();
        if self.take_word("user").is_none() {
            self.take_word("number");
        }
        let name = match self.kind() {
            Some(Kind::Text) => self.quoted(what::TEXT)?,
            Some(Kind::Int) => {
                let text = self.raw().into();
                Name { text, span: self.bump() }
            }
            _ => self.name()?,
        };
        if self.take(Kind::Assign).is_some() {
            let fields = Some(self.record()?);
            return Some(TestKind::Stub { name, fields });
        }
        let outcome = self.name()?;
        if &*outcome.text == "down" {
            return Some(TestKind::Stub { name, fields: None });
        }
        let count = if self.kind() == Some(Kind::Int) { self.count() } else { None };
        let after = if self.take_word("after").is_some() { self.amount() } else { None };
        Some(TestKind::Behaves { name, outcome, count, after })
    }

    /// `{ 级别: 普通, 逾期天数: 0 }`; the next token should be the brace.
    pub(super) fn record(&mut self) -> Option<Vec<(Name, Expr)>> {
        self.expect(Kind::LeftBrace, what::BLOCK)?;
        let mut out = Vec::new();
        while self.kind() == Some(Kind::Word) {
            let name = self.first_name()?;
            self.expect(Kind::Colon, crate::plan::finding::Term::new("`:`", "`:`"))?;
            out.push((name, self.expression()));
            if self.take(Kind::Comma).is_none()
                && self.take(Kind::Semicolon).is_none()
                && !self.at_line_start()
            {
                break;
            }
        }
        self.expect(Kind::RightBrace, crate::plan::finding::Term::new("`}`", "`}`"))?;
        Some(out)
    }

    /// `call from "…" to "…" press 0, "6225…"`
    fn test_call(&mut self) -> Option<TestKind> {
        self.bump();
        let (mut from, mut trunk, mut to, mut press, mut during) = (None, None, None, Vec::new(), None);
        loop {
            match self.word().as_deref() {
                Some("from") => {
                    self.bump();
                    from = Some(self.quoted(what::TEXT)?);
                }
                Some("over") => {
                    self.bump();
                    self.take_word("trunk");
                    trunk = Some(self.name()?);
                }
                Some("to") => {
                    self.bump();
                    to = Some(self.quoted(what::TEXT)?);
                }
                Some("during") => {
                    self.bump();
                    during = Some(self.name()?);
                }
                Some("press") => {
                    self.bump();
                    loop {
                        press.push(self.pressed()?);
                        if self.take(Kind::Comma).is_none() {
                            break;
                        }
                    }
                }
                _ => break,
            }
            if self.at_line_start() {
                break;
            }
        }
        let Some(to) = to else {
            self.expected("`to \"…\"`");
            return None;
        };
        Some(TestKind::Call { from, to, trunk, press, during })
    }

    fn pressed(&mut self) -> Option<Name> {
        match self.kind() {
            Some(Kind::Int | Kind::Star) => {
                let text = self.raw().into();
                Some(Name { text, span: self.bump() })
            }
            Some(Kind::Word) if self.is_word("nothing") => {
                let span = self.bump();
                Some(Name { text: "".into(), span })
            }
            _ => self.quoted(what::TEXT),
        }
    }

    /// `expect not after 20s played 录音提示`
    fn expect_line(&mut self) -> Option<Expect> {
        self.bump();
        let not = self.take_word("not").is_some();
        let after = if self.take_word("after").is_some() { Some(self.amount()?) } else { None };
        let what = self.name()?;
        let mut words = Vec::new();
        while !self.at_line_start()
            && matches!(self.kind(), Some(Kind::Word | Kind::Int | Kind::Text | Kind::Amount | Kind::Mixed))
        {
            let name = match self.kind() {
                Some(Kind::Text) => self.quoted(what::TEXT)?,
                _ => {
                    let text = self.raw().into();
                    Name { text, span: self.bump() }
                }
            };
            words.push(name);
        }
        Some(Expect { not, after, what, words })
    }
}
