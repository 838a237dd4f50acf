//! Values and conditions: names found, types compared.

use crate::plan::ast::{Compare, Expr, ExprKind, Name};
use crate::plan::code::Code;
use crate::plan::file::Span;
use crate::plan::finding::{Arg, Finding, Term, nearest};
use crate::plan::resolved::{Condition, Operand, Value};

use super::flow::FlowCheck;
use super::names::Kind;

/// What kind of value a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Type {
    /// Keys that somebody pressed.
    Digits,
    /// A number or user name that somebody calls from or to.
    Phone,
    /// Any other text.
    Text,
    Int,
    Amount,
    Bool,
    /// Not known, because of a fault or because nothing calls the flow.
    Unknown,
}

/// The words of the types and what they are, for the manual.
pub(crate) const TYPES: [(&str, Term); 6] = [
    ("digits", Term::new("keys that somebody pressed; can be dialled", "按键输入的数字，可以拨打")),
    ("phone", Term::new("a number or user name; takes digits too", "号码或用户名，也接受 digits")),
    ("text", Term::new("any text; takes digits and phone too", "任意文字，也接受 digits 和 phone")),
    ("int", Term::new("an integer of 64 bits", "64 位整数")),
    ("duration", Term::new("an amount of time like 25s", "时长，如 25s")),
    ("bool", Term::new("true or false; a condition by itself", "true 或 false，本身就是条件")),
];

impl Type {
    /// The types that a parameter can be given, in the order of [`TYPES`].
    const OF_WORDS: [Type; 6] = [Type::Digits, Type::Phone, Type::Text, Type::Int, Type::Amount, Type::Bool];

    /// The type of this word, or a finding.
    pub fn of(name: &Name, findings: &mut Vec<Finding>) -> Type {
        let words = || TYPES.iter().map(|(word, _)| *word);
        if let Some((_, kind)) = words().zip(Type::OF_WORDS).find(|(word, _)| *word == &*name.text) {
            return kind;
        }
        let finding =
            Finding::new(Code::UNKNOWN_NAME, name.span).arg(Term::new("type", "类型")).arg(&*name.text);
        findings.push(finding.suggest(nearest(&name.text, words())));
        Type::Unknown
    }

    pub const fn term(self) -> Term {
        match self {
            Type::Digits => Term::new("a run of digits", "一串数字"),
            Type::Phone => Term::new("a phone number", "电话号码"),
            Type::Text => Term::new("a text", "文字"),
            Type::Int => Term::new("an integer", "整数"),
            Type::Amount => Term::new("an amount of time", "时长"),
            Type::Bool => Term::new("true or false", "真假值"),
            Type::Unknown => Term::new("unknown", "未知"),
        }
    }

    /// Whether it is written as a text and can be dialled.
    pub const fn is_text(self) -> bool {
        matches!(self, Type::Digits | Type::Phone | Type::Text | Type::Unknown)
    }

    /// Whether a value of type `given` can stand where this type is declared.
    pub fn takes(self, given: Type) -> bool {
        match (self, given) {
            (Type::Unknown, _) | (_, Type::Unknown) => true,
            (Type::Text, given) => given.is_text(),
            (Type::Phone, Type::Digits) => true,
            (own, given) => own == given,
        }
    }
}

