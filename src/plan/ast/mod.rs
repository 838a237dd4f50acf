//! What a plan file says, as written: names not yet resolved, values not yet checked.
//!
//! Invariant: whatever could not be read is absent or `None` and has its finding already.

mod declare;
mod test;

use std::sync::Arc;

use jiff::civil::Date;

use super::file::Span;
use super::literal::Amount;
use super::policy::Beside;
use super::verb::{OptionRow, VerbRow};

pub(crate) use declare::{
    Emergency, Feature, Lines, Lookup, Module, Moment, Script, ScriptText, TypeUse, Validity, Words,
};
pub(crate) use test::{Expect, Test, TestKind, TestLine};

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
    pub module: Option<Module>,
    pub profile: Option<Name>,
    pub lookups: Vec<Lookup>,
    pub scripts: Vec<Script>,
    pub words: Vec<Words>,
    pub blocks: Vec<Lines>,
    pub emergencies: Vec<Emergency>,
    pub features: Vec<Feature>,
    pub tests: Vec<Test>,
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
    pub clauses: Vec<Clause>,
}

/// `record all, two tracks, video, fax, on failure refuse`
#[derive(Debug, Clone)]
pub(crate) struct RecordClause {
    pub all: bool,
    pub refuse: bool,
    /// What is recorded besides sound.
    pub beside: Beside,
    /// What is written down when the call goes on unrecorded.
    pub event: Option<Name>,
    /// Calls of at least this priority go on; the others are refused.
    pub from_priority: Option<u8>,
}

/// A clause of a policy besides recording, keeping and the notice.
#[derive(Debug)]
pub(crate) struct Clause {
    pub span: Span,
    pub kind: ClauseKind,
}

#[derive(Debug)]
pub(crate) enum ClauseKind {
    Screen(Screen),
    /// Sets of words, where (scripts and prompts when nothing is said), and whether they are only noted.
    Forbid {
        words: Vec<Name>,
        places: Vec<Name>,
        noted: bool,
    },
    /// `mask phone, name in log, cdr`
    Mask {
        what: Vec<Name>,
        places: Vec<Name>,
    },
    /// `play needs role X, step-up, purpose`, `reveal idcard needs …`
    Needs {
        reveal: Option<Name>,
        role: Option<Name>,
        needs: Vec<Name>,
        limit: Option<u64>,
    },
    Monitors(Monitors),
    Egress(Vec<Name>),
    /// `transcript agent, customer`
    Transcript(Vec<Name>),
    /// `on call end { … }`
    AtEnd(Vec<EndRule>),
}

/// `when silence >= 20s { … }`, `when rate agent >= 300 { … }`, `when missing agent 风险提示 { … }`
#[derive(Debug)]
pub(crate) struct EndRule {
    pub span: Span,
    pub what: Name,
    pub party: Option<Name>,
    /// The set of which nothing is said.
    pub words: Option<Name>,
    /// `<=`; else `>=`.
    pub at_most: bool,
    pub time: Option<(Amount, Span)>,
    pub count: Option<(u64, Span)>,
    pub body: Block,
}

/// `screen agent for 金融敏感词 mode intercept delay 1200ms { … }`
#[derive(Debug)]
pub(crate) struct Screen {
    pub party: Name,
    pub words: Vec<Name>,
    pub mode: Option<Name>,
    pub delay: Option<(Amount, Span)>,
    pub body: Block,
    /// `when hits >= 3 { … }`
    pub hits: Vec<(u64, Block)>,
    /// `on recogniser-down { … }`
    pub down: Option<Block>,
}

/// `monitors when … { require 2 from 主管组 within 20s else { … } }`
#[derive(Debug)]
pub(crate) struct Monitors {
    pub condition: Option<Expr>,
    pub count: u64,
    pub count_span: Span,
    pub group: Name,
    pub within: Option<(Amount, Span)>,
    pub otherwise: Option<Vec<Statement>>,
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
    pub validity: Validity,
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
    pub validity: Validity,
    pub priority: Option<(u64, Span)>,
    pub preempt: bool,
    pub params: Vec<Param>,
    pub body: Block,
}

/// A parameter of a flow.
#[derive(Debug)]
pub(crate) struct Param {
    pub name: Name,
    pub kind: Option<TypeUse>,
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
    /// `let c = lookup 客户(caller) else { … }`
    Lookup {
        name: Option<Name>,
        lookup: Name,
        arguments: Vec<Expr>,
        otherwise: Otherwise,
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

/// What holds when a lookup fails.
#[derive(Debug)]
pub(crate) enum Otherwise {
    /// Nothing is said.
    Unsaid(Span),
    /// These values, as if they had been answered.
    Values(Vec<(Name, Expr)>, Span),
    /// Another way.
    Goes(Vec<Statement>),
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
    Targets(Strategy, Vec<TargetUse>),
    Parts(Vec<PartUse>),
    Value(Expr),
    /// A name that is declared or free, and perhaps a text.
    Named(Name, Option<Expr>),
    Who(Who),
    Amount(Amount, Span),
    Fields(Vec<PopField>),
    Flow(Name, Vec<Expr>),
}

/// How several targets are rung.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Strategy {
    /// Nothing is said: all at once, and a group as it says itself.
    Unsaid,
    All,
    InOrder,
    RoundRobin,
}

/// A part of what is said.
#[derive(Debug)]
pub(crate) enum PartUse {
    Sound(PromptUse),
    Value(Expr),
}

/// A field of what an agent's screen shows.
#[derive(Debug)]
pub(crate) enum PopField {
    Value(Name, Expr),
    Script(Name, Vec<Expr>),
    Card(Name),
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
    Flag,
    Number(Expr),
    /// `信用卡 >= 2`
    Skill(Name, Expr),
    Refs(Vec<Name>),
    Texts(Vec<Name>),
    Targets(Vec<TargetUse>),
    Clocks(ClockSpan),
    Rate(u64),
    Tier(u64, u64, Name),
    Rewrite(Name, Name),
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
    Percent(Arc<str>),
    Money(Arc<str>),
    Date(Date),
    /// `(if CONDITION A else B)`
    Choose(Box<Expr>, Box<Expr>, Box<Expr>),
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
