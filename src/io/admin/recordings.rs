//! Recordings at the desk: found, shown, heard.
//!
//! Invariant: sound in clear lives in memory only, on its way to who may hear it.

use serde_json::{Value, json};

use super::actor::Actor;
use super::desk::{Desk, Out, Reply, failed, store, value};
use super::protocol::{Failure, Kind, Purpose, Search};
use super::view::{CaptureView, EventView, RecordView, RecordingView, SoundView};
use crate::base::{Masked, RecordingId, bounds};
use crate::compliance::retention::Use;
use crate::io::playback::{NotStarted, Playback};
use crate::vault::Query;

/// Octets of sound in one piece.
const PIECE_BYTES: usize = 64 << 10;

impl Desk {
    pub(super) fn rec_search(&self, actor: &Actor, search: &Search, out: Out<'_>) -> Result<Value, Failure> {
        let query = Query { scope: actor.scope(), ..query(search) };
        let kept = self.store()?;
        let rows = kept.search(&query).map_err(store)?;
        let mut sent = 0_u64;
        // What is sealed or leaving is not found (RET-07).
        for row in rows.into_iter().filter(|row| kept.kept(row).standing.allows(Use::Search)) {
            if !out(Reply::Item(value(RecordingView::of(row, false))?)) {
                break;
            }
            sent += 1;
        }
        Ok(json!({ "found": sent }))
    }

    pub(super) fn rec_show(&self, recording: RecordingId, reveal: bool) -> Result<Value, Failure> {
        self.store()?.may(recording, Use::Search).map_err(store)?;
        let record = self.store()?.show(recording).map_err(store)?;
        value(RecordView {
            derived: self.items(recording)?,
            kek_version: record.kek_version,
            chunks: record.chunks,
            answered: record
                .row
                .closing
                .as_ref()
                .and_then(|closing| closing.answered_at)
                .map(|at| at.rfc3339()),
            events: record
                .events
                .into_iter()
                .map(|(offset_us, event)| EventView { offset_us, event })
                .collect(),
            recording: RecordingView::of(record.row, reveal),
        })
    }

    pub(super) fn rec_play(
        &self,
        recording: RecordingId,
        purpose: Purpose,
        out: Out<'_>,
    ) -> Result<Value, Failure> {
        let wanted = if purpose == Purpose::Play { Use::Play } else { Use::Export };
        self.store()?.may(recording, wanted).map_err(store)?;
        tracing::info!(target: "ledgerline::admin", %recording, ?purpose, "sound of a recording is read");
        // The sound in clear lives in memory only, never in a file.
        let (sound, damages) = self.store()?.sound(recording).map_err(store)?;
        let samples = sound.left.len() as u64;
        let mut piece = wav_header(samples).to_vec();
        let mut len_bytes = 0;
        let mut listening = true;
        for sample in sound.interleaved() {
            piece.extend_from_slice(&sample.to_le_bytes());
            if piece.len() >= PIECE_BYTES {
                len_bytes += piece.len() as u64;
                listening = out(Reply::Octets(std::mem::take(&mut piece)));
                if !listening {
                    break;
                }
            }
        }
        if listening && !piece.is_empty() {
            len_bytes += piece.len() as u64;
            out(Reply::Octets(piece));
        }
        let undecodable = sound.undecodable.iter();
        let mut gaps: Vec<String> = undecodable
            .map(|(track, codec, packets)| format!("track {track}: {packets} packets of {codec}"))
            .collect();
        gaps.extend(damages.iter().map(ToString::to_string));
        value(SoundView { samples, len_bytes, gaps })
    }

