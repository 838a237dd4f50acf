//! Sound into features: 40 logarithmic energies of mel bands for every 10 ms, of 25 ms of sound.
//!
//! Invariant: what `benches/spotter/sound.py` computes, to rounding (the parity test); a stream's memory does not grow.

use std::f32::consts::PI;
use std::sync::LazyLock;

/// Samples a second.
pub const RATE: u32 = 8_000;
/// Samples that a frame looks at: 25 ms.
pub(super) const WINDOW: usize = 200;
/// Samples from frame to frame: 10 ms.
pub(super) const STEP: usize = 80;
/// Energies of a frame.
pub(super) const BANDS: usize = 40;

const POINTS: usize = 256;
const BINS: usize = POINTS / 2 + 1;
const LOWEST: f32 = 120.0;
const HIGHEST: f32 = 3_800.0;
/// Added to every energy, so that silence has a logarithm: about what A-law's idle steps amount to.
const FLOOR: f32 = 1e-4;

/// One frame.
pub(super) type Bands = [f32; BANDS];

/// Tables that all streams share.
struct Tables {
    window: [f32; WINDOW],
    /// cos and sin of each of the transform's turns.
    turns: [(f32, f32); POINTS / 2],
    /// Each band's first bin and its weights.
    bands: Vec<(usize, Vec<f32>)>,
}

static TABLES: LazyLock<Tables> = LazyLock::new(|| Tables {
    window: std::array::from_fn(|n| 0.5 - 0.5 * (2.0 * PI * n as f32 / WINDOW as f32).cos()),
    turns: std::array::from_fn(|n| {
        let (sin, cos) = (-2.0 * PI * n as f32 / POINTS as f32).sin_cos();
        (cos, sin)
    }),
    bands: bands(),
});

fn bands() -> Vec<(usize, Vec<f32>)> {
    let mel = |hertz: f32| 1127.0 * (hertz / 700.0).ln_1p();
    let edge = |n: usize| {
        let share = n as f32 / (BANDS + 1) as f32;
        mel(LOWEST) + (mel(HIGHEST) - mel(LOWEST)) * share
    };
    let weight = |band: usize, bin: usize| {
        let at = mel(bin as f32 * RATE as f32 / POINTS as f32);
        let rise = (at - edge(band)) / (edge(band + 1) - edge(band));
        let fall = (edge(band + 2) - at) / (edge(band + 2) - edge(band + 1));
        rise.min(fall).max(0.0)
    };
    let band = |n: usize| {
        let first = (0..BINS).find(|bin| weight(n, *bin) > 0.0).unwrap_or(0);
        (first, (first..BINS).map(|bin| weight(n, bin)).take_while(|weight| *weight > 0.0).collect())
    };
    (0..BANDS).map(band).collect()
}

/// The features of one stream.
pub(super) struct Mel {
    /// Samples of the frame that is to come, in [-1, 1].
    held: Vec<f32>,
}

impl Mel {
    pub(super) fn new() -> Mel {
        Mel { held: Vec::with_capacity(WINDOW) }
    }

    /// Takes samples, and hands each frame that they complete to `take`.
    pub(super) fn push(&mut self, samples: &[i16], mut take: impl FnMut(Bands)) {
        for sample in samples {
            self.held.push(f32::from(*sample) / 32_768.0);
            if self.held.len() == WINDOW {
                take(frame(&self.held));
                self.held.copy_within(STEP.., 0);
                self.held.truncate(WINDOW - STEP);
            }
        }
    }
}

fn frame(samples: &[f32]) -> Bands {
    let tables = &*TABLES;
    let mut re = [0.0; POINTS];
    for ((re, sample), window) in re.iter_mut().zip(samples).zip(&tables.window) {
        *re = sample * window;
    }
    let power = power(re, &tables.turns);
    let mut bands = [0.0; BANDS];
    for (band, (first, weights)) in bands.iter_mut().zip(&tables.bands) {
        let energy: f32 = power.iter().skip(*first).zip(weights).map(|(power, weight)| power * weight).sum();
        *band = ((energy + FLOOR).ln() + 3.0) / 4.0;
    }
    bands
}

/// The power of each bin: a radix-2 transform, in place.
fn power(mut re: [f32; POINTS], turns: &[(f32, f32); POINTS / 2]) -> [f32; BINS] {
    let mut im = [0.0; POINTS];
    for n in 0..POINTS {
        let other = (n as u8).reverse_bits() as usize;
        if n < other {
            re.swap(n, other);
        }
    }
    let mut half = 1;
    while half < POINTS {
        let stride = POINTS / (2 * half);
        for start in (0..POINTS).step_by(2 * half) {
            for k in 0..half {
                let ((cos, sin), a, b) = (turns[k * stride], start + k, start + k + half);
                let (x, y) = (re[b] * cos - im[b] * sin, re[b] * sin + im[b] * cos);
                (re[b], im[b]) = (re[a] - x, im[a] - y);
                (re[a], im[a]) = (re[a] + x, im[a] + y);
            }
        }
        half *= 2;
    }
    std::array::from_fn(|bin| re[bin] * re[bin] + im[bin] * im[bin])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_transform_is_that_of_the_definition() {
        let signal: [f32; POINTS] =
            std::array::from_fn(|n| ((n * 37 % 101) as f32 / 50.0 - 1.0) * (n < 200) as u8 as f32);
        let fast = power(signal, &TABLES.turns);
        for bin in [0, 1, 17, 64, 128] {
            let (mut re, mut im) = (0.0f64, 0.0f64);
            for (n, x) in signal.iter().enumerate() {
                let (sin, cos) = (2.0 * std::f64::consts::PI * (bin * n) as f64 / POINTS as f64).sin_cos();
                re += f64::from(*x) * cos;
                im -= f64::from(*x) * sin;
            }
            let exact = re * re + im * im;
            assert!(
                (f64::from(fast[bin]) - exact).abs() <= 1e-3 * exact.max(1.0),
                "{bin}: {} {exact}",
                fast[bin]
            );
        }
    }

    #[test]
    fn a_tone_is_loudest_in_its_band_and_silence_lies_on_the_floor() {
        let tone: Vec<i16> =
            (0..400).map(|n| ((n as f32 * 2.0 * PI * 1_000.0 / 8_000.0).sin() * 9_000.0) as i16).collect();
        let mut frames = Vec::new();
        Mel::new().push(&tone, |frame| frames.push(frame));
        assert_eq!(frames.len(), (400 - WINDOW) / STEP + 1);
        let loudest = (0..BANDS).max_by(|a, b| frames[0][*a].total_cmp(&frames[0][*b])).expect("bands");
        let lowest = |band: usize| TABLES.bands[band].0 as f32 * 31.25;
        assert!(lowest(loudest) < 1_000.0 && 1_000.0 < lowest(loudest + 2) + 62.5, "{loudest}");
        let mut silent = Vec::new();
        Mel::new().push(&[0; WINDOW], |frame| silent.push(frame));
        assert!(silent[0].iter().all(|band| (band - (FLOOR.ln() + 3.0) / 4.0).abs() < 1e-5));
    }
}
