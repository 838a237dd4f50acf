//! Items derived from a recording: a transcript, an Opus copy. `docs/recording-format.md`, "Derived item".
//!
//! Invariants: an item is a sealed file of its own, under a key of its own; it says of which recording it was made, and of which
//! octets (their content hash), so that it cannot be laid beside another; it is written once.

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::base::{CallId, ItemId, Random, RecordingId, Wall, bounds};

use super::chunk::Kind;
use super::content::{ClosingRecord, closing_bytes, json};
use super::header::Content;
use super::keys::{Keyring, NoSuchKey};
use super::opener::Piece;
use super::order::Ended;
use super::sealer::{NoRoom, Sealed, Sealer};
use super::verdict::Damage;

/// What an item is and where it came from: sealed in its first chunk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Derivation {
    /// The recording that it was made from.
    pub of: RecordingId,
    /// Leaf of that recording in the ledger.
    pub of_leaf: u64,
    /// Content hash of that recording, 64 hexadecimal digits: of exactly these octets it was made.
    pub of_hash: String,
    /// What it is: `transcript`, `opus`. Lower-case letters, digits and hyphens, at most 32.
    pub kind: String,
    /// Its media type: `application/json`, `audio/ogg`.
    pub media_type: String,
    /// What made it, in words: a program and its version, a recogniser and its model.
    pub by: String,
    /// When.
    pub at: Wall,
    /// Anything else that belongs to it, sealed with it; null: nothing.
    #[serde(default, skip_serializing_if = "serde_json::Value::is_null")]
    pub detail: serde_json::Value,
}

impl Derivation {
    /// Whether `kind` names a kind of item: it becomes part of file names in packages.
    pub fn is_kind(kind: &str) -> bool {
        let fits = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
        (1..=32).contains(&kind.len()) && kind.bytes().all(fits)
    }
}

/// What the index knows of an item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// Which.
    pub item: ItemId,
    /// Its leaf in the ledger.
    pub leaf: u64,
    /// Length of its sealed file.
    pub len_bytes: u64,
    /// What it is.
    #[serde(flatten)]
    pub derivation: Derivation,
}

/// Why an item is not sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotSealed {
    /// There is no key.
    #[error(transparent)]
    Key(#[from] NoSuchKey),
    /// It is too long.
    #[error(transparent)]
    Room(#[from] NoRoom),
}

/// Seals `octets` as the item `item`: its whole file, and what its leaf holds.
///
/// # Errors
/// [`NotSealed`]: without a key, or more than [`bounds::DERIVED_BYTES`].
pub fn seal_derived(
    item: ItemId,
    derivation: &Derivation,
    octets: &[u8],
    keyring: &Keyring,
    random: &mut Random,
) -> Result<(Vec<u8>, Sealed), NotSealed> {
    if octets.len() > bounds::DERIVED_BYTES {
        return Err(NoRoom.into());
    }
    let mut file = Vec::with_capacity(octets.len() + 1_024);
    let id = RecordingId::from_bytes(item.to_bytes());
    let of = CallId::from_bytes(derivation.of.to_bytes());
    let mut sealer = Sealer::begin(Content::Derived, id, of, derivation.at, keyring, random, &mut file)?;
    sealer.seal(Kind::Opening, [&json(derivation)[..]], &mut file)?;
    let mut pieces = 0;
    for piece in octets.chunks(bounds::CHUNK_BYTES) {
        sealer.seal(Kind::Data, [piece], &mut file)?;
        pieces += 1;
    }
    let closing = ClosingRecord { ended: Ended::InOrder, duration_us: 0, packets: pieces, facts: None };
    let sealed = sealer.close(&closing_bytes(&closing), &mut file)?;
    Ok((file, sealed))
}

/// What an item's chunks told, gathered piece by piece.
#[derive(Default)]
pub struct DerivedStory {
    /// Its first chunk, once read.
    pub derivation: Option<Derivation>,
    /// What it holds.
    pub octets: Zeroizing<Vec<u8>>,
    /// Chunks that were authentic and not understood.
    pub damages: Vec<Damage>,
    keeps: bool,
}

impl DerivedStory {
    /// For who wants the octets.
    pub fn keeping() -> DerivedStory {
        DerivedStory { keeps: true, ..DerivedStory::default() }
    }

    /// Takes in one chunk.
    pub fn take(&mut self, piece: &Piece<'_>) {
        let understood = match piece.kind {
            Kind::Opening => {
                self.derivation = serde_json::from_slice(piece.plaintext).ok();
                piece.index == 0 && self.derivation.is_some()
            }
            Kind::Data => {
                let room = bounds::DERIVED_BYTES.saturating_sub(self.octets.len());
                if self.keeps {
                    self.octets.extend_from_slice(piece.plaintext.get(..room).unwrap_or(piece.plaintext));
                }
                true
            }
            Kind::Closing => serde_json::from_slice::<ClosingRecord>(piece.plaintext).is_ok(),
            Kind::Media | Kind::Events | Kind::Entry => false,
        };
        if !understood {
            self.damages.push(Damage::Content { index: piece.index });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Secret;
    use crate::vault::{Header, Opener};

    fn derivation() -> Derivation {
        Derivation {
            of: RecordingId::from_bytes([1; 16]),
            of_leaf: 7,
            of_hash: "ab".repeat(32),
            kind: "transcript".into(),
            media_type: "application/json".into(),
            by: "tests".into(),
            at: Wall::from_micros(5),
            detail: serde_json::json!({ "cuts": [1] }),
        }
    }

    fn ring() -> Keyring {
        let mut ring = Keyring::new();
        ring.insert(1, Secret::new([7; 32]));
        ring
    }

    #[test]
    fn an_item_is_read_back_as_it_was_sealed() {
        let (ring, item) = (ring(), ItemId::from_bytes([2; 16]));
        for len in [0, 1, bounds::CHUNK_BYTES, 2 * bounds::CHUNK_BYTES + 3] {
            let octets: Vec<u8> = (0..len).map(|n| n as u8).collect();
            let (file, sealed) =
                seal_derived(item, &derivation(), &octets, &ring, &mut Random::from_number(1)).expect("room");
            let header = Header::parse(&file).expect("a header");
            assert_eq!(header.content, Content::Derived);
            assert_eq!(header.call.to_bytes(), derivation().of.to_bytes());
            let mut opener = Opener::new(&ring, Some(RecordingId::from_bytes(item.to_bytes())));
            let mut story = DerivedStory::keeping();
            opener.push(&file);
            opener.end();
            while let Some(piece) = opener.piece() {
                story.take(&piece);
            }
            let examined = opener.finish();
            assert_eq!((examined.damages, &story.damages), (vec![], &vec![]), "{len}");
            assert_eq!((examined.sealed.hash, examined.sealed.len_bytes), (sealed.hash, file.len() as u64));
            assert_eq!(story.derivation, Some(derivation()));
            assert_eq!(*story.octets, octets);
        }
    }

    #[test]
    fn a_row_survives_its_text() {
        let row = Row { item: ItemId::from_bytes([2; 16]), leaf: 9, len_bytes: 5, derivation: derivation() };
        let text = serde_json::to_string(&row).expect("plain data");
        assert_eq!(serde_json::from_str::<Row>(&text).expect("its own"), row);
    }

    #[test]
    fn what_would_lead_out_of_a_folder_is_no_kind() {
        for (kind, fits) in [("transcript", true), ("opus", true), ("", false), ("a/b", false), ("..", false)]
        {
            assert_eq!(Derivation::is_kind(kind), fits, "{kind}");
        }
    }
}
