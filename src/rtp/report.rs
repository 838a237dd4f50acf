//! Sender and receiver reports of our own, and what a far end's reports say: RFC 3550 §6.4.
//!
//! Invariant: what is written is one compound of a report and a source description; nothing that a far end states is taken for more
//! than a number.

use std::time::Duration;

use super::rtcp::{
    CNAME, COMPOUND, DESCRIPTION, REPORT, RR, SR, check, describe, seal, set_word, size_at, word,
};

/// Octets of the longest report that is written here: SR with one block, and SDES.
pub const LONGEST: usize = 28 + REPORT + DESCRIPTION;

/// What is said of a stream that is received.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Block {
    /// Whose stream.
    pub ssrc: u32,
    /// Lost since the last report, in 256ths of what was expected.
    pub fraction: u8,
    /// Lost in all: 24 bits.
    pub lost: u32,
    /// The highest sequence number, with its wraps above 16 bits.
    pub highest: u32,
    /// Interarrival jitter, in ticks of the stream's clock.
    pub jitter: u32,
    /// The middle of the time stamp of the last SR that came; 0: none did.
    pub last_sr: u32,
    /// How long ago that was, in 65 536ths of a second.
    pub delay: u32,
}

/// What is said of a stream that is sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sent {
    /// The time by our clock, in 2⁻³² seconds. Any clock will do (§6.4.1): ours counts from the program's start.
    pub ntp: u64,
    /// The same moment in the stream's clock.
    pub timestamp: u32,
    /// Packets sent.
    pub packets: u32,
    /// Octets of their payloads.
    pub octets: u32,
}

/// One thing that a compound says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Said {
    /// An SR was sent at this time: the middle 32 bits of its time stamp.
    Sender(u32),
    /// Something of a stream that is heard there.
    Heard(Block),
}

/// A moment in 2⁻³² seconds.
pub fn ntp(since_start: Duration) -> u64 {
    (since_start.as_secs() << 32) + (u64::from(since_start.subsec_nanos()) << 32) / 1_000_000_000
}

/// The middle of a time stamp: 2⁻¹⁶ seconds.
pub fn middle(ntp: u64) -> u32 {
    (ntp >> 16) as u32
}

/// Writes a compound into the beginning of `buffer`: SR (when something was `sent`) or RR of the source `ssrc`, with at most one block,
/// and its name. Octets written; `None` when `buffer` is shorter than [`LONGEST`].
pub fn write(
    buffer: &mut [u8],
    ssrc: u32,
    sent: Option<&Sent>,
    block: Option<&Block>,
    cname: &[u8; CNAME],
) -> Option<usize> {
    let room = buffer.get_mut(..LONGEST)?;
    room.fill(0);
    let blocks = if sent.is_some() { 28 } else { 8 };
    let size = blocks + block.map_or(0, |_| REPORT);
    *room.get_mut(1)? = if sent.is_some() { SR } else { RR };
    seal(room, u8::from(block.is_some()), size);
    set_word(room, 4, ssrc);
    if let Some(sent) = sent {
        set_word(room, 8, (sent.ntp >> 32) as u32);
        set_word(room, 12, sent.ntp as u32);
        set_word(room, 16, sent.timestamp);
        set_word(room, 20, sent.packets);
        set_word(room, 24, sent.octets);
    }
    if let Some(block) = block {
        let lost = u32::from(block.fraction) << 24 | block.lost.min(0x7f_ffff);
        let words = [block.ssrc, lost, block.highest, block.jitter, block.last_sr, block.delay];
        words.iter().enumerate().for_each(|(n, value)| set_word(room, blocks + 4 * n, *value));
    }
    room.get_mut(size..size + DESCRIPTION)?.copy_from_slice(&describe(ssrc, cname));
    Some(size + DESCRIPTION)
}

