//! Tests that stand in plan files, resolved: what is put in place of the world, who calls, what must come of it.
//!
//! Invariant: every name in a test is one of its plan's.

use std::sync::Arc;
use std::time::Duration;

use crate::base::{Masked, Wall};

use super::value::Value;
use super::verb::WordRow;

/// A test.
#[derive(Debug)]
pub struct Test {
    /// Its name.
    pub name: Arc<str>,
    /// The file, relative to the plan folder.
    pub file: Arc<str>,
    /// The line, from 1.
    pub line: u32,
    pub(crate) at: Option<Wall>,
    pub(crate) lines: Vec<Line>,
}

/// A line of a test, and where it stands.
#[derive(Debug)]
pub(crate) struct Line {
    pub line: u32,
    pub said: Arc<str>,
    pub kind: LineKind,
}

#[derive(Debug)]
pub(crate) enum LineKind {
    /// What a lookup answers; `None`: nothing.
    Answers(Arc<str>, Option<Arc<[Value]>>),
    Behaves(Arc<str>, Behaviour),
    Call(Call),
    Says {
        agent: bool,
        text: Arc<str>,
    },
    /// Somebody hangs up: as every conversation ends.
    HangsUp,
    /// The agent answers: said for readers, and what happens without it too.
    Answered,
    Expect(Expectation),
}

/// What a user, a group or a queue does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Behaviour {
    /// An outcome's word, or `free`.
    pub outcome: Arc<str>,
    pub count: Option<u64>,
    pub after: Option<Duration>,
}

/// A call of a test.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub from: Masked,
    pub to: Masked,
    /// Over which trunk; `None`: a user of the switch calls, or a trunk where no user may.
    pub trunk: Option<Arc<str>>,
    pub press: Vec<Masked>,
    pub during: Option<Arc<str>>,
}

/// What is expected.
#[derive(Debug, Clone)]
pub(crate) struct Expectation {
    pub not: bool,
    /// Not before so long.
    pub after: Option<Duration>,
    pub what: What,
}

#[derive(Debug, Clone)]
pub(crate) enum What {
    Played(Arc<str>),
    Tagged(Arc<str>),
    Event(Arc<str>),
    Notified(Arc<str>, Option<u64>),
    Queued(Arc<str>),
    Requeued(Arc<str>),
    Rings(Arc<str>),
    Flow(Arc<str>),
    Ended(Arc<str>),
    Recorded,
    GapSecret,
    Nowhere(Arc<str>),
    Masks(Arc<str>),
    Shown(Arc<str>),
    Voicemail(Arc<str>),
    Did(Arc<str>),
    Usable(usize, bool),
    Refused,
}

const fn row(word: &'static str, form: &'static str, en: &'static str, zh: &'static str) -> WordRow {
    WordRow { word, form, about: super::finding::Term::new(en, zh) }
}

/// Everything that a test can expect.
pub(crate) static EXPECTATIONS: &[WordRow] = &[
    row("played", "expect played PROMPT", "the caller heard it", "主叫听到该提示音"),
    row("tag", "expect tag \"…\"", "the call was tagged so", "通话被打上该标签"),
    row("event", "expect event NAME", "the event was written", "写入了该事件"),
    row(
        "notified",
        "expect notified WEBHOOK N times",
        "the system was told, so often",
        "通知了该系统，次数如上",
    ),
    row("queued", "expect queued QUEUE", "the caller waited there", "主叫进入该队列"),
    row("requeued", "expect requeued QUEUE", "the caller was put there from elsewhere", "主叫被转入该队列"),
    row("rings", "expect rings USER", "the user, group or number was rung", "该用户、组或号码振铃"),
    row("flow", "expect flow FLOW", "the call came by", "呼叫经过该流程"),
    row("ended", "expect ended CAUSE", "the plan ended the call so", "计划以该原因结束通话"),
    row(
        "recorded",
        "expect recorded whole",
        "the policies record the call from its first word",
        "策略要求从第一句话起全程录音",
    ),
    row(
        "gap",
        "expect gap secret",
        "a secret was taken, and the recording has a gap there",
        "收取了机密，录音在该处留空",
    ),
    row(
        "nowhere",
        "expect nowhere \"…\"",
        "it stands in nothing that was logged, shown or told",
        "日志、屏幕和通知里都没有出现",
    ),
    row(
        "log",
        "expect log masks \"138****5678\"",
        "the log has it masked, and not in clear",
        "日志中为掩码形式，没有明文",
    ),
    row("shown", "expect shown \"…\"", "the agent's screen showed it", "坐席屏幕显示了该内容"),
    row("voicemail", "expect voicemail NAME", "a message was taken for it", "为其录了留言"),
    row("did", "expect did VERB", "the verb was carried out", "执行了该动作"),
    row(
        "script",
        "expect script SCRIPT usable|unusable",
        "whether a version is in force",
        "该话术此刻是否有生效版本",
    ),
    row("refused", "expect refused", "no route takes the call", "没有路由接这个呼叫"),
];
