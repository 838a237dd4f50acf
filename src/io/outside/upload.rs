//! A package handed over to an endpoint of a regulator (EXP-07): a POST for each file, at its path below the endpoint's address, with
//! the `Content-Digest` of RFC 9530; the manifest and its signature last. What the endpoint answers to the signature is the receipt.
//!
//! Invariants: only addresses that the configuration names are spoken to; what is not sealed to a recipient leaves under TLS only;
//! what was taken is not sent twice, whenever it is taken up again; one file is in memory at a time.

use std::collections::BTreeSet;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::client::{Client, Outgoing, Trouble};
use super::{Files, tls};
use crate::base::{Secret, bounds};
use crate::config::Config;
use crate::io::clock::wall;
use crate::vault::hex;

/// The last two, in this order: who has them has everything.
const LAST: [&str; 2] = ["manifest.json", "manifest.json.sig"];
/// The first pause before another try.
const PAUSE: Duration = Duration::from_millis(500);
/// The longest.
const LONGEST: Duration = Duration::from_secs(60);

/// A package on its way.
pub struct Upload<'a> {
    /// The node's configuration.
    pub config: &'a Config,
    /// The package.
    pub package: &'a Path,
    /// The endpoint's address; paths are appended behind a `/`.
    pub to: &'a str,
    /// Shown as a bearer token (RFC 6750).
    pub token: Option<Secret<String>>,
    /// Whether its files are sealed to a recipient.
    pub sealed: bool,
}

/// What an endpoint answered to a whole package.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The endpoint.
    pub to: String,
    /// When it had taken everything, RFC 3339.
    pub at: String,
    /// SHA-256 of the manifest, 64 hexadecimal digits.
    pub manifest_sha256: String,
    /// Files that it took.
    pub files: u64,
    /// What it said to the last of them.
    pub answer: String,
}

/// Why a package did not arrive.
#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    /// No prefix in the configuration.
    #[error("`[outside] uploads` does not name {0}")]
    NotAllowed(String),
    /// The package cannot be read, or what is kept of its way not written.
    #[error("{0}: {1}")]
    Disk(PathBuf, io::Error),
    /// The endpoint did not take a file.
    #[error("{file}: {why}; what it took already is not sent again: give the command once more")]
    Refused {
        /// The file.
        file: String,
        /// Why.
        why: String,
    },
}

