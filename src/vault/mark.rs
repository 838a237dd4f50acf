//! Gaps that were meant (a PIN is being typed), made audible: who hears a recording hears that something was left out on purpose,
//! and where.
//!
//! Invariant: a mark lies within its gap, on both tracks, and nowhere else.

use super::decode::{RATE_HZ, Sound};
use super::order::Event;

/// One gap that was meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap<'e> {
    /// Where it begins, in microseconds since time 0.
    pub from_us: u64,
    /// Where it ends; `None`: the recording ended in it.
    pub to_us: Option<u64>,
    /// Why.
    pub reason: &'e str,
}

/// The gaps that a recording's events tell of, in order.
pub fn gaps(events: &[(u64, Event)]) -> Vec<Gap<'_>> {
    let mut gaps: Vec<Gap<'_>> = Vec::new();
    for (offset_us, event) in events {
        match event {
            Event::GapStart { reason } => gaps.push(Gap { from_us: *offset_us, to_us: None, reason }),
            Event::GapEnd => {
                if let Some(open) = gaps.last_mut().filter(|gap| gap.to_us.is_none()) {
                    open.to_us = Some(*offset_us);
                }
            }
            _ => {}
        }
    }
    gaps
}

/// A beep: 60 ms of 400 Hz, 26 dB below the loudest: no key's frequency, and quieter than speech.
const BEEP_SAMPLES: usize = RATE_HZ as usize * 60 / 1_000;
const BEEP_HZ: f64 = 400.0;
const BEEP_LEVEL: f64 = 1_640.0;

impl Sound {
    /// Puts two beeps at the beginning of each gap and one at its end; a gap of less than 300 ms gets one.
    pub fn mark(&mut self, gaps: &[Gap<'_>]) {
        let len = self.left.len();
        let sample =
            |us: u64| usize::try_from(us.saturating_mul(RATE_HZ.into()) / 1_000_000).unwrap_or(usize::MAX);
        for gap in gaps {
            let (from, to) = (sample(gap.from_us).min(len), gap.to_us.map_or(len, sample).min(len));
            self.beep(from, to);
            if to.saturating_sub(from) >= 5 * BEEP_SAMPLES {
                self.beep(from + 2 * BEEP_SAMPLES, to);
                self.beep(to - BEEP_SAMPLES, to);
            }
        }
    }

    /// Takes everything out between each pair of moments (in microseconds since time 0), on both tracks, and marks where
    /// something is missing.
    pub fn cut(&mut self, spans: &[(u64, u64)]) {
        let sample =
            |us: u64| usize::try_from(us.saturating_mul(RATE_HZ.into()) / 1_000_000).unwrap_or(usize::MAX);
        let len = self.left.len();
        for (from_us, to_us) in spans {
            let (from, to) = (sample(*from_us).min(len), sample(*to_us).min(len));
            for track in [&mut self.left, &mut self.right] {
                track.get_mut(from..to.max(from)).unwrap_or_default().fill(0);
            }
        }
        let gap = |(from_us, to_us): &(u64, u64)| Gap { from_us: *from_us, to_us: Some(*to_us), reason: "" };
        self.mark(&spans.iter().map(gap).collect::<Vec<_>>());
    }

    fn beep(&mut self, at: usize, until: usize) {
        for track in [&mut self.left, &mut self.right] {
            let place = track.get_mut(at..until.min(at + BEEP_SAMPLES)).unwrap_or_default();
            for (number, sample) in place.iter_mut().enumerate() {
                let angle = std::f64::consts::TAU * BEEP_HZ * number as f64 / f64::from(RATE_HZ);
                *sample = (angle.sin() * BEEP_LEVEL) as i16;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_cut_is_gone_and_the_rest_stays() {
        let mut sound =
            Sound { left: vec![9_000; 16_000], right: vec![-9_000; 16_000], undecodable: Vec::new() };
        sound.cut(&[(500_000, 1_500_000), (1_900_000, 9_000_000)]);
        for (track, level) in [(&sound.left, 9_000), (&sound.right, -9_000)] {
            for (range, whole) in [(0..4_000, true), (4_000..12_000, false), (12_000..15_200, true)] {
                let range = &track[range];
                assert_eq!(range.iter().all(|sample| *sample == level), whole);
                assert!(whole || range.iter().all(|sample| sample.unsigned_abs() < 2_000), "only beeps");
            }
        }
    }

    #[test]
    fn gaps_are_marked_within_and_nowhere_else() {
        let start = |reason: &str| Event::GapStart { reason: reason.into() };
        let events = [
            (1_000_000, start("secret")),
            (2_000_000, Event::GapEnd),
            (2_500_000, start("pause")),
            (2_550_000, Event::GapEnd),
            (2_900_000, start("pause")),
        ];
        let found = gaps(&events);
        assert_eq!(
            found.iter().map(|gap| (gap.from_us, gap.to_us, gap.reason)).collect::<Vec<_>>(),
            [
                (1_000_000, Some(2_000_000), "secret"),
                (2_500_000, Some(2_550_000), "pause"),
                (2_900_000, None, "pause"),
            ]
        );
        let mut sound = Sound { left: vec![0; 24_000], right: vec![0; 24_000], undecodable: Vec::new() };
        sound.mark(&found);
        for track in [&sound.left, &sound.right] {
            let loud = |range: std::ops::Range<usize>| track[range].iter().any(|sample| *sample != 0);
            for (range, marked) in [
                (0..8_000, false),
                (8_000..8_480, true),
                (8_480..8_960, false),
                (8_960..9_440, true),
                (9_440..15_520, false),
                (15_520..16_000, true),
                (16_000..20_000, false),
                (20_000..20_400, true),
                (20_400..23_200, false),
                (23_200..24_000, true),
            ] {
                assert_eq!(loud(range.clone()), marked, "{range:?}");
            }
        }
    }
}
