//! What happens by the clock: frames of prompts, keys and decoded sound, batches for the vault, the search for quiet legs.
//!
//! Invariant: time spent here is bounded by what is due; nothing due is left for a packet to find.

use std::collections::VecDeque;
use std::net::SocketAddr;

use crate::base::Time;
use crate::rtp::linear::{ENCODED, Frame as Sound};
use crate::rtp::packet::HEADER;
use crate::rtp::srtp::OVERHEAD;
use crate::rtp::{Format, Packet};
use crate::vault::Frame;

use super::leg::{Leg, Tapped};
use super::pace::PHASES;
use super::player::{FRAME, Law, Step};
use super::route;
use super::wave::RATE;
use super::worker::SWEEP;
use super::{Channel, LegKey, News, Wire, Worker};

/// A packet under construction.
type Buffer = [u8; HEADER + ENCODED + OVERHEAD];

/// A frame's packet on its way out.
struct Made {
    to: Option<SocketAddr>,
    /// Octets of the buffer.
    len: usize,
    /// Sound, as the recording keeps it: header and payload type.
    sound: Option<(Packet, u8)>,
}

/// What a visit to a leg gives.
enum Visit {
    Made(Made),
    /// Nothing this time.
    Pause,
    /// Nothing any more.
    Rest,
}

/// What the next frame of a leg is made of.
enum Said<'a> {
    Law(Law, &'a [u8; FRAME]),
    Linear(&'a Sound),
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
            self.news.extend(self.table.pipes_mut().filter_map(|pipe| pipe.quiet(now)));
            self.report_all(now, wire);
        }
    }

    /// First everybody is heard, then everybody is spoken to: legs of one call share a step.
    fn visit_all(&mut self, now: Time, step: u64, wire: &mut impl Wire) {
        let mut legs = self.pace.take(step);
        for key in &legs {
            self.listen(now, step, *key);
        }
        legs.retain(|key| self.visit(now, *key, wire));
        self.pace.give(step, legs);
    }

    fn listen(&mut self, now: Time, step: u64, key: LegKey) {
        let Some(leg) = self.table.get_mut(key).filter(|leg| leg.listening.is_some()) else { return };
        let (call, id, peer) = (leg.call, leg.id, leg.peer.filter(|_| !leg.muted));
        let leaves = leg.part.is_some_and(|part| part.leaves);
        if let Some(key) = leg.visit(now, &mut self.pieces) {
            self.news.push_back(News::Key { call, leg: id, key });
            self.press_on(now, peer, key);
        }
        self.mix_in(step, key);
        if leaves {
            self.drop_part(call, key);
            self.route(now, key);
        }
    }

    /// What a leg hears of decoded sound; `None` when nobody speaks to it that way.
    fn heard_by(&self, key: LegKey) -> Option<Sound> {
        let leg = self.table.get(key)?;
        if let Some(part) = leg.part {
            return self.heard_in_mix(leg, part);
        }
        let peer = self.table.get(leg.peer?).filter(|peer| peer.decoding)?;
        peer.heard().copied()
    }

    /// Makes the leg's next frame; false when it has none and is not to be visited again.
    fn visit(&mut self, now: Time, key: LegKey, wire: &mut impl Wire) -> bool {
        let heard = self.heard_by(key);
        let stays = self.is_spoken_to(key);
        let Some(leg) = self.table.get_mut(key) else { return false };
        let mut buffer: Buffer = [0; HEADER + ENCODED + OVERHEAD];
        let made = match leg.next_frame(now, heard.as_ref(), &mut buffer, &mut self.news) {
            Visit::Made(made) => made,
            Visit::Pause => return true,
            Visit::Rest if stays || leg.listening.is_some() => return true,
            Visit::Rest => {
                leg.paced = None;
                return false;
            }
        };
        let Some(to) = made.to else { return true };
        if let (Some((header, payload_type)), Some(Tapped { tap, track, alone: true }), None) =
            (made.sound, leg.tap, leg.peer)
        {
            let Packet { marker, seq: sequence, timestamp, .. } = header;
            let payload = &buffer[HEADER..made.len];
            let track = 1 - track.min(1);
            let frame = Frame { track, arrival_us: 0, payload_type, marker, sequence, timestamp, payload };
            self.taps.push(tap, now, frame);
        }
        if let Some(packet) = leg.protect(&mut buffer, made.len).and_then(|len| buffer.get(..len)) {
            wire.send(key, Channel::Rtp, to, packet);
        }
        true
    }

    /// Whether decoded sound comes to a leg from time to time.
    fn is_spoken_to(&self, key: LegKey) -> bool {
        let peer = self.table.get(key).and_then(|leg| self.table.get(leg.peer?));
        peer.is_some_and(|peer| peer.listening.is_some())
    }
}

