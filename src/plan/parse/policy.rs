//! Retention classes and policies.

use super::{Parser, what};
use crate::plan::ast::{Class, FileAst, From, Name, Policy, PromptUse, RecordClause};
use crate::plan::code::Code;
use crate::plan::file::Span;
use crate::plan::finding::{Arg, Finding, nearest};
use crate::plan::literal::Amount;
use crate::plan::policy::Beside;
use crate::plan::token::Kind;
use crate::plan::tree::NodeKind;
use crate::plan::verb::CLAUSES;

/// A choice of words, as a message names it.
pub(super) fn words(choice: &[&'static str]) -> Arg {
    Arg::OneOf(choice.iter().map(|word| Arg::from(format!("`{word}`"))).collect())
}

impl Parser<'_> {
    pub(super) fn class(&mut self, ast: &mut FileAst) {
        self.bump();
        let name = self.new_name();
        let (mut anchor, mut least, mut most, mut whole) = (None, None, None, true);
        self.braces(|p| {
            p.node(NodeKind::Clause, |p| match p.word().as_deref() {
                Some("from") => {
                    p.bump();
                    anchor = p.dotted();
                    whole &= anchor.is_some();
                }
                Some("at") => {
                    p.bump();
                    if p.take_word("least").is_some() {
                        least = p.sum();
                        whole &= least.is_some();
                    } else if p.take_word("most").is_some() {
                        most = p.sum();
                    } else {
                        p.expected(words(&["least", "most"]));
                        whole = false;
                        p.skip_statement();
                    }
                }
                _ => {
                    p.expected(words(&["from call.end", "at least", "at most"]));
                    p.skip_statement();
                }
            });
        });
        if let Some(name) = name {
            ast.classes.push(Class { name, anchor, least, most, whole });
        }
    }

    /// `call.end`
    pub(super) fn dotted(&mut self) -> Option<Name> {
        let first = self.name()?;
        if self.take(Kind::Dot).is_none() {
            return Some(first);
        }
        let second = self.name()?;
        Some(Name {
            text: format!("{}.{}", first.text, second.text).into(),
            span: first.span.to(second.span),
        })
    }

    /// `5y+90d`
    fn sum(&mut self) -> Option<(Vec<Amount>, Span)> {
        let start = self.span();
        let mut out = Vec::new();
        loop {
            match self.amount() {
                Some(amount) => out.push(amount),
                None => {
                    self.skip_statement();
                    return None;
                }
            }
            if self.take(Kind::Plus).is_none() {
                return Some((out, start.to(self.last_span())));
            }
        }
    }

    /// `25s`
    pub(super) fn amount(&mut self) -> Option<Amount> {
        if self.kind() != Some(Kind::Amount) {
            self.expected(what::AMOUNT);
            if matches!(self.kind(), Some(Kind::Int | Kind::Mixed)) {
                self.bump();
            }
            return None;
        }
        let raw = crate::plan::literal::half_width(self.raw());
        let span = self.bump();
        let amount = Amount::parse(&raw);
        if amount.is_none() {
            self.report(Finding::new(Code::NOT_IN_RANGE, span).arg(raw).arg(what::AMOUNT));
        }
        amount
    }

    pub(super) fn policy(&mut self, ast: &mut FileAst) {
        self.bump();
        let name = self.new_name();
        if self.take_word("owner").is_some() {
            self.name();
        }
        let (from, to) = self.which_calls();
        let (mut record, mut retain, mut notice, mut clauses) = (None, None, None, Vec::new());
        self.braces(|p| {
            p.node(NodeKind::Clause, |p| {
                let word = p.word().unwrap_or_default();
                let place = p.span();
                let again = match word.as_str() {
                    "record" => p.record_clause().is_some_and(|clause| record.replace(clause).is_some()),
                    "retain" => {
                        p.bump();
                        p.name().is_some_and(|class| retain.replace(class).is_some())
                    }
                    "notice" => p.notice_clause().is_some_and(|prompt| notice.replace(prompt).is_some()),
                    other if CLAUSES.iter().any(|row| row.word == other) => {
                        match p.clause(other) {
                            Some(clause) => clauses.push(clause),
                            None => p.skip_statement(),
                        }
                        false
                    }
                    other => {
                        p.no_such_clause(other);
                        false
                    }
                };
                if again {
                    p.report(Finding::new(Code::OPTION_TWICE, place).arg(word));
                }
            });
        });
        if let Some(name) = name {
            ast.policies.push(Policy { name, from, to, record, retain, notice, clauses });
        }
    }

    fn no_such_clause(&mut self, word: &str) {
        let known = || CLAUSES.iter().map(|row| row.word);
        let finding = Finding::new(Code::UNKNOWN_OPTION, self.span()).arg("policy").arg(self.raw());
        let finding = finding.arg(Arg::list(known())).suggest(nearest(word, known()));
        self.report(finding);
        self.skip_statement();
    }

    /// `for all calls`, `for calls from users to "95599", "8XXX"`
    fn which_calls(&mut self) -> (Vec<From>, Vec<Name>) {
        let (mut from, mut to) = (Vec::new(), Vec::new());
        if self.take_word("for").is_none() {
            self.expected(words(&["for all calls", "for calls to \"…\""]));
            self.skip_to_block();
            return (from, to);
        }
        if self.take_word("all").is_some() {
            if self.take_word("calls").is_none() {
                self.expected(words(&["calls"]));
                self.skip_to_block();
            }
            return (from, to);
        }
        if self.take_word("calls").is_none() {
            self.expected(words(&["all calls", "calls to \"…\"", "calls from users"]));
            self.skip_to_block();
            return (from, to);
        }
        if self.take_word("from").is_some() {
            from = self.origins();
        }
        if self.take_word("to").is_some() {
            to.extend(self.quoted(what::PATTERN));
            while self.take(Kind::Comma).is_some() {
                to.extend(self.quoted(what::PATTERN));
            }
        } else if from.is_empty() {
            self.expected(words(&["from users", "to \"…\""]));
            self.skip_to_block();
        }
        (from, to)
    }

    fn skip_to_block(&mut self) {
        while !self.at_line_start() && !matches!(self.kind(), None | Some(Kind::LeftBrace)) {
            self.bump();
        }
    }

    /// `record all, two tracks, video, fax, on failure refuse`, `record off`
    fn record_clause(&mut self) -> Option<RecordClause> {
        self.bump();
        if self.take_word("off").is_some() {
            return Some(RecordClause {
                all: false,
                refuse: false,
                beside: Beside::default(),
                event: None,
                from_priority: None,
            });
        }
        if self.take_word("all").is_none() {
            self.expected(words(&["all", "off"]));
            self.skip_statement();
            return None;
        }
        let beside = Beside::default();
        let mut clause = RecordClause { all: true, refuse: true, beside, event: None, from_priority: None };
        while self.take(Kind::Comma).is_some() {
            if self.take_word("two").is_some() {
                if self.take_word("tracks").is_none() {
                    self.expected(words(&["tracks"]));
                }
            } else if self.take_word("video").is_some() {
                clause.beside.video = true;
            } else if self.take_word("fax").is_some() {
                clause.beside.fax = true;
            } else if self.take_word("on").is_some() {
                if self.take_word("failure").is_none() {
                    self.expected(words(&["failure"]));
                }
                if self.take_word("continue").is_some() {
                    clause.refuse = false;
                    self.continuing(&mut clause);
                } else if self.take_word("refuse").is_none() {
                    self.expected(words(&["refuse", "continue"]));
                    self.skip_statement();
                }
            } else {
                self.expected(words(&[
                    "two tracks",
                    "video",
                    "fax",
                    "on failure refuse",
                    "on failure continue",
                ]));
                self.skip_statement();
            }
        }
        Some(clause)
    }

    /// `with event 录音中断 if priority >= 9 else refuse`, behind `continue`.
    fn continuing(&mut self, clause: &mut RecordClause) {
        if self.take_word("with").is_some() {
            if self.take_word("event").is_none() {
                self.expected(words(&["event"]));
            }
            clause.event = self.name();
        }
        if self.take_word("if").is_none() {
            return;
        }
        let said = self.take_word("priority").is_some() && self.take(Kind::GreaterEqual).is_some();
        let least = if said { self.count() } else { None };
        match least.and_then(|least| u8::try_from(least).ok()) {
            Some(least) if self.take_word("else").is_some() && self.take_word("refuse").is_some() => {
                clause.from_priority = Some(least);
            }
            _ => {
                self.expected(words(&["priority >= N else refuse"]));
                self.skip_statement();
            }
        }
    }

    /// `notice prompt 录音提示 before media`
    fn notice_clause(&mut self) -> Option<PromptUse> {
        self.bump();
        if self.take_word("prompt").is_none() {
            self.expected(words(&["prompt"]));
        }
        let prompt = self.prompt_use();
        if self.take_word("before").is_none() || self.take_word("media").is_none() {
            self.expected(what::BEFORE_MEDIA);
            self.skip_statement();
        }
        prompt
    }
}
