//! Letters to webhooks: kept until they have been taken, over restarts.
//!
//! Each is delivered *at least once*: it is tried until the system answers with a 2xx, and every try carries the same
//! `Idempotency-Key`, by which the system tells a repetition. Pauses grow from a second to five minutes; a day after it was written
//! a letter is dropped, and so is one that the system refuses for what it is (4xx other than 408, 425 and 429). Letters overtake
//! each other; each says when it was written. Invariant: what is lost by `kill -9` are the letters of the last quarter of a second,
//! and every letter that is dropped leaves an error line.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::client::Trouble;
use crate::base::{Wall, bounds};
use crate::io::clock::wall;
use crate::io::sealed::Sealed;

/// The first pause after a try that failed.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// The longest.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// A letter that waits for longer is an alarm.
const LATE: Duration = Duration::from_secs(600);

/// Something that a system outside is to be told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Letter {
    /// The same at every try.
    pub id: String,
    /// Which webhook.
    pub webhook: String,
    /// Where to.
    pub url: String,
    /// When it was written.
    pub made: Wall,
    /// What it says: JSON.
    pub body: String,
}

/// The letters that wait.
#[derive(Debug, Clone)]
pub(super) struct Outbox {
    file: Sealed,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    waiting: BTreeMap<String, Letter>,
    /// What is not on the disk yet.
    dirty: bool,
}

/// What to do after a try.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// It was taken.
    Taken,
    /// Try again after this.
    Again(Duration),
    /// It will not be taken.
    Drop,
}

impl Outbox {
    /// The outbox that lies in `file`, with what waited when the node went down.
    pub fn open(file: Sealed) -> Outbox {
        let waiting = file.read().ok().flatten().and_then(|octets| serde_json::from_slice(&octets).ok());
        if waiting.is_none() && file.path().exists() {
            tracing::error!(file = %file.path().display(), "letters to webhooks cannot be read: they are lost");
        }
        let state = State { waiting: waiting.unwrap_or_default(), dirty: false };
        Outbox { file, state: Arc::new(Mutex::new(state)) }
    }

    /// Every letter that waits.
    pub fn waiting(&self) -> Vec<Letter> {
        self.state().waiting.values().cloned().collect()
    }

    /// Takes a letter in. False: there are too many.
    pub fn put(&self, letter: Letter) -> bool {
        let mut state = self.state();
        if state.waiting.len() >= bounds::OUTBOX {
            return false;
        }
        state.waiting.insert(letter.id.clone(), letter);
        state.dirty = true;
        true
    }

    /// It is done with.
    pub fn remove(&self, id: &str) {
        let mut state = self.state();
        state.dirty |= state.waiting.remove(id).is_some();
    }

    /// Writes what has changed. Blocks on the disk.
    pub fn flush(&self) {
        let content = {
            let mut state = self.state();
            if !std::mem::replace(&mut state.dirty, false) {
                return;
            }
            serde_json::to_vec(&state.waiting).map(Zeroizing::new)
        };
        let written = content.map_err(|error| error.to_string());
        if let Err(error) =
            written.and_then(|octets| self.file.write(&octets).map_err(|error| error.to_string()))
        {
            self.state().dirty = true;
            tracing::error!(error, "letters to webhooks are not kept: a restart loses them");
        }
    }

    /// What somebody should be woken for.
    pub fn alarms(&self) -> Vec<String> {
        let (state, now) = (self.state(), wall());
        let mut late: BTreeMap<&str, (usize, Wall)> = BTreeMap::new();
        for letter in state.waiting.values().filter(|letter| letter.made + LATE < now) {
            let (count, oldest) = late.entry(&letter.webhook).or_insert((0, letter.made));
            *count += 1;
            *oldest = letter.made.min(*oldest);
        }
        let told = |(webhook, (count, oldest)): (&str, (usize, Wall))| {
            format!("the webhook {webhook} has not taken {count} letters, the oldest of {}", oldest.rfc3339())
        };
        late.into_iter().map(told).collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What comes after try number `tries` (from 1) of a letter of `made`.
pub(super) fn next(outcome: Result<(), &Trouble>, tries: u32, made: Wall, now: Wall) -> Next {
    match outcome {
        Ok(()) => Next::Taken,
        Err(Trouble::Status(status)) if (400..500).contains(status) && ![408, 425, 429].contains(status) => {
            Next::Drop
        }
        Err(Trouble::Address | Trouble::InClear) => Next::Drop,
        Err(_) if now >= made + bounds::OUTBOX_KEEPS => Next::Drop,
        Err(_) => {
            let pause = FIRST_PAUSE.saturating_mul(1 << tries.saturating_sub(1).min(16));
            Next::Again(pause.min(LONGEST_PAUSE))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Secret;
    use crate::vault::Keyring;

    fn letter(id: &str) -> Letter {
        Letter {
            id: id.into(),
            webhook: "crm".into(),
            url: "http://crm.intra/events".into(),
            made: Wall::from_micros(1_000_000),
            body: "{}".into(),
        }
    }

    fn outbox(folder: &std::path::Path) -> Outbox {
        let mut keys = Keyring::new();
        keys.insert(1, Secret::new([1; 32]));
        Outbox::open(Sealed::new(folder.join("outbox.sealed"), "outbox", Arc::new(keys)))
    }

    #[test]
    fn letters_outlive_the_node_until_they_are_taken() {
        let folder = tempfile::tempdir().expect("a folder");
        let first = outbox(folder.path());
        assert!(first.put(letter("a")) && first.put(letter("b")));
        first.flush();
        first.remove("a");
        let second = outbox(folder.path());
        assert_eq!(
            second.waiting().len(),
            2,
            "at least once: what was taken in the last moment is told again"
        );
        first.flush();
        assert_eq!(outbox(folder.path()).waiting(), [letter("b")]);
        let raw = std::fs::read(folder.path().join("outbox.sealed")).expect("octets");
        assert!(memchr::memmem::find(&raw, b"crm").is_none());
    }

    #[test]
    fn a_full_outbox_takes_no_more() {
        let folder = tempfile::tempdir().expect("a folder");
        let full = outbox(folder.path());
        for number in 0..bounds::OUTBOX {
            assert!(full.put(letter(&number.to_string())));
        }
        assert!(!full.put(letter("one more")));
        assert_eq!(full.alarms().len(), 1, "these are old");
    }

    #[test]
    fn a_letter_is_tried_for_a_day_with_growing_pauses() {
        let made = Wall::from_micros(0);
        let at = |s| made + Duration::from_secs(s);
        let day = bounds::OUTBOX_KEEPS.as_secs();
        for (outcome, tries, now, want) in [
            (Ok(()), 1, at(0), Next::Taken),
            (Err(Trouble::Timeout), 1, at(0), Next::Again(Duration::from_secs(1))),
            (Err(Trouble::Timeout), 4, at(0), Next::Again(Duration::from_secs(8))),
            (Err(Trouble::Resting), 40, at(day - 1), Next::Again(LONGEST_PAUSE)),
            (Err(Trouble::Status(503)), 2, at(day), Next::Drop),
            (Err(Trouble::Status(429)), 1, at(0), Next::Again(Duration::from_secs(1))),
            (Err(Trouble::Status(400)), 1, at(0), Next::Drop),
            (Err(Trouble::Redirected(302)), 1, at(0), Next::Again(Duration::from_secs(1))),
            (Err(Trouble::InClear), 1, at(0), Next::Drop),
        ] {
            let outcome: Result<(), Trouble> = outcome;
            assert_eq!(next(outcome.as_ref().copied(), tries, made, now), want, "{outcome:?}");
        }
    }
}
