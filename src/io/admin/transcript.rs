//! What was said in recorded calls, and what they were found wanting in: read, searched and listed.
//!
//! Invariant: a transcript is read under the rights of the recording's sound, and its personal data is masked unless somebody who may
//! asks for it by name; whoever searches by words finds nothing that they could not read.

use serde_json::{Value, json};

use super::actor::Actor;
use super::desk::{Desk, Out, Reply, store, value};
use super::protocol::{Failure, Kind, Search};
use super::recordings::query;
use super::view::RecordingView;
use crate::base::{RecordingId, bounds};
use crate::call::{Finding, REVIEW, TRANSCRIPT, Transcript};
use crate::compliance::disclosure::To;
use crate::compliance::personal::masked;
use crate::compliance::retention::Use;
use crate::compliance::words::{Level, WordSet, Words};
use crate::vault::{Event, Query};

impl Desk {
    /// The transcript of a recording, newest first where there are several; its texts masked unless `reveal`.
    pub(super) fn rec_transcript(&self, recording: RecordingId, reveal: bool) -> Result<Value, Failure> {
        self.store()?.may(recording, Use::Play).map_err(store)?;
        let none = || Failure::new(Kind::NotFound, format!("{recording} has no transcript"));
        let mut transcript = self.transcript(recording)?.ok_or_else(none)?;
        if !reveal {
            for line in &mut transcript.lines {
                line.text = masked(&line.text);
            }
        }
        value(transcript)
    }

    fn transcript(&self, recording: RecordingId) -> Result<Option<Transcript>, Failure> {
        let kept = self.store()?;
        let items = kept.derived(recording).map_err(store)?;
        let Some(item) = items.into_iter().rfind(|row| row.derivation.kind == TRANSCRIPT) else {
            return Ok(None);
        };
        let (_, octets) = kept.read_derived(recording, item.item).map_err(store)?;
        serde_json::from_slice(&octets).map(Some).map_err(super::desk::failed)
    }

    /// Recordings that a search finds and in which `said` was said: a phrase as in sets of words, by its sound.
    pub(super) fn rec_search_said(
        &self,
        actor: &Actor,
        search: &Search,
        said: &str,
        out: Out<'_>,
    ) -> Result<Value, Failure> {
        let set = WordSet {
            name: "said".into(),
            level: Level::Homophone,
            phrases: vec![said.into()],
            ..WordSet::default()
        };
        let words = Words::compile(&[set])
            .map_err(|_| Failure::new(Kind::Usage, format!("`{said}` cannot be looked for")))?;
        let kept = self.store()?;
        let (mut found, mut read) = (0_u64, 0_u64);
        let limit = search.limit.unwrap_or(100).min(bounds::SEARCH_ROWS);
        let query = Query { scope: actor.scope(), limit: bounds::SEARCH_ROWS, ..query(search) };
        for row in kept.search(&query).map_err(store)? {
            let recording = row.recording;
            if found >= limit as u64 {
                break;
            }
            if !kept.kept(&row).standing.allows(Use::Play) || !self.is_open_to(actor, recording, To::Play)? {
                continue;
            }
            let Some(transcript) = self.transcript(recording)? else { continue };
            read += 1;
            let places: Vec<Value> = places(&words, &transcript);
            if places.is_empty() {
                continue;
            }
            let Value::Object(mut item) = value(RecordingView::of(row, false))? else { continue };
            item.insert("said".into(), places.into());
            if !out(Reply::Item(item.into())) {
                break;
            }
            found += 1;
        }
        Ok(json!({ "found": found, "read": read }))
    }

    /// Recordings with findings, newest first.
    pub(super) fn rec_review(&self, actor: &Actor, search: &Search, out: Out<'_>) -> Result<Value, Failure> {
        let mut query = Query { scope: actor.scope(), ..query(search) };
        query.tags.push((REVIEW.into(), String::new()));
        let kept = self.store()?;
        let mut found = 0_u64;
        for row in kept.search(&query).map_err(store)? {
            if !kept.kept(&row).standing.allows(Use::Search) {
                continue;
            }
            let record = kept.show(row.recording).map_err(store)?;
            let findings = record.events.iter().filter_map(|(_, event)| match event {
                Event::Other { name, value } if name == "finding" => {
                    serde_json::from_value::<Finding>(value.clone()).ok()
                }
                _ => None,
            });
            let findings: Vec<Finding> = findings.collect();
            let words: Vec<String> = findings.iter().map(ToString::to_string).collect();
            let Value::Object(mut item) = value(RecordingView::of(row, false))? else { continue };
            item.insert("findings".into(), value(&findings)?);
            item.insert("words".into(), words.into());
            if !out(Reply::Item(item.into())) {
                break;
            }
            found += 1;
        }
        Ok(json!({ "found": found }))
    }
}

/// Where it was said: by whom and when; not what stands around it.
fn places(words: &Words, transcript: &Transcript) -> Vec<Value> {
    let hit = |text: &str| words.scan(text).iter().any(|hit| !hit.excused);
    let lines = transcript.lines.iter().filter(|line| hit(&line.text));
    lines.map(|line| json!({ "agent": line.agent, "from_ms": line.from_ms, "to_ms": line.to_ms })).collect()
}
