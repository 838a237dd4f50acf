//! Working hours and holidays.

use super::{Parser, what};
use crate::plan::ast::{ClockSpan, DayRun, FileAst, Holidays, Hours, Name, Weekly};
use crate::plan::code::Code;
use crate::plan::finding::{Arg, Finding};
use crate::plan::literal;
use crate::plan::token::Kind;
use crate::plan::tree::NodeKind;

impl Parser<'_> {
    pub(super) fn holidays(&mut self, ast: &mut FileAst) {
        self.bump();
        let name = self.new_name();
        let mut days = Vec::new();
        self.braces(|p| {
            p.node(NodeKind::Clause, |p| {
                let off = p.is_word("off");
                if !off && !p.is_word("work") {
                    p.expected(Arg::OneOf(vec!["`off`".into(), "`work`".into()]));
                    return p.skip_statement();
                }
                p.bump();
                loop {
                    match p.day_run(off) {
                        Some(run) => days.push(run),
                        None => return p.skip_statement(),
                    }
                    if p.take(Kind::Comma).is_none() {
                        return;
                    }
                }
            });
        });
        if let Some(name) = name {
            ast.holidays.push(Holidays { name, days });
        }
    }

    fn day_run(&mut self, off: bool) -> Option<DayRun> {
        let span = self.span();
        let first = self.date()?;
        let last = if self.take(Kind::DotDot).is_some() { self.date()? } else { first };
        let span = span.to(self.last_span());
        if last < first {
            self.report(Finding::new(Code::DAYS_BACKWARDS, span));
        }
        Some(DayRun { off, first, last, span })
    }

    pub(super) fn date(&mut self) -> Option<jiff::civil::Date> {
        if self.kind() != Some(Kind::Date) {
            self.expected(what::DATE);
            return None;
        }
        let raw = self.raw();
        let span = self.bump();
        let date = literal::date(raw);
        if date.is_none() {
            self.report(Finding::new(Code::NOT_IN_RANGE, span).arg(raw).arg(what::DATE));
        }
        date
    }

    pub(super) fn hours(&mut self, ast: &mut FileAst) {
        self.bump();
        let name = self.new_name();
        let (mut zone, mut holidays, mut weekly, mut whole) = (None, Vec::new(), Vec::new(), true);
        self.braces(|p| {
            p.node(NodeKind::Clause, |p| match p.word().as_deref() {
                Some("zone") => {
                    p.bump();
                    zone = p.quoted(what::TEXT);
                }
                Some("holidays") => {
                    p.bump();
                    holidays.extend(p.name());
                }
                _ => match p.weekly() {
                    Some(line) => weekly.push(line),
                    None => {
                        whole = false;
                        p.skip_statement();
                    }
                },
            });
        });
        if let Some(name) = name {
            ast.hours.push(Hours { name, zone, holidays, weekly, whole });
        }
    }

    /// `mon-fri, sun 09:00-12:00, 13:30-18:00`
    fn weekly(&mut self) -> Option<Weekly> {
        let mut days: Vec<Name> = vec![self.first_name()?];
        while self.take(Kind::Comma).is_some() {
            days.push(self.name()?);
        }
        let mut spans = vec![self.clock_span()?];
        while self.take(Kind::Comma).is_some() {
            spans.push(self.clock_span()?);
        }
        Some(Weekly { days, spans })
    }

    pub(super) fn clock_span(&mut self) -> Option<ClockSpan> {
        let span = self.span();
        let start = self.clock()?;
        self.expect(Kind::Minus, crate::plan::finding::Term::new("`-`", "`-`"))?;
        let end = self.clock()?;
        let span = span.to(self.last_span());
        if start == end {
            let raw = self.raw_at(self.at.saturating_sub(1)).to_string();
            self.report(Finding::new(Code::NO_TIME, span).arg(raw));
            return None;
        }
        Some(ClockSpan { start, end, span })
    }

    pub(super) fn clock(&mut self) -> Option<u16> {
        if self.kind() != Some(Kind::Clock) {
            self.expected(what::CLOCK);
            if matches!(self.kind(), Some(Kind::Int | Kind::Mixed)) {
                self.bump();
            }
            return None;
        }
        let raw = self.raw();
        let span = self.bump();
        let minutes = literal::clock(raw);
        if minutes.is_none() {
            self.report(Finding::new(Code::NOT_IN_RANGE, span).arg(raw).arg(what::CLOCK));
        }
        minutes
    }
}
