//! The motions of a node: acts that wait for other people, and those that were approved, refused or done lately. One sealed
//! file beside the people.
//!
//! Invariant: a motion changes under the file's lock, so that an approval is spent once whoever asks at the same time; what
//! is open is never dropped to make room.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::sealed::{Sealed, SealedError};
use crate::base::{MotionId, PersonId, Random, Wall, bounds};
use crate::compliance::approval::{Motion, Objection, Standing, Vote, Weighty};
use crate::compliance::needs::Need;
use crate::compliance::role::Roles;
use crate::vault::Keyring;

/// The motions of one store. Cheap to clone; every function may block on the disk.
#[derive(Debug, Clone)]
pub struct Motions {
    file: Sealed,
    spent: Arc<Mutex<Option<Arc<Spent>>>>,
}

/// A motion, and the lines of its text to be looked up.
#[derive(Debug)]
pub struct Spent {
    /// The motion.
    pub motion: Motion,
    lines: HashSet<Box<str>>,
}

impl Spent {
    /// Whether what was approved has this line.
    pub fn says(&self, line: &str) -> bool {
        self.lines.contains(line)
    }
}

/// Why a motion was not made, changed or spent.
#[derive(Debug, thiserror::Error)]
pub enum MotionsError {
    /// There is none of this name.
    #[error("there is no motion {0}")]
    Unknown(MotionId),
    /// What the rules say.
    #[error("{0}")]
    Objection(#[from] Objection),
    /// Too many wait.
    #[error("{} motions wait already", bounds::MOTIONS)]
    Full,
    /// The system has no randomness to give.
    #[error("no randomness: {0}")]
    Random(#[from] getrandom::Error),
    /// The content opened and is not understood.
    #[error("the motions are not understood: {0}")]
    Content(#[from] serde_json::Error),
    /// The file.
    #[error("{0}")]
    Sealed(#[from] SealedError),
}

/// A motion as it is listed and shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MotionView {
    /// The motion itself: act, text, author, votes.
    #[serde(flatten)]
    pub motion: Motion,
    /// SHA-256 of the text.
    pub sha256: String,
    /// Where it stands.
    pub standing: Standing,
    /// Until when.
    pub until: Wall,
    /// The accounts of the people in it, by person.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub names: BTreeMap<PersonId, String>,
}

impl MotionView {
    /// How `motion` looks at `now`.
    pub fn of(motion: Motion, now: Wall) -> MotionView {
        MotionView {
            sha256: motion.hash_hex(),
            standing: motion.standing(now),
            names: BTreeMap::new(),
            until: motion.until(),
            motion,
        }
    }

    /// A person as others know them: by account, where there is one, and by number.
    pub fn called(&self, person: PersonId) -> String {
        self.names.get(&person).map_or_else(|| person.to_string(), |name| format!("{name} ({person})"))
    }
}

impl Motions {
    /// The motions in the folder `store`. Nothing is opened yet.
    pub fn new(store: &Path, keys: Arc<Keyring>) -> Motions {
        Motions { file: Sealed::new(store.join("motions.sealed"), "motions", keys), spent: Arc::default() }
    }

    /// Every motion that is kept, the newest first.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn list(&self) -> Result<Vec<Motion>, MotionsError> {
        let mut motions = parse(self.file.read()?.as_deref().map(Vec::as_slice))?;
        motions.reverse();
        Ok(motions)
    }

    /// One motion.
    ///
    /// # Errors
    /// [`MotionsError::Unknown`].
    pub fn get(&self, id: MotionId) -> Result<Motion, MotionsError> {
        self.list()?.into_iter().find(|motion| motion.id == id).ok_or(MotionsError::Unknown(id))
    }

    /// A motion that was made use of. It changes no more, so that the last one asked for is kept in memory: a package of a
    /// hundred thousand recordings asks for it as often.
    ///
    /// # Errors
    /// As [`Motions::get`].
    pub fn spent(&self, id: MotionId) -> Result<Arc<Spent>, MotionsError> {
        let mut kept = self.spent.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(spent) = kept.as_ref().filter(|spent| spent.motion.id == id) {
            return Ok(Arc::clone(spent));
        }
        let motion = self.get(id)?;
        let lines = motion.text.lines().map(Box::from).collect();
        let spent = Arc::new(Spent { motion, lines });
        if spent.motion.used.is_some() {
            *kept = Some(Arc::clone(&spent));
        }
        Ok(spent)
    }

    /// Lays `act`, described by `text`, before others. The same that waits already, by the same author, is returned.
    ///
    /// # Errors
    /// [`Objection::Text`], [`MotionsError::Full`].
    pub fn propose(
        &self,
        act: Weighty,
        text: &str,
        author: PersonId,
        now: Wall,
    ) -> Result<Motion, MotionsError> {
        self.propose_to(act, text, Vec::new(), author, now)
    }

    /// As [`Motions::propose`], for what says itself who must approve; `text` says it, too.
    ///
    /// # Errors
    /// As [`Motions::propose`].
    pub fn propose_to(
        &self,
        act: Weighty,
        text: &str,
        needs: Vec<Need>,
        author: PersonId,
        now: Wall,
    ) -> Result<Motion, MotionsError> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed)?;
        let id = MotionId::new(now, &mut Random::seeded(seed));
        self.change(|motions| {
            let open =
                |motion: &&Motion| matches!(motion.standing(now), Standing::Waits(_) | Standing::Approved);
            let same =
                |motion: &&Motion| (motion.act, motion.author, motion.text.as_str()) == (act, author, text);
            if let Some(waits) = motions.iter().filter(open).find(same) {
                return Ok(waits.clone());
            }
            let motion = Motion { needs, ..Motion::new(id, act, text.to_string(), author, now)? };
            if motions.len() >= bounds::MOTIONS {
                let closed = motions.iter().position(|motion| !open(&motion)).ok_or(MotionsError::Full)?;
                motions.remove(closed);
            }
            motions.push(motion.clone());
            Ok(motion)
        })
    }

