//! The messages that the layer writes itself, and the way a response takes back.

use crate::base::Random;
use crate::sip::{Builder, Flow, Message, Method, Name};

/// A branch that no other transaction has: RFC 3261's cookie and 100 random bits.
pub(super) fn branch(random: &mut Random) -> String {
    ["z9hG4bK", &random.token(20)].concat()
}

/// Our Via for a request over `flow`; over UDP it asks for the source port (RFC 3581).
pub(super) fn via(flow: &Flow, branch: &str) -> String {
    let rport = if flow.transport.is_reliable() { "" } else { ";rport" };
    format!("SIP/2.0/{} {};branch={branch}{rport}", flow.transport, flow.local)
}

/// Where the response to `request` goes (RFC 3261 §18.2.2, RFC 3581 §4): on a stream its connection, over UDP the address it came
/// from, at the source port if `rport` asks for it, else at sent-by's.
///
/// DEVIATES: `maddr` is ignored. It would let anybody aim our answers at a third party.
pub(super) fn way_back(flow: Flow, request: &Message) -> Flow {
    match request.top_via() {
        Some(via) if !flow.transport.is_reliable() && !via.wants_rport() => {
            let mut back = flow;
            back.remote.set_port(via.port.unwrap_or(flow.transport.default_port()));
            back
        }
        _ => flow,
    }
}

/// The ACK of a failure (RFC 3261 §17.1.1.3): the INVITE's Request-URI, Via, Route, From, Call-ID and CSeq number, the response's To.
pub(super) fn ack(invite: &Message, response: &Message) -> Option<Builder> {
    Some(hop_by_hop(invite, &Method::Ack)?.header(Name::To, response.header(Name::To)?))
}

/// The CANCEL of an INVITE (RFC 3261 §9.1): as [`ack`], with the INVITE's own To.
pub(super) fn cancel(invite: &Message) -> Option<Builder> {
    Some(hop_by_hop(invite, &Method::Cancel)?.header(Name::To, invite.header(Name::To)?))
}

fn hop_by_hop(invite: &Message, method: &Method) -> Option<Builder> {
    let uri = std::str::from_utf8(invite.request_uri_raw()).ok()?;
    let number = invite.cseq()?.number;
    Some(
        Builder::request(method, uri)
            .header(Name::Via, invite.list(Name::Via).next()?)
            .copy(invite, Name::Route)
            .header(Name::MaxForwards, "70")
            .header(Name::From, invite.header(Name::From)?)
            .header(Name::CallId, invite.call_id()?)
            .header(Name::CSeq, format!("{number} {method}")),
    )
}
