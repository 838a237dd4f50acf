//! A client transaction: its place in the figure, and as much of its request as that place still needs.
//!
//! Invariant: the request is held only while it may be sent again, acknowledged or cancelled.

use std::time::Duration;

use bytes::Bytes;

use super::figure::Figure;
use super::large::Datagram;
use super::{T1, client_invite, identity, wire};
use crate::sip::{Builder, Flow, Message, Method, Name};

/// How far a CANCEL has come.
enum Cancelling {
    /// Nobody wants one.
    No,
    /// Wanted; waits for a provisional response (RFC 3261 §9.1). With the value of its Reason header.
    Wanted(Option<Box<str>>),
    /// Sent.
    Sent,
}

/// One client transaction.
pub(super) struct Client {
    pub figure: Figure,
    pub flow: Flow,
    pub id: identity::Id,
    /// The gap after which timer A or E last rang.
    pub gap: Duration,
    /// How to go on when the stream fails that it took for its size.
    pub fallback: Option<Datagram>,
    /// Whether the layer started it for itself (a CANCEL): the user hears nothing of it.
    pub own: bool,
    request: Option<Message>,
    ack: Option<Bytes>,
    cancelling: Cancelling,
}

impl Client {
    pub fn new(flow: Flow, request: Message, id: identity::Id, own: bool) -> Client {
        let figure = Figure::client(request.is(&Method::Invite));
        Client {
            figure,
            flow,
            id,
            gap: T1,
            own,
            fallback: None,
            request: Some(request),
            ack: None,
            cancelling: Cancelling::No,
        }
    }

    /// Takes another way with the same request under another Via.
    pub fn go_over(&mut self, flow: Flow, request: Message) {
        (self.flow, self.request, self.gap) = (flow, Some(request), T1);
    }

    pub fn enter(&mut self, figure: Figure) {
        use client_invite::State::*;
        self.figure = figure;
        self.fallback = None;
        if matches!(figure, Figure::ClientInvite(Accepted | Terminated)) {
            self.request = None;
        }
    }

    pub fn request_bytes(&self) -> Option<Bytes> {
        self.request.as_ref().map(|request| request.as_bytes().clone())
    }

    /// The ACK of a failure, made from the first one and the same for its repetitions.
    pub fn ack(&mut self, response: &Message) -> Option<Bytes> {
        if let Some(request) = self.request.take() {
            self.ack = wire::ack(&request, response).map(Builder::build);
        }
        self.ack.clone()
    }

    /// Notes that a CANCEL is wanted; says whether it may go at once.
    pub fn want_cancel(&mut self, reason: Option<&str>) -> bool {
        if matches!(self.cancelling, Cancelling::No) {
            self.cancelling = Cancelling::Wanted(reason.map(Into::into));
        }
        self.cancel_is_due()
    }

    pub fn cancel_is_due(&self) -> bool {
        matches!(self.cancelling, Cancelling::Wanted(_))
            && self.figure == Figure::ClientInvite(client_invite::State::Proceeding)
    }

    pub fn take_cancel(&mut self) -> Option<Builder> {
        let request = self.request.as_ref()?;
        match std::mem::replace(&mut self.cancelling, Cancelling::Sent) {
            Cancelling::Wanted(reason) => {
                let cancel = wire::cancel(request)?;
                Some(match reason {
                    Some(reason) => cancel.header(Name::Reason, reason.as_bytes()),
                    None => cancel,
                })
            }
            _ => None,
        }
    }
}
