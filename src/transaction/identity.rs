//! What makes messages belong together: RFC 3261 §17.1.3 and §17.2.3, with RFC 2543's rules for peers without unique branches.
//!
//! Invariant: identities of different kinds never collide: each begins with an octet of its own, and each part with its length.

use std::net::IpAddr;

use crate::sip::{Host, Message, Method, Name};

/// The octets that equal messages share.
pub(super) type Id = Box<[u8]>;

/// Joins parts, each behind its length, so that no two lists of parts are the same octets.
fn join(kind: u8, parts: &[&[u8]]) -> Id {
    let len = parts.iter().map(|part| part.len() + 4).sum::<usize>() + 1;
    let mut id = Vec::with_capacity(len);
    id.push(kind);
    for part in parts {
        id.extend_from_slice(&(part.len() as u32).to_be_bytes());
        id.extend_from_slice(part);
    }
    id.into_boxed_slice()
}

/// The server transaction that `request` belongs to. `method` is INVITE for an ACK or CANCEL that looks for its INVITE.
///
/// With a unique branch: branch, sent-by and method. Without: Request-URI, From tag, Call-ID, CSeq number, method and the whole
/// topmost Via. (RFC 2543's rules also compare the To tag; an ACK's has one that its INVITE lacks, and CSeq tells re-INVITEs apart.)
pub(super) fn of_request(request: &Message, method: Option<&Method>) -> Id {
    let method = method.map_or("", Method::as_str).as_bytes();
    let via = request.top_via();
    if let Some((branch, via)) = via.as_ref().and_then(|via| via.unique_branch().map(|branch| (branch, via)))
    {
        let port = via.port.map(u16::to_be_bytes);
        let port = port.as_ref().map_or(&[][..], |port| &port[..]);
        let rest = |kind, host: &[u8]| join(kind, &[method, branch.as_bytes(), host, port]);
        return match via.host {
            Host::Name(name) => rest(b'b', name.to_ascii_lowercase().as_bytes()),
            Host::Ip(IpAddr::V4(ip)) => rest(b'4', &ip.octets()),
            Host::Ip(IpAddr::V6(ip)) => rest(b'6', &ip.octets()),
        };
    }
    let number = request.cseq().map_or(0, |cseq| cseq.number).to_be_bytes();
    let tag = request.from_tag().unwrap_or("");
    let via = request.list(Name::Via).next().unwrap_or(&[]);
    let parts = [
        method,
        request.request_uri_raw(),
        tag.as_bytes(),
        request.call_id().unwrap_or(&[]),
        via,
        &number[..],
    ];
    join(b'o', &parts)
}

/// The client transaction that a response belongs to, or that a request of ours will have: branch and CSeq method.
pub(super) fn of_answer(message: &Message) -> Option<Id> {
    let via = message.top_via()?;
    Some(join(b'c', &[message.cseq()?.method.as_str().as_bytes(), via.branch()?.as_bytes()]))
}

/// What all copies of one request have in common however often a proxy forked it (RFC 3261 §8.2.2.2): From tag, Call-ID and CSeq.
/// `None` for requests within a dialog.
pub(super) fn of_origin(request: &Message) -> Option<Id> {
    if request.to_tag().is_some() {
        return None;
    }
    let cseq = request.cseq()?;
    let tag = request.from_tag().unwrap_or("").as_bytes();
    Some(join(b'f', &[cseq.method.as_str().as_bytes(), &cseq.number.to_be_bytes(), tag, request.call_id()?]))
}
