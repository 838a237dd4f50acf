//! Mixing: who hears whom in a conference or under a supervisor, 20 ms at a time.
//!
//! All parties are summed once a step; each hears the sum less itself. The sum is wide enough never to wrap; only what a leg
//! is sent is limited, softly. Invariant: nobody hears itself, and what a whisper says reaches one leg alone.

use crate::base::{CallId, LegId};
use crate::rtp::linear::{FRAME, Frame};
use crate::rtp::resample::Up;

use super::player::{FRAME as NARROW, Law, Player};
use super::voice::widen;
use super::{News, Role};

/// Loudness of the talk while an announcement is made: a quarter, 12 dB down.
const DUCKED: i32 = 64;
/// Loudness as it is.
const FULL: i32 = 256;
/// Up to here a sum is sent as it is; beyond, a quarter of what it is more.
const KNEE: i32 = 24_000;

/// A leg's part in the mix of its call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Part {
    pub(super) role: Role,
    /// It is on its way out: heard once more, fading.
    pub(super) leaves: bool,
}

/// The mix of one call.
#[derive(Debug)]
pub(super) struct Mix {
    /// The step of the pace that `total` is for.
    step: Option<u64>,
    total: [i32; FRAME],
    /// Loudness of the talk at both ends of this step, in 256ths.
    duck: (i32, i32),
    announcement: Option<Player>,
    up: Up,
    announced: Option<Frame>,
    /// No new parties.
    pub(super) locked: bool,
}

impl Mix {
    pub(super) fn new() -> Mix {
        Mix {
            step: None,
            total: [0; FRAME],
            duck: (FULL, FULL),
            announcement: None,
            up: Up::default(),
            announced: None,
            locked: false,
        }
    }

    /// Makes an announcement to all; what was being announced is stopped (and comes back).
    pub(super) fn announce(&mut self, player: Player) -> Option<Player> {
        self.announcement.replace(player)
    }

    /// Stops what is being announced.
    pub(super) fn hush(&mut self) -> Option<Player> {
        self.announcement.take()
    }

    /// Begins a step, if that has not been done; says when an announcement has ended.
    pub(super) fn begin(&mut self, call: CallId, step: u64) -> Option<News> {
        if self.step == Some(step) {
            return None;
        }
        (self.step, self.total) = (Some(step), [0; FRAME]);
        let mut octets = [0; NARROW];
        let goes_on = self.announcement.as_mut().is_some_and(|player| player.fill(Law::A, &mut octets));
        self.announced = goes_on.then(|| widen(Law::A, &octets, &mut self.up));
        self.duck = (self.duck.1, if goes_on { DUCKED } else { FULL });
        let ended = self.announcement.take_if(|_| !goes_on)?;
        Some(News::Announced { call, play: ended.play, whole: ended.whole })
    }

    /// Adds what a party says.
    pub(super) fn add(&mut self, said: &Frame) {
        for (sum, sample) in self.total.iter_mut().zip(said) {
            *sum += i32::from(*sample);
        }
    }

    /// What a leg hears: all, less what it said itself, and what is whispered to it.
    pub(super) fn heard<'a>(&self, own: Option<&Frame>, whispers: impl Iterator<Item = &'a Frame>) -> Frame {
        let mut sum = self.total;
        if let Some(own) = own {
            sum.iter_mut().zip(own).for_each(|(sum, own)| *sum -= i32::from(*own));
        }
        for whisper in whispers {
            sum.iter_mut().zip(whisper).for_each(|(sum, sample)| *sum += i32::from(*sample));
        }
        let (from, to) = self.duck;
        std::array::from_fn(|n| {
            let loudness = from + (to - from) * n as i32 / FRAME as i32;
            let announced = self.announced.as_ref().map_or(0, |frame| i32::from(frame[n]));
            limit(sum[n] / FULL * loudness + sum[n] % FULL * loudness / FULL + announced)
        })
    }
}

fn limit(sum: i32) -> i16 {
    let beyond = (sum.abs() - KNEE).max(0);
    let limited = (sum.abs().min(KNEE) + beyond / 4).min(i32::from(i16::MAX));
    (limited * sum.signum()) as i16
}

/// Whom a whisper reaches.
pub(super) fn whispers_to(part: Option<Part>) -> Option<LegId> {
    match part?.role {
        Role::Whisper(leg) => Some(leg),
        Role::Party | Role::Listener => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loud_sums_are_limited_and_quiet_ones_left_alone() {
        for (sum, heard) in [
            (0, 0),
            (-100, -100),
            (24_000, 24_000),
            (28_000, 25_000),
            (-28_000, -25_000),
            (3_000_000, i16::MAX),
        ] {
            assert_eq!(limit(sum), heard, "{sum}");
        }
    }
}
