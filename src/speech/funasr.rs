//! FunASR's runtime in two passes: quick words while somebody speaks, the sentence once more when it has ended.
//!
//! `2pass-online` carries the new words only, `2pass-offline` the whole sentence in their stead. What ends is told by the mode
//! alone: `is_final` means one thing in the C++ server and another in the Python one. Times of a sentence are milliseconds, a
//! JSON list in one server and a string of the same in the other, and count from the stream or from the sentence.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Dialogue, Frame, Opening, Protocol, Said, Sent, Unreadable, json, octets, unspaced};
use crate::compliance::words::Mark;

/// Milliseconds that one message of sound carries: the server's own step for these settings.
const STEP_MS: u32 = 60;

/// Weight of a phrase that is to be heard sooner.
const HOTWORD: u32 = 20;

/// One stream.
pub(super) struct Funasr {
    opening: Opening,
    sent: Sent,
    gathered: Vec<i16>,
    segment: u64,
    partial: String,
    begins_ms: u64,
}

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    mode: String,
    #[serde(default)]
    text: String,
    #[serde(default)]
    timestamp: Value,
}

impl Funasr {
    pub(super) fn new(opening: &Opening) -> Funasr {
        Funasr {
            sent: Sent::new(opening.rate),
            opening: opening.clone(),
            gathered: Vec::new(),
            segment: 0,
            partial: String::new(),
            begins_ms: 0,
        }
    }

    fn growing(&mut self, text: &str) -> Option<Said> {
        self.partial.push_str(&unspaced(text));
        let (segment, from_ms, to_ms) = (self.segment, self.begins_ms, self.sent.ms());
        let text = self.partial.clone();
        (!text.is_empty()).then_some(Said { segment, text, from_ms, to_ms, marks: Vec::new(), last: false })
    }

    fn finished(&mut self, text: &str, timestamp: &Value) -> Option<Said> {
        let was_partial = !std::mem::take(&mut self.partial).is_empty();
        let text = unspaced(text);
        if text.is_empty() && !was_partial {
            return None;
        }
        let (marks, ended) = self.marks(&text, timestamp);
        let most = self.sent.ms();
        let to_ms = ended.unwrap_or(most).min(most);
        let said = Said {
            segment: self.segment,
            text,
            from_ms: marks.first().map_or(self.begins_ms, |mark| mark.at_ms),
            to_ms,
            marks,
            last: true,
        };
        self.segment += 1;
        self.begins_ms = to_ms;
        Some(said)
    }

    /// Where the characters stand and where the last one ends. The server counts letters only: marks of punctuation get none.
    fn marks(&self, text: &str, timestamp: &Value) -> (Vec<Mark>, Option<u64>) {
        let spans: Vec<(u64, u64)> = match timestamp {
            Value::String(text) => serde_json::from_str(text).unwrap_or_default(),
            other => serde_json::from_value(other.clone()).unwrap_or_default(),
        };
        let letters: Vec<usize> =
            text.chars().enumerate().filter(|(_, c)| c.is_alphanumeric()).map(|(at, _)| at).collect();
        let Some((_, end)) = spans.last().copied().filter(|_| spans.len() == letters.len()) else {
            return (Vec::new(), None);
        };
        // Counted from the sentence, if that leads to no time that was not sent yet.
        let most = self.sent.ms();
        let from = if self.begins_ms.saturating_add(end) <= most { self.begins_ms } else { 0 };
        let at = |ms: u64| from.saturating_add(ms).min(most);
        let mut marks: Vec<Mark> = letters
            .into_iter()
            .zip(&spans)
            .map(|(chars, (begin, _))| Mark { chars, at_ms: at(*begin) })
            .collect();
        marks.sort_by_key(|mark| (mark.chars, mark.at_ms));
        (marks, Some(at(end)))
    }
}

impl Dialogue for Funasr {
    fn open(&mut self) -> Option<Frame> {
        let phrases: serde_json::Map<String, Value> =
            self.opening.phrases.iter().map(|phrase| (phrase.clone(), HOTWORD.into())).collect();
        // Hot words are a string that holds JSON: the server refuses an object.
        let opening = json!({
            "mode": "2pass", "wav_name": self.opening.name, "wav_format": "pcm", "is_speaking": true,
            "chunk_size": [5, 10, 5], "chunk_interval": 10, "audio_fs": self.opening.rate, "itn": true,
            "hotwords": Value::Object(phrases).to_string(),
        });
        Some(Frame::Text(opening.to_string()))
    }

