//! Ears: tones to speak with, and how much of a tone there is in what was heard.

use std::f64::consts::TAU;
use std::path::Path;

/// Samples a second of everything here.
pub const RATE: u32 = 8_000;

/// Writes a tone as a WAV file: 8 kHz, one channel, 16 bit, a third of full scale.
pub fn write_tone(path: &Path, hertz: f64, seconds: u32) {
    write_tone_at(RATE, path, hertz, seconds);
}

/// The same at another rate.
pub fn write_tone_at(rate: u32, path: &Path, hertz: f64, seconds: u32) {
    write_tones(rate, path, &vec![hertz; 5 * seconds as usize]);
}

/// Tones one after the other, a fifth of a second each.
pub fn write_tones(rate: u32, path: &Path, tones: &[f64]) {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: rate,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut file = hound::WavWriter::create(path, spec).expect("a file");
    let mut phase = 0.0;
    for hertz in tones {
        for _ in 0..rate / 5 {
            file.write_sample((f64::sin(phase) * 10_000.0) as i16).expect("written");
            phase += TAU * hertz / f64::from(rate);
        }
    }
    file.finalize().expect("written");
}

/// The first channel of a WAV file of any rate that is a multiple of ours, thinned out to it: good enough for low tones.
pub fn read_thinned(path: &Path) -> Vec<i16> {
    let mut file = hound::WavReader::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let step = (file.spec().sample_rate / RATE) as usize * usize::from(file.spec().channels);
    file.samples::<i16>().map_while(Result::ok).step_by(step).collect()
}

/// The channels of a WAV file.
pub fn read(path: &Path) -> Vec<Vec<i16>> {
    let mut file = hound::WavReader::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    assert_eq!(file.spec().sample_rate, RATE, "{}", path.display());
    let count = usize::from(file.spec().channels);
    let mut channels = vec![Vec::new(); count];
    // A recorder that was killed leaves a length that is too long: what is there counts.
    for (at, sample) in file.samples::<i16>().map_while(Result::ok).enumerate() {
        channels[at % count].push(sample);
    }
    channels
}

/// Seconds of `samples` in which `hertz` is clearly what is heard: in tenths of a second, each of which has more than half
/// of its energy there.
pub fn seconds_of(samples: &[i16], hertz: f64) -> f64 {
    seconds_with(samples, hertz, 0.5)
}

/// For how long `hertz` has more than this share of what is heard: in a mix of two, less than half.
pub fn seconds_with(samples: &[i16], hertz: f64, least: f64) -> f64 {
    let tenth = RATE as usize / 10;
    let heard = samples.chunks_exact(tenth).filter(|chunk| share(chunk, hertz) > least).count();
    heard as f64 / 10.0
}

/// The share of the energy of `samples` that is at `hertz` (Goertzel), 0 for silence.
fn share(samples: &[i16], hertz: f64) -> f64 {
    let count = samples.len() as f64;
    let turn = 2.0 * (TAU * hertz / f64::from(RATE)).cos();
    let (mut last, mut before, mut energy) = (0.0, 0.0, 0.0);
    for sample in samples.iter().map(|sample| f64::from(*sample)) {
        (last, before) = (sample + turn * last - before, last);
        energy += sample * sample;
    }
    let power = last * last + before * before - turn * last * before;
    if energy / count < 100.0 { 0.0 } else { 2.0 * power / (count * energy) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ear_tells_tones_and_silence_apart() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("tone.wav");
        write_tone(&path, 440.0, 2);
        let tone = read(&path).remove(0);
        assert_eq!([440.0, 700.0, 1_000.0].map(|hertz| seconds_of(&tone, hertz)), [2.0, 0.0, 0.0]);
        let both: Vec<i16> = tone.iter().chain(&vec![0; 16_000]).copied().collect();
        assert_eq!(seconds_of(&both, 440.0), 2.0);
    }
}
