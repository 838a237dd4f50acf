//! Messages written. Whatever values are given, no line but the intended ones comes out.

use std::fmt::{self, Write as _};
use std::net::SocketAddr;

use bytes::Bytes;

use super::address::tag_of;
use super::message::Message;
use super::method::Method;
use super::name::Name;
use super::refusal::Refusal;
use super::scan;
use super::status::reason_of;
use super::via::Via;

/// Writes one request or response.
///
/// Header fields stand in the order they are added; Content-Type and Content-Length come last and are the builder's own.
/// CR and LF in any value become spaces, a field whose name is no token is left out, what no URI may hold is escaped: injecting a
/// line is impossible.
#[derive(Clone, Debug)]
pub struct Builder {
    start: Vec<u8>,
    /// The reason phrase of a response, apart because it may still change.
    reason: Option<String>,
    fields: Vec<u8>,
    /// Where in `fields` a tag would be added to a To that has none.
    untagged_to: Option<usize>,
    content_type: Option<Vec<u8>>,
    body: Bytes,
}

impl Builder {
    /// A request line: `method uri SIP/2.0`. White space and control characters in `uri` are `%`-escaped.
    pub fn request(method: &Method, uri: &str) -> Builder {
        let mut start = Vec::with_capacity(64);
        start.extend(method.as_str().bytes().map(|c| if scan::is_token(&[c]) { c } else { b'-' }));
        start.push(b' ');
        for c in uri.bytes() {
            match c {
                0..=b' ' | 0x7f | b'<' | b'>' | b'"' => {
                    start.extend_from_slice(format!("%{c:02X}").as_bytes())
                }
                c => start.push(c),
            }
        }
        start.extend_from_slice(b" SIP/2.0");
        Builder::new(start, None)
    }

    /// A status line with the default reason phrase of `status` ([`reason_of`]). Statuses outside 100–699 become 500.
    pub fn response(status: u16) -> Builder {
        let status = if (100..700).contains(&status) { status } else { 500 };
        let mut start = b"SIP/2.0 ".to_vec();
        start.extend([status / 100, status / 10 % 10, status % 10].map(|digit| b'0' + digit as u8));
        start.push(b' ');
        Builder::new(start, Some(reason_of(status).into_owned()))
    }

    /// The answer to `request` (RFC 3261 §8.2.6.2): all Via, From, To, Call-ID, CSeq copied, for 100 also Timestamp. Add the tag
    /// with [`Builder::to_tag`]; a Record-Route, where a dialog begins, with [`Builder::copy`].
    pub fn reply_to(request: &Message, status: u16) -> Builder {
        let mut reply = Builder::response(status);
        reply = reply.copy(request, Name::Via).copy(request, Name::From);
        if let Some(to) = request.header(Name::To) {
            reply = reply.header(Name::To, to);
            if tag_of(to).is_none() {
                reply.untagged_to = Some(reply.fields.len().saturating_sub(2));
            }
        }
        for name in [Name::CallId, Name::CSeq] {
            if let Some(value) = request.header(name) {
                reply = reply.header(name, value);
            }
        }
        if status == 100 { reply.copy(request, Name::Timestamp) } else { reply }
    }

    fn new(start: Vec<u8>, reason: Option<String>) -> Builder {
        Builder {
            start,
            reason,
            fields: Vec::with_capacity(1_024),
            untagged_to: None,
            content_type: None,
            body: Bytes::new(),
        }
    }

    /// Another reason phrase. No effect on a request.
    pub fn reason(mut self, phrase: &str) -> Builder {
        if let Some(reason) = &mut self.reason {
            *reason = phrase.replace(['\r', '\n'], " ");
        }
        self
    }

    /// Adds `;tag=tag` to the To that [`Builder::reply_to`] copied, unless it has a tag already.
    pub fn to_tag(mut self, tag: &str) -> Builder {
        if let Some(at) = self.untagged_to.take().filter(|at| *at <= self.fields.len()) {
            let mut addition = b";tag=".to_vec();
            push_clean(&mut addition, tag.as_bytes());
            replace(&mut self.fields, at, 0, &addition);
        }
        self
    }

