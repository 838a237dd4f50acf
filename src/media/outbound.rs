//! The one stream that a leg's far end hears, whatever its sound comes from: RFC 3550 §5.1, §8.
//!
//! Sources come and go (prompts, keys, one party, another); identifier, sequence and time of the stream go on.
//! Invariant: between sources the sequence number grows by one and the time by what passed, at least by the last packet's span.

use crate::base::Time;
use crate::rtp::Packet;
use crate::rtp::reception::{Place, Standing, ticks};

/// The stream to one far end.
#[derive(Clone, Debug)]
pub(super) struct Outbound {
    ssrc: u32,
    seq: u16,
    timestamp: u32,
    /// When `timestamp` was sent first.
    at: Time,
    /// Ticks that the last packet lasts.
    span: u32,
    last: Last,
}

/// What was sent last.
#[derive(Clone, Copy, Debug)]
enum Last {
    Nothing,
    /// A packet of another party's stream.
    Relayed(Splice),
    /// A frame that the switch made.
    Own,
    /// A key that the switch sent; its packets share this timestamp.
    Key,
}

/// How a relayed stream is fitted into this one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Splice {
    epoch: u32,
    first: Place,
    /// Added to the source's sequence numbers.
    pub(super) sequence: u16,
    /// Added to the source's timestamps.
    pub(super) timestamp: u32,
}

/// A source of own frames that is silent for longer is another talkspurt.
const SPURT_US: u64 = 100_000;

impl Outbound {
    pub(super) fn new(ssrc: u32, seq: u16, timestamp: u32, now: Time) -> Outbound {
        // The first number is kept in the lower half: RFC 3711 §3.3.1 advises it for SRTP's sake.
        let seq = seq & 0x7fff;
        Outbound { ssrc, seq, timestamp, at: now, span: 0, last: Last::Nothing }
    }

    pub(super) fn ssrc(&self) -> u32 {
        self.ssrc
    }

    /// Where the stream's clock stands.
    pub(super) fn timestamp_at(&self, now: Time, clock: u32) -> u32 {
        self.timestamp.wrapping_add(ticks(now.since(self.at), clock))
    }

    /// The splice of the stream that is being relayed.
    pub(super) fn splice(&self) -> Option<Splice> {
        match self.last {
            Last::Relayed(splice) => Some(splice),
            _ => None,
        }
    }

    /// Something of the relayed stream was left out on purpose: what comes next is fitted anew.
    pub(super) fn interrupt(&mut self) {
        if matches!(self.last, Last::Relayed(_)) {
            self.last = Last::Nothing;
        }
    }

    /// Fits a relayed packet into the stream: rewrites identifier, sequence, time and (on a new talkspurt) the marker.
    /// False for a late packet from before the source was spliced in; it must not be sent.
    pub(super) fn relay(&mut self, now: Time, packet: &mut Packet, heard: Heard) -> bool {
        let splice = match self.last {
            Last::Relayed(splice) if splice.epoch == heard.epoch => splice,
            _ if heard.newest => {
                packet.marker = true;
                let splice = self.splice_in(now, packet, heard);
                // What lies between two sources says nothing of how long a packet lasts: 20 ms until known.
                (self.timestamp, self.at) = (packet.timestamp.wrapping_add(splice.timestamp), now);
                self.span = heard.clock / 50;
                splice
            }
            _ => return false,
        };
        if heard.place < splice.first {
            return false;
        }
        packet.ssrc = self.ssrc;
        packet.seq = packet.seq.wrapping_add(splice.sequence);
        packet.timestamp = packet.timestamp.wrapping_add(splice.timestamp);
        if heard.newest {
            self.seq = packet.seq;
            self.reach(now, packet.timestamp, heard.clock);
            self.last = Last::Relayed(splice);
        }
        true
    }

    /// The header of a frame of `samples` that the switch made.
    pub(super) fn own(&mut self, now: Time, pt: u8, samples: u32, clock: u32) -> Packet {
        let goes_on = matches!(self.last, Last::Own) && now.since(self.at).as_micros() < u128::from(SPURT_US);
        self.timestamp =
            if goes_on { self.timestamp.wrapping_add(self.span) } else { self.next_timestamp(now, clock) };
        (self.at, self.span, self.last) = (now, samples, Last::Own);
        self.header(pt, !goes_on)
    }

    /// The header of a description of silence: what comes after it is another talkspurt.
    pub(super) fn noise(&mut self, now: Time, pt: u8, clock: u32) -> Packet {
        self.timestamp = self.next_timestamp(now, clock);
        (self.at, self.span, self.last) = (now, clock / 50, Last::Nothing);
        self.header(pt, false)
    }

    /// The header of a packet of a key; `begins` at its first.
    pub(super) fn key(&mut self, now: Time, pt: u8, begins: bool, clock: u32) -> Packet {
        if begins || !matches!(self.last, Last::Key) {
            self.timestamp = self.next_timestamp(now, clock);
            (self.at, self.span, self.last) = (now, clock / 50, Last::Key);
        }
        self.header(pt, begins)
    }

    fn header(&mut self, pt: u8, marker: bool) -> Packet {
        self.seq = self.seq.wrapping_add(1);
        Packet { marker, pt, seq: self.seq, timestamp: self.timestamp, ssrc: self.ssrc, payload: 0..0 }
    }

    fn splice_in(&self, now: Time, packet: &Packet, heard: Heard) -> Splice {
        Splice {
            epoch: heard.epoch,
            first: heard.place,
            sequence: self.seq.wrapping_add(1).wrapping_sub(packet.seq),
            timestamp: self.next_timestamp(now, heard.clock).wrapping_sub(packet.timestamp),
        }
    }

