//! RTCP between two legs: RFC 3550 §6. Reports pass with their identifiers, numbers and times translated; the rest is our own.
//!
//! A switch that rewrites RTP owns the streams it sends, so what a phone says about its own stream must be said about
//! ours: source identifiers, RTP times and sequence numbers are mapped, the description (CNAME, which often holds an
//! address or a name) is replaced, BYE ends here because our stream goes on.
//! Invariant: what leaves holds only packet types listed in [`relay`], each of them whole.

/// Sender report.
pub(super) const SR: u8 = 200;
/// Receiver report.
pub(super) const RR: u8 = 201;
/// Source description.
const SDES: u8 = 202;
/// Transport feedback (RFC 4585).
const RTPFB: u8 = 205;
/// Payload feedback (RFC 4585): picture loss and the like.
const PSFB: u8 = 206;
/// Octets of one report block.
pub(super) const REPORT: usize = 24;
/// Octets of a canonical name.
pub const CNAME: usize = 16;
/// Octets of a source description with one canonical name: header, identifier, item of 2 + 16 octets, end and padding.
pub(super) const DESCRIPTION: usize = 4 + 4 + 2 + CNAME + 2;
/// Packets of one compound that are looked at.
pub(super) const COMPOUND: usize = 16;

/// How the identifiers and numbers of one side read on the other.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Mapping {
    /// The sender's stream as it sends it.
    pub from_ssrc: u32,
    /// The same stream as we send it on.
    pub to_ssrc: u32,
    /// What is added to the sender's RTP timestamps.
    pub timestamp: u32,
    /// The stream that the sender hears and reports on, while there is one.
    pub back: Option<Back>,
}

/// The stream in the other direction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Back {
    /// As we send it to the sender of the report.
    pub heard_ssrc: u32,
    /// As its origin sends it.
    pub origin_ssrc: u32,
    /// What we added to the origin's sequence numbers.
    pub sequence: u16,
}

/// Translates the compound packet in the first `len` octets of `buffer` for the other side, in place, and returns its new
/// length (it may grow by a source description of our own).
///
/// Passed: SR, RR (report blocks on the mapped stream only), and feedback of RFC 4585 on it. `None` when nothing is left, when
/// the compound is malformed (RFC 3550 A.2), or when the buffer is too small.
pub fn relay(buffer: &mut [u8], len: usize, mapping: &Mapping, cname: &[u8; CNAME]) -> Option<usize> {
    check(buffer.get(..len)?)?;
    let (mut at, mut written, mut reported) = (0, 0, false);
    for _ in 0..COMPOUND {
        let Some(size) = size_at(buffer.get(..len)?, at) else { break };
        let packet = buffer.get_mut(at..at + size)?;
        let kept = match packet.get(1) {
            Some(&SR) => report(packet, 28, mapping),
            Some(&RR) => report(packet, 8, mapping),
            Some(&(RTPFB | PSFB)) => feedback(packet, mapping),
            _ => None,
        };
        if let Some(kept) = kept {
            reported |= matches!(buffer.get(at + 1), Some(&(SR | RR)));
            buffer.copy_within(at..at + kept, written);
            written += kept;
        }
        at += size;
    }
    if !reported {
        return None;
    }
    let description = describe(mapping.to_ssrc, cname);
    buffer.get_mut(written..written + DESCRIPTION)?.copy_from_slice(&description);
    Some(written + DESCRIPTION)
}

/// RFC 3550 A.2: every packet of version 2 and within the datagram, the first a report, padding only in the last.
pub(super) fn check(compound: &[u8]) -> Option<()> {
    let mut at = 0;
    matches!(compound.get(1), Some(&(SR | RR))).then_some(())?;
    while at < compound.len() {
        let size = size_at(compound, at)?;
        let padded = compound.get(at)? & 0x20 != 0;
        if padded && at + size != compound.len() {
            return None;
        }
        at += size;
    }
    Some(())
}

