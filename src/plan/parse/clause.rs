//! Clauses of policies besides recording, keeping and the notice: screens, masks, rights, monitors, egress.

use super::policy::words;
use super::{Parser, what};
use crate::plan::ast::{Block, Clause, ClauseKind, EndRule, Monitors, Name, Screen};
use crate::plan::finding::Term;
use crate::plan::token::Kind;

impl Parser<'_> {
    /// A clause by its word, if it is one of these; `None` also after a finding.
    pub(super) fn clause(&mut self, word: &str) -> Option<Clause> {
        let start = self.span();
        let kind = match word {
            "screen" => self.screen().map(ClauseKind::Screen),
            "forbid" => self.forbid(false),
            "note" => self.forbid(true),
            "mask" => self.mask(),
            "play" => {
                self.bump();
                self.needs(None)
            }
            "reveal" => {
                self.bump();
                let what = self.name()?;
                self.needs(Some(what))
            }
            "monitors" => self.monitors().map(ClauseKind::Monitors),
            "egress" => self.hosts(),
            "transcript" => {
                self.bump();
                self.names().map(ClauseKind::Transcript)
            }
            "on" => self.at_end(),
            _ => None,
        }?;
        Some(Clause { span: start.to(self.last_span()), kind })
    }

    fn names(&mut self) -> Option<Vec<Name>> {
        let mut out = vec![self.name()?];
        while self.take(Kind::Comma).is_some() {
            out.push(self.name()?);
        }
        Some(out)
    }

    /// `screen agent for 词库, 词库 mode intercept delay 1200ms { … }`
    fn screen(&mut self) -> Option<Screen> {
        self.bump();
        let party = self.name()?;
        if self.take_word("for").is_none() {
            self.expected(words(&["for"]));
            return None;
        }
        let names = self.names()?;
        let (mut mode, mut delay) = (None, None);
        loop {
            if self.take_word("mode").is_some() {
                mode = self.name();
            } else if self.take_word("delay").is_some() {
                let span = self.span();
                delay = self.amount().map(|amount| (amount, span));
            } else {
                break;
            }
        }
        if self.kind() != Some(Kind::LeftBrace) {
            self.expected(what::BLOCK);
            return None;
        }
        let mut screen =
            Screen { party, words: names, mode, delay, body: Block::default(), hits: Vec::new(), down: None };
        let close = self.braces(|p| p.screen_line(&mut screen));
        screen.body.close = close.unwrap_or(self.last_span());
        Some(screen)
    }

    fn screen_line(&mut self, screen: &mut Screen) {
        let hits = self.is_word("when") && self.raw_at(self.at + 1) == "hits";
        let down = self.is_word("on") && self.raw_at(self.at + 1) == "recogniser-down";
        if hits {
            self.bump();
            self.bump();
            self.expect(Kind::GreaterEqual, Term::new("`>=`", "`>=`"));
            let count = self.count();
            if let (Some(count), Some(Kind::LeftBrace)) = (count, self.kind()) {
                let block = self.block();
                screen.hits.push((count, block));
            } else {
                self.expected(what::BLOCK);
                self.skip_statement();
            }
        } else if down {
            self.bump();
            self.bump();
            match self.kind() {
                Some(Kind::LeftBrace) => screen.down = Some(self.block()),
                _ => {
                    self.expected(what::BLOCK);
                    self.skip_statement();
                }
            }
        } else {
            let statement = self.statement(false);
            screen.body.statements.extend(statement);
        }
    }

    /// `forbid 词库, 词库 in scripts, prompts, messages`; `note 词库 in messages`
    fn forbid(&mut self, noted: bool) -> Option<ClauseKind> {
        self.bump();
        let words = self.names()?;
        let places = if self.take_word("in").is_some() { self.names()? } else { Vec::new() };
        Some(ClauseKind::Forbid { words, places, noted })
    }

    /// `mask phone, name in log, cdr`
    fn mask(&mut self) -> Option<ClauseKind> {
        self.bump();
        let what = self.names()?;
        if self.take_word("in").is_none() {
            self.expected(words(&["in"]));
            return None;
        }
        Some(ClauseKind::Mask { what, places: self.names()? })
    }

    /// `needs role 合规听音, step-up, purpose, limit 20 per agent per day`
    fn needs(&mut self, reveal: Option<Name>) -> Option<ClauseKind> {
        if self.take_word("needs").is_none() {
            self.expected(words(&["needs"]));
            return None;
        }
        let (mut role, mut needs, mut limit) = (None, Vec::new(), None);
        loop {
            if self.take_word("role").is_some() {
                role = self.name();
            } else if self.take_word("limit").is_some() {
                limit = self.count();
                for word in ["per", "agent", "per", "day"] {
                    if self.take_word(word).is_none() {
                        self.expected(format!("`{word}`"));
                        return None;
                    }
                }
            } else {
                needs.push(self.name()?);
            }
            if self.take(Kind::Comma).is_none() {
                return Some(ClauseKind::Needs { reveal, role, needs, limit });
            }
        }
    }

    /// `monitors when 客户.风险 == 高 { require 2 from 主管组 within 20s else { … } }`
    fn monitors(&mut self) -> Option<Monitors> {
        self.bump();
        let condition = self.take_word("when").is_some().then(|| self.expression());
        self.expect(Kind::LeftBrace, what::BLOCK)?;
        if self.take_word("require").is_none() {
            self.expected(words(&["require"]));
            return None;
        }
        let count_span = self.span();
        let count = self.count()?;
        if self.take_word("from").is_none() {
            self.expected(words(&["from"]));
            return None;
        }
        let group = self.name()?;
        let mut within = None;
        if self.take_word("within").is_some() {
            let span = self.span();
            within = self.amount().map(|amount| (amount, span));
        }
        let mut otherwise = None;
        if self.take_word("else").is_some() {
            self.take(Kind::Arrow);
            otherwise = Some(self.action());
        }
        self.take(Kind::Semicolon);
        self.expect(Kind::RightBrace, Term::new("`}`", "`}`"))?;
        Some(Monitors { condition, count, count_span, group, within, otherwise })
    }

    /// `on call end { when silence >= 20s { … } … }`
    fn at_end(&mut self) -> Option<ClauseKind> {
        self.bump();
        for word in ["call", "end"] {
            if self.take_word(word).is_none() {
                self.expected(words(&[word]));
                return None;
            }
        }
        if self.kind() != Some(Kind::LeftBrace) {
            self.expected(what::BLOCK);
            return None;
        }
        let mut rules = Vec::new();
        self.braces(|p| match p.end_rule() {
            Some(rule) => rules.push(rule),
            None => p.skip_statement(),
        });
        Some(ClauseKind::AtEnd(rules))
    }

    fn end_rule(&mut self) -> Option<EndRule> {
        let start = self.span();
        if self.take_word("when").is_none() {
            self.expected(words(&["when"]));
            return None;
        }
        let what = self.name()?;
        let spoken = matches!(&*what.text, "rate" | "missing");
        let party = if spoken { Some(self.name()?) } else { None };
        let (mut words_of, mut at_most, mut time, mut count) = (None, false, None, None);
        if &*what.text == "missing" {
            words_of = Some(self.name()?);
        } else {
            at_most = self.take(Kind::LessEqual).is_some();
            if !at_most {
                self.expect(Kind::GreaterEqual, Term::new("`>=`", "`>=`"))?;
            }
            let span = self.span();
            match self.kind() {
                Some(Kind::Int) => count = self.count().map(|count| (count, span)),
                _ => time = Some((self.amount()?, span)),
            }
        }
        if self.kind() != Some(Kind::LeftBrace) {
            self.expected(what::BLOCK);
            return None;
        }
        let span = start.to(self.last_span());
        let body = self.block();
        Some(EndRule { span, what, party, words: words_of, at_most, time, count, body })
    }

    fn hosts(&mut self) -> Option<ClauseKind> {
        self.bump();
        let mut out = vec![self.quoted(what::TEXT)?];
        while self.take(Kind::Comma).is_some() {
            out.push(self.quoted(what::TEXT)?);
        }
        Some(ClauseKind::Egress(out))
    }
}
