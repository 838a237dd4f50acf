//! What a machine asks of its call, and what the call replies.
//!
//! Invariant: every `Ask` names one reply kind that resumes it; numbers and keys travel masked.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::civil::Date;

use crate::base::{Masked, PromptId};

use super::deed::{Deed, Ended};
use super::lookup::Lookup;
use super::value::{Money, Pin, Value};

/// What the call must do next. Exactly one [`Reply`] resumes the machine.
#[derive(Debug, Clone, PartialEq)]
pub enum Ask {
    /// Answer the caller if not yet answered, play `prompts` one after another to the end; keys do not interrupt.
    /// `notice` marks the policy's notice. Replied to with [`Reply::Played`].
    Play {
        /// The sounds, in order; never empty.
        prompts: Arc<[PromptId]>,
        /// Whether this is the notice that the call's policy wants before media.
        notice: bool,
    },
    /// As [`Ask::Play`], of prompts and spoken values. Replied to with [`Reply::Played`].
    Say {
        /// In order; never empty.
        parts: Vec<Part>,
    },
    /// Answer the caller if not yet answered, play `prompts` until the first key, and take keys.
    /// Replied to with [`Reply::Keys`] (or [`Reply::Secret`], when they are one) or [`Reply::NoKeys`].
    Collect {
        /// The sounds, in order; never empty. The first key stops them.
        prompts: Arc<[PromptId]>,
        /// Fewer keys than this are an answer all the same; the machine judges them.
        min: u8,
        /// Taking stops as soon as this many keys (1 and more) are there, `end` not counted.
        max: u8,
        /// How long to wait for the first key once the prompts have ended.
        first: Duration,
        /// How long to wait for each further key.
        between: Duration,
        /// The key that ends the entry and is not part of it.
        end: Option<char>,
        /// The keys are a secret: not logged, not recorded, not relayed.
        secret: bool,
    },
    /// Ring all of `targets` at once for at most `ring` and join the first that answers.
    /// When the caller is not yet answered, the call rings through: early media and progress pass, and the caller is
    /// answered when a target answers. Replied to with [`Reply::Dialled`].
    Dial {
        /// Whom to ring; 1 to [`FORKS`](crate::base::bounds::FORKS).
        targets: Arc<[Target]>,
        /// How long to ring.
        ring: Duration,
        /// One after another; `None`: all at once, and a group of the node's as it is configured.
        turns: Option<Turns>,
    },
    /// Ask a system outside. Replied to with [`Reply::Found`], or [`Reply::Did`] with [`Ended::Timeout`] or
    /// [`Ended::Failed`].
    Lookup {
        /// What is asked.
        lookup: Arc<Lookup>,
        /// The values that it takes, in order.
        values: Vec<Value>,
    },
    /// Do something else for the call. Replied to with [`Reply::Did`]; a node that cannot replies [`Ended::Failed`].
    Do(Deed),
    /// End the call. A machine that has asked this asks it again for ever.
    Hangup {
        /// What the caller is told when not yet answered, and what the call's record says.
        cause: Cause,
    },
}

impl Ask {
    /// Whether this ask answers the caller and opens audio between the caller and the switch.
    pub fn answers(&self) -> bool {
        match self {
            Ask::Play { .. } | Ask::Say { .. } | Ask::Collect { .. } => true,
            Ask::Do(deed) => deed.answers(),
            Ask::Dial { .. } | Ask::Lookup { .. } | Ask::Hangup { .. } => false,
        }
    }
}

/// How targets are rung one after another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Turns {
    /// By turns: who is first changes from call to call. Otherwise always in order.
    pub robin: bool,
    /// How long each rings.
    pub each: Duration,
}

/// A part of what is said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// A sound.
    Prompt(PromptId),
    /// A value, by the rules of a language.
    Value {
        /// `zh`, `en`
        lang: Arc<str>,
        /// What.
        what: Spoken,
    },
}

/// A value that can be spoken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Spoken {
    /// A whole number.
    Number(i64),
    /// Digit by digit.
    Digits(Masked),
    /// An amount.
    Money(Money),
    /// A day.
    Date(Date),
}

/// What resumes a machine.
#[derive(Debug, Clone, PartialEq)]
pub enum Reply {
    /// The call begins: the first reply, once.
    Start,
    /// The prompts of [`Ask::Play`] have ended.
    Played,
    /// The keys of [`Ask::Collect`], without the end key; may be fewer than `min` (or none, if only the end key came).
    Keys(Masked),
    /// The keys of a secret [`Ask::Collect`].
    Secret(Pin),
    /// No key came within `first`.
    NoKeys,
    /// How [`Ask::Dial`] ended.
    Dialled(Outcome),
    /// What [`Ask::Lookup`] was answered: the declared fields, in order.
    Found(Arc<[Value]>),
    /// How [`Ask::Do`] or a failed [`Ask::Lookup`] ended.
    Did(Ended),
}

