//! What a plan means once it is checked: names are indices, defaults are filled in, types are right.
//!
//! Invariant: made only of what was found without error; [`emit`](super::emit) can flatten it without asking again.

use std::sync::Arc;
use std::time::Duration;

use crate::base::{Masked, PromptId};

use super::ask::{Cause, Target};
use super::ast::{Compare, Strategy};
use super::calendar::Calendar;
use super::declared::{Card, Declared, Queue, Webhook};
use super::file::Span;
use super::pattern::Pattern;
use super::policy::{Beside, OnFailure, Record, RetentionClass, Rules};
use super::program::{Origin, PromptRef};
use super::value::{Shown, Value};
use super::verb::VerbRow;

/// A whole checked plan.
#[derive(Debug, Default)]
pub(crate) struct Resolved {
    pub prompts: Vec<PromptRef>,
    pub calendars: Vec<(Arc<str>, Calendar)>,
    pub policies: Vec<PolicyRule>,
    pub routes: Vec<Route>,
    pub flows: Vec<Flow>,
    /// Values that the largest flow or route needs at once.
    pub slots: usize,
    /// What else is declared.
    pub declared: Declared,
    /// For each policy, who must listen before people are reached.
    pub monitors: Vec<Option<Monitors>>,
    /// Codes that parties press, each with its reaction.
    pub features: Vec<(Arc<str>, u32)>,
    pub reactions: Vec<Reaction>,
    pub tests: Vec<super::test::Test>,
    /// What holds for texts between users.
    pub texts: super::texts::TextRules,
}

/// A policy with the calls that it is about.
#[derive(Debug, Clone)]
pub(crate) struct PolicyRule {
    pub name: Arc<str>,
    pub at: Span,
    pub from: Origins,
    /// Empty: whatever was dialled.
    pub to: Vec<Pattern>,
    pub record: Record,
    pub beside: Beside,
    pub class: Option<Arc<RetentionClass>>,
    pub notice: Sounds,
    /// Of a call of at least this priority the recording may fail.
    pub from_priority: Option<u8>,
    pub rules: Rules,
}

impl PolicyRule {
    /// What is recorded of a call of this priority.
    pub fn record_at(&self, priority: u8) -> Record {
        match (self.record, self.from_priority) {
            (Record::All { .. }, Some(least)) => {
                let on_failure = if priority >= least { OnFailure::Continue } else { OnFailure::Refuse };
                Record::All { on_failure }
            }
            (record, _) => record,
        }
    }
}

/// Who must listen before people are reached.
#[derive(Debug)]
pub(crate) struct Monitors {
    pub condition: Option<Condition>,
    pub count: u8,
    pub group: Arc<str>,
    pub within: Duration,
    pub at: Span,
    pub otherwise: Vec<Step>,
}

/// What is done when something happens in a conversation.
#[derive(Debug)]
pub(crate) struct Reaction {
    pub at: Span,
    pub body: Vec<Step>,
}

/// A stretch of time in microseconds since 1970: `from` is in it, `until` is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Window {
    pub from: i64,
    pub until: i64,
}

impl Window {
    pub const ALWAYS: Window = Window { from: i64::MIN, until: i64::MAX };

    pub fn holds(self, at: crate::base::Wall) -> bool {
        (self.from..self.until).contains(&at.as_micros())
    }

    pub fn meets(self, other: Window) -> bool {
        self.from < other.until && other.from < self.until
    }
}

/// A set of origins.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Origins {
    pub anyone: bool,
    pub users: bool,
    pub trunks: Vec<Arc<str>>,
}

impl Origins {
    pub const fn anyone() -> Origins {
        Origins { anyone: true, users: true, trunks: Vec::new() }
    }

    pub fn holds(&self, origin: &Origin) -> bool {
        match origin {
            _ if self.anyone => true,
            Origin::Users => self.users,
            Origin::Trunk(name) => self.trunks.contains(name),
        }
    }

