//! Opens single chunks of a file without reading the rest: what the index needs of ten million recordings.
//!
//! Invariant: as everywhere, content comes out only after its tag was checked. Whether the file is whole is not looked at.

use super::chunk::{COVERED_BYTES, HEAD_BYTES, Head, Kind, MARKER};
use super::header::{Header, NotAHeader};
use super::keys::Keyring;
use super::suite::{Cipher, TAG_BYTES, nonce};
use super::verdict::Damage;

/// The key of one file, ready to open its chunks.
pub struct Glance {
    header: Header,
    cipher: Cipher,
}

impl Glance {
    /// From the first octets of a file ([`Glance::FRONT_BYTES`] or the whole file).
    ///
    /// # Errors
    /// What is wrong with the header.
    pub fn new(front: &[u8], keyring: &Keyring) -> Result<Glance, Damage> {
        let header = Header::parse(front).map_err(|error| match error {
            NotAHeader::NotOurs => Damage::NotOurs,
            NotAHeader::Unknown { version, suite } => Damage::Unknown { version, suite },
            NotAHeader::Short | NotAHeader::Malformed => Damage::Header,
        })?;
        if header.suite != keyring.suite() {
            return Err(Damage::Unknown { version: super::header::VERSION, suite: header.suite.number() });
        }
        let version = header.kek_version;
        let key = keyring.unwrap(version, &header.wrapped).map_err(|_| Damage::NoKey { version })?;
        let cipher = Cipher::new(header.suite, &key.ok_or(Damage::WrappedKey { version })?);
        let covered = front.get(..Header::slot_range(header.len_bytes).start).unwrap_or_default();
        if !cipher.open(nonce(header.prefix, 0), covered, &mut [], &header.tag) {
            return Err(Damage::Header);
        }
        Ok(Glance { header, cipher })
    }

    /// As many octets as every header and a usual first chunk have.
    pub const FRONT_BYTES: usize = 4_096;

    /// The file's header.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Opens the chunk at the beginning of `bytes`; `None` when it is not whole or not of this file.
    pub fn first(&self, bytes: &[u8]) -> Option<(Kind, Vec<u8>)> {
        let head = Head::parse(bytes.first_chunk()?)?;
        let chunk = bytes.get(..head.chunk_len())?;
        let (front, tag) = chunk.split_last_chunk::<TAG_BYTES>()?;
        let (covered, content) = front.split_first_chunk::<HEAD_BYTES>()?;
        let mut content = content.to_vec();
        let nonce = nonce(head.prefix, head.index + 1);
        let whole = self.cipher.open(nonce, &covered[..COVERED_BYTES], &mut content, tag);
        whole.then_some((head.kind, content))
    }

    /// Opens the chunk at the end of `tail`, the file's last octets.
    pub fn last(&self, tail: &[u8]) -> Option<(Kind, Vec<u8>)> {
        let starts = memchr::memmem::rfind_iter(tail, &MARKER);
        let whole = |at: &usize| {
            let head = tail.get(*at..).and_then(|rest| rest.first_chunk()).and_then(Head::parse);
            head.is_some_and(|head| at + head.chunk_len() == tail.len())
        };
        let at = starts.into_iter().find(whole)?;
        self.first(tail.get(at..)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{CallId, Random, RecordingId, Secret, Wall};
    use crate::vault::{Content, Sealer};

    #[test]
    fn first_and_last_chunk_open_without_the_rest() {
        let mut ring = Keyring::new();
        ring.insert(1, Secret::new([7; 32]));
        let (mut file, mut random) = (Vec::new(), Random::from_number(1));
        let (id, call) = (RecordingId::from_bytes([1; 16]), CallId::from_bytes([2; 16]));
        let mut sealer =
            Sealer::begin(Content::Recording, id, call, Wall::default(), &ring, &mut random, &mut file)
                .expect("key");
        sealer.seal(Kind::Opening, [&b"opening"[..]], &mut file).expect("room");
        sealer.seal(Kind::Media, [&[1; 900][..]], &mut file).expect("room");
        sealer.close(b"closing", &mut file).expect("room");
        let glance = Glance::new(&file, &ring).expect("whole");
        let front = &file[glance.header().len_bytes..];
        assert_eq!(glance.first(front), Some((Kind::Opening, b"opening".to_vec())));
        for tail in [200, 1_000, file.len()] {
            assert_eq!(glance.last(&file[file.len() - tail..]), Some((Kind::Closing, b"closing".to_vec())));
        }
        assert_eq!(glance.last(&file[..file.len() - 1]), None);
        file[20] ^= 1;
        assert_eq!(Glance::new(&file, &ring).err(), Some(Damage::Header));
    }
}
