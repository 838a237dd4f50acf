//! What a store is asked: searches, recordings, records, proofs, heads. Nothing here writes but the index of itself and a
//! WAV outside.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::atomic::Ordering;

use super::verify::Verifier;
use super::{Store, StoreError, disk_error, witness};
use crate::base::{CallId, RecordingId};
use crate::vault::{
    AuditEntry, AuditQuery, Book, CdrEntry, Consistency, Damage, HEAD_BYTES, Inclusion, Item, Query, RATE_HZ,
    Record, Report, Row, Scope, Sound, TreeHead,
};

/// What a decoded recording holds.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Decoded {
    /// Samples per track, 8 000 a second.
    pub samples: u64,
    /// Packets whose codec is not decodable yet, as (track, codec or payload type, packets): silence in the WAV.
    pub undecodable: Vec<(u8, String, u64)>,
    /// What was damaged and left out.
    pub damages: Vec<Damage>,
}

impl Store {
    /// The recordings that match, sorted by time; running ones too.
    ///
    /// # Errors
    /// [`StoreError::Index`] when the index is broken beyond its own repair.
    pub fn search(&self, query: &Query) -> Result<Vec<Row>, StoreError> {
        self.inner.index.search(query)
    }

    /// Reads and authenticates one recording's facts and events.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]; [`StoreError::Damaged`] when the file does not open.
    pub fn show(&self, recording: RecordingId) -> Result<Record, StoreError> {
        let leaf = self.inner.index.row(recording).ok().flatten().and_then(|row| row.leaf);
        self.inner.files.record(recording, leaf)
    }

    /// The recordings of a call, oldest first.
    ///
    /// # Errors
    /// As [`Store::search`].
    pub fn recordings_of(&self, call: CallId) -> Result<Vec<RecordingId>, StoreError> {
        self.inner.index.recordings_of(call)
    }

    /// Checks files against their seals and against the ledger, and the ledger against its signed heads.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the one recording asked for is neither a file nor in the ledger. Otherwise only
    /// when the store itself cannot be read; what is wrong with its items is in the report.
    pub fn verify(&self, scope: Scope) -> Result<Report, StoreError> {
        let verifier = Verifier {
            files: &self.inner.files,
            public: self.inner.public,
            running: &|id| self.inner.index.is_running(id),
            leaving: &|id| self.inner.keeping().is_leaving(id),
            settle: &|| {
                self.inner.inlet.settle();
            },
            open_log: &|book| {
                let open =
                    Book::ALL.into_iter().zip(&self.inner.published.open_logs).find(|(of, _)| *of == book);
                open.and_then(|(_, number)| u32::try_from(number.load(Ordering::Acquire)).ok())
            },
        };
        verifier.run(scope)
    }

    /// The sound of one recording and what of it is damaged; gaps are silence.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::Damaged`] when nothing of it opens, [`StoreError::Disk`].
    pub fn sound(&self, recording: RecordingId) -> Result<(Sound, Vec<Damage>), StoreError> {
        self.inner.files.sound(recording)
    }

    /// The video and the fax of one recording as capture files (`docs/recording-format.md`), one after the other, each of some `piece`
    /// octets at most; none when it has neither. How many packets that are, and what of the recording is damaged. `take` says whether it
    /// wants more.
    ///
    /// # Errors
    /// As [`Store::sound`].
    pub fn beside(
        &self,
        recording: RecordingId,
        piece: usize,
        take: &mut dyn FnMut(Vec<u8>) -> bool,
    ) -> Result<(u64, Vec<Damage>), StoreError> {
        self.inner.files.beside(recording, piece, take)
    }