    pub fn within(&self, other: &Origins) -> bool {
        let users = !self.users || other.users;
        other.anyone || (!self.anyone && users && self.trunks.iter().all(|name| other.trunks.contains(name)))
    }

    pub fn meets(&self, other: &Origins) -> bool {
        let both_users = self.users && other.users;
        self.anyone && other.some()
            || other.anyone && self.some()
            || both_users
            || self.trunks.iter().any(|name| other.trunks.contains(name))
    }

    fn some(&self) -> bool {
        self.anyone || self.users || !self.trunks.is_empty()
    }

    /// Grows strictly with inclusion.
    pub fn rank(&self) -> usize {
        if self.anyone { usize::MAX } else { usize::from(self.users) + self.trunks.len() }
    }
}

/// A route of one pattern.
#[derive(Debug)]
pub(crate) struct Route {
    pub at: Span,
    pub written: Arc<str>,
    pub pattern: Pattern,
    pub from: Origins,
    pub body: Arc<Vec<Step>>,
    /// The emergency plan that it belongs to.
    pub emergency: Option<Arc<str>>,
    /// How urgent its calls are before anything is known of them.
    pub priority: u8,
}

/// A flow.
#[derive(Debug)]
pub(crate) struct Flow {
    pub at: Span,
    pub body: Vec<Step>,
    pub priority: Option<u8>,
    pub window: Window,
    /// The other versions of the same name; only the first version has them.
    pub later: Vec<usize>,
}

/// A statement.
#[derive(Debug)]
pub(crate) struct Step {
    pub at: Span,
    pub kind: StepKind,
}

#[derive(Debug)]
pub(crate) enum StepKind {
    Play { sounds: Sounds },
    Say { parts: Vec<PartSource> },
    Menu(Menu),
    Collect(Collect),
    Dial(Dial),
    If { condition: Condition, then: Vec<Step>, otherwise: Vec<Step> },
    Let { slot: u16, value: Operand },
    Lookup(Lookup),
    Language { lang: Arc<str> },
    Do(Do),
    Go { flow: usize, arguments: Vec<Operand> },
    Hangup(Cause),
}

/// `let c = lookup 客户(caller) else …`
#[derive(Debug)]
pub(crate) struct Lookup {
    /// Its index among the declared lookups.
    pub lookup: usize,
    pub arguments: Vec<Operand>,
    pub slot: Option<u16>,
    pub otherwise: Otherwise,
}

#[derive(Debug)]
pub(crate) enum Otherwise {
    /// Goes on as if nothing had been asked.
    Nothing,
    Values(Operand),
    Goes(Vec<Step>),
}

/// A verb that the switch carries out.
#[derive(Debug)]
pub(crate) struct Do {
    pub row: &'static VerbRow,
    pub deed: DeedSource,
    /// In the order of the row's outcomes.
    pub outcomes: Vec<Option<usize>>,
    pub bodies: Bodies,
}

/// What a verb does, once its values are known.
#[derive(Debug, Clone)]
pub(crate) enum DeedSource {
    Tag(Operand),
    Event {
        name: Arc<str>,
        text: Option<Operand>,
    },
    Notify {
        webhook: Arc<Webhook>,
        text: Option<Operand>,
        once: bool,
    },
    Pop(Arc<[PopSource]>),
    Push(Arc<Card>),
    Wait(Duration),
    Queue {
        queue: Arc<Queue>,
        skills: Arc<[(Arc<str>, Operand)]>,
        priority: Option<Operand>,
        sticky: Option<Duration>,
        wait: Duration,
        preempt: bool,
        again: bool,
    },
    Voicemail {
        mailbox: Operand,
        longest: Duration,
        sounds: Sounds,
    },
    Callback {
        keep: bool,
        within: Duration,
    },
    Conference {
        room: Operand,
        limit: u16,
        longest: Duration,
    },
    Park {
        slot: Option<Operand>,
        wait: Duration,
    },
    Pickup {
        user: Operand,
    },
    Whisper {
        sounds: Sounds,
    },
    Show {
        agent: bool,
        text: Operand,
    },
    Mute {
        agent: bool,
        time: Duration,
    },
    Join {
        group: Arc<str>,
    },
    Transfer {
        flow: usize,
        arguments: Arc<[Operand]>,
    },
}

