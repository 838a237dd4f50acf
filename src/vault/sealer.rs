//! Writes a sealed file chunk by chunk.
//!
//! Invariant: no nonce twice. A sealer owns its prefix and its counter, is not `Clone`, takes `&mut self` to seal and
//! `self` to close; whoever continues a file ([`Sealer::resume`]) draws a prefix of its own.

use crate::base::{CallId, Random, RecordingId, Wall, bounds};

use super::chunk::{COVERED_BYTES, HEAD_BYTES, Head, Kind};
use super::header::{Content, Header};
use super::keys::{Drawn, Keyring, NoSuchKey, WRAPPED_BYTES};
use super::suite::{Cipher, Hash, Suite, TAG_BYTES, nonce};

/// Writes one sealed file. Bytes are appended to the caller's buffer.
pub struct Sealer {
    cipher: Cipher,
    id: RecordingId,
    prefix: [u8; 8],
    next: u32,
    before: [u8; TAG_BYTES],
    suite: Suite,
    hash: Hash,
    len_bytes: u64,
}

/// The facts of a file that a ledger leaf holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sealed {
    /// Hash of the whole file without the key slot.
    pub hash: [u8; 32],
    /// Length of the file, key slot included.
    pub len_bytes: u64,
    /// Chunks, the closing record included.
    pub chunks: u32,
}

/// The chunk is longer than [`bounds::CHUNK_BYTES`], or the file has as many chunks as it may: close it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the sealed file takes no such chunk")]
pub struct NoRoom;

/// Where one chunk came to lie and what it hashes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placed {
    /// Which chunk.
    pub index: u32,
    /// Where it begins in the file.
    pub offset: u64,
    /// Its length, head and tag included.
    pub len_bytes: u32,
}

impl Sealer {
    /// Begins a file: draws its data key and nonce prefix and appends the header to `out`.
    ///
    /// `tracks` is 2 for recordings, 0 for logs. Suite and key are the ring's current ones.
    ///
    /// # Errors
    /// [`NoSuchKey`] when the ring is empty, or its token does not answer.
    pub fn begin(
        content: Content,
        id: RecordingId,
        call: CallId,
        at: Wall,
        keyring: &Keyring,
        random: &mut Random,
        out: &mut Vec<u8>,
    ) -> Result<Sealer, NoSuchKey> {
        let suite = keyring.suite();
        let Drawn { version: kek_version, data_key: key, wrapped } = keyring.draw(random)?;
        let mut prefix = [0; 8];
        random.fill(&mut prefix);
        let mut header = Header {
            suite,
            content,
            id,
            call,
            at,
            prefix,
            kek_version,
            wrapped,
            tag: [0; TAG_BYTES],
            len_bytes: 0,
        };
        let covered = header.covered(if content == Content::Recording { 2 } else { 0 });
        let cipher = Cipher::new(suite, &key);
        header.tag = cipher.seal(nonce(prefix, 0), &covered, &mut []).unwrap_or_default();
        let hash = Hash::new(suite).chain(&covered).chain(&header.tag);
        out.extend_from_slice(&covered);
        out.extend_from_slice(&header.slot());
        out.extend_from_slice(&header.tag);
        let len_bytes = (covered.len() + 4 + WRAPPED_BYTES + TAG_BYTES) as u64;
        Ok(Sealer { cipher, id, prefix, next: 0, before: header.tag, suite, hash, len_bytes })
    }

    /// Continues a file whose whole chunks were read: draws a new prefix, so that nothing that the writer before may
    /// have sealed and lost can share a nonce with what follows.
    pub(crate) fn resume(
        (suite, cipher): (Suite, Cipher),
        id: RecordingId,
        next: u32,
        before: [u8; TAG_BYTES],
        hash: Hash,
        len_bytes: u64,
        random: &mut Random,
    ) -> Sealer {
        let mut prefix = [0; 8];
        random.fill(&mut prefix);
        Sealer { cipher, id, prefix, next, before, suite, hash, len_bytes }
    }

    /// Whose file it is.
    pub fn id(&self) -> RecordingId {
        self.id
    }

    /// Length of the file so far.
    pub fn len_bytes(&self) -> u64 {
        self.len_bytes
    }

