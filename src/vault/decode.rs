//! From packets to sound: two tracks on one time line, left track 0, right track 1.
//!
//! Packets are placed by RTP timestamp within a stretch of speech, and each stretch by the arrival of its first packet:
//! jitter does not tear words, and silence between stretches is as long as it was.
//! Invariant: both tracks have the same length, and a packet never lands before time 0 or past [`bounds::SOUND`].

use std::collections::BTreeMap;

use crate::base::bounds;
use crate::rtp::g711;

use super::order::Event;
use super::tap::Frame;

/// Samples a second of everything that is decoded now.
pub const RATE_HZ: u32 = 8_000;

/// A packet that would land farther from where its arrival says begins a new stretch: more than any jitter buffer.
const STRAY_SAMPLES: i64 = RATE_HZ as i64 / 5;

/// What lies later is left out.
const LIMIT_US: u64 = bounds::SOUND.as_micros() as u64;

/// Decodes the packets of a recording in the order of the file.
#[derive(Debug, Default)]
pub struct Decoder {
    tracks: [Track; 2],
    formats: BTreeMap<(u8, u8), Codec>,
    undecodable: BTreeMap<(u8, String), u64>,
}

#[derive(Debug, Default)]
struct Track {
    samples: Vec<i16>,
    /// First timestamp and first sample of the running stretch.
    stretch: Option<(u32, i64)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Codec {
    MuLaw,
    ALaw,
    Other(String),
}

impl Decoder {
    /// A decoder that knows PCMU as 0 and PCMA as 8 (RFC 3551 §6).
    pub fn new() -> Decoder {
        Decoder::default()
    }

    /// Takes in an event: [`Event::Format`] says what a payload type means.
    pub fn event(&mut self, event: &Event) {
        if let Event::Format { track, payload_type, codec, .. } = event {
            let codec = match codec.to_ascii_uppercase().as_str() {
                "PCMU" => Codec::MuLaw,
                "PCMA" => Codec::ALaw,
                _ => Codec::Other(codec.clone()),
            };
            self.formats.insert((*track, *payload_type), codec);
        }
    }

    /// Takes in a packet.
    pub fn frame(&mut self, frame: &Frame<'_>) {
        let codec = match (self.formats.get(&(frame.track, frame.payload_type)), frame.payload_type) {
            (Some(codec), _) => codec.clone(),
            (None, 0) => Codec::MuLaw,
            (None, 8) => Codec::ALaw,
            (None, 13) => return,
            (None, other) => Codec::Other(format!("payload type {other}")),
        };
        let law = match codec {
            Codec::MuLaw => &g711::MU_LAW,
            Codec::ALaw => &g711::A_LAW,
            Codec::Other(name) => {
                *self.undecodable.entry((frame.track, name)).or_default() += 1;
                return;
            }
        };
        if let Some(track) = self.tracks.get_mut(usize::from(frame.track)) {
            track.place(frame, law);
        }
    }

    /// The sound of both tracks, filled with silence up to the longer one and to `duration_us`.
    pub fn finish(self, duration_us: u64) -> Sound {
        let [Track { samples: mut left, .. }, Track { samples: mut right, .. }] = self.tracks;
        let least = usize::try_from(samples_at(duration_us.min(LIMIT_US))).unwrap_or(0);
        let len = left.len().max(right.len()).max(least);
        left.resize(len, 0);
        right.resize(len, 0);
        let undecodable = self.undecodable.into_iter().map(|((track, name), count)| (track, name, count));
        Sound { left, right, undecodable: undecodable.collect() }
    }
}

/// A decoded recording: 16 bit linear, [`RATE_HZ`] samples a second.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sound {
    /// Track 0: what the caller said.
    pub left: Vec<i16>,
    /// Track 1: the far side. As long as `left`.
    pub right: Vec<i16>,
    /// Per track and codec, how many packets could not be decoded: they are silence.
    pub undecodable: Vec<(u8, String, u64)>,
}

impl Sound {
    /// Left, right, left, …
    pub fn interleaved(&self) -> impl Iterator<Item = i16> + '_ {
        self.left.iter().zip(&self.right).flat_map(|(left, right)| [*left, *right])
    }
}

impl Track {
    fn place(&mut self, frame: &Frame<'_>, law: &[i16; 256]) {
        // A packet arrives when its last sample was spoken.
        let arrived = samples_at(frame.arrival_us) - frame.payload.len() as i64;
        let within =
            |(stamp, first): (u32, i64)| first + i64::from(frame.timestamp.wrapping_sub(stamp) as i32);
        let in_stretch = self.stretch.filter(|_| !frame.marker).map(within);
        let place = match in_stretch.filter(|place| (place - arrived).abs() <= STRAY_SAMPLES) {
            Some(place) => place,
            None => {
                let place = arrived.max(0);
                self.stretch = Some((frame.timestamp, place));
                place
            }
        };
        let limit = samples_at(LIMIT_US);
        let end = place + frame.payload.len() as i64;
        if place < 0 || end > limit {
            return;
        }
        let (place, end) = (place as usize, end as usize);
        if self.samples.len() < end {
            self.samples.resize(end, 0);
        }
        let room = self.samples.get_mut(place..end).unwrap_or_default();
        for (sample, octet) in room.iter_mut().zip(frame.payload) {
            *sample = law[usize::from(*octet)];
        }
    }
}

