//! A delay line: what a leg says reaches the others so much later. Screens that intercept words need the time.
//!
//! Invariant: a change of the delay neither clicks nor tears: what is missing is silence, what is left out is blended over.

use std::collections::VecDeque;
use std::time::Duration;

use crate::base::bounds;
use crate::rtp::linear::{FRAME, Frame};

/// Blended at a seam: 5 ms.
const SEAM: usize = FRAME / 4;

/// Frames on their way.
#[derive(Debug, Default)]
pub(super) struct Delay {
    frames: VecDeque<Frame>,
    wanted: usize,
    /// The last frame that came out, for the blend.
    last: Option<Frame>,
}

/// Whole frames of a delay, at most [`bounds::DELAY`].
pub(super) fn frames(delay: Duration) -> usize {
    delay.min(bounds::DELAY).as_millis().div_ceil(20) as usize
}

impl Delay {
    /// Sets the delay to so many frames.
    pub(super) fn set(&mut self, frames: usize) {
        self.wanted = frames;
    }

    /// One frame in, one frame out; whether sound is on its way.
    pub(super) fn pass(&mut self, frame: &mut Frame) -> bool {
        if self.wanted == 0 && self.frames.is_empty() {
            self.last = None;
            return false;
        }
        self.frames.push_back(*frame);
        let out = if self.frames.len() <= self.wanted {
            // Not there yet: silence, into which the last sound fades.
            self.last.take().map_or([0; FRAME], |last| blend(&last, &[0; FRAME]))
        } else {
            let mut out = self.frames.pop_front().unwrap_or([0; FRAME]);
            let seam = self.last.is_none() || self.frames.len() > self.wanted;
            let from = self.last.unwrap_or([0; FRAME]);
            while self.frames.len() > self.wanted {
                out = self.frames.pop_front().unwrap_or(out);
            }
            self.last = Some(out);
            if seam { blend(&from, &out) } else { out }
        };
        *frame = out;
        true
    }
}

/// `to`, beginning at the level where `from` ended.
fn blend(from: &Frame, to: &Frame) -> Frame {
    let end = i32::from(from[FRAME - 1]);
    std::array::from_fn(|n| {
        let part = n.min(SEAM) as i32;
        ((end * (SEAM as i32 - part) + i32::from(to[n]) * part) / SEAM as i32) as i16
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sound_comes_out_later_and_nothing_clicks() {
        let mut delay = Delay::default();
        // A slow wave, so that any jump shows.
        let at = |n: usize| {
            let sample = |k: usize| (((n * FRAME + k) as f64 / 300.0).sin() * 10_000.0) as i16;
            std::array::from_fn::<i16, FRAME, _>(sample)
        };
        let mut out = Vec::new();
        for n in 0..300 {
            match n {
                50 => delay.set(frames(Duration::from_millis(1_000))),
                150 => delay.set(frames(Duration::from_millis(400))),
                250 => delay.set(0),
                _ => {}
            }
            let mut frame = at(n);
            delay.pass(&mut frame);
            match n {
                0..50 | 252.. => assert_eq!(frame, at(n), "{n}"),
                101..150 => assert_eq!(frame, at(n - 50), "{n}"),
                152..250 => assert_eq!(frame, at(n - 20), "{n}"),
                _ => {}
            }
            out.extend(frame);
        }
        let steepest =
            out[50 * FRAME + SEAM..].windows(2).map(|pair| pair[0].abs_diff(pair[1])).max().unwrap();
        assert!(steepest < 400, "{steepest}");
        assert_eq!(frames(Duration::from_secs(9)), 100);
    }
}
