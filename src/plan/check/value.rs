//! Values and conditions: names found, types compared, texts with values in them.

use std::sync::Arc;

use crate::base::Masked;
use crate::plan::ast::{Compare, Expr, ExprKind, Name};
use crate::plan::code::Code;
use crate::plan::file::Span;
use crate::plan::finding::{Arg, Finding, Term, nearest};
use crate::plan::resolved::{Condition, Operand, Piece};
use crate::plan::template::{self, Part};
use crate::plan::value::{Currency, Money, Value, fixed};
use crate::plan::verb::Kind;

use super::flow::FlowCheck;
use super::types::Type;

/// What becomes of a text with values in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    /// People see it: values are masked.
    Shown,
    /// It is dialled: values are as they are.
    Dialled,
}

impl FlowCheck<'_> {
    /// A value; `None` after a finding.
    pub(super) fn value(&mut self, expr: &Expr) -> Option<(Operand, Type)> {
        self.value_as(expr, None)
    }

    /// A value where one of type `want` should stand: its words are known then.
    pub(super) fn value_as(&mut self, expr: &Expr, want: Option<&Type>) -> Option<(Operand, Type)> {
        let fixed = |value: Value, kind: Type| Some((Operand::Fixed(value), kind));
        match &expr.kind {
            ExprKind::Name(name) => self.named_as(name, want),
            ExprKind::Text(text) => {
                let (operand, kind) = self.text(text, expr.span, Use::Shown)?;
                // What is written out is of whatever kind of text is wanted.
                let fixed = matches!(operand, Operand::Fixed(_));
                match want {
                    Some(want) if fixed && want.is_written() => Some((operand, want.clone())),
                    _ => Some((operand, kind)),
                }
            }
            ExprKind::Int(digits) => match digits.parse() {
                Ok(number) => fixed(Value::Int(number), Type::Int),
                Err(_) => self.out_of_range(
                    expr.span,
                    digits,
                    Term::new("a number that fits 64 bits", "64 位以内的整数"),
                ),
            },
            ExprKind::Amount(amount) => match amount.duration() {
                Some(duration) => fixed(Value::Duration(duration), Type::Amount),
                None => self.out_of_range(
                    expr.span,
                    &amount.to_string(),
                    Term::new("an exact amount of time", "精确的时长"),
                ),
            },
            ExprKind::Bool(truth) => fixed(Value::Bool(*truth), Type::Bool),
            ExprKind::Percent(text) => match percent(text) {
                Some(value) => fixed(value, Type::Percent),
                None => self.out_of_range(
                    expr.span,
                    text,
                    Term::new("a percentage with at most three decimals", "最多三位小数的百分比"),
                ),
            },
            ExprKind::Money(text) => match money(text) {
                Some(value) => fixed(value, Type::Money),
                None => self.out_of_range(
                    expr.span,
                    text,
                    Term::new("an amount with at most two decimals", "最多两位小数的金额"),
                ),
            },
            ExprKind::Date(date) => fixed(Value::Date(*date), Type::Date),
            ExprKind::Choose(condition, then, other) => self.choose(condition, then, other, want),
            ExprKind::Broken => None,
            ExprKind::Or(_)
            | ExprKind::And(_)
            | ExprKind::Not(_)
            | ExprKind::Compare(..)
            | ExprKind::Matches(..) => {
                self.report(Finding::new(Code::NOT_A_VALUE, expr.span));
                None
            }
        }
    }

    fn out_of_range(&mut self, span: Span, said: &str, what: Term) -> Option<(Operand, Type)> {
        self.report(Finding::new(Code::NOT_IN_RANGE, span).arg(said).arg(what));
        None
    }

    fn choose(
        &mut self,
        condition: &Expr,
        then: &Expr,
        other: &Expr,
        want: Option<&Type>,
    ) -> Option<(Operand, Type)> {
        let condition = self.condition(condition);
        let (yes, no) = (self.value_as(then, want), self.value_as(other, want));
        let ((yes, one), (no, two)) = (yes?, no?);
        let kind = match (one.takes(&two), two.takes(&one)) {
            (true, _) => one,
            (_, true) => two,
            _ => {
                let finding = Finding::new(Code::WRONG_TYPE, other.span).arg("else").arg(one.term());
                self.report(finding.arg(two.term()));
                return None;
            }
        };
        Some((Operand::Choose(Box::new((condition?, yes, no))), kind))
    }

    /// A text with `{values}` in it.
    pub(super) fn text(&mut self, text: &Arc<str>, span: Span, used: Use) -> Option<(Operand, Type)> {
        if !text.contains(['{', '}']) {
            return Some((Operand::Fixed(Value::Text(Masked::new(&**text))), Type::Text));
        }
        let mut pieces = Vec::new();
        for part in template::parts(text) {
            match part {
                Part::Text(text) => pieces.push(Piece::Text(text.into())),
                Part::Hole { name, at, .. } => {
                    let place = template::place(span, &at);
                    let (operand, kind) = self.named(&Name { text: name.into(), span: place })?;
                    pieces.push(self.hole(operand, &kind, place, used)?);
                }
                Part::Broken(at) => {
                    self.report(Finding::new(Code::BAD_HOLE, template::place(span, &at)));
                    return None;
                }
            }
        }
        let operand = match used {
            Use::Shown => Operand::Text(pieces.into()),
            Use::Dialled => Operand::Joined(pieces.into()),
        };
        Some((operand, Type::Text))
    }

    fn hole(&mut self, operand: Operand, kind: &Type, place: Span, used: Use) -> Option<Piece> {
        let shown = match used {
            Use::Dialled if kind.is_text() => kind.shown(),
            Use::Dialled => None,
            Use::Shown => kind.shown(),
        };
        if shown.is_none() {
            let code = if *kind == Type::Secret { Code::SECRET_LEAKS } else { Code::NOT_SHOWN };
            self.report(Finding::new(code, place).arg(kind.term()));
        }
        Some(Piece::Value(operand, shown?))
    }

    /// What a name stands for among the values in force here.
    pub(super) fn named(&mut self, name: &Name) -> Option<(Operand, Type)> {
        self.named_as(name, None)
    }

    fn named_as(&mut self, name: &Name, want: Option<&Type>) -> Option<(Operand, Type)> {
        if let Some(found) = self.lookup(&name.text) {
            return Some(found);
        }
        if let Some(Type::Words(words)) = want {
            if let Some(word) = words.iter().find(|word| **word == name.text) {
                return Some((Operand::Fixed(Value::Word(word.clone())), Type::Words(words.clone())));
            }
            if !name.text.contains('.') {
                let known = || words.iter().map(|word| &**word);
                let finding =
                    Finding::new(Code::NOT_A_WORD, name.span).arg(&*name.text).arg(Arg::list(known()));
                self.report(finding.suggest(nearest(&name.text, known())));
                return None;
            }
        }
        if self.no_such_field(name) {
            return None;
        }
        let known: Vec<String> = self.known_values();
        let meant = nearest(&name.text, known.iter().map(String::as_str));
        let shorter = name
            .text
            .split_once('.')
            .map(|(head, _)| head)
            .filter(|head| *head == "caller" || *head == "callee");
        let finding =
            match Kind::ALL.into_iter().find_map(|kind| Some((kind, self.world.get(kind, &name.text)?))) {
                Some((kind, (_, declared))) => Finding::new(Code::OTHER_KIND, name.span)
                    .arg(&*name.text)
                    .arg(kind.term())
                    .arg(VALUE)
                    .also(declared, crate::plan::finding::note::FIRST),
                None => Finding::new(Code::UNKNOWN_NAME, name.span).arg(VALUE).arg(&*name.text),
            };
        self.report(finding.suggest(meant.or(shorter)));
        None
    }

    /// Says of `c.级别` that `c` has no such field, if that is what is wrong.
    fn no_such_field(&mut self, name: &Name) -> bool {
        let Some((head, field)) = name.text.split_once('.') else {
            return false;
        };
        let Some((_, kind)) = self.lookup(head) else {
            return false;
        };
        let Type::Record(fields) = kind else {
            return false;
        };
        let known = || fields.iter().map(|(name, _)| &**name);
        let meant = nearest(field, known()).map(|field| format!("{head}.{field}"));
        let finding = Finding::new(Code::NO_FIELD, name.span).arg(head).arg(field).arg(Arg::list(known()));
        self.report(finding.suggest(meant.as_deref()));
        true
    }

    /// A condition; `None` after a finding.
    pub(super) fn condition(&mut self, expr: &Expr) -> Option<Condition> {
        match &expr.kind {
            ExprKind::Or(all) => self.conditions(all).map(Condition::Any),
            ExprKind::And(all) => self.conditions(all).map(Condition::All),
            ExprKind::Not(inner) => self.condition(inner).map(|inner| Condition::Not(Box::new(inner))),
            ExprKind::Compare(compare, left, right) => self.comparison(*compare, left, right, expr.span),
            ExprKind::Matches(left, pattern) => self.matching(left, pattern),
            ExprKind::Bool(truth) => Some(Condition::Is(Operand::Fixed(Value::Bool(*truth)))),
            ExprKind::Name(name) => self.condition_name(name),
            ExprKind::Broken => None,
            _ => {
                let (_, kind) = self.value(expr)?;
                self.not_a_condition(written(expr), &kind, expr.span)
            }
        }
    }

    fn conditions(&mut self, all: &[Expr]) -> Option<Vec<Condition>> {
        let found: Vec<_> = all.iter().map(|expr| self.condition(expr)).collect();
        found.into_iter().collect()
    }

    fn condition_name(&mut self, name: &Name) -> Option<Condition> {
        if let Some((operand, kind)) = self.lookup(&name.text) {
            return match kind {
                Type::Bool | Type::Unknown => Some(Condition::Is(operand)),
                kind => self.not_a_condition(name.text.to_string(), &kind, name.span),
            };
        }
        if let Some((index, _)) = self.world.get(Kind::Hours, &name.text) {
            return Some(Condition::Open(index));
        }
        if self.no_such_field(name) {
            return None;
        }
        let values: Vec<String> = self.known_values();
        let known = values.iter().map(String::as_str).chain(self.world.known(Kind::Hours));
        let meant = nearest(&name.text, known).map(str::to_string);
        let what = Term::new("value or hours", "值或时段");
        let other = Kind::ALL.into_iter().find_map(|kind| Some((kind, self.world.get(kind, &name.text)?.1)));
        let finding = match other {
            Some((kind, declared)) => Finding::new(Code::OTHER_KIND, name.span)
                .arg(&*name.text)
                .arg(kind.term())
                .arg(Term::new("condition", "条件"))
                .also(declared, crate::plan::finding::note::FIRST),
            None => Finding::new(Code::UNKNOWN_NAME, name.span).arg(what).arg(&*name.text),
        };
        self.report(finding.suggest(meant.as_deref()));
        None
    }

    fn not_a_condition(&mut self, said: String, kind: &Type, span: Span) -> Option<Condition> {
        self.report(Finding::new(Code::NOT_A_CONDITION, span).arg(said).arg(kind.term()));
        None
    }

    fn comparison(&mut self, compare: Compare, left: &Expr, right: &Expr, span: Span) -> Option<Condition> {
        // A word of an enumeration is known by what it is compared with.
        let left_first = !matches!(&left.kind, ExprKind::Name(name) if self.lookup(&name.text).is_none());
        let (left_value, right_value) = if left_first {
            let left_value = self.value(left);
            let want = left_value.as_ref().map(|(_, kind)| kind.clone());
            (left_value, self.value_as(right, want.as_ref()))
        } else {
            let right_value = self.value(right);
            let want = right_value.as_ref().map(|(_, kind)| kind.clone());
            (self.value_as(left, want.as_ref()), right_value)
        };
        let ((a, a_type), (b, b_type)) = (left_value?, right_value?);
        if a_type == Type::Secret || b_type == Type::Secret {
            self.report(Finding::new(Code::SECRET_LEAKS, span).arg(Type::Secret.term()));
            return None;
        }
        let quoted = match (&right.kind, &left.kind) {
            (ExprKind::Int(digits), _) if a_type != Type::Unknown && a_type.is_text() => {
                Some((digits, &a_type))
            }
            (_, ExprKind::Int(digits)) if b_type != Type::Unknown && b_type.is_text() => {
                Some((digits, &b_type))
            }
            _ => None,
        };
        if let Some((digits, kind)) = quoted {
            self.report(Finding::new(Code::QUOTE_DIGITS, span).arg(kind.term()).arg(&**digits));
            return None;
        }
        let texts = |kind: &Type| kind.is_text() || matches!(kind, Type::Name | Type::IdCard | Type::Card);
        let same = a_type == b_type || (texts(&a_type) && texts(&b_type));
        let unknown = a_type == Type::Unknown || b_type == Type::Unknown;
        let ordered =
            matches!(a_type, Type::Int | Type::Amount | Type::Money | Type::Percent | Type::Date) || unknown;
        let equality = matches!(compare, Compare::Equal | Compare::NotEqual)
            && !matches!(a_type, Type::Record(_) | Type::Opaque);
        if !(unknown || same) || !(equality || ordered) {
            let sides = [Arg::from(a_type.term()), Arg::from(b_type.term()), Arg::from(compare.sign())];
            let finding = Finding::new(Code::NOT_COMPARABLE, span);
            self.report(sides.into_iter().fold(finding, Finding::arg));
            return None;
        }
        Some(Condition::Compare(compare, a, b))
    }

    fn matching(&mut self, left: &Expr, text: &Name) -> Option<Condition> {
        let value = self.value(left);
        let pattern = super::route::pattern(text, self.findings)?;
        let (operand, kind) = value?;
        if !kind.is_text() {
            let finding = Finding::new(Code::NOT_COMPARABLE, left.span.to(text.span));
            let pattern = Term::new("a pattern", "号码样式");
            self.report(finding.arg(kind.term()).arg(pattern).arg("matches"));
            return None;
        }
        if let Some(capture) = pattern.captures.first() {
            self.report(Finding::new(Code::CAPTURE_HERE, text.span).arg(&*capture.name));
            return None;
        }
        Some(Condition::Matches(operand, pattern))
    }
}

const VALUE: Term = Term::new("value", "值");

fn written(expr: &Expr) -> String {
    match &expr.kind {
        ExprKind::Text(text) => format!("\"{text}\""),
        ExprKind::Int(text) | ExprKind::Percent(text) | ExprKind::Money(text) => text.to_string(),
        _ => "…".to_string(),
    }
}

pub(super) fn percent(text: &str) -> Option<Value> {
    fixed(text.strip_suffix('%')?, 3).map(Value::Percent)
}

pub(super) fn money(text: &str) -> Option<Value> {
    let at = text.find(|ch: char| !ch.is_ascii_digit() && ch != '.')?;
    let (number, sign) = text.split_at(at);
    let money = Money { currency: Currency::of(sign)?, hundredths: fixed(number, 2)? };
    Some(Value::Money(money))
}
