//! Declarations of what flows name, as written.

use jiff::civil::Date;

use crate::compliance::words::Level;
use crate::plan::file::Span;
use crate::plan::literal::Amount;
use crate::plan::verb::BlockRow;

use super::{Block, Choice, Expr, Name, Param, Route};

/// `module 信用卡热线 owner 业务部 approve by 合规 x1, author-not-approver`
#[derive(Debug)]
pub(crate) struct Module {
    pub name: Name,
    pub owner: Option<Name>,
    /// Who must sign, and how many of them.
    pub approvals: Vec<(Name, u8)>,
    /// Whether the author's own signature does not count.
    pub others: bool,
}

/// A day, or a minute of one, in the zone of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moment {
    pub date: Date,
    /// Minutes after midnight, up to 24:00; `None` when only the day is said.
    pub minute: Option<u16>,
    pub span: Span,
}

/// `v7 from 2026-09-01 until 2026-12-31T24:00 supersedes v6`
#[derive(Debug, Default)]
pub(crate) struct Validity {
    pub version: Option<Name>,
    pub from: Option<Moment>,
    pub until: Option<Moment>,
    pub supersedes: Option<Name>,
}

/// The type of a parameter or field.
#[derive(Debug, Clone)]
pub(crate) enum TypeUse {
    Named(Name),
    /// `VIP|普通`
    Words(Vec<Name>),
}

/// `lookup 客户(phone: phone) -> { 级别: VIP|普通 } get "…" timeout 800ms`
#[derive(Debug)]
pub(crate) struct Lookup {
    pub name: Name,
    pub takes: Vec<Param>,
    pub yields: Vec<Param>,
    pub method: Option<(bool, Name)>,
    pub timeout: Option<(Amount, Span)>,
    pub secret: bool,
    /// Whether every part could be read.
    pub whole: bool,
}

/// `script 分期话术 v7 from … { rate = 3.65%  zh "…{rate:percent}…" sound "…" }`
#[derive(Debug)]
pub(crate) struct Script {
    pub name: Name,
    pub validity: Validity,
    pub values: Vec<(Name, Expr)>,
    pub texts: Vec<ScriptText>,
    pub whole: bool,
}

/// One language of a script.
#[derive(Debug)]
pub(crate) struct ScriptText {
    pub lang: Name,
    pub text: Name,
    /// Its sound, where it can be spoken by the switch.
    pub sound: Option<Name>,
}

/// `words 还款困难词 v2026.08 from 2026-08-01 { "…" "…" homophones }`
#[derive(Debug)]
pub(crate) struct Words {
    pub name: Name,
    pub validity: Validity,
    pub texts: Vec<Name>,
    pub level: Level,
    /// `urgent`: reaches calls in progress.
    pub urgent: bool,
    pub whole: bool,
}

/// A declaration that is a list of lines: `queue 信用卡 { agents 组; size 50 }`
#[derive(Debug)]
pub(crate) struct Lines {
    pub row: &'static BlockRow,
    pub name: Name,
    pub lines: Vec<Choice>,
    pub whole: bool,
}

/// `emergency 疫情 { route … }`
#[derive(Debug)]
pub(crate) struct Emergency {
    pub name: Name,
    pub routes: Vec<Route>,
}

/// `on feature "*7" { … }`
#[derive(Debug)]
pub(crate) struct Feature {
    pub span: Span,
    pub code: Name,
    pub body: Block,
}
