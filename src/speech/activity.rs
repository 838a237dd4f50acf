//! When somebody speaks, by loudness alone: for rules about silence and about talking at the same time, without any recogniser.
//!
//! Invariant: a stretch is told while it lasts, at least every half second, so that what is known is never older than that.

/// A voice is this many times as loud as what is there without one.
const ABOVE: f32 = 3.0;
/// Nobody speaks more softly than this (root mean square of 16-bit samples, −46 dB of full scale).
const SOFTEST: f32 = 160.0;
/// What is louder than this for long is a voice, whatever it sounds like.
const LOUDEST_FLOOR: f32 = 400.0;
/// Frames in a row that make a beginning: a click is none.
const BEGINS: u32 = 3;
/// Frames of quiet that make an end: between words there are shorter pauses.
const ENDS: u32 = 20;
/// Frames between two words about a stretch that goes on.
const TELLS: u32 = 25;
/// Milliseconds of a frame.
const FRAME_MS: u64 = 20;

/// Somebody spoke from here to there, in milliseconds since the first frame. A stretch is told again, longer, while it lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spoke {
    /// From.
    pub from_ms: u64,
    /// To.
    pub to_ms: u64,
}

/// Listens to one party in frames of 20 ms.
#[derive(Debug, Clone)]
pub struct Activity {
    floor: f32,
    loud: u32,
    quiet: u32,
    since_ms: Option<u64>,
    untold: u32,
}

impl Default for Activity {
    fn default() -> Activity {
        Activity { floor: SOFTEST / ABOVE, loud: 0, quiet: 0, since_ms: None, untold: 0 }
    }
}

impl Activity {
    /// A frame that begins at `at_ms`: what is to be told of the stretch that lasts or ends with it.
    pub fn hear(&mut self, at_ms: u64, samples: &[i16]) -> Option<Spoke> {
        let voice = self.is_voice(loudness(samples));
        (self.loud, self.quiet) = if voice { (self.loud + 1, 0) } else { (0, self.quiet.saturating_add(1)) };
        let Some(from_ms) = self.since_ms else {
            if self.loud >= BEGINS {
                self.since_ms = Some(at_ms.saturating_sub(FRAME_MS * u64::from(BEGINS - 1)));
                self.untold = 0;
            }
            return None;
        };
        self.untold += 1;
        let ended = self.quiet >= ENDS;
        if ended {
            self.since_ms = None;
        } else if self.untold < TELLS {
            return None;
        }
        self.untold = 0;
        let to_ms = (at_ms + FRAME_MS).saturating_sub(FRAME_MS * u64::from(self.quiet));
        Some(Spoke { from_ms, to_ms })
    }

    /// Whether it is louder than what is always there, which is learnt: quickly when it is less, slowly when it is more.
    fn is_voice(&mut self, loudness: f32) -> bool {
        let voice = loudness > (self.floor * ABOVE).max(SOFTEST);
        self.floor = if loudness < self.floor {
            self.floor + (loudness - self.floor) * 0.2
        } else {
            (self.floor * 1.005).min(LOUDEST_FLOOR)
        };
        self.floor = self.floor.max(1.0);
        voice
    }
}

fn loudness(samples: &[i16]) -> f32 {
    let sum: f32 = samples.iter().map(|sample| f32::from(*sample).powi(2)).sum();
    (sum / samples.len().max(1) as f32).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The stretches that are found in frames of these loudnesses.
    fn stretches(frames: impl IntoIterator<Item = i16>) -> Vec<(u64, u64)> {
        let mut activity = Activity::default();
        let mut found: Vec<(u64, u64)> = Vec::new();
        for (n, loudness) in frames.into_iter().enumerate() {
            let samples: Vec<i16> = (0..160).map(|k| if k % 2 == 0 { loudness } else { -loudness }).collect();
            if let Some(Spoke { from_ms, to_ms }) = activity.hear(n as u64 * FRAME_MS, &samples) {
                found.retain(|(from, _)| *from != from_ms);
                found.push((from_ms, to_ms));
            }
        }
        found
    }

    fn run(loudness: i16, frames: usize) -> impl Iterator<Item = i16> {
        std::iter::repeat_n(loudness, frames)
    }

    #[test]
    fn a_voice_is_told_from_silence_noise_and_clicks() {
        assert_eq!(stretches(run(0, 500)), []);
        // Two seconds, a pause between words, and one second more.
        let talk =
            run(3, 100).chain(run(2_000, 100)).chain(run(3, 10)).chain(run(2_000, 50)).chain(run(3, 100));
        assert_eq!(stretches(talk), [(2_000, 5_200)]);
        let click = run(3, 100).chain(run(20_000, 2)).chain(run(3, 100));
        assert_eq!(stretches(click), []);
        // A line that hums: soon nobody takes it for a voice, and a voice is heard above it.
        let hum = run(300, 1_000).chain(run(4_000, 100)).chain(run(300, 100));
        assert_eq!(stretches(hum).last(), Some(&(20_000, 22_000)));
    }

    #[test]
    fn a_stretch_is_told_while_it_lasts() {
        let told = stretches(run(2_000, 80));
        assert_eq!(told, [(0, 1_560)], "half a second before the end at the latest");
    }
}
