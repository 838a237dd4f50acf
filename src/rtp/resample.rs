//! Between narrowband and wideband: 8 000 samples a second to 16 000 and back, one stream at a time.
//!
//! A half-band low-pass of 63 taps (a Blackman-windowed sinc): flat to 3.4 kHz, everything above 4.6 kHz below -60 dB, so that
//! what a narrowband codec cannot carry does not fold back. The delay is 2 ms each way.
//! Invariant: N samples in are exactly 2 N (or N / 2) samples out, and blocks of any length join without a seam.

use std::f64::consts::PI;
use std::sync::LazyLock;

/// Weights on each side of the middle.
const SIDE: usize = 16;
/// Samples under the filter.
const SPAN: usize = 2 * SIDE;

/// Weights of the value half-way between the two middle ones of [`SPAN`] samples.
static MIDDLE: LazyLock<[f32; SPAN]> = LazyLock::new(|| {
    let weight = |k: usize| {
        let x = k as f64 - SIDE as f64 + 0.5;
        let window = 0.42 + 0.5 * (PI * x / SIDE as f64).cos() + 0.08 * (2.0 * PI * x / SIDE as f64).cos();
        (PI * x).sin() / (PI * x) * window
    };
    let sum: f64 = (0..SPAN).map(weight).sum();
    std::array::from_fn(|k| (weight(k) / sum) as f32)
});

/// The last [`SPAN`] samples of a stream, twice over so that they always lie in a row.
#[derive(Clone, Debug)]
struct Tail {
    samples: [f32; 2 * SPAN],
    place: usize,
}

impl Default for Tail {
    fn default() -> Tail {
        Tail { samples: [0.0; 2 * SPAN], place: 0 }
    }
}

impl Tail {
    /// Takes the next sample in; the last [`SPAN`] samples, oldest first.
    fn push(&mut self, sample: f32) -> &[f32] {
        self.samples[self.place] = sample;
        self.samples[self.place + SPAN] = sample;
        self.place = (self.place + 1) % SPAN;
        &self.samples[self.place..self.place + SPAN]
    }
}

fn middle(span: &[f32]) -> f32 {
    MIDDLE.iter().zip(span).map(|(weight, sample)| weight * sample).sum()
}

fn clip(sample: f32) -> i16 {
    sample.round() as i16 // a cast from float saturates
}

/// 8 000 → 16 000 samples a second.
#[derive(Clone, Debug, Default)]
pub struct Up(Tail);

impl Up {
    /// `input` is N samples at 8 000 a second, `output` takes 2 N at 16 000; what has no room is left out.
    pub fn run(&mut self, input: &[i16], output: &mut [i16]) {
        for (sample, pair) in input.iter().zip(output.chunks_exact_mut(2)) {
            let span = self.0.push(f32::from(*sample));
            pair[0] = span[SIDE - 1] as i16;
            pair[1] = clip(middle(span));
        }
    }
}

/// 16 000 → 8 000 samples a second.
#[derive(Clone, Debug, Default)]
pub struct Down {
    even: Tail,
    odd: Tail,
}

impl Down {
    /// `input` is N samples at 16 000 a second, `output` takes N / 2 at 8 000; an odd one at the end is left out.
    pub fn run(&mut self, input: &[i16], output: &mut [i16]) {
        for (pair, sample) in input.chunks_exact(2).zip(output) {
            let between = middle(self.odd.push(f32::from(pair[1])));
            // The even sample that lies between the odd ones under the filter's middle.
            let centre = self.even.push(f32::from(pair[0]))[SIDE];
            *sample = clip((centre + between) / 2.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sine(hertz: f64, rate: f64, len: usize) -> Vec<i16> {
        (0..len).map(|n| (10_000.0 * (2.0 * PI * hertz * n as f64 / rate).sin()) as i16).collect()
    }

    /// Root mean square, the beginning left out.
    fn loudness(samples: &[i16]) -> f64 {
        let steady = &samples[200..];
        (steady.iter().map(|s| f64::from(*s).powi(2)).sum::<f64>() / steady.len() as f64).sqrt()
    }

    /// In blocks of uneven length, as packets come.
    fn up(input: &[i16]) -> Vec<i16> {
        let (mut up, mut output) = (Up::default(), vec![0; 2 * input.len()]);
        let mut done = 0;
        for len in [160, 80, 1, 240].into_iter().cycle() {
            let end = (done + len).min(input.len());
            up.run(&input[done..end], &mut output[2 * done..2 * end]);
            done = end;
            if done == input.len() {
                return output;
            }
        }
        output
    }

    fn down(input: &[i16]) -> Vec<i16> {
        let (mut down, mut output) = (Down::default(), vec![0; input.len() / 2]);
        for (block, out) in input.chunks(322).zip(output.chunks_mut(161)) {
            down.run(block, out);
        }
        output
    }

    #[test]
    fn speech_passes_and_its_images_do_not() {
        for hertz in [200.0, 1_000.0, 3_000.0, 3_400.0] {
            let wide = up(&sine(hertz, 8_000.0, 4_000));
            let ideal = sine(hertz, 16_000.0, wide.len());
            // 16 samples at 8 000 a second late.
            let late = 2 * SIDE;
            let error: Vec<i16> = (late..wide.len()).map(|n| wide[n] - ideal[n - late]).collect();
            let ratio = loudness(&ideal) / loudness(&error).max(1e-9);
            assert!(ratio > 100.0, "{hertz} Hz up: {ratio:.0}");
            let back = down(&wide);
            assert!((loudness(&back) / loudness(&ideal) - 1.0).abs() < 0.02, "{hertz} Hz and back");
        }
        for hertz in [4_700.0, 6_000.0, 7_500.0] {
            let folded = loudness(&down(&sine(hertz, 16_000.0, 8_000)));
            assert!(folded < 10.0, "{hertz} Hz folds back at {folded:.1}");
        }
    }

    #[test]
    fn full_scale_does_not_wrap() {
        let square: Vec<i16> = (0..800).map(|n| if n % 40 < 20 { i16::MAX } else { i16::MIN }).collect();
        for pair in up(&square)[100..].windows(2) {
            assert!(pair[0].abs_diff(pair[1]) < 45_000, "{pair:?}");
        }
    }
}