    /// Adds a header field. Content-Length is the builder's own and is left out, in whatever spelling.
    pub fn header(mut self, name: Name<'_>, value: impl AsRef<[u8]>) -> Builder {
        let name = if let Name::Other(text) = name { Name::of(text) } else { name };
        if name != Name::ContentLength {
            push_field(&mut self.fields, name, value.as_ref());
        }
        self
    }

    /// Adds a header field whose value is written by `Display`: `.display(Name::CSeq, format_args!("{n} {method}"))`.
    pub fn display(self, name: Name<'_>, value: impl fmt::Display) -> Builder {
        let mut text = String::new();
        let _ = write!(text, "{value}");
        self.header(name, text)
    }

    /// Adds every field called `name` of `from`, in their order.
    pub fn copy(mut self, from: &Message, name: Name<'_>) -> Builder {
        for value in from.headers(name) {
            self = self.header(name, value);
        }
        self
    }

    /// Without the fields called `name`, as this builder has written them.
    pub fn without(mut self, name: Name<'_>) -> Builder {
        let is = |line: &[u8]| line.split(|c| *c == b':').next() == Some(name.as_str().as_bytes());
        let lines = self.fields.split_inclusive(|c| *c == b'\n').filter(|line| !is(line));
        self.fields = lines.collect::<Vec<_>>().concat();
        self.untagged_to = None;
        self
    }

    /// A request's URI; `None` for a response.
    pub fn target(&self) -> Option<String> {
        let line = std::str::from_utf8(&self.start).ok().filter(|_| self.reason.is_none())?;
        line.split(' ').nth(1).map(str::to_string)
    }

    /// Adds a header field before all that are there: how the transaction layer puts its Via on top.
    pub fn prepend(mut self, name: Name<'_>, value: impl AsRef<[u8]>) -> Builder {
        let mut field = Vec::with_capacity(64);
        push_field(&mut field, name, value.as_ref());
        self.untagged_to = self.untagged_to.map(|at| at + field.len());
        replace(&mut self.fields, 0, 0, &field);
        self
    }

    /// Notes in the topmost Via of a response where its request came from: `received` when sent-by says another address or `rport`
    /// is asked for, the source port in `rport` (RFC 3261 §18.2.1, RFC 3581 §4). What the peer itself wrote there is dropped.
    /// A Via that cannot be read stays as it is.
    pub fn stamp(mut self, source: SocketAddr) -> Builder {
        const VIA: &[u8] = b"Via: ";
        let Some(value) = self.fields.strip_prefix(VIA) else { return self };
        let line_end = memchr::memchr(b'\r', value).unwrap_or(value.len());
        let value = value.get(..line_end).unwrap_or(value);
        let end = scan::find_outside(value, b',').unwrap_or(value.len());
        let Some(stamped) = Via::stamped(value.get(..end).unwrap_or(value), source) else { return self };
        self.untagged_to = self.untagged_to.map(|at| (at + stamped.len()).saturating_sub(end));
        replace(&mut self.fields, VIA.len(), end, &stamped);
        self
    }

    /// A response's status; `None` for a request.
    pub fn status(&self) -> Option<u16> {
        let digits = self.start.strip_prefix(b"SIP/2.0 ").filter(|_| self.reason.is_some())?;
        scan::decimal(scan::trim(digits)).and_then(|status| u16::try_from(status).ok())
    }

    /// Sets the body and its Content-Type.
    pub fn body(mut self, content_type: &str, body: impl Into<Bytes>) -> Builder {
        self.content_type = Some(content_type.as_bytes().to_vec());
        self.body = body.into();
        self
    }

    /// The octets for the wire.
    pub fn build(self) -> Bytes {
        let reason = self.reason.unwrap_or_default();
        let size = self.start.len() + reason.len() + self.fields.len() + self.body.len() + 96;
        let mut out = Vec::with_capacity(size);
        out.extend_from_slice(&self.start);
        out.extend_from_slice(reason.as_bytes());
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(&self.fields);
        if let Some(content_type) = self.content_type {
            push_field(&mut out, Name::ContentType, &content_type);
        }
        push_field(&mut out, Name::ContentLength, self.body.len().to_string().as_bytes());
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(&self.body);
        Bytes::from(out)
    }

