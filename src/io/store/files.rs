//! Reading the store's files without the writer: rows for the index, records, sound, call detail records, leaves.
//!
//! Invariant: only reads, each through its own file handle; what the writer appends meanwhile is beyond the lengths it
//! published.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::base::{ItemId, RecordingId, Wall, bounds};
use crate::vault::{
    BESIDE, Book, CdrEntry, ClosingRecord, Consistency, Damage, Decoder, Derivation, DerivedRow, Examined,
    Frontier, Glance, HEAD_BYTES, Inclusion, Item, Keyring, Kind, LEAF_BYTES, Leaf, LedgerPublic, Opener,
    Opening, Piece, Record, Row, Sound, Story, Tiles, TreeHead, capture, capture_head, gaps,
};

use super::derive::path_now;
use super::disk::{Disk, Place, RealDisk};
use super::keys::Keys;
use super::note::BookPlace;
use super::{StoreError, disk_error};

/// Leaves read at once.
const LEAVES_AT_ONCE: u64 = 4_096;
/// Octets read at once.
const PORTION: usize = 256 << 10;
/// Where a closing record is looked for first.
const TAIL_BYTES: u64 = 8 << 10;

/// The files of a store.
#[derive(Clone)]
pub(super) struct Files {
    root: PathBuf,
    keys: Keys,
    published: Arc<Published>,
    /// Hashes of the ledger's complete subtrees, as far as a proof has asked for them.
    tiles: Arc<Mutex<Tiles>>,
}

/// How far the ledger's files may be read.
#[derive(Debug)]
pub(super) struct Published {
    pub leaves: AtomicU64,
    pub heads: AtomicU64,
    /// Per book the number of the segment that grows; more than a u32 when there is none.
    pub open_logs: [AtomicU64; 3],
}

impl Default for Published {
    fn default() -> Self {
        Published { leaves: 0.into(), heads: 0.into(), open_logs: [const { AtomicU64::new(u64::MAX) }; 3] }
    }
}

impl Files {
    pub(super) fn new(root: &Path, keys: Keys, published: Arc<Published>) -> Files {
        let tiles = Arc::new(Mutex::new(Tiles::new(keys.get().suite())));
        Files { root: root.to_path_buf(), keys, published, tiles }
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// Leaves that are in their file.
    pub(super) fn leaves(&self) -> u64 {
        self.published.leaves.load(Ordering::Acquire)
    }

    /// Heads that are in their file.
    pub(super) fn heads(&self) -> u64 {
        self.published.heads.load(Ordering::Acquire)
    }

    /// Leaves `from..from + count`, as stored.
    pub(super) fn read_leaves(&self, from: u64, count: u64) -> io::Result<Vec<u8>> {
        self.read_at(Place::Leaves, from * LEAF_BYTES as u64, count * LEAF_BYTES as u64)
    }

    /// Heads `from..from + count`, as stored.
    pub(super) fn read_heads(&self, from: u64, count: u64) -> io::Result<Vec<u8>> {
        self.read_at(Place::Heads, from * HEAD_BYTES as u64, count * HEAD_BYTES as u64)
    }

    /// The running head, as stored; empty when there is none yet.
    pub(super) fn read_running_head(&self) -> io::Result<Vec<u8>> {
        match self.read_at(Place::Head, 0, HEAD_BYTES as u64) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            read => read,
        }
    }

    /// Segments of `book` that are present.
    pub(super) fn logs(&self, book: Book) -> io::Result<Vec<u32>> {
        RealDisk::new(&self.root).logs(book)
    }

