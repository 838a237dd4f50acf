//! What every request outside a dialog must be before anybody is asked for a password: RFC 3261 §8.2.1 to §8.2.3.
//!
//! Nothing here tells a stranger who has an account.

use crate::call;
use crate::sip::{self, Flow, Message, Method, Name, Scheme};

/// Methods that the switch serves, as `Allow` lists them.
pub(super) const ALLOW: &str = "INVITE, ACK, BYE, CANCEL, OPTIONS, REGISTER, INFO, PRACK, UPDATE, REFER, SUBSCRIBE, NOTIFY, PUBLISH, MESSAGE";

/// Extensions that a request may require: those of registrations.
pub(super) const SUPPORTED: &[&str] = &["path", "outbound", "gruu"];

/// What a request is refused with, and the header that says why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refused {
    pub status: u16,
    pub header: Option<(Name<'static>, String)>,
}

impl Refused {
    fn new(status: u16) -> Refused {
        Refused { status, header: None }
    }

    fn with(status: u16, name: Name<'static>, value: impl Into<String>) -> Refused {
        Refused { status, header: Some((name, value.into())) }
    }
}

/// Checks a request outside a dialog.
///
/// # Errors
/// The refusal: 416 for a scheme, 420 for an extension, 415 and 406 for bodies, 501 for a method.
pub(super) fn check(request: &Message, flow: &Flow) -> Result<(), Refused> {
    let method = request.method().ok_or_else(|| Refused::new(400))?;
    if matches!(method, Method::Other(_)) {
        return Err(Refused::with(501, Name::Allow, ALLOW));
    }
    scheme(request, flow)?;
    extensions(request)?;
    encoding(request)?;
    if *method == Method::Invite { session(request) } else { Ok(()) }
}

/// A `sips` URI came over TLS or somebody on its way has cheated (RFC 3261 §26.2.2).
fn scheme(request: &Message, flow: &Flow) -> Result<(), Refused> {
    match request.request_uri().map(|uri| uri.scheme()) {
        Some(Scheme::Sip | Scheme::Tel) => Ok(()),
        Some(Scheme::Sips) if flow.transport.is_secure() => Ok(()),
        _ => Err(Refused::new(416)),
    }
}

fn extensions(request: &Message) -> Result<(), Refused> {
    let known: Vec<&str> = call::OPTIONS.iter().chain(SUPPORTED).copied().collect();
    let mut unknown = sip::unsupported_options(request, Name::Require, &known);
    unknown.extend(sip::unsupported_options(request, Name::ProxyRequire, &[]));
    if unknown.is_empty() { Ok(()) } else { Err(Refused::with(420, Name::Unsupported, unknown.join(", "))) }
}

/// Bodies come as they are: nothing is unpacked, so nothing can unfold (RFC 3261 §20.12; reliability class 24).
fn encoding(request: &Message) -> Result<(), Refused> {
    let packed = |coding: &[u8]| !coding.eq_ignore_ascii_case(b"identity");
    match request.list(Name::ContentEncoding).any(packed) {
        true => Err(Refused::with(415, Name::AcceptEncoding, "identity")),
        false => Ok(()),
    }
}

/// An INVITE's body is SDP in clear, or absent; its sender takes SDP; its hops are not used up.
fn session(request: &Message) -> Result<(), Refused> {
    if request.max_forwards() == Some(0) {
        return Err(Refused::new(483));
    }
    if !request.body().is_empty() && !request.has_sdp() {
        return Err(Refused::with(415, Name::Accept, "application/sdp"));
    }
    if !sip::accepts(request, "application/sdp") {
        return Err(Refused::new(406));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::Transport;

    fn request(method: &str, uri: &str, lines: &str) -> Message {
        let text = format!(
            "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKx\r\nFrom: <sip:a@x>;tag=1\r\nTo: <sip:b@x>\r\n\
             Call-ID: 1\r\nCSeq: 1 {method}\r\n{lines}\r\n"
        );
        Message::parse(text.into()).expect("well formed")
    }

    fn over(transport: Transport) -> Flow {
        let [local, remote] = ["192.0.2.9:5060", "192.0.2.1:5060"].map(|at| at.parse().expect("an address"));
        Flow { transport, local, remote, connection: 0 }
    }

    #[test]
    fn a_sips_uri_is_taken_from_tls_only() {
        let request = request("INVITE", "sips:b@x", "");
        for (transport, taken) in [(Transport::Udp, false), (Transport::Tcp, false), (Transport::Tls, true)] {
            assert_eq!(check(&request, &over(transport)).is_ok(), taken, "{transport}");
        }
    }

    #[test]
    fn a_request_is_refused_for_what_is_wrong_with_it() {
        for (method, uri, lines, status) in [
            ("INVITE", "sip:b@x", "", None),
            ("INVITE", "tel:+8613800000000", "", None),
            ("PING", "sip:b@x", "", Some(501)),
            ("OPTIONS", "gopher:x", "", Some(416)),
            ("OPTIONS", "sip:b@x", "Require: teleport\r\n", Some(420)),
            ("OPTIONS", "sip:b@x", "Max-Forwards: 0\r\n", None),
            ("INVITE", "sip:b@x", "Max-Forwards: 0\r\n", Some(483)),
            ("INVITE", "sip:b@x", "Accept: text/html\r\n", Some(406)),
            ("INVITE", "sip:b@x", "Content-Encoding: gzip\r\n", Some(415)),
        ] {
            let outcome = check(&request(method, uri, lines), &over(Transport::Udp))
                .err()
                .map(|refused| refused.status);
            assert_eq!(outcome, status, "{method} {uri} {lines}");
        }
    }

    #[test]
    fn an_unknown_body_is_told_what_would_do() {
        let invite = request("INVITE", "sip:b@x", "Content-Type: text/plain\r\nContent-Length: 0\r\n");
        assert_eq!(check(&invite, &over(Transport::Udp)), Ok(()));
        let mut text = invite.as_bytes().to_vec();
        text.truncate(text.len() - 2);
        let text = String::from_utf8(text).expect("ASCII").replace("Content-Length: 0", "Content-Length: 2")
            + "\r\nhi";
        let message = Message::parse(text.into()).expect("well formed");
        let refused = check(&message, &over(Transport::Udp)).expect_err("unknown body");
        assert_eq!(refused, Refused::with(415, Name::Accept, "application/sdp"));
    }
}
