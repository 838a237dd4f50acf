//! The header of a sealed file: `docs/recording-format.md`, "Header".
//!
//! Invariant: the header's tag covers everything before the key slot, and the key slot is under no tag and no hash, so
//! that a rotation of the key-encryption key re-wraps in place.

use crate::base::{CallId, RecordingId, Wall};

use super::keys::{Keyring, WRAPPED_BYTES};
use super::suite::{Suite, TAG_BYTES};

/// First octets of every sealed file.
pub const MAGIC: [u8; 8] = *b"LLREC\r\n\x1a";
/// The format version that this program writes.
pub const VERSION: u16 = 1;

/// Length of the part before the track table.
const FIXED_BYTES: usize = 64;
/// Key-encryption key version and wrapped data key.
const SLOT_BYTES: usize = 4 + WRAPPED_BYTES;
/// The longest header: 255 tracks.
pub(crate) const HEADER_MAX_BYTES: usize = FIXED_BYTES + 2 * 255 + SLOT_BYTES + TAG_BYTES;

/// What a sealed file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Content {
    /// One recording.
    Recording = 1,
    /// A segment of the log of call detail records.
    Log = 2,
    /// A segment of the audit book.
    Audit = 3,
    /// A segment of the book of keeping.
    Keeping = 4,
    /// An item derived from a recording.
    Derived = 5,
}

/// The facts of a header that stand in clear.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Suite of algorithms.
    pub suite: Suite,
    /// What the file holds.
    pub content: Content,
    /// The recording; for a log segment its number in the last four octets; for a derived item its own identifier.
    pub id: RecordingId,
    /// The call; for a log segment zero; for a derived item the recording that it was made from.
    pub call: CallId,
    /// Time 0.
    pub at: Wall,
    /// Nonce prefix of the writer that began the file.
    pub prefix: [u8; 8],
    /// Version of the key-encryption key.
    pub kek_version: u32,
    /// The data key, wrapped.
    pub wrapped: [u8; WRAPPED_BYTES],
    /// Tag over everything before the key slot; the first chunk's "tag before".
    pub tag: [u8; TAG_BYTES],
    /// Length of the whole header.
    pub len_bytes: usize,
}

/// Why octets are no header that we know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotAHeader {
    /// Too few octets yet.
    Short,
    /// The magic is missing.
    NotOurs,
    /// Another version or suite.
    Unknown { version: u16, suite: u16 },
    /// Lengths or kinds that contradict each other.
    Malformed,
}

impl Header {
    /// The longest header.
    pub(crate) const MAX_BYTES: usize = HEADER_MAX_BYTES;