/// What a compound says, in its order; nothing when it is malformed (RFC 3550 A.2).
pub fn read(compound: &[u8]) -> impl Iterator<Item = Said> + '_ {
    let sound = check(compound).is_some();
    let mut at = 0;
    let packets = std::iter::from_fn(move || {
        let size = size_at(compound, at).filter(|_| sound)?;
        let packet = compound.get(at..at + size)?;
        at += size;
        Some(packet)
    });
    packets.take(COMPOUND).flat_map(said)
}

fn said(packet: &[u8]) -> impl Iterator<Item = Said> + '_ {
    let kind = packet.get(1).copied().unwrap_or_default();
    let (sender, blocks) = match kind {
        SR => (word(packet, 8).zip(word(packet, 12)), 28),
        RR => (None, 8),
        _ => (None, packet.len()),
    };
    let sender = sender.map(|(high, low)| Said::Sender(high << 16 | low >> 16));
    let count = usize::from(packet.first().copied().unwrap_or_default() & 0x1f);
    let blocks = (0..count).map_while(move |n| block(packet.get(blocks + n * REPORT..)?));
    sender.into_iter().chain(blocks.map(Said::Heard))
}

fn block(octets: &[u8]) -> Option<Block> {
    octets.get(..REPORT)?;
    let lost = word(octets, 4)?;
    Some(Block {
        ssrc: word(octets, 0)?,
        fraction: (lost >> 24) as u8,
        // A negative count (duplicates) is none.
        lost: if lost & 0x80_0000 == 0 { lost & 0x7f_ffff } else { 0 },
        highest: word(octets, 8)?,
        jitter: word(octets, 12)?,
        last_sr: word(octets, 16)?,
        delay: word(octets, 20)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const BLOCK: Block =
        Block { ssrc: 7, fraction: 64, lost: 300, highest: 0x1_0005, jitter: 40, last_sr: 9, delay: 65_536 };

    #[test]
    fn what_is_written_is_read_back() {
        let sent = Sent { ntp: ntp(Duration::from_millis(1_500)), timestamp: 12, packets: 3, octets: 480 };
        assert_eq!(middle(sent.ntp), 0x0001_8000);
        for (sent, block, size) in [
            (Some(sent), Some(BLOCK), LONGEST),
            (Some(sent), None, LONGEST - REPORT),
            (None, Some(BLOCK), LONGEST - 20),
            (None, None, LONGEST - REPORT - 20),
        ] {
            let mut buffer = [0xff; LONGEST];
            assert_eq!(write(&mut buffer, 5, sent.as_ref(), block.as_ref(), b"0123456789abcdef"), Some(size));
            let said: Vec<Said> = read(&buffer[..size]).collect();
            let expected: Vec<Said> =
                sent.map(|_| Said::Sender(0x0001_8000)).into_iter().chain(block.map(Said::Heard)).collect();
            assert_eq!(said, expected);
            assert_eq!(buffer[size - 2..size], [0, 0], "the description ends with padding");
        }
        assert_eq!(write(&mut [0; LONGEST - 1], 5, None, None, &[b'0'; CNAME]), None);
    }

    #[test]
    fn what_is_malformed_says_nothing() {
        let mut buffer = [0; LONGEST];
        let size = write(&mut buffer, 5, None, Some(&BLOCK), &[b'0'; CNAME]).unwrap();
        for (change, at) in [(0x00, 0), (0xff, 2), (203, 1)] {
            let mut other = buffer;
            other[at] = change;
            assert_eq!(read(&other[..size]).count(), 0, "{at}");
        }
        // More blocks are announced than there are.
        buffer[0] = 0x82;
        assert_eq!(read(&buffer[..size]).count(), 1);
        assert_eq!(read(&[]).count(), 0);
        let negative = u32::to_be_bytes(0x00ff_fffe);
        buffer[0] = 0x81;
        buffer[12..16].copy_from_slice(&negative);
        assert_eq!(read(&buffer[..size]).next(), Some(Said::Heard(Block { fraction: 0, lost: 0, ..BLOCK })));
    }
}
