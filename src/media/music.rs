//! Music on hold of the switch's own: a quiet waltz over four chords, composed for it and computed at start. Nobody holds rights in it.
//!
//! Each note is a plucked tone: a sine with two weaker partials under an exponential decay. The piece ends where it begins, so that it
//! can be repeated without a seam.
//! Invariant: it stays some 12 dB below full scale, where phones and G.711 do not distort.

use super::Prompt;
use super::sine::Sine;
use super::wave::RATE;
use crate::base::PromptId;

/// Under which identity the library holds what is played to held parties. Prompts of plans are named by their content's hash; that
/// one of them is this number is as likely as any collision.
pub const MUSIC: PromptId = PromptId(0x6d75_7369_635f_6f6e);

/// Beats (crotchets) a minute.
const TEMPO: f64 = 96.0;

/// How loud the loudest note is, of full scale.
const LEVEL: f64 = 0.085;

/// One bar: the bass, the two notes of the chord above it, and the melody's three beats; semitones from A at 220 Hz. A beat of
/// [`REST`] lets the note before it ring.
type Bar = (i8, [i8; 2], [i8; 3]);

const REST: i8 = i8::MIN;

/// C, A minor, F and G in turn, and home again.
const PIECE: [Bar; 16] = [
    (-9, [7, 10], [15, REST, 19]),
    (-9, [7, 10], [22, REST, 19]),
    (-12, [3, 7], [24, REST, 22]),
    (-12, [3, 7], [19, REST, REST]),
    (-4, [0, 8], [20, REST, 24]),
    (-4, [0, 8], [27, REST, 24]),
    (-2, [2, 5], [26, REST, 22]),
    (-2, [2, 5], [17, 19, 22]),
    (-9, [7, 10], [27, REST, 24]),
    (-9, [7, 10], [22, REST, 19]),
    (-12, [3, 7], [24, 22, 19]),
    (-12, [3, 7], [15, REST, REST]),
    (-4, [0, 8], [20, 19, 17]),
    (-2, [2, 5], [14, REST, 17]),
    (-9, [7, 10], [15, REST, 19]),
    (-9, [7, 10], [15, REST, REST]),
];

/// The piece, 30 seconds.
pub fn music() -> Prompt {
    Prompt::from_samples(&samples())
}

fn samples() -> Vec<i16> {
    let beat = f64::from(RATE) * 60.0 / TEMPO;
    let length = (beat * 3.0 * PIECE.len() as f64) as usize;
    let mut mix = vec![0.0; length];
    for (bar, (bass, chord, melody)) in PIECE.iter().enumerate() {
        let at = |beats: usize| ((bar * 3 + beats) as f64 * beat) as usize;
        pluck(&mut mix, at(0), *bass, 0.8);
        for beats in [1, 2] {
            chord.iter().for_each(|note| pluck(&mut mix, at(beats), *note, 0.35));
        }
        for (beats, note) in melody.iter().enumerate().filter(|(_, note)| **note != REST) {
            pluck(&mut mix, at(beats), *note, 1.0);
        }
    }
    mix.iter().map(|v| (v * LEVEL * f64::from(i16::MAX)) as i16).collect()
}

/// Adds one note; what would ring beyond the end rings at the beginning, which is what a repeat sounds like.
fn pluck(mix: &mut [f64], start: usize, semitones: i8, loudness: f64) {
    let rate = f64::from(RATE);
    let hertz = 220.0 * 2_f64.powf(f64::from(semitones) / 12.0);
    let length = (rate * 1.6) as usize;
    let fade = (-2.6 / rate).exp();
    let mut partials =
        [(1.0, 1.0), (2.0, 0.3), (3.0, 0.12)].map(|(n, level)| (Sine::new(hertz * n, RATE), level));
    let mut decay = loudness;
    let (before, after) = mix.split_at_mut(start.min(mix.len()));
    for (n, place) in after.iter_mut().chain(before).take(length).enumerate() {
        let attack = (n as f64 / (rate * 0.008)).min(1.0);
        let value: f64 = partials.iter_mut().map(|(sine, level)| sine.step() * *level).sum();
        *place += attack * decay * (1.0 - n as f64 / length as f64) * value;
        decay *= fade;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_heard_throughout_and_never_too_loud() {
        assert_eq!(music().duration().as_secs(), 30);
        let samples = samples();
        let loudest = samples.iter().map(|s| s.abs()).max().unwrap_or(0);
        assert!((4_000..16_384).contains(&loudest), "{loudest}");
        for second in samples.chunks(8_000) {
            let power = second.iter().map(|s| f64::from(*s).powi(2)).sum::<f64>() / second.len() as f64;
            assert!(power.sqrt() > 250.0, "{}", power.sqrt());
        }
    }

    #[test]
    fn its_end_runs_into_its_beginning() {
        let samples = samples();
        let last = samples.last().copied().unwrap_or(0);
        assert!((last - samples[0]).abs() < 2_000);
    }
}
