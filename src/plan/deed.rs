//! What a plan has its switch do besides talking and ringing, and how it ended.
//!
//! Invariant: every text in a deed is made for people: numbers and names in it are masked.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::base::{Masked, PromptId};

use super::declared::{Card, Queue, Webhook};

/// A deed of [`Ask::Do`](super::Ask::Do).
#[derive(Debug, Clone, PartialEq)]
pub enum Deed {
    /// Mark the call and its recording.
    Tag(Arc<str>),
    /// Write an event into the call's record.
    Event {
        /// Its name.
        name: Arc<str>,
        /// What there is to say of it.
        text: Option<Arc<str>>,
    },
    /// Tell an outside system, until it has heard.
    Notify {
        /// Which.
        webhook: Arc<Webhook>,
        /// What to say.
        text: Option<Arc<str>>,
        /// Once in a call.
        once: bool,
    },
    /// Show this on the agent's screen, before the phone is answered.
    Pop(Vec<Shows>),
    /// Put a card on the agent's screen.
    Push(Arc<Card>),
    /// Do nothing for so long.
    Wait(Duration),
    /// Let the caller wait for an agent.
    Queue(Box<Queueing>),
    /// Take a message.
    Voicemail {
        /// For whom.
        mailbox: Masked,
        /// How long it may be.
        longest: Duration,
        /// What is played before the tone; may be empty.
        prompts: Arc<[PromptId]>,
    },
    /// Note that the caller is to be called back.
    Callback {
        /// With the place in the queue that the caller has.
        keep: bool,
        /// Until when to try.
        within: Duration,
    },
    /// Take the caller into a room with others.
    Conference {
        /// Which.
        room: Masked,
        /// How many may be in it.
        limit: u16,
        /// How long the caller may stay.
        longest: Duration,
    },
    /// Let the caller wait in a slot.
    Park {
        /// Which; `None`: any that is free.
        slot: Option<Masked>,
        /// For how long.
        wait: Duration,
    },
    /// Take over a call that rings at a user.
    Pickup {
        /// Whose.
        user: Masked,
    },
    /// Bring people in to listen, before anybody is reached.
    Monitors {
        /// How many.
        count: u8,
        /// Of whom.
        group: Arc<str>,
        /// How long that may take.
        within: Duration,
    },
    /// Play to the agent alone.
    Whisper(Arc<[PromptId]>),
    /// Show a text on a party's screen.
    Show {
        /// The agent's, or the customer's.
        agent: bool,
        /// What.
        text: Arc<str>,
    },
    /// Let nobody hear a party for a while.
    Mute {
        /// The agent, or the customer.
        agent: bool,
        /// For how long.
        time: Duration,
    },
    /// Bring one of a group into the call.
    Join {
        /// Of whom.
        group: Arc<str>,
    },
}

/// What a queue is asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Queueing {
    /// Which queue.
    pub queue: Arc<Queue>,
    /// Skills that an agent must have, and how well.
    pub skills: Vec<(Arc<str>, u8)>,
    /// 9 before 0.
    pub priority: u8,
    /// For how long a caller returns to the same agent.
    pub sticky: Option<Duration>,
    /// How long the caller may wait.
    pub wait: Duration,
    /// Whether the least urgent call makes room when all agents talk.
    pub preempt: bool,
    /// Whether the caller keeps the place of another queue.
    pub again: bool,
}

/// A line of an agent's screen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shows {
    /// A value under its name.
    Value(Arc<str>, Arc<str>),
    /// A script: its name, version and text.
    Script(Arc<str>, Arc<str>, Arc<str>),
    /// A script that has no version in force: it cannot be used.
    Lapsed(Arc<str>),
    /// A card.
    Card(Arc<Card>),
}

/// How a deed or a lookup ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Ended {
    /// It is done.
    Done,
    /// Somebody answered, talked, and is gone; the caller is still there.
    Answered,
    /// The time is over.
    Timeout,
    /// No room.
    Full,
    /// A message was left.
    Recorded,
    /// Nothing was said.
    Empty,
    /// It is noted.
    Booked,
    /// The room was closed.
    Left,
    /// It could not be done, or this node cannot do it.
    Failed,
}

impl Ended {
    /// Every ending.
    pub const ALL: [Ended; 9] = [
        Ended::Done,
        Ended::Answered,
        Ended::Timeout,
        Ended::Full,
        Ended::Recorded,
        Ended::Empty,
        Ended::Booked,
        Ended::Left,
        Ended::Failed,
    ];

    /// The word of the plan language.
    pub const fn word(self) -> &'static str {
        match self {
            Ended::Done => "done",
            Ended::Answered => "answered",
            Ended::Timeout => "timeout",
            Ended::Full => "full",
            Ended::Recorded => "recorded",
            Ended::Empty => "empty",
            Ended::Booked => "booked",
            Ended::Left => "left",
            Ended::Failed => "failed",
        }
    }
}

impl Deed {
    /// The verb of the plan language.
    pub const fn word(&self) -> &'static str {
        match self {
            Deed::Tag(_) => "tag",
            Deed::Event { .. } => "event",
            Deed::Notify { .. } => "notify",
            Deed::Pop(_) => "pop",
            Deed::Push(_) => "push",
            Deed::Wait(_) => "wait",
            Deed::Queue(_) => "queue",
            Deed::Voicemail { .. } => "voicemail",
            Deed::Callback { .. } => "callback",
            Deed::Conference { .. } => "conference",
            Deed::Park { .. } => "park",
            Deed::Pickup { .. } => "pickup",
            Deed::Monitors { .. } => "monitors",
            Deed::Whisper(_) => "whisper",
            Deed::Show { .. } => "show",
            Deed::Mute { .. } => "mute",
            Deed::Join { .. } => "join",
        }
    }

    /// Whether it answers the caller and opens audio.
    pub const fn answers(&self) -> bool {
        matches!(
            self,
            Deed::Queue(_)
                | Deed::Voicemail { .. }
                | Deed::Conference { .. }
                | Deed::Park { .. }
                | Deed::Pickup { .. }
        )
    }
}

impl fmt::Display for Shows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Shows::Value(name, value) => write!(f, "{name} {value}"),
            Shows::Script(name, version, text) => write!(f, "script {name} {version}: {text}"),
            Shows::Lapsed(name) => write!(f, "script {name} has no version in force"),
            Shows::Card(card) => write!(f, "card {}", card.title),
        }
    }
}
