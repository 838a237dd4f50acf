//! Octets to offsets. One pass over the lines; the first fault is remembered and the rest still read, so that an answer can be built.

use std::ops::Range;
use std::sync::Arc;

use bytes::{Buf, Bytes, BytesMut};
use smallvec::SmallVec;

use super::message::{Line, Message, Parts, Start};
use super::method::Method;
use super::name::{Code, Name};
use super::refusal::Refusal;
use super::scan;
use crate::base::bounds;

/// What was wrong first.
#[derive(Clone, Copy)]
pub(super) struct Fault {
    pub(super) status: u16,
    pub(super) why: &'static str,
    pub(super) header: Option<Name<'static>>,
}

const fn bad(why: &'static str) -> Fault {
    Fault { status: 400, why, header: None }
}

/// See [`Message::parse`].
pub(super) fn message(mut raw: Bytes) -> Result<Message, Refusal> {
    raw.advance(empty_lines(&raw));
    let mut scan = scan_head(&raw)?;
    let body = raw.len().saturating_sub(scan.body);
    match scan.length {
        Some(length) if length <= body as u64 => raw.truncate(scan.body + length as usize),
        Some(_) => scan
            .blame(Fault { header: Some(Name::ContentLength), ..bad("Content-Length exceeds the datagram") }),
        None => {}
    }
    scan.finish(raw)
}

/// How many octets of empty lines stand in front.
fn empty_lines(raw: &[u8]) -> usize {
    let mut rest = raw;
    while let Some(next) = rest.strip_prefix(b"\r\n") {
        rest = next;
    }
    raw.len() - rest.len()
}

/// What the head of a message holds.
pub(super) struct Scan {
    start: Start,
    lines: SmallVec<[Line; 24]>,
    /// Where folded lines break: the offsets of their CR.
    folds: SmallVec<[u32; 4]>,
    fault: Option<Fault>,
    /// Whether different readers could see different header fields: lone CR or LF, or more fields than are read.
    pub(super) ambiguous: bool,
    /// The declared length of the body.
    pub(super) length: Option<u64>,
    /// Where the body begins.
    pub(super) body: usize,
}

impl Scan {
    pub(super) fn blame(&mut self, fault: Fault) {
        self.fault.get_or_insert(fault);
    }

    /// The message, or the refusal with as much of it as there is.
    pub(super) fn finish(self, raw: Bytes) -> Result<Message, Refusal> {
        let unfolded = (!self.folds.is_empty()).then(|| unfold(&raw, &self.folds));
        let body = self.body.min(raw.len()) as u32;
        let message = Message(Arc::new(Parts { raw, unfolded, start: self.start, lines: self.lines, body }));
        match self.fault {
            None => Ok(message),
            Some(Fault { status, why, header }) => {
                Err(Refusal { status, why, header, message: Some(message) })
            }
        }
    }
}

fn unfold(raw: &Bytes, folds: &[u32]) -> Bytes {
    let mut text = BytesMut::from(&raw[..]);
    for &at in folds {
        if let Some(break_) = text.get_mut(at as usize..at as usize + 2) {
            break_.fill(b' ');
        }
    }
    text.freeze()
}

/// Reads start-line and header fields of `raw`, which begins with the start-line.
///
/// # Errors
/// A silent refusal when no message can be made out at all.
pub(super) fn scan_head(raw: &[u8]) -> Result<Scan, Refusal> {
    if raw.len() > bounds::MESSAGE_BYTES {
        return Err(Refusal { status: 513, ..Refusal::silent("message is too large") });
    }
    let mut lines = Lines { raw, at: 0, stray: false };
    let Some(first) = lines.next() else { return Err(Refusal::silent("empty datagram")) };
    let (start, fault) = start_line(raw, first)?;
    let mut scan = Scan {
        start,
        lines: SmallVec::new(),
        folds: SmallVec::new(),
        fault,
        ambiguous: false,
        length: None,
        body: raw.len(),
    };
    let mut ended = false;
    while let Some(line) = lines.next() {
        if lines.stray && !scan.ambiguous {
            scan.ambiguous = true;
            scan.blame(bad("CR or LF alone"));
        }
        if line.is_empty() {
            ended = true;
            break;
        }
        if scan.lines.len() == bounds::HEADERS {
            scan.ambiguous = true;
            scan.blame(bad("too many header fields"));
            break;
        }
        field(raw, line, &mut scan);
    }
    if ended {
        scan.body = lines.at;
    } else {
        scan.blame(bad("header section has no end"));
    }
    content_length(raw, &mut scan);
    Ok(scan)
}

/// Lines without their CRLF. A lone CR or LF is noticed; a lone LF ends a line so that the rest can be read.
struct Lines<'a> {
    raw: &'a [u8],
    at: usize,
    stray: bool,
}

impl Iterator for Lines<'_> {
    type Item = Range<usize>;

    fn next(&mut self) -> Option<Range<usize>> {
        let from = self.at;
        let mut search = from;
        if from >= self.raw.len() {
            return None;
        }
        while let Some(found) = memchr::memchr2(b'\r', b'\n', self.raw.get(search..)?) {
            let end = search + found;
            match (self.raw.get(end), self.raw.get(end + 1)) {
                (Some(b'\r'), Some(b'\n')) => {
                    self.at = end + 2;
                    return Some(from..end);
                }
                (Some(b'\n'), _) => {
                    self.stray = true;
                    self.at = end + 1;
                    return Some(from..end);
                }
                _ => {
                    self.stray = true;
                    search = end + 1;
                }
            }
        }
        self.at = self.raw.len();
        Some(from..self.raw.len())
    }
}