/// A field of an agent's screen.
#[derive(Debug, Clone)]
pub(crate) enum PopSource {
    /// Its name, the value and how it is shown.
    Value(Arc<str>, Operand, Shown),
    /// All fields of a record.
    Record(Arc<str>, Operand, Arc<[(Arc<str>, Option<Shown>)]>),
    Script(usize, Arc<[Operand]>),
    Card(Arc<Card>),
}

/// What is played: known before any call, or only in one.
#[derive(Debug, Clone)]
pub(crate) enum Sounds {
    Fixed(Arc<[PromptId]>),
    /// By language and by time.
    Live(Arc<[LiveSound]>),
}

impl Sounds {
    /// The sounds at `wall` in `lang`, without those that have no version in force.
    pub fn at(&self, lang: Option<&Arc<str>>, wall: crate::base::Wall) -> Arc<[PromptId]> {
        match self {
            Sounds::Fixed(prompts) => prompts.clone(),
            Sounds::Live(live) => live.iter().filter_map(|sound| sound.at(lang, wall)).collect(),
        }
    }

    /// As [`at`](Self::at), and where no version is in force the last: for what must be said whatever the day.
    pub fn at_or_last(&self, wall: crate::base::Wall) -> Vec<PromptId> {
        let last = |sound: &LiveSound| Some(sound.versions.last()?.1.first()?.1);
        match self {
            Sounds::Fixed(prompts) => prompts.to_vec(),
            Sounds::Live(live) => {
                live.iter().filter_map(|sound| sound.at(None, wall).or(last(sound))).collect()
            }
        }
    }

    pub fn is_empty(&self) -> bool {
        match self {
            Sounds::Fixed(prompts) => prompts.is_empty(),
            Sounds::Live(sounds) => sounds.is_empty(),
        }
    }
}

/// A sound for each language.
pub(crate) type Spoken = Vec<(Arc<str>, PromptId)>;

/// A prompt whose sound depends on the call.
#[derive(Debug, Clone)]
pub(crate) struct LiveSound {
    /// The language when the call has not chosen one that is there.
    pub spoken: Arc<str>,
    pub versions: Vec<(Window, Spoken)>,
}

impl LiveSound {
    fn at(&self, lang: Option<&Arc<str>>, wall: crate::base::Wall) -> Option<PromptId> {
        let (_, sounds) = self.versions.iter().rev().find(|(window, _)| window.holds(wall))?;
        let of = |lang: &Arc<str>| sounds.iter().find(|(known, _)| known == lang).map(|(_, id)| *id);
        lang.and_then(of).or_else(|| of(&self.spoken)).or(sounds.first().map(|(_, id)| *id))
    }
}

/// A part of what is said.
#[derive(Debug, Clone)]
pub(crate) enum PartSource {
    Sounds(Sounds),
    /// A value, and the language when the call has not chosen one.
    Value(Operand, Arc<str>),
}

/// The bodies of arms; outcomes point into them.
pub(crate) type Bodies = Vec<Vec<Step>>;

#[derive(Debug)]
pub(crate) struct Menu {
    pub sounds: Sounds,
    pub wait: Duration,
    pub tries: u8,
    pub keys: Vec<(char, usize)>,
    pub none: usize,
    pub wrong: usize,
    pub bodies: Bodies,
}

#[derive(Debug)]
pub(crate) struct Collect {
    pub sounds: Sounds,
    pub secret: bool,
    pub slot: u16,
    pub least: u8,
    pub most: u8,
    pub wait: Duration,
    pub between: Duration,
    pub end: char,
    pub tries: u8,
    pub none: usize,
    pub wrong: usize,
    pub bodies: Bodies,
}

