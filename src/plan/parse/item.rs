//! Declarations at the top of a file: heads, prompts, routes, flows.

use super::{Parser, what};
use crate::plan::ast::{FileAst, Flow, From, Name, Prompt, PromptSound, Route};
use crate::plan::code::Code;
use crate::plan::finding::{Arg, Finding, Term, nearest};
use crate::plan::token::Kind;
use crate::plan::tree::NodeKind;
use crate::plan::verb::{BLOCKS, ITEMS};

impl Parser<'_> {
    /// The whole file.
    pub(super) fn file(&mut self) -> FileAst {
        let mut ast = FileAst::default();
        while let Some(kind) = self.kind() {
            let before = self.at;
            match kind {
                Kind::Semicolon => {
                    self.bump();
                    continue;
                }
                Kind::RightBrace => {
                    let span = self.bump();
                    self.report(Finding::new(Code::STRAY_BRACE, span));
                    continue;
                }
                Kind::Word => self.item(&mut ast),
                _ => {
                    self.expected(what::ITEM);
                    self.skip_statement();
                }
            }
            if self.at == before {
                self.bump();
            }
            self.end_of_item();
        }
        ast
    }

    fn end_of_item(&mut self) {
        if !self.at_line_start() && !matches!(self.kind(), Some(Kind::Semicolon | Kind::RightBrace)) {
            self.expected(what::LINE_END);
            self.skip_statement();
        }
    }

    fn item(&mut self, ast: &mut FileAst) {
        let word = self.word().unwrap_or_default();
        match word.as_str() {
            "edition" => self.node(NodeKind::Head, |p| p.edition(ast)),
            "module" => self.node(NodeKind::Head, |p| p.module(ast)),
            "profile" => self.node(NodeKind::Head, |p| {
                let word = p.bump();
                let profile = p.new_name();
                p.once(&mut ast.profile, profile, word, "profile");
            }),
            "use" => self.node(NodeKind::Head, |p| {
                p.bump();
                let path = p.quoted(what::TEXT);
                ast.uses.extend(path);
            }),
            "language" => self.node(NodeKind::Head, |p| {
                let word = p.bump();
                let language = p.name();
                p.once(&mut ast.language, language, word, "language");
            }),
            "zone" => self.node(NodeKind::Head, |p| {
                let word = p.bump();
                let zone = p.quoted(what::TEXT);
                p.once(&mut ast.zone, zone, word, "zone");
            }),
            "class" => self.node(NodeKind::Class, |p| p.class(ast)),
            "policy" => self.node(NodeKind::Policy, |p| p.policy(ast)),
            "prompt" => self.node(NodeKind::Prompt, |p| p.prompt(ast)),
            "holidays" => self.node(NodeKind::Holidays, |p| p.holidays(ast)),
            "hours" => self.node(NodeKind::Hours, |p| p.hours(ast)),
            "route" => self.node(NodeKind::Route, |p| p.route(ast)),
            "flow" => self.node(NodeKind::Flow, |p| p.flow(ast)),
            "lookup" => self.node(NodeKind::Lookup, |p| p.lookup(ast)),
            "script" => self.node(NodeKind::Script, |p| p.script(ast)),
            "words" => self.node(NodeKind::Words, |p| p.words(ast)),
            "emergency" => self.node(NodeKind::Emergency, |p| p.emergency(ast)),
            "on" => self.node(NodeKind::Feature, |p| p.feature(ast)),
            "test" => self.node(NodeKind::Test, |p| p.test(ast)),
            other => match BLOCKS.iter().find(|row| row.word == other) {
                Some(row) => self.node(NodeKind::Lines, |p| p.lines(row, ast)),
                None => self.no_such_item(other),
            },
        }
    }

    fn no_such_item(&mut self, word: &str) {
        let words = || ITEMS.iter().map(|row| row.word).chain(BLOCKS.iter().map(|row| row.word));
        let finding = Finding::new(Code::UNKNOWN_ITEM, self.span()).arg(word).arg(Arg::list(words()));
        let finding = finding.suggest(nearest(word, words()));
        self.report(finding);
        self.skip_statement();
    }

    fn once(
        &mut self,
        slot: &mut Option<Name>,
        value: Option<Name>,
        word: crate::plan::file::Span,
        said: &str,
    ) {
        if slot.is_some() {
            self.report(Finding::new(Code::ONCE_A_FILE, word).arg(said));
        } else {
            *slot = value;
        }
    }

    fn edition(&mut self, ast: &mut FileAst) {
        let word = self.bump();
        if ast.edition.is_some() {
            self.report(Finding::new(Code::ONCE_A_FILE, word).arg("edition"));
        }
        if self.kind() != Some(Kind::Int) {
            self.expected_instead(what::COUNT, Some("edition 2026"));
            ast.edition.get_or_insert((crate::plan::EDITION.into(), word));
            return;
        }
        let year = crate::plan::literal::half_width(self.raw()).into();
        let span = self.bump();
        ast.edition.get_or_insert((year, span));
    }

    fn prompt(&mut self, ast: &mut FileAst) {
        self.bump();
        let name = self.new_name();
        let validity = self.validity();
        let (mut sounds, mut whole) = (Vec::new(), true);
        let mut read = |p: &mut Self| match p.prompt_sound() {
            Some(sound) => sounds.push(sound),
            None => {
                whole = false;
                p.skip_statement();
            }
        };
        if self.kind() == Some(Kind::LeftBrace) {
            self.braces(&mut read);
        } else {
            while !self.at_line_start() && !matches!(self.kind(), Some(Kind::Semicolon | Kind::RightBrace)) {
                read(self);
            }
        }
        if let Some(name) = name {
            ast.prompts.push(Prompt { name, validity, sounds, whole });
        }
    }

    fn prompt_sound(&mut self) -> Option<PromptSound> {
        self.node(NodeKind::Clause, |p| {
            let lang = p.first_name()?;
            let path = p.quoted(what::TEXT);
            let says = if p.take_word("says").is_some() { p.quoted(what::TEXT) } else { None };
            Some(PromptSound { lang, path: path?, says })
        })
    }

    pub(super) fn route(&mut self, ast: &mut FileAst) {
        let span = self.bump();
        let mut patterns = Vec::new();
        let names = self.is_word("names");
        if names {
            patterns.extend(self.name());
        } else {
            patterns.extend(self.quoted(what::PATTERN));
            while self.take(Kind::Comma).is_some() {
                patterns.extend(self.quoted(what::PATTERN));
            }
        }
        if patterns.is_empty() && (self.at_line_start() || self.kind().is_none()) {
            return;
        }
        let said = self.take_word("from").is_some();
        let from = if said { self.origins() } else { Vec::new() };
        if !said {
            self.report(Finding::new(Code::FROM_WHOM, span.to(self.last_span())));
        }
        let span = span.to(self.last_span());
        if self.expect(Kind::Arrow, what::ARROW).is_none() {
            return self.skip_statement();
        }
        let body = self.action();
        ast.routes.push(Route { span, patterns, names, from, body });
    }

    /// `users`, `anyone`, `trunk NAME`, joined by commas.
    pub(super) fn origins(&mut self) -> Vec<From> {
        let mut out = Vec::new();
        loop {
            match self.word().as_deref() {
                Some("users") => {
                    self.bump();
                    out.push(From::Users);
                }
                Some("anyone") => {
                    self.bump();
                    out.push(From::Anyone);
                }
                Some("trunk") => {
                    self.bump();
                    out.extend(self.name().map(From::Trunk));
                }
                other => {
                    let said = |word: &'static str| Arg::from(Term::new(word, word));
                    let suggest = nearest(other.unwrap_or(""), ["users", "anyone"]);
                    self.expected_instead(Arg::OneOf(vec![said("`users`"), said("`anyone`")]), suggest);
                    if self.kind() == Some(Kind::Word) {
                        self.bump();
                    }
                }
            }
            if self.take(Kind::Comma).is_none() {
                return out;
            }
        }
    }

    fn flow(&mut self, ast: &mut FileAst) {
        self.bump();
        let name = self.new_name();
        let open = self.kind() == Some(Kind::LeftParen);
        let params = if open { self.typed(Kind::RightParen, Term::new("`)`", "`)`")) } else { Vec::new() };
        let (mut priority, mut preempt) = (None, false);
        let mut validity = self.validity();
        while !self.at_line_start() {
            if self.take_word("priority").is_some() {
                let span = self.span();
                priority = self.count().map(|count| (count, span));
            } else if self.take_word("preempt").is_some() {
                preempt = true;
            } else {
                break;
            }
        }
        if validity.from.is_none() && validity.until.is_none() && validity.version.is_none() {
            validity = self.validity();
        }
        if self.kind() != Some(Kind::LeftBrace) {
            self.expected(what::BLOCK);
            while !self.at_line_start() && self.kind() != Some(Kind::LeftBrace) {
                self.bump();
            }
        }
        let body = if self.kind() == Some(Kind::LeftBrace) { self.block() } else { self.broken_block() };
        if let Some(name) = name {
            ast.flows.push(Flow { name, validity, priority, preempt, params, body });
        }
    }
}