fn start_line(raw: &[u8], line: Range<usize>) -> Result<(Start, Option<Fault>), Refusal> {
    let text = raw.get(line.clone()).unwrap_or(&[]);
    if text.get(..4).is_some_and(|p| p.eq_ignore_ascii_case(b"SIP/")) {
        return status_line(text, line.start)
            .map(|start| (start, None))
            .ok_or(Refusal::silent("status line is malformed"));
    }
    let first = memchr::memchr(b' ', text).ok_or(Refusal::silent("no start-line"))?;
    let method = text.get(..first).unwrap_or(&[]);
    let method = Method::from_bytes(method).map_err(|_| Refusal::silent("no start-line"))?;
    let last = memchr::memrchr(b' ', text).unwrap_or(first);
    let uri = text.get(first + 1..last).unwrap_or(&[]);
    let version = text.get(last + 1..).unwrap_or(&[]);
    let fault = match version_kind(version) {
        Version::Ours if uri.is_empty() || uri.iter().any(|&c| scan::is_lws(c)) => {
            Some(bad("white space in the request line"))
        }
        Version::Ours => None,
        Version::Other => Some(Fault { status: 505, ..bad("SIP version is not 2.0") }),
        Version::None => Some(bad("request line is malformed")),
    };
    let at = |offset: usize| (line.start + offset) as u32;
    let uri = at((first + 1).min(last))..at(last);
    Ok((Start::Request { method, uri, version: at(last + 1).min(line.end as u32)..line.end as u32 }, fault))
}

fn status_line(text: &[u8], offset: usize) -> Option<Start> {
    let (version, rest) = text.split_at_checked(memchr::memchr(b' ', text)?)?;
    if !matches!(version_kind(version), Version::Ours) {
        return None;
    }
    let digits = rest.get(1..4)?;
    let status = u16::try_from(scan::decimal(digits)?).ok().filter(|s| (100..700).contains(s))?;
    // A missing space before an empty reason phrase is common and harmless.
    let behind = match rest.get(4) {
        None => text.len(),
        Some(b' ') => version.len() + 5,
        Some(_) => return None,
    };
    Some(Start::Response { status, reason: (offset + behind) as u32..(offset + text.len()) as u32 })
}

enum Version {
    Ours,
    Other,
    None,
}

fn version_kind(version: &[u8]) -> Version {
    let Some((name, number)) = version.split_at_checked(4) else { return Version::None };
    if !name.eq_ignore_ascii_case(b"SIP/") {
        return Version::None;
    }
    if number == b"2.0" {
        return Version::Ours;
    }
    match memchr::memchr(b'.', number).and_then(|dot| Some((number.get(..dot)?, number.get(dot + 1..)?))) {
        Some((major, minor)) if scan::is_digits(major) && scan::is_digits(minor) => Version::Other,
        _ => Version::None,
    }
}

/// Reads one line of the header section into `scan`: a field, or the continuation of the one before.
fn field(raw: &[u8], line: Range<usize>, scan: &mut Scan) {
    let text = raw.get(line.clone()).unwrap_or(&[]);
    if text.first().is_some_and(|&c| c == b' ' || c == b'\t') {
        return continuation(raw, line, scan);
    }
    let length = scan::token_length(text);
    let white = text.iter().skip(length).take_while(|&&c| c == b' ' || c == b'\t').count();
    let colon = length + white;
    if length == 0 || text.get(colon) != Some(&b':') {
        return scan.blame(bad("header field is not a token and a colon"));
    }
    let name = text.get(..length).unwrap_or(&[]);
    let value = text.get(colon + 1..).unwrap_or(&[]);
    let (from, to) = trimmed(value, line.start + colon + 1);
    let code = Code::of(name);
    let (name, name_end) = (line.start as u32, (line.start + name.len()) as u32);
    scan.lines.push(Line { code, name, name_end, value: from as u32, value_end: to as u32 });
}

/// RFC 3261 §7.3.1: a line that begins with white space belongs to the value before it, as if the break were a space.
fn continuation(raw: &[u8], line: Range<usize>, scan: &mut Scan) {
    let Some(last) = scan.lines.last_mut() else {
        return scan.blame(bad("white space before the first header field"));
    };
    let broke_at = line.start.saturating_sub(2);
    if raw.get(broke_at) == Some(&b'\r') {
        scan.folds.push(broke_at as u32);
    }
    let (from, to) = trimmed(raw.get(line.clone()).unwrap_or(&[]), line.start);
    if from == to {
        return;
    }
    if last.value == last.value_end {
        last.value = from as u32;
    }
    last.value_end = to as u32;
}

/// Where `text` without white space at its ends lies, when it begins at `offset`. All white: an empty range at its end.
fn trimmed(text: &[u8], offset: usize) -> (usize, usize) {
    let lead = text.iter().take_while(|&&c| scan::is_lws(c)).count();
    let inner = scan::trim(text.get(lead..).unwrap_or(&[]));
    (offset + lead, offset + lead + inner.len())
}

fn content_length(raw: &[u8], scan: &mut Scan) {
    let mut found = scan.lines.iter().filter(|l| l.code == Code::ContentLength);
    let Some(line) = found.next() else { return };
    let repeated = found.next().is_some();
    let value = raw.get(line.value as usize..line.value_end as usize).unwrap_or(&[]);
    scan.length = scan::decimal(value);
    let fault = Fault { header: Some(Name::ContentLength), ..bad("Content-Length is not one number") };
    if repeated || scan.length.is_none() {
        scan.length = None;
        scan.blame(fault);
    }
}