/// How a dial ended, seen from the caller who is still there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Outcome {
    /// Somebody answered and was joined; now the far side has hung up and the caller is still there.
    Answered,
    /// Busy: 486, 600.
    Busy,
    /// Nobody answered within the time: 408, 480 after ringing, 487.
    NoAnswer,
    /// Declined by a person: 603, 403.
    Rejected,
    /// The user exists and has no phone registered, or none could be reached: 480 without ringing.
    Unreachable,
    /// There is no such user or number: 404, 484, 604.
    Unknown,
    /// Anything else: 5xx, no common codec, transport.
    Failed,
}

impl Outcome {
    /// Every outcome, in the order of the manual.
    pub const ALL: [Outcome; 7] = [
        Outcome::Answered,
        Outcome::Busy,
        Outcome::NoAnswer,
        Outcome::Rejected,
        Outcome::Unreachable,
        Outcome::Unknown,
        Outcome::Failed,
    ];

    /// The word of the plan language.
    pub const fn word(self) -> &'static str {
        match self {
            Outcome::Answered => "answered",
            Outcome::Busy => "busy",
            Outcome::NoAnswer => "no-answer",
            Outcome::Rejected => "rejected",
            Outcome::Unreachable => "unreachable",
            Outcome::Unknown => "unknown",
            Outcome::Failed => "failed",
        }
    }

    /// The cause with which the call ends where the plan does not handle this outcome.
    pub const fn cause(self) -> Cause {
        match self {
            Outcome::Answered => Cause::Normal,
            Outcome::Busy => Cause::Busy,
            Outcome::NoAnswer => Cause::NoAnswer,
            Outcome::Rejected => Cause::Rejected,
            Outcome::Unreachable => Cause::Unreachable,
            Outcome::Unknown => Cause::Unknown,
            Outcome::Failed => Cause::Failed,
        }
    }
}

/// Why the plan ends a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Cause {
    /// The plan is done.
    Normal,
    /// Busy.
    Busy,
    /// Nobody answered.
    NoAnswer,
    /// Declined.
    Rejected,
    /// Cannot be reached now.
    Unreachable,
    /// No such number.
    Unknown,
    /// The caller may not call this.
    Forbidden,
    /// The switch failed.
    Failed,
}

impl Cause {
    /// Every cause, in the order of the manual.
    pub const ALL: [Cause; 8] = [
        Cause::Normal,
        Cause::Busy,
        Cause::NoAnswer,
        Cause::Rejected,
        Cause::Unreachable,
        Cause::Unknown,
        Cause::Forbidden,
        Cause::Failed,
    ];

    /// The word of the plan language, as in `hangup busy`.
    pub const fn word(self) -> &'static str {
        match self {
            Cause::Normal => "normal",
            Cause::Busy => "busy",
            Cause::NoAnswer => "no-answer",
            Cause::Rejected => "rejected",
            Cause::Unreachable => "unreachable",
            Cause::Unknown => "unknown",
            Cause::Forbidden => "forbidden",
            Cause::Failed => "failed",
        }
    }

    /// The SIP status for a caller who is not yet answered (RFC 3261 §21). After a failed dial the call may pass the
    /// far side's own status on instead. `Normal` without an answer is 480: the plan chose not to answer.
    pub const fn status(self) -> u16 {
        match self {
            Cause::Normal | Cause::NoAnswer | Cause::Unreachable => 480,
            Cause::Busy => 486,
            Cause::Rejected => 603,
            Cause::Unknown => 404,
            Cause::Forbidden => 403,
            Cause::Failed => 500,
        }
    }
}

/// Whom a dial rings.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Target {
    /// A user of this switch, by name or by one of the user's numbers.
    User(Masked),
    /// A ring group of the configuration, by its name.
    Group(Masked),
    /// A number, as dialled: a user's number.
    Number(Masked),
    /// A number out over a trunk, or over one of a group of trunks.
    Trunk {
        /// The trunk's or the group's name.
        trunk: Arc<str>,
        /// The number, before the trunk's own rules.
        number: Masked,
    },
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::User(name) => write!(f, "user {name}"),
            Target::Group(name) => write!(f, "group {name}"),
            Target::Number(number) => write!(f, "number {number}"),
            Target::Trunk { trunk, number } => write!(f, "trunk {trunk} number {number}"),
        }
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
