//! Prompts prepared for the wire: both laws of G.711, made once at load, shared by all workers.
//!
//! Invariant: playing a prompt copies octets; nothing is decoded, resampled or encoded while a call runs.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use crate::base::{PromptId, bounds};
use crate::rtp::g711;

use super::riff::{self, Companded, Law};
use super::say::{self, Language, Piece};
use super::{Country, wave};

/// One sound at 8 000 samples a second, in both laws.
#[derive(Clone, PartialEq, Eq)]
pub struct Prompt {
    a_law: Box<[u8]>,
    mu_law: Box<[u8]>,
}

impl Prompt {
    /// Reads a WAV file (PCM of 8 to 32 bits, float, or G.711; any rate from 4 000 to 192 000; channels are averaged).
    ///
    /// # Errors
    /// [`BadSound`] for what cannot be read, and for sounds longer than
    /// [`bounds::PROMPT`](crate::base::bounds::PROMPT).
    pub fn from_wav(file: &[u8]) -> Result<Prompt, BadSound> {
        match riff::companded(file) {
            Some(Companded { law, channels: 1, rate: wave::RATE, octets }) => Prompt::from_law(law, octets),
            _ => wave::read(file).map(|samples| Prompt::from_samples(&samples)),
        }
    }

    /// Takes what is in one law already as it is; the other is its nearest value.
    fn from_law(law: Law, octets: &[u8]) -> Result<Prompt, BadSound> {
        if octets.len() as u64 > bounds::PROMPT.as_secs() * u64::from(wave::RATE) {
            return Err(BadSound::Long(bounds::PROMPT));
        }
        let by = |table: &[u8; 256]| octets.iter().map(|octet| table[usize::from(*octet)]).collect();
        Ok(match law {
            Law::A => Prompt { a_law: octets.into(), mu_law: by(&g711::A_TO_MU) },
            Law::Mu => Prompt { a_law: by(&g711::MU_TO_A), mu_law: octets.into() },
        })
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
    /// Not a WAV file, cut short, or a kind of WAV that is neither PCM nor G.711.
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

    /// Takes a prompt out.
    pub fn remove(&mut self, id: PromptId) {
        self.prompts.remove(&id);
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

#[cfg(test)]
mod tests {
    use super::super::riff::tests::file;
    use super::*;

    #[test]
    fn g711_of_the_wire_s_rate_is_taken_as_it_is() {
        let octets: Vec<u8> = (0..=255).collect();
        let a = Prompt::from_wav(&file(6, 8_000, &octets)).expect("A-law");
        assert_eq!(a.a_law(), octets);
        assert_eq!(a.mu_law()[0x55], g711::A_TO_MU[0x55]);
        let mu = Prompt::from_wav(&file(7, 8_000, &octets)).expect("µ-law");
        assert_eq!(mu.mu_law(), octets);
        assert_eq!(mu.duration(), Duration::from_millis(32));
    }

    #[test]
    fn g711_of_another_rate_is_converted() {
        let wide = Prompt::from_wav(&file(6, 16_000, &[g711::encode_a_law(8_000); 16_000])).expect("A-law");
        assert_eq!(wide.duration(), Duration::from_secs(1));
        assert_eq!(wide.a_law()[4_000], g711::encode_a_law(8_000));
    }
}