/// Octets of the packet at `at`; `None` at the end, and for one that is not of version 2 or reaches beyond it.
pub(super) fn size_at(compound: &[u8], at: usize) -> Option<usize> {
    let [first, _, l0, l1] = *compound.get(at..)?.first_chunk()?;
    let size = (usize::from(u16::from_be_bytes([l0, l1])) + 1) * 4;
    (first >> 6 == 2 && at + size <= compound.len()).then_some(size)
}

/// A report whose blocks begin at `blocks`: keeps at most one block, the one on our stream. Profile extensions are cut.
fn report(packet: &mut [u8], blocks: usize, mapping: &Mapping) -> Option<usize> {
    let count = usize::from(packet.first()? & 0x1f);
    if packet.len() < blocks + count * REPORT || word(packet, 4)? != mapping.from_ssrc {
        return None;
    }
    set_word(packet, 4, mapping.to_ssrc);
    if blocks == 28 {
        let timestamp = word(packet, 16)?.wrapping_add(mapping.timestamp);
        set_word(packet, 16, timestamp);
    }
    let ours = mapping.back.and_then(|back| {
        let at =
            (0..count).map(|n| blocks + n * REPORT).find(|at| word(packet, *at) == Some(back.heard_ssrc))?;
        Some((at, back))
    });
    if let Some((at, back)) = ours {
        packet.copy_within(at..at + REPORT, blocks);
        set_word(packet, blocks, back.origin_ssrc);
        let highest = word(packet, blocks + 8)?.wrapping_sub(u32::from(back.sequence));
        set_word(packet, blocks + 8, highest);
    }
    let size = blocks + if ours.is_some() { REPORT } else { 0 };
    seal(packet, u8::from(ours.is_some()), size);
    Some(size)
}

/// Feedback on our stream (RFC 4585 §6.1).
fn feedback(packet: &mut [u8], mapping: &Mapping) -> Option<usize> {
    let (first, back) = (*packet.first()?, mapping.back?);
    let about_ours = word(packet, 4)? == mapping.from_ssrc && word(packet, 8)? == back.heard_ssrc;
    if first & 0x20 != 0 || !about_ours {
        return None;
    }
    // A generic NACK names sequence numbers (RFC 4585 §6.2.1); other transport feedback is about numbers that end here.
    if packet.get(1) == Some(&RTPFB) {
        (first & 0x1f == 1).then_some(())?;
        for at in (12..packet.len()).step_by(4) {
            let place: &mut [u8; 2] = packet.get_mut(at..)?.first_chunk_mut()?;
            *place = u16::from_be_bytes(*place).wrapping_sub(back.sequence).to_be_bytes();
        }
    }
    set_word(packet, 4, mapping.to_ssrc);
    set_word(packet, 8, back.origin_ssrc);
    Some(packet.len())
}

pub(super) fn describe(ssrc: u32, cname: &[u8; CNAME]) -> [u8; DESCRIPTION] {
    let mut packet = [0; DESCRIPTION];
    packet[1] = SDES;
    seal(&mut packet, 1, DESCRIPTION);
    set_word(&mut packet, 4, ssrc);
    packet[8..10].copy_from_slice(&[1, CNAME as u8]);
    packet[10..10 + CNAME].copy_from_slice(cname);
    packet
}

/// Version 2, no padding, `count` and the length of `size` octets.
pub(super) fn seal(packet: &mut [u8], count: u8, size: usize) {
    let words = u16::try_from(size / 4 - 1).unwrap_or(u16::MAX);
    if let [first, _, l0, l1, ..] = packet {
        *first = 0x80 | count & 0x1f;
        [*l0, *l1] = words.to_be_bytes();
    }
}

pub(super) fn word(packet: &[u8], at: usize) -> Option<u32> {
    packet.get(at..)?.first_chunk().copied().map(u32::from_be_bytes)
}

