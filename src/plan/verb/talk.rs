//! Verbs that talk with the caller or ring somebody: play, say, menu, collect, secret, dial.

use super::{
    HeadShape, Need, OptionRow, Outcome, OutcomeRow, Stands, Term, Unhandled, ValueShape, VerbKind, VerbRow,
    secs,
};

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

const DIGITS: OptionRow = OptionRow {
    word: "digits",
    value: ValueShape::Digits { most: 32 },
    need: Need::Must("digits 4"),
    about: Term::new("how many digits: 4, or 16..19", "位数：4，或 16..19"),
};

const BETWEEN: OptionRow = OptionRow {
    word: "between",
    value: ValueShape::Amount { least: secs(1), most: secs(30) },
    need: Need::Else("3s"),
    about: Term::new("how long to wait for each further key", "之后每个按键的等待时间"),
};

const END: OptionRow = OptionRow {
    word: "end",
    value: ValueShape::Key,
    need: Need::Else("\"#\""),
    about: Term::new("the key that ends the entry; it is not part of it", "结束输入的键，不计入号码"),
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
/// Verbs that talk.
pub(super) static VERBS: &[VerbRow] = &[
    VerbRow {
        kind: VerbKind::Play,
        word: "play",
        stands: Stands::Flows,
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
        kind: VerbKind::Say,
        word: "say",
        stands: Stands::Flows,
        head: HeadShape::Parts,
        options: &[],
        outcomes: &[],
        keys: false,
        form: "say PROMPT, {VALUE}, SCRIPT, …",
        about: Term::new(
            "speaks prompts and values one after another: whole numbers, digits, money, days; a script that has sounds too",
            "依次播放提示音并读出值：整数、数字串、金额、日期；配有录音的话术也可以",
        ),
    },
    VerbRow {
        kind: VerbKind::Menu,
        word: "menu",
        stands: Stands::Flows,
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
        stands: Stands::Flows,
        head: HeadShape::Name,
        options: &[DIGITS, PROMPT, WAIT, BETWEEN, END, TRIES],
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
        kind: VerbKind::Secret,
        word: "secret",
        stands: Stands::Flows,
        head: HeadShape::Name,
        options: &[DIGITS, PROMPT, WAIT, BETWEEN, END, TRIES],
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
        form: "secret NAME digits N prompt PROMPT wait TIME else -> …",
        about: Term::new(
            "takes digits that are never recorded, logged, relayed or shown; only a lookup that accepts secrets takes them",
            "收取机密数字：不录音、不入日志、不转发、不显示；只能交给写明 accepts secret 的查询",
        ),
    },
    VerbRow {
        kind: VerbKind::Dial,
        word: "dial",
        stands: Stands::Flows,
        head: HeadShape::Targets,
        options: &[
            OptionRow {
                word: "for",
                value: ValueShape::Amount { least: secs(5), most: secs(300) },
                need: Need::Else("60s"),
                about: Term::new("how long to ring", "振铃时间"),
            },
            OptionRow {
                word: "each",
                value: ValueShape::Amount { least: secs(3), most: secs(120) },
                need: Need::Else("15s"),
                about: Term::new("how long each rings, in order or by turns", "依次或轮流振铃时每一位的时间"),
            },
        ],
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
        form: "dial [all|in order|round robin] user NAME, group NAME, number \"…\", … for TIME { OUTCOME, … -> … }",
        about: Term::new(
            "rings users, ring groups and numbers at once and joins the first that answers; as the first verb it rings through without answering the caller",
            "同时呼叫若干用户、振铃组和号码，接通最先应答者；若为第一个动作，则先振铃、不先应答主叫",
        ),
    },
];
