//! Verbs that the switch carries out for a call: queues, voicemail, conferences, notes, screens.
//!
//! Invariant: each has an outcome (or a default) for a node that cannot do it.

use super::{
    HeadShape, Kind, Need, OptionRow, Outcome, OutcomeRow, Stands, Term, Unhandled, ValueShape, VerbKind,
    VerbRow, option, outcome, secs,
};

const ENDS: Unhandled = Unhandled::Ends(Outcome::Answered);
const FAILS: Unhandled = Unhandled::Ends(Outcome::Failed);

const fn verb(
    kind: VerbKind,
    word: &'static str,
    head: HeadShape,
    form: &'static str,
    about: Term,
) -> VerbRow {
    let (options, outcomes) = (&[] as &[OptionRow], &[] as &[OutcomeRow]);
    VerbRow { kind, word, stands: Stands::Flows, head, options, outcomes, keys: false, form, about }
}

impl VerbRow {
    const fn with(self, options: &'static [OptionRow], outcomes: &'static [OutcomeRow]) -> VerbRow {
        VerbRow { options, outcomes, ..self }
    }

    const fn standing(self, stands: Stands) -> VerbRow {
        VerbRow { stands, ..self }
    }
}

const SKILL: OptionRow = option(
    "skill",
    ValueShape::Skill,
    Need::Many,
    Term::new("what an agent must know, and how well (1 to 9)", "坐席须具备的技能及等级（1–9）"),
);
const PRIORITY: OptionRow = option(
    "priority",
    ValueShape::Number { least: 0, most: 9 },
    Need::Else("the call's"),
    Term::new("who is served first: 9 before 0", "优先级：9 最先，0 最后"),
);
const STICKY: OptionRow = option(
    "sticky",
    ValueShape::Amount { least: secs(60), most: secs(366 * 86_400) },
    Need::Else("no"),
    Term::new("for how long a caller returns to the same agent", "多长时间内回到上次的坐席"),
);
const QUEUE_WAIT: OptionRow = option(
    "wait",
    ValueShape::Amount { least: secs(1), most: secs(3_600) },
    Need::Must("wait 120s"),
    Term::new("how long the caller may wait for an agent", "最长排队时间"),
);
const PREEMPT: OptionRow = option(
    "preempt",
    ValueShape::Flag,
    Need::Else("no"),
    Term::new("when all agents talk, the least urgent call makes room", "坐席全忙时，最不紧急的通话让位"),
);
const QUEUE_OUTCOMES: &[OutcomeRow] = &[
    outcome("answered", ENDS, true, Term::new("an agent answered, talked and hung up", "坐席接听并已挂机")),
    outcome("timeout", Unhandled::Error, false, Term::new("the wait is over", "等待超时")),
    outcome("full", Unhandled::Error, false, Term::new("nobody more may wait", "队列已满")),
    outcome(
        "failed",
        Unhandled::Error,
        false,
        Term::new("the queue cannot be used, or this node has none", "队列不可用，或本节点没有队列功能"),
    ),
];
const DONE_OR_FAILED: Term =
    Term::new("it could not be done, or this node cannot do it", "无法执行，或本节点没有此功能");