impl FlowCheck<'_> {
    /// A value; `None` after a finding.
    pub(super) fn value(&mut self, expr: &Expr) -> Option<(Operand, Type)> {
        Some(match &expr.kind {
            ExprKind::Name(name) => self.named(name)?,
            ExprKind::Text(text) => {
                if text.contains('{') {
                    self.report(Finding::new(Code::TEXT_IN_TEXT, expr.span));
                    return None;
                }
                (Operand::Fixed(Value::Text(crate::base::Masked::new(&**text))), Type::Text)
            }
            ExprKind::Int(digits) => match digits.parse() {
                Ok(number) => (Operand::Fixed(Value::Int(number)), Type::Int),
                Err(_) => {
                    let number = Term::new("a number that fits 64 bits", "64 位以内的整数");
                    self.report(Finding::new(Code::NOT_IN_RANGE, expr.span).arg(&**digits).arg(number));
                    return None;
                }
            },
            ExprKind::Amount(amount) => match amount.duration() {
                Some(duration) => (Operand::Fixed(Value::Amount(duration)), Type::Amount),
                None => {
                    let exact = Term::new("an exact amount of time", "精确的时长");
                    self.report(
                        Finding::new(Code::NOT_IN_RANGE, expr.span).arg(amount.to_string()).arg(exact),
                    );
                    return None;
                }
            },
            ExprKind::Bool(truth) => (Operand::Fixed(Value::Bool(*truth)), Type::Bool),
            ExprKind::Broken => return None,
            ExprKind::Or(_)
            | ExprKind::And(_)
            | ExprKind::Not(_)
            | ExprKind::Compare(..)
            | ExprKind::Matches(..) => {
                self.report(Finding::new(Code::NOT_A_VALUE, expr.span));
                return None;
            }
        })
    }

    /// What a name stands for among the values in force here.
    pub(super) fn named(&mut self, name: &Name) -> Option<(Operand, Type)> {
        if let Some(found) = self.lookup(&name.text) {
            return Some(found);
        }
        let known: Vec<String> = self.known_values().map(str::to_string).collect();
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

    /// A condition; `None` after a finding.
    pub(super) fn condition(&mut self, expr: &Expr) -> Option<Condition> {
        match &expr.kind {
            ExprKind::Or(all) => self.conditions(all).map(Condition::Any),
            ExprKind::And(all) => self.conditions(all).map(Condition::All),
            ExprKind::Not(inner) => self.condition(inner).map(|inner| Condition::Not(Box::new(inner))),
            ExprKind::Compare(compare, left, right) => self.comparison(*compare, left, right, expr.span),
            ExprKind::Matches(left, pattern) => self.matching(left, pattern),
            ExprKind::Name(name) => self.named_condition(name),
            ExprKind::Bool(truth) => Some(Condition::Is(Operand::Fixed(Value::Bool(*truth)))),
            ExprKind::Broken => None,
            ExprKind::Text(_) | ExprKind::Int(_) | ExprKind::Amount(_) => {
                let (_, kind) = self.value(expr)?;
                self.not_a_condition(self.files_text(expr), kind, expr.span)
            }
        }
    }

    fn conditions(&mut self, all: &[Expr]) -> Option<Vec<Condition>> {
        // Every part is looked at, so that all of their faults are found.
        let checked: Vec<Option<Condition>> = all.iter().map(|part| self.condition(part)).collect();
        checked.into_iter().collect()
    }

    fn named_condition(&mut self, name: &Name) -> Option<Condition> {
        if let Some((operand, kind)) = self.lookup(&name.text) {
            return match kind {
                Type::Bool | Type::Unknown => Some(Condition::Is(operand)),
                kind => self.not_a_condition(name.text.to_string(), kind, name.span),
            };
        }
        if let Some((index, _)) = self.world.get(Kind::Hours, &name.text) {
            return Some(Condition::Open(index));
        }
        let values: Vec<String> = self.known_values().map(str::to_string).collect();
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

    fn not_a_condition(&mut self, said: String, kind: Type, span: Span) -> Option<Condition> {
        self.report(Finding::new(Code::NOT_A_CONDITION, span).arg(said).arg(kind.term()));
        None
    }

    fn files_text(&self, expr: &Expr) -> String {
        match &expr.kind {
            ExprKind::Text(text) => format!("\"{text}\""),
            ExprKind::Int(digits) => digits.to_string(),
            _ => "…".to_string(),
        }
    }

    fn comparison(&mut self, compare: Compare, left: &Expr, right: &Expr, span: Span) -> Option<Condition> {
        let (left_value, right_value) = (self.value(left), self.value(right));
        let ((a, a_type), (b, b_type)) = (left_value?, right_value?);
        let quoted = match (&right.kind, &left.kind) {
            (ExprKind::Int(digits), _) if a_type != Type::Unknown && a_type.is_text() => {
                Some((digits, a_type))
            }
            (_, ExprKind::Int(digits)) if b_type != Type::Unknown && b_type.is_text() => {
                Some((digits, b_type))
            }
            _ => None,
        };
        if let Some((digits, kind)) = quoted {
            self.report(Finding::new(Code::QUOTE_DIGITS, span).arg(kind.term()).arg(&**digits));
            return None;
        }
        let same = a_type == b_type || (a_type.is_text() && b_type.is_text());
        let unknown = a_type == Type::Unknown || b_type == Type::Unknown;
        let ordered = matches!(a_type, Type::Int | Type::Amount) || unknown;
        let equality = matches!(compare, Compare::Equal | Compare::NotEqual);
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
