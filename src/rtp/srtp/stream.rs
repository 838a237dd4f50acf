//! The long number of a packet, and which of them came: RFC 3711 §3.3.1 and §3.3.2, a window of 128 packets.

use smallvec::SmallVec;

/// Streams of one key whose numbers are kept: a phone begins another one now and then; the oldest is forgotten.
const STREAMS: usize = 4;
/// Packets behind the newest that are told apart.
const WINDOW: u64 = 128;

/// The streams of one direction, newest last.
#[derive(Clone, Debug, Default)]
pub(super) struct Streams(SmallVec<[Stream; 1]>);

#[derive(Clone, Copy, Debug)]
struct Stream {
    ssrc: u32,
    /// The highest number that was taken: roll-overs above sixteen bits of sequence.
    highest: u64,
    /// Bit n: `highest - n` was taken.
    window: u128,
}

impl Streams {
    fn of(&self, ssrc: u32) -> Option<&Stream> {
        self.0.iter().find(|stream| stream.ssrc == ssrc)
    }

    /// The long number of a sequence number: the one nearest to the highest so far.
    pub(super) fn estimate(&self, ssrc: u32, seq: u16) -> u64 {
        let Some(stream) = self.of(ssrc) else { return seq.into() };
        let (cycles, last) = (stream.highest >> 16, stream.highest as u16);
        let ahead = i32::from(seq) - i32::from(last);
        let cycles = match ahead {
            i32::MIN..-0x8000 => cycles + 1,
            0x8001.. => cycles.saturating_sub(1),
            _ => cycles,
        };
        cycles << 16 | u64::from(seq)
    }

    /// Whether it was taken before, or is too old to know.
    pub(super) fn has_seen(&self, ssrc: u32, index: u64) -> bool {
        let Some(stream) = self.of(ssrc) else { return false };
        let behind = stream.highest.saturating_sub(index);
        index <= stream.highest && (behind >= WINDOW || stream.window >> behind & 1 == 1)
    }

    /// Takes note of a packet that was taken.
    pub(super) fn see(&mut self, ssrc: u32, index: u64) {
        let Some(stream) = self.0.iter_mut().find(|stream| stream.ssrc == ssrc) else {
            if self.0.len() == STREAMS {
                self.0.remove(0);
            }
            self.0.push(Stream { ssrc, highest: index, window: 1 });
            return;
        };
        match index.checked_sub(stream.highest) {
            Some(ahead) => {
                stream.window = if ahead < WINDOW { stream.window << ahead | 1 } else { 1 };
                stream.highest = index;
            }
            None if stream.highest - index < WINDOW => stream.window |= 1 << (stream.highest - index),
            None => {}
        }
    }

    /// Takes note of the highest number that was sent.
    pub(super) fn reach(&mut self, ssrc: u32, index: u64) {
        self.see(ssrc, index);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequence_numbers_roll_over_in_both_directions() {
        let mut streams = Streams::default();
        for (seq, index) in [
            (65_530, 65_530),
            (65_535, 65_535),
            (2, 65_538),
            (65_534, 65_534),
            (32_000, 97_536),
            (64_000, 129_536),
            (1, 131_073),
            (65_000, 130_536),
        ] {
            assert_eq!(streams.estimate(7, seq), index, "{seq}");
            streams.see(7, index);
        }
        assert_eq!(Streams::default().estimate(7, 65_535), 65_535);
    }

    #[test]
    fn a_packet_is_taken_once_and_not_when_it_is_older_than_the_window() {
        let mut streams = Streams::default();
        for index in [1_000, 1_005, 1_003, 1_132] {
            assert!(!streams.has_seen(1, index), "{index}");
            streams.see(1, index);
            assert!(streams.has_seen(1, index), "{index}");
        }
        for (index, seen) in [(1_004, true), (1_005, true), (1_006, false), (1_133, false), (5, true)] {
            assert_eq!(streams.has_seen(1, index), seen, "{index}");
        }
        assert!(!streams.has_seen(2, 1_005), "another stream has numbers of its own");
        for ssrc in 10..20 {
            streams.see(ssrc, 1);
        }
        assert_eq!(streams.0.len(), STREAMS);
    }
}
