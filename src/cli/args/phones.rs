//! Phones, calls and who is kept away.

use clap::{Args, Subcommand};

use crate::base::{CallId, LegId};

/// `phones`
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Phones {
    /// Only those of this user (a name or a number)
    pub user: Option<String>,
    /// What else to do.
    #[command(subcommand)]
    pub more: Option<MorePhones>,
}

/// `phones …`
#[derive(Debug, Subcommand)]
pub enum MorePhones {
    /// Show everything that is known of a user's phones: contacts, transport, user agent, round trip
    Show {
        /// The user: a name or a number
        user: String,
    },
    /// Have every phone of a user fetch its configuration (NOTIFY check-sync)
    Sync {
        /// The user (a name or a number)
        user: String,
        /// Have it restart as well
        #[arg(long)]
        reboot: bool,
    },
    /// Set what waits in a user's mailbox; the lamp of its phones follows
    Waiting {
        /// The user (a name or a number)
        user: String,
        /// Messages not heard yet
        #[arg(long, default_value_t = 0, value_name = "N")]
        new: u32,
        /// Messages heard and kept
        #[arg(long, default_value_t = 0, value_name = "N")]
        old: u32,
        /// Of the new ones: marked urgent
        #[arg(long, default_value_t = 0, value_name = "N")]
        urgent: u32,
    },
}

/// `bans`
#[derive(Debug, Subcommand)]
pub enum Bans {
    /// List them: which source, which user there, why, for how long
    List,
    /// End the bans of a source, or all of them
    Remove {
        /// The source, as `bans list` prints it
        #[arg(required_unless_present = "all")]
        source: Option<String>,
        /// End every ban
        #[arg(long, conflicts_with = "source")]
        all: bool,
    },
}

/// `calls`
#[derive(Debug, Args)]
pub struct Calls {
    /// Go on and print every change as it happens
    #[arg(long)]
    pub watch: bool,
}

/// `call`
#[derive(Debug, Subcommand)]
pub enum Call {
    /// Show a running call and its legs
    Show {
        /// The call, as `calls` prints it
        id: CallId,
    },
    /// Call for a user: the user's phones ring, then the plan dials the number
    Start {
        /// Who calls: a user's name or number
        from: String,
        /// What is dialled, as the user would dial it
        to: String,
        /// Ask the user's phone to answer by itself, on its loudspeaker
        #[arg(long)]
        auto_answer: bool,
    },
    /// Listen in on a conversation: the supervisor's phones ring, and whoever answers hears both and is heard by nobody
    Listen(Supervise),
    /// The same, heard by the agent alone
    Whisper(Supervise),
    /// The same, heard by both
    Barge(Supervise),
    /// Take the agent's place in a conversation; the agent is let go
    TakeOver(Supervise),
    /// Lock a conference: nobody new is let in
    Lock {
        /// The call, as `calls` prints it
        id: CallId,
        /// Open it again
        #[arg(long)]
        off: bool,
    },
    /// Mute a party of a conference
    Mute {
        /// The call, as `calls` prints it
        id: CallId,
        /// The party, as `call show` prints it: `leg2`, or its number
        #[arg(value_parser = leg)]
        leg: LegId,
        /// Let it be heard again
        #[arg(long)]
        off: bool,
    },
    /// Show a party out of a conference
    Kick {
        /// The call, as `calls` prints it
        id: CallId,
        /// The party, as `call show` prints it: `leg2`, or its number
        #[arg(value_parser = leg)]
        leg: LegId,
    },
    /// End a running call
    Hangup {
        /// The call, as `calls` prints it
        id: CallId,
    },
    /// Show what happened in a call, running or over: messages, plan lines, media facts
    Explain {
        /// The call, as `calls`, `rec search` and the log print it
        id: CallId,
    },
}

/// A leg by its name or number.
fn leg(text: &str) -> Result<LegId, String> {
    let number = text.strip_prefix("leg").unwrap_or(text);
    number.parse().map(LegId).map_err(|_| "not a leg: leg0, leg1 …".to_string())
}

/// `call listen`, `whisper`, `barge`, `take-over`
#[derive(Debug, Args)]
pub struct Supervise {
    /// The call, as `calls` prints it
    pub id: CallId,
    /// The supervisor: a user's name or number. One who is in the call already changes over without ringing
    #[arg(long = "as", value_name = "USER")]
    pub user: String,
}
