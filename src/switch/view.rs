//! What administrators ask of the switch and what it answers: plain values, ready for a table or for JSON.

use serde::{Deserialize, Serialize};

use crate::base::{CallId, Wall};
use crate::call::trace::Entry;
use crate::call::view::CallView;
use crate::call::{RoomAct, Supervision};
use crate::presence::Waiting;
use crate::registrar::Settings;
use crate::trunk::TrunkView;

/// A question from the admin socket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case")]
pub enum Command {
    /// How the node is.
    Status,
    /// Every registered contact.
    Phones,
    /// The contacts of one user.
    Phone {
        /// The user's name or number.
        user: String,
    },
    /// Every running call.
    Calls,
    /// One running call.
    Call {
        /// Which.
        id: CallId,
    },
    /// The log of a running call.
    Explain {
        /// Which.
        id: CallId,
    },
    /// Begin a call for a user: the user's phones ring, then the plan dials.
    Start {
        /// The user's name or number.
        from: String,
        /// What is dialled.
        to: String,
        /// Ask the phone to answer by itself.
        answers_itself: bool,
    },
    /// End a call.
    Hangup {
        /// Which.
        id: CallId,
    },
    /// These are a user's settings now.
    Settings {
        /// The account's name.
        user: String,
        /// Everything that the user has set.
        settings: Settings,
    },
    /// How every trunk is.
    Trunks,
    /// As `Call`, once the media plane has told what it measures.
    Look {
        /// Which.
        id: CallId,
    },
    /// Bring a user into a running conversation, to listen, whisper, barge in or take over: the user's phones ring.
    Supervise {
        /// Which call.
        id: CallId,
        /// The supervisor: a user's name or number.
        user: String,
        /// To do what.
        how: Supervision,
    },
    /// Lock a conference, mute a party of it, show one out.
    Room {
        /// Which call.
        id: CallId,
        /// What.
        act: RoomAct,
    },
    /// Every ban that lasts.
    Bans,
    /// End bans.
    Forgive {
        /// Of this source: an address; `None`: all of them.
        source: Option<String>,
    },
    /// Forget every contact of a user (removed or locked accounts).
    Unregister {
        /// The user's name.
        user: String,
    },
    /// What waits in a user's mailbox: its phones are told.
    Waiting {
        /// The user's name or number.
        user: String,
        /// How much.
        waiting: Waiting,
    },
    /// Have every phone of a user fetch its configuration.
    Sync {
        /// The user's name or number.
        user: String,
        /// Whether it is to restart.
        reboot: bool,
    },
    /// Take no new calls and end the running ones: the node is going down.
    Drain,
}

/// The switch's answer to a [`Command`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "answer", content = "value", rename_all = "snake_case")]
pub enum Answer {
    /// To [`Command::Status`].
    Status(StatusView),
    /// To [`Command::Phones`] and [`Command::Phone`].
    Phones(Vec<PhoneView>),
    /// To [`Command::Calls`].
    Calls(Vec<CallView>),
    /// To [`Command::Call`].
    Call(CallView),
    /// To [`Command::Explain`].
    Trace(Vec<Entry>),
    /// To [`Command::Sync`]: so many phones were asked.
    Asked(usize),
    /// To [`Command::Trunks`].
    Trunks(Vec<TrunkView>),
    /// To [`Command::Bans`].
    Bans(Vec<BanView>),
    /// To [`Command::Forgive`]: how many bans ended.
    Forgiven(usize),
    /// To [`Command::Start`]: the new call.
    Started(CallId),
    /// The command was carried out.
    Done,
    /// There is no such call or user.
    NotFound,
}

/// How the media plane is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MediaView {
    /// How packets come from the kernel: `epoll` or `io_uring`.
    pub back_end: String,
    /// Threads that relay, and how many of them run.
    pub workers: usize,
    /// See `workers`.
    pub alive: usize,
    /// Open legs.
    pub legs: usize,
    /// Datagrams received since the start.
    pub packets: u64,
    /// Pairs of ports that are free.
    pub free_ports: usize,
}

/// How the node is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StatusView {
    /// The node's name.
    pub node: String,
    /// Since when it runs.
    pub since: Wall,
    /// Running calls.
    pub calls: usize,
    /// Calls since start.
    pub calls_total: u64,
    /// Registered contacts.
    pub contacts: usize,
    /// Accounts.
    pub users: usize,
    /// The media plane; filled in by the shell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media: Option<MediaView>,
    /// The program that new calls start with: first 16 hexadecimal digits of its hash.
    pub program: String,
    /// The emergency plan that is switched on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub emergency: Option<String>,
    /// Whether the recording store takes new recordings.
    pub store_writable: bool,
    /// Octets free in the recording store.
    pub store_free_bytes: u64,
    /// Live SIP transactions.
    pub transactions: usize,
    /// What was not heard, and why.
    pub flood: FloodView,
    /// Live subscriptions of phones: lamps, mailboxes, presence.
    #[serde(default)]
    pub subscriptions: usize,
}

/// What was not heard since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct FloodView {
    /// Bans that last now.
    pub bans: usize,
    /// Wrong passwords.
    pub wrong_passwords: u64,
    /// Messages above a limit.
    pub too_much: u64,
    /// Messages of banned sources.
    pub banned: u64,
    /// Refusals that were not sent because they would have enlarged a flood.
    pub unanswered: u64,
}

/// One ban.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BanView {
    /// The address, or the network of it.
    pub source: String,
    /// The user that is locked there; `None`: the whole source is banned.
    pub user: Option<String>,
    /// Why.
    pub why: String,
    /// Since how many seconds.
    pub age_s: u64,
    /// For how many seconds more.
    pub left_s: u64,
    /// What was refused because of it.
    pub refused: u64,
}

/// One registered contact.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PhoneView {
    /// The account.
    pub user: String,
    /// The contact's URI, its user part masked if it is a long number.
    pub contact: String,
    /// `udp`, `tcp`…
    pub transport: String,
    /// Where its requests come from.
    pub source: String,
    /// Its User-Agent.
    pub agent: String,
    /// Its preference in thousandths, 0 to 1000.
    pub q_thousandths: u16,
    /// The device that it says it is (`+sip.instance`); empty when it says none.
    pub instance: String,
    /// Which of the device's flows it is (RFC 5626).
    pub reg_id: Option<u32>,
    /// Proxies between the switch and the phone.
    pub hops: usize,
    /// `answers`, `dead` or, before its first question, `unasked`.
    pub state: String,
    /// How long its last answer to OPTIONS took, in milliseconds.
    pub round_trip_ms: Option<f64>,
    /// Seconds until the binding lapses.
    pub expires_s: u64,
}
