//! WAV in, 8 000 samples a second out: done once when prompts are loaded.
//!
//! Resampling is a windowed sinc (Blackman, 24 zero crossings a side) whose cut-off lies below both rates' halves; its
//! weights are computed once per file, so that a minute of music takes milliseconds.
//! Invariant: memory is bounded by [`bounds::PROMPT`] at the file's own rate before anything is allocated for it.

use std::f64::consts::PI;
use std::io::Cursor;

use hound::{SampleFormat, WavReader, WavSpec};

use crate::base::bounds;

use super::{BadSound, riff};

/// Samples a second on the wire.
pub(super) const RATE: u32 = 8_000;
/// What needs no work: most prompts are kept so, and a node's start waits for all of them.
const WIRE: WavSpec =
    WavSpec { channels: 1, sample_rate: RATE, bits_per_sample: 16, sample_format: SampleFormat::Int };
/// Full scale.
const FULL: f32 = 32_768.0;
/// Zero crossings of the sinc on each side.
const CROSSINGS: f64 = 24.0;
/// The part of the lower half-rate that passes.
const PASS: f64 = 0.94;

/// Reads a WAV file (PCM, float or G.711) as one channel of 16-bit samples, 8 000 a second; several channels are mixed.
///
/// # Errors
/// It is none of these, or longer than [`bounds::PROMPT`].
pub fn read(file: &[u8]) -> Result<Vec<i16>, BadSound> {
    if let Some(sound) = riff::companded(file) {
        let channels = usize::from(sound.channels);
        check(sound.rate, sound.octets.len() / channels)?;
        let table = sound.law.table();
        let samples: Vec<f32> =
            sound.octets.iter().map(|octet| f32::from(table[usize::from(*octet)]) / FULL).collect();
        return Ok(on_the_wire(&samples, channels, sound.rate));
    }
    let mut reader = WavReader::new(Cursor::new(file)).map_err(unreadable)?;
    let spec = reader.spec();
    check(spec.sample_rate, usize::try_from(reader.duration()).unwrap_or(usize::MAX))?;
    if spec == WIRE {
        return reader.into_samples::<i16>().collect::<Result<_, _>>().map_err(unreadable);
    }
    let samples: Vec<f32> = match spec.sample_format {
        SampleFormat::Float => reader.samples::<f32>().collect::<Result<_, _>>().map_err(unreadable)?,
        SampleFormat::Int => {
            let full = 1i64 << (spec.bits_per_sample.clamp(1, 32) - 1);
            let scaled =
                reader.samples::<i32>().map(|sample| sample.map(|sample| sample as f32 / full as f32));
            scaled.collect::<Result<_, _>>().map_err(unreadable)?
        }
    };
    Ok(on_the_wire(&samples, usize::from(spec.channels.max(1)), spec.sample_rate))
}

/// Refuses rates and lengths that no prompt has.
fn check(rate: u32, samples: usize) -> Result<(), BadSound> {
    if !(4_000..=192_000).contains(&rate) {
        return Err(BadSound::Rate(rate));
    }
    if samples as u64 > bounds::PROMPT.as_secs() * u64::from(rate) {
        return Err(BadSound::Long(bounds::PROMPT));
    }
    Ok(())
}

/// All channels as one, at [`RATE`].
fn on_the_wire(samples: &[f32], channels: usize, rate: u32) -> Vec<i16> {
    let mono: Vec<f32> =
        samples.chunks_exact(channels).map(|frame| frame.iter().sum::<f32>() / channels as f32).collect();
    resample(&mono, rate).into_iter().map(to_i16).collect()
}

fn unreadable(error: hound::Error) -> BadSound {
    BadSound::Unreadable(error.to_string())
}

fn to_i16(sample: f32) -> i16 {
    let scaled = (sample * FULL).round();
    if scaled.is_nan() { 0 } else { scaled.clamp(-32_768.0, 32_767.0) as i16 }
}

/// `input` at `rate` samples a second → the same sound at [`RATE`].
fn resample(input: &[f32], rate: u32) -> Vec<f32> {
    if rate == RATE {
        return input.to_vec();
    }
    let kernel = Kernel::new(rate);
    // Silence at both ends, so that every sample has neighbours.
    let silence = vec![0.0; kernel.reach];
    let padded = [&silence, input, &silence].concat();
    let len = (input.len() as u64 * u64::from(RATE)).div_ceil(u64::from(rate));
    (0..len).map(|n| kernel.sample(&padded, n * u64::from(rate))).collect()
}

/// The windowed sinc, sampled at every place that an output sample can have between two input samples.
struct Kernel {
    /// Input samples on each side.
    reach: usize,
    /// Places between two input samples.
    phases: u64,
    /// `2 × reach` weights a phase.
    weights: Vec<f32>,
}

