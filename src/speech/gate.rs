//! Silence that lasts is not given to a recogniser, and its time still counts.
//!
//! ```text
//!           somebody may speak                         nobody has for LINGER
//! closed ──────────────────────> open, with LEAD of what was before ──────────────> closed
//! ```
//!
//! A recogniser's clock counts what it was given; [`Gate::moment`] says where in the stream that was. Invariant: what is passed on is in
//! order and without gaps but for whole silences; a moment never lies behind what was pushed.

use std::collections::VecDeque;
use std::fmt;

use earshot::Detector;

use super::Said;

/// How likely speech must be for the gate to open: low, because a word that is missed is worse than silence that is heard.
const LIKELY: f32 = 0.3;
/// The mean square from which on sound is never silence, whatever it is: -30 dB.
const LOUD: i64 = 1_036 * 1_036;
/// Samples that the detector takes, at its 16 000 a second.
const GRAIN: usize = 256;
/// Sound before the first speech that is passed on, in milliseconds: a consonant is not yet likely to be speech.
const LEAD_MS: u64 = 400;
/// Silence that is still passed on, in milliseconds: recognisers end their segments by it.
const LINGER_MS: u64 = 2_500;
/// Skips that are remembered: what a recogniser says of sound before the oldest stands a little early.
const SKIPS: usize = 64;

/// One stream's gate.
pub struct Gate {
    rate: u32,
    detector: Box<Detector>,
    grain: Vec<i16>,
    /// What came last and was not passed on.
    lead: VecDeque<i16>,
    pushed: u64,
    passed: u64,
    /// The number of the sample up to which the gate stays open.
    open_until: u64,
    /// For each skip: how many samples had been passed before it, and how many were skipped until then in all.
    skips: VecDeque<(u64, u64)>,
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gate")
            .field("pushed", &self.pushed)
            .field("passed", &self.passed)
            .finish_non_exhaustive()
    }
}

impl Gate {
    /// For sound of `rate` samples a second: 8 000 or 16 000. A stream begins open.
    pub fn new(rate: u32) -> Gate {
        Gate {
            rate,
            detector: Detector::default_boxed(),
            grain: Vec::with_capacity(GRAIN),
            lead: VecDeque::new(),
            pushed: 0,
            passed: 0,
            open_until: samples(rate, LEAD_MS),
            skips: VecDeque::new(),
        }
    }

    /// Takes samples: those to pass on now, which may begin earlier and may be none.
    pub fn push(&mut self, samples_in: &[i16]) -> Vec<i16> {
        if self.speaks(samples_in) || is_loud(samples_in) {
            self.open_until = self.pushed + samples_in.len() as u64 + samples(self.rate, LINGER_MS);
        }
        self.lead.extend(samples_in);
        self.pushed += samples_in.len() as u64;
        if self.pushed <= self.open_until {
            let begins = self.pushed - self.lead.len() as u64;
            let skipped = begins - self.passed;
            if self.skips.back().map_or(0, |(_, skipped)| *skipped) != skipped {
                self.skips.push_back((self.passed, skipped));
                let over = self.skips.len().saturating_sub(SKIPS);
                self.skips.drain(..over);
            }
            self.passed += self.lead.len() as u64;
            return self.lead.drain(..).collect();
        }
        let over = (self.lead.len() as u64).saturating_sub(samples(self.rate, LEAD_MS));
        self.lead.drain(..over as usize);
        Vec::new()
    }

    /// Where in the stream the recogniser's `ms` is.
    pub fn moment(&self, ms: u64) -> u64 {
        let at = samples(self.rate, ms);
        // What stands exactly at a border ended before it.
        let before = self.skips.partition_point(|(passed, _)| *passed < at);
        let skipped =
            before.checked_sub(1).and_then(|at| self.skips.get(at)).map_or(0, |(_, skipped)| *skipped);
        ms.saturating_add(skipped.saturating_mul(1_000) / u64::from(self.rate.max(1)))
    }

    /// Moves what a recogniser said to where it stands in the stream.
    pub fn place(&self, said: &mut Said) {
        said.from_ms = self.moment(said.from_ms + 1).saturating_sub(1);
        said.to_ms = self.moment(said.to_ms);
        for mark in &mut said.marks {
            mark.at_ms = self.moment(mark.at_ms + 1).saturating_sub(1);
        }
    }

