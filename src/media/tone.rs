//! Tones that the switch makes, prepared like prompts: sampled once, played by copying.
//!
//! Invariant: a tone's frequencies fit a whole number of times into its length or its edges are ramped: no clicks.

use std::f64::consts::PI;
use std::sync::{Arc, LazyLock};

use super::wave::RATE;
use super::{Prompt, Tone};

/// A tone and the silence that follows it in its cadence.
#[derive(Clone, Debug)]
pub(super) struct Cadence {
    /// The sound.
    pub(super) on: Arc<Prompt>,
    /// Samples of silence behind it.
    pub(super) off: usize,
}

/// Everything that can be made, computed on first use (a few milliseconds) by whoever starts the plane.
pub(super) static TONES: LazyLock<Tones> = LazyLock::new(Tones::new);

/// See [`TONES`].
#[derive(Debug)]
pub(super) struct Tones {
    ring_back: Cadence,
    busy: Cadence,
    congestion: Cadence,
    waiting: Cadence,
    beep: Cadence,
    keys: Vec<Cadence>,
}

impl Tones {
    fn new() -> Tones {
        Tones {
            ring_back: cadence(&[450.0], 0.1, 1_000, 4_000),
            busy: cadence(&[450.0], 0.1, 350, 350),
            congestion: cadence(&[450.0], 0.1, 700, 700),
            waiting: cadence(&[450.0], 0.1, 400, 9_600),
            beep: cadence(&[1_400.0], 0.1, 400, 0),
            keys: (0..16).map(|code| cadence(&pair(code), 0.22, 100, 60)).collect(),
        }
    }

    /// The cadence of a tone.
    pub(super) fn tone(&self, tone: Tone) -> &Cadence {
        match tone {
            Tone::RingBack => &self.ring_back,
            Tone::Busy => &self.busy,
            Tone::Congestion => &self.congestion,
            Tone::Waiting => &self.waiting,
            Tone::Beep => &self.beep,
        }
    }

    /// The in-band tones of an event code 0 to 15: ITU-T Q.23.
    pub(super) fn key(&self, code: u8) -> Option<&Cadence> {
        self.keys.get(usize::from(code))
    }
}

/// The two frequencies of an event code, in hertz.
fn pair(code: u8) -> [f64; 2] {
    const LOW: [f64; 4] = [697.0, 770.0, 852.0, 941.0];
    const HIGH: [f64; 4] = [1_209.0, 1_336.0, 1_477.0, 1_633.0];
    const PLACES: [u8; 16] = [13, 0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 14, 3, 7, 11, 15];
    let place = usize::from(PLACES[usize::from(code & 15)]);
    [LOW[place / 4], HIGH[place % 4]]
}

/// `level` is each frequency's part of full scale; 5 ms ramps at both edges.
fn cadence(hertz: &[f64], level: f64, on_ms: u32, off_ms: u32) -> Cadence {
    let (len, ramp) = (RATE / 1_000 * on_ms, RATE / 200);
    let samples: Vec<i16> = (0..len)
        .map(|n| {
            let edge = f64::from(n.min(len - 1 - n).min(ramp)) / f64::from(ramp);
            let turn = 2.0 * PI * f64::from(n) / f64::from(RATE);
            let sum: f64 = hertz.iter().map(|hertz| (turn * hertz).sin()).sum();
            (sum * level * edge * 32_767.0) as i16
        })
        .collect();
    Cadence { on: Arc::new(Prompt::from_samples(&samples)), off: (RATE / 1_000 * off_ms) as usize }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::rtp::g711::{A_LAW, MU_LAW};

    /// Amplitude of `hertz` in 8 000 samples a second, as a part of full scale (Goertzel).
    pub(in crate::media) fn level(samples: &[i16], hertz: f64) -> f64 {
        let turn = 2.0 * PI * hertz / f64::from(RATE);
        let (mut before, mut last) = (0.0, 0.0);
        for sample in samples {
            (before, last) = (last, f64::from(*sample) / 32_768.0 + 2.0 * turn.cos() * last - before);
        }
        let power = last * last + before * before - 2.0 * turn.cos() * last * before;
        2.0 * power.max(0.0).sqrt() / samples.len() as f64
    }

    #[test]
    fn tones_have_their_pitch_in_both_laws_and_their_length() {
        let tones = Tones::new();
        for (tone, hertz, on_ms, off_ms) in [
            (Tone::RingBack, 450.0, 1_000, 4_000),
            (Tone::Busy, 450.0, 350, 350),
            (Tone::Congestion, 450.0, 700, 700),
            (Tone::Waiting, 450.0, 400, 9_600),
            (Tone::Beep, 1_400.0, 400, 0),
        ] {
            let cadence = tones.tone(tone);
            assert_eq!((cadence.on.a_law().len(), cadence.off), (on_ms * 8, off_ms * 8), "{tone:?}");
            for (table, law) in [(&A_LAW, cadence.on.a_law()), (&MU_LAW, cadence.on.mu_law())] {
                let samples: Vec<i16> = law.iter().map(|octet| table[usize::from(*octet)]).collect();
                assert!((level(&samples, hertz) - 0.1).abs() < 0.01, "{tone:?}");
                assert!(level(&samples, hertz * 1.5) < 0.005, "{tone:?}");
            }
        }
    }

    #[test]
    fn keys_sound_as_q_23_has_them() {
        let tones = Tones::new();
        for (code, low, high) in [
            (1, 697.0, 1_209.0),
            (5, 770.0, 1_336.0),
            (0, 941.0, 1_336.0),
            (11, 941.0, 1_477.0),
            (12, 697.0, 1_633.0),
        ] {
            let law = tones.key(code).unwrap().on.mu_law();
            let samples: Vec<i16> = law.iter().map(|octet| MU_LAW[usize::from(*octet)]).collect();
            let weakest = level(&samples, low).min(level(&samples, high));
            for other in [697.0, 770.0, 852.0, 941.0, 1_209.0, 1_336.0, 1_477.0, 1_633.0] {
                if other != low && other != high {
                    assert!(level(&samples, other) < weakest / 10.0, "{code}: {other}");
                }
            }
        }
        assert!(tones.key(16).is_none());
    }
}
