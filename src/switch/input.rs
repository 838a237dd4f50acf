//! What comes into the core.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;

use crate::base::{CallId, LegId, Masked, Wall};
use crate::plan::{Program, RouteId};
use crate::registrar::Directory;
use crate::sip::{Flow, Transport};
use crate::{call, locate, media, speech, trunk, vault};

use super::view::Command;

/// One thing that happened outside.
#[derive(Debug)]
pub enum Input {
    /// One datagram, or one message that the framer cut from a stream.
    Message {
        /// How it came. `local` is the address that it was sent to, never an unspecified one.
        flow: Flow,
        /// The octets.
        raw: Bytes,
    },
    /// A stream ended or could not be opened, or the network said that a UDP peer is not there.
    FlowClosed {
        /// Which.
        flow: Flow,
    },
    /// The media plane reports.
    Media(media::News),
    /// The vault reports.
    Vault(vault::News),
    /// A user's page was opened, or the last one closed ([`super::Output::Page`]).
    Page {
        /// The account.
        user: String,
        /// Opened.
        open: bool,
    },
    /// A recogniser that listens to a leg ([`super::Output::Listen`]) reports.
    Speech {
        /// Whose leg.
        call: CallId,
        /// Which.
        leg: LegId,
        /// What there is to tell.
        news: speech::News,
    },
    /// New calls are to start with this program. Running calls keep theirs, but for words that it marks urgent.
    Program(Arc<Program>),
    /// The emergency plan of this name is switched on: its routes are asked before all others, for whatever is dialled from now
    /// on. `None`: none is.
    Emergency(Option<Arc<str>>),
    /// The accounts have changed.
    Directory(Arc<Directory>),
    /// The trunks, as configured, and where the node listens.
    Trunks {
        /// Every trunk.
        rules: Vec<trunk::Rules>,
        /// Every listener.
        listeners: Vec<(Transport, SocketAddr)>,
    },
    /// The answer to [`super::Output::Ask`].
    Answered {
        /// The question's ticket.
        ticket: u64,
        /// The answer; [`locate::Answer::Nothing`] also when there was none in time.
        answer: locate::Answer,
    },
    /// The answer to [`super::Output::LookUp`].
    Found(call::Answered),
    /// What the machine's clock says; at start, then every few seconds.
    Clock {
        /// The time for people.
        wall: Wall,
    },
    /// A recording is to be heard on a phone.
    Playback {
        /// Comes back with the answer.
        ticket: u64,
        /// The new call.
        call: CallId,
        /// Whose phones ring: a name or a number.
        user: String,
        /// What the phone shows.
        label: Masked,
        /// The plan that plays it, which the call is pinned to.
        program: Arc<Program>,
        /// Its route.
        route: RouteId,
    },
    /// An administrator asks.
    Command {
        /// Comes back with the answer.
        ticket: u64,
        /// What.
        command: Command,
    },
}
