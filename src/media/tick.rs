//! What happens by the clock: frames of prompts and keys, batches for the vault, the search for quiet legs.
//!
//! Invariant: time spent here is bounded by what is due; nothing due is left for a packet to find.

use std::net::SocketAddr;

use crate::base::Time;
use crate::rtp::packet::HEADER;
use crate::vault::Frame;

use super::leg::{Leg, Tapped};
use super::pace::PHASES;
use super::player::{FRAME, Law, Step};
use super::wave::RATE;
use super::worker::SWEEP;
use super::{Channel, LegKey, News, Wire, Worker};

/// A frame's packet on its way out.
struct Made {
    to: Option<SocketAddr>,
    /// Octets of the buffer.
    len: usize,
    /// Sound, as the recording keeps it: header fields of the frame.
    sound: Option<(crate::rtp::Packet, u8)>,
}

/// What a visit to a leg gives.
enum Visit {
    Made(Made),
    /// Nothing this time.
    Pause,
    /// Nothing any more.
    Rest,
}

impl Worker {
    /// When [`Worker::tick`] is wanted next; `None` while nothing waits for the clock.
    pub fn deadline(&self) -> Option<Time> {
        let grid = self.pace.deadline(!self.taps.is_empty());
        [grid, self.sweep_at].into_iter().flatten().min()
    }

    /// Does what is due.
    pub fn tick(&mut self, now: Time, wire: &mut impl Wire) {
        self.pace.skip(now);
        while let Some(step) = self.pace.next(now) {
            self.visit_all(now, step, wire);
            if step % PHASES == 0 {
                self.taps.turn(step / PHASES);
            }
        }
        if self.sweep_at.is_some_and(|at| at <= now) {
            self.sweep_at = Some(now + SWEEP);
            self.news.extend(self.table.iter_mut().filter_map(|leg| leg.quiet(now)));
        }
    }

    fn visit_all(&mut self, now: Time, step: u64, wire: &mut impl Wire) {
        let mut legs = self.pace.take(step);
        legs.retain(|key| self.visit(now, *key, wire));
        self.pace.give(step, legs);
    }

    /// Makes the leg's next frame; false when it has none and is not to be visited again.
    fn visit(&mut self, now: Time, key: LegKey, wire: &mut impl Wire) -> bool {
        let Some(leg) = self.table.get_mut(key) else { return false };
        let mut buffer = [0; HEADER + FRAME];
        let made = match leg.next_frame(now, &mut buffer, &mut self.news) {
            Visit::Made(made) => made,
            Visit::Pause => return true,
            Visit::Rest => {
                leg.paced = false;
                return false;
            }
        };
        let Some(to) = made.to else { return true };
        wire.send(key, Channel::Rtp, to, &buffer[..made.len]);
        if let (Some((header, payload_type)), Some(Tapped { tap, track, alone: true }), None) =
            (made.sound, leg.tap, leg.peer)
        {
            let crate::rtp::Packet { marker, seq: sequence, timestamp, .. } = header;
            let payload = &buffer[HEADER..];
            let track = 1 - track.min(1);
            let frame = Frame { track, arrival_us: 0, payload_type, marker, sequence, timestamp, payload };
            self.taps.push(tap, now, frame);
        }
        true
    }
}

impl Leg {
    fn next_frame(
        &mut self,
        now: Time,
        buffer: &mut [u8; HEADER + FRAME],
        news: &mut std::collections::VecDeque<News>,
    ) -> Visit {
        if let Some(visit) = self.next_of_keys(now, buffer) {
            return visit;
        }
        let mut frame = [0; FRAME];
        let own = self.aim().map_or(Some((8, Law::A)), |_| self.own_format());
        let Some(player) = self.player.as_mut() else { return Visit::Rest };
        match own.filter(|(_, law)| player.fill(*law, &mut frame)) {
            Some((pt, law)) => self.sound(now, pt, law, &frame, buffer),
            None => {
                let (play, whole) = (player.play, player.whole && own.is_some());
                self.player = None;
                news.push_back(News::Played { call: self.call, leg: self.id, play, whole });
                Visit::Rest
            }
        }
    }

    /// The next step of the keys that are being sent; `None` when there are none (any more).
    fn next_of_keys(&mut self, now: Time, buffer: &mut [u8; HEADER + FRAME]) -> Option<Visit> {
        let (events, own) = (self.key_format(), self.own_format());
        let mut frame = [0; FRAME];
        let clock = events.map(|format| format.clock);
        match self.keypad.as_mut()?.step(clock, own.map(|(_, law)| law), &mut frame) {
            Step::Event(begins, event) => {
                let (pt, clock) = events.map_or((0, RATE), |format| (format.pt, format.clock));
                Some(self.event(now, pt, begins, clock, &event.write(), buffer))
            }
            Step::Sound => own.map(|(pt, law)| self.sound(now, pt, law, &frame, buffer)),
            Step::Pause => Some(Visit::Pause),
            Step::Done => {
                self.keypad = None;
                None
            }
        }
    }

    fn sound(
        &mut self,
        now: Time,
        pt: u8,
        law: Law,
        frame: &[u8; FRAME],
        buffer: &mut [u8; HEADER + FRAME],
    ) -> Visit {
        let Some(to) = self.to else { return Visit::Made(Made { to: None, len: 0, sound: None }) };
        let header = self.out.own(now, pt, FRAME as u32, RATE);
        let (head, payload) = buffer.split_at_mut(HEADER);
        head.copy_from_slice(&header.header());
        payload.copy_from_slice(frame);
        self.sent(pt, FRAME);
        let kept_as = if law == Law::A { 8 } else { 0 };
        Visit::Made(Made { to: Some(to), len: HEADER + FRAME, sound: Some((header, kept_as)) })
    }

    fn event(
        &mut self,
        now: Time,
        pt: u8,
        begins: bool,
        clock: u32,
        block: &[u8; 4],
        buffer: &mut [u8; HEADER + FRAME],
    ) -> Visit {
        let Some(to) = self.to else { return Visit::Pause };
        let header = self.out.key(now, pt, begins, clock);
        let (head, payload) = buffer.split_at_mut(HEADER);
        head.copy_from_slice(&header.header());
        payload[..block.len()].copy_from_slice(block);
        self.sent(pt, block.len());
        Visit::Made(Made { to: Some(to), len: HEADER + block.len(), sound: None })
    }
}
