//! Where plan files and prompt sounds come from. The room reads no file itself: `io` implements [`Sources`] on a folder.
//!
//! Invariant: paths are relative to the plan folder, use `/`, and never leave it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::base::{PromptId, Wall};

/// The plan folder, as far as the checker needs it.
pub trait Sources {
    /// The bytes of the plan file at `path`, or `None` when there is none or it cannot be read.
    fn plan(&self, path: &str) -> Option<Vec<u8>>;

    /// What is known of the sound file at `path`.
    ///
    /// # Errors
    /// [`SoundError`] when it is missing or cannot be played.
    fn sound(&self, path: &str) -> Result<Sound, SoundError>;

    /// What the node has configured; `None` when plans are checked without a configuration at hand: then every name is taken as good.
    fn site(&self) -> Option<&Site> {
        None
    }

    /// What time it is, for what lapses; `None`: nothing is said of that.
    fn now(&self) -> Option<Wall> {
        None
    }
}

/// What of a node's configuration a plan may name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Site {
    /// Trunks: what calls come from and go out over.
    pub trunks: BTreeSet<String>,
    /// Names that several trunks share: what calls go out over.
    pub trunk_groups: BTreeSet<String>,
    /// Ring groups.
    pub ring: BTreeSet<String>,
}

/// A sound file that can be played.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sound {
    /// The first 64 bits of `sha256`.
    pub id: PromptId,
    /// SHA-256 of the whole file.
    pub sha256: [u8; 32],
    /// How long it plays.
    pub duration: Duration,
}

impl Sound {
    /// From the file's SHA-256 and how long it plays.
    pub fn new(sha256: [u8; 32], duration: Duration) -> Sound {
        let [a, b, c, d, e, f, g, h, ..] = sha256;
        Sound { id: PromptId(u64::from_be_bytes([a, b, c, d, e, f, g, h])), sha256, duration }
    }
}

/// Why a sound file cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SoundError {
    /// No such file.
    #[error("no such file")]
    Missing,
    /// It is there, but is not a WAV file that the player understands; the text says what it is.
    #[error("{0}")]
    Unplayable(String),
}

/// A plan folder in memory: for tests, for the manual's examples, for plans built into the binary.
#[derive(Debug, Clone, Default)]
pub struct Folder {
    plans: BTreeMap<String, Vec<u8>>,
    sounds: BTreeMap<String, Sound>,
    any_sound: bool,
    site: Option<Site>,
    now: Option<Wall>,
}

impl Folder {
    /// An empty folder.
    pub fn new() -> Folder {
        Folder::default()
    }

    /// With a plan file.
    #[must_use]
    pub fn with_plan(mut self, path: &str, text: impl Into<Vec<u8>>) -> Folder {
        self.plans.insert(path.to_string(), text.into());
        self
    }

    /// With a sound file.
    #[must_use]
    pub fn with_sound(mut self, path: &str, sound: Sound) -> Folder {
        self.sounds.insert(path.to_string(), sound);
        self
    }

    /// With every sound file that a plan may name, each of one second.
    #[must_use]
    pub fn with_any_sound(mut self) -> Folder {
        self.any_sound = true;
        self
    }

    /// At this time.
    #[must_use]
    pub fn at(mut self, now: Wall) -> Folder {
        self.now = Some(now);
        self
    }

    /// Of a node with this configuration.
    #[must_use]
    pub fn of(mut self, site: Site) -> Folder {
        self.site = Some(site);
        self
    }
}

impl Sources for Folder {
    fn plan(&self, path: &str) -> Option<Vec<u8>> {
        self.plans.get(path).cloned()
    }

    fn sound(&self, path: &str) -> Result<Sound, SoundError> {
        match self.sounds.get(path) {
            Some(sound) => Ok(*sound),
            None if self.any_sound => Ok(imagined(path)),
            None => Err(SoundError::Missing),
        }
    }

    fn site(&self) -> Option<&Site> {
        self.site.as_ref()
    }

    fn now(&self) -> Option<Wall> {
        self.now
    }
}

fn imagined(path: &str) -> Sound {
    use sha2::{Digest, Sha256};
    Sound::new(Sha256::digest(path.as_bytes()).into(), Duration::from_secs(1))
}