    /// The part that the tag covers, with a table of `tracks` sound tracks.
    pub(crate) fn covered(&self, tracks: u8) -> Vec<u8> {
        let mut out = Vec::with_capacity(HEADER_MAX_BYTES);
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&VERSION.to_be_bytes());
        out.extend_from_slice(&self.suite.number().to_be_bytes());
        let len = FIXED_BYTES + 2 * usize::from(tracks) + SLOT_BYTES + TAG_BYTES;
        out.extend_from_slice(&(len as u16).to_be_bytes());
        out.push(self.content as u8);
        out.push(tracks);
        out.extend_from_slice(&self.id.to_bytes());
        out.extend_from_slice(&self.call.to_bytes());
        out.extend_from_slice(&self.at.as_micros().to_be_bytes());
        out.extend_from_slice(&self.prefix);
        for track in 0..tracks {
            out.extend_from_slice(&[track, 1]);
        }
        out
    }

    /// The key slot.
    pub(crate) fn slot(&self) -> [u8; SLOT_BYTES] {
        let mut slot = [0; SLOT_BYTES];
        slot[..4].copy_from_slice(&self.kek_version.to_be_bytes());
        slot[4..].copy_from_slice(&self.wrapped);
        slot
    }

    /// The key slot with the data key wrapped by the current key of `keyring`; `None` when it does not unwrap.
    pub(crate) fn rewrapped(&self, keyring: &Keyring) -> Option<[u8; SLOT_BYTES]> {
        let key = keyring.unwrap(self.kek_version, &self.wrapped).ok()??;
        let kek_version = keyring.current();
        let wrapped = keyring.wrap(kek_version, &key).ok()?;
        Some(Header { kek_version, wrapped, ..*self }.slot())
    }

    /// Octets before the key slot and after it, of a header of `len_bytes`.
    pub(crate) fn slot_range(len_bytes: usize) -> std::ops::Range<usize> {
        let end = len_bytes.saturating_sub(TAG_BYTES);
        end.saturating_sub(SLOT_BYTES)..end
    }

    /// Reads a header at the beginning of `bytes`. Nothing is authenticated yet.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Header, NotAHeader> {
        let seen = bytes.len().min(MAGIC.len());
        if bytes[..seen] != MAGIC[..seen] {
            return Err(NotAHeader::NotOurs);
        }
        let fixed: &[u8; FIXED_BYTES] = bytes.first_chunk().ok_or(NotAHeader::Short)?;
        let number = |at: usize| u16::from_be_bytes([fixed[at], fixed[at + 1]]);
        let (version, suite) = (number(8), number(10));
        let known = Suite::of(suite).filter(|_| version == VERSION);
        let suite = known.ok_or(NotAHeader::Unknown { version, suite })?;
        let (len_bytes, tracks) = (usize::from(number(12)), usize::from(fixed[15]));
        let content = match fixed[14] {
            1 => Content::Recording,
            2 => Content::Log,
            3 => Content::Audit,
            4 => Content::Keeping,
            5 => Content::Derived,
            _ => return Err(NotAHeader::Malformed),
        };
        if len_bytes != FIXED_BYTES + 2 * tracks + SLOT_BYTES + TAG_BYTES {
            return Err(NotAHeader::Malformed);
        }
        let whole = bytes.get(..len_bytes).ok_or(NotAHeader::Short)?;
        let (rest, tag) = whole.split_last_chunk::<TAG_BYTES>().ok_or(NotAHeader::Malformed)?;
        let (rest, wrapped) = rest.split_last_chunk::<WRAPPED_BYTES>().ok_or(NotAHeader::Malformed)?;
        let (_, kek_version) = rest.split_last_chunk::<4>().ok_or(NotAHeader::Malformed)?;
        Ok(Header {
            suite,
            content,
            id: RecordingId::from_bytes(part(fixed, 16)),
            call: CallId::from_bytes(part(fixed, 32)),
            at: Wall::from_micros(i64::from_be_bytes(part(fixed, 48))),
            prefix: part(fixed, 56),
            kek_version: u32::from_be_bytes(*kek_version),
            wrapped: *wrapped,
            tag: *tag,
            len_bytes,
        })
    }
}

/// `N` octets of `bytes` from `at`; zeros past its end, which constant places never reach.
pub(crate) fn part<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).copied().unwrap_or([0; N])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Vec<u8> {
        let header = Header {
            suite: Suite::Intl,
            content: Content::Recording,
            id: RecordingId::from_bytes([1; 16]),
            call: CallId::from_bytes([2; 16]),
            at: Wall::from_micros(-5),
            prefix: [3; 8],
            kek_version: 9,
            wrapped: [4; WRAPPED_BYTES],
            tag: [5; 16],
            len_bytes: 128,
        };
        let mut bytes = header.covered(2);
        bytes.extend_from_slice(&header.slot());
        bytes.extend_from_slice(&header.tag);
        assert_eq!(Header::parse(&bytes), Ok(header));
        bytes
    }

    #[test]
    fn a_header_is_128_octets_with_its_key_slot_at_68() {
        let bytes = sample();
        assert_eq!(bytes.len(), 128);
        assert_eq!(Header::slot_range(128), 68..112);
        assert_eq!(bytes[68..72], [0, 0, 0, 9]);
    }

    #[test]
    fn what_is_no_header_is_told_apart() {
        let good = sample();
        for cut in 0..good.len() {
            assert_eq!(Header::parse(&good[..cut]), Err(NotAHeader::Short), "cut at {cut}");
        }
        for (at, value, error) in [
            (0, b'X', NotAHeader::NotOurs),
            (9, 2, NotAHeader::Unknown { version: 2, suite: 1 }),
            (11, 3, NotAHeader::Unknown { version: 1, suite: 3 }),
            (13, 127, NotAHeader::Malformed),
            (14, 9, NotAHeader::Malformed),
            (15, 1, NotAHeader::Malformed),
        ] {
            let mut bad = good.clone();
            bad[at] = value;
            assert_eq!(Header::parse(&bad), Err(error), "octet {at}");
        }
    }
}
