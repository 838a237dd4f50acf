//! A message: the octets as they came and where its parts lie in them.
//!
//! Invariant: every offset lies within the octets, so that a view never fails; [`Message::as_bytes`] is exactly what came.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use smallvec::SmallVec;

use super::address::{NameAddr, tag_of};
use super::digest::Authorization;
use super::method::Method;
use super::name::{Code, Name};
use super::refusal::{Malformed, Refusal};
use super::scan::{self, Commas, trim};
use super::uri::Uri;
use super::via::Via;

/// One SIP message. Cloning counts a reference; nothing is copied.
#[derive(Clone)]
pub struct Message(pub(super) Arc<Parts>);

/// Where everything lies.
#[derive(Clone)]
pub(super) struct Parts {
    /// As it came, cut to its Content-Length.
    pub(super) raw: Bytes,
    /// The same octets with the CRLF of every folded line replaced by two spaces; `None` when no line is folded.
    pub(super) unfolded: Option<Bytes>,
    pub(super) start: Start,
    pub(super) lines: SmallVec<[Line; 24]>,
    /// Where the empty line ends and the body begins.
    pub(super) body: u32,
}

#[derive(Clone)]
pub(super) enum Start {
    Request { method: Method, uri: Range<u32>, version: Range<u32> },
    Response { status: u16, reason: Range<u32> },
}

/// One header field.
#[derive(Clone, Copy)]
pub(super) struct Line {
    pub(super) code: Code,
    /// The name begins here (offsets count from the message's first octet).
    pub(super) name: u32,
    pub(super) name_end: u32,
    pub(super) value: u32,
    pub(super) value_end: u32,
}

/// A header field as it stands in a message. `Debug` shows the name only.
#[derive(Clone, Copy)]
pub struct Field<'a> {
    /// The name.
    pub name: Name<'a>,
    /// The value without white space at its ends, folds replaced by spaces; any octets.
    pub value: &'a [u8],
}

impl fmt::Debug for Field<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} octets", self.name, self.value.len())
    }
}

/// A CSeq value (RFC 3261 §20.16).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CSeq {
    /// The sequence number.
    pub number: u32,
    /// The method.
    pub method: Method,
}

impl Message {
    /// Reads one datagram (or one message that [`super::framing::Framer`] has cut from a stream).
    ///
    /// Empty lines in front are skipped. A Content-Length shorter than what follows cuts it; without one the body is all of the
    /// rest. Folded lines, compact names, white space before the colon and any octets in values are read. `raw` is kept, not copied.
    ///
    /// # Errors
    /// [`Refusal`]: 400 for a start-line, header or length that cannot be read, 505 for another version than SIP/2.0, 513 above
    /// [`crate::base::bounds::MESSAGE_BYTES`]; [`Refusal::is_silent`] tells what is dropped without an answer. Values of single
    /// headers are not looked at here: [`super::validate`] does.
    pub fn parse(raw: Bytes) -> Result<Message, Refusal> {
        super::parse::message(raw)
    }

    /// [`Message::parse`], then [`super::validate`].
    ///
    /// # Errors
    /// As both.
    pub fn receive(raw: Bytes) -> Result<Message, Refusal> {
        let message = Message::parse(raw)?;
        super::validate(&message)?;
        Ok(message)
    }

    /// The octets as they came.
    pub fn as_bytes(&self) -> &Bytes {
        &self.0.raw
    }

    fn text(&self) -> &[u8] {
        self.0.unfolded.as_ref().unwrap_or(&self.0.raw)
    }

    fn slice(&self, from: u32, to: u32) -> &[u8] {
        self.text().get(from as usize..to as usize).unwrap_or(&[])
    }

    /// Whether it is a request.
    pub fn is_request(&self) -> bool {
        matches!(self.0.start, Start::Request { .. })
    }

    /// A request's method; `None` for a response.
    pub fn method(&self) -> Option<&Method> {
        match &self.0.start {
            Start::Request { method, .. } => Some(method),
            Start::Response { .. } => None,
        }
    }