pub(super) fn set_word(packet: &mut [u8], at: usize, value: u32) {
    if let Some(place) = packet.get_mut(at..).and_then(|rest| rest.first_chunk_mut()) {
        *place = value.to_be_bytes();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAPPING: Mapping = Mapping {
        from_ssrc: 0xa1,
        to_ssrc: 0xb2,
        timestamp: 1_000,
        back: Some(Back { heard_ssrc: 0xc3, origin_ssrc: 0xd4, sequence: 7 }),
    };

    fn words(first: [u8; 4], rest: &[u32]) -> Vec<u8> {
        first.into_iter().chain(rest.iter().flat_map(|word| word.to_be_bytes())).collect()
    }

    fn sender_report() -> Vec<u8> {
        let mut rest = vec![0xa1, 11, 12, 5_000, 14, 15];
        rest.extend([0x77, 1, 2, 3, 4, 5]); // a block on somebody else
        rest.extend([0xc3, 0x0100_0002, 0x0001_0010, 33, 44, 55]);
        words([0x82, SR, 0, 18], &rest)
    }

    fn relayed(compound: &[u8]) -> Option<Vec<u8>> {
        let mut buffer = [compound, &[0; 64]].concat();
        let len = relay(&mut buffer, compound.len(), &MAPPING, b"0123456789abcdef")?;
        buffer.truncate(len);
        Some(buffer)
    }

    #[test]
    fn a_report_speaks_of_our_streams_and_of_nobody_else() {
        let description = words([0x81, SDES, 0, 5], &[]);
        let name = b"\x00\x00\x00\xa1\x01\x0aalice@home\x00\x00\x00\x00";
        let bye = words([0x81, 203, 0, 1], &[0xa1]);
        let out = relayed(&[sender_report(), description, name.to_vec(), bye].concat()).unwrap();
        let mut expected = words(
            [0x81, SR, 0, 12],
            &[0xb2, 11, 12, 6_000, 14, 15, 0xd4, 0x0100_0002, 0x0001_0009, 33, 44, 55],
        );
        expected.extend(words([0x81, SDES, 0, 6], &[0xb2]));
        expected.extend(b"\x01\x100123456789abcdef\0\0");
        assert_eq!(out, expected);
    }

    #[test]
    fn picture_loss_passes_and_lost_packets_are_renumbered() {
        let empty = words([0x80, RR, 0, 1], &[0xa1]);
        let loss = words([0x81, PSFB, 0, 2], &[0xa1, 0xc3]);
        let nack = words([0x81, RTPFB, 0, 3], &[0xa1, 0xc3, 0x0009_8001]);
        let out = relayed(&[empty, loss, nack].concat()).unwrap();
        assert_eq!(out[8..20], words([0x81, PSFB, 0, 2], &[0xb2, 0xd4])[..]);
        assert_eq!(out[20..36], words([0x81, RTPFB, 0, 3], &[0xb2, 0xd4, 0x0002_8001])[..]);
    }

    #[test]
    fn nothing_malformed_and_nothing_foreign_passes() {
        let whole = sender_report();
        for len in 0..whole.len() {
            assert_eq!(relayed(&whole[..len]), None, "cut at {len}");
        }
        let mut counted = whole.clone();
        counted[0] = 0x9f; // 31 blocks stated, two there
        assert_eq!(relayed(&counted), None);
        let mut foreign = whole.clone();
        foreign[7] = 0xee;
        assert_eq!(relayed(&foreign), None);
        assert_eq!(relayed(&words([0x81, 203, 0, 1], &[0xa1])), None, "a bare BYE");
        assert_eq!(relayed(&[0x80, RR, 0xff, 0xff]), None);
        let mut tight = [whole.clone(), vec![0; 4]].concat();
        assert_eq!(relay(&mut tight, whole.len(), &MAPPING, &[0; CNAME]), Some(80), "just room enough");
        let mut small = words([0x80, RR, 0, 1], &[0xa1]);
        assert_eq!(relay(&mut small, 8, &MAPPING, &[0; CNAME]), None, "no room for the description");
    }

    #[test]
    fn random_octets_never_panic() {
        let mut random = crate::base::Random::from_number(4);
        for _ in 0..20_000 {
            let mut buffer = [0; 160];
            random.fill(&mut buffer);
            let len = random.below(100) as usize;
            (buffer[0], buffer[1]) = (0x80 | buffer[0] & 0x3f, SR + buffer[1] % 7);
            (buffer[2], buffer[3]) = (0, buffer[3] % 24);
            let _ = relay(&mut buffer, len, &MAPPING, &[0; CNAME]);
        }
    }
}
