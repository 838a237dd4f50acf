//! The one table of the language's words: verbs with their options and outcomes, declarations, words of later editions.
//! The parser, the checker and the manual's reference are made from it.
//!
//! Invariant: an outcome either must be handled or says how the call ends when it is not.

use std::time::Duration;

use crate::base::bounds::RING;

use super::ask::Outcome;
use super::finding::Term;

/// Which verb it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum VerbKind {
    Play,
    Menu,
    Collect,
    Dial,
}

/// What stands behind a verb's word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HeadShape {
    Nothing,
    Prompts,
    Name,
    Targets,
}

/// A verb.
#[derive(Debug)]
pub(crate) struct VerbRow {
    pub kind: VerbKind,
    pub word: &'static str,
    pub head: HeadShape,
    pub options: &'static [OptionRow],
    pub outcomes: &'static [OutcomeRow],
    /// Whether keys are outcomes too.
    pub keys: bool,
    /// How it is written.
    pub form: &'static str,
    pub about: Term,
}

/// An option of a verb.
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
    Amount { least: Duration, most: Duration },
    Count { least: u64, most: u64 },
    Digits { most: u64 },
    Key,
    Prompts,
}

/// Whether an option must be said.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Need {
    /// It must; the example shows how.
    Must(&'static str),
    /// It need not; this is what is meant then.
    Else(&'static str),
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
}

const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

const WAIT: OptionRow = OptionRow {
    word: "wait",
    value: ValueShape::Amount { least: secs(1), most: secs(60) },
    need: Need::Must("wait 6s"),
    about: Term::new(
        "how long to wait for the first key once the prompts have ended",
        "提示音结束后等待第一个按键的时间",
    ),
};

const TRIES: OptionRow = OptionRow {
    word: "tries",
    value: ValueShape::Count { least: 1, most: 9 },
    need: Need::Else("1"),
    about: Term::new("how often to ask in all", "一共询问几次"),
};

const PROMPT: OptionRow = OptionRow {
    word: "prompt",
    value: ValueShape::Prompts,
    need: Need::Must("prompt 主菜单"),
    about: Term::new("what the caller hears; the first key stops it", "播放的提示音；第一个按键会打断它"),
};

const NONE: OutcomeRow = OutcomeRow {
    word: "none",
    unhandled: Unhandled::Error,
    acted: false,
    about: Term::new("no key came at the last try", "最后一次仍没有按键"),
};

const fn dialled(outcome: Outcome, acted: bool, about: Term) -> OutcomeRow {
    OutcomeRow { word: outcome.word(), unhandled: Unhandled::Ends(outcome), acted, about }
}

/// Every verb of the edition.
pub(crate) static VERBS: &[VerbRow] = &[
    VerbRow {
        kind: VerbKind::Play,
        word: "play",
        head: HeadShape::Prompts,
        options: &[],
        outcomes: &[],
        keys: false,
        form: "play PROMPT, …",
        about: Term::new(
            "plays prompts to the end and goes on; answers the caller if need be",
            "播完提示音后继续；尚未应答时先应答",
        ),
    },
    VerbRow {
        kind: VerbKind::Menu,
        word: "menu",
        head: HeadShape::Nothing,
        options: &[PROMPT, WAIT, TRIES],
        outcomes: &[
            NONE,
            OutcomeRow {
                word: "wrong",
                unhandled: Unhandled::Error,
                acted: true,
                about: Term::new(
                    "a key that is not in the menu at the last try",
                    "最后一次按了菜单里没有的键",
                ),
            },
        ],
        keys: true,
        form: "menu prompt PROMPT wait TIME tries N { KEY, … -> …  none, wrong -> … }",
        about: Term::new("takes one key and goes where it leads", "等待一个按键并按其分支"),
    },
    VerbRow {
        kind: VerbKind::Collect,
        word: "collect",
        head: HeadShape::Name,
        options: &[
            OptionRow {
                word: "digits",
                value: ValueShape::Digits { most: 32 },
                need: Need::Must("digits 4"),
                about: Term::new("how many digits: 4, or 16..19", "位数：4，或 16..19"),
            },
            PROMPT,
            WAIT,
            OptionRow {
                word: "between",
                value: ValueShape::Amount { least: secs(1), most: secs(30) },
                need: Need::Else("3s"),
                about: Term::new("how long to wait for each further key", "之后每个按键的等待时间"),
            },
            OptionRow {
                word: "end",
                value: ValueShape::Key,
                need: Need::Else("\"#\""),
                about: Term::new(
                    "the key that ends the entry; it is not part of it",
                    "结束输入的键，不计入号码",
                ),
            },
            TRIES,
        ],
        outcomes: &[
            NONE,
            OutcomeRow {
                word: "wrong",
                unhandled: Unhandled::Error,
                acted: true,
                about: Term::new("too few digits at the last try", "最后一次位数不足"),
            },
        ],
        keys: false,
        form: "collect NAME digits N..M prompt PROMPT wait TIME else -> …",
        about: Term::new("takes digits into a name and goes on", "收号并存入名字，然后继续"),
    },
    VerbRow {
        kind: VerbKind::Dial,
        word: "dial",
        head: HeadShape::Targets,
        options: &[OptionRow {
            word: "for",
            value: ValueShape::Amount { least: secs(5), most: secs(300) },
            need: Need::Else("60s"),
            about: Term::new("how long to ring", "振铃时间"),
        }],
        outcomes: &[
            dialled(
                Outcome::Answered,
                true,
                Term::new(
                    "somebody answered, talked and hung up; the caller is still there",
                    "对方接听并已挂机，主叫仍在线",
                ),
            ),
            dialled(Outcome::Busy, false, Term::new("busy", "忙")),
            dialled(Outcome::NoAnswer, false, Term::new("nobody answered in time", "超时无人接听")),
            dialled(Outcome::Rejected, false, Term::new("somebody declined the call", "对方拒接")),
            dialled(
                Outcome::Unreachable,
                false,
                Term::new("no phone of theirs is registered or answers the switch", "对方没有在线的话机"),
            ),
            dialled(
                Outcome::Unknown,
                false,
                Term::new("there is no such user or number", "没有这个用户或号码"),
            ),
            dialled(Outcome::Failed, false, Term::new("anything else", "其他故障")),
        ],
        keys: false,
        form: "dial user NAME, group NAME, number \"…\", … for TIME { OUTCOME, … -> … }",
        about: Term::new(
            "rings users, ring groups and numbers at once and joins the first that answers; as the first verb it rings through without answering the caller",
            "同时呼叫若干用户、振铃组和号码，接通最先应答者；若为第一个动作，则先振铃、不先应答主叫",
        ),
    },
];

/// How long a `dial` rings that does not say.
pub(crate) const RING_UNSAID: Duration = RING;
/// How long a `collect` that does not say waits for each further key.
pub(crate) const BETWEEN_UNSAID: Duration = secs(3);
/// How long a menu would wait for a second key; it takes one only.
pub(crate) const MENU_BETWEEN: Duration = secs(1);

impl VerbRow {
    /// The verb of this word.
    pub fn of(word: &str) -> Option<&'static VerbRow> {
        VERBS.iter().find(|row| row.word == word)
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

/// Statements that only steer.
pub(crate) static STEERING: &[WordRow] = &[
    word(
        "->",
        "-> FLOW(VALUE, …)",
        "goes on in another flow and does not come back",
        "转到另一个流程，不再返回",
    ),
    word("-> end", "-> end", "ends the call normally", "正常结束通话"),
    word(
        "hangup",
        "hangup CAUSE",
        "ends the call; a caller not yet answered is told the cause",
        "结束通话；尚未应答的主叫会收到原因",
    ),
    word(
        "if",
        "if CONDITION { … } else { … }",
        "goes one of two ways; both may go on behind it",
        "二选一；两边都可以继续往下",
    ),
    word("when", "when CONDITION { … }", "does something only under a condition", "仅在条件成立时执行"),
    word(
        "let",
        "let NAME = VALUE",
        "gives a name to a value, until the end of the block",
        "给一个值起名，到块尾有效",
    ),
];

/// Declarations, in the order of the manual.
pub(crate) static ITEMS: &[WordRow] = &[
    word(
        "edition",
        "edition 2026",
        "the edition of the language; the first line of every file",
        "语言版次；每个文件的第一行",
    ),
    word(
        "module",
        "module NAME owner NAME",
        "what this file is called and who answers for it",
        "文件的名称和负责人",
    ),
    word("use", "use \"PATH\"", "everything another file declares", "引入另一个文件的全部声明"),
    word(
        "language",
        "language zh",
        "the language in which this file's prompts are spoken unless it says otherwise",
        "本文件提示音的默认语种",
    ),
    word("zone", "zone \"Asia/Shanghai\"", "the time zone of this file's hours", "本文件时段的时区"),
    word(
        "class",
        "class NAME { from call.end; at least 5y; at most 5y+90d }",
        "how long recordings of a kind are kept",
        "一类录音的保存期限",
    ),
    word(
        "policy",
        "policy NAME for calls from … to \"…\" { … }",
        "what holds for every call that it matches, whatever flows do",
        "对匹配的呼叫一律生效，流程不能绕过",
    ),
    word(
        "prompt",
        "prompt NAME { zh \"PATH\" says \"…\"  en \"PATH\" }",
        "a sound in one or more languages",
        "一条提示音，可有多个语种",
    ),
    word(
        "holidays",
        "holidays NAME { off DATE..DATE; work DATE }",
        "days off, and days worked although they would be off",
        "放假日，以及调休上班日",
    ),
    word(
        "hours",
        "hours NAME { mon-fri 09:00-18:00; holidays NAME }",
        "a condition that holds at these times",
        "一个按时间成立的条件",
    ),
    word("route", "route \"PATTERN\" from users -> …", "which calls go where", "哪些呼叫去哪里"),
    word("flow", "flow NAME(NAME: TYPE, …) { … }", "a named course of statements", "一段有名字的流程"),
];

/// Declarations of later editions.
pub(crate) static LATER_ITEMS: &[&str] = &[
    "script",
    "words",
    "lookup",
    "trunk",
    "queue",
    "group",
    "test",
    "emergency",
    "campaign",
    "card",
    "approve",
];

/// Statements of later editions.
pub(crate) static LATER_VERBS: &[&str] = &[
    "say",
    "voicemail",
    "queue",
    "lookup",
    "secret",
    "pop",
    "callback",
    "park",
    "pickup",
    "conference",
    "tag",
    "event",
    "notify",
    "whisper",
    "show",
    "join",
    "require",
    "requeue",
    "transfer",
    "forward",
    "on",
    "push",
];

/// Policy clauses of later editions.
pub(crate) static LATER_CLAUSES: &[&str] =
    &["screen", "mask", "play", "monitors", "reveal", "egress", "when"];

/// Words of other switches, and what is written here.
pub(crate) static FOREIGN_VERBS: &[(&str, &str)] = &[
    ("goto", "-> …"),
    ("jump", "-> …"),
    ("call", "dial user …"),
    ("bridge", "dial user …"),
    ("return", "-> end"),
    ("exit", "-> end"),
    ("end", "-> end"),
    ("answer", "play …"),
    ("playback", "play …"),
    ("background", "menu prompt …"),
    ("read", "collect …"),
    ("gotoif", "if … { -> … }"),
];

/// Words that no flow and no value can be called.
pub(crate) fn is_reserved(name: &str) -> bool {
    const OTHERS: &[&str] = &[
        "if", "else", "when", "let", "hangup", "end", "and", "or", "not", "true", "false", "matches",
        "caller", "callee",
    ];
    VerbRow::of(name).is_some() || LATER_VERBS.contains(&name) || OTHERS.contains(&name)
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