    /// The octets, read back as a message.
    ///
    /// # Errors
    /// As [`Message::parse`]: when the message is too large, or has too many fields.
    pub fn message(self) -> Result<Message, Refusal> {
        Message::parse(self.build())
    }
}

fn push_field(out: &mut Vec<u8>, name: Name<'_>, value: &[u8]) {
    if matches!(name, Name::Other(text) if !scan::is_token(text.as_bytes())) {
        return;
    }
    out.reserve(name.as_str().len() + value.len() + 4);
    out.extend_from_slice(name.as_str().as_bytes());
    out.extend_from_slice(b": ");
    push_clean(out, value);
    out.extend_from_slice(b"\r\n");
}

fn push_clean(out: &mut Vec<u8>, value: &[u8]) {
    let from = out.len();
    out.extend_from_slice(value);
    if memchr::memchr2(b'\r', b'\n', value).is_none() {
        return;
    }
    for c in out.get_mut(from..).unwrap_or(&mut []) {
        if matches!(*c, b'\r' | b'\n') {
            *c = b' ';
        }
    }
}

/// Puts `new` in the place of the `old` octets at `at`. Nothing happens when these are not there.
fn replace(out: &mut Vec<u8>, at: usize, old: usize, new: &[u8]) {
    let (length, behind) = (out.len(), at + old);
    if behind > length {
        return;
    }
    out.resize(length + new.len(), 0);
    out.copy_within(behind..length, at + new.len());
    if let Some(place) = out.get_mut(at..at + new.len()) {
        place.copy_from_slice(new);
    }
    out.truncate(length - old + new.len());
}

#[cfg(test)]
mod rewriting {
    use super::*;

    #[test]
    fn a_request_is_written_anew_without_some_of_its_fields() {
        let request = Builder::request(&Method::Bye, "sip:a@b;x=y z")
            .header(Name::From, "<sip:CSeq:@a>")
            .header(Name::CSeq, "1 BYE")
            .header(Name::Authorization, "old")
            .header(Name::Route, "<sip:r>")
            .header(Name::Authorization, "older");
        assert_eq!(request.target().as_deref(), Some("sip:a@b;x=y%20z"));
        let anew = request.without(Name::CSeq).without(Name::Authorization).header(Name::CSeq, "2 BYE");
        let text = String::from_utf8(anew.build().to_vec()).unwrap();
        let expected = "BYE sip:a@b;x=y%20z SIP/2.0\r\nFrom: <sip:CSeq:@a>\r\nRoute: <sip:r>\r\nCSeq: 2 BYE\r\nContent-Length: 0\r\n\r\n";
        assert_eq!(text, expected);
        assert_eq!(Builder::response(200).target(), None);
    }
}

#[cfg(test)]
mod stamping {
    use super::*;

    /// The topmost Via of the answer to a request with `via` from 192.0.2.9:7777, and the answer's To.
    fn answered(via: &str) -> (String, String) {
        let text =
            format!("OPTIONS sip:a SIP/2.0\r\nVia: {via}\r\nTo: <sip:b>\r\nFrom: <sip:a>;tag=1\r\n\r\n");
        let request = Message::parse(text.into_bytes().into()).unwrap();
        let reply = Builder::reply_to(&request, 200).stamp(([192, 0, 2, 9], 7_777).into()).to_tag("t");
        assert_eq!(reply.status(), Some(200));
        let reply = reply.message().unwrap();
        let header = |name| reply.header_str(name).unwrap_or("").to_string();
        (header(Name::Via), header(Name::To))
    }