    /// Decodes one recording to a stereo WAV (16 bit, 8 000 Hz; left track 0, right track 1) at `to`, which must not
    /// exist; mode 0600. Gaps are silence.
    ///
    /// # Errors
    /// As [`Store::sound`]; [`StoreError::Exists`].
    pub fn decode(&self, recording: RecordingId, to: &Path) -> Result<Decoded, StoreError> {
        let (sound, damages) = self.sound(recording)?;
        let mut options = OpenOptions::new();
        let file = options.write(true).create_new(true).mode(0o600).open(to).map_err(|error| match error
            .kind()
        {
            io::ErrorKind::AlreadyExists => StoreError::Exists(to.to_path_buf()),
            _ => disk_error(to)(error),
        })?;
        write_wav(file, &sound).map_err(|error| disk_error(to)(io::Error::other(error)))?;
        Ok(Decoded { samples: sound.left.len() as u64, undecodable: sound.undecodable, damages })
    }

    /// The call detail records of `call`, oldest first (usually one).
    ///
    /// # Errors
    /// As [`Store::search`].
    pub fn cdrs_of(&self, call: CallId) -> Result<Vec<CdrEntry>, StoreError> {
        self.inner.index.cdrs_of(call)
    }

    /// The call detail records that match (by the time of the call's beginning), sorted by time.
    ///
    /// # Errors
    /// As [`Store::search`].
    pub fn cdrs(&self, query: &Query) -> Result<Vec<CdrEntry>, StoreError> {
        self.inner.index.cdrs(query)
    }

    /// The entries of the audit book that match, newest first, each with its leaf.
    ///
    /// # Errors
    /// As [`Store::search`].
    pub fn audits(&self, query: &AuditQuery) -> Result<Vec<(u64, AuditEntry)>, StoreError> {
        // What was durable before this was asked is found.
        self.inner.index.settle();
        self.inner.index.audits(query)
    }

    /// Proves that a recording is under the running head; `None` when it has no leaf. The first proof hashes the whole ledger,
    /// later ones 256 leaves and what has come since.
    ///
    /// # Errors
    /// [`StoreError::Disk`].
    pub fn prove(&self, recording: RecordingId) -> Result<Option<Inclusion>, StoreError> {
        let told = self.inner.index.row(recording).ok().flatten().and_then(|row| row.leaf);
        let files = &self.inner.files;
        let wanted = |item: &Item| matches!(item, Item::Recording { recording: of, .. } if *of == recording);
        files.prove(&wanted, told, &self.inner.public).map_err(disk_error(files.root()))
    }

    /// Proves that kept head `to` (or the running one) holds everything that kept head `from` held; `None` when there is
    /// no such head.
    ///
    /// # Errors
    /// [`StoreError::Disk`].
    pub fn prove_growth(&self, from: u64, to: Option<u64>) -> Result<Option<Consistency>, StoreError> {
        self.inner
            .files
            .prove_growth(from, to, &self.inner.public)
            .map_err(disk_error(self.inner.files.root()))
    }

    /// The last `count` kept heads, oldest first, as lines for a witness.
    ///
    /// # Errors
    /// [`StoreError::Disk`].
    pub fn heads(&self, count: u64) -> Result<Vec<String>, StoreError> {
        let files = &self.inner.files;
        let present = files.heads();
        let count = count.min(present);
        let bytes = files.read_heads(present - count, count).map_err(disk_error(files.root()))?;
        let heads = bytes.as_chunks::<{ HEAD_BYTES }>().0.iter();
        let verified = heads.filter_map(|head| Some((head, TreeHead::verify(head, &self.inner.public)?)));
        Ok(verified.map(|(bytes, head)| witness::head_line(bytes, &head)).collect())
    }

    /// Builds the index again from the files; `progress` gets (done, all) now and then. Searches see the old one until
    /// the new one is whole. Says how many leaves it holds.
    ///
    /// # Errors
    /// [`StoreError::Disk`], [`StoreError::Index`].
    pub fn reindex(&self, progress: &mut dyn FnMut(u64, u64)) -> Result<u64, StoreError> {
        self.inner.inlet.settle();
        self.inner.index.rebuild(progress)
    }
}

fn write_wav(file: File, sound: &Sound) -> hound::Result<()> {
    let spec = hound::WavSpec {
        channels: 2,
        sample_rate: RATE_HZ,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut wav = hound::WavWriter::new(io::BufWriter::new(file), spec)?;
    for sample in sound.interleaved() {
        wav.write_sample(sample)?;
    }
    wav.finalize()
}
