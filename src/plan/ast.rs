//! What a plan file says, as written: names not yet resolved, values not yet checked.
//!
//! Invariant: whatever could not be read is absent or `None` and has its finding already.

use std::sync::Arc;

use jiff::civil::Date;

use super::file::Span;
use super::literal::Amount;
use super::verb::{OptionRow, VerbRow};

/// A name where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Name {
    pub text: Arc<str>,
    pub span: Span,
}

/// Everything one file declares.
#[derive(Debug, Default)]
pub(crate) struct FileAst {
    pub edition: Option<(Arc<str>, Span)>,
    pub uses: Vec<Name>,
    pub language: Option<Name>,
    pub zone: Option<Name>,
    pub classes: Vec<Class>,
    pub policies: Vec<Policy>,
    pub prompts: Vec<Prompt>,
    pub holidays: Vec<Holidays>,
    pub hours: Vec<Hours>,
    pub routes: Vec<Route>,
    pub flows: Vec<Flow>,
}

/// `class 五年 { from call.end; at least 5y; at most 5y+90d }`
#[derive(Debug)]
pub(crate) struct Class {
    pub name: Name,
    pub anchor: Option<Name>,
    pub least: Option<(Vec<Amount>, Span)>,
    pub most: Option<(Vec<Amount>, Span)>,
    /// Whether every line could be read.
    pub whole: bool,
}

/// `policy 合规 for calls from users to "95599" { … }`
#[derive(Debug)]
pub(crate) struct Policy {
    pub name: Name,
    pub from: Vec<From>,
    pub to: Vec<Name>,
    pub record: Option<RecordClause>,
    pub retain: Option<Name>,
    pub notice: Option<PromptUse>,
}

/// `record all, two tracks, on failure refuse`
#[derive(Debug, Clone, Copy)]
pub(crate) struct RecordClause {
    pub all: bool,
    pub refuse: bool,
}

/// Whom a route or policy is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum From {
    Anyone,
    Users,
    Trunk(Name),
}

/// `prompt 欢迎 { zh "…" says "…"  en "…" }`
#[derive(Debug)]
pub(crate) struct Prompt {
    pub name: Name,
    pub sounds: Vec<PromptSound>,
    /// Whether every sound could be read.
    pub whole: bool,
}

/// One language of a prompt.
#[derive(Debug)]
pub(crate) struct PromptSound {
    pub lang: Name,
    pub path: Name,
    pub says: Option<Name>,
}

/// `欢迎 {zh, en}`
#[derive(Debug, Clone)]
pub(crate) struct PromptUse {
    pub name: Name,
    pub langs: Vec<Name>,
}

/// `holidays 法定 { off 2026-10-01..2026-10-07; work 2026-10-10 }`
#[derive(Debug)]
pub(crate) struct Holidays {
    pub name: Name,
    pub days: Vec<DayRun>,
}

/// A run of days that are off, or worked although they would be off.
#[derive(Debug)]
pub(crate) struct DayRun {
    pub off: bool,
    pub first: Date,
    pub last: Date,
    pub span: Span,
}

/// `hours 工作时间 { mon-fri 09:00-18:00; holidays 法定 }`
#[derive(Debug)]
pub(crate) struct Hours {
    pub name: Name,
    pub zone: Option<Name>,
    pub holidays: Vec<Name>,
    pub weekly: Vec<Weekly>,
    /// Whether every line could be read.
    pub whole: bool,
}

/// Spans of hours on some days of the week.
#[derive(Debug)]
pub(crate) struct Weekly {
    pub days: Vec<Name>,
    pub spans: Vec<ClockSpan>,
}

/// Minutes after midnight; `end` may lie before `start`, then it is of the next day.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ClockSpan {
    pub start: u16,
    pub end: u16,
    pub span: Span,
}

/// `route "8XXX" from users -> …`
#[derive(Debug)]
pub(crate) struct Route {
    pub span: Span,
    /// The pattern texts; the one name `names` when any user name is meant.
    pub patterns: Vec<Name>,
    pub names: bool,
    pub from: Vec<From>,
    pub body: Vec<Statement>,
}