impl Leg {
    fn next_frame(
        &mut self,
        now: Time,
        heard: Option<&Sound>,
        buffer: &mut Buffer,
        news: &mut VecDeque<News>,
    ) -> Visit {
        if let Some(visit) = self.next_of_keys(now, buffer) {
            return visit;
        }
        let own = self.aim().map_or(Some(Format::PCMA), |_| self.own_format());
        let Some(player) = self.player.as_mut() else {
            return match (own, heard) {
                (Some(own), Some(heard)) => {
                    self.note_sound(&own, heard);
                    self.sound(now, own, Said::Linear(heard), buffer)
                }
                (Some(own), None) => self.silence(now, &own, buffer),
                (None, _) => Visit::Rest,
            };
        };
        let mut frame = [0; FRAME];
        let law = own.and_then(|own| Law::of_codec(own.codec)).unwrap_or(Law::A);
        match own.filter(|_| player.fill(law, &mut frame)) {
            Some(own) => self.sound(now, own, Said::Law(law, &frame), buffer),
            None => {
                let (play, whole) = (player.play, player.whole && own.is_some());
                self.player = None;
                news.push_back(News::Played { call: self.call, leg: self.id, play, whole });
                Visit::Rest
            }
        }
    }

    /// The next step of the keys that are being sent; `None` when there are none (any more).
    fn next_of_keys(&mut self, now: Time, buffer: &mut Buffer) -> Option<Visit> {
        let (events, own) = (self.key_format(), self.own_format());
        let mut frame = [0; FRAME];
        let clock = events.map(|format| format.clock);
        let law = own.map(|own| Law::of_codec(own.codec).unwrap_or(Law::A));
        match self.keypad.as_mut()?.step(clock, law, &mut frame) {
            Step::Event(begins, event) => {
                let (pt, clock) = events.map_or((0, RATE), |format| (format.pt, format.clock));
                Some(self.event(now, pt, begins, clock, &event.write(), buffer))
            }
            Step::Sound => {
                own.zip(law).map(|(own, law)| self.sound(now, own, Said::Law(law, &frame), buffer))
            }
            Step::Pause => Some(Visit::Pause),
            Step::Done => {
                self.keypad = None;
                None
            }
        }
    }

    fn sound(&mut self, now: Time, format: Format, said: Said<'_>, buffer: &mut Buffer) -> Visit {
        let Some(to) = self.to else { return Visit::Made(Made { to: None, len: 0, sound: None }) };
        let (head, payload) = buffer.split_at_mut(HEADER);
        let octets = match said {
            Said::Law(law, frame) => self.encode_law(&format, law, frame, payload),
            Said::Linear(frame) => self.encode(&format, frame, payload),
        };
        if octets == 0 {
            return Visit::Pause;
        }
        let header = self.out.own(now, format.pt, format.clock / 50, format.clock);
        head.copy_from_slice(&header.header());
        self.sent(format.pt, octets);
        let sound = Some((header, route::kept_as(&format)));
        Visit::Made(Made { to: Some(to), len: HEADER + octets, sound })
    }

    /// Nothing is said to the leg: it is told how that sounds, where it takes comfort noise.
    fn silence(&mut self, now: Time, own: &Format, buffer: &mut Buffer) -> Visit {
        let Some((format, level)) = self.noise_due(own) else { return Visit::Rest };
        let Some(to) = self.to else { return Visit::Rest };
        let header = self.out.noise(now, format.pt, format.clock);
        let (head, payload) = buffer.split_at_mut(HEADER);
        head.copy_from_slice(&header.header());
        payload[0] = level;
        self.sent(format.pt, 1);
        let sound = Some((header, route::kept_as(&format)));
        Visit::Made(Made { to: Some(to), len: HEADER + 1, sound })
    }

    fn event(
        &mut self,
        now: Time,
        pt: u8,
        begins: bool,
        clock: u32,
        block: &[u8; 4],
        buffer: &mut Buffer,
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
