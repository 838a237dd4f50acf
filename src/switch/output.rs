//! What the core wants of the world.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;

use crate::base::{CallId, LegId, Masked};
use crate::call::view::Happening;
use crate::call::{Notice, Question};
use crate::call::{Page, Spoken, Transcript};
use crate::presence::Report;
use crate::registrar::Settings;
use crate::sip::Flow;
use crate::speech::Wanted;
use crate::{locate, media, vault};

use super::view::Answer;

/// One thing to do outside.
#[derive(Debug)]
pub enum Output {
    /// Send a SIP message. A stream flow with connection 0: use a connection to that remote, or open one.
    Send {
        /// Where to.
        flow: Flow,
        /// One whole message.
        bytes: Bytes,
    },
    /// Ask the DNS: [`super::Input::Answered`].
    Ask {
        /// Comes back with the answer.
        ticket: u64,
        /// The question.
        question: locate::Question,
    },
    /// Whoever is connected to there under TLS must prove this name (RFC 5922).
    Expect {
        /// Where.
        remote: SocketAddr,
        /// The name.
        name: Arc<str>,
    },
    /// Ask a system outside: [`super::Input::Found`].
    LookUp(Box<Question>),
    /// Tell a system outside, until it has heard.
    Post(Box<Notice>),
    /// Tell the media plane.
    Media(media::Order),
    /// Tell the vault.
    Vault(vault::Order),
    /// Let a recogniser listen to a leg, or no longer: [`super::Input::Speech`]. Whatever hinders it is told as
    /// [`speech::News::Deaf`](crate::speech::News::Deaf).
    Listen {
        /// Whose leg.
        call: CallId,
        /// Which.
        leg: LegId,
        /// What for: from now on, or, of somebody who is listened to already, anew. `None`: no longer.
        wanted: Option<Wanted>,
    },
    /// Gauge a leg's voice by loudness, or no longer: [`super::Input::Speech`] with
    /// [`speech::News::Spoke`](crate::speech::News::Spoke).
    Gauge {
        /// Whose leg.
        call: CallId,
        /// Which.
        leg: LegId,
        /// From now on; else no longer.
        begins: bool,
    },
    /// What a user's page shows of a call from now on; only of users whose pages are open ([`super::Input::Page`]).
    Page {
        /// The account.
        user: Masked,
        /// The call.
        call: CallId,
        /// `None`: nothing any more.
        page: Option<Box<Page>>,
    },
    /// Keep what was said beside its recording.
    Transcribed(Box<Transcript>),
    /// Somebody spoke words that a policy names, or what was known of them has changed: for log and audit book.
    Spoken {
        /// In which call.
        call: CallId,
        /// Which words.
        spoken: Box<Spoken>,
    },
    /// Answer an administrator.
    Answer {
        /// The command's ticket.
        ticket: u64,
        /// What to tell.
        answer: Box<Answer>,
    },
    /// Write a line to the log. It holds no number and no name.
    Log {
        /// Whether somebody should be woken.
        grave: bool,
        /// The line.
        text: String,
    },
    /// A user has set something: it is to be kept.
    Settings {
        /// The account's name.
        user: String,
        /// Everything that the user has set now.
        settings: Settings,
    },
    /// A call began, rings, talks or ended: for the log and for whoever watches.
    Happened(Box<Happening>),
    /// A call was refused before it began: one line for the log.
    Refused {
        /// Who called, as far as it was proved, or as a trunk says.
        caller: Masked,
        /// What was dialled.
        dialled: Masked,
        /// With which status.
        status: u16,
        /// Why.
        why: &'static str,
    },
    /// Something was done for somebody beside calls: one line for the log.
    Report(Report),
}
