//! Items derived from recordings, at the desk: listed, read, and made where somebody redacts a copy.
//!
//! Invariants: an item is under the rights of its recording's sound; a redacted copy is a new item, and the original stays as it is
//! (TAM-04, EXP-06).

use serde_json::{Value, json};

use super::desk::{Desk, Out, Reply, store, value};
use super::protocol::{Failure, Kind};
use super::view::ItemView;
use crate::base::{ItemId, RecordingId, bounds};
use crate::call::TRANSCRIPT;
use crate::compliance::retention::Use;
use crate::io::store::Making;
use crate::vault::Form;

/// The kind of a redacted copy.
pub(super) const REDACTED: &str = "redacted";
/// Octets in one piece.
const PIECE_BYTES: usize = 64 << 10;

impl Desk {
    /// What was derived from `recording`.
    pub(super) fn items(&self, recording: RecordingId) -> Result<Vec<ItemView>, Failure> {
        let rows = self.store()?.derived(recording).map_err(store)?;
        Ok(rows.into_iter().map(ItemView::from).collect())
    }

    pub(super) fn rec_item(
        &self,
        recording: RecordingId,
        item: ItemId,
        out: Out<'_>,
    ) -> Result<Value, Failure> {
        let kept = self.store()?;
        kept.may(recording, Use::Play).map_err(store)?;
        let (derivation, octets) = kept.read_derived(recording, item).map_err(store)?;
        if derivation.kind == TRANSCRIPT {
            // Its personal data is masked there, and unmasking it is an act of its own.
            return Err(Failure::new(Kind::Refused, "a transcript is read by `ledgerline rec transcript`"));
        }
        for piece in octets.chunks(PIECE_BYTES) {
            if !out(Reply::Octets(piece.to_vec())) {
                break;
            }
        }
        let len_bytes = octets.len();
        Ok(json!({ "kind": derivation.kind, "media_type": derivation.media_type, "len_bytes": len_bytes }))
    }

    pub(super) fn rec_redact(
        &self,
        recording: RecordingId,
        cuts_ms: &[(u64, u64)],
        why: &str,
    ) -> Result<Value, Failure> {
        let usage = |text: &str| Failure::new(Kind::Usage, text);
        if cuts_ms.is_empty() || cuts_ms.len() > bounds::CUTS || cuts_ms.iter().any(|(from, to)| from >= to) {
            return Err(usage("say what to cut out: --cut FROM-TO, in seconds"));
        }
        let why = crate::base::presentable(why, bounds::PURPOSE);
        let kept = self.store()?;
        kept.may(recording, Use::Export).map_err(store)?;
        let (mut sound, damages) = kept.sound(recording).map_err(store)?;
        if !damages.is_empty() {
            return Err(Failure::new(Kind::Refused, "the recording is damaged: no copy is made of it"));
        }
        let us = |ms: u64| ms.saturating_mul(1_000);
        sound.cut(&cuts_ms.iter().map(|(from, to)| (us(*from), us(*to))).collect::<Vec<_>>());
        let octets =
            Form::Flac.compressed(&sound).ok_or_else(|| usage("there is no sound to make a copy of"))?;
        let making = Making {
            kind: REDACTED,
            media_type: Form::Flac.media_type(),
            by: concat!("ledgerline ", env!("CARGO_PKG_VERSION")),
        };
        let detail = json!({ "cuts_ms": cuts_ms, "why": why });
        let item = kept.append_derived_with(recording, &making, detail, &octets).map_err(store)?;
        value(json!({ "recording": recording, "item": item, "cuts": cuts_ms.len() }))
    }
}
