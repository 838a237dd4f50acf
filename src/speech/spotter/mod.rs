//! The built-in spotter: hears the phrases of word sets by their sound, without a server and without understanding anything else.
//!
//! ```text
//! samples ─ mel ─> bands ─ network ─> phones' likelihoods ─ search ─> texts heard ─ notes ─> Said
//! ```
//!
//! `docs/spotter.md` tells what the network was trained on, how well it hears and how to train it on. Invariant: a stream's memory is
//! bounded by the words it watches for, and what it tells is what a recogniser would have told of the same words.

pub mod calibrate;
mod kernel;
mod mel;
mod network;
mod notes;
mod phones;
mod search;
mod tree;
mod weights;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, LazyLock};

use self::mel::Mel;
use self::network::{Network, State};
use self::notes::Notes;
use self::search::{Heard, Search};
use self::tree::Tree;
use super::{Listener, Said};
use crate::compliance::words::{Party, Words};

pub use self::mel::RATE;
pub use self::weights::BadWeights;

/// The weights that this binary carries: `docs/spotter.md` has their hash. Empty: it carries none.
pub static WEIGHTS: &[u8] = include_bytes!("spotter.bin");

static BUILT_IN: LazyLock<Option<Arc<Model>>> = LazyLock::new(|| Model::read(WEIGHTS).ok().map(Arc::new));

/// A trained network.
pub struct Model(Network);

impl Model {
    /// The one of this binary.
    ///
    /// # Errors
    /// It carries none.
    pub fn built_in() -> Result<Arc<Model>, BadWeights> {
        BUILT_IN.clone().ok_or(BadWeights::None)
    }

    /// Another one, from a file of weights.
    ///
    /// # Errors
    /// It is none for this build.
    pub fn read(file: &[u8]) -> Result<Model, BadWeights> {
        Network::read(file).map(Model)
    }
}

impl fmt::Debug for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Model")
    }
}

/// How sure the spotter must be: the highest cost a phone at which a text counts as heard, in natural logarithms against the likeliest
/// phones. Larger hears more, rightly and wrongly.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Thresholds {
    own: HashMap<String, f32>,
}

impl Thresholds {
    /// Lines of a phrase, a tab and its threshold: what `words calibrate` writes. `#` begins a comment.
    ///
    /// # Errors
    /// The number of the first line that is none.
    pub fn read(text: &str) -> Result<Thresholds, usize> {
        let mut own = HashMap::new();
        for (number, line) in text.lines().enumerate() {
            let line = line.split('#').next().unwrap_or("").trim();
            if line.is_empty() {
                continue;
            }
            let (phrase, threshold) = line.rsplit_once(['\t', ' ']).ok_or(number + 1)?;
            let threshold: f32 = threshold.trim().parse().map_err(|_| number + 1)?;
            if !(0.0..=STRICTEST_USELESS).contains(&threshold) {
                return Err(number + 1);
            }
            own.insert(phrase.trim().to_string(), threshold);
        }
        Ok(Thresholds { own })
    }

    /// The one for a text of so many phones.
    fn of(&self, text: &str, phones: usize) -> f32 {
        self.own.get(text).copied().unwrap_or_else(|| usual(phones))
    }

    /// How many texts have one of their own.
    pub fn len(&self) -> usize {
        self.own.len()
    }

    /// Whether none has.
    pub fn is_empty(&self) -> bool {
        self.own.is_empty()
    }
}

/// Above this everything is heard everywhere.
const STRICTEST_USELESS: f32 = 10.0;

/// The threshold of a text that was not calibrated: short ones must be surer, since more speech sounds like them.
fn usual(phones: usize) -> f32 {
    match phones {
        0..=4 => 0.35,
        5..=6 => 0.6,
        7..=8 => 0.9,
        _ => 1.1,
    }
}

/// The texts to listen for, made ready once for all streams.
pub struct Watch {
    tree: Tree,
}

impl Watch {
    /// Those of `words` when `speaker` speaks.
    pub fn of(words: &Words, speaker: Party, thresholds: &Thresholds) -> Watch {
        let tree = Tree::of(&words.aloud(speaker), |text, phones| thresholds.of(text, phones));
        Watch { tree }
    }

    /// The same, all with one threshold: for measuring.
    pub fn loosely(words: &Words, speaker: Party, threshold: f32) -> Watch {
        Watch { tree: Tree::of(&words.aloud(speaker), |_, _| threshold) }
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch").field("phones", &self.tree.len()).finish()
    }
}