    fn sound(&mut self, samples: &[i16]) -> Option<Frame> {
        self.sent.add(samples.len());
        self.gathered.extend_from_slice(samples);
        let enough = self.gathered.len() as u64 * 1_000 >= u64::from(self.opening.rate * STEP_MS);
        enough.then(|| Frame::Binary(octets(&std::mem::take(&mut self.gathered))))
    }

    fn close(&mut self) -> Vec<Frame> {
        let rest = std::mem::take(&mut self.gathered);
        let rest = (!rest.is_empty()).then(|| Frame::Binary(octets(&rest)));
        let end = Frame::Text(json!({ "is_speaking": false, "is_end": true }).to_string());
        rest.into_iter().chain([end]).collect()
    }

    fn read(&mut self, text: &str) -> Result<Vec<Said>, Unreadable> {
        let answer: Answer = json(Protocol::Funasr, text)?;
        let said = match answer.mode.as_str() {
            "2pass-online" => self.growing(&answer.text),
            "2pass-offline" => self.finished(&answer.text, &answer.timestamp),
            // Ends of streams and whatever a later server adds.
            _ => None,
        };
        Ok(said.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(ms: usize) -> Funasr {
        let opening = Opening { name: "c-1".into(), rate: 16_000, phrases: vec!["保本保息".into()] };
        let mut funasr = Funasr::new(&opening);
        let _ = funasr.sound(&vec![0; ms * 16]);
        funasr
    }

    #[test]
    fn it_opens_with_hot_words_in_a_string() {
        let Some(Frame::Text(text)) = heard(0).open() else { panic!("a text first") };
        let opening: Value = serde_json::from_str(&text).expect("JSON");
        let hot: Value =
            serde_json::from_str(opening["hotwords"].as_str().expect("a string")).expect("JSON in it");
        assert_eq!(hot["保本保息"], 20);
        assert_eq!(opening["chunk_size"], json!([5, 10, 5]));
    }

    #[test]
    fn new_words_are_put_behind_and_the_sentence_replaces_them() {
        let mut funasr = heard(3_000);
        let first = funasr.read(r#"{"mode":"2pass-online","text":"这个产","is_final":false}"#).expect("read");
        assert_eq!(first[0].text, "这个产");
        let second = funasr.read(r#"{"mode":"2pass-online","text":"品保本"}"#).expect("read").remove(0);
        assert_eq!((second.text.as_str(), second.segment, second.to_ms), ("这个产品保本", 0, 3_000));
        let spans = "[[100,200],[200,300],[300,400],[400,500],[500,600],[600,800]]";
        let sentence = json!({ "mode": "2pass-offline", "text": "这个产品保本。", "is_final": true, "timestamp": spans });
        let said = funasr.read(&sentence.to_string()).expect("read").remove(0);
        assert_eq!((said.last, said.from_ms, said.to_ms, said.marks.len()), (true, 100, 800, 6));
        // The next sentence's times count from its own beginning, or from the stream's: both lead to the same.
        for begin in [0, 800] {
            let mut funasr = heard(3_000);
            funasr.read(&sentence.to_string()).expect("read");
            let spans = if begin == 0 { json!([[100, 200]]) } else { json!([[2_300, 2_400]]) };
            let next = json!({ "mode": "2pass-offline", "text": "好", "timestamp": spans });
            let next = funasr.read(&next.to_string()).expect("read").remove(0);
            assert_eq!(next.from_ms, if begin == 0 { 900 } else { 2_300 });
        }
    }

    #[test]
    fn a_correction_to_nothing_takes_back_and_other_modes_are_ignored() {
        let mut funasr = heard(1_000);
        funasr.read(r#"{"mode":"2pass-online","text":"嗯"}"#).expect("read");
        let said = funasr.read(r#"{"mode":"2pass-offline","text":""}"#).expect("read").remove(0);
        assert_eq!((said.text.as_str(), said.last), ("", true));
        assert_eq!(funasr.read(r#"{"mode":"2pass-offline","text":""}"#), Ok(vec![]));
        assert_eq!(funasr.read(r#"{"mode":"2pass","is_final":true,"is_end":true}"#), Ok(vec![]));
    }
}
