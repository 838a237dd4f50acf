//! sherpa-onnx's streaming server: floats go out, and the text of the current segment comes back whole each time.
//!
//! `is_final` ends a segment at a pause. A token's time counts, in seconds, from the segment's `start_time`. After `Done` the
//! server says its last texts and then `Done!`, which is no JSON. Nothing in the protocol tells the rate of the samples: it is
//! the server's `--input-sample-rate`, and the configuration must name the same.

use serde::Deserialize;

use super::{Dialogue, Frame, Opening, Protocol, Said, Sent, Unreadable, json, ms, unspaced};
use crate::compliance::words::Mark;

/// A word is told at most so long after it was spoken; a server whose clock says otherwise has a wrong clock. (Of T-one's networks
/// `start_time` is a tenth of what it should be.)
const LAG_MS: u64 = 1_500;

/// How long after it was spoken a word is told, where the server's clock does not say.
const USUAL_MS: u64 = 300;

/// One stream.
pub(super) struct Sherpa {
    sent: Sent,
    /// The segment, how many tokens of it are known, and where its clock begins.
    known: Option<(u64, usize, u64)>,
}

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    text: String,
    #[serde(default)]
    tokens: Vec<String>,
    #[serde(default)]
    timestamps: Vec<f64>,
    #[serde(default)]
    segment: u64,
    #[serde(default)]
    is_final: bool,
    #[serde(default)]
    is_eof: bool,
    #[serde(default)]
    start_time: f64,
}

impl Sherpa {
    pub(super) fn new(opening: &Opening) -> Sherpa {
        Sherpa { sent: Sent::new(opening.rate), known: None }
    }

    /// Where the segment's clock begins: where the server says, if its newest token can have been spoken then.
    fn begins(&mut self, answer: &Answer) -> u64 {
        let most = self.sent.ms();
        let told = ms(answer.start_time, most);
        let Some(newest) = answer.timestamps.last().map(|at| ms(*at, most)) else { return told };
        let known = self.known.filter(|(segment, ..)| *segment == answer.segment);
        if let Some((_, tokens, begins)) = known
            && tokens >= answer.timestamps.len()
        {
            return begins;
        }
        let lags = |begins: u64| most.saturating_sub(begins + newest) > LAG_MS;
        let begins = known.map_or(told, |(.., begins)| begins);
        let begins = if lags(begins) { most.saturating_sub(newest + USUAL_MS) } else { begins };
        self.known = Some((answer.segment, answer.timestamps.len(), begins));
        begins
    }

    /// Where each token of `text` stands, when the tokens put together are the text.
    fn marks(&self, answer: &Answer, begins: u64, text: &str) -> Vec<Mark> {
        let most = self.sent.ms();
        let spoken = |token: &str| token.replace(['\u{2581}', ' '], "").chars().count();
        let whole: usize = answer.tokens.iter().map(|token| spoken(token)).sum();
        if whole != text.chars().count() || answer.tokens.len() != answer.timestamps.len() {
            return Vec::new();
        }
        let mut chars = 0;
        let tokens = answer.tokens.iter().zip(&answer.timestamps);
        let mut marks: Vec<Mark> = tokens
            .map(|(token, at)| {
                let mark = Mark { chars, at_ms: (begins + ms(*at, most)).min(most) };
                chars += spoken(token);
                mark
            })
            .collect();
        // A server's clock may step back between tokens; a watcher's must not.
        marks.sort_by_key(|mark| (mark.chars, mark.at_ms));
        marks
    }
}

impl Dialogue for Sherpa {
    fn open(&mut self) -> Option<Frame> {
        None
    }

    fn sound(&mut self, samples: &[i16]) -> Option<Frame> {
        self.sent.add(samples.len());
        let floats = samples.iter().map(|sample| f32::from(*sample) / 32_768.0);
        Some(Frame::Binary(floats.flat_map(f32::to_le_bytes).collect()))
    }

    fn close(&mut self) -> Vec<Frame> {
        vec![Frame::Text("Done".into())]
    }

    fn read(&mut self, text: &str) -> Result<Vec<Said>, Unreadable> {
        if text == "Done!" {
            return Ok(Vec::new());
        }
        let answer: Answer = json(Protocol::Sherpa, text)?;
        let text = unspaced(answer.text.trim());
        if text.is_empty() {
            return Ok(Vec::new());
        }
        let begins = self.begins(&answer);
        let marks = self.marks(&answer, begins, &text);
        let most = self.sent.ms();
        Ok(vec![Said {
            segment: answer.segment,
            text,
            from_ms: marks.first().map_or(begins, |mark| mark.at_ms),
            to_ms: most,
            marks,
            last: answer.is_final || answer.is_eof,
        }])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(seconds: usize) -> Sherpa {
        let mut sherpa = Sherpa::new(&Opening { name: "c".into(), rate: 8_000, phrases: Vec::new() });
        (0..seconds).for_each(|_| drop(sherpa.sound(&[0; 8_000])));
        sherpa
    }

    #[test]
    fn sound_goes_out_as_floats() {
        let Some(Frame::Binary(octets)) = heard(0).sound(&[-32_768, 0, 16_384]) else {
            panic!("sent at once")
        };
        let floats: Vec<f32> =
            octets.chunks(4).map(|four| f32::from_le_bytes(four.try_into().expect("four"))).collect();
        assert_eq!(floats, [-1.0, 0.0, 0.5]);
    }

    #[test]
    fn a_clock_that_cannot_be_right_is_set_by_when_words_were_told() {
        let mut sherpa = heard(4);
        let grown = |tokens: &str, times: &str| {
            format!(
                r#"{{"text":"","tokens":[{tokens}],"timestamps":[{times}],"segment":1,"start_time":0.27}}"#
            )
        };
        let text =
            |answer: String, text: &str| answer.replace("\"text\":\"\"", &format!("\"text\":\"{text}\""));
        let first = text(grown(r#""保","本""#, "0.30,0.51"), "保本");
        let said = sherpa.read(&first).expect("readable").remove(0);
        assert_eq!((said.marks[0].at_ms, said.marks[1].at_ms), (3_490, 3_700));
        // The clock of a segment stays once it is known.
        let _ = sherpa.sound(&[0; 1_600]);
        let next = text(grown(r#""保","本","保""#, "0.30,0.51,0.69"), "保本保");
        let said = sherpa.read(&next).expect("readable").remove(0);
        assert_eq!((said.marks[0].at_ms, said.marks[2].at_ms), (3_490, 3_880));
    }

    #[test]
    fn a_segment_is_told_whole_with_its_tokens_times() {
        let mut sherpa = heard(3);
        let answer = r#"{"text":"保本保息","tokens":["保","本","保","息"],"timestamps":[0.3,0.6,0.9,1.2],
            "segment":2,"start_time":1.5,"is_final":false,"is_eof":false}"#;
        let said = sherpa.read(answer).expect("readable").remove(0);
        assert_eq!((said.segment, said.from_ms, said.to_ms, said.last), (2, 1_800, 3_000, false));
        assert_eq!(said.marks.last(), Some(&Mark { chars: 3, at_ms: 2_700 }));
        let last =
            sherpa.read(r#"{"text":"保本保息","segment":2,"is_final":true}"#).expect("readable").remove(0);
        assert!(last.last && last.marks.is_empty());
        assert_eq!(sherpa.read("Done!"), Ok(vec![]));
        assert_eq!(sherpa.read(r#"{"text":"","segment":3}"#), Ok(vec![]), "nothing was said yet");
    }
}
