//! Declarations of what flows name: lookups, scripts, words, blocks of lines, emergencies, features; versions in time.

use super::{Parser, what};
use crate::compliance::words::Level;
use crate::plan::ast::{
    Emergency, Feature, FileAst, Lines, Lookup, Module, Moment, Name, Param, Script, ScriptText, TypeUse,
    Validity, Words,
};
use crate::plan::code::Code;
use crate::plan::finding::{Arg, Finding, Term, nearest};
use crate::plan::literal;
use crate::plan::token::Kind;
use crate::plan::tree::NodeKind;
use crate::plan::verb::BlockRow;

impl Parser<'_> {
    /// `module 信用卡热线 owner 业务部 approve by 合规 x1, author-not-approver`
    pub(super) fn module(&mut self, ast: &mut FileAst) {
        let word = self.bump();
        let name = self.new_name();
        let owner = if self.take_word("owner").is_some() { self.name() } else { None };
        let (mut approvals, mut others) = (Vec::new(), false);
        if self.take_word("approve").is_some() {
            if self.take_word("by").is_none() {
                self.expected("`by`");
            }
            loop {
                if self.take_word("author-not-approver").is_some() {
                    others = true;
                } else if let Some(role) = self.name() {
                    let count = self.word().and_then(|word| word.strip_prefix('x')?.parse().ok());
                    if count.is_some() {
                        self.bump();
                    }
                    approvals.push((role, count.unwrap_or(1)));
                }
                if self.take(Kind::Comma).is_none() {
                    break;
                }
            }
        }
        if ast.module.is_some() {
            self.report(Finding::new(Code::ONCE_A_FILE, word).arg("module"));
        } else if let Some(name) = name {
            ast.module = Some(Module { name, owner, approvals, others });
        }
    }

    /// `v7 from 2026-09-01 until 2026-12-31 supersedes v6`, in any order behind the version.
    pub(super) fn validity(&mut self) -> Validity {
        let mut out = Validity::default();
        if self.at_version() {
            out.version = self.version();
        }
        loop {
            let word = self.word().unwrap_or_default();
            match word.as_str() {
                "from" if out.from.is_none() => {
                    self.bump();
                    out.from = self.moment();
                }
                "until" if out.until.is_none() => {
                    self.bump();
                    out.until = self.moment();
                }
                "supersedes" if out.supersedes.is_none() => {
                    self.bump();
                    out.supersedes = self.version();
                }
                _ => return out,
            }
        }
    }

    fn at_version(&self) -> bool {
        let digit = |word: &str| {
            word.strip_prefix('v').is_some_and(|rest| rest.starts_with(|ch: char| ch.is_ascii_digit()))
        };
        !self.at_line_start() && self.word().is_some_and(|word| digit(&word))
    }

    /// `v7`, `v2026.08`
    fn version(&mut self) -> Option<Name> {
        let mut name = self.name()?;
        let mut text = name.text.to_string();
        while self.kind() == Some(Kind::Dot)
            && matches!(self.kind_at(self.at + 1), Some(Kind::Int | Kind::Mixed))
        {
            self.bump();
            text.push('.');
            text.push_str(self.raw());
            name.span = name.span.to(self.bump());
        }
        Some(Name { text: text.into(), span: name.span })
    }

    /// `2026-09-01`, `2026-12-31T24:00`, `2026-12-31 24:00`
    pub(super) fn moment(&mut self) -> Option<Moment> {
        let span = self.span();
        if self.kind() == Some(Kind::Moment) {
            let raw = self.raw();
            self.bump();
            let read =
                raw.split_once('T').and_then(|(date, clock)| literal::date(date).zip(literal::clock(clock)));
            if read.is_none() {
                self.report(Finding::new(Code::NOT_IN_RANGE, span).arg(raw).arg(what::DATE));
            }
            return read.map(|(date, minute)| Moment { date, minute: Some(minute), span });
        }
        let date = self.date()?;
        let clock = self.kind() == Some(Kind::Clock) && !self.at_line_start();
        let minute = if clock { self.clock() } else { None };
        Some(Moment { date, minute, span: span.to(self.last_span()) })
    }

    /// `phone`, `VIP|普通`
    pub(super) fn type_use(&mut self) -> Option<TypeUse> {
        let first = self.name()?;
        if self.kind() != Some(Kind::Bar) {
            return Some(TypeUse::Named(first));
        }
        let mut words = vec![first];
        while self.take(Kind::Bar).is_some() {
            words.push(self.name()?);
        }
        Some(TypeUse::Words(words))
    }

    /// `(name: type, …)` or `{ name: type, … }`; the next token opens it.
    pub(super) fn typed(&mut self, close: Kind, what: Term) -> Vec<Param> {
        self.bump();
        let mut out = Vec::new();
        while self.kind() == Some(Kind::Word) {
            if let Some(name) = self.new_name_anywhere() {
                let kind = if self.take(Kind::Colon).is_some() { self.type_use() } else { None };
                out.push(Param { name, kind });
            }
            if self.take(Kind::Comma).is_none()
                && self.take(Kind::Semicolon).is_none()
                && !self.at_line_start()
            {
                break;
            }
        }
        self.expect(close, what);
        out
    }

    fn new_name_anywhere(&mut self) -> Option<Name> {
        let name = self.first_name()?;
        if crate::plan::verb::is_reserved(&name.text) {
            self.report(Finding::new(Code::RESERVED, name.span).arg(&*name.text));
        }
        Some(name)
    }

    pub(super) fn lookup(&mut self, ast: &mut FileAst) {
        self.bump();
        let name = self.new_name();
        let mut takes = Vec::new();
        if self.kind() == Some(Kind::LeftParen) {
            takes = self.typed(Kind::RightParen, Term::new("`)`", "`)`"));
        }
        let mut yields = Vec::new();
        if self.take(Kind::Arrow).is_some() {
            match self.kind() {
                Some(Kind::LeftBrace) => yields = self.typed(Kind::RightBrace, Term::new("`}`", "`}`")),
                _ => self.expected(what::BLOCK),
            }
        }
        let (mut method, mut timeout, mut secret, mut whole) = (None, None, false, true);
        loop {
            match self.word().as_deref() {
                Some(word @ ("get" | "post")) => {
                    let post = word == "post";
                    self.bump();
                    let url = self.quoted(what::TEXT);
                    whole &= url.is_some();
                    method = url.map(|url| (post, url));
                }
                Some("timeout") => {
                    self.bump();
                    let span = self.span();
                    let amount = self.amount();
                    whole &= amount.is_some();
                    timeout = amount.map(|amount| (amount, span));
                }
                Some("accepts") => {
                    self.bump();
                    secret = self.take_word("secret").is_some();
                    if !secret {
                        self.expected("`secret`");
                    }
                }
                _ => break,
            }
        }
        if let Some(name) = name {
            ast.lookups.push(Lookup { name, takes, yields, method, timeout, secret, whole });
        }
    }

    pub(super) fn script(&mut self, ast: &mut FileAst) {
        self.bump();
        let name = self.new_name();
        let validity = self.validity();
        let (mut values, mut texts, mut whole) = (Vec::new(), Vec::new(), true);
        let closed = self.braces(|p| {
            p.node(NodeKind::Clause, |p| {
                let Some(first) = p.first_name() else {
                    whole = false;
                    return p.skip_statement();
                };
                if p.take(Kind::Assign).is_some() {
                    let value = p.expression();
                    return values.push((first, value));
                }
                match p.quoted(what::TEXT) {
                    Some(text) => {
                        let sound = if p.take_word("sound").is_some() { p.quoted(what::TEXT) } else { None };
                        texts.push(ScriptText { lang: first, text, sound });
                    }
                    None => {
                        whole = false;
                        p.skip_statement();
                    }
                }
            });
        });
        whole &= closed.is_some();
        if let Some(name) = name {
            ast.scripts.push(Script { name, validity, values, texts, whole });
        }
    }

    pub(super) fn words(&mut self, ast: &mut FileAst) {
        self.bump();
        let name = self.new_name();
        let validity = self.validity();
        let (mut texts, mut level, mut urgent, mut whole) = (Vec::new(), Level::Exact, false, true);
        let closed = self.braces(|p| match p.word().as_deref() {
            Some("homophones") => {
                p.bump();
                level = level.max(Level::Homophone);
            }
            Some("near") => {
                p.bump();
                level = Level::Near;
            }
            Some("urgent") => {
                p.bump();
                urgent = true;
            }
            _ => match p.quoted(what::TEXT) {
                Some(text) => {
                    texts.push(text);
                    p.take(Kind::Comma);
                }
                None => {
                    whole = false;
                    p.skip_statement();
                }
            },
        });
        whole &= closed.is_some();
        if let Some(name) = name {
            ast.words.push(Words { name, validity, texts, level, urgent, whole });
        }
    }

    /// A declaration that is a list of lines, by its row.
    pub(super) fn lines(&mut self, row: &'static BlockRow, ast: &mut FileAst) {
        self.bump();
        let name = self.new_name();
        let (mut lines, mut whole) = (Vec::new(), true);
        let closed = self.braces(|p| {
            p.node(NodeKind::Clause, |p| {
                let word = p.word().unwrap_or_default();
                let Some(option) = row.lines.iter().find(|line| line.word == word) else {
                    whole = false;
                    p.no_such_line(row, &word);
                    return p.skip_statement();
                };
                let again = lines.iter().any(|choice: &crate::plan::ast::Choice| choice.row.word == word);
                if again && !matches!(option.need, crate::plan::verb::Need::Many) {
                    p.say_twice(p.span(), option.word);
                }
                let choice = p.node(NodeKind::Choice, |p| p.choice(option));
                whole &= choice.value.is_some();
                lines.push(choice);
            });
        });
        whole &= closed.is_some();
        if let Some(name) = name {
            ast.blocks.push(Lines { row, name, lines, whole });
        }
    }

    fn no_such_line(&mut self, row: &'static BlockRow, word: &str) {
        let known = || row.lines.iter().map(|line| line.word);
        let finding =
            if row.word == "trunk" && matches!(word, "to" | "register" | "host" | "password" | "user") {
                Finding::new(Code::IN_CONFIGURATION, self.span()).arg(word)
            } else {
                let finding = Finding::new(Code::UNKNOWN_OPTION, self.span()).arg(row.word).arg(self.raw());
                finding.arg(Arg::list(known())).suggest(nearest(word, known()))
            };
        self.report(finding);
    }

    /// `emergency 疫情 { route … }`
    pub(super) fn emergency(&mut self, ast: &mut FileAst) {
        self.bump();
        let name = self.new_name();
        let mut routes = Vec::new();
        self.nested_routes = true;
        self.braces(|p| {
            if p.is_word("route") {
                let mut inner = FileAst::default();
                p.node(NodeKind::Route, |p| p.route(&mut inner));
                routes.append(&mut inner.routes);
            } else {
                p.expected("`route`");
                p.skip_statement();
            }
        });
        self.nested_routes = false;
        if let Some(name) = name {
            ast.emergencies.push(Emergency { name, routes });
        }
    }

    /// `on feature "*7" { … }`
    pub(super) fn feature(&mut self, ast: &mut FileAst) {
        let span = self.bump();
        if self.take_word("feature").is_none() {
            self.expected("`feature`");
            return self.skip_statement();
        }
        let Some(code) = self.quoted(what::TEXT) else {
            return self.skip_statement();
        };
        let span = span.to(self.last_span());
        if self.kind() != Some(Kind::LeftBrace) {
            self.expected(what::BLOCK);
            return self.skip_statement();
        }
        let body = self.block();
        ast.features.push(Feature { span, code, body });
    }
}
