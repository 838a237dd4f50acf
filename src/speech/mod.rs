//! Recognisers of speech: what a node sends to the servers that sites run, and how it reads what they answer.
//!
//! ```text
//! sound (16-bit samples) ──> Dialogue ──> frames to the server
//! texts of the server    ──> Dialogue ──> Said: a segment's text so far, with its times
//! ```
//!
//! A dialogue is one stream: one party of one call on one connection. It is a value; connections are `io`'s.
//! Invariant: whatever a server answers yields segments or is named as unreadable; the times of what was said count from the
//! first sample that was sent, and never lie behind the last.

mod activity;
mod funasr;
mod gate;
mod sherpa;
pub mod spotter;
mod vosk;

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::compliance::words::{Heard, Mark, Party, Words};

pub use gate::Gate;

pub use activity::{Activity, Spoke};

/// Which server a recogniser is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Protocol {
    /// FunASR's runtime in its two passes (`funasr-wss-server-2pass`): 16 kHz.
    Funasr,
    /// sherpa-onnx's streaming server (`sherpa-onnx-online-websocket-server`).
    Sherpa,
    /// vosk-server.
    Vosk,
}

impl Protocol {
    /// Every protocol.
    pub const ALL: [Protocol; 3] = [Protocol::Funasr, Protocol::Sherpa, Protocol::Vosk];

    /// Its name in the configuration.
    pub const fn word(self) -> &'static str {
        match self {
            Protocol::Funasr => "funasr",
            Protocol::Sherpa => "sherpa",
            Protocol::Vosk => "vosk",
        }
    }

    /// The protocol with this name.
    pub fn named(word: &str) -> Option<Protocol> {
        Protocol::ALL.into_iter().find(|known| known.word() == word)
    }

    /// Samples a second that the server is sent, where the configuration does not say.
    pub const fn rate(self) -> u32 {
        match self {
            Protocol::Funasr | Protocol::Sherpa => 16_000,
            Protocol::Vosk => 8_000,
        }
    }

    /// The WebSocket subprotocol (RFC 6455 §1.9) that the server lists.
    pub const fn subprotocol(self) -> Option<&'static str> {
        match self {
            Protocol::Funasr => Some("binary"),
            Protocol::Sherpa | Protocol::Vosk => None,
        }
    }

    /// A new stream.
    pub fn dialogue(self, opening: &Opening) -> Box<dyn Dialogue> {
        match self {
            Protocol::Funasr => Box::new(funasr::Funasr::new(opening)),
            Protocol::Sherpa => Box::new(sherpa::Sherpa::new(opening)),
            Protocol::Vosk => Box::new(vosk::Vosk::new(opening)),
        }
    }
}

/// What a server is told of a stream.
#[derive(Debug, Clone)]
pub struct Opening {
    /// A name for its log: no person's.
    pub name: String,
    /// Samples a second.
    pub rate: u32,
    /// Phrases that it should hear sooner than others, where it can.
    pub phrases: Vec<String>,
}

/// One WebSocket message to a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// A text message.
    Text(String),
    /// A binary message.
    Binary(Vec<u8>),
}

/// One stream to a server.
pub trait Dialogue: Send {
    /// What is to be sent first.
    fn open(&mut self) -> Option<Frame>;
    /// What is to be sent for these samples; `None`: they are gathered.
    fn sound(&mut self, samples: &[i16]) -> Option<Frame>;
    /// What is to be sent last; the server's last words still follow.
    fn close(&mut self) -> Vec<Frame>;
    /// What the server says in `text`.
    ///
    /// # Errors
    /// It is not what this server says.
    fn read(&mut self, text: &str) -> Result<Vec<Said>, Unreadable>;
}

/// Whose words are listened for, and which.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// The words in force.
    pub words: Arc<Words>,
    /// Who speaks.
    pub speaker: Party,
    /// Whether what is heard is kept from the other party: only a recogniser whose errors are known may do that.
    pub intercepts: bool,
}

/// One stream to a recogniser in this process.
pub trait Listener: Send {
    /// Takes samples, and tells what was said or is understood better.
    fn sound(&mut self, samples: &[i16]) -> Vec<Said>;
    /// No more comes: its last words.
    fn close(&mut self) -> Vec<Said>;
}

/// What becomes of listening to one party.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// Something was said, or what was said is understood better.
    Said(Said),
    /// Nobody listens: no recogniser is there, none has room, or it has died.
    Deaf {
        /// Which of these.
        why: String,
    },
    /// After that: somebody listens again.
    Hears,
    /// Its voice was heard, whatever it said.
    Spoke(Spoke),
}

/// A segment of what somebody says, as a recogniser has it now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// Its number in the stream, ascending.
    pub segment: u64,
    /// The whole text so far.
    pub text: String,
    /// Where it begins, in milliseconds of the stream's sound.
    pub from_ms: u64,
    /// Where the text ends so far.
    pub to_ms: u64,
    /// Where single characters stand, if the server says; ascending.
    pub marks: Vec<Mark>,
    /// Whether it will not be corrected any more.
    pub last: bool,
}

