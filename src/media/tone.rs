//! Tones that the switch makes, prepared like prompts: sampled once, played by copying.
//!
//! Invariant: a tone's frequencies fit a whole number of times into its length or its edges are ramped: no clicks.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use super::sine::Sine;
use super::wave::RATE;
use super::{Country, Prompt, Tone};

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

/// Frequencies in hertz, together, and for how many milliseconds; none is silence.
type Segment = (&'static [f64], u32);

/// See [`TONES`].
#[derive(Debug)]
pub(super) struct Tones {
    tones: HashMap<(Country, Tone), Cadence>,
    keys: Vec<Cadence>,
}

/// What a tone is made of, and the milliseconds of silence behind it.
fn score(country: Country, tone: Tone) -> (&'static [Segment], u32) {
    use Country::{China, Europe, UnitedStates};
    match (tone, country) {
        // YD/T 965, GB/T 3380.
        (Tone::RingBack, China) => (&[(&[450.0], 1_000)], 4_000),
        (Tone::Busy, China) => (&[(&[450.0], 350)], 350),
        (Tone::Congestion, China) => (&[(&[450.0], 700)], 700),
        (Tone::CallWaiting, China) => (&[(&[450.0], 400)], 4_000),
        // The precise tone plan.
        (Tone::RingBack, UnitedStates) => (&[(&[440.0, 480.0], 2_000)], 4_000),
        (Tone::Busy, UnitedStates) => (&[(&[480.0, 620.0], 500)], 500),
        (Tone::Congestion, UnitedStates) => (&[(&[480.0, 620.0], 250)], 250),
        (Tone::CallWaiting, UnitedStates) => (&[(&[440.0], 300)], 9_700),
        // ETSI TR 101 041.
        (Tone::RingBack, Europe) => (&[(&[425.0], 1_000)], 4_000),
        (Tone::Busy, Europe) => (&[(&[425.0], 500)], 500),
        (Tone::Congestion, Europe) => (&[(&[425.0], 250)], 250),
        (Tone::CallWaiting, Europe) => (&[(&[425.0], 200), (&[], 200), (&[425.0], 200)], 5_000),
        (Tone::Waiting, China) => (&[(&[450.0], 400)], 9_600),
        (Tone::Waiting, UnitedStates) => (&[(&[440.0], 400)], 9_600),
        (Tone::Waiting, Europe) => (&[(&[425.0], 400)], 9_600),
        // ITU-T E.180: the same everywhere.
        (Tone::Special, _) => (&[(&[950.0], 330), (&[1_400.0], 330), (&[1_800.0], 330)], 1_000),
        (Tone::Beep, _) => (&[(&[1_400.0], 400)], 0),
        (Tone::Recording, _) => (&[(&[1_400.0], 400)], 14_600),
    }
}

impl Tones {
    fn new() -> Tones {
        let mut tones = HashMap::new();
        for country in Country::ALL {
            for tone in Tone::ALL {
                let (segments, off_ms) = score(country, tone);
                tones.insert((country, tone), cadence(segments, 0.1, off_ms));
            }
        }
        let key = |code| {
            let pair = pair(code);
            let samples = segment(&pair, 0.22, 100);
            Cadence { on: Arc::new(Prompt::from_samples(&samples)), off: samples_of(60) }
        };
        Tones { tones, keys: (0..16).map(key).collect() }
    }

    /// The cadence of a tone.
    pub(super) fn tone(&self, country: Country, tone: Tone) -> Option<&Cadence> {
        self.tones.get(&(country, tone))
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

/// The segments one after the other, and the silence behind them. `level` is the part of full scale of each segment.
fn cadence(segments: &[Segment], level: f64, off_ms: u32) -> Cadence {
    let samples: Vec<i16> = segments
        .iter()
        .flat_map(|(hertz, ms)| segment(hertz, level / hertz.len().max(1) as f64, *ms))
        .collect();
    Cadence { on: Arc::new(Prompt::from_samples(&samples)), off: samples_of(off_ms) }
}

fn samples_of(ms: u32) -> usize {
    (RATE / 1_000 * ms) as usize
}

/// `level` is each frequency's part of full scale; 5 ms ramps at both edges.
fn segment(hertz: &[f64], level: f64, ms: u32) -> Vec<i16> {
    let (len, ramp) = (RATE / 1_000 * ms, RATE / 200);
    let mut sines: Vec<Sine> = hertz.iter().map(|hertz| Sine::new(*hertz, RATE)).collect();
    let sample = |n: u32| {
        let edge = f64::from(n.min(len - 1 - n).min(ramp)) / f64::from(ramp);
        let sum: f64 = sines.iter_mut().map(Sine::step).sum();
        (sum * level * edge * 32_767.0) as i16
    };
    (0..len).map(sample).collect()
}

#[cfg(test)]
pub(super) mod tests {
    use std::f64::consts::PI;

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
        use Country::{China, Europe, UnitedStates};
        for (country, tone, hertz, on_ms, off_ms) in [
            (China, Tone::RingBack, &[450.0][..], 1_000, 4_000),
            (China, Tone::Busy, &[450.0], 350, 350),
            (China, Tone::Congestion, &[450.0], 700, 700),
            (China, Tone::CallWaiting, &[450.0], 400, 4_000),
            (China, Tone::Waiting, &[450.0], 400, 9_600),
            (China, Tone::Beep, &[1_400.0], 400, 0),
            (Europe, Tone::Recording, &[1_400.0], 400, 14_600),
            (UnitedStates, Tone::RingBack, &[440.0, 480.0], 2_000, 4_000),
            (UnitedStates, Tone::Busy, &[480.0, 620.0], 500, 500),
            (Europe, Tone::Busy, &[425.0], 500, 500),
            (Europe, Tone::Congestion, &[425.0], 250, 250),
        ] {
            let cadence = tones.tone(country, tone).unwrap();
            let name = format!("{country:?} {tone:?}");
            assert_eq!((cadence.on.a_law().len(), cadence.off), (on_ms * 8, off_ms * 8), "{name}");
            for (table, law) in [(&A_LAW, cadence.on.a_law()), (&MU_LAW, cadence.on.mu_law())] {
                let samples: Vec<i16> = law.iter().map(|octet| table[usize::from(*octet)]).collect();
                for one in hertz {
                    let expected = 0.1 / hertz.len() as f64;
                    assert!((level(&samples, *one) / expected - 1.0).abs() < 0.1, "{name}");
                    assert!(level(&samples, one * 1.5) < 0.005, "{name}");
                }
            }
        }
    }

    #[test]
    fn the_special_information_tone_rises_in_three_steps() {
        let tones = Tones::new();
        let on = tones.tone(Country::Europe, Tone::Special).unwrap().on.clone();
        let samples: Vec<i16> = on.a_law().iter().map(|octet| A_LAW[usize::from(*octet)]).collect();
        for (part, hertz) in samples.chunks(2_640).zip([950.0, 1_400.0, 1_800.0]) {
            assert!((level(part, hertz) - 0.1).abs() < 0.01, "{hertz}");
        }
        // Call waiting in Europe: two bursts with a pause between them.
        let on = tones.tone(Country::Europe, Tone::CallWaiting).unwrap().on.clone();
        let samples: Vec<i16> = on.a_law().iter().map(|octet| A_LAW[usize::from(*octet)]).collect();
        assert!(level(&samples[1_600..3_200], 425.0) < 0.001 && level(&samples[3_200..], 425.0) > 0.09);
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
