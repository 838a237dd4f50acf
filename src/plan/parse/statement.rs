//! Blocks and statements that steer: `if`, `when`, `let`, `->`, `hangup`.

use super::{Parser, what};
use crate::base::bounds::PLAN_NESTING;
use crate::plan::ast::{Block, Expr, Name, Otherwise, Statement, StatementKind};
use crate::plan::code::Code;
use crate::plan::file::Span;
use crate::plan::finding::{Arg, Finding, Term, nearest};
use crate::plan::token::Kind;
use crate::plan::tree::NodeKind;
use crate::plan::verb::{FOREIGN_VERBS, STEERING, VerbRow, verbs};

impl Parser<'_> {
    /// `{ … }`; the next token is the brace.
    pub(super) fn block(&mut self) -> Block {
        self.node(NodeKind::Block, |p| {
            if p.depth >= PLAN_NESTING {
                p.report(Finding::new(Code::TOO_DEEP, p.span()).arg(PLAN_NESTING));
                p.skip_braces();
                return p.broken_block();
            }
            p.depth += 1;
            let mut statements = Vec::new();
            let close = p.braces(|p| {
                statements.extend(p.statement(false));
                p.separator();
            });
            p.depth -= 1;
            if close.is_none() {
                statements.push(p.broken());
            }
            Block { statements, close: close.unwrap_or(p.last_span().after()) }
        })
    }

    /// Between two statements stands a line end or `;`.
    fn separator(&mut self) {
        if self.at_line_start() || matches!(self.kind(), None | Some(Kind::Semicolon | Kind::RightBrace)) {
            return;
        }
        if self.complained == Some(self.at) {
            return self.skip_statement();
        }
        let begins = self.kind() == Some(Kind::Arrow) || self.word().is_some_and(|word| is_statement(&word));
        if begins {
            self.report(Finding::new(Code::NO_SEPARATOR, self.span()).arg(self.raw()));
        } else {
            self.expected(what::LINE_END);
            self.skip_statement();
        }
    }

    /// One statement. `inline`: it is the action of an arm, so that an `else` of the next line is not its own.
    pub(super) fn statement(&mut self, inline: bool) -> Option<Statement> {
        let start = self.span();
        self.node(NodeKind::Statement, |p| {
            let word = p.word();
            let kind = match (p.kind()?, word.as_deref()) {
                (Kind::Arrow, _) => return p.arrow_statement(),
                (_, Some("if")) => p.if_statement(inline),
                (_, Some("when")) => p.when_statement(),
                (_, Some("let")) => p.let_statement(),
                (_, Some("lookup")) => p.lookup_statement(None),
                (_, Some("hangup")) => p.hangup(),
                (_, Some(word)) => match VerbRow::of(word) {
                    Some(row) => StatementKind::Verb(p.verb(row)),
                    None => p.no_such_verb(word),
                },
                _ => {
                    p.expected(what::STATEMENT);
                    p.skip_statement();
                    StatementKind::Broken
                }
            };
            Some(Statement { span: start.to(p.last_span()), word: start, kind })
        })
    }

    fn arrow_statement(&mut self) -> Option<Statement> {
        let start = self.bump();
        let mut body = self.action();
        match body.len() {
            1 => {
                let inner = body.pop()?;
                Some(Statement { span: start.to(inner.span), word: start, kind: inner.kind })
            }
            _ => {
                Some(Statement { span: start.to(self.last_span()), word: start, kind: StatementKind::Broken })
            }
        }
    }

    /// What stands behind `->`: a block, a statement, `end`, or a flow with its values.
    pub(super) fn action(&mut self) -> Vec<Statement> {
        if self.kind() == Some(Kind::LeftBrace) {
            return self.block().statements;
        }
        let Some(word) = self.word().filter(|_| !self.at_declaration()) else {
            self.expected(what::ACTION);
            return vec![self.broken()];
        };
        if word == "end" {
            let span = self.bump();
            return vec![Statement { span, word: span, kind: StatementKind::End }];
        }
        if is_statement(&word) {
            return self.statement(true).into_iter().collect();
        }
        self.node(NodeKind::Statement, |p| {
            let Some(flow) = p.name() else {
                return vec![p.broken()];
            };
            let start = flow.span;
            let open = p.kind() == Some(Kind::LeftParen) && !p.at_line_start();
            let arguments = if open { p.arguments() } else { Vec::new() };
            let kind = StatementKind::Go { flow, arguments };
            vec![Statement { span: start.to(p.last_span()), word: start, kind }]
        })
    }

    /// Stands for a block that could not be read.
    pub(super) fn broken_block(&self) -> Block {
        Block { statements: vec![self.broken()], close: self.last_span() }
    }

    fn broken(&self) -> Statement {
        Statement { span: self.span(), word: self.span(), kind: StatementKind::Broken }
    }

    pub(super) fn arguments(&mut self) -> Vec<Expr> {
        self.bump();
        let mut out = Vec::new();
        while !matches!(self.kind(), None | Some(Kind::RightParen)) {
            out.push(self.expression());
            if self.take(Kind::Comma).is_none() {
                break;
            }
        }
        self.expect(Kind::RightParen, Term::new("`)`", "`)`"));
        out
    }

    fn if_statement(&mut self, inline: bool) -> StatementKind {
        self.bump();
        let condition = self.expression();
        let then = self.branch();
        let ours = self.is_word("else") && !(inline && self.at_line_start());
        let otherwise = if ours {
            self.bump();
            Some(if self.is_word("if") { self.else_if(inline) } else { self.branch() })
        } else {
            None
        };
        StatementKind::If { condition, then, otherwise }
    }

    /// `else if …`, as a block of one statement.
    fn else_if(&mut self, inline: bool) -> Block {
        if self.depth >= PLAN_NESTING {
            self.report(Finding::new(Code::TOO_DEEP, self.span()).arg(PLAN_NESTING));
            self.skip_statement();
            return self.broken_block();
        }
        self.depth += 1;
        let statements = self.statement(inline).into_iter().collect();
        self.depth -= 1;
        Block { statements, close: self.last_span() }
    }

    fn when_statement(&mut self) -> StatementKind {
        self.bump();
        let condition = self.expression();
        let then = self.branch();
        if self.is_word("else") && !self.at_line_start() {
            self.report(Finding::new(Code::ELSE_TO_WHEN, self.span()));
            self.bump();
            self.branch();
        }
        StatementKind::If { condition, then, otherwise: None }
    }

    /// `{ … }` or `-> …` behind a condition.
    fn branch(&mut self) -> Block {
        match self.kind() {
            Some(Kind::LeftBrace) => self.block(),
            Some(Kind::Arrow) => {
                self.bump();
                let statements = self.action();
                Block { statements, close: self.last_span() }
            }
            _ => {
                self.expected(what::BLOCK);
                self.skip_statement();
                self.broken_block()
            }
        }
    }

    fn let_statement(&mut self) -> StatementKind {
        self.bump();
        let name = self.new_name();
        if self.expect(Kind::Assign, Term::new("`=`", "`=`")).is_none() {
            self.skip_statement();
            return StatementKind::Broken;
        }
        if self.word().is_some_and(|word| word == "lookup") {
            return self.lookup_statement(name);
        }
        let value = self.expression();
        match name {
            Some(name) => StatementKind::Let { name, value },
            None => StatementKind::Broken,
        }
    }

    /// `lookup 客户(caller) else { 级别: 普通 }`, `… else -> flow`; the next token is the word.
    fn lookup_statement(&mut self, name: Option<Name>) -> StatementKind {
        let word = self.bump();
        let Some(lookup) = self.name() else {
            self.skip_statement();
            return StatementKind::Broken;
        };
        let open = self.kind() == Some(Kind::LeftParen) && !self.at_line_start();
        let arguments = if open { self.arguments() } else { Vec::new() };
        let otherwise = if self.take_word("else").is_some() {
            self.otherwise()
        } else {
            Otherwise::Unsaid(word.to(self.last_span()))
        };
        StatementKind::Lookup { name, lookup, arguments, otherwise }
    }

    fn otherwise(&mut self) -> Otherwise {
        let values = self.kind() == Some(Kind::LeftBrace)
            && self.kind_at(self.at + 1) == Some(Kind::Word)
            && self.kind_at(self.at + 2) == Some(Kind::Colon);
        if values {
            let start = self.span();
            let fields = self.record().unwrap_or_default();
            return Otherwise::Values(fields, start.to(self.last_span()));
        }
        if self.kind() == Some(Kind::LeftBrace) {
            return Otherwise::Goes(self.block().statements);
        }
        if self.expect(Kind::Arrow, what::ARROW).is_none() {
            self.skip_statement();
            return Otherwise::Goes(vec![self.broken()]);
        }
        Otherwise::Goes(self.action())
    }

    fn hangup(&mut self) -> StatementKind {
        self.bump();
        let label_follows = self.at_label();
        let here = self.kind() == Some(Kind::Word)
            && !self.at_line_start()
            && !label_follows
            && !self.is_word("else");
        let number = self.kind() == Some(Kind::Int) && !self.at_line_start() && !label_follows;
        let cause = match (here, number) {
            (true, _) => self.name(),
            // A SIP status: the checker knows what is meant.
            (_, true) => Some(Name { text: self.raw().into(), span: self.bump() }),
            _ => None,
        };
        StatementKind::Hangup { cause }
    }

    fn no_such_verb(&mut self, word: &str) -> StatementKind {
        let span = self.span();
        let words = || verbs().map(|row| row.word).chain(STEERING.iter().map(|row| row.word));
        let go = self.flows.contains(&word).then(|| format!("-> {word}"));
        let foreign = FOREIGN_VERBS.iter().find(|(theirs, _)| *theirs == word.to_lowercase());
        let meant = go.as_deref().or(nearest(word, words())).or(foreign.map(|(_, ours)| *ours));
        let finding = Finding::new(Code::UNKNOWN_VERB, span).arg(word).arg(Arg::list(words())).suggest(meant);
        self.report(finding);
        self.skip_statement();
        StatementKind::Broken
    }

    /// Places the finding that `span` runs on although everything is said.
    pub(super) fn say_twice(&mut self, span: Span, word: &str) {
        self.report(Finding::new(Code::OPTION_TWICE, span).arg(word));
    }
}

/// Whether `word` begins a statement.
fn is_statement(word: &str) -> bool {
    matches!(word, "if" | "when" | "let" | "lookup" | "hangup") || VerbRow::of(word).is_some()
}