/// A text that was spotted, for measuring.
#[derive(Debug, Clone, PartialEq)]
pub struct Spotted {
    /// The text, folded.
    pub text: String,
    /// Where it was said, in milliseconds.
    pub from_ms: u64,
    /// Where it ended.
    pub to_ms: u64,
    /// What it cost a phone: 0 is certain.
    pub cost: f32,
}

/// One stream: 8 000 samples a second.
pub struct Spotter {
    model: Arc<Model>,
    watch: Arc<Watch>,
    mel: Mel,
    state: State,
    search: Search,
    notes: Notes,
    frame: u64,
    /// The likeliest phone of the frame before.
    before: u8,
}

impl Spotter {
    /// A stream that watches for what `watch` says.
    pub fn new(model: Arc<Model>, watch: Arc<Watch>) -> Spotter {
        let search = Search::new(&watch.tree);
        let (mel, state) = (Mel::new(), State::new());
        Spotter { model, watch, mel, state, search, notes: Notes::default(), frame: 0, before: phones::BLANK }
    }

    /// Everything that is heard in `samples`, with its cost: for measuring and calibrating.
    pub fn measure(model: &Arc<Model>, watch: &Arc<Watch>, samples: &[i16]) -> Vec<Spotted> {
        let mut spotter = Spotter::new(model.clone(), watch.clone());
        let mut all = Vec::new();
        let silence = vec![0; RATE as usize / 2];
        spotter.listen(samples, &mut |_, heard| all.push(heard));
        spotter.listen(&silence, &mut |_, heard| all.push(heard));
        spotter.search.finish(&mut |heard| all.push(heard));
        let spotted = |heard: &Heard| {
            let text = spotter.watch.tree.text(heard.text)?.text.clone();
            let (from_ms, to_ms) = (notes::begins(heard.from), notes::ends(heard.to));
            Some(Spotted { text, from_ms, to_ms, cost: heard.cost })
        };
        all.iter().filter_map(spotted).collect()
    }

    /// The logarithms of all phones' likelihoods, frame by frame.
    #[cfg(test)]
    fn scores(model: &Model, samples: &[i16]) -> Vec<network::Scores> {
        let (mut mel, mut state, mut all) = (Mel::new(), State::new(), Vec::new());
        mel.push(samples, |bands| state.push(&model.0, &bands, |scores| all.push(*scores)));
        all
    }

    /// Takes samples; hands over what was heard for good, with the notes.
    fn listen(&mut self, samples: &[i16], take: &mut impl FnMut(&mut Notes, Heard)) {
        let Spotter { model, watch, mel, state, search, notes, frame, before } = self;
        mel.push(samples, |bands| {
            state.push(&model.0, &bands, |scores| {
                let likeliest = likeliest(scores);
                if likeliest != phones::BLANK && likeliest != *before {
                    notes.phone(*frame, phones::is_final(likeliest));
                }
                *before = likeliest;
                search.push(&watch.tree, scores, &mut |heard| take(notes, heard));
                *frame += 1;
            });
        });
    }
}

fn likeliest(scores: &network::Scores) -> u8 {
    let best = scores.iter().enumerate().max_by(|(_, one), (_, other)| one.total_cmp(other));
    best.and_then(|(at, _)| u8::try_from(at).ok()).unwrap_or(phones::BLANK)
}

impl Listener for Spotter {
    fn sound(&mut self, samples: &[i16]) -> Vec<Said> {
        let (mut all, watch) = (Vec::new(), self.watch.clone());
        self.listen(samples, &mut |notes, heard| {
            let text = watch.tree.text(heard.text).map(|text| text.text.as_str());
            all.extend(text.and_then(|text| notes.heard(text, heard.from, heard.to, heard.cost)));
        });
        all.extend(self.notes.pass(self.frame));
        all
    }

    fn close(&mut self) -> Vec<Said> {
        let mut all = Vec::new();
        let Spotter { search, watch, notes, .. } = self;
        search.finish(&mut |heard| {
            let text = watch.tree.text(heard.text).map(|text| text.text.as_str());
            all.extend(text.and_then(|text| notes.heard(text, heard.from, heard.to, heard.cost)));
        });
        all.extend(notes.close(self.frame));
        all
    }
}