/// `flow 夜间(号码: phone) { … }`
#[derive(Debug)]
pub(crate) struct Flow {
    pub name: Name,
    pub params: Vec<Param>,
    pub body: Block,
}

/// A parameter of a flow.
#[derive(Debug)]
pub(crate) struct Param {
    pub name: Name,
    pub kind: Option<Name>,
}

/// Statements between braces.
#[derive(Debug, Default)]
pub(crate) struct Block {
    pub statements: Vec<Statement>,
    /// The closing brace, or the place where it should be.
    pub close: Span,
}

/// A statement.
#[derive(Debug)]
pub(crate) struct Statement {
    /// From its first to its last token.
    pub span: Span,
    /// The word that makes it what it is.
    pub word: Span,
    pub kind: StatementKind,
}

#[derive(Debug)]
pub(crate) enum StatementKind {
    Verb(Verb),
    If {
        condition: Expr,
        then: Block,
        otherwise: Option<Block>,
    },
    Let {
        name: Name,
        value: Expr,
    },
    Go {
        flow: Name,
        arguments: Vec<Expr>,
    },
    End,
    Hangup {
        cause: Option<Name>,
    },
    /// Could not be read; whatever it was, control may go on behind it.
    Broken,
}

/// A verb with its options and arms.
#[derive(Debug)]
pub(crate) struct Verb {
    pub row: &'static VerbRow,
    pub head: Head,
    pub options: Vec<Choice>,
    pub arms: Vec<Arm>,
    /// Whether every arm could be read.
    pub whole: bool,
}

/// What follows a verb's word.
#[derive(Debug)]
pub(crate) enum Head {
    Nothing,
    Prompts(Vec<PromptUse>),
    Name(Name),
    Targets(Vec<TargetUse>),
}

/// `wait 6s`
#[derive(Debug)]
pub(crate) struct Choice {
    pub row: &'static OptionRow,
    pub value: Option<ChoiceValue>,
    /// The value's place.
    pub span: Span,
}

#[derive(Debug)]
pub(crate) enum ChoiceValue {
    Amount(Amount),
    Count(u64),
    Digits(u64, u64),
    Key(char),
    Prompts(Vec<PromptUse>),
}

/// `user bob`, `group sales`, `number callee`, `trunk carrier number callee`
#[derive(Debug)]
pub(crate) struct TargetUse {
    pub whom: Whom,
    pub who: Who,
}

#[derive(Debug)]
pub(crate) enum Whom {
    User,
    Group,
    Number,
    /// Over a trunk or a group of trunks.
    Trunk(Name),
}

#[derive(Debug)]
pub(crate) enum Who {
    Literal(Name),
    Value(Name),
}

/// `no-answer, busy -> …`
#[derive(Debug)]
pub(crate) struct Arm {
    pub labels: Vec<Label>,
    pub body: Vec<Statement>,
    pub span: Span,
}

#[derive(Debug, Clone)]
pub(crate) struct Label {
    pub kind: LabelKind,
    pub span: Span,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum LabelKind {
    Key(char),
    Word(Arc<str>),
    Else,
}

/// A condition or a value.
#[derive(Debug)]
pub(crate) struct Expr {
    pub span: Span,
    pub kind: ExprKind,
}

#[derive(Debug)]
pub(crate) enum ExprKind {
    Or(Vec<Expr>),
    And(Vec<Expr>),
    Not(Box<Expr>),
    Compare(Compare, Box<Expr>, Box<Expr>),
    Matches(Box<Expr>, Name),
    Name(Name),
    Text(Arc<str>),
    Int(Arc<str>),
    Amount(Amount),
    Bool(bool),
    /// Could not be read.
    Broken,
}

/// How two values are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Compare {
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
}

impl Compare {
    pub const fn sign(self) -> &'static str {
        match self {
            Compare::Equal => "==",
            Compare::NotEqual => "!=",
            Compare::Less => "<",
            Compare::LessEqual => "<=",
            Compare::Greater => ">",
            Compare::GreaterEqual => ">=",
        }
    }
}
