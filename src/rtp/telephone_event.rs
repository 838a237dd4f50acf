//! Keys as telephone events: RFC 4733. One press is many packets of one timestamp; here it becomes one key, and back.
//!
//! Invariant: a press is reported once, at its first packet that arrives, whichever of its packets are lost, repeated or
//! late, and however long it lasts.

/// Octets of one event block (RFC 4733 §2.3).
pub const BLOCK: usize = 4;

/// The longest duration that one segment can state; longer events go on in another (RFC 4733 §2.5.1.3).
const SEGMENT: u32 = 0xffff;

/// Power of the events that the switch sends: -10 dBm0 (RFC 4733 §2.3.5).
const VOLUME: u8 = 10;

/// One event block.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Event {
    /// Event code: 0 to 15 are the DTMF keys, 16 a hook flash (RFC 4733 §3.2).
    pub code: u8,
    /// The event has ended.
    pub end: bool,
    /// Power below 0 dBm0, 0 to 63.
    pub volume: u8,
    /// How long the event lasts so far, in ticks of the format's clock.
    pub duration: u16,
}

impl Event {
    /// Reads the first block of a payload; `None` when it is shorter than one.
    pub fn read(payload: &[u8]) -> Option<Event> {
        let [code, flags, d0, d1, ..] = *payload else { return None };
        Some(Event {
            code,
            end: flags & 0x80 != 0,
            volume: flags & 0x3f,
            duration: u16::from_be_bytes([d0, d1]),
        })
    }

    /// The block as four octets.
    pub fn write(&self) -> [u8; BLOCK] {
        let [d0, d1] = self.duration.to_be_bytes();
        [self.code, u8::from(self.end) << 7 | self.volume & 0x3f, d0, d1]
    }
}

/// The key of an event code: `0-9`, `*`, `#`, `A-D`, `!` for a hook flash; `None` for other events.
pub fn key(code: u8) -> Option<char> {
    const KEYS: &[u8; 17] = b"0123456789*#ABCD!";
    KEYS.get(usize::from(code)).copied().map(char::from)
}

/// The event code of a key, in either case; `None` for other characters.
pub fn code(key: char) -> Option<u8> {
    (0..=16).find(|code| self::key(*code) == Some(key.to_ascii_uppercase()))
}

/// Turns the event packets of one source into presses. `Default` has heard none.
#[derive(Clone, Copy, Debug, Default)]
pub struct Presses {
    last: Option<Last>,
}

#[derive(Clone, Copy, Debug)]
struct Last {
    code: u8,
    timestamp: u32,
    duration: u16,
    ended: bool,
}

impl Presses {
    /// Takes one event packet; says the code of the event if its press begins with this packet.
    ///
    /// The same press is: the same timestamp; a later segment of a long event; and, for phones that move the timestamp
    /// on during one press, the same code within 30 ms of its known end and without a marker. A timestamp before
    /// that of the last press belongs to a late packet.
    pub fn packet(&mut self, marker: bool, timestamp: u32, event: Event, clock: u32) -> Option<u8> {
        let now = Last { code: event.code, timestamp, duration: event.duration, ended: event.end };
        let Some(last) = &mut self.last else {
            self.last = Some(now);
            return Some(event.code);
        };
        let gap = timestamp.wrapping_sub(last.timestamp);
        if gap == 0 && last.code == event.code {
            last.duration = last.duration.max(event.duration);
            last.ended |= event.end;
            return None;
        }
        if gap > u32::MAX / 2 {
            return None;
        }
        let same = !marker && last.code == event.code && last.reaches(gap, clock);
        *last = now;
        (!same).then_some(event.code)
    }

    /// Forgets: the source was set anew, its timestamps mean nothing any more.
    pub fn reset(&mut self) {
        self.last = None;
    }
}

impl Last {
    /// Whether a packet `gap` ticks after this press began can still be of this press.
    fn reaches(&self, gap: u32, clock: u32) -> bool {
        let slack = clock / 33;
        gap <= u32::from(self.duration) + slack || !self.ended && gap.is_multiple_of(SEGMENT)
    }
}

/// Sends one key: event packets of 20 ms steps for 100 ms, the last of them three times, then a pause of 60 ms from the
/// end of the tone (RFC 4733 §2.5.1.2, §2.5.1.4; ITU-T Q.24 asks for 40 ms each at least).
#[derive(Clone, Copy, Debug)]
pub struct Press {
    code: u8,
    step: u8,
}

impl Press {
    /// Steps of 20 ms that the tone lasts.
    const TONE: u8 = 5;
    /// Copies of the end packet beyond the first.
    const COPIES: u8 = 2;
    /// Steps from the beginning to where the next key may begin.
    const WHOLE: u8 = 8;

    /// A press of the key with this event code.
    pub fn new(code: u8) -> Press {
        Press { code, step: 0 }
    }

