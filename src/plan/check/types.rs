//! The types of values.
//!
//! Invariant: a secret stands nowhere but where `secret` is declared; personal names and cards become no plain text.

use std::sync::Arc;

use crate::plan::ast::{Name, TypeUse};
use crate::plan::code::Code;
use crate::plan::finding::{Finding, Term, nearest};
use crate::plan::lookup::FieldKind;
use crate::plan::value::Shown;

/// What kind of value a name stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Type {
    /// Keys that somebody pressed.
    Digits,
    /// A number or user name that somebody calls from or to.
    Phone,
    /// Any other text.
    Text,
    /// A person's name.
    Name,
    /// The number of an identity card.
    IdCard,
    /// The number of a bank card.
    Card,
    Int,
    Amount,
    Bool,
    Money,
    Percent,
    Date,
    /// What only an outside system understands.
    Opaque,
    /// Digits that nobody may see.
    Secret,
    /// One of some words.
    Words(Arc<[Arc<str>]>),
    /// The fields of a lookup's answer.
    Record(Arc<[(Arc<str>, Type)]>),
    /// Not known, because of a fault or because nothing calls the flow.
    Unknown,
}

/// The words of the types and what they are, for the manual.
pub(crate) const TYPES: [(&str, Term); 14] = [
    ("digits", Term::new("keys that somebody pressed; can be dialled", "按键输入的数字，可以拨打")),
    ("phone", Term::new("a number or user name; takes digits too", "号码或用户名，也接受 digits")),
    ("text", Term::new("any text; takes digits and phone too", "任意文字，也接受 digits 和 phone")),
    ("name", Term::new("a person's name; shown as 张**", "人名，显示为 张**")),
    ("idcard", Term::new("an identity card; shown as 110105****1234", "身份证号，显示为 110105****1234")),
    ("card", Term::new("a bank card; shown as 6225****1234", "银行卡号，显示为 6225****1234")),
    ("int", Term::new("an integer of 64 bits", "64 位整数")),
    ("duration", Term::new("an amount of time like 25s", "时长，如 25s")),
    ("bool", Term::new("true or false; a condition by itself", "true 或 false，本身就是条件")),
    ("money", Term::new("an amount like 99.50元, 20USD", "金额，如 99.50元、20USD")),
    ("percent", Term::new("a rate like 3.65%", "比率，如 3.65%")),
    ("date", Term::new("a day like 2026-10-01", "日期，如 2026-10-01")),
    (
        "opaque",
        Term::new("what only an outside system understands; never shown", "只有外部系统理解的内容，从不显示"),
    ),
    (
        "secret",
        Term::new(
            "digits for a lookup that accepts secrets, and for nothing else",
            "只能交给 accepts secret 的查询的数字",
        ),
    ),
];

impl Type {
    /// The types that can be declared, in the order of [`TYPES`].
    const OF_WORDS: [Type; 14] = [
        Type::Digits,
        Type::Phone,
        Type::Text,
        Type::Name,
        Type::IdCard,
        Type::Card,
        Type::Int,
        Type::Amount,
        Type::Bool,
        Type::Money,
        Type::Percent,
        Type::Date,
        Type::Opaque,
        Type::Secret,
    ];

    /// The type that is written, or a finding.
    pub fn of(used: &TypeUse, findings: &mut Vec<Finding>) -> Type {
        let name = match used {
            TypeUse::Named(name) => name,
            TypeUse::Words(words) => return Type::words(words, findings),
        };
        let words = || TYPES.iter().map(|(word, _)| *word);
        let mut all = words().zip(Type::OF_WORDS);
        if let Some((_, kind)) = all.find(|(word, _)| *word == &*name.text) {
            return kind;
        }
        let foreign = [
            ("string", "text"),
            ("integer", "int"),
            ("number", "int"),
            ("boolean", "bool"),
            ("time", "duration"),
        ];
        let meant = foreign.iter().find(|(theirs, _)| *theirs == &*name.text).map(|(_, ours)| *ours);
        let finding =
            Finding::new(Code::UNKNOWN_NAME, name.span).arg(Term::new("type", "类型")).arg(&*name.text);
        findings.push(finding.suggest(meant.or(nearest(&name.text, words()))));
        Type::Unknown
    }

