//! Comfort noise that the switch sends: RFC 3389. Where a leg takes it and whoever speaks to the leg falls silent, the leg is told how the
//! silence sounds instead of being left without packets.
//!
//! Only of sound that is made here (converted, mixed): between two phones that are relayed their own noise passes.
//! Invariant: noise is never sent before sound was, and never louder than the quietest sound of late.

use crate::rtp::linear::Frame;
use crate::rtp::{Codec, Format};

use super::leg::Leg;

/// Visits of 20 ms between two descriptions of a silence that lasts: 1 s.
const AGAIN: u32 = 50;
/// The loudest that a background is taken for, in dB below overload: what is louder was speech.
const LOUDEST: f32 = 40.0;
/// How fast the estimate rises while nothing is quiet: twice as loud within 7 s.
const RISE: f32 = 1.002;

/// What is known of the silence behind a voice.
#[derive(Debug, Default)]
pub(super) struct Hush {
    /// Deviation of the quietest frame of late, in samples; `None`: nothing was heard yet.
    quietest: Option<f32>,
    /// Visits since the voice fell silent.
    silent: u32,
}

impl Hush {
    /// A frame of sound was sent.
    fn hear(&mut self, frame: &Frame) {
        let power = frame.iter().map(|sample| f32::from(*sample).powi(2)).sum::<f32>() / frame.len() as f32;
        let now = power.sqrt();
        self.quietest = Some(self.quietest.map_or(now, |before| now.min(before * RISE + 0.01)));
        self.silent = 0;
    }

    /// Nothing was said: the level to send, if it is time to.
    fn pass(&mut self) -> Option<u8> {
        let quietest = self.quietest?;
        let due = self.silent.is_multiple_of(AGAIN);
        self.silent = self.silent.saturating_add(1);
        // RFC 3389 §3.1: 0 dBov is a square wave of full scale; 127 is as quiet as can be said.
        let level = if quietest < 0.02 { 127.0 } else { -20.0 * (quietest / 32_767.0).log10() };
        due.then_some(level.clamp(LOUDEST, 127.0) as u8)
    }
}

impl Leg {
    /// The comfort noise that the leg takes beside `own`, in the same clock.
    fn noise_format(&self, own: &Format) -> Option<Format> {
        let fits = |format: &&Format| format.codec == Codec::Cn && format.clock == own.clock;
        self.aim()?.formats.iter().find(fits).filter(|_| own.codec.is_g711()).copied()
    }

    /// Takes note of sound that is sent to the leg, where that takes comfort noise.
    pub(super) fn note_sound(&mut self, own: &Format, frame: &Frame) {
        if self.noise_format(own).is_some() {
            self.hush.hear(frame);
        }
    }

    /// The format and level of the noise that is to be sent now, when nothing is said.
    pub(super) fn noise_due(&mut self, own: &Format) -> Option<(Format, u8)> {
        let format = self.noise_format(own)?;
        Some((format, self.hush.pass()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rtp::linear::FRAME;

    #[test]
    fn the_level_is_that_of_the_quietest_sound_of_late() {
        let mut hush = Hush::default();
        assert_eq!(hush.pass(), None, "nothing was heard");
        for (loudness, level) in [(8_000_i16, 40), (33, 59), (3, 80), (0, 127)] {
            let mut hush = Hush::default();
            hush.hear(&[9_000; FRAME]);
            hush.hear(&std::array::from_fn(|n| if n % 2 == 0 { loudness } else { -loudness }));
            hush.hear(&[5_000; FRAME]);
            let told: Vec<u8> = (0..101).filter_map(|_| hush.pass()).collect();
            assert_eq!(told.len(), 3, "at once, and every second");
            assert!(told.iter().all(|told| told.abs_diff(level) <= 1), "{loudness}: {told:?}");
        }
        hush.hear(&[10; FRAME]);
        (0..50 * 20).for_each(|_| hush.hear(&[3_000; FRAME]));
        assert!(hush.pass().is_some_and(|level| level < 64), "an old silence says little");
    }
}
