//! vosk-server: 16-bit samples go out, and each message of them is answered with a partial or a final text.
//!
//! A final text ends a segment and tells each word's times, in seconds since the stream began. Chinese words come with
//! blanks between them.

use serde::Deserialize;
use serde_json::json;

use super::{Dialogue, Frame, Opening, Protocol, Said, Sent, Unreadable, json, ms, octets, unspaced};
use crate::compliance::words::Mark;

/// Sound that is gathered for one message, in milliseconds: each message costs an answer.
const GATHERED_MS: u32 = 100;

/// One stream.
pub(super) struct Vosk {
    opening: Opening,
    sent: Sent,
    gathered: Vec<i16>,
    segment: u64,
    begins_ms: u64,
}

#[derive(Deserialize)]
struct Answer<'t> {
    #[serde(default)]
    partial: Option<String>,
    #[serde(default)]
    text: Option<String>,
    #[serde(default, borrow)]
    result: Vec<Word<'t>>,
}

#[derive(Deserialize)]
struct Word<'t> {
    start: f64,
    end: f64,
    #[serde(borrow)]
    word: std::borrow::Cow<'t, str>,
}

impl Vosk {
    pub(super) fn new(opening: &Opening) -> Vosk {
        Vosk {
            sent: Sent::new(opening.rate),
            opening: opening.clone(),
            gathered: Vec::new(),
            segment: 0,
            begins_ms: 0,
        }
    }

    fn finished(&mut self, text: &str, words: &[Word<'_>]) -> Said {
        let most = self.sent.ms();
        let (mut chars, mut marks) = (0, Vec::with_capacity(words.len()));
        for word in words {
            marks.push(Mark { chars, at_ms: ms(word.start, most) });
            chars += word.word.chars().count();
        }
        let to_ms = words.last().map_or(most, |word| ms(word.end, most));
        let text = unspaced(text);
        // Words of letters keep their blanks, and then the words' lengths are not their places.
        if text.chars().count() != chars {
            marks.clear();
        }
        let said = Said {
            segment: self.segment,
            text,
            from_ms: words.first().map_or(self.begins_ms, |word| ms(word.start, most)),
            to_ms,
            marks,
            last: true,
        };
        self.segment += 1;
        self.begins_ms = to_ms;
        said
    }
}

impl Dialogue for Vosk {
    fn open(&mut self) -> Option<Frame> {
        let config =
            json!({ "config": { "sample_rate": self.opening.rate, "words": true, "max_alternatives": 0 } });
        Some(Frame::Text(config.to_string()))
    }

    fn sound(&mut self, samples: &[i16]) -> Option<Frame> {
        self.sent.add(samples.len());
        self.gathered.extend_from_slice(samples);
        let enough = self.gathered.len() as u64 * 1_000 >= u64::from(self.opening.rate * GATHERED_MS);
        enough.then(|| Frame::Binary(octets(&std::mem::take(&mut self.gathered))))
    }

    fn close(&mut self) -> Vec<Frame> {
        let rest = std::mem::take(&mut self.gathered);
        let rest = (!rest.is_empty()).then(|| Frame::Binary(octets(&rest)));
        // The server compares these octets, blanks included.
        rest.into_iter().chain([Frame::Text("{\"eof\" : 1}".into())]).collect()
    }

    fn read(&mut self, text: &str) -> Result<Vec<Said>, Unreadable> {
        let answer: Answer<'_> = json(Protocol::Vosk, text)?;
        if let Some(text) = answer.text {
            let is_empty = text.is_empty();
            let said = self.finished(&text, &answer.result);
            return Ok(if is_empty { Vec::new() } else { vec![said] });
        }
        let partial = unspaced(&answer.partial.unwrap_or_default());
        if partial.is_empty() {
            return Ok(Vec::new());
        }
        let (segment, from_ms, to_ms) = (self.segment, self.begins_ms, self.sent.ms());
        Ok(vec![Said { segment, text: partial, from_ms, to_ms, marks: Vec::new(), last: false }])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partials_grow_and_finals_carry_the_words_times() {
        let opening = Opening { name: "c".into(), rate: 8_000, phrases: Vec::new() };
        let mut vosk = Vosk::new(&opening);
        assert!(matches!(vosk.open(), Some(Frame::Text(text)) if text.contains("\"sample_rate\":8000")));
        assert_eq!(vosk.sound(&[1; 400]), None, "50 ms are gathered");
        assert!(matches!(vosk.sound(&[1; 400]), Some(Frame::Binary(octets)) if octets.len() == 1_600));
        vosk.sound(&[0; 24_000]);
        assert_eq!(vosk.read(r#"{"partial" : ""}"#), Ok(vec![]));
        let partial = vosk.read(r#"{"partial" : "资金 周转"}"#).expect("readable");
        assert_eq!((partial[0].text.as_str(), partial[0].last, partial[0].to_ms), ("资金周转", false, 3_100));
        let whole = r#"{"result":[{"conf":1.0,"start":0.5,"end":0.9,"word":"资金"},
            {"conf":1.0,"start":0.9,"end":1.4,"word":"周转"}],"text":"资金 周转"}"#;
        let whole = vosk.read(whole).expect("readable").remove(0);
        assert_eq!((whole.segment, whole.from_ms, whole.to_ms, whole.last), (0, 500, 1_400, true));
        assert_eq!(whole.marks, [Mark { chars: 0, at_ms: 500 }, Mark { chars: 2, at_ms: 900 }]);
        let next = vosk.read(r#"{"partial" : "困难"}"#).expect("readable").remove(0);
        assert_eq!((next.segment, next.from_ms), (1, 1_400));
        assert_eq!(vosk.close().last(), Some(&Frame::Text("{\"eof\" : 1}".into())));
    }
}
