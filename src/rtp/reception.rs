//! What a receiver counts of one source: RFC 3550 appendices A.1 (sequence), A.3 (loss) and A.8 (jitter).
//!
//! Appendix A.1's probation is left out: the source is locked by address before its packets are counted here.
//! Invariant: a sequence number is extended to the same 64-bit place whether it comes early, late or after a wrap.

use std::time::Duration;

use super::report::Block;

/// A jump ahead beyond this is a restart, not a loss: RFC 3550 A.1.
const MAX_DROPOUT: u16 = 3_000;
/// A packet further behind than this is not a late one: RFC 3550 A.1.
const MAX_MISORDER: u16 = 100;
/// Extended numbers begin here, so that packets from before the first have a place too.
const ORIGIN: u64 = 1 << 16;

/// How a packet stands in its source's sequence.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Standing {
    /// The newest so far.
    Newest(Place),
    /// Older than the newest, not seen before.
    Late(Place),
    /// The first of a sequence that has nothing to do with what came before: a first packet, another SSRC, a restart.
    First(Place),
    /// Seen before.
    Duplicate,
    /// A jump that the next packet must confirm (RFC 3550 A.1).
    Doubtful,
}

/// A sequence number without wraps: `place as u16` is the number on the wire.
pub type Place = u64;

/// Counts one source. `Default` has heard nothing.
#[derive(Clone, Debug, Default)]
pub struct Reception {
    current: Option<Current>,
    epoch: u32,
    lost_before: u64,
    jitter_most_us: u32,
}

#[derive(Clone, Debug)]
struct Current {
    ssrc: u32,
    first: Place,
    newest: Place,
    /// Bit n: the packet n places before the newest came.
    seen: u64,
    received: u64,
    doubted: Option<u16>,
    transit: Option<u32>,
    /// Jitter in ticks, times 16.
    jitter: u32,
    jitter_most: u32,
    clock: u32,
    /// As of the last report.
    expected_told: u64,
    received_told: u64,
}

impl Reception {
    /// Takes the sequence number `seq` of source `ssrc` and says how it stands.
    pub fn sequence(&mut self, ssrc: u32, seq: u16) -> Standing {
        let Some(current) = self.current.as_mut().filter(|current| current.ssrc == ssrc) else {
            return self.begin(ssrc, seq);
        };
        let ahead = seq.wrapping_sub(current.newest as u16);
        if ahead == 0 {
            return Standing::Duplicate;
        }
        if ahead < MAX_DROPOUT {
            let ahead = u64::from(ahead);
            current.newest += ahead;
            current.seen = current.seen.checked_shl(ahead as u32).unwrap_or(0) | 1;
            current.received += 1;
            current.doubted = None;
            return Standing::Newest(current.newest);
        }
        let behind = ahead.wrapping_neg();
        if behind <= MAX_MISORDER {
            return current.late(u64::from(behind));
        }
        if current.doubted == Some(seq) {
            return self.begin(ssrc, seq);
        }
        current.doubted = Some(seq.wrapping_add(1));
        Standing::Doubtful
    }

    /// Takes the timestamp of a packet of sound that arrived `arrival_us` (any zero) into the jitter estimate.
    pub fn timing(&mut self, timestamp: u32, arrival_us: u64, clock: u32) {
        let Some(current) = &mut self.current else { return };
        if current.clock != clock {
            (current.clock, current.transit, current.jitter, current.jitter_most) = (clock, None, 0, 0);
        }
        let transit = ticks_at(arrival_us, clock).wrapping_sub(timestamp);
        if let Some(before) = current.transit.replace(transit) {
            // Beyond ten seconds the timestamp was set anew, which is no jitter.
            let change = (transit.wrapping_sub(before) as i32).unsigned_abs().min(clock.saturating_mul(10));
            current.jitter = current.jitter.saturating_sub((current.jitter + 8) >> 4).saturating_add(change);
        }
        if current.jitter > current.jitter_most {
            current.jitter_most = current.jitter;
            self.jitter_most_us = self.jitter_most_us.max(self.jitter_us());
        }
    }

    /// Packets that never came, over all sequences so far: expected less received, not below zero.
    pub fn lost(&self) -> u64 {
        self.lost_before + self.current.as_ref().map_or(0, Current::lost)
    }

    /// Interarrival jitter now, in microseconds.
    pub fn jitter_us(&self) -> u32 {
        self.current.as_ref().filter(|current| current.clock > 0).map_or(0, |current| {
            let us = u64::from(current.jitter >> 4) * 1_000_000 / u64::from(current.clock);
            u32::try_from(us).unwrap_or(u32::MAX)
        })
    }

    /// The largest jitter so far, in microseconds.
    pub fn jitter_most_us(&self) -> u32 {
        self.jitter_most_us
    }

    /// What a report says of the source since the last one (RFC 3550 A.3), as far as it was heard; `None` before its first packet.
    /// `last_sr` and `delay` are left to whoever sees reports.
    pub fn report(&mut self) -> Option<Block> {
        let current = self.current.as_mut()?;
        let expected = current.newest - current.first + 1;
        let expected_since = expected - current.expected_told;
        let received_since = current.received.saturating_sub(current.received_told);
        (current.expected_told, current.received_told) = (expected, current.received);
        let lost_since = expected_since.saturating_sub(received_since);
        let fraction = (lost_since << 8).checked_div(expected_since).unwrap_or(0).min(255);
        Some(Block {
            ssrc: current.ssrc,
            fraction: fraction as u8,
            lost: u32::try_from(current.lost()).unwrap_or(u32::MAX),
            highest: (current.newest - ORIGIN) as u32,
            jitter: current.jitter >> 4,
            ..Block::default()
        })
    }

