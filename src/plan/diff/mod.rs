//! What changes for calls when one program takes the place of another: computed over routes, flows and policies, not over text.
//!
//! `routes` pairs the routes of both programs that take the same calls; `walk` follows both from there at the same time, by every
//! way that a call can go, and tells where they part; `things` compares what is declared besides: policies, scripts, words, hours.
//!
//! Invariant: two programs that differ in comments, layout, order or names of flows alone have no difference.

mod routes;
mod things;
mod times;
mod walk;

use std::sync::Arc;

use super::diagnostic::Lang;
use super::program::Program;
use super::tell::Both;

/// A difference, said in the terms of whatever differs.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Change {
    /// What differs.
    pub kind: ChangeKind,
    /// Its name, or the calls that it is about.
    pub of: Both,
    /// What holds now; empty when it is gone.
    pub now: Both,
    /// What held before; empty when it is new.
    pub before: Both,
}

/// What kind of thing differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ChangeKind {
    /// Where calls go and what happens to them.
    Calls,
    /// What is demanded of calls.
    Policy,
    /// What agents say.
    Script,
    /// Words to listen for, or forbidden.
    Words,
    /// What callers hear.
    Prompt,
    /// Working hours.
    Hours,
    /// A question to a system outside.
    Lookup,
    /// Where callers wait.
    Queue,
    /// People who are rung together.
    Group,
    /// What the plan demands of a trunk.
    Trunk,
    /// An outside system that is told.
    Webhook,
    /// Knowledge for screens.
    Card,
    /// Calls that the switch makes by itself.
    Campaign,
    /// Codes that parties press in a conversation.
    Feature,
    /// Who answers for a file and who must sign it.
    Module,
}

impl ChangeKind {
    /// The word for programs.
    pub const fn word(self) -> &'static str {
        self.words().0
    }

    const fn words(self) -> (&'static str, &'static str) {
        match self {
            ChangeKind::Calls => ("calls", "呼叫"),
            ChangeKind::Policy => ("policy", "策略"),
            ChangeKind::Script => ("script", "话术"),
            ChangeKind::Words => ("words", "词库"),
            ChangeKind::Prompt => ("prompt", "提示音"),
            ChangeKind::Hours => ("hours", "时段"),
            ChangeKind::Lookup => ("lookup", "查询"),
            ChangeKind::Queue => ("queue", "队列"),
            ChangeKind::Group => ("group", "组"),
            ChangeKind::Trunk => ("trunk", "中继"),
            ChangeKind::Webhook => ("webhook", "回调地址"),
            ChangeKind::Card => ("card", "知识卡片"),
            ChangeKind::Campaign => ("campaign", "外呼任务"),
            ChangeKind::Feature => ("feature", "功能码"),
            ChangeKind::Module => ("module", "模块"),
        }
    }
}

impl Change {
    /// The change on one line: `calls to 95599, outside 工作时间: now 夜班, before 语音信箱`.
    pub fn say(&self, lang: Lang) -> String {
        let (now, before) = (self.now.say(lang), self.before.say(lang));
        let (en, zh) = self.kind.words();
        let of = match (self.kind, lang) {
            (ChangeKind::Calls, _) => self.of.say(lang).to_string(),
            (_, Lang::En) => format!("{en} {}", self.of.say(lang)),
            (_, Lang::Zh) => format!("{zh} {}", self.of.say(lang)),
        };
        match (lang, now.is_empty(), before.is_empty()) {
            (Lang::En, false, false) => format!("{of}: now {now}, before {before}"),
            (Lang::En, false, true) => format!("{of}: new: {now}"),
            (Lang::En, true, _) => format!("{of}: no longer: {before}"),
            (Lang::Zh, false, false) => format!("{of}：现在{}，之前{}", spaced(now), spaced(before)),
            (Lang::Zh, false, true) => format!("{of}：新增：{now}"),
            (Lang::Zh, true, _) => format!("{of}：不再有：{before}"),
        }
    }
}

/// A blank in front of what is not Chinese.
fn spaced(text: &str) -> String {
    let gap = if text.starts_with(|ch: char| ch.is_ascii()) { " " } else { "" };
    format!("{gap}{text}")
}

/// Everything that differs, calls first.
pub fn diff(before: &Arc<Program>, now: &Arc<Program>) -> Vec<Change> {
    let mut out = things::policies(before, now);
    out.extend(things::declared(before, now));
    let mut all = routes::calls(before, now);
    all.extend(out);
    all.dedup();
    all
}