    fn words(words: &[Name], findings: &mut Vec<Finding>) -> Type {
        let mut out: Vec<Arc<str>> = Vec::new();
        for word in words {
            if out.contains(&word.text) {
                findings.push(Finding::new(Code::OPTION_TWICE, word.span).arg(&*word.text));
            } else {
                out.push(word.text.clone());
            }
        }
        Type::Words(out.into())
    }

    pub const fn term(&self) -> Term {
        match self {
            Type::Digits => Term::new("a run of digits", "一串数字"),
            Type::Phone => Term::new("a phone number", "电话号码"),
            Type::Text => Term::new("a text", "文字"),
            Type::Name => Term::new("a person's name", "人名"),
            Type::IdCard => Term::new("an identity card", "身份证号"),
            Type::Card => Term::new("a bank card", "银行卡号"),
            Type::Int => Term::new("an integer", "整数"),
            Type::Amount => Term::new("an amount of time", "时长"),
            Type::Bool => Term::new("true or false", "真假值"),
            Type::Money => Term::new("an amount of money", "金额"),
            Type::Percent => Term::new("a percentage", "百分比"),
            Type::Date => Term::new("a day", "日期"),
            Type::Opaque => Term::new("an opaque value", "不透明值"),
            Type::Secret => Term::new("a secret", "机密"),
            Type::Words(_) => Term::new("one of some words", "若干词之一"),
            Type::Record(_) => Term::new("a record", "记录"),
            Type::Unknown => Term::new("unknown", "未知"),
        }
    }

    /// Whether it is written as a text and can be dialled.
    pub const fn is_text(&self) -> bool {
        matches!(self, Type::Digits | Type::Phone | Type::Text | Type::Unknown)
    }

    /// Whether its values are written as texts.
    pub const fn is_written(&self) -> bool {
        matches!(self, Type::Name | Type::IdCard | Type::Card | Type::Phone | Type::Digits | Type::Opaque)
    }

    /// Whether a value of type `given` can stand where this type is declared.
    pub fn takes(&self, given: &Type) -> bool {
        match (self, given) {
            (Type::Secret, given) | (given, Type::Secret) => *given == Type::Secret,
            (Type::Unknown, _) | (_, Type::Unknown) => true,
            (Type::Text, given) => given.is_text(),
            (Type::Phone | Type::Card | Type::IdCard, Type::Digits) => true,
            (Type::Opaque, given) => given.is_text() || *given == Type::Opaque,
            (own, given) => own == given,
        }
    }

    /// How its values are shown; `None`: they are not.
    pub const fn shown(&self) -> Option<Shown> {
        Some(match self {
            Type::Phone | Type::Digits => Shown::Number,
            Type::Name => Shown::Name,
            Type::IdCard => Shown::IdCard,
            Type::Card => Shown::Card,
            Type::Opaque | Type::Secret | Type::Record(_) => return None,
            _ => Shown::Text,
        })
    }

    /// As a field of a lookup.
    pub fn field(&self) -> FieldKind {
        match self {
            Type::Int => FieldKind::Int,
            Type::Bool => FieldKind::Bool,
            Type::Amount => FieldKind::Duration,
            Type::Money => FieldKind::Money,
            Type::Percent => FieldKind::Percent,
            Type::Date => FieldKind::Date,
            Type::Words(words) => FieldKind::Words(words.clone()),
            Type::Opaque => FieldKind::Opaque,
            Type::Secret => FieldKind::Secret,
            _ => FieldKind::Text,
        }
    }
}
