//! Words that are no verbs: statements that steer, declarations with their lines, policies' clauses, other switches' words.

use super::{Kind, Need, OptionRow, Term, ValueShape, WordRow, option, secs, word};

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
        "lookup",
        "let NAME = lookup LOOKUP(VALUE, …) else { NAME: VALUE, … }",
        "asks a system outside; `else` says what holds without an answer: values, or `else -> flow`",
        "查询外部系统；`else` 写明没有答复时怎么办：默认值，或 `else -> 流程`",
    ),
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
    word(
        "flow",
        "flow NAME(NAME: TYPE, …) priority N preempt { … }",
        "a named course of statements, and how urgent its calls are",
        "一段有名字的流程，以及其呼叫的紧急程度",
    ),
    word(
        "lookup",
        "lookup NAME(NAME: TYPE, …) -> { NAME: TYPE, … } get \"URL\" timeout TIME accepts secret",
        "a question to a system outside, with types and a time limit",
        "对外部系统的查询：类型与时限都写明",
    ),
    word(
        "script",
        "script NAME vN from DATE until DATE supersedes vM { zh \"…{NAME:TYPE}…\"; NAME = VALUE }",
        "what an agent says, in versions; of several the latest in force counts",
        "坐席话术，分版本；生效版本中取最新",
    ),
    word(
        "words",
        "words NAME vN from DATE { \"…\" \"…\" homophones near urgent }",
        "words to listen for, or that no text may hold",
        "要监听的词，或文本中禁止出现的词",
    ),
    word(
        "on feature",
        "on feature \"*7\" { … }",
        "what happens when a party of a conversation presses a code",
        "通话中按下功能码时执行的动作",
    ),
    word(
        "emergency",
        "emergency NAME { route … }",
        "routes that hold before all others while the plan is switched on",
        "应急预案：启用期间其中的路由优先于其他一切路由",
    ),
    word(
        "profile",
        "profile NAME",
        "this file is for others to `use`: it holds no routes",
        "本文件供其他文件引用，不含路由",
    ),
    word(
        "test",
        "test \"…\" at DATE TIME { stub …; call from \"…\" to \"…\" press …; expect … }",
        "a call in virtual time and what must come of it",
        "虚拟时间里的一通电话，以及必须得到的结果",
    ),
];

/// A declaration that is a list of lines.
#[derive(Debug)]
pub(crate) struct BlockRow {
    pub word: &'static str,
    pub kind: Kind,
    pub form: &'static str,
    pub lines: &'static [OptionRow],
    pub about: Term,
}

/// Declarations that are lists of lines.
pub(crate) static BLOCKS: &[BlockRow] = &[
    BlockRow {
        word: "trunk",
        kind: Kind::Trunk,
        form: "trunk NAME { caller-id only \"…\"; number \"…\" as \"…\" }",
        lines: &[
            option(
                "caller-id",
                ValueShape::Texts,
                Need::Else("the trunk's own"),
                Term::new("the only numbers that callers are shown under", "只允许显示的主叫号码"),
            ),
            option(
                "number",
                ValueShape::Rewrite,
                Need::Many,
                Term::new("how a number is written to the carrier", "送给运营商的号码写法"),
            ),
        ],
        about: Term::new(
            "what a plan demands of a trunk; its address and account are in `ledgerline.toml`",
            "计划对中继的要求；地址与账号在 `ledgerline.toml` 中",
        ),
    },
    BlockRow {
        word: "group",
        kind: Kind::Group,
        form: "group NAME { members user NAME, number \"…\"; ring all; each TIME }",
        lines: &[
            option(
                "members",
                ValueShape::Targets,
                Need::Must("members user alice, user bob"),
                Term::new("who is in it", "成员"),
            ),
            option(
                "ring",
                ValueShape::OneOf(&["all", "in-order", "round-robin"]),
                Need::Else("all"),
                Term::new("all at once, one after another, or by turns", "同时、依次或轮流振铃"),
            ),
            option(
                "each",
                ValueShape::Amount { least: secs(3), most: secs(120) },
                Need::Else("15s"),
                Term::new("how long each rings, in order or by turns", "依次或轮流振铃时每一位的时间"),
            ),
        ],
        about: Term::new("people who are rung together", "一起振铃的一组人"),
    },
    BlockRow {
        word: "queue",
        kind: Kind::Queue,
        form: "queue NAME { agents GROUP; size N; music PROMPT; order longest-idle }",
        lines: &[
            option(
                "agents",
                ValueShape::Ref(Kind::Group),
                Need::Must("agents GROUP"),
                Term::new("who answers", "由谁接听"),
            ),
            option(
                "size",
                ValueShape::Count { least: 1, most: 100_000 },
                Need::Else("100"),
                Term::new("how many may wait", "最多排队人数"),
            ),
            option(
                "music",
                ValueShape::Prompts,
                Need::Else("the node's"),
                Term::new("what waiting callers hear", "等候音"),
            ),
            option(
                "order",
                ValueShape::OneOf(&["longest-idle", "fewest-calls", "round-robin", "ring-all", "skill"]),
                Need::Else("longest-idle"),
                Term::new("which agent is next", "坐席分配方式"),
            ),
            option(
                "announce",
                ValueShape::Amount { least: secs(10), most: secs(600) },
                Need::Else("no"),
                Term::new("how often the place is told", "播报排队位置的间隔"),
            ),
        ],
        about: Term::new("where callers wait for agents", "呼叫者等候坐席之处"),
    },
    BlockRow {
        word: "webhook",
        kind: Kind::Webhook,
        form: "webhook NAME { post \"https://…\" }",
        lines: &[option(
            "post",
            ValueShape::Text,
            Need::Must("post \"https://…\""),
            Term::new("where to", "地址"),
        )],
        about: Term::new("an outside system that is told of what happens", "接收通知的外部系统"),
    },
    BlockRow {
        word: "card",
        kind: Kind::Card,
        form: "card NAME { on customer says WORDS; title \"…\"; text \"…\"; link \"…\" }",
        lines: &[
            option(
                "on",
                ValueShape::Refs(Kind::Words),
                Need::Many,
                Term::new(
                    "`on customer says WORDS`: shown by itself then",
                    "`on customer says 词库`：说到时自动弹出",
                ),
            ),
            option("title", ValueShape::Text, Need::Must("title \"…\""), Term::new("its heading", "标题")),
            option("text", ValueShape::Text, Need::Else("nothing"), Term::new("what it says", "正文")),
            option("link", ValueShape::Text, Need::Else("nothing"), Term::new("where more is", "链接")),
        ],
        about: Term::new("knowledge for the agent's screen", "坐席屏幕上的知识卡片"),
    },
    BlockRow {
        word: "campaign",
        kind: Kind::Campaign,
        form: "campaign NAME { window 08:00-20:00; limit 3 per person per day; tier 1..30 script SCRIPT; caller-id \"…\"; answered -> FLOW }",
        lines: &[
            option(
                "window",
                ValueShape::Clocks,
                Need::Must("window 08:00-20:00"),
                Term::new("when calls may be made", "允许外呼的时段"),
            ),
            option(
                "limit",
                ValueShape::Rate,
                Need::Must("limit 3 per person per day"),
                Term::new("how often one person is called", "对同一人的外呼频次"),
            ),
            option(
                "tier",
                ValueShape::Tier,
                Need::Many,
                Term::new("which script from which day overdue to which", "逾期天数段对应的话术"),
            ),
            option(
                "caller-id",
                ValueShape::Texts,
                Need::Must("caller-id \"95599\""),
                Term::new("the true number that is shown", "显示的真实号码"),
            ),
            option(
                "answered",
                ValueShape::Flow,
                Need::Must("answered -> FLOW"),
                Term::new("what happens when somebody answers", "接通后的流程"),
            ),
            option(
                "pace",
                ValueShape::Count { least: 1, most: 100_000 },
                Need::Else("60"),
                Term::new("calls in an hour", "每小时呼叫数"),
            ),
        ],
        about: Term::new(
            "calls that the switch makes by itself, within limits",
            "在限度内由系统主动发起的外呼",
        ),
    },
];

