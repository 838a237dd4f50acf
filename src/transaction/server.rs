//! A server transaction: its place in the figure, the request until it is answered, the response as long as it may be repeated.

use std::time::Duration;

use bytes::Bytes;

use super::figure::Figure;
use super::layer::Output;
use super::{T1, identity, server_invite, server_other, wire};
use crate::sip::{Builder, Flow, Message, Method};

/// One server transaction.
pub(super) struct Server {
    pub figure: Figure,
    /// Where responses go.
    pub flow: Flow,
    pub id: identity::Id,
    pub origin: Option<identity::Id>,
    /// The gap after which timer G last rang.
    pub gap: Duration,
    pub tag: Box<str>,
    pub cancelled: bool,
    /// Until the final answer.
    pub request: Option<Message>,
    pub source: std::net::SocketAddr,
    last: Option<Bytes>,
}

impl Server {
    pub fn new(
        flow: Flow,
        request: Message,
        id: identity::Id,
        origin: Option<identity::Id>,
        tag: Box<str>,
    ) -> Server {
        Server {
            figure: Figure::server(request.is(&Method::Invite)),
            flow: wire::way_back(flow, &request),
            id,
            origin,
            gap: T1,
            tag,
            cancelled: false,
            request: Some(request),
            source: flow.remote,
            last: None,
        }
    }

    pub fn is_invite(&self) -> bool {
        matches!(self.figure, Figure::ServerInvite(_))
    }

    pub fn enter(&mut self, figure: Figure) {
        use server_invite::State as I;
        use server_other::State as O;
        self.figure = figure;
        if !matches!(
            figure,
            Figure::ServerInvite(I::Proceeding) | Figure::ServerOther(O::Trying | O::Proceeding)
        ) {
            self.request = None;
        }
        if matches!(figure, Figure::ServerInvite(I::Confirmed)) {
            self.last = None;
        }
    }

    /// The response with what the layer adds to it.
    pub fn finish(&self, response: Builder) -> Builder {
        let response = if response.status() == Some(100) { response } else { response.to_tag(&self.tag) };
        response.stamp(self.source)
    }

    /// Keeps a response for repetition.
    pub fn keep(&mut self, bytes: Bytes) {
        self.last = Some(bytes);
    }

    pub fn keep_trying(&mut self) {
        if let Some(request) = &self.request {
            self.last = Some(self.finish(Builder::reply_to(request, 100)).build());
        }
    }

    pub fn last_sent(&self) -> Option<Output> {
        let bytes = self.last.clone()?;
        Some(Output::Send { flow: self.flow, bytes })
    }

    /// RFC 3261 §9.1: same Call-ID, From tag and CSeq number; and from the same address. A request that has its final answer can no
    /// longer be compared and has nothing to lose.
    pub fn may_be_cancelled_by(&self, flow: &Flow, cancel: &Message) -> bool {
        let Some(invite) = &self.request else { return true };
        let from_tag = |m: &Message| m.from().and_then(|from| from.tag().map(str::to_string));
        self.source.ip() == flow.remote.ip()
            && invite.call_id() == cancel.call_id()
            && invite.cseq().map(|c| c.number) == cancel.cseq().map(|c| c.number)
            && from_tag(invite) == from_tag(cancel)
    }
}