    /// Calls `user`'s phones and plays a recording to whoever answers. The sound in clear lives in memory only.
    pub(super) fn rec_ring(
        &self,
        recording: RecordingId,
        purpose: Purpose,
        user: &str,
    ) -> Result<Value, Failure> {
        let wanted = if purpose == Purpose::Play { Use::Play } else { Use::Export };
        self.store()?.may(recording, wanted).map_err(store)?;
        let door = self.door.as_ref();
        let door =
            door.ok_or_else(|| Failure::new(Kind::Failed, "the switch does not run: it calls nobody"))?;
        let (sound, damages) = self.store()?.sound(recording).map_err(store)?;
        let samples = sound.left.len();
        let playback = Playback::of(user, recording.to_string(), &sound)
            .map_err(|error| Failure::new(Kind::Refused, error))?;
        drop(sound);
        let call = door.play(playback).map_err(failed)?;
        let call = call.map_err(|error| match error {
            NotStarted::Nobody => Failure::new(Kind::NotFound, error),
            NotStarted::Busy => Failure::new(Kind::Refused, error),
        })?;
        let gaps: Vec<String> = damages.iter().map(ToString::to_string).collect();
        Ok(json!({ "call": call, "to": user, "samples": samples, "gaps": gaps }))
    }

    /// The video and the fax of a recording, as one capture file.
    pub(super) fn rec_beside(
        &self,
        recording: RecordingId,
        purpose: Purpose,
        out: Out<'_>,
    ) -> Result<Value, Failure> {
        let wanted = if purpose == Purpose::Play { Use::Play } else { Use::Export };
        self.store()?.may(recording, wanted).map_err(store)?;
        tracing::info!(target: "ledgerline::admin", %recording, ?purpose, "video and fax of a recording are read");
        let mut len_bytes = 0;
        let mut take = |mut octets: Vec<u8>| {
            if len_bytes > 0 {
                // Each piece begins like a file; this is one.
                octets.drain(..crate::vault::capture_head().len());
            }
            len_bytes += octets.len() as u64;
            out(Reply::Octets(octets))
        };
        let (packets, damages) = self.store()?.beside(recording, PIECE_BYTES, &mut take).map_err(store)?;
        value(CaptureView { packets, len_bytes, gaps: damages.iter().map(ToString::to_string).collect() })
    }
}

/// `sound` as a WAV file, whole.
pub(super) fn wav(sound: &crate::vault::Sound) -> Vec<u8> {
    let mut file = wav_header(sound.left.len() as u64).to_vec();
    file.extend(sound.interleaved().flat_map(i16::to_le_bytes));
    file
}

/// The head of a WAV file of two tracks of 16 bits, 8 000 samples a second. Longer than four gigabytes (37 hours) its
/// lengths stay at their largest, which players take for "until the end".
fn wav_header(samples: u64) -> [u8; 44] {
    let data = u32::try_from(samples * 4).unwrap_or(u32::MAX);
    let mut header =
        *b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x01\0\x02\0\x40\x1f\0\0\0\x7d\0\0\x04\0\x10\0data\0\0\0\0";
    header[4..8].copy_from_slice(&data.saturating_add(36).to_le_bytes());
    header[40..].copy_from_slice(&data.to_le_bytes());
    header
}

pub(super) fn query(search: &Search) -> Query {
    Query {
        number: search.number.clone().map(Masked::new),
        name: search.name.clone().map(Masked::new),
        tail: search.tail.clone().map(Masked::new),
        agent: search.agent.clone().map(Masked::new),
        queue: search.queue.clone(),
        tags: search.tags.clone(),
        least_us: search.least_ms.map(|ms| ms.saturating_mul(1_000)),
        most_us: search.most_ms.map(|ms| ms.saturating_mul(1_000)),
        from: search.from,
        until: search.until,
        limit: search.limit.unwrap_or(100).min(bounds::SEARCH_ROWS),
        newest_first: true,
        ..Query::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_head_of_a_wav_is_read_back_as_meant() {
        let mut file = wav_header(3).to_vec();
        file.extend([1_i16, -1, 2, -2, 3, -3].iter().flat_map(|sample| sample.to_le_bytes()));
        let mut wav = hound::WavReader::new(file.as_slice()).expect("a WAV");
        let spec = wav.spec();
        assert_eq!((spec.channels, spec.sample_rate, spec.bits_per_sample), (2, 8_000, 16));
        assert_eq!(
            wav.samples::<i16>().collect::<Result<Vec<_>, _>>().expect("samples"),
            [1, -1, 2, -2, 3, -3]
        );
    }
}