    /// The source being counted.
    pub fn ssrc(&self) -> Option<u32> {
        self.current.as_ref().map(|current| current.ssrc)
    }

    /// Counts the sequences begun so far: places of one epoch compare, those of two do not.
    pub fn epoch(&self) -> u32 {
        self.epoch
    }

    /// Forgets the source, keeps the sums: what comes next is another sequence.
    pub fn end(&mut self) {
        self.lost_before = self.lost();
        self.current = None;
    }

    fn begin(&mut self, ssrc: u32, seq: u16) -> Standing {
        self.end();
        self.epoch = self.epoch.wrapping_add(1);
        let first = ORIGIN + u64::from(seq);
        self.current = Some(Current {
            ssrc,
            first,
            newest: first,
            seen: 1,
            received: 1,
            doubted: None,
            transit: None,
            jitter: 0,
            jitter_most: 0,
            clock: 0,
            expected_told: 0,
            received_told: 0,
        });
        Standing::First(first)
    }
}

impl Current {
    fn late(&mut self, behind: u64) -> Standing {
        let place = self.newest - behind;
        // Beyond the window a copy cannot be told from a late packet; it is taken for late.
        if let Some(bit) = 1u64.checked_shl(behind as u32) {
            if self.seen & bit != 0 {
                return Standing::Duplicate;
            }
            self.seen |= bit;
        }
        if place >= self.first {
            self.received += 1;
        }
        Standing::Late(place)
    }

    fn lost(&self) -> u64 {
        (self.newest - self.first + 1).saturating_sub(self.received)
    }
}

/// How many ticks of `clock` pass in `span`.
pub fn ticks(span: Duration, clock: u32) -> u32 {
    ticks_at(u64::try_from(span.as_micros()).unwrap_or(u64::MAX), clock)
}

/// Ticks of `clock` in `us` microseconds, modulo 2³². In two steps, because the product passes 64 bits after some years.
fn ticks_at(us: u64, clock: u32) -> u32 {
    let (seconds, rest) = (us / 1_000_000, us % 1_000_000);
    let whole = seconds.wrapping_mul(u64::from(clock));
    whole.wrapping_add(rest * u64::from(clock) / 1_000_000) as u32
}

#[cfg(test)]
mod tests {
    use super::Standing::*;
    use super::*;

    #[test]
    fn order_loss_and_wrap_are_seen() {
        let mut reception = Reception::default();
        for (seq, standing, lost) in [
            (65_534, First(ORIGIN + 65_534), 0),
            (65_535, Newest(ORIGIN + 65_535), 0),
            (1, Newest(ORIGIN + 65_537), 1),
            (1, Duplicate, 1),
            (0, Late(ORIGIN + 65_536), 0),
            (0, Duplicate, 0),
            (65_535, Duplicate, 0),
            (65_533, Late(ORIGIN + 65_533), 0), // from before the first: no loss is made good
            (11, Newest(ORIGIN + 65_547), 9),
        ] {
            assert_eq!(reception.sequence(1, seq), standing, "{seq}");
            assert_eq!(reception.lost(), lost, "{seq}");
        }
    }

    #[test]
    fn a_jump_must_be_confirmed() {
        let mut reception = Reception::default();
        reception.sequence(1, 10);
        assert_eq!(reception.sequence(1, 20_000), Doubtful);
        assert_eq!(reception.sequence(1, 11), Newest(ORIGIN + 11), "a stray number changes nothing");
        assert_eq!(reception.sequence(1, 20_000), Doubtful);
        assert_eq!(reception.sequence(1, 20_001), First(ORIGIN + 20_001));
        assert_eq!(reception.lost(), 0);
    }

    #[test]
    fn another_source_begins_anew_and_keeps_the_sum() {
        let mut reception = Reception::default();
        for (ssrc, seq) in [(1, 10), (1, 13), (2, 50_000), (2, 50_002)] {
            reception.sequence(ssrc, seq);
        }
        assert_eq!(reception.lost(), 3);
        assert_eq!(reception.ssrc(), Some(2));
    }

    #[test]
    fn ticks_run_on_for_ever() {
        for (us, clock, ticks) in [
            (20_000, 8_000, 160),
            (1_999_999, 48_000, 95_999),
            (u64::MAX, 48_000, (u128::from(u64::MAX) * 48_000 / 1_000_000) as u32),
        ] {
            assert_eq!(ticks_at(us, clock), ticks, "{us}");
        }
    }

    #[test]
    fn steady_packets_have_no_jitter_and_wobbling_ones_half_their_swing() {
        let (mut steady, mut wobbling) = (Reception::default(), Reception::default());
        for n in 0..500u32 {
            steady.sequence(1, n as u16);
            steady.timing(n.wrapping_mul(160).wrapping_sub(1_000), u64::from(n) * 20_000, 8_000);
            wobbling.sequence(1, n as u16);
            wobbling.timing(n * 160, u64::from(n) * 20_000 + u64::from(n % 2) * 4_000, 8_000);
        }
        assert_eq!(steady.jitter_us(), 0);
        assert!((3_800..=4_000).contains(&wobbling.jitter_us()), "{}", wobbling.jitter_us());
        assert_eq!(wobbling.jitter_most_us() / 1_000, wobbling.jitter_us() / 1_000);
    }
}
