//! Reads a sealed file piece by piece: authenticates every chunk, yields its content, and notes what is wrong.
//!
//! Invariant: content is yielded only after its tag was checked. Memory is one chunk and what was pushed, however long
//! the file is; only a damaged file costs a few octets a chunk more (`examine`).

use crate::base::{Random, RecordingId, bounds};

use super::chunk::{COVERED_BYTES, HEAD_BYTES, Head, Kind, MARKER};
use super::examine::{Found, Trail};
use super::header::{Header, NotAHeader};
use super::keys::Keyring;
use super::sealer::{Sealed, Sealer};
use super::suite::{Cipher, Hash, TAG_BYTES, nonce};
use super::verdict::Damage;

/// Reads one sealed file: [`push`](Opener::push) octets, take [`piece`](Opener::piece)s, say [`end`](Opener::end), take
/// the last pieces, [`finish`](Opener::finish).
pub struct Opener<'k> {
    keyring: &'k Keyring,
    expected: Option<RecordingId>,
    stage: Stage,
    buffer: Vec<u8>,
    /// Octets of `buffer` that are done with.
    done: usize,
    /// Offset in the file of `buffer[done]`.
    offset: u64,
    ended: bool,
    hash: Hash,
    trail: Trail,
    /// State after the last chunk up to which all was whole and in order.
    whole: Option<Whole>,
}

enum Stage {
    Header,
    Chunks(Header, Box<Cipher>),
    /// The closing record was read, or the file cannot be opened: the rest is only hashed.
    Rest(Option<Header>, Option<Box<Cipher>>),
}

#[derive(Clone)]
struct Whole {
    chunks: u32,
    before: [u8; TAG_BYTES],
    hash: Hash,
    len_bytes: u64,
    closed: bool,
}

/// One authentic chunk.
#[derive(Debug, PartialEq, Eq)]
pub struct Piece<'a> {
    /// Which chunk.
    pub index: u32,
    /// What it holds.
    pub kind: Kind,
    /// Where it begins in the file.
    pub offset: u64,
    /// Its length in the file.
    pub len_bytes: u32,
    /// Hash of the sealed chunk; only taken for [`Kind::Entry`], whose ledger leaf holds it.
    pub hash: Option<[u8; 32]>,
    /// Its content in clear.
    pub plaintext: &'a [u8],
}

/// What a file turned out to be.
pub struct Examined {
    /// Its header, if it has one.
    pub header: Option<Header>,
    /// What is wrong, in the order of the file; empty for a whole file with closing record.
    pub damages: Vec<Damage>,
    /// Whether the closing record was read.
    pub closed: bool,
    /// Hash and length of all octets, and the number of authentic chunks.
    pub sealed: Sealed,
    resume: Option<(Header, Box<Cipher>, Whole)>,
}

impl<'k> Opener<'k> {
    /// For a file that should be that of `expected` (`None`: whoever's).
    pub fn new(keyring: &'k Keyring, expected: Option<RecordingId>) -> Opener<'k> {
        Opener {
            keyring,
            expected,
            stage: Stage::Header,
            buffer: Vec::new(),
            done: 0,
            offset: 0,
            ended: false,
            hash: Hash::new(keyring.suite()),
            trail: Trail::new(),
            whole: None,
        }
    }

    /// Adds the file's next octets.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.done > 0 {
            self.buffer.drain(..self.done);
            self.done = 0;
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// Says that the file has no more octets.
    pub fn end(&mut self) {
        self.ended = true;
    }

    /// The header, once it was read and found authentic.
    pub fn header(&self) -> Option<&Header> {
        match &self.stage {
            Stage::Header => None,
            Stage::Chunks(header, _) => Some(header),
            Stage::Rest(header, _) => header.as_ref(),
        }
    }

    /// The next authentic chunk; `None`: push more, or, after [`Opener::end`], there is none.
    pub fn piece(&mut self) -> Option<Piece<'_>> {
        if matches!(self.stage, Stage::Header) {
            self.read_header();
        }
        if matches!(self.stage, Stage::Header) {
            return None;
        }
        let (at, head) = loop {
            if !matches!(self.stage, Stage::Chunks(..)) {
                self.skip(self.buffer.len() - self.done);
                return None;
            }
            match self.scan() {
                Scan::More => return None,
                Scan::Skip(len) => {
                    self.trail.note(self.offset, Found::Garbage { len: len as u64 });
                    self.skip(len);
                }
                Scan::Torn => {
                    self.trail.note(self.offset, Found::Torn);
                    self.skip(self.buffer.len() - self.done);
                }
                Scan::Chunk(head) => {
                    if let Some(at) = self.take(&head) {
                        break (at, head);
                    }
                }
            }
        };
        let chunk = self.buffer.get(at..at + head.chunk_len()).unwrap_or_default();
        Some(Piece {
            index: head.index,
            kind: head.kind,
            offset: self.offset - head.chunk_len() as u64,
            len_bytes: head.chunk_len() as u32,
            hash: self.trail.entry_hash.take(),
            plaintext: chunk.get(HEAD_BYTES..HEAD_BYTES + head.len as usize).unwrap_or_default(),
        })
    }