    /// The next step of 20 ms: `Some(Some((marker, event)))` is a packet to send under the timestamp of the press's
    /// beginning, `Some(None)` a step of pause, `None` the end of the press.
    pub fn step(&mut self, clock: u32) -> Option<Option<(bool, Event)>> {
        let step = self.step;
        if step >= Self::WHOLE {
            return None;
        }
        self.step += 1;
        if step >= Self::TONE + Self::COPIES {
            return Some(None);
        }
        let lasted = u32::from((step + 1).min(Self::TONE)) * (clock / 50);
        let event = Event {
            code: self.code,
            end: step + 1 >= Self::TONE,
            volume: VOLUME,
            duration: u16::try_from(lasted).unwrap_or(u16::MAX),
        };
        Some(Some((step == 0, event)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `packets` of (marker, timestamp, code, end, duration) are heard as.
    fn heard(clock: u32, packets: &[(bool, u32, u8, bool, u16)]) -> String {
        let mut presses = Presses::default();
        packets
            .iter()
            .filter_map(|&(marker, timestamp, code, end, duration)| {
                presses.packet(marker, timestamp, Event { code, end, volume: 10, duration }, clock)
            })
            .filter_map(key)
            .collect()
    }

    /// All packets of the keys as [`Press`] sends them, `pause` ticks apart.
    fn sent(keys: &str, clock: u32) -> Vec<(bool, u32, u8, bool, u16)> {
        let mut packets = Vec::new();
        for (n, key) in (0u32..).zip(keys.chars()) {
            let mut press = Press::new(code(key).unwrap());
            let began = 1_000u32.wrapping_sub(3_000).wrapping_add(n * clock / 50 * 8);
            while let Some(step) = press.step(clock) {
                packets.extend(step.map(|(marker, e)| (marker, began, e.code, e.end, e.duration)));
            }
        }
        packets
    }

    #[test]
    fn keys_have_their_codes() {
        for (key_of, code_of) in [('0', 0), ('9', 9), ('*', 10), ('#', 11), ('A', 12), ('d', 15), ('!', 16)] {
            assert_eq!(code(key_of), Some(code_of));
            assert_eq!(key(code_of), Some(key_of.to_ascii_uppercase()));
        }
        assert_eq!((code('x'), key(17), key(255)), (None, None, None));
    }

    #[test]
    fn a_press_is_sent_with_a_marker_and_three_ends() {
        let packets = sent("5", 8_000);
        assert_eq!(
            packets.iter().map(|p| p.0).collect::<Vec<_>>(),
            [true, false, false, false, false, false, false]
        );
        assert_eq!(packets.iter().map(|p| p.4).collect::<Vec<_>>(), [160, 320, 480, 640, 800, 800, 800]);
        assert_eq!(packets.iter().filter(|p| p.3).count(), 3);
    }

    #[test]
    fn presses_are_heard_once_whatever_is_lost_or_repeated() {
        for clock in [8_000, 16_000, 48_000] {
            let keys = "1123*#99";
            let whole = sent(keys, clock);
            assert_eq!(heard(clock, &whole), keys);
            let per_key = whole.len() / keys.len();
            // Every single packet, the beginnings, all ends, all but one of each press.
            for kept in 0..per_key {
                let only: Vec<_> = whole.iter().skip(kept).step_by(per_key).copied().collect();
                assert_eq!(heard(clock, &only), keys, "only packet {kept} of each press at {clock}");
                let without: Vec<_> =
                    (0..whole.len()).filter(|n| n % per_key != kept).map(|n| whole[n]).collect();
                assert_eq!(heard(clock, &without), keys, "without packet {kept} of each press at {clock}");
            }
            let twice: Vec<_> = whole.iter().flat_map(|packet| [*packet, *packet]).collect();
            assert_eq!(heard(clock, &twice), keys);
        }
    }

    #[test]
    fn a_late_packet_of_an_earlier_press_is_not_another_press() {
        let mut packets = sent("12", 8_000);
        let late = packets.remove(5);
        packets.insert(9, late);
        assert_eq!(heard(8_000, &packets), "12");
    }

    #[test]
    fn a_press_of_many_segments_is_one_press() {
        let long = [
            (true, 0, 5, false, 160),
            (false, 0, 5, false, 0xffff),
            (false, 0xffff, 5, false, 160),
            (false, 0xffff, 5, false, 0xffff),
            // the third segment is lost as a whole
            (false, 0xffff * 3, 5, false, 320),
            (false, 0xffff * 3, 5, true, 400),
            (true, 0xffff * 3 + 2_000, 5, false, 160),
        ];
        assert_eq!(heard(8_000, &long), "55");
    }

    #[test]
    fn a_phone_that_moves_its_timestamp_during_a_press_is_heard_once() {
        let moving: Vec<_> = (0..8u32).map(|n| (n == 0, n * 160, 7, n >= 5, 160)).collect();
        assert_eq!(heard(8_000, &moving), "7");
    }

    #[test]
    fn short_payloads_hold_no_event() {
        for len in 0..BLOCK {
            assert_eq!(Event::read(&vec![5; len]), None);
        }
        let event = Event { code: 11, end: true, volume: 10, duration: 800 };
        assert_eq!(Event::read(&event.write()), Some(event));
        assert_eq!(event.write(), [11, 0x8a, 3, 32]);
    }
}