/// Verbs that the switch carries out.
pub(super) static VERBS: &[VerbRow] = &[
    verb(
        VerbKind::Queue,
        "queue",
        HeadShape::Ref(Kind::Queue),
        "queue NAME skill NAME >= N priority N sticky TIME wait TIME preempt { OUTCOME, … -> … }",
        Term::new("lets the caller wait for an agent", "排队等候坐席"),
    )
    .with(&[SKILL, PRIORITY, STICKY, QUEUE_WAIT, PREEMPT], QUEUE_OUTCOMES),
    verb(
        VerbKind::Requeue,
        "requeue",
        HeadShape::Ref(Kind::Queue),
        "requeue NAME wait TIME",
        Term::new(
            "into another queue with the place and the priority that the caller has; unhandled, the call ends",
            "带着原有次序和优先级转入另一个队列；未处理的结果结束通话",
        ),
    )
    .with(
        &[option(
            "wait",
            ValueShape::Amount { least: secs(1), most: secs(3_600) },
            Need::Else("300s"),
            Term::new("how long the caller may wait for an agent", "最长排队时间"),
        )],
        &[
            outcome("answered", ENDS, true, Term::new("an agent answered, talked and hung up", "坐席接听并已挂机")),
            outcome("timeout", ENDS, false, Term::new("the wait is over", "等待超时")),
            outcome("full", FAILS, false, Term::new("nobody more may wait", "队列已满")),
            outcome("failed", FAILS, false, DONE_OR_FAILED),
        ],
    ),
    verb(
        VerbKind::Voicemail,
        "voicemail",
        HeadShape::Who,
        "voicemail NAME max TIME prompt PROMPT",
        Term::new("takes a message for a user or a named box", "为用户或信箱录留言"),
    )
    .with(
        &[
            option(
                "max",
                ValueShape::Amount { least: secs(5), most: secs(600) },
                Need::Else("120s"),
                Term::new("the longest message", "留言最长时间"),
            ),
            option(
                "prompt",
                ValueShape::Prompts,
                Need::Else("a tone"),
                Term::new("what the caller hears before the tone", "提示音，之后是嘀声"),
            ),
        ],
        &[
            outcome("recorded", ENDS, true, Term::new("a message was left", "已留言")),
            outcome("empty", ENDS, false, Term::new("nothing was said", "没有说话")),
            outcome("failed", FAILS, false, DONE_OR_FAILED),
        ],
    ),
    verb(
        VerbKind::Callback,
        "callback",
        HeadShape::Nothing,
        "callback keep place { failed -> … }",
        Term::new(
            "notes that the caller is to be called back; with `keep place` in the place that the queue gave",
            "登记回呼；写 `keep place` 时保留排队次序",
        ),
    )
    .with(
        &[
            option(
                "keep",
                ValueShape::Then("place"),
                Need::Else("no"),
                Term::new("the caller keeps the place in the queue", "保留排队次序"),
            ),
            option(
                "within",
                ValueShape::Amount { least: secs(60), most: secs(7 * 86_400) },
                Need::Else("24h"),
                Term::new("until when to try", "多久之内回呼"),
            ),
        ],
        &[
            outcome("booked", ENDS, false, Term::new("it is noted", "已登记")),
            outcome("failed", Unhandled::Error, false, DONE_OR_FAILED),
        ],
    ),
    verb(
        VerbKind::Conference,
        "conference",
        HeadShape::Value,
        "conference \"ROOM\" limit N",
        Term::new("takes the caller into a room with others", "进入会议室"),
    )
    .with(
        &[
            option(
                "limit",
                ValueShape::Count { least: 2, most: 200 },
                Need::Else("32"),
                Term::new("how many may be in it", "人数上限"),
            ),
            option(
                "for",
                ValueShape::Amount { least: secs(60), most: secs(86_400) },
                Need::Else("4h"),
                Term::new("how long a party may stay", "最长停留时间"),
            ),
        ],
        &[
            outcome("left", ENDS, true, Term::new("the room was closed", "会议结束")),
            outcome("full", FAILS, false, Term::new("nobody more may come in", "会议室已满")),
            outcome("failed", FAILS, false, DONE_OR_FAILED),
        ],
    ),
    verb(
        VerbKind::Park,
        "park",
        HeadShape::Perhaps,
        "park \"SLOT\" for TIME",
        Term::new(
            "lets the caller wait in a slot, with music, until somebody dials the slot",
            "驻留到车位并播放音乐，直到有人拨打该车位",
        ),
    )
    .with(
        &[option(
            "for",
            ValueShape::Amount { least: secs(5), most: secs(3_600) },
            Need::Else("120s"),
            Term::new("how long to wait", "最长驻留时间"),
        )],
        &[
            outcome("answered", ENDS, true, Term::new("somebody took the call, and hung up", "有人取回并已挂机")),
            outcome("timeout", ENDS, false, Term::new("nobody came", "无人取回")),
            outcome("failed", FAILS, false, Term::new("no slot is free", "没有空车位")),
        ],
    ),
    verb(
        VerbKind::Pickup,
        "pickup",
        HeadShape::Who,
        "pickup USER",
        Term::new("takes over a call that rings at a user", "代答正在某用户处振铃的来电"),
    )
    .with(
        &[],
        &[
            outcome("answered", ENDS, true, Term::new("taken, talked, and hung up", "已代答并挂机")),
            outcome("failed", FAILS, false, Term::new("nothing rings there", "那里没有来电振铃")),
        ],
    ),
    verb(
        VerbKind::Tag,
        "tag",
        HeadShape::Value,
        "tag \"…\"",
        Term::new("marks the call and its recording", "给通话及其录音打标签"),
    )
    .standing(Stands::Both),
    verb(
        VerbKind::Event,
        "event",
        HeadShape::Named,
        "event NAME \"…\"",
        Term::new("writes an event into the call's record", "在通话记录中写入事件"),
    )
    .standing(Stands::Both),
    verb(
        VerbKind::Notify,
        "notify",
        HeadShape::RefNamed(Kind::Webhook),
        "notify WEBHOOK \"…\" once",
        Term::new("tells an outside system; tried again until it has heard", "通知外部系统，直到对方收到为止"),
    )
    .standing(Stands::Both)
    .with(
        &[option(
            "once",
            ValueShape::Flag,
            Need::Else("every time"),
            Term::new("once in a call, however often it comes by", "一次通话只通知一次"),
        )],
        &[],
    ),
    verb(
        VerbKind::Pop,
        "pop",
        HeadShape::Fields,
        "pop { NAME VALUE, script SCRIPT(VALUE), card CARD }",
        Term::new("what the agent's screen shows before the phone is answered", "接听前在坐席屏幕上显示的内容"),
    ),
    verb(
        VerbKind::Push,
        "push",
        HeadShape::Ref(Kind::Card),
        "push CARD",
        Term::new("puts a card on the agent's screen", "把知识卡片推到坐席屏幕"),
    )
    .standing(Stands::Both),
    verb(
        VerbKind::Language,
        "language",
        HeadShape::Language,
        "language LANG",
        Term::new("the language of all prompts from here on", "此后提示音的语种"),
    ),
    verb(
        VerbKind::Wait,
        "wait",
        HeadShape::Amount,
        "wait TIME",
        Term::new("does nothing for a while, at most a minute", "等待一段时间，最长一分钟"),
    ),
    verb(
        VerbKind::Whisper,
        "whisper",
        HeadShape::Prompts,
        "whisper PROMPT",
        Term::new("plays to the agent alone", "只对坐席播放"),
    )
    .standing(Stands::Reactions),
    verb(
        VerbKind::Show,
        "show",
        HeadShape::PartyText,
        "show agent \"…\"",
        Term::new("puts a text on the agent's screen", "在坐席屏幕上显示文字"),
    )
    .standing(Stands::Reactions),
    verb(
        VerbKind::Mute,
        "mute",
        HeadShape::Party,
        "mute agent for TIME",
        Term::new("lets nobody hear a party for a while; it is recorded all the same", "暂时不让对方听到；录音不受影响"),
    )
    .standing(Stands::Reactions)
    .with(
        &[option(
            "for",
            ValueShape::Amount { least: secs(1), most: secs(600) },
            Need::Else("5s"),
            Term::new("for how long", "时长"),
        )],
        &[],
    ),
    verb(
        VerbKind::Join,
        "join",
        HeadShape::Ref(Kind::Group),
        "join GROUP",
        Term::new("brings one of a group into the call", "请组内一人加入通话"),
    )
    .standing(Stands::Reactions),
    verb(
        VerbKind::Transfer,
        "transfer",
        HeadShape::Flow,
        "transfer FLOW(VALUE, …)",
        Term::new("lets the agent go and the customer walk a flow", "坐席离开，客户转入流程"),
    )
    .standing(Stands::Reactions),
];
