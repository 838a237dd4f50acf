//! The one table of the language's words: verbs with their options and outcomes, declarations with their lines.
//! The parser, the checker and the manual's reference are made from it.
//!
//! Invariant: an outcome either must be handled or says how the call ends or goes on when it is not.

mod deeds;
mod items;
mod talk;

use std::time::Duration;

use crate::base::bounds::RING;

use super::ask::Outcome;
use super::finding::Term;

pub(crate) use items::{BLOCKS, BlockRow, CLAUSES, FOREIGN_VERBS, ITEMS, STEERING};

/// Every verb of the edition, in the order of the manual.
pub(crate) fn verbs() -> impl Iterator<Item = &'static VerbRow> {
    talk::VERBS.iter().chain(deeds::VERBS)
}

/// Which verb it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum VerbKind {
    Play,
    Say,
    Menu,
    Collect,
    Secret,
    Dial,
    Queue,
    Requeue,
    Voicemail,
    Callback,
    Conference,
    Park,
    Pickup,
    Tag,
    Event,
    Notify,
    Pop,
    Push,
    Language,
    Wait,
    Whisper,
    Show,
    Mute,
    Join,
    Transfer,
}

/// Where a verb can stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stands {
    /// In flows and routes: the plan has the caller.
    Flows,
    /// In reactions (`screen`, `on feature`): the caller talks to somebody.
    Reactions,
    Both,
}

/// What can be declared and then named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Class,
    Policy,
    Prompt,
    Holidays,
    Hours,
    Flow,
    Lookup,
    Script,
    Words,
    Trunk,
    Group,
    Queue,
    Webhook,
    Campaign,
    Card,
    Emergency,
}

impl Kind {
    pub const ALL: [Kind; 16] = [
        Kind::Class,
        Kind::Policy,
        Kind::Prompt,
        Kind::Holidays,
        Kind::Hours,
        Kind::Flow,
        Kind::Lookup,
        Kind::Script,
        Kind::Words,
        Kind::Trunk,
        Kind::Group,
        Kind::Queue,
        Kind::Webhook,
        Kind::Campaign,
        Kind::Card,
        Kind::Emergency,
    ];

    pub const fn term(self) -> Term {
        match self {
            Kind::Class => Term::new("class", "保存类别"),
            Kind::Policy => Term::new("policy", "策略"),
            Kind::Prompt => Term::new("prompt", "提示音"),
            Kind::Holidays => Term::new("table of holidays", "假日表"),
            Kind::Hours => Term::new("set of hours", "时段"),
            Kind::Flow => Term::new("flow", "流程"),
            Kind::Lookup => Term::new("lookup", "查询"),
            Kind::Script => Term::new("script", "话术"),
            Kind::Words => Term::new("set of words", "词库"),
            Kind::Trunk => Term::new("trunk", "中继"),
            Kind::Group => Term::new("group", "组"),
            Kind::Queue => Term::new("queue", "队列"),
            Kind::Webhook => Term::new("webhook", "回调地址"),
            Kind::Campaign => Term::new("campaign", "外呼任务"),
            Kind::Card => Term::new("card", "知识卡片"),
            Kind::Emergency => Term::new("emergency plan", "应急预案"),
        }
    }
}

/// What stands behind a verb's word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HeadShape {
    Nothing,
    /// `欢迎, 主菜单 {zh}`
    Prompts,
    /// Prompts, scripts with sounds, and values in braces.
    Parts,
    /// A new name for a value.
    Name,
    Targets,
    /// A value.
    Value,
    /// A declared name.
    Ref(Kind),
    /// A free name, and perhaps a text.
    Named,
    /// A declared name, and perhaps a text.
    RefNamed(Kind),
    /// A user's name or a value in braces.
    Who,
    /// A length of time.
    Amount,
    /// A language.
    Language,
    /// `{ customer c, script X }`
    Fields,
    /// `agent` or `customer`.
    Party,
    /// `agent` or `customer`, and a text.
    PartyText,
    /// A flow with its values.
    Flow,
    /// Perhaps a value.
    Perhaps,
}

/// A verb.
#[derive(Debug)]
pub(crate) struct VerbRow {
    pub kind: VerbKind,
    pub word: &'static str,
    pub stands: Stands,
    pub head: HeadShape,
    pub options: &'static [OptionRow],
    pub outcomes: &'static [OutcomeRow],
    /// Whether keys are outcomes too.
    pub keys: bool,
    /// How it is written.
    pub form: &'static str,
    pub about: Term,
}

/// An option of a verb, or a line of a declaration.
#[derive(Debug)]
pub(crate) struct OptionRow {
    pub word: &'static str,
    pub value: ValueShape,
    pub need: Need,
    pub about: Term,
}