impl Said {
    /// The same for a [`Watcher`](crate::compliance::words::Watcher).
    pub fn heard(&self) -> Heard<'_> {
        Heard {
            segment: self.segment,
            text: &self.text,
            from_ms: self.from_ms,
            to_ms: self.to_ms,
            marks: &self.marks,
            last: self.last,
        }
    }

    /// Moves all times and numbers on: a stream that follows another one of the same party.
    pub fn shift(&mut self, segments: u64, ms: u64) {
        self.segment = self.segment.saturating_add(segments);
        self.from_ms = self.from_ms.saturating_add(ms);
        self.to_ms = self.to_ms.saturating_add(ms);
        for mark in &mut self.marks {
            mark.at_ms = mark.at_ms.saturating_add(ms);
        }
    }
}

/// An answer that cannot be read: which server's, and where. It quotes nothing of what was said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    protocol: Protocol,
    why: String,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no answer of a {} server: {}", self.protocol.word(), self.why)
    }
}

impl std::error::Error for Unreadable {}

/// Parses a server's JSON.
fn json<'t, T: Deserialize<'t>>(protocol: Protocol, text: &'t str) -> Result<T, Unreadable> {
    // serde's message may quote; its place does not.
    serde_json::from_str(text).map_err(|error| Unreadable {
        protocol,
        why: format!("{:?} at column {}", error.classify(), error.column()),
    })
}

/// How much sound a stream has been sent.
#[derive(Debug, Clone, Copy)]
struct Sent {
    samples: u64,
    rate: u32,
}

impl Sent {
    fn new(rate: u32) -> Sent {
        Sent { samples: 0, rate: rate.max(1) }
    }

    fn add(&mut self, samples: usize) {
        self.samples = self.samples.saturating_add(samples as u64);
    }

    fn ms(self) -> u64 {
        self.samples.saturating_mul(1_000) / u64::from(self.rate)
    }
}

/// Seconds of a server's clock as milliseconds, never behind `most`.
fn ms(seconds: f64, most: u64) -> u64 {
    // A cast saturates: what is not a number or below zero is zero.
    ((seconds * 1_000.0) as u64).min(most)
}

/// 16-bit samples, the low octet first.
fn octets(samples: &[i16]) -> Vec<u8> {
    samples.iter().flat_map(|sample| sample.to_le_bytes()).collect()
}

/// `text` without the blanks that servers put between Chinese words; between other words they stay.
fn unspaced(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let is_word = |at: Option<usize>| {
        at.and_then(|at| chars.get(at)).is_some_and(|c| c.is_ascii_alphanumeric() || *c == '\'')
    };
    let keep = |at: usize, c: char| c != ' ' || (is_word(at.checked_sub(1)) && is_word(Some(at + 1)));
    chars.iter().enumerate().filter(|(at, c)| keep(*at, **c)).map(|(_, c)| *c).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_stay_between_words_of_letters_only() {
        for (theirs, ours) in [
            ("资金 周转 困难", "资金周转困难"),
            ("it is ok", "it is ok"),
            ("我 说 ok 了", "我说ok了"),
            ("", ""),
        ] {
            assert_eq!(unspaced(theirs), ours);
        }
    }

    #[test]
    fn times_never_lie_behind_what_was_sent() {
        for (seconds, most, at) in [(1.25, 9_000, 1_250), (9.0, 2_000, 2_000), (-1.0, 5, 0), (f64::NAN, 5, 0)]
        {
            assert_eq!(ms(seconds, most), at);
        }
    }

    #[test]
    fn a_stream_that_follows_another_goes_on_in_time() {
        let mark = Mark { chars: 0, at_ms: 10 };
        let mut said =
            Said { segment: 1, text: "好".into(), from_ms: 10, to_ms: 90, marks: vec![mark], last: true };
        said.shift(1 << 20, 5_000);
        assert_eq!(
            (said.segment, said.from_ms, said.to_ms, said.marks[0].at_ms),
            ((1 << 20) + 1, 5_010, 5_090, 5_010)
        );
    }

    #[test]
    fn no_answer_of_a_server_brings_a_dialogue_down_and_none_is_quoted() {
        for protocol in Protocol::ALL {
            let opening = Opening { name: "c".into(), rate: 8_000, phrases: Vec::new() };
            let mut dialogue = protocol.dialogue(&opening);
            for text in ["", "{", "[]", "{\"text\":7}", "\"身份证\"", "{\"segment\":-1,\"text\":\"a\"}"] {
                if let Err(error) = dialogue.read(text) {
                    assert!(!error.to_string().contains("身份证"), "{error}");
                }
            }
            let mut any = vec!['{', '}', '"', ':', ',', 'a', '保', '0', '[', ']'].into_iter().cycle();
            let noise: String = std::iter::from_fn(|| any.nth(7)).take(64).collect();
            assert!(dialogue.read(&noise).is_err());
        }
    }
}