/// The clauses of a policy.
pub(crate) static CLAUSES: &[WordRow] = &[
    word(
        "record",
        "record all, two tracks, on failure refuse",
        "recorded from before the first word; `two tracks, video, fax` also what is no sound (without them a recorded call has none); `on failure continue [with event NAME] [if priority >= N else refuse]`",
        "从第一句话之前开始录音；写 `two tracks, video, fax` 连视频与传真一并录制（不写则受录通话中不予视频与 T.38）；可写 `on failure continue [with event 名字] [if priority >= N else refuse]`",
    ),
    word("retain", "retain CLASS", "how long recordings are kept", "录音保存类别"),
    word(
        "notice",
        "notice prompt PROMPT before media",
        "what the caller hears before anything else",
        "任何媒体之前播放的告知",
    ),
    word(
        "screen",
        "screen agent for WORDS mode intercept delay 1200ms { … when hits >= N { … } on recogniser-down { … } }",
        "what happens when words are spoken; `mode bleep` puts a tone in their place",
        "说到敏感词时的动作；`mode bleep` 用哔声盖住",
    ),
    word(
        "forbid",
        "forbid WORDS in scripts, prompts, messages",
        "words that no text of this plan may hold; in `messages`: texts between users that hold them are refused",
        "本计划的话术和提示音中禁止出现的词；写 `messages`：含有这些词的用户短消息被拒绝",
    ),
    word(
        "note",
        "note WORDS in messages",
        "texts between users that hold them pass, and it is written down that they did",
        "含有这些词的用户短消息放行，但记录在案",
    ),
    word(
        "mask",
        "mask phone, name, idcard, card in log, api, cdr, agent",
        "what is masked where",
        "在何处掩码哪些信息",
    ),
    word(
        "play",
        "play needs role ROLE, step-up, purpose",
        "what it takes to hear a recording",
        "调听录音的条件",
    ),
    word(
        "reveal",
        "reveal idcard needs second-auth, purpose, limit N per agent per day",
        "what it takes to see something unmasked",
        "查看明文的条件",
    ),
    word(
        "monitors",
        "monitors when CONDITION { require N from GROUP within TIME else { … } }",
        "who must listen before an agent is reached",
        "接通坐席前必须到位的监听人",
    ),
    word(
        "transcript",
        "transcript agent, customer",
        "what they say is written down as recognisers hear it, sealed beside the recording",
        "识别出的通话文字与录音一起加密保存",
    ),
    word(
        "on",
        "on call end { when silence >= TIME { … } when overlap >= TIME { … } when rate agent >= N { … } when missing agent WORDS { … } }",
        "what a finished call is held to: the longest silence, the longest stretch of both talking, characters a minute (`<=` too slow), a set of which nothing was said; the block may `tag`, `event` and `notify`",
        "通话结束后的质检：最长静音、最长抢话、每分钟字数（`<=` 表示过慢）、词库中一句也没说；块内可写 `tag`、`event`、`notify`",
    ),
    word(
        "egress",
        "egress \"HOST\", …",
        "the only hosts that lookups, webhooks and cards may name",
        "查询、回调和卡片只能访问的主机",
    ),
];

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