    /// Seals `parts`, one after the other, as one chunk and appends it to `out`.
    ///
    /// # Errors
    /// [`NoRoom`]; then nothing is appended.
    pub fn seal<'a>(
        &mut self,
        kind: Kind,
        parts: impl IntoIterator<Item = &'a [u8]>,
        out: &mut Vec<u8>,
    ) -> Result<Placed, NoRoom> {
        self.append(kind, false, parts, out)
    }

    /// Seals one log entry; hash and length are those of its chunk, as its ledger leaf holds them.
    ///
    /// # Errors
    /// [`NoRoom`]; then nothing is appended.
    pub fn seal_entry(&mut self, content: &[u8], out: &mut Vec<u8>) -> Result<Sealed, NoRoom> {
        let start = out.len();
        let placed = self.append(Kind::Entry, false, [content], out)?;
        let hash = self.suite.digest(out.get(start..).unwrap_or_default());
        Ok(Sealed { hash, len_bytes: placed.len_bytes.into(), chunks: 1 })
    }

    /// Seals the closing record with the end mark and ends the file.
    ///
    /// # Errors
    /// [`NoRoom`] when `closing` is too long; the file then stays without closing record.
    pub fn close(mut self, closing: &[u8], out: &mut Vec<u8>) -> Result<Sealed, NoRoom> {
        self.append(Kind::Closing, true, [closing], out)?;
        Ok(Sealed { hash: self.hash.finish(), len_bytes: self.len_bytes, chunks: self.next })
    }

    fn append<'a>(
        &mut self,
        kind: Kind,
        end: bool,
        parts: impl IntoIterator<Item = &'a [u8]>,
        out: &mut Vec<u8>,
    ) -> Result<Placed, NoRoom> {
        let start = out.len();
        out.resize(start + HEAD_BYTES, 0);
        for part in parts {
            out.extend_from_slice(part);
        }
        let placed = self.seal_in_place(kind, end, &mut out[start..]);
        match placed {
            Ok((mut placed, tag)) => {
                out.extend_from_slice(&tag);
                self.hash.update(&out[start..]);
                placed.len_bytes += TAG_BYTES as u32;
                self.len_bytes += u64::from(placed.len_bytes);
                Ok(placed)
            }
            Err(no_room) => {
                out.truncate(start);
                Err(no_room)
            }
        }
    }

    /// Writes the head in front and encrypts the rest of `chunk`. The counter moves before anything else can fail.
    fn seal_in_place(
        &mut self,
        kind: Kind,
        end: bool,
        chunk: &mut [u8],
    ) -> Result<(Placed, [u8; TAG_BYTES]), NoRoom> {
        let (place, content) = chunk.split_first_chunk_mut::<HEAD_BYTES>().ok_or(NoRoom)?;
        if content.len() > bounds::CHUNK_BYTES || self.next >= u32::MAX - 1 {
            return Err(NoRoom);
        }
        let len = content.len() as u32;
        let (index, prefix) = (self.next, self.prefix);
        self.next += 1;
        let head = Head { kind, end, index, len, id: self.id, prefix, before: self.before };
        *place = head.to_bytes();
        let tag =
            self.cipher.seal(nonce(prefix, self.next), &place[..COVERED_BYTES], content).ok_or(NoRoom)?;
        self.before = tag;
        Ok((Placed { index, offset: self.len_bytes, len_bytes: len + HEAD_BYTES as u32 }, tag))
    }
}

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Sealer({}, next chunk {})", self.id, self.next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Secret;

    fn ring() -> Keyring {
        let mut ring = Keyring::new();
        ring.insert(1, Secret::new([7; 32]));
        ring
    }

    fn begin(out: &mut Vec<u8>, random: &mut Random) -> Sealer {
        let (id, call) = (RecordingId::from_bytes([1; 16]), CallId::from_bytes([2; 16]));
        Sealer::begin(Content::Recording, id, call, Wall::default(), &ring(), random, out).expect("key 1")
    }

    #[test]
    fn chunks_lie_one_after_the_other() {
        let (mut out, mut random) = (Vec::new(), Random::from_number(1));
        let mut sealer = begin(&mut out, &mut random);
        assert_eq!(out.len(), 128);
        let first = sealer.seal(Kind::Opening, [&b"{"[..], b"}"], &mut out).expect("room");
        assert_eq!(first, Placed { index: 0, offset: 128, len_bytes: 78 });
        assert_eq!(out.len(), 128 + 78);
        let second = sealer.seal(Kind::Media, [], &mut out).expect("room");
        assert_eq!(second, Placed { index: 1, offset: 206, len_bytes: 76 });
        let sealed = sealer.close(b"{}", &mut out).expect("room");
        assert_eq!((sealed.len_bytes, sealed.chunks), (out.len() as u64, 3));
        assert_eq!(sealed.hash, Hash::new(Suite::Intl).chain(&out[..68]).chain(&out[112..]).finish());
    }

    #[test]
    fn a_chunk_that_is_too_long_changes_nothing() {
        let (mut out, mut random) = (Vec::new(), Random::from_number(1));
        let mut sealer = begin(&mut out, &mut random);
        let long = vec![0; bounds::CHUNK_BYTES + 1];
        assert_eq!(sealer.seal(Kind::Media, [&long[..]], &mut out), Err(NoRoom));
        assert_eq!((out.len(), sealer.next), (128, 0));
    }

    /// KEY-03 in the small: no (key, nonce) pair twice over sessions that all begin at the same place of one file.
    #[test]
    fn no_nonce_comes_twice_even_when_a_crash_repeats_an_index() {
        let mut random = Random::from_number(1);
        let mut out = Vec::new();
        let sealer = begin(&mut out, &mut random);
        let mut seen = std::collections::HashSet::from([(sealer.prefix, 0)]);
        for _ in 0..1_000 {
            let cipher = Cipher::new(Suite::Intl, &Secret::new([1; 32]));
            let mut again = Sealer::resume(
                (Suite::Intl, cipher),
                sealer.id,
                0,
                sealer.before,
                Hash::new(Suite::Intl),
                128,
                &mut random,
            );
            for _ in 0..10 {
                let mut chunk = Vec::new();
                let placed = again.seal(Kind::Media, [], &mut chunk).expect("room");
                let head = Head::parse(chunk.first_chunk().expect("a head")).expect("a head");
                assert!(seen.insert((head.prefix, placed.index + 1)), "nonce used twice");
            }
        }
    }
}