    fn next_timestamp(&self, now: Time, clock: u32) -> u32 {
        self.timestamp.wrapping_add(ticks(now.since(self.at), clock).max(self.span))
    }

    /// Takes note of a relayed timestamp, unless it is not ahead (a key's packets share theirs).
    fn reach(&mut self, now: Time, timestamp: u32, clock: u32) {
        let ahead = timestamp.wrapping_sub(self.timestamp);
        if ahead == 0 || ahead > u32::MAX / 2 {
            return;
        }
        // Packets carry 10 to 60 ms; what is more was silence.
        self.span = ahead.clamp(clock / 100, clock / 50 * 3);
        (self.timestamp, self.at) = (timestamp, now);
    }
}

/// How a packet that is to be relayed stands in its own stream.
#[derive(Clone, Copy, Debug)]
pub(super) struct Heard {
    pub(super) epoch: u32,
    pub(super) place: Place,
    pub(super) newest: bool,
    pub(super) clock: u32,
}

impl Heard {
    /// `None` for packets that go nowhere: copies, and jumps that are not confirmed.
    pub(super) fn new(standing: Standing, epoch: u32, clock: u32) -> Option<Heard> {
        let (place, newest) = match standing {
            Standing::First(place) | Standing::Newest(place) => (place, true),
            Standing::Late(place) => (place, false),
            Standing::Duplicate | Standing::Doubtful => return None,
        };
        Some(Heard { epoch, place, newest, clock })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rtp::Reception;

    fn packet(seq: u16, timestamp: u32, ssrc: u32) -> Packet {
        Packet { marker: false, pt: 0, seq, timestamp, ssrc, payload: 0..0 }
    }

    /// Relays packets of (ms, ssrc, seq, timestamp) and shows what is sent as (seq, timestamp, marker), from 0.
    fn relayed(
        out: &mut Outbound,
        source: &mut Reception,
        packets: &[(u64, u32, u16, u32)],
    ) -> Vec<(u16, u32, bool)> {
        let mut sent = Vec::new();
        for &(ms, ssrc, seq, timestamp) in packets {
            let standing = source.sequence(ssrc, seq);
            let Some(heard) = Heard::new(standing, source.epoch(), 8_000) else { continue };
            let mut packet = packet(seq, timestamp, ssrc);
            if out.relay(Time::from_millis(ms), &mut packet, heard) {
                assert_eq!(packet.ssrc, 7);
                sent.push((packet.seq, packet.timestamp, packet.marker));
            }
        }
        sent
    }

    #[test]
    fn one_stream_is_heard_through_prompts_keys_and_parties() {
        let mut out = Outbound::new(7, 0, 0, Time::ZERO);
        let first = out.own(Time::from_millis(100), 8, 160, 8_000);
        let second = out.own(Time::from_millis(121), 8, 160, 8_000);
        assert_eq!((first.seq, first.timestamp, first.marker), (1, 800, true));
        assert_eq!((second.seq, second.timestamp, second.marker), (2, 960, false));
        // A party joins 5 ms after the last frame: its first packet stands a whole frame later.
        let (mut alice, mut bob) = (Reception::default(), Reception::default());
        let sent = relayed(&mut out, &mut alice, &[(126, 0xa, 500, 9_000), (146, 0xa, 501, 9_160)]);
        assert_eq!(sent, [(3, 1_120, true), (4, 1_280, false)]);
        // Another party 2 s later.
        out.interrupt();
        let sent = relayed(&mut out, &mut bob, &[(2_146, 0xb, 65_535, 77), (2_166, 0xb, 0, 237)]);
        assert_eq!(sent, [(4 + 1, 1_280 + 16_000, true), (6, 17_440, false)]);
        // A key: one timestamp; then the party again, in the time that really passed.
        let key = out.key(Time::from_millis(2_186), 101, true, 8_000);
        let again = out.key(Time::from_millis(2_206), 101, false, 8_000);
        assert_eq!((key.seq, key.timestamp, key.marker), (7, 17_600, true));
        assert_eq!((again.seq, again.timestamp, again.marker), (8, 17_600, false));
        assert_eq!(relayed(&mut out, &mut bob, &[(2_286, 0xb, 6, 1_197)]), [(9, 18_400, true)]);
    }

    #[test]
    fn loss_and_disorder_of_the_source_stay_as_they_are() {
        let mut out = Outbound::new(7, 99, 0, Time::ZERO);
        let mut source = Reception::default();
        let sent = relayed(
            &mut out,
            &mut source,
            &[
                (0, 1, 10, 1_600),
                (40, 1, 12, 1_920),
                (41, 1, 11, 1_760),
                (42, 1, 12, 1_920),
                (60, 1, 9, 1_440),
                (80, 1, 15, 2_400),
            ],
        );
        let seqs: Vec<_> = sent.iter().map(|packet| packet.0).collect();
        assert_eq!(seqs, [100, 102, 101, 105], "no copy, nothing from before the splice");
        assert_eq!(sent[2].1, sent[1].1 - 160);
    }

    #[test]
    fn a_source_that_restarts_is_spliced_anew() {
        let mut out = Outbound::new(7, 0, 0, Time::ZERO);
        let mut source = Reception::default();
        let sent = relayed(
            &mut out,
            &mut source,
            &[(0, 1, 10, 160), (20, 1, 40_000, 5), (40, 1, 40_001, 165), (60, 2, 3, 1_000_000)],
        );
        assert_eq!(sent, [(1, 0, true), (2, 320, true), (3, 480, true)]);
    }
}