impl Upload<'_> {
    /// Sends what the endpoint has not taken yet; `progress` gets (done, all) files.
    ///
    /// # Errors
    /// [`UploadError`]; taken up again, it goes on where it stopped.
    pub fn run(&self, progress: &mut dyn FnMut(u64, u64)) -> Result<Receipt, UploadError> {
        let base = format!("{}/", self.to.trim_end_matches('/'));
        if !self.config.outside.uploads.iter().any(|allowed| base.starts_with(allowed)) {
            return Err(UploadError::NotAllowed(base));
        }
        let disk = |path: &Path| {
            let path = path.to_path_buf();
            move |error| UploadError::Disk(path, error)
        };
        let manifest = fs::read(self.package.join(LAST[0])).map_err(disk(self.package))?;
        let manifest_sha256 = hex(&Sha256::digest(&manifest));
        let kept = beside(self.package, "sent");
        let mut taken = Taken::open(&kept, &format!("{manifest_sha256} {base}")).map_err(disk(&kept))?;
        let files = names(self.package).map_err(disk(self.package))?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(disk(self.package))?;
        let _inside = runtime.enter();
        let trust = self.config.outside.trust.clone().or_else(|| self.config.tls.trust.clone());
        let client = Client::new(Arc::new(tls(&Files { outside: self.config.outside.clone(), trust })));
        let mut answer = String::new();
        for (done, file) in (0..).zip(&files) {
            progress(done, files.len() as u64);
            // The last is sent whatever was: its answer is the receipt.
            if taken.has(file) && file != LAST[1] {
                continue;
            }
            let octets = fs::read(self.package.join(file)).map_err(disk(&self.package.join(file)))?;
            answer = runtime
                .block_on(self.send(&client, format!("{base}{file}"), octets))
                .map_err(|trouble| UploadError::Refused { file: file.clone(), why: trouble.to_string() })?;
            taken.note(file).map_err(disk(&kept))?;
        }
        progress(files.len() as u64, files.len() as u64);
        let receipt =
            Receipt { to: base, at: wall().rfc3339(), manifest_sha256, files: files.len() as u64, answer };
        let path = beside(self.package, "receipt.json");
        write_receipt(&path, &receipt).map_err(disk(&path))?;
        Ok(receipt)
    }

    /// Sends one file, again and again as long as it may help.
    async fn send(&self, client: &Client, url: String, octets: Vec<u8>) -> Result<String, Trouble> {
        let digest = format!("sha-256=:{}:", STANDARD.encode(Sha256::digest(&octets)));
        let outgoing = Outgoing {
            post: true,
            url,
            body: octets.into(),
            kind: "application/octet-stream",
            headers: vec![("content-digest", digest)],
            bearer: self.token.clone(),
            secret: !self.sealed,
            most: bounds::RECEIPT_BYTES,
        };
        let mut pause = PAUSE;
        for _ in 1..bounds::UPLOAD_TRIES {
            match client.send(&outgoing, bounds::UPLOAD).await {
                Ok(answer) => return Ok(String::from_utf8_lossy(&answer).into_owned()),
                Err(trouble) if may_help(&trouble) => {
                    tracing::warn!(%trouble, "the endpoint does not take a file; it is tried again");
                }
                Err(trouble) => return Err(trouble),
            }
            tokio::time::sleep(pause).await;
            pause = (2 * pause).min(LONGEST);
        }
        let answer = client.send(&outgoing, bounds::UPLOAD).await?;
        Ok(String::from_utf8_lossy(&answer).into_owned())
    }
}

/// Whether another try may end otherwise.
fn may_help(trouble: &Trouble) -> bool {
    trouble.is_of_host() || matches!(trouble, Trouble::Resting | Trouble::Status(408 | 425 | 429))
}

/// A file beside the package: `PACKAGE.sent`.
fn beside(package: &Path, ending: &str) -> PathBuf {
    let name = package.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    package.with_file_name(format!("{name}.{ending}"))
}

/// Every file of a package by its path in it; the manifest and its signature last.
fn names(package: &Path) -> io::Result<Vec<String>> {
    let (mut found, mut folders) = (Vec::new(), vec![PathBuf::new()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(package.join(&folder))? {
            let entry = entry?;
            let path = folder.join(entry.file_name());
            match entry.file_type()?.is_dir() {
                true => folders.push(path),
                false => found.push(path.to_string_lossy().into_owned()),
            }
        }
    }
    found.retain(|name| !LAST.contains(&name.as_str()));
    found.sort();
    found.extend(LAST.map(String::from));
    Ok(found)
}

fn write_receipt(path: &Path, receipt: &Receipt) -> io::Result<()> {
    let text = serde_json::to_string_pretty(receipt).map_err(io::Error::other)? + "\n";
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// What an endpoint has taken of a package: a line a file, behind one that says which package and which endpoint.
struct Taken {
    file: fs::File,
    names: BTreeSet<String>,
}

impl Taken {
    /// What is kept at `path`; of another package or endpoint nothing.
    fn open(path: &Path, of: &str) -> io::Result<Taken> {
        let text = fs::read_to_string(path).unwrap_or_default();
        let mut lines = text.lines();
        let same = lines.next() == Some(of);
        let names = lines.filter(|_| same).map(String::from).collect();
        let mut file = OpenOptions::new().create(true).append(true).mode(0o600).open(path)?;
        if !same {
            file.set_len(0)?;
            writeln!(file, "{of}")?;
        }
        Ok(Taken { file, names })
    }

    fn has(&self, name: &str) -> bool {
        self.names.contains(name)
    }

    fn note(&mut self, name: &str) -> io::Result<()> {
        writeln!(self.file, "{name}")?;
        self.file.sync_data()
    }
}