    /// Whether it is a request of `method`.
    pub fn is(&self, method: &Method) -> bool {
        self.method() == Some(method)
    }

    /// A response's status, 100–699; `None` for a request.
    pub fn status(&self) -> Option<u16> {
        match self.0.start {
            Start::Response { status, .. } => Some(status),
            Start::Request { .. } => None,
        }
    }

    /// A response's reason phrase as it came (any octets, often UTF-8); empty for a request.
    pub fn reason(&self) -> &[u8] {
        match &self.0.start {
            Start::Response { reason, .. } => self.slice(reason.start, reason.end),
            Start::Request { .. } => &[],
        }
    }

    /// The Request-URI as it came; empty for a response.
    pub fn request_uri_raw(&self) -> &[u8] {
        match &self.0.start {
            Start::Request { uri, .. } => self.slice(uri.start, uri.end),
            Start::Response { .. } => &[],
        }
    }

    /// The Request-URI. `None` for a response, or when [`super::validate`] would refuse it.
    pub fn request_uri(&self) -> Option<Uri<'_>> {
        Uri::parse(self.request_uri_raw()).ok()
    }

    /// The version of a request line as it came (`SIP/2.0`).
    pub fn version(&self) -> &[u8] {
        match &self.0.start {
            Start::Request { version, .. } => self.slice(version.start, version.end),
            Start::Response { .. } => b"SIP/2.0",
        }
    }

    /// All header fields in their order.
    pub fn fields(&self) -> impl Iterator<Item = Field<'_>> + Clone {
        self.0
            .lines
            .iter()
            .map(|line| Field { name: self.name_of(line), value: self.slice(line.value, line.value_end) })
    }

    fn name_of(&self, line: &Line) -> Name<'_> {
        line.code.name().unwrap_or_else(|| {
            Name::Other(std::str::from_utf8(self.slice(line.name, line.name_end)).unwrap_or(""))
        })
    }

    /// The values of all fields called `name`, in their order, as they stand (lists are not cut).
    pub fn headers<'a>(&'a self, name: Name<'a>) -> impl Iterator<Item = &'a [u8]> + Clone {
        let name = if let Name::Other(text) = name { Name::of(text) } else { name };
        let code = name.code();
        self.0
            .lines
            .iter()
            .filter(move |line| line.code == code && (code != Code::Other || self.name_of(line) == name))
            .map(|line| self.slice(line.value, line.value_end))
    }

    /// The value of the first field called `name`.
    pub fn header<'a>(&'a self, name: Name<'a>) -> Option<&'a [u8]> {
        self.headers(name).next()
    }

    /// The value of the first field called `name`, as text; `None` when missing or not UTF-8.
    pub fn header_str<'a>(&'a self, name: Name<'a>) -> Option<&'a str> {
        self.header(name).and_then(|v| std::str::from_utf8(v).ok())
    }

    /// The elements of a list header over all its fields: cut at commas outside quotes and angle brackets, trimmed. Empty
    /// elements are left out ([`super::validate`] refuses them where they matter).
    pub fn list<'a>(&'a self, name: Name<'a>) -> impl Iterator<Item = &'a [u8]> + Clone {
        self.headers(name).flat_map(Commas::new).filter(|part| !part.is_empty())
    }

    /// Whether a list header of tokens (Supported, Require, Allow …) has `token`, in any case.
    pub fn lists<'a>(&'a self, name: Name<'a>, token: &str) -> bool {
        self.list(name).any(|part| part.eq_ignore_ascii_case(token.as_bytes()))
    }

    /// The Via values, topmost first; malformed ones are left out ([`super::validate`] refuses them).
    pub fn vias(&self) -> impl Iterator<Item = Via<'_>> {
        self.list(Name::Via).filter_map(|v| Via::parse(v).ok())
    }

    /// The topmost Via. `None` also when it is malformed.
    pub fn top_via(&self) -> Option<Via<'_>> {
        self.list(Name::Via).next().and_then(|v| Via::parse(v).ok())
    }

    /// From.
    pub fn from(&self) -> Option<NameAddr<'_>> {
        self.header(Name::From).and_then(|v| NameAddr::parse(v).ok())
    }

    /// To.
    pub fn to(&self) -> Option<NameAddr<'_>> {
        self.header(Name::To).and_then(|v| NameAddr::parse(v).ok())
    }

    /// The tag of From. Of a message that [`super::validate`] takes it is what [`Message::from`] says, for less.
    pub fn from_tag(&self) -> Option<&str> {
        self.header(Name::From).and_then(tag_of)
    }

    /// The tag of To, likewise.
    pub fn to_tag(&self) -> Option<&str> {
        self.header(Name::To).and_then(tag_of)
    }

    /// Call-ID, as octets: they compare octet by octet (RFC 3261 §20.8).
    pub fn call_id(&self) -> Option<&[u8]> {
        self.header(Name::CallId)
    }

    /// CSeq.
    pub fn cseq(&self) -> Option<CSeq> {
        self.header(Name::CSeq).and_then(|v| cseq(v).ok())
    }

    /// The contacts, malformed ones left out. `Contact: *` yields none: ask [`Message::contact_is_star`].
    pub fn contacts(&self) -> impl Iterator<Item = NameAddr<'_>> {
        self.addresses(Name::Contact)
    }

    /// Whether the Contact is `*` (all bindings; RFC 3261 §10.2.2).
    pub fn contact_is_star(&self) -> bool {
        self.list(Name::Contact).any(|v| v == b"*")
    }

    /// The Route values in their order.
    pub fn routes(&self) -> impl Iterator<Item = NameAddr<'_>> {
        self.addresses(Name::Route)
    }

    /// The Record-Route values in their order.
    pub fn record_routes(&self) -> impl Iterator<Item = NameAddr<'_>> {
        self.addresses(Name::RecordRoute)
    }

    /// The name-addresses of any list header (P-Asserted-Identity, Diversion, Refer-To …), malformed ones left out.
    pub fn addresses<'a>(&'a self, name: Name<'a>) -> impl Iterator<Item = NameAddr<'a>> {
        self.list(name).filter_map(|v| NameAddr::parse(v).ok())
    }

    /// Max-Forwards, `0..=255`.
    pub fn max_forwards(&self) -> Option<u8> {
        self.header(Name::MaxForwards).and_then(scan::decimal).and_then(|n| u8::try_from(n).ok())
    }

    /// Expires in seconds; saturates at `u32::MAX`. `None` when missing or not a number.
    pub fn expires(&self) -> Option<u32> {
        self.header_str(Name::Expires).and_then(seconds)
    }

    /// The credentials of every Authorization field (one each; RFC 3261 §20.7), unknown schemes among them.
    pub fn authorizations(&self) -> impl Iterator<Item = Authorization<'_>> {
        self.headers(Name::Authorization).filter_map(|v| Authorization::parse(v).ok())
    }

    /// The credentials of every Proxy-Authorization field.
    pub fn proxy_authorizations(&self) -> impl Iterator<Item = Authorization<'_>> {
        self.headers(Name::ProxyAuthorization).filter_map(|v| Authorization::parse(v).ok())
    }

    /// The media type of the body without its parameters, as written: `application/sdp`. Compare without case.
    pub fn content_type(&self) -> Option<&str> {
        let value = self.header_str(Name::ContentType)?;
        Some(value.split(';').next().unwrap_or(value).trim())
    }

    /// Whether the body is `application/sdp`.
    pub fn has_sdp(&self) -> bool {
        !self.body().is_empty()
            && self.content_type().is_some_and(|t| t.eq_ignore_ascii_case("application/sdp"))
    }

    /// The body; any octets.
    pub fn body(&self) -> &[u8] {
        self.0.raw.get(self.0.body as usize..).unwrap_or(&[])
    }

    /// The body as shared octets, not copied.
    pub fn body_bytes(&self) -> Bytes {
        let from = (self.0.body as usize).min(self.0.raw.len());
        self.0.raw.slice(from..)
    }
}