#[derive(Debug)]
pub(crate) struct Dial {
    pub targets: Vec<TargetSource>,
    pub ring: Duration,
    /// One after another, each for so long.
    pub turns: Option<(Strategy, Duration)>,
    /// By the order of [`Outcome::ALL`](super::Outcome::ALL); `None`: the call ends with the outcome's cause.
    pub outcomes: [Option<usize>; 7],
    pub bodies: Bodies,
}

/// Whom to ring, once the value is known.
#[derive(Debug, Clone)]
pub(crate) struct TargetSource {
    pub whom: Whom,
    pub who: Operand,
}

/// What a dialled value is the name or number of.
#[derive(Debug, Clone)]
pub(crate) enum Whom {
    User,
    Group,
    Number,
    /// Over this trunk or group of trunks.
    Trunk(Arc<str>),
}

impl Whom {
    /// The one of this kind who is called so.
    pub fn of(&self, who: Masked) -> Target {
        match self {
            Whom::Trunk(trunk) => Target::Trunk { trunk: Arc::clone(trunk), number: who },
            Whom::User => Target::User(who),
            Whom::Group => Target::Group(who),
            Whom::Number => Target::Number(who),
        }
    }
}

impl TargetSource {
    /// Whom it means in every call, if that is known before any.
    pub fn fixed(&self) -> Option<Target> {
        match &self.who {
            Operand::Fixed(Value::Text(who)) => Some(self.whom.of(who.clone())),
            _ => None,
        }
    }
}

/// Where a value comes from.
#[derive(Debug, Clone)]
pub(crate) enum Operand {
    Slot(u16),
    /// A field of a record in a slot.
    Field(u16, u16),
    Caller,
    CallerName,
    Callee,
    /// How urgent the call is.
    Priority,
    /// What was said that a screen has found.
    Matched,
    /// A field of what a lookup has answered last in this call.
    Fact(u16, u16),
    Fixed(Value),
    /// A text that people see.
    Text(Arc<[Piece]>),
    /// A text that is dialled or asked with.
    Joined(Arc<[Piece]>),
    Choose(Box<(Condition, Operand, Operand)>),
    Record(Arc<[Operand]>),
}

/// A piece of a text.
#[derive(Debug, Clone)]
pub(crate) enum Piece {
    Text(Arc<str>),
    Value(Operand, Shown),
}

/// A condition.
#[derive(Debug, Clone)]
pub(crate) enum Condition {
    Any(Vec<Condition>),
    All(Vec<Condition>),
    Not(Box<Condition>),
    Open(usize),
    Is(Operand),
    Compare(Compare, Operand, Operand),
    Matches(Operand, Pattern),
}

impl Condition {
    /// Every operand in it.
    pub fn operands(&self) -> Vec<&Operand> {
        match self {
            Condition::Any(all) | Condition::All(all) => all.iter().flat_map(Condition::operands).collect(),
            Condition::Not(inner) => inner.operands(),
            Condition::Open(_) => Vec::new(),
            Condition::Is(operand) | Condition::Matches(operand, _) => vec![operand],
            Condition::Compare(_, left, right) => vec![left, right],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_sets() {
        let users = Origins { users: true, ..Origins::default() };
        let trunk = Origins { trunks: vec!["a".into()], ..Origins::default() };
        let both = Origins { users: true, ..trunk.clone() };
        let anyone = Origins::anyone();
        for (a, b, within, meets) in [
            (&users, &anyone, true, true),
            (&anyone, &users, false, true),
            (&users, &trunk, false, false),
            (&trunk, &both, true, true),
            (&both, &users, false, true),
            (&Origins::default(), &anyone, true, false),
        ] {
            assert_eq!((a.within(b), a.meets(b)), (within, meets), "{a:?} {b:?}");
            assert!(!within || a.rank() < b.rank());
        }
        assert!(trunk.holds(&Origin::Trunk("a".into())) && !trunk.holds(&Origin::Users));
    }
}
