//! What was said in a conversation, as recognisers heard it, where the policy wants it written down: kept beside the recording once
//! that is closed.
//!
//! Invariant: a text is in it once, as it was last corrected; what finds no room is left out, and the transcript says so.

use serde::{Deserialize, Serialize};

use crate::base::{CallId, RecordingId, Wall, bounds};

use super::Call;
use super::afterwards::Finding;
use super::desk::{Desk, Effect};
use super::screen::Spoken;

/// The kind of the item that is derived from the recording.
pub const KIND: &str = "transcript";

/// What was said in one call.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Transcript {
    /// The recording that it belongs to.
    pub recording: RecordingId,
    /// The call.
    pub call: CallId,
    /// When the call began: times count from here.
    pub began: Wall,
    /// What was said, in the order in which it ended.
    pub lines: Vec<Line>,
    /// Words that policies name.
    #[serde(default)]
    pub words: Vec<Spoken>,
    /// What the conversation was found wanting in.
    #[serde(default)]
    pub findings: Vec<Finding>,
    /// Whether more was said than is kept.
    #[serde(default)]
    pub cut: bool,
}

/// Texts are personal: `Debug` counts them.
impl std::fmt::Debug for Transcript {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Transcript { recording, lines, cut, .. } = self;
        write!(f, "Transcript {{ {recording}, {} lines, cut: {cut} }}", lines.len())
    }
}

/// One text of one party.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// Whether the agent said it; else the customer.
    pub agent: bool,
    /// From when, in milliseconds since the call began.
    pub from_ms: u64,
    /// Until when.
    pub to_ms: u64,
    /// What.
    pub text: String,
}

/// What is written down while people talk.
#[derive(Default)]
pub(super) struct Writing {
    lines: Vec<Line>,
    bytes: usize,
    cut: bool,
}

impl std::fmt::Debug for Writing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Writing {{ {} lines }}", self.lines.len())
    }
}

impl Writing {
    /// A text that will not be corrected any more.
    pub(super) fn add(&mut self, line: Line) {
        let bytes = line.text.len();
        if self.lines.len() >= bounds::TRANSCRIPT_LINES || self.bytes + bytes > bounds::TRANSCRIPT_BYTES {
            self.cut = true;
            return;
        }
        self.bytes += bytes;
        self.lines.push(line);
    }
}

impl Call {
    /// Hands the transcript over, once: the recording is closed, or nobody waits for it any more.
    pub(super) fn hand_over_transcript(&mut self, desk: &mut Desk<'_>) {
        let Some(recording) = self.recording() else { return };
        let words = self.all_spoken();
        let Some(afterwards) = &mut self.afterwards else { return };
        let Some(Writing { lines, cut, .. }) = afterwards.writing.take().filter(|it| !it.lines.is_empty())
        else {
            return;
        };
        let (call, began, findings) = (self.id, self.trace.began().1, afterwards.findings.clone());
        let transcript = Transcript { recording, call, began, lines, words, findings, cut };
        desk.effects.push_back(Effect::Transcribed(Box::new(transcript)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transcript_is_bounded_and_says_so() {
        let mut writing = Writing::default();
        let line = |text: &str| Line { agent: true, from_ms: 0, to_ms: 1, text: text.into() };
        writing.add(line(&"a".repeat(bounds::TRANSCRIPT_BYTES - 1)));
        writing.add(line("b"));
        assert_eq!((writing.lines.len(), writing.cut), (2, false));
        writing.add(line("c"));
        assert_eq!((writing.lines.len(), writing.cut), (2, true));
    }
}
