//! Packet loss concealment for codecs that have none of their own, in the manner of ITU-T G.711 Appendix I: the last pitch
//! period goes on, fades, and hands over to what comes next without a step.
//!
//! Invariant: [`Concealer::hear`] changes samples only in the first 5 ms after a loss, and a loss longer than 60 ms is silence.

use super::linear::RATE;

/// What is remembered: two of the longest pitch periods, and the stretch that is compared.
const HISTORY: usize = 800;
/// What is repeated at least: 5 ms; higher voices are repeated by several periods.
const SHORTEST: usize = RATE as usize / 200;
/// And at most: 15 ms, the period of 67 Hz.
const LONGEST: usize = RATE as usize * 15 / 1_000;
/// How much is compared to find it: 20 ms.
const COMPARED: usize = RATE as usize / 50;
/// Unchanged for so long, then fading: 10 ms.
const FULL: usize = RATE as usize / 100;
/// Silent from here on: 60 ms.
const GONE: usize = RATE as usize * 60 / 1_000;
/// The hand-over to real sound: 5 ms.
const SEAM: usize = RATE as usize / 200;

/// The recent past of one stream at [`RATE`] samples a second.
#[derive(Clone, Debug)]
pub struct Concealer {
    past: [i16; HISTORY],
    period: usize,
    /// Samples made up since sound was heard last.
    made: usize,
}

impl Default for Concealer {
    fn default() -> Concealer {
        Concealer { past: [0; HISTORY], period: SHORTEST, made: 0 }
    }
}

impl Concealer {
    /// Takes real sound; after a loss its beginning is blended with what was made up.
    pub fn hear(&mut self, samples: &mut [i16]) {
        if self.made > 0 {
            let blended = samples.len().min(SEAM);
            for (n, sample) in samples.iter_mut().take(blended).enumerate() {
                let made = i32::from(self.next());
                let (new, part) = (i32::from(*sample), n as i32 + 1);
                *sample = (made + (new - made) * part / (blended as i32 + 1)) as i16;
            }
            self.made = 0;
        }
        self.remember(samples);
    }

    /// Makes up what is missing.
    pub fn fill(&mut self, samples: &mut [i16]) {
        if self.made == 0 {
            self.period = self.pitch();
        }
        for sample in samples {
            *sample = self.next();
        }
    }

    fn next(&mut self) -> i16 {
        let place = HISTORY - self.period + self.made % self.period;
        let left = GONE.saturating_sub(self.made.max(FULL)) as i32;
        self.made = (self.made + 1).min(GONE + self.period);
        (i32::from(self.past[place]) * left / (GONE - FULL) as i32) as i16
    }

    fn remember(&mut self, samples: &[i16]) {
        let kept = &samples[samples.len().saturating_sub(HISTORY)..];
        self.past.copy_within(kept.len().., 0);
        self.past[HISTORY - kept.len()..].copy_from_slice(kept);
    }

    /// The lag at which the recent past is most like what came before it.
    fn pitch(&self) -> usize {
        let recent = &self.past[HISTORY - COMPARED..];
        let mut best = (0.0, SHORTEST);
        for lag in SHORTEST..=LONGEST {
            let before = &self.past[HISTORY - COMPARED - lag..HISTORY - lag];
            let (mut like, mut energy) = (0.0f32, 1.0f32);
            // Every other sample will do.
            for (a, b) in recent.iter().zip(before).step_by(2) {
                like += f32::from(*a) * f32::from(*b);
                energy += f32::from(*b).powi(2);
            }
            let fit = like.max(0.0).powi(2) / energy;
            if fit > best.0 {
                best = (fit, lag);
            }
        }
        best.1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f64::consts::PI;

    /// A voiced sound of 125 Hz.
    fn voice(from: usize, len: usize) -> Vec<i16> {
        let at = |n: usize| {
            let turn = 2.0 * PI * 125.0 * n as f64 / f64::from(RATE);
            (6_000.0 * turn.sin() + 3_000.0 * (2.0 * turn).sin() + 1_500.0 * (5.0 * turn).sin()) as i16
        };
        (from..from + len).map(at).collect()
    }

    #[test]
    fn a_lost_packet_of_speech_is_hardly_missed() {
        let mut concealer = Concealer::default();
        for n in 0..5 {
            concealer.hear(&mut voice(n * 320, 320));
        }
        let mut made = [0; 160];
        concealer.fill(&mut made);
        let ideal = voice(1_600, 160);
        let energy = |samples: &mut dyn Iterator<Item = f64>| samples.map(|s| s * s).sum::<f64>();
        let signal = energy(&mut ideal.iter().map(|s| f64::from(*s)));
        let noise = energy(&mut made.iter().zip(&ideal).map(|(a, b)| f64::from(*a) - f64::from(*b)));
        assert!(signal / noise > 100.0, "10 ms made up, signal to noise {:.0}", signal / noise);
        // The seam: no step larger than the sound itself makes.
        let mut next = voice(1_760, 320);
        concealer.hear(&mut next);
        let steepest = |s: &[i16]| s.windows(2).map(|pair| pair[0].abs_diff(pair[1])).max().unwrap();
        let all = [&made[..], &next].concat();
        assert!(steepest(&all) <= steepest(&ideal) * 3 / 2);
        assert_eq!(next[SEAM..], voice(1_760, 320)[SEAM..], "real sound stays as it is");
    }

    #[test]
    fn a_long_loss_fades_to_silence() {
        let mut concealer = Concealer::default();
        for n in 0..5 {
            concealer.hear(&mut voice(n * 320, 320));
        }
        let mut levels = Vec::new();
        for _ in 0..5 {
            let mut made = [0; 320];
            concealer.fill(&mut made);
            levels.push(made.iter().map(|s| s.unsigned_abs()).max().unwrap());
        }
        assert!(levels.windows(2).all(|pair| pair[1] <= pair[0]), "{levels:?}");
        assert_eq!(levels[3..], [0, 0]);
        concealer.fill(&mut [0; 100_000]);
    }
}