fn samples_at(us: u64) -> i64 {
    i64::try_from(u128::from(us) * u128::from(RATE_HZ) / 1_000_000).unwrap_or(i64::MAX / 2).min(i64::MAX / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 160 octets that decode to `level` in A-law.
    fn payload(level: i16) -> [u8; 160] {
        [g711::encode_a_law(level); 160]
    }

    fn frame(track: u8, arrival_ms: u64, timestamp: u32, payload: &[u8]) -> Frame<'_> {
        Frame {
            track,
            arrival_us: arrival_ms * 1_000,
            payload_type: 8,
            marker: false,
            sequence: 0,
            timestamp,
            payload,
        }
    }

    fn level_at(sound: &Sound, track: usize, ms: usize) -> i16 {
        [&sound.left, &sound.right][track][ms * 8]
    }

    #[test]
    fn tracks_are_aligned_by_arrival_and_gaps_are_silence() {
        let mut decoder = Decoder::new();
        let loud = payload(8_000);
        decoder.frame(&frame(0, 20, 500, &loud));
        decoder.frame(&frame(0, 40, 660, &loud));
        decoder.frame(&frame(1, 120, 9_000, &loud));
        // Track 0 pauses and comes back one second later.
        decoder.frame(&frame(0, 1_060, 8_820, &loud));
        let sound = decoder.finish(0);
        assert_eq!(sound.undecodable, []);
        assert_eq!((sound.left.len(), sound.right.len()), (1_060 * 8, 1_060 * 8));
        assert_eq!(sound.interleaved().count(), 2 * 1_060 * 8);
        let heard = g711::A_LAW[usize::from(loud[0])];
        for (track, ms, level) in [
            (0, 0, heard),
            (0, 39, heard),
            (0, 41, 0),
            (0, 1_039, 0),
            (0, 1_041, heard),
            (1, 99, 0),
            (1, 101, heard),
            (1, 119, heard),
            (1, 121, 0),
        ] {
            assert_eq!(level_at(&sound, track, ms), level, "track {track} at {ms} ms");
        }
    }

    #[test]
    fn jitter_and_reordering_within_a_stretch_leave_no_hole() {
        let mut decoder = Decoder::new();
        let loud = payload(8_000);
        for (arrival_ms, timestamp) in [(20, 0), (75, 320), (76, 160), (80, 480), (130, 640)] {
            decoder.frame(&frame(0, arrival_ms, timestamp, &loud));
        }
        let sound = decoder.finish(0);
        assert_eq!(sound.left.len(), 100 * 8);
        assert!(sound.left.iter().all(|sample| *sample != 0));
    }

    #[test]
    fn a_stream_that_changes_its_timestamps_goes_on_in_place() {
        let mut decoder = Decoder::new();
        let loud = payload(8_000);
        decoder.frame(&frame(0, 20, 4_000_000_000, &loud));
        decoder.frame(&frame(0, 40, 17, &loud));
        assert_eq!(decoder.finish(0).left.len(), 40 * 8);
    }

    #[test]
    fn formats_are_those_of_the_events_and_unknown_ones_are_counted() {
        let mut decoder = Decoder::new();
        let format = |payload_type, codec: &str| Event::Format {
            track: 0,
            payload_type,
            codec: codec.into(),
            clock_hz: 8_000,
        };
        decoder.event(&format(96, "pcma"));
        decoder.event(&format(97, "opus"));
        let loud = payload(8_000);
        decoder.frame(&Frame { payload_type: 96, ..frame(0, 20, 0, &loud) });
        decoder.frame(&Frame { payload_type: 97, ..frame(0, 40, 0, &loud) });
        decoder.frame(&Frame { payload_type: 97, ..frame(0, 60, 0, &loud) });
        decoder.frame(&Frame { payload_type: 18, ..frame(1, 60, 0, &loud) });
        decoder.frame(&Frame { payload_type: 13, ..frame(1, 60, 0, &loud) });
        decoder.frame(&Frame { track: 9, ..frame(9, 60, 0, &loud) });
        let sound = decoder.finish(1_000_000);
        assert_eq!(sound.left.len(), 8_000);
        assert_ne!(sound.left[0], 0);
        assert_eq!(sound.undecodable, [(0, "opus".into(), 2), (1, "payload type 18".into(), 1)]);
    }

    #[test]
    fn a_packet_from_the_far_future_takes_no_memory() {
        let mut decoder = Decoder::new();
        let loud = payload(8_000);
        decoder.frame(&frame(0, u64::MAX / 1_000, 0, &loud));
        assert_eq!(decoder.finish(0).left.len(), 0);
    }
}
