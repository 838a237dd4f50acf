//! Keys in the sound itself: DTMF by ITU-T Q.23 and Q.24, with Goertzel filters. For far ends that have no telephone events.
//!
//! A block is a key only when two tones, one of each group, stand out of their groups, are nearly as loud as each other and
//! are nearly all there is to hear: voices hardly ever do that for 25 ms (talk-off).
//! Invariant: a press is told once, however long it lasts, and a gap below 25 ms does not end it.

use std::f32::consts::TAU;

use crate::rtp::linear::{FRAME, Frame};
use crate::rtp::resample::Down;

/// Samples of a block at 8 000 a second: 12.75 ms, where the eight frequencies fall between one another's lobes.
const BLOCK: usize = 102;
const LOW: [f32; 4] = [697.0, 770.0, 852.0, 941.0];
const HIGH: [f32; 4] = [1_209.0, 1_336.0, 1_477.0, 1_633.0];
const KEYS: [[char; 4]; 4] =
    [['1', '2', '3', 'A'], ['4', '5', '6', 'B'], ['7', '8', '9', 'C'], ['*', '0', '#', 'D']];
/// Blocks in a row that make a press: two whole ones lie in any tone of 40 ms (Q.24).
const BEGINS: u8 = 2;
/// Blocks in a row without the key that end it.
const ENDS: u8 = 2;
/// The weakest tone: 39 dB below full scale.
const WEAKEST: f32 = 360.0;
/// How much the low tone may be above the high one, as powers: 6 dB is what telephones do, lines add some.
const TWIST: f32 = 10.0;
/// How much the high tone may be above the low one: 6 dB.
const REVERSE: f32 = 4.0;
/// How far a tone stands out of its group: 8 dB.
const STANDS_OUT: f32 = 6.3;
/// The part of the block's energy that lies in the two tones.
const PURE: f32 = 0.75;

/// Listens to one stream.
#[derive(Clone, Debug)]
pub(super) struct Detector {
    down: Down,
    block: [i16; BLOCK],
    filled: usize,
    /// The key of the last block, and for how many blocks.
    last: Option<char>,
    streak: u8,
    pressed: Option<char>,
    missed: u8,
}

impl Detector {
    pub(super) fn new() -> Detector {
        Detector {
            down: Down::default(),
            block: [0; BLOCK],
            filled: 0,
            last: None,
            streak: 0,
            pressed: None,
            missed: 0,
        }
    }

    /// Takes the next 20 ms; the key whose press is certain by now.
    pub(super) fn hear(&mut self, frame: &Frame) -> Option<char> {
        let mut narrow = [0; FRAME / 2];
        self.down.run(frame, &mut narrow);
        let mut told = None;
        for sample in narrow {
            self.block[self.filled] = sample;
            self.filled += 1;
            if self.filled == BLOCK {
                self.filled = 0;
                told = self.take(key_of(&self.block)).or(told);
            }
        }
        told
    }

    fn take(&mut self, key: Option<char>) -> Option<char> {
        self.streak = if key == self.last { self.streak.saturating_add(1) } else { 1 };
        self.last = key;
        self.missed = if key == self.pressed { 0 } else { self.missed + 1 };
        if self.pressed.is_some() && self.missed >= ENDS {
            (self.pressed, self.missed) = (None, 0);
        }
        let new = key.filter(|key| self.streak >= BEGINS && self.pressed != Some(*key))?;
        (self.pressed, self.missed) = (Some(new), 0);
        Some(new)
    }
}

/// The key that a block holds.
fn key_of(block: &[i16; BLOCK]) -> Option<char> {
    let total: f32 = block.iter().map(|sample| f32::from(*sample).powi(2)).sum();
    let low = loudest(block, &LOW)?;
    let high = loudest(block, &HIGH)?;
    let pure = (low.1 + high.1) * 2.0 / BLOCK as f32 > PURE * total;
    let level = low.1 < high.1 * TWIST && high.1 < low.1 * REVERSE;
    (pure && level).then(|| KEYS[low.0][high.0])
}

/// Which frequency of a group stands out, and its power.
fn loudest(block: &[i16; BLOCK], group: &[f32; 4]) -> Option<(usize, f32)> {
    let powers = group.map(|hertz| power(block, hertz));
    let most = powers.iter().copied().fold(0.0, f32::max);
    let place = powers.iter().position(|power| *power >= most)?;
    let alone = powers.iter().enumerate().all(|(n, power)| n == place || power * STANDS_OUT < most);
    let weakest = (WEAKEST * BLOCK as f32 / 2.0).powi(2);
    (alone && most > weakest).then_some((place, most))
}

