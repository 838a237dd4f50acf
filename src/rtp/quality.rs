//! How good a conversation sounds, estimated from what was lost and how late it came: the E-model, ITU-T G.107 with the tables of G.113
//! Appendix I, for narrowband telephony with default values of all that a switch cannot know (noise, echo, loudness).
//!
//! Wideband codecs are held to the same scale: 4.4 is the best that it knows. Invariant: more loss or more delay is never better.

use std::time::Duration;

use super::Codec;

/// R of a call without delay, loss or coding: G.107 §7.7 with default values.
const BASE: f64 = 93.2;

/// What an estimate is made of.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Path {
    /// How the sound is coded.
    pub codec: Codec,
    /// Packets that never came, as a part of those that should have: 0 to 1.
    pub lost: f64,
    /// From mouth to ear.
    pub delay: Duration,
}

impl Path {
    /// The mean opinion score, 1 (nobody understands) to 4.4, in hundredths.
    pub fn mos_hundredths(&self) -> u16 {
        let r = BASE - self.delay_impairment() - self.loss_impairment();
        let mos = match r {
            r if r <= 0.0 => 1.0,
            r if r >= 100.0 => 4.5,
            r => 1.0 + 0.035 * r + r * (r - 60.0) * (100.0 - r) * 7e-6,
        };
        (mos.clamp(1.0, 4.5) * 100.0).round() as u16
    }

    /// Id: the usual approximation of G.107 §7.4 without echo.
    fn delay_impairment(&self) -> f64 {
        let ms = self.delay.as_secs_f64() * 1_000.0;
        0.024 * ms + 0.11 * (ms - 177.3).max(0.0)
    }

    /// Ie,eff of G.107 §7.5 for losses that do not depend on each other.
    fn loss_impairment(&self) -> f64 {
        let (ie, bpl) = robustness(self.codec);
        let percent = self.lost.clamp(0.0, 1.0) * 100.0;
        ie + (95.0 - ie) * percent / (percent + bpl)
    }
}

/// Ie and Bpl: how much a codec costs, and how much loss it bears (G.113 Appendix I, with concealment). Opus is not in the table: its
/// correction in band bears about what G.711's concealment does.
fn robustness(codec: Codec) -> (f64, f64) {
    match codec {
        Codec::G729 => (11.0, 19.0),
        Codec::Other(name) if name.as_str().eq_ignore_ascii_case("GSM") => (20.0, 10.0),
        _ => (0.0, 25.1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_are_those_of_the_model() {
        let ms = Duration::from_millis;
        for (codec, lost, delay, mos) in [
            (Codec::Pcma, 0.0, ms(0), 441),
            (Codec::Pcma, 0.0, ms(100), 436),
            (Codec::Pcma, 0.01, ms(50), 430),
            (Codec::Pcma, 0.05, ms(50), 387),
            (Codec::Pcma, 0.20, ms(50), 257),
            (Codec::Pcma, 0.0, ms(400), 305),
            (Codec::G729, 0.0, ms(50), 406),
            (Codec::Opus, 1.0, ms(50), 115),
        ] {
            let scored = Path { codec, lost, delay }.mos_hundredths();
            assert!(scored.abs_diff(mos) <= 2, "{codec:?} {lost} {delay:?}: {scored}, not {mos}");
        }
    }

    #[test]
    fn worse_is_never_better() {
        let score = |lost: u32, delay: u64| {
            let path = Path {
                codec: Codec::Pcmu,
                lost: f64::from(lost) / 100.0,
                delay: Duration::from_millis(delay),
            };
            path.mos_hundredths()
        };
        for n in 0..100 {
            assert!(score(n + 1, 100) <= score(n, 100), "{n} %");
            assert!(score(2, u64::from(n) * 10 + 10) <= score(2, u64::from(n) * 10), "{n} 0 ms");
        }
    }
}