    /// What the file is. Call after [`Opener::end`] and the last [`Opener::piece`].
    pub fn finish(mut self) -> Examined {
        self.end();
        while self.piece().is_some() {}
        let opened = matches!(self.stage, Stage::Chunks(..) | Stage::Rest(_, Some(_)));
        let closed = self.whole.as_ref().is_some_and(|whole| whole.closed) || self.trail.end_seen;
        let (header, cipher) = match self.stage {
            Stage::Header => (None, None),
            Stage::Chunks(header, cipher) => (Some(header), Some(cipher)),
            Stage::Rest(header, cipher) => (header, cipher),
        };
        let sealed =
            Sealed { hash: self.hash.finish(), len_bytes: self.offset, chunks: self.trail.authentic };
        let resume = match (header, cipher, self.whole) {
            (Some(header), Some(cipher), Some(whole)) => Some((header, cipher, whole)),
            _ => None,
        };
        Examined { header, damages: self.trail.damages(opened), closed, sealed, resume }
    }

    fn read_header(&mut self) {
        let header = match Header::parse(&self.buffer[self.done..]) {
            Ok(header) => header,
            Err(NotAHeader::Short) if !self.ended => return,
            Err(NotAHeader::NotOurs) => return self.give_up(None, Damage::NotOurs),
            Err(NotAHeader::Unknown { version, suite }) => {
                return self.give_up(None, Damage::Unknown { version, suite });
            }
            Err(NotAHeader::Short | NotAHeader::Malformed) => return self.give_up(None, Damage::Header),
        };
        if header.suite != self.keyring.suite() {
            let (version, suite) = (super::header::VERSION, header.suite.number());
            return self.give_up(None, Damage::Unknown { version, suite });
        }
        if self.expected.is_some_and(|expected| expected != header.id) {
            self.trail.damage(Damage::OtherFile { found: header.id });
        }
        let version = header.kek_version;
        let key = match self.keyring.unwrap(version, &header.wrapped) {
            Ok(Some(key)) => key,
            Ok(None) => return self.give_up(Some(header), Damage::WrappedKey { version }),
            Err(_) => return self.give_up(Some(header), Damage::NoKey { version }),
        };
        let cipher = Box::new(Cipher::new(header.suite, &key));
        let slot = Header::slot_range(header.len_bytes);
        let covered = self.buffer.get(self.done..self.done + slot.start).unwrap_or_default();
        if !cipher.open(nonce(header.prefix, 0), covered, &mut [], &header.tag) {
            self.trail.damage(Damage::Header);
        }
        self.hash.update(covered);
        self.hash.update(&header.tag);
        self.done += header.len_bytes;
        self.offset += header.len_bytes as u64;
        self.trail.begin(header.tag);
        if self.trail.is_clean() {
            let (hash, len_bytes) = (self.hash.clone(), self.offset);
            self.whole = Some(Whole { chunks: 0, before: header.tag, hash, len_bytes, closed: false });
        }
        self.stage = Stage::Chunks(header, cipher);
    }

    /// The rest is hashed and not understood. Without its key slot a header is hashed as far as it can be told.
    fn give_up(&mut self, header: Option<Header>, damage: Damage) {
        if let Some(header) = &header {
            let (slot, start) = (Header::slot_range(header.len_bytes), self.done);
            self.hash.update(self.buffer.get(start..start + slot.start).unwrap_or_default());
            self.hash.update(&header.tag);
            self.done += header.len_bytes;
            self.offset += header.len_bytes as u64;
        }
        self.trail.damage(damage);
        self.stage = Stage::Rest(header, None);
    }

    fn skip(&mut self, len: usize) {
        self.hash.update(self.buffer.get(self.done..self.done + len).unwrap_or_default());
        self.done += len;
        self.offset += len as u64;
        if len > 0 && matches!(self.stage, Stage::Rest(..)) {
            self.trail.after_end(len as u64);
        }
    }