/// Goertzel's filter: the squared amplitude of one frequency, times a quarter of the block's length squared.
fn power(block: &[i16; BLOCK], hertz: f32) -> f32 {
    let turn = 2.0 * (TAU * hertz / 8_000.0).cos();
    let (mut before, mut last) = (0.0, 0.0);
    for sample in block {
        (before, last) = (last, f32::from(*sample) + turn * last - before);
    }
    last * last + before * before - turn * last * before
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rtp::linear::RATE;

    /// Presses of (key, tone ms, pause ms), with both tones off by `bend`, the high one `twist_db` louder, and noise.
    fn heard(presses: &[(char, usize, usize)], bend: f64, twist_db: f64, noise: f64) -> String {
        let mut sound = Vec::new();
        let mut random = 7u32;
        for (key, tone_ms, pause_ms) in presses {
            let row = KEYS.iter().position(|row| row.contains(key)).unwrap();
            let column = KEYS[row].iter().position(|k| k == key).unwrap();
            for n in 0..(tone_ms + pause_ms) * 16 {
                random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let hiss = (f64::from(random >> 8) / 16_777_216.0 - 0.5) * 2.0 * noise;
                let at = |hertz: f32| {
                    let turn = n as f64 / f64::from(RATE) * f64::from(hertz) * (1.0 + bend);
                    (turn * std::f64::consts::TAU).sin()
                };
                let tones = 4_000.0 * (at(LOW[row]) + 10f64.powf(twist_db / 20.0) * at(HIGH[column]));
                sound.push((hiss + if n < tone_ms * 16 { tones } else { 0.0 }) as i16);
            }
        }
        sound.resize(sound.len().next_multiple_of(FRAME) + 2 * FRAME, 0);
        let mut detector = Detector::new();
        sound.as_chunks::<FRAME>().0.iter().filter_map(|frame| detector.hear(frame)).collect()
    }

    #[test]
    fn keys_are_heard_as_q_24_asks() {
        let all: String = KEYS.iter().flatten().collect();
        let presses = |tone, pause| -> Vec<_> { all.chars().map(|key| (key, tone, pause)).collect() };
        for (tone, pause, bend, twist_db, noise) in [
            (100, 60, 0.0, 0.0, 0.0),
            (40, 40, 0.0, 0.0, 0.0),
            (50, 45, 0.015, 0.0, 0.0),
            (50, 45, -0.015, 0.0, 0.0),
            (70, 70, 0.0, -6.0, 0.0),
            (70, 70, 0.0, 4.0, 0.0),
            (70, 70, 0.0, 0.0, 900.0),
            (1_000, 200, 0.0, 0.0, 300.0),
        ] {
            let name = format!("{tone}/{pause} ms, {bend}, {twist_db} dB, noise {noise}");
            assert_eq!(heard(&presses(tone, pause), bend, twist_db, noise), all, "{name}");
        }
        assert_eq!(heard(&[('5', 80, 60), ('5', 80, 60)], 0.0, 0.0, 0.0), "55");
        assert_eq!(heard(&[('5', 80, 10), ('5', 80, 60)], 0.0, 0.0, 0.0), "5", "a gap of the line");
    }

    #[test]
    fn what_is_no_key_is_none() {
        for (presses, bend, twist_db) in [
            (&[('5', 15, 100), ('8', 18, 100)][..], 0.0, 0.0),
            (&[('5', 200, 100)], 0.045, 0.0),
            (&[('5', 200, 100)], 0.0, 14.0),
            (&[('5', 200, 100)], 0.0, -16.0),
        ] {
            assert_eq!(heard(presses, bend, twist_db, 0.0), "", "{presses:?} {bend} {twist_db}");
        }
    }

    #[test]
    fn a_voice_is_no_key() {
        // Buzzes with formants that glide through the whole band, at every pitch.
        let mut detector = Detector::new();
        let mut told = String::new();
        let mut phase = 0.0f64;
        for n in 0..3_000usize {
            let frame = std::array::from_fn(|k| {
                let t = (n * FRAME + k) as f64 / f64::from(RATE);
                let pitch = 90.0 + 160.0 * (0.5 + 0.5 * (t * 1.3).sin());
                phase += pitch / f64::from(RATE) * std::f64::consts::TAU;
                let formants = [500.0 + 350.0 * (t * 2.1).sin(), 1_400.0 + 500.0 * (t * 1.7).cos()];
                let part = |harmonic: usize| {
                    let hertz = pitch * harmonic as f64;
                    let near = |formant: f64| 1.0 / (1.0 + ((hertz - formant) / 120.0).powi(2));
                    (near(formants[0]) + near(formants[1])) * (phase * harmonic as f64).sin()
                };
                ((1..30).map(part).sum::<f64>() * 4_000.0) as i16
            });
            told.extend(detector.hear(&frame));
        }
        assert_eq!(told, "", "in a minute");
    }
}
