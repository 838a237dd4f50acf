//! What a leg needs beyond a relay: its sound, decoded, for whoever consumes it here.
//!
//! Made when somebody first consumes it and dropped when nobody does any more; a plain relay never has one.
//! Invariant: every visit (20 ms) yields one frame, whatever came or did not come, and its loudness never jumps.

use std::collections::VecDeque;

use crate::base::{CallId, LegId, Time};
use crate::rtp::linear::{FRAME, Frame};
use crate::rtp::{Codec, Format};

use super::delay::Delay;
use super::detect::Detector;
use super::ear::{Ear, Pulled};
use super::feed::{Feed, FeedPiece};
use super::leg::{Leg, Taken};
use super::route;

/// See the module.
#[derive(Debug)]
pub(super) struct Listening {
    pub(super) ear: Ear,
    /// Looks for keys in the sound, where the far end has no other way to send them.
    pub(super) detector: Option<Box<Detector>>,
    delay: Delay,
    /// What was heard at the last visit, as others hear it.
    frame: Frame,
    silent: bool,
    /// Loudness at the end of the last frame: 0 or 1.
    open: bool,
}

/// What a visit is to know of the leg.
pub(super) struct Visited<'a> {
    pub(super) now: Time,
    pub(super) leg: (CallId, LegId),
    /// Nobody is to hear it.
    pub(super) muted: bool,
    /// A tone is to be heard in its place.
    pub(super) bleeps: bool,
    /// Frames by which others hear it later.
    pub(super) delay: u8,
    pub(super) feeds: &'a mut [Feed],
}

impl Listening {
    pub(super) fn new() -> Listening {
        Listening {
            ear: Ear::new(),
            detector: None,
            delay: Delay::default(),
            frame: [0; FRAME],
            silent: true,
            open: false,
        }
    }

    /// The visit: hears the next 20 ms, and says which key was in it.
    pub(super) fn visit(&mut self, visited: Visited<'_>, queue: &mut VecDeque<FeedPiece>) -> Option<char> {
        let Visited { now, leg, muted, bleeps, delay, feeds } = visited;
        self.silent = self.ear.pull(&mut self.frame) == Pulled::Silence;
        let key = self.detector.as_mut().and_then(|detector| detector.hear(&self.frame));
        for feed in feeds {
            feed.push(now, leg, &self.frame, self.silent, queue);
        }
        self.delay.set(usize::from(delay));
        if self.delay.pass(&mut self.frame) {
            self.silent = false;
        }
        // What begins after silence begins softly, too: the ear may have joined in the middle of a word.
        let open = !muted && !self.silent;
        if !open && !self.open {
            self.frame.fill(0);
        } else if open != self.open {
            ramp(&mut self.frame, open);
        }
        self.open = open;
        if muted && bleeps {
            bleep(&mut self.frame);
            self.silent = false;
        }
        key
    }

    /// What was heard at the last visit; `None` while the far end says nothing.
    pub(super) fn heard(&self) -> Option<&Frame> {
        (!self.silent).then_some(&self.frame)
    }
}

impl Leg {
    /// Whether its sound is consumed here whatever its routes are.
    pub(super) fn is_attended(&self) -> bool {
        self.part.is_some() || !self.feeds.is_empty() || self.detects
    }

    /// Whether all that it may say can be decoded.
    pub(super) fn is_linear(&self) -> bool {
        let sound = |format: &&Format| !matches!(format.codec, Codec::TelephoneEvent | Codec::Cn);
        self.aim().is_some_and(|aim| aim.formats.iter().filter(sound).all(route::is_linear))
    }

    /// Begins to listen, or goes on.
    pub(super) fn attend(&mut self) {
        let listening = self.listening.get_or_insert_with(|| Box::new(Listening::new()));
        match (self.detects, &listening.detector) {
            (true, None) => listening.detector = Some(Box::new(Detector::new())),
            (false, Some(_)) => listening.detector = None,
            _ => {}
        }
    }

    /// Hears the next 20 ms; says which key was in them.
    pub(super) fn visit(&mut self, now: Time, queue: &mut VecDeque<FeedPiece>) -> Option<char> {
        let listening = self.listening.as_mut()?;
        let muted = self.muted || self.part.is_some_and(|part| part.leaves);
        let (leg, feeds) = ((self.call, self.id), &mut self.feeds[..]);
        let key = listening
            .visit(Visited { now, leg, muted, bleeps: self.bleeps, delay: self.delay, feeds }, queue)?;
        self.counts.keys += 1;
        Some(key)
    }

    /// What it said in the last 20 ms, as others hear it.
    pub(super) fn heard(&self) -> Option<&Frame> {
        self.listening.as_ref()?.heard()
    }

    /// Lets whoever consumes the leg's sound have a packet.
    pub(super) fn listen_to(&mut self, taken: &Taken, payload: &[u8]) {
        if let Some(listening) = &mut self.listening {
            let codec = taken.way.coded.codec();
            listening.ear.push(taken.heard.epoch, taken.packet.seq, codec, payload);
        }
    }
}

/// Makes a frame of 1 000 Hz, 20 dB below full scale. A period is 16 samples and a frame 20 periods, so that frames join without a
/// click, and the tone begins and ends at zero.
fn bleep(frame: &mut Frame) {
    const PERIOD: [i16; 16] =
        [0, 1254, 2317, 3027, 3277, 3027, 2317, 1254, 0, -1254, -2317, -3027, -3277, -3027, -2317, -1254];
    for (sample, tone) in frame.iter_mut().zip(PERIOD.iter().cycle()) {
        *sample = *tone;
    }
}

/// Brings a frame from silence to its loudness within 5 ms, or down.
fn ramp(frame: &mut Frame, up: bool) {
    const SPAN: usize = FRAME / 4;
    for (n, sample) in frame.iter_mut().enumerate() {
        let passed = n.min(SPAN);
        let part = if up { passed } else { SPAN - passed } as i32;
        *sample = (i32::from(*sample) * part / SPAN as i32) as i16;
    }
}
