//! Messages written. Whatever values are given, no line but the intended ones comes out.

use std::fmt::{self, Write as _};

use bytes::Bytes;

use super::address::NameAddr;
use super::message::Message;
use super::method::Method;
use super::name::Name;
use super::refusal::Refusal;
use super::scan;
use super::status::reason_of;

/// Writes one request or response.
///
/// Header fields stand in the order they are added; Content-Type and Content-Length come last and are the builder's own.
/// CR and LF in any value become spaces, characters that no header name or URI may hold are replaced: injecting a line is impossible.
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
        start.extend_from_slice(method.as_str().as_bytes());
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
        Builder::new(format!("SIP/2.0 {status} ").into_bytes(), Some(reason_of(status).into_owned()))
    }

    /// The answer to `request` (RFC 3261 §8.2.6.2): all Via, From, To, Call-ID, CSeq copied, for 100 also Timestamp. Add the tag
    /// with [`Builder::to_tag`]; a Record-Route, where a dialog begins, with [`Builder::copy`].
    pub fn reply_to(request: &Message, status: u16) -> Builder {
        let mut reply = Builder::response(status);
        reply = reply.copy(request, Name::Via).copy(request, Name::From);
        if let Some(to) = request.header(Name::To) {
            reply = reply.header(Name::To, to);
            if NameAddr::parse(to).map_or(true, |to| to.tag().is_none()) {
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
            self.fields.splice(at..at, addition);
        }
        self
    }

    /// Adds a header field. Content-Length is the builder's own and is left out.
    pub fn header(mut self, name: Name<'_>, value: impl AsRef<[u8]>) -> Builder {
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
    match name {
        Name::Other(text) if !scan::is_token(text.as_bytes()) => {
            out.extend(text.bytes().map(|c| if scan::is_token(&[c]) { c } else { b'-' }));
        }
        name => out.extend_from_slice(name.as_str().as_bytes()),
    }
    out.extend_from_slice(b": ");
    push_clean(out, value);
    out.extend_from_slice(b"\r\n");
}

fn push_clean(out: &mut Vec<u8>, value: &[u8]) {
    let from = out.len();
    out.extend_from_slice(value);
    for c in out.get_mut(from..).unwrap_or(&mut []) {
        if matches!(*c, b'\r' | b'\n') {
            *c = b' ';
        }
    }
}
