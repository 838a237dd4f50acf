//! Prompts prepared for the wire: both laws of G.711, made once at load, shared by all workers.
//!
//! Invariant: playing a prompt copies octets; nothing is decoded, resampled or encoded while a call runs.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use crate::base::PromptId;
use crate::rtp::g711;

use super::say::{self, Language, Piece};
use super::{Country, wave};

/// One sound at 8 000 samples a second, in both laws.
#[derive(Clone, PartialEq, Eq)]
pub struct Prompt {
    a_law: Box<[u8]>,
    mu_law: Box<[u8]>,
}

impl Prompt {
    /// Reads a WAV file (PCM of 8 to 32 bits or float; any rate from 4 000 to 192 000; channels are averaged).
    ///
    /// # Errors
    /// [`BadSound`] for what cannot be read, and for sounds longer than
    /// [`bounds::PROMPT`](crate::base::bounds::PROMPT).
    pub fn from_wav(file: &[u8]) -> Result<Prompt, BadSound> {
        wave::read(file).map(|samples| Prompt::from_samples(&samples))
    }

    /// Encodes linear samples at 8 000 a second.
    pub fn from_samples(samples: &[i16]) -> Prompt {
        Prompt {
            a_law: samples.iter().map(|sample| g711::encode_a_law(*sample)).collect(),
            mu_law: samples.iter().map(|sample| g711::encode_mu_law(*sample)).collect(),
        }
    }

    /// How long it plays.
    pub fn duration(&self) -> Duration {
        Duration::from_micros(self.a_law.len() as u64 * 125)
    }

    /// The samples in A-law, one octet each.
    pub fn a_law(&self) -> &[u8] {
        &self.a_law
    }

    /// The samples in µ-law, one octet each.
    pub fn mu_law(&self) -> &[u8] {
        &self.mu_law
    }
}

impl std::fmt::Debug for Prompt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Prompt({:?})", self.duration())
    }
}

/// Why a sound file cannot be a prompt. The operator's error: the plan's check reports it with the file's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadSound {
    /// Not a WAV file, cut short, or a kind of WAV that is not PCM.
    #[error("not a readable WAV file: {0}")]
    Unreadable(String),
    /// A sampling rate outside 4 000 to 192 000.
    #[error("sampling rate {0} is outside 4000 to 192000")]
    Rate(u32),
    /// Longer than [`bounds::PROMPT`](crate::base::bounds::PROMPT).
    #[error("longer than {0:?}")]
    Long(Duration),
}

/// All prompts of a plan, by content. A value that is replaced as a whole ([`Order::Prompts`](super::Order::Prompts)).
#[derive(Clone, Debug, Default)]
pub struct PromptLibrary {
    prompts: HashMap<PromptId, Arc<Prompt>>,
    pieces: HashMap<(Language, String), Arc<Prompt>>,
    country: Country,
}

impl PromptLibrary {
    /// A library without prompts.
    pub fn new() -> PromptLibrary {
        PromptLibrary::default()
    }

    /// Adds a prompt under its identity.
    pub fn insert(&mut self, id: PromptId, prompt: Prompt) {
        self.prompts.insert(id, Arc::new(prompt));
    }

    /// The prompt of this identity.
    pub fn get(&self, id: PromptId) -> Option<&Arc<Prompt>> {
        self.prompts.get(&id)
    }

    /// Adds what `older` has and this lacks: calls that began with the older prompts go on playing them.
    pub fn keep(&mut self, older: &PromptLibrary) {
        for (id, prompt) in &older.prompts {
            self.prompts.entry(*id).or_insert_with(|| Arc::clone(prompt));
        }
    }

    /// Takes one prompt over from an `older` library, whatever the plan says of it.
    pub fn carry(&mut self, id: PromptId, older: &PromptLibrary) {
        if let Some(prompt) = older.prompts.get(&id) {
            self.prompts.insert(id, Arc::clone(prompt));
        }
    }

    /// Adds a piece of spoken values to a language's set, or replaces it.
    pub fn insert_piece(&mut self, language: Language, piece: &str, prompt: Prompt) {
        self.pieces.insert((language, piece.to_string()), Arc::new(prompt));
    }

    /// A piece of a language's set, or what stands in for it.
    pub fn piece(&self, language: Language, piece: Piece) -> Option<&Arc<Prompt>> {
        let get = |piece: Piece| self.pieces.get(&(language, piece.to_string()));
        get(piece).or_else(|| say::stand_in(piece).and_then(get))
    }

    /// Whose tones are made.
    pub fn country(&self) -> Country {
        self.country
    }

    /// Sets whose tones are made.
    pub fn set_country(&mut self, country: Country) {
        self.country = country;
    }

    /// Takes over what belongs to the site and not to the plan: the pieces of spoken values, and the tones' country.
    pub fn carry_site(&mut self, older: &PromptLibrary) {
        self.pieces.clone_from(&older.pieces);
        self.country = older.country;
    }

    /// How many prompts there are.
    pub fn len(&self) -> usize {
        self.prompts.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.prompts.is_empty()
    }
}