    #[test]
    fn the_topmost_via_tells_where_the_request_came_from() {
        for (via, stamped) in [
            ("SIP/2.0/UDP 192.0.2.9;branch=z9", "SIP/2.0/UDP 192.0.2.9;branch=z9"),
            (
                "SIP/2.0/UDP 192.0.2.9:7777;rport;branch=z9",
                "SIP/2.0/UDP 192.0.2.9:7777;branch=z9;received=192.0.2.9;rport=7777",
            ),
            ("SIP/2.0/UDP pc.example;branch=z9", "SIP/2.0/UDP pc.example;branch=z9;received=192.0.2.9"),
            ("SIP / 2.0 / UDP 10.0.0.1 : 5060", "SIP / 2.0 / UDP 10.0.0.1 : 5060;received=192.0.2.9"),
            (
                "SIP/2.0/UDP 10.0.0.1;rport=1;received=6.6.6.6;x=\"a,b\", SIP/2.0/TCP next",
                "SIP/2.0/UDP 10.0.0.1;x=\"a,b\";received=192.0.2.9;rport=7777, SIP/2.0/TCP next",
            ),
            (
                "SIP/2.0/UDP [2001:0db8::1];branch=z9",
                "SIP/2.0/UDP [2001:0db8::1];branch=z9;received=192.0.2.9",
            ),
            ("rubbish", "rubbish"),
        ] {
            assert_eq!(answered(via), (stamped.to_string(), "<sip:b>;tag=t".to_string()));
        }
    }

    #[test]
    fn a_via_put_on_top_comes_first() {
        let request = Builder::request(&Method::Bye, "sip:a")
            .header(Name::Via, "SIP/2.0/UDP b")
            .prepend(Name::Via, "SIP/2.0/UDP a");
        assert_eq!(request.status(), None);
        let request = request.message().unwrap();
        assert_eq!(request.list(Name::Via).collect::<Vec<_>>(), [b"SIP/2.0/UDP a", b"SIP/2.0/UDP b"]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_and_its_answer_are_written_as_they_should() {
        let request = Builder::request(&Method::Invite, "sip:b@h")
            .header(Name::Via, "SIP/2.0/UDP h;branch=z9hG4bK1")
            .header(Name::From, "<sip:a@h>;tag=1")
            .header(Name::To, "<sip:b@h>")
            .header(Name::CallId, "x")
            .display(Name::CSeq, format_args!("{} {}", 7, Method::Invite))
            .header(Name::Timestamp, "54")
            .header(Name::of("l"), "999")
            .body("application/sdp", "v=0\r\n");
        assert_eq!(
            request.clone().build(),
            "INVITE sip:b@h SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: <sip:a@h>;tag=1\r\nTo: <sip:b@h>\r\nCall-ID: x\r\n\
             CSeq: 7 INVITE\r\nTimestamp: 54\r\nContent-Type: application/sdp\r\nContent-Length: 5\r\n\r\nv=0\r\n"
        );
        let request = request.message().unwrap();
        let common = "Via: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: <sip:a@h>;tag=1\r\nTo: <sip:b@h>";
        assert_eq!(
            Builder::reply_to(&request, 100).build(),
            format!(
                "SIP/2.0 100 Trying\r\n{common}\r\nCall-ID: x\r\nCSeq: 7 INVITE\r\nTimestamp: 54\r\nContent-Length: 0\r\n\r\n"
            )
        );
        assert_eq!(
            Builder::reply_to(&request, 486).reason("Im Gespräch").to_tag("t").to_tag("u").build(),
            format!(
                "SIP/2.0 486 Im Gespräch\r\n{common};tag=t\r\nCall-ID: x\r\nCSeq: 7 INVITE\r\nContent-Length: 0\r\n\r\n"
            )
        );
    }

    #[test]
    fn nothing_injects_a_line() {
        let evil = "x\r\nEvil: 1\r\n\r\nbody";
        let request = Builder::request(&Method::Other(evil.into()), evil)
            .header(Name::Subject, evil)
            .header(Name::Other(evil), "1")
            .header(Name::Other(""), "1")
            .body(evil, "")
            .build();
        assert_eq!(
            request,
            "x--Evil--1----body x%0D%0AEvil:%201%0D%0A%0D%0Abody SIP/2.0\r\nSubject: x  Evil: 1    body\r\n\
             Content-Type: x  Evil: 1    body\r\nContent-Length: 0\r\n\r\n"
        );
        let reply = Builder::response(99).reason(evil).build();
        assert_eq!(reply, "SIP/2.0 500 x  Evil: 1    body\r\nContent-Length: 0\r\n\r\n");
    }
}