/// What an option's value is, and between what bounds.
#[derive(Debug, Clone, Copy)]
pub(crate) enum ValueShape {
    Amount {
        least: Duration,
        most: Duration,
    },
    Count {
        least: u64,
        most: u64,
    },
    Digits {
        most: u64,
    },
    Key,
    Prompts,
    /// The word alone says it.
    Flag,
    /// An integer that may be worked out in the call; outside of the bounds it is the nearest of them.
    Number {
        least: i64,
        most: i64,
    },
    /// `信用卡 >= 2`
    Skill,
    /// The second word of a pair: `keep place`.
    Then(&'static str),
    /// A declared name.
    Ref(Kind),
    /// One or more declared names, with commas.
    Refs(Kind),
    /// One or more texts, with commas.
    Texts,
    /// One text.
    Text,
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// `user a, user b`
    Targets,
    /// `08:00-20:00`
    Clocks,
    /// `3 per person per day`
    Rate,
    /// `1..30 script 温和话术`
    Tier,
    /// `"0{n: X.}" as "+86{n}"`
    Rewrite,
    /// A flow.
    Flow,
}

/// Whether an option must be said.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Need {
    /// It must; the example shows how.
    Must(&'static str),
    /// It need not; this is what is meant then.
    Else(&'static str),
    /// It need not, and may be said more than once.
    Many,
}

/// An outcome of a verb.
#[derive(Debug)]
pub(crate) struct OutcomeRow {
    pub word: &'static str,
    pub unhandled: Unhandled,
    /// Whether somebody must have acted for this to happen.
    pub acted: bool,
    pub about: Term,
}

/// What an outcome means that the plan does not handle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unhandled {
    /// The plan must handle it.
    Error,
    /// The call ends with this dial outcome's cause.
    Ends(Outcome),
    /// The plan goes on behind the verb.
    GoesOn,
}
const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

const fn outcome(word: &'static str, unhandled: Unhandled, acted: bool, about: Term) -> OutcomeRow {
    OutcomeRow { word, unhandled, acted, about }
}

const fn option(word: &'static str, value: ValueShape, need: Need, about: Term) -> OptionRow {
    OptionRow { word, value, need, about }
}

/// How long a `dial` rings that does not say.
pub(crate) const RING_UNSAID: Duration = RING;
/// How long a `collect` that does not say waits for each further key.
pub(crate) const BETWEEN_UNSAID: Duration = secs(3);
/// How long a menu would wait for a second key; it takes one only.
pub(crate) const MENU_BETWEEN: Duration = secs(1);

impl VerbRow {
    /// The verb of this word.
    pub fn of(word: &str) -> Option<&'static VerbRow> {
        verbs().find(|row| row.word == word)
    }

    /// The option of this word.
    pub fn option(&self, word: &str) -> Option<&'static OptionRow>
    where
        Self: 'static,
    {
        self.options.iter().find(|row| row.word == word)
    }

    /// The outcome of this word.
    pub fn outcome(&self, word: &str) -> Option<&'static OutcomeRow> {
        self.outcomes.iter().find(|row| row.word == word)
    }
}
/// A word that is not a verb with options: how it is written and what it does.
#[derive(Debug)]
pub(crate) struct WordRow {
    pub word: &'static str,
    pub form: &'static str,
    pub about: Term,
}

const fn word(word: &'static str, form: &'static str, en: &'static str, zh: &'static str) -> WordRow {
    WordRow { word, form, about: Term::new(en, zh) }
}

/// Words that no flow and no value can be called.
pub(crate) fn is_reserved(name: &str) -> bool {
    const OTHERS: &[&str] = &[
        "if", "else", "when", "let", "hangup", "end", "and", "or", "not", "true", "false", "matches",
        "caller", "callee", "lookup", "priority",
    ];
    VerbRow::of(name).is_some() || OTHERS.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stated_defaults_are_the_ones_in_force() {
        let default = |verb: &str, option: &str| {
            let row = VerbRow::of(verb).and_then(|row| row.option(option));
            match row.map(|row| row.need) {
                Some(Need::Else(text)) => text.to_string(),
                _ => String::new(),
            }
        };
        assert_eq!(default("dial", "for"), format!("{}s", RING_UNSAID.as_secs()));
        assert_eq!(default("collect", "between"), format!("{}s", BETWEEN_UNSAID.as_secs()));
    }

    #[test]
    fn dial_has_a_row_for_every_outcome_in_order() {
        let rows = VerbRow::of("dial").map(|row| row.outcomes.iter().map(|row| row.word).collect::<Vec<_>>());
        assert_eq!(rows, Some(Outcome::ALL.iter().map(|outcome| outcome.word()).collect()));
    }
}