impl Kernel {
    fn new(rate: u32) -> Kernel {
        let step = f64::from(rate) / f64::from(RATE);
        // In cycles per input sample.
        let cutoff = 0.5 * PASS * (1.0 / step).min(1.0);
        let reach = (CROSSINGS / (2.0 * cutoff)).ceil() as usize;
        let phases = u64::from(RATE / gcd(rate, RATE));
        let places = (0..phases).flat_map(|phase| (0..2 * reach).map(move |k| (phase, k)));
        let weight = |(phase, k): (u64, usize)| {
            let x = k as f64 + 1.0 - reach as f64 - phase as f64 / phases as f64;
            windowed_sinc(x, cutoff, reach as f64) as f32
        };
        Kernel { reach, phases, weights: places.map(weight).collect() }
    }

    /// The value at `place` (in input samples times [`RATE`]) of a sound with `reach` samples of silence before it.
    fn sample(&self, padded: &[f32], place: u64) -> f32 {
        let (whole, part) = (place / u64::from(RATE), place % u64::from(RATE));
        let row = (part * self.phases / u64::from(RATE)) as usize * 2 * self.reach;
        let weights = self.weights.get(row..row + 2 * self.reach).unwrap_or_default();
        let near = padded.get(whole as usize + 1..).unwrap_or_default();
        weights.iter().zip(near).map(|(weight, sample)| weight * sample).sum()
    }
}

/// The ideal low-pass at `x` input samples from its centre, under a Blackman window.
fn windowed_sinc(x: f64, cutoff: f64, reach: f64) -> f64 {
    let phase = 2.0 * PI * cutoff * x;
    let sinc = if phase.abs() < 1e-9 { 1.0 } else { phase.sin() / phase };
    let window = 0.42 + 0.5 * (PI * x / reach).cos() + 0.08 * (2.0 * PI * x / reach).cos();
    2.0 * cutoff * sinc * window
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::super::tone::tests::level;
    use super::*;
    use hound::WavWriter;

    /// One second of `hertz` at `rate` in the given form; the second channel, if any, is silent.
    fn wav(hertz: f64, rate: u32, channels: u16, bits: u16, format: SampleFormat) -> Vec<u8> {
        let mut file = Cursor::new(Vec::new());
        let spec = WavSpec { channels, sample_rate: rate, bits_per_sample: bits, sample_format: format };
        let mut writer = WavWriter::new(&mut file, spec).unwrap();
        for n in 0..rate {
            let value = 0.5 * (2.0 * PI * hertz * f64::from(n) / f64::from(rate)).sin();
            for channel in 0..channels {
                let value = if channel == 0 { value } else { 0.0 };
                match format {
                    SampleFormat::Float => writer.write_sample(value as f32).unwrap(),
                    SampleFormat::Int => {
                        writer.write_sample((value * f64::from(1u32 << (bits - 1))) as i32).unwrap();
                    }
                }
            }
        }
        writer.finalize().unwrap();
        file.into_inner()
    }

    #[test]
    fn a_tone_keeps_its_pitch_and_level_at_any_rate() {
        use SampleFormat::{Float, Int};
        for (rate, channels, bits, format, amplitude) in [
            (8_000, 1, 16, Int, 0.5),
            (11_025, 1, 16, Int, 0.5),
            (16_000, 1, 16, Int, 0.5),
            (44_100, 1, 16, Int, 0.5),
            (44_100, 2, 24, Int, 0.25),
            (48_000, 1, 32, Float, 0.5),
            (6_000, 1, 8, Int, 0.5),
            (44_101, 1, 16, Int, 0.5), // shares no factor: as many places as there can be
        ] {
            let samples = read(&wav(1_000.0, rate, channels, bits, format)).unwrap();
            assert!(samples.len().abs_diff(8_000) <= 1, "{} samples from {rate}", samples.len());
            let heard = level(&samples[400..7_600], 1_000.0);
            assert!((heard / amplitude - 1.0).abs() < 0.03, "{heard} of {amplitude} at {rate}");
        }
    }

    #[test]
    fn what_the_wire_cannot_carry_does_not_fold_back() {
        let samples = read(&wav(5_000.0, 48_000, 1, 16, SampleFormat::Int)).unwrap();
        assert!(level(&samples[400..7_600], 3_000.0) < 0.001);
    }

    #[test]
    fn broken_files_are_refused() {
        let whole = wav(440.0, 8_000, 1, 16, SampleFormat::Int);
        for len in [0, 3, 12, 30, 43, 100, whole.len() - 1] {
            assert!(matches!(read(&whole[..len]), Err(BadSound::Unreadable(_))), "cut at {len}");
        }
        assert_eq!(read(&wav(440.0, 200_000, 1, 16, SampleFormat::Int)), Err(BadSound::Rate(200_000)));
        let mut endless = whole;
        endless[40..44].copy_from_slice(&0x7fff_fff0u32.to_le_bytes());
        assert!(read(&endless).is_err());
    }
}
