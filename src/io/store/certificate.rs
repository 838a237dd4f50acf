//! Certificates of destructions as files: `certificates/DES-….json` and `.pdf`.
//!
//! Invariant: a certificate is written when every recording of its job has its tombstone, and durable before the job is
//! called done.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::disk::make_folder;
use super::{Inner, StoreError, disk_error};
use crate::base::RecordingId;
use crate::io::clock::wall;
use crate::vault::{Certificate, Job, hex, pdf};

/// Folder of the certificates in a store.
pub(super) const FOLDER: &str = "certificates";

impl Inner {
    /// Writes the certificate of `job`; the hash of its JSON comes back.
    pub(super) fn certify(&self, job: &Job) -> Result<String, StoreError> {
        let folder = self.files.root().join(FOLDER);
        make_folder(&folder).map_err(disk_error(&folder))?;
        let mut job = job.clone();
        job.also.extend(self.items_of(&job.recordings));
        let job = &job;
        let software = format!("ledgerline {}", env!("CARGO_PKG_VERSION"));
        let certificate =
            Certificate::of(self.public.suite(), job, self.leaves_of(&job.recordings), wall(), &software);
        let json = certificate.signed(&self.signer);
        write(&folder.join(format!("{}.json", job.no)), json.as_bytes())?;
        let signed = Certificate::verify(&json, &self.public);
        let page = signed.as_ref().map(pdf).unwrap_or_default();
        write(&folder.join(format!("{}.pdf", job.no)), &page)?;
        std::fs::File::open(&folder).and_then(|folder| folder.sync_all()).map_err(disk_error(&folder))?;
        Ok(hex(&self.public.suite().digest(json.as_bytes())))
    }

    /// In words, what was derived from `recordings` and went with them, as their tombstones tell (DES-04).
    fn items_of(&self, recordings: &[RecordingId]) -> Option<String> {
        let keeping = self.keeping();
        let items: usize =
            recordings.iter().filter_map(|id| keeping.gone.get(id)).map(|gone| gone.derived.len()).sum();
        (items > 0).then(|| format!("{items} items derived from them"))
    }

    /// Lowest and highest leaf of `recordings`, as their tombstones tell.
    fn leaves_of(&self, recordings: &[RecordingId]) -> (u64, u64) {
        let keeping = self.keeping();
        let leaves = recordings.iter().filter_map(|id| keeping.gone.get(id)).map(|gone| gone.leaf);
        let (low, high) = leaves.fold((u64::MAX, 0), |(low, high), leaf| (low.min(leaf), high.max(leaf)));
        (low.min(high), high)
    }
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let mut options = OpenOptions::new();
    let file = options.write(true).create(true).truncate(true).mode(0o640).open(path);
    file.and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all())).map_err(disk_error(path))
}
