//! WAV in, 8 000 samples a second out: done once when prompts are loaded, so exact rather than fast.
//!
//! Resampling is a windowed sinc (Blackman, 24 zero crossings) whose cut-off lies below both rates' halves.
//! Invariant: memory is bounded by [`bounds::PROMPT`] at the file's own rate before anything is allocated for it.

use std::f64::consts::PI;
use std::io::Cursor;

use hound::{SampleFormat, WavReader};

use crate::base::bounds;

use super::BadSound;

/// Samples a second on the wire.
pub(super) const RATE: u32 = 8_000;
/// Zero crossings of the sinc on each side.
const CROSSINGS: f64 = 24.0;
/// The part of the lower half-rate that passes.
const PASS: f64 = 0.94;

/// Reads a WAV file as one channel of linear samples at [`RATE`].
pub(super) fn read(file: &[u8]) -> Result<Vec<i16>, BadSound> {
    let mut reader = WavReader::new(Cursor::new(file)).map_err(unreadable)?;
    let spec = reader.spec();
    if !(4_000..=192_000).contains(&spec.sample_rate) {
        return Err(BadSound::Rate(spec.sample_rate));
    }
    if u64::from(reader.duration()) > bounds::PROMPT.as_secs() * u64::from(spec.sample_rate) {
        return Err(BadSound::Long(bounds::PROMPT));
    }
    let channels = usize::from(spec.channels.max(1));
    let samples: Vec<f32> = match spec.sample_format {
        SampleFormat::Float => reader.samples::<f32>().collect::<Result<_, _>>().map_err(unreadable)?,
        SampleFormat::Int => {
            let full = 1i64 << (spec.bits_per_sample.clamp(1, 32) - 1);
            let scaled =
                reader.samples::<i32>().map(|sample| sample.map(|sample| sample as f32 / full as f32));
            scaled.collect::<Result<_, _>>().map_err(unreadable)?
        }
    };
    let mono: Vec<f32> =
        samples.chunks_exact(channels).map(|frame| frame.iter().sum::<f32>() / channels as f32).collect();
    Ok(resample(&mono, spec.sample_rate).into_iter().map(to_i16).collect())
}

fn unreadable(error: hound::Error) -> BadSound {
    BadSound::Unreadable(error.to_string())
}

fn to_i16(sample: f32) -> i16 {
    let scaled = (sample * 32_768.0).round();
    if scaled.is_nan() { 0 } else { scaled.clamp(-32_768.0, 32_767.0) as i16 }
}

/// `input` at `rate` samples a second → the same sound at [`RATE`].
fn resample(input: &[f32], rate: u32) -> Vec<f32> {
    if rate == RATE {
        return input.to_vec();
    }
    let step = f64::from(rate) / f64::from(RATE);
    // Cut-off in cycles per input sample, and how far the kernel reaches on each side.
    let cutoff = 0.5 * PASS * (1.0 / step).min(1.0);
    let reach = CROSSINGS / (2.0 * cutoff);
    let len = (input.len() as f64 / step).ceil() as usize;
    (0..len)
        .map(|n| {
            let centre = n as f64 * step;
            let first = (centre - reach).ceil().max(0.0) as usize;
            let last = ((centre + reach).floor() as usize).min(input.len().saturating_sub(1));
            let near = input.get(first..=last).unwrap_or_default();
            let sum: f64 = near
                .iter()
                .enumerate()
                .map(|(k, sample)| f64::from(*sample) * kernel((first + k) as f64 - centre, cutoff, reach))
                .sum();
            sum as f32
        })
        .collect()
}

/// The windowed sinc at `x` input samples from its centre.
fn kernel(x: f64, cutoff: f64, reach: f64) -> f64 {
    let phase = 2.0 * PI * cutoff * x;
    let sinc = if phase.abs() < 1e-9 { 1.0 } else { phase.sin() / phase };
    let window = 0.42 + 0.5 * (PI * x / reach).cos() + 0.08 * (2.0 * PI * x / reach).cos();
    2.0 * cutoff * sinc * window
}

#[cfg(test)]
mod tests {
    use super::super::tone::tests::level;
    use super::*;
    use hound::{WavSpec, WavWriter};

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
