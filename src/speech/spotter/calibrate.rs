//! What a site's own recordings say about thresholds: how sure the spotter was where a text was said, and where it was not.
//!
//! Invariant: a suggestion lies below everything that was heard wrongly in the recordings.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::tree::symbols;
use super::{Model, RATE, Spotted, Spotter, Watch, usual};
use crate::compliance::words::{Party, Words, holds};

/// Up to here everything is listed; what costs more is not told from anything else.
const LOOSEST: f32 = 2.5;
/// How far a suggestion keeps from what was heard wrongly.
const MARGIN: f32 = 0.9;
/// How far above the worst that was rightly heard it may go: recordings are few, calls are many.
const ROOM: f32 = 1.3;

/// Recordings against texts.
pub struct Calibration {
    model: Arc<Model>,
    watch: Arc<Watch>,
    texts: BTreeMap<String, Tally>,
    samples: u64,
}

/// What was found of one text.
#[derive(Debug, Clone, Default)]
struct Tally {
    phones: usize,
    /// Of each recording that says it: the best cost, infinite if it was not heard.
    said: Vec<f32>,
    /// The costs at which it was heard in recordings that do not say it.
    elsewhere: Vec<f32>,
}

/// What the recordings suggest for one text.
#[derive(Debug, Clone, PartialEq)]
pub struct Suggested {
    /// The text, folded.
    pub text: String,
    /// Recordings that say it.
    pub said: usize,
    /// Of these, heard at the usual threshold.
    pub heard: usize,
    /// Times that it is heard, at the usual threshold, where it was not said.
    pub wrongly: usize,
    /// Recordings in which it would be heard at the suggested threshold; nothing would be heard wrongly.
    pub would: usize,
    /// The threshold in force without calibration.
    pub usual: f32,
    /// The suggested one.
    pub threshold: f32,
}

impl Calibration {
    /// For all texts of `words`.
    pub fn new(model: Arc<Model>, words: &Words) -> Calibration {
        let mut texts = BTreeMap::new();
        for one in words.aloud(Party::Any) {
            let phones = one.ways.iter().filter_map(|way| symbols(way, one.near)).map(|all| all.len()).min();
            if let Some(phones) = phones {
                texts.insert(one.text, Tally { phones, ..Tally::default() });
            }
        }
        let watch = Arc::new(Watch::loosely(words, Party::Any, LOOSEST));
        Calibration { model, watch, texts, samples: 0 }
    }

    /// A recording of 8 000 samples a second in which `text` was said; empty: none of the phrases.
    pub fn add(&mut self, samples: &[i16], text: &str) -> Vec<Spotted> {
        self.samples += samples.len() as u64;
        let spotted = Spotter::measure(&self.model, &self.watch, samples);
        for (watched, tally) in &mut self.texts {
            let costs = spotted.iter().filter(|one| one.text == *watched).map(|one| one.cost);
            if holds(text, watched) {
                tally.said.push(costs.fold(f32::INFINITY, f32::min));
            } else {
                tally.elsewhere.extend(costs);
            }
        }
        spotted
    }

    /// Milliseconds of recordings so far.
    pub fn ms(&self) -> u64 {
        self.samples * 1_000 / u64::from(RATE)
    }

    /// What they suggest.
    pub fn suggested(&self) -> Vec<Suggested> {
        let suggested = self.texts.iter().map(|(text, tally)| {
            let (usual, threshold) = (usual(tally.phones), tally.threshold());
            Suggested {
                text: text.clone(),
                said: tally.said.len(),
                heard: tally.said.iter().filter(|cost| **cost <= usual).count(),
                wrongly: tally.elsewhere.iter().filter(|cost| **cost <= usual).count(),
                would: tally.said.iter().filter(|cost| **cost <= threshold).count(),
                usual,
                threshold,
            }
        });
        suggested.collect()
    }
}

impl Tally {
    /// As loose as what was said needs and a little more, never as loose as what was heard wrongly.
    fn threshold(&self) -> f32 {
        let nearest = self.elsewhere.iter().copied().fold(f32::INFINITY, f32::min) * MARGIN;
        let heard = self.said.iter().copied().filter(|cost| cost.is_finite());
        let wanted = heard.fold(0.0, f32::max) * ROOM;
        let wanted = if self.said.is_empty() { usual(self.phones) } else { wanted.max(usual(self.phones)) };
        (wanted.min(nearest).min(LOOSEST) * 100.0).floor() / 100.0
    }
}

/// The suggestions as the file that [`super::Thresholds::read`] reads.
pub fn written(suggested: &[Suggested]) -> String {
    let head = "# phrase\tthreshold: made by `ledgerline words calibrate`\n".to_string();
    suggested.iter().fold(head, |text, one| text + &format!("{}\t{:.2}\n", one.text, one.threshold))
}

#[cfg(test)]
mod tests {
    use super::super::Thresholds;
    use super::*;

    #[test]
    fn suggestions_hear_what_was_said_and_keep_clear_of_what_was_not() {
        let far = f32::INFINITY;
        for (said, elsewhere, expected) in [
            // Nothing known: as it was.
            (&[][..], &[][..], 0.9),
            // Said unclearly, and nothing else sounds like it.
            (&[0.2, 1.0], &[], 1.3),
            // Something else sounds like it.
            (&[0.2, 1.0], &[1.2], 1.08),
            (&[0.2], &[0.5, 0.8], 0.45),
            // What was not heard at all does not make it looser.
            (&[0.2, far], &[], 0.9),
            (&[2.4], &[], 2.5),
        ] {
            let tally = Tally { phones: 8, said: said.to_vec(), elsewhere: elsewhere.to_vec() };
            let threshold = tally.threshold();
            assert!((threshold - expected).abs() < 0.011, "{said:?} {elsewhere:?}: {threshold}");
        }
    }

    #[test]
    fn what_is_written_can_be_read() {
        let one = |text: &str, threshold| Suggested {
            text: text.into(),
            said: 1,
            heard: 1,
            wrongly: 0,
            would: 1,
            usual: 0.9,
            threshold,
        };
        let text = written(&[one("保本保息", 1.25), one("无风险", 0.4)]);
        let read = Thresholds::read(&text).expect("lines");
        assert_eq!((read.len(), read.of("保本保息", 8), read.of("无风险", 6)), (2, 1.25, 0.4));
    }
}
