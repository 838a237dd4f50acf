//! The built-in spotter as a recogniser: its weights, its thresholds, and the words that it was made ready for lately.

use std::collections::VecDeque;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use super::inside::Engine;
use crate::base::bounds;
use crate::compliance::words::{Party, Words};
use crate::config::BuiltIn;
use crate::speech::spotter::{Model, Spotter, Thresholds, Watch};
use crate::speech::{Listener, Wanted};

/// What was made ready: for whose words, and when who speaks.
type Ready = (Arc<Words>, Party, Arc<Watch>);

/// The engine.
pub struct Spotters {
    model: Arc<Model>,
    thresholds: Thresholds,
    /// Calls of one program share what was made ready.
    ready: Mutex<VecDeque<Ready>>,
}

impl Spotters {
    /// With the files that the configuration names.
    ///
    /// # Errors
    /// One cannot be read, or is none; or none is named and this binary has no weights.
    pub fn load(config: &BuiltIn) -> io::Result<Spotters> {
        let model = model(config.weights.as_deref())?;
        let thresholds = config.thresholds.as_deref().map(thresholds).transpose()?.unwrap_or_default();
        Ok(Spotters { model, thresholds, ready: Mutex::new(VecDeque::new()) })
    }

    fn watch(&self, wanted: &Wanted) -> Arc<Watch> {
        let mut ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        let known = ready
            .iter()
            .find(|(words, speaker, _)| Arc::ptr_eq(words, &wanted.words) && *speaker == wanted.speaker);
        if let Some((_, _, watch)) = known {
            return Arc::clone(watch);
        }
        let watch = Arc::new(Watch::of(&wanted.words, wanted.speaker, &self.thresholds));
        ready.truncate(bounds::WATCHES - 1);
        ready.push_front((Arc::clone(&wanted.words), wanted.speaker, Arc::clone(&watch)));
        watch
    }
}

impl Engine for Spotters {
    fn rate(&self) -> u32 {
        crate::speech::spotter::RATE
    }

    fn listener(&self, wanted: &Wanted) -> Box<dyn Listener> {
        Box::new(Spotter::new(Arc::clone(&self.model), self.watch(wanted)))
    }

    fn minds_words(&self) -> bool {
        true
    }
}

/// The weights in the file at `path`, or those of this binary.
///
/// # Errors
/// The file cannot be read, or is none; without one: this binary has none.
pub fn model(path: Option<&Path>) -> io::Result<Arc<Model>> {
    let bad = |path: &Path, error: &dyn std::fmt::Display| {
        io::Error::new(io::ErrorKind::InvalidData, format!("{}: {error}", path.display()))
    };
    let Some(path) = path else {
        return Model::built_in().map_err(|error| io::Error::new(io::ErrorKind::Unsupported, error));
    };
    let file = std::fs::read(path).map_err(|error| bad(path, &error))?;
    Model::read(&file).map(Arc::new).map_err(|error| bad(path, &error))
}

/// The thresholds in a file that `words calibrate` has written.
///
/// # Errors
/// It cannot be read, or a line of it is none.
pub fn thresholds(path: &Path) -> io::Result<Thresholds> {
    let named =
        |why: String| io::Error::new(io::ErrorKind::InvalidData, format!("{}: {why}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| named(error.to_string()))?;
    Thresholds::read(&text).map_err(|line| named(format!("line {line} is no phrase with a threshold")))
}