    /// What lies at the front of the buffer.
    fn scan(&self) -> Scan {
        let rest = self.buffer.get(self.done..).unwrap_or_default();
        if let Some(head) = rest.first_chunk().and_then(Head::parse) {
            if rest.len() >= head.chunk_len() {
                return Scan::Chunk(head);
            }
            if !self.ended {
                return Scan::More;
            }
            return next_head(rest, 1).map_or(Scan::Torn, Scan::Skip);
        }
        if rest.is_empty() || (rest.len() < HEAD_BYTES && !self.ended) {
            return Scan::More;
        }
        match next_head(rest, 1) {
            Some(len) => Scan::Skip(len),
            None if self.ended && torn_head(rest) => Scan::Torn,
            None if self.ended => Scan::Skip(rest.len()),
            // A head may begin in the last octets; keep them until more comes.
            None if rest.len() > bounds::CHUNK_BYTES => Scan::Skip(rest.len() - HEAD_BYTES),
            None => Scan::More,
        }
    }

    /// Takes the chunk at the front; where its octets begin in the buffer when it is authentic.
    fn take(&mut self, head: &Head) -> Option<usize> {
        let Stage::Chunks(header, cipher) = &self.stage else { return None };
        let (at, len, ours) = (self.done, head.chunk_len(), header.id);
        let chunk = self.buffer.get_mut(at..at + len)?;
        let hash_before = self.hash.clone();
        self.hash.update(chunk);
        let entry_hash = (head.kind == Kind::Entry).then(|| header.suite.digest(chunk));
        let (front, tag) = chunk.split_last_chunk_mut::<TAG_BYTES>()?;
        let (tag, (covered, content)) = (*tag, front.split_at_mut(HEAD_BYTES));
        let nonce = nonce(head.prefix, head.index + 1);
        if !cipher.open(nonce, covered.get(..COVERED_BYTES)?, content, &tag) {
            // The length may be what was altered: look for the next chunk inside.
            self.hash = hash_before;
            let inside = self.buffer.get(at..at + len).and_then(|chunk| next_head(chunk, HEAD_BYTES));
            let foreign = head.id != ours && inside.is_none();
            self.trail.note(
                self.offset,
                if foreign {
                    Found::Foreign { whose: head.id }
                } else {
                    Found::Altered { index: head.index, end: head.end }
                },
            );
            self.skip(inside.unwrap_or(len));
            return None;
        }
        self.done += len;
        let in_order = self.trail.chunk(self.offset, head, tag);
        self.offset += len as u64;
        self.trail.entry_hash = entry_hash;
        if in_order && self.trail.is_clean() {
            let (hash, len_bytes) = (self.hash.clone(), self.offset);
            self.whole =
                Some(Whole { chunks: head.index + 1, before: tag, hash, len_bytes, closed: head.end });
        }
        if head.end && in_order {
            let stage = std::mem::replace(&mut self.stage, Stage::Header);
            if let Stage::Chunks(header, cipher) = stage {
                self.stage = Stage::Rest(Some(header), Some(cipher));
            }
        }
        Some(at)
    }
}

impl Examined {
    /// Length up to which the file is whole and in order; what lies behind is cut off before the file is continued.
    pub fn whole_bytes(&self) -> Option<u64> {
        self.resume.as_ref().map(|(_, _, whole)| whole.len_bytes)
    }

    /// Whether every authentic chunk lies before [`Examined::whole_bytes`], so that cutting there loses none.
    pub fn ends_whole(&self) -> bool {
        self.resume.as_ref().is_some_and(|(_, _, whole)| whole.chunks == self.sealed.chunks)
    }

    /// A sealer that continues the file after its last whole chunk; `None` when there is no such place, or the file is
    /// closed.
    pub fn into_sealer(self, random: &mut Random) -> Option<Sealer> {
        let (header, cipher, whole) = self.resume.filter(|(_, _, whole)| !whole.closed)?;
        let Whole { chunks, before, hash, len_bytes, .. } = whole;
        Some(Sealer::resume((header.suite, *cipher), header.id, chunks, before, hash, len_bytes, random))
    }
}

enum Scan {
    /// Octets are missing to tell.
    More,
    /// So many octets are no chunk.
    Skip(usize),
    /// The file ends inside this chunk.
    Torn,
    /// A whole chunk.
    Chunk(Head),
}

/// Whether `rest`, shorter than a head, may be the beginning of one.
fn torn_head(rest: &[u8]) -> bool {
    let seen = rest.len().min(MARKER.len());
    rest.len() < HEAD_BYTES && rest[..seen] == MARKER[..seen]
}

/// Where in `bytes`, at `from` or later, the next head begins.
fn next_head(bytes: &[u8], from: usize) -> Option<usize> {
    let tail = bytes.get(from..)?;
    memchr::memmem::find_iter(tail, &MARKER)
        .map(|at| from + at)
        .find(|at| bytes[*at..].first_chunk().is_some_and(|head| Head::parse(head).is_some()))
}