    /// Milliseconds that were pushed, and how many of them were passed on.
    pub fn counts(&self) -> (u64, u64) {
        let ms = |samples: u64| samples * 1_000 / u64::from(self.rate.max(1));
        (ms(self.pushed), ms(self.passed))
    }

    /// Whether somebody may speak in these samples.
    fn speaks(&mut self, samples_in: &[i16]) -> bool {
        let mut speaks = false;
        for sample in samples_in {
            let before = self.grain.last().copied().unwrap_or(*sample);
            if self.rate == 8_000 {
                // The detector hears 16 kHz; between two samples half way is near enough.
                self.grain.push(((i32::from(before) + i32::from(*sample)) / 2) as i16);
            }
            self.grain.push(*sample);
            if self.grain.len() >= GRAIN {
                speaks |= self.detector.predict_i16(&self.grain[..GRAIN]) >= LIKELY;
                self.grain.clear();
            }
        }
        speaks
    }
}

fn is_loud(samples: &[i16]) -> bool {
    let squares: i64 = samples.iter().map(|sample| i64::from(*sample) * i64::from(*sample)).sum();
    squares > LOUD * samples.len() as i64
}

fn samples(rate: u32, ms: u64) -> u64 {
    ms.saturating_mul(u64::from(rate)) / 1_000
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Something like a vowel: a buzz through three resonances, coming and going four times a second.
    fn voice(ms: usize) -> Vec<i16> {
        let sample = |n: usize| {
            let t = n as f32 / 8_000.0;
            let swell = 0.6 - 0.4 * (t * 4.0 * std::f32::consts::TAU).cos();
            let buzz: f32 = (1..24)
                .map(|k| {
                    let hertz = 140.0 * k as f32;
                    let near = |peak: f32, width: f32| 1.0 / (1.0 + ((hertz - peak) / width).powi(2));
                    let loud = near(600.0, 120.0) + 0.6 * near(1_300.0, 150.0) + 0.3 * near(2_500.0, 200.0);
                    loud * (t * hertz * std::f32::consts::TAU).sin()
                })
                .sum();
            (buzz * swell * 4_000.0) as i16
        };
        (0..ms * 8).map(sample).collect()
    }

    fn pass(gate: &mut Gate, sound: &[i16]) -> Vec<i16> {
        sound.chunks(160).flat_map(|piece| gate.push(piece)).collect()
    }

    #[test]
    fn long_silence_is_left_out_and_speech_comes_whole_with_its_time() {
        let mut gate = Gate::new(8_000);
        let first = pass(&mut gate, &voice(1_500));
        assert_eq!(first.len(), 12_000, "a stream begins open, and speech keeps it so");
        let silence = pass(&mut gate, &vec![0; 60 * 8_000]);
        let lingered = silence.len() / 8;
        assert!((2_300..3_100).contains(&lingered), "{lingered} ms");
        let passed_ms = (first.len() + silence.len()) as u64 / 8;
        let again = pass(&mut gate, &voice(1_000));
        let lead = again.len() - 8_000;
        assert!((1_000..=3_200 + 160).contains(&lead), "{lead} samples before it");
        assert!(again.ends_with(&voice(1_000)));
        // What the recogniser heard first after the silence stands a minute later in the stream.
        assert_eq!(gate.moment(1_000), 1_000);
        let begins = gate.moment(passed_ms + lead as u64 / 8 + 1);
        assert!((61_500..=61_502).contains(&begins), "{begins}");
        let (pushed, passed) = gate.counts();
        assert_eq!(pushed, 62_500);
        assert!(passed < 6_500, "{passed}");
    }

    #[test]
    fn silence_from_the_beginning_is_left_out_too_and_nothing_is_lost_at_borders() {
        let mut gate = Gate::new(16_000);
        assert!(pass(&mut gate, &vec![0; 10 * 16_000]).len() <= 16_000 / 2);
        for ms in [0, 1, 399, 10_000] {
            assert!(gate.moment(ms) >= ms);
        }
        let quiet = |loud: f32| -> Vec<i16> {
            (0..16_000 * 8).map(|n| ((n as f32 * 0.9).sin() * loud) as i16).collect()
        };
        assert!(pass(&mut gate, &quiet(60.0)).is_empty(), "a hum");
        assert!(
            pass(&mut gate, &quiet(9_000.0)).len() >= 16_000 * 8,
            "nobody knows what it is, so it is heard"
        );
    }
}