    /// Length of a file of the ledger, whatever was published.
    pub(super) fn len(&self, place: Place) -> io::Result<u64> {
        match std::fs::metadata(place.path(&self.root)) {
            Ok(facts) => Ok(facts.len()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
            Err(error) => Err(error),
        }
    }

    /// The root over leaves `range` (RFC 9162 §2.1.1), from what is kept of complete subtrees.
    fn root_of(&self, range: std::ops::Range<u64>) -> io::Result<[u8; 32]> {
        let mut tiles = self.tiles.lock().unwrap_or_else(PoisonError::into_inner);
        let complete = self.leaves() / Tiles::LEAVES * Tiles::LEAVES;
        while tiles.leaves() < complete {
            let from = tiles.leaves();
            tiles.push(self.hashed(from..from + Tiles::LEAVES)?);
        }
        tiles.root(range, &mut |leaves| self.hashed(leaves))
    }

    /// The root over leaves `range`, read one by one.
    fn hashed(&self, range: std::ops::Range<u64>) -> io::Result<[u8; 32]> {
        let mut tree = Frontier::new(self.keys.get().suite());
        while tree.size() < range.end - range.start {
            let (from, left) = (range.start + tree.size(), range.end - range.start - tree.size());
            let bytes = self.read_leaves(from, left.min(LEAVES_AT_ONCE))?;
            let leaves = bytes.as_chunks::<LEAF_BYTES>().0;
            if leaves.is_empty() {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            leaves.iter().for_each(|leaf| tree.push_leaf(leaf));
        }
        Ok(tree.root())
    }

    /// Proves the leaf of what is `wanted`, which the index says has the number `told`.
    pub(super) fn prove(
        &self,
        wanted: &dyn Fn(&Item) -> bool,
        told: Option<u64>,
        public: &LedgerPublic,
    ) -> io::Result<Option<Inclusion>> {
        let bytes = self.read_running_head()?;
        let Some(head) = bytes.first_chunk() else { return Ok(None) };
        let Some(signed) = TreeHead::verify(head, public) else { return Ok(None) };
        let told = told.filter(|told| *told < signed.size);
        let found = match told.map(|told| self.leaf_in(wanted, told..told + 1)).transpose()?.flatten() {
            None => self.leaf_in(wanted, 0..signed.size)?,
            found => found,
        };
        let Some((number, leaf)) = found else { return Ok(None) };
        Inclusion::prove(&leaf, number, head, signed.size, &mut |range| self.root_of(range)).map(Some)
    }

    /// Whether a leaf stands for what is `wanted`.
    pub(super) fn has_leaf(&self, wanted: &dyn Fn(&Item) -> bool) -> io::Result<bool> {
        Ok(self.leaf_in(wanted, 0..self.leaves())?.is_some())
    }

    /// The first leaf within `range` that stands for what is `wanted`.
    fn leaf_in(
        &self,
        wanted: &dyn Fn(&Item) -> bool,
        range: std::ops::Range<u64>,
    ) -> io::Result<Option<(u64, [u8; LEAF_BYTES])>> {
        let mut from = range.start;
        while from < range.end {
            let bytes = self.read_leaves(from, (range.end - from).min(LEAVES_AT_ONCE))?;
            let leaves = bytes.as_chunks::<LEAF_BYTES>().0;
            let is = |leaf: &[u8; LEAF_BYTES]| Leaf::parse(leaf).is_some_and(|leaf| wanted(&leaf.item));
            if let Some((number, leaf)) = (from..).zip(leaves).find(|(_, leaf)| is(leaf)) {
                return Ok(Some((number, *leaf)));
            }
            if leaves.is_empty() {
                break;
            }
            from += leaves.len() as u64;
        }
        Ok(None)
    }

    pub(super) fn prove_growth(
        &self,
        from: u64,
        to: Option<u64>,
        public: &LedgerPublic,
    ) -> io::Result<Option<Consistency>> {
        let kept = |number: u64| match number < self.heads() {
            true => self.read_heads(number, 1),
            false => Ok(Vec::new()),
        };
        let (from, to) = (kept(from)?, to.map_or_else(|| self.read_running_head(), kept)?);
        let (Some(from), Some(to)) = (from.first_chunk(), to.first_chunk()) else { return Ok(None) };
        let heads = TreeHead::verify(from, public).zip(TreeHead::verify(to, public));
        let Some(sizes) = heads.map(|(from, to)| (from.size, to.size)) else { return Ok(None) };
        Consistency::prove(from, to, sizes, &mut |range| self.root_of(range)).map(Some)
    }

    /// The row of a closed recording, from its first and last chunk.
    pub(super) fn row(&self, id: RecordingId, leaf: &Leaf) -> Result<Row, StoreError> {
        let path = Place::Recording(id).path(&self.root);
        let file = self.open(id)?;
        let damaged = |damage| StoreError::Damaged(id, damage);
        let front = read_up_to(&file, 0, Glance::FRONT_BYTES as u64).map_err(disk_error(&path))?;
        let glance = Glance::new(&front, &self.keys.get()).map_err(damaged)?;
        let header = *glance.header();
        let opening = match glance.first(front.get(header.len_bytes..).unwrap_or_default()) {
            Some((Kind::Opening, text)) => serde_json::from_slice::<Opening>(&text).ok(),
            _ => self.story(id)?.0.opening,
        };
        let closing = self.closing(&file, &glance, leaf.len_bytes).map_err(disk_error(&path))?;
        let packets = closing.as_ref().map_or(0, |closing| closing.packets);
        let story = Story { opening, closing, packets, ..Story::default() };
        Ok(story.row(&header, leaf.len_bytes, Some(leaf.number)))
    }

    /// The row of an item, from its first chunk.
    pub(super) fn derived_row(
        &self,
        recording: RecordingId,
        item: ItemId,
        leaf: &Leaf,
    ) -> Result<DerivedRow, StoreError> {
        let path = path_now(&self.root, recording, item);
        let file = open_item(&path, recording, item)?;
        let front = read_up_to(&file, 0, Glance::FRONT_BYTES as u64).map_err(disk_error(&path))?;
        let damaged = |damage| StoreError::Damaged(recording, damage);
        let glance = Glance::new(&front, &self.keys.get()).map_err(damaged)?;
        let first = glance.first(front.get(glance.header().len_bytes..).unwrap_or_default());
        match first.and_then(|(_, text)| serde_json::from_slice::<Derivation>(&text).ok()) {
            Some(derivation) if derivation.of == recording => {
                Ok(DerivedRow { item, leaf: leaf.number, len_bytes: leaf.len_bytes, derivation })
            }
            _ => Err(damaged(Damage::Header)),
        }
    }

    /// Opens the file of an item chunk by chunk.
    pub(super) fn walk_derived(
        &self,
        recording: RecordingId,
        item: ItemId,
        take: impl FnMut(&Piece<'_>),
    ) -> Result<Examined, StoreError> {
        let path = path_now(&self.root, recording, item);
        let id = RecordingId::from_bytes(item.to_bytes());
        examine(open_item(&path, recording, item)?, &self.keys.get(), id, take).map_err(disk_error(&path))
    }

    fn closing(&self, file: &File, glance: &Glance, len: u64) -> io::Result<Option<ClosingRecord>> {
        let mut tail = TAIL_BYTES;
        loop {
            let from = len.saturating_sub(tail);
            let bytes = read_up_to(file, from, len - from)?;
            match glance.last(&bytes) {
                Some((Kind::Closing, text)) => return Ok(serde_json::from_slice(&text).ok()),
                _ if from == 0 || tail > 2 * bounds::CHUNK_BYTES as u64 => return Ok(None),
                _ => tail *= 16,
            }
        }
    }

    /// Everything but the sound of a recording.
    pub(super) fn record(&self, id: RecordingId, leaf: Option<u64>) -> Result<Record, StoreError> {
        let (story, examined) = self.story(id)?;
        let Some(header) = &examined.header else {
            return Err(StoreError::Damaged(id, examined.damages.first().cloned().unwrap_or(Damage::Header)));
        };
        Ok(Record {
            row: story.row(header, examined.sealed.len_bytes, leaf),
            kek_version: header.kek_version,
            chunks: story.chunks,
            events: story.events,
        })
    }

    /// Reads a recording from end to end.
    pub(super) fn story(&self, id: RecordingId) -> Result<(Story, Examined), StoreError> {
        let mut story = Story::default();
        let examined = self.walk(id, |piece| story.take(piece))?;
        Ok((story, examined))
    }

    /// The sound of a recording, with its gaps marked, and what of it is damaged.
    pub(super) fn sound(&self, id: RecordingId) -> Result<(Sound, Vec<Damage>), StoreError> {
        // What a payload type means may be said in an event that is written after its first packets: events first.
        let (story, _) = self.story(id)?;
        let mut decoder = Decoder::new();
        for (_, event) in &story.events {
            decoder.event(event);
        }
        let examined = self.walk(id, |piece| {
            if piece.kind == Kind::Media {
                for frame in crate::vault::Frames::new(piece.plaintext) {
                    decoder.frame(&frame);
                }
            }
        })?;
        if story.chunks == 0
            && let Some(damage) = examined.damages.first()
        {
            return Err(StoreError::Damaged(id, damage.clone()));
        }
        let duration_us = story.closing.as_ref().map_or(story.last_us, |closing| closing.duration_us);
        let mut damages = examined.damages;
        damages.extend(story.damages);
        let mut sound = decoder.finish(duration_us);
        sound.mark(&gaps(&story.events));
        Ok((sound, damages))
    }

    /// The tracks of a recording that are no sound, as a capture file in pieces of up to `piece` octets and a packet, each a file of its
    /// own; `take` says whether it wants more.
    pub(super) fn beside(
        &self,
        id: RecordingId,
        piece: usize,
        take: &mut dyn FnMut(Vec<u8>) -> bool,
    ) -> Result<(u64, Vec<Damage>), StoreError> {
        let started = self.story_head(id)?;
        let (mut packets, mut wanted) = (0, true);
        let mut octets = Vec::new();
        let examined = self.walk(id, |chunk| {
            if chunk.kind != Kind::Media || !wanted {
                return;
            }
            for frame in crate::vault::Frames::new(chunk.plaintext).filter(|frame| frame.track >= BESIDE) {
                if octets.is_empty() {
                    octets.extend_from_slice(&capture_head());
                }
                packets += u64::from(capture(&mut octets, started, &frame));
                if octets.len() >= piece && wanted {
                    wanted = take(std::mem::take(&mut octets));
                }
            }
        })?;
        if wanted && !octets.is_empty() {
            take(octets);
        }
        Ok((packets, examined.damages))
    }

    /// Time 0 of a recording.
    fn story_head(&self, id: RecordingId) -> Result<Wall, StoreError> {
        let path = Place::Recording(id).path(&self.root);
        let file = self.open(id)?;
        let front = read_up_to(&file, 0, Glance::FRONT_BYTES as u64).map_err(disk_error(&path))?;
        let glance = Glance::new(&front, &self.keys.get()).map_err(|d| StoreError::Damaged(id, d))?;
        Ok(glance.header().at)
    }

    /// Opens the file of `id` chunk by chunk.
    pub(super) fn walk(&self, id: RecordingId, take: impl FnMut(&Piece<'_>)) -> Result<Examined, StoreError> {
        let path = Place::Recording(id).path(&self.root);
        examine(self.open(id)?, &self.keys.get(), id, take).map_err(disk_error(&path))
    }

    /// Opens the segment `number` of `book` chunk by chunk.
    pub(super) fn walk_log(
        &self,
        book: Book,
        number: u32,
        take: impl FnMut(&Piece<'_>),
    ) -> io::Result<Examined> {
        let file = File::open(Place::Log(book, number).path(&self.root))?;
        examine(file, &self.keys.get(), book.segment_id(number), take)
    }

    /// One call detail record; `None` when it does not open.
    pub(super) fn cdr(&self, place: &BookPlace) -> Option<CdrEntry> {
        CdrEntry::parse(&self.book().entry(place)?)
    }

    /// A reader of entries.
    pub(super) fn book(&self) -> BookReader<'_> {
        BookReader { files: self, open: None }
    }

    fn open(&self, id: RecordingId) -> Result<File, StoreError> {
        let path = Place::Recording(id).path(&self.root);
        File::open(&path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => StoreError::NotFound(id),
            _ => disk_error(&path)(error),
        })
    }

    fn read_at(&self, place: Place, offset: u64, len: u64) -> io::Result<Vec<u8>> {
        read_up_to(&File::open(place.path(&self.root))?, offset, len)
    }
}

fn open_item(path: &Path, recording: RecordingId, item: ItemId) -> Result<File, StoreError> {
    File::open(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => StoreError::NoItem(recording, item),
        _ => disk_error(path)(error),
    })
}

/// Reads entries here and there; the segment of the last one stays open.
pub(super) struct BookReader<'f> {
    files: &'f Files,
    open: Option<(Place, File, Glance)>,
}

impl BookReader<'_> {
    /// The content of one entry; `None` when it does not open.
    pub(super) fn entry(&mut self, at: &BookPlace) -> Option<Vec<u8>> {
        let place = Place::Log(at.book, at.segment);
        if self.open.as_ref().is_none_or(|(open, ..)| *open != place) {
            let file = File::open(place.path(&self.files.root)).ok()?;
            let front = read_up_to(&file, 0, Glance::FRONT_BYTES as u64).ok()?;
            let glance = Glance::new(&front, &self.files.keys.get()).ok()?;
            self.open = Some((place, file, glance));
        }
        let (_, file, glance) = self.open.as_ref()?;
        let longest = 2 * bounds::CHUNK_BYTES as u64;
        let chunk = read_up_to(file, at.offset, at.len_bytes.min(longest)).ok()?;
        glance.first(&chunk).filter(|(kind, _)| *kind == Kind::Entry).map(|(_, text)| text)
    }
}

fn examine(
    mut file: File,
    keyring: &Keyring,
    expected: RecordingId,
    mut take: impl FnMut(&Piece<'_>),
) -> io::Result<Examined> {
    let mut opener = Opener::new(keyring, Some(expected));
    let mut portion = vec![0; PORTION];
    loop {
        let count = match file.read(&mut portion) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            count => count?,
        };
        opener.push(portion.get(..count).unwrap_or_default());
        if count == 0 {
            opener.end();
        }
        while let Some(piece) = opener.piece() {
            take(&piece);
        }
        if count == 0 {
            return Ok(opener.finish());
        }
    }
}

fn read_up_to(file: &File, offset: u64, len: u64) -> io::Result<Vec<u8>> {
    let present = file.metadata()?.len().saturating_sub(offset);
    let mut bytes = vec![0; usize::try_from(len.min(present)).unwrap_or(0)];
    file.read_exact_at(&mut bytes, offset)?;
    Ok(bytes)
}