/// Reads a CSeq value.
pub(super) fn cseq(value: &[u8]) -> Result<CSeq, Malformed> {
    let cut =
        value.iter().position(|&c| scan::is_lws(c)).ok_or(Malformed("CSeq is not a number and a method"))?;
    let number = scan::decimal(value.get(..cut).unwrap_or(&[])).and_then(|n| u32::try_from(n).ok());
    let number = number.ok_or(Malformed("CSeq number is out of range"))?;
    let method = Method::from_bytes(trim(value.get(cut..).unwrap_or(&[])))?;
    Ok(CSeq { number, method })
}

/// Seconds, saturating at `u32::MAX`.
pub(super) fn seconds(text: &str) -> Option<u32> {
    let digits = text.trim().as_bytes();
    scan::is_digits(digits)
        .then(|| scan::decimal(digits).and_then(|n| u32::try_from(n).ok()).unwrap_or(u32::MAX))
}

impl fmt::Debug for Message {
    /// The kind only: a message is full of personal data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.start {
            Start::Request { method, .. } => write!(f, "{method} ({} octets)", self.0.raw.len()),
            Start::Response { status, .. } => write!(f, "{status} ({} octets)", self.0.raw.len()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(fields: &str) -> Message {
        Message::parse(format!("OPTIONS sip:a SIP/2.0\r\n{fields}\r\nl: 2\r\n\r\nhi, there").into()).unwrap()
    }

    #[test]
    fn lists_run_over_fields_and_commas() {
        let m = with(
            "m: \"A, B\" <sip:a@h>;q=0.5, <sip:b@h>\r\nX: 1\r\nCONTACT:\r\n  sip:c@h\r\nm:\r\nAllow: INVITE,ack , BYE",
        );
        let contacts: Vec<_> = m.contacts().map(|c| c.uri().as_str().to_string()).collect();
        assert_eq!(contacts, ["sip:a@h", "sip:b@h", "sip:c@h"]);
        assert_eq!(m.headers(Name::Contact).count(), 3);
        assert_eq!(m.headers(Name::Other("contact")).count(), 3);
        assert!(m.lists(Name::Allow, "ACK") && !m.lists(Name::Allow, "AC"));
        assert_eq!((m.body(), m.body_bytes().len()), (&b"hi"[..], 2));
        assert_eq!(m.as_bytes().len(), m.as_bytes().windows(2).position(|w| w == b"hi").unwrap() + 2);
    }

    #[test]
    fn numbers_saturate_or_are_not_there() {
        let m = with("Expires: 4294967296\r\nMax-Forwards: 256\r\nCSeq: 4294967296 OPTIONS");
        assert_eq!((m.expires(), m.max_forwards(), m.cseq()), (Some(u32::MAX), None, None));
        let m = with("Expires: soon\r\nMax-Forwards: 0070\r\nCSeq: 0004294967295\tOPTIONS");
        assert_eq!((m.expires(), m.max_forwards()), (None, Some(70)));
        assert_eq!(m.cseq(), Some(CSeq { number: u32::MAX, method: Method::Options }));
    }

    #[test]
    fn the_media_type_stands_without_its_parameters() {
        assert!(with("c: Application/SDP ;charset=utf-8").has_sdp());
        assert!(!with("c: application/sdpx").has_sdp());
        assert_eq!(with("c: text/plain;x").content_type(), Some("text/plain"));
    }

    #[test]
    fn a_clone_shares_the_octets() {
        let m = with("X: 1");
        assert_eq!(m.clone().as_bytes().as_ptr(), m.as_bytes().as_ptr());
        assert_eq!(m.body_bytes().as_ptr(), m.body().as_ptr());
        assert_eq!(format!("{m:?}"), format!("OPTIONS ({} octets)", m.as_bytes().len()));
    }
}