    /// Takes a vote; `key` is the voter's registered public key.
    ///
    /// # Errors
    /// Why it does not count.
    pub fn vote(
        &self,
        id: MotionId,
        vote: Vote,
        key: &str,
        roles: &Roles,
        now: Wall,
    ) -> Result<Motion, MotionsError> {
        self.with(id, |motion| {
            motion.vote(vote, key, roles.iter(), now)?;
            Ok(motion.clone())
        })
    }

    /// Makes use of the approval `id` for `act` as described by `text`: once. Who approved comes back.
    ///
    /// # Errors
    /// It is not approved, or what was approved is something else.
    pub fn spend(
        &self,
        id: MotionId,
        act: Weighty,
        text: &str,
        now: Wall,
    ) -> Result<Vec<PersonId>, MotionsError> {
        self.with(id, |motion| Ok(motion.spend(act, text, now)?))
    }

    /// As [`Motions::spend`], for whichever motion was approved for exactly this; `None` when none was.
    ///
    /// # Errors
    /// The file cannot be read or replaced.
    pub fn spend_any(
        &self,
        act: Weighty,
        text: &str,
        now: Wall,
    ) -> Result<Option<(Motion, Vec<PersonId>)>, MotionsError> {
        self.change(|motions| {
            let spent = motions.iter_mut().find_map(|motion| {
                let by = motion.spend(act, text, now).ok()?;
                Some((motion.clone(), by))
            });
            Ok(spent)
        })
    }

    fn with<T>(
        &self,
        id: MotionId,
        change: impl FnOnce(&mut Motion) -> Result<T, MotionsError>,
    ) -> Result<T, MotionsError> {
        self.change(|motions| {
            let motion = motions.iter_mut().find(|motion| motion.id == id);
            change(motion.ok_or(MotionsError::Unknown(id))?)
        })
    }

    fn change<T>(
        &self,
        change: impl FnOnce(&mut Vec<Motion>) -> Result<T, MotionsError>,
    ) -> Result<T, MotionsError> {
        self.file.update(|before| {
            let mut motions = parse(before)?;
            let value = change(&mut motions)?;
            Ok((Zeroizing::new(serde_json::to_vec(&motions)?), value))
        })
    }
}

fn parse(content: Option<&[u8]>) -> Result<Vec<Motion>, MotionsError> {
    Ok(content.map(serde_json::from_slice).transpose()?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Secret;
    use crate::compliance::approval::{Voice, public_of};
    use crate::compliance::role::Role;

    const NOW: Wall = Wall::from_micros(1_795_337_972_000_000);

    fn motions(folder: &Path) -> Motions {
        let mut keys = Keyring::new();
        keys.insert(1, Secret::new([1; 32]));
        Motions::new(folder, Arc::new(keys))
    }

    fn person(number: u8) -> PersonId {
        PersonId::from_bytes([number; 16])
    }

    /// DUAL-04: what was approved is done once, however many ask, and only as it was shown.
    #[test]
    fn an_approval_is_spent_once_over_restarts() {
        let folder = tempfile::tempdir().expect("a folder");
        let made = motions(folder.path()).propose(Weighty::Export, "r-1", person(1), NOW).expect("made");
        let again = motions(folder.path()).propose(Weighty::Export, "r-1", person(1), NOW).expect("the same");
        assert_eq!(again.id, made.id);
        let seed = Secret::new([2; 32]);
        let vote = Vote::sign(&made, person(2), Voice::Approve, NOW, &seed);
        let roles = Roles::new([Role::Security]).expect("one");
        motions(folder.path()).vote(made.id, vote, &public_of(&seed), &roles, NOW).expect("counts");
        let spend = |text| motions(folder.path()).spend_any(Weighty::Export, text, NOW).expect("opens");
        assert_eq!(spend("r-2"), None);
        assert_eq!(spend("r-1").expect("approved").1, [person(2)]);
        assert_eq!(spend("r-1"), None);
        let fresh = motions(folder.path()).propose(Weighty::Export, "r-1", person(1), NOW).expect("made");
        assert_ne!(fresh.id, made.id, "what was spent is asked for anew");
    }

    #[test]
    fn closed_motions_make_room_and_open_ones_stay() {
        let folder = tempfile::tempdir().expect("a folder");
        let kept = motions(folder.path());
        let filled: Vec<Motion> = (0..bounds::MOTIONS)
            .map(|n| {
                let id = MotionId::from_bytes((n as u128).to_be_bytes());
                let made = if n == 7 { Wall::from_micros(0) } else { NOW };
                Motion::new(id, Weighty::Plan, n.to_string(), person(1), made).expect("words")
            })
            .collect();
        kept.file.write(&serde_json::to_vec(&filled).expect("plain")).expect("written");
        kept.propose(Weighty::Plan, "new", person(1), NOW).expect("the seventh goes");
        assert!(matches!(kept.get(filled[7].id), Err(MotionsError::Unknown(_))));
        let full = kept.propose(Weighty::Plan, "newer", person(1), NOW);
        assert!(matches!(full, Err(MotionsError::Full)));
    }
}
