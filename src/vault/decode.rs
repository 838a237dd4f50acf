//! From packets to sound: two tracks on one time line, left track 0, right track 1.
//!
//! Packets are placed by RTP timestamp within a stretch of speech, and each stretch by the arrival of its first packet:
//! jitter does not tear words, and silence between stretches is as long as it was.
//! Invariant: both tracks have the same length, and a packet never lands before time 0 or past [`bounds::SOUND`].

use std::collections::BTreeMap;

use crate::base::bounds;
use crate::rtp::linear::{Decoder as Wideband, LONGEST};
use crate::rtp::resample::Down;
use crate::rtp::{Codec, g711};

use super::order::Event;
use super::tap::Frame;

/// Samples a second of everything that is decoded, wideband codecs too: tracks of all kinds stand side by side.
pub const RATE_HZ: u32 = 8_000;

/// A packet that would land farther from where its arrival says begins a new stretch: more than any jitter buffer.
const STRAY_SAMPLES: i64 = RATE_HZ as i64 / 5;

/// What lies later is left out.
const LIMIT_US: u64 = bounds::SOUND.as_micros() as u64;

/// Decodes the packets of a recording in the order of the file.
#[derive(Debug, Default)]
pub struct Decoder {
    tracks: [Track; 2],
    formats: BTreeMap<(u8, u8), Kind>,
    wideband: BTreeMap<(u8, u8), (Wideband, Down)>,
    undecodable: BTreeMap<(u8, String), u64>,
}

#[derive(Debug, Default)]
struct Track {
    samples: Vec<i16>,
    /// First timestamp and first sample of the running stretch.
    stretch: Option<(u32, i64)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    Law(&'static [i16; 256]),
    /// Decoded by a library, which has a state for each track; ticks of its clock a second.
    Wide(Codec, u32),
    Other(String),
}

impl Kind {
    fn named(name: &str) -> Kind {
        match Codec::named(name) {
            Codec::Pcmu => Kind::Law(&g711::MU_LAW),
            Codec::Pcma => Kind::Law(&g711::A_LAW),
            Codec::G722 => Kind::Wide(Codec::G722, 8_000),
            Codec::Opus => Kind::Wide(Codec::Opus, 48_000),
            _ => Kind::Other(name.to_string()),
        }
    }
}

impl Decoder {
    /// A decoder that knows PCMU as 0, PCMA as 8 and G.722 as 9 (RFC 3551 §6).
    pub fn new() -> Decoder {
        Decoder::default()
    }

    /// Takes in an event: [`Event::Format`] says what a payload type means.
    pub fn event(&mut self, event: &Event) {
        if let Event::Format { track, payload_type, codec, .. } = event {
            let (place, kind) = ((*track, *payload_type), Kind::named(codec));
            if self.formats.insert(place, kind.clone()).is_some_and(|before| before != kind) {
                self.wideband.remove(&place);
            }
        }
    }

    /// Takes in a packet.
    pub fn frame(&mut self, frame: &Frame<'_>) {
        // Video and fax.
        if usize::from(frame.track) >= self.tracks.len() {
            return;
        }
        let kind = match (self.formats.get(&(frame.track, frame.payload_type)), frame.payload_type) {
            (Some(kind), _) => kind.clone(),
            (None, 13) => return,
            (None, 0) => Kind::named("PCMU"),
            (None, 8) => Kind::named("PCMA"),
            (None, 9) => Kind::named("G722"),
            (None, other) => Kind::Other(format!("payload type {other}")),
        };
        match kind {
            Kind::Law(law) => {
                let samples = frame.payload.iter().map(|octet| law[usize::from(*octet)]);
                self.place(frame, 8_000, samples);
            }
            Kind::Wide(codec, clock) => self.wide(frame, codec, clock),
            Kind::Other(name) => *self.undecodable.entry((frame.track, name)).or_default() += 1,
        }
    }

    fn wide(&mut self, frame: &Frame<'_>, codec: Codec, clock: u32) {
        let place = (frame.track, frame.payload_type);
        if !self.wideband.contains_key(&place)
            && let Some(decoder) = Wideband::new(codec)
        {
            self.wideband.insert(place, (decoder, Down::default()));
        }
        let Some((decoder, down)) = self.wideband.get_mut(&place) else { return };
        let (mut wide, mut narrow) = ([0; LONGEST], [0; LONGEST / 2]);
        let len = decoder.decode(frame.payload, &mut wide);
        down.run(&wide[..len], &mut narrow);
        self.place(frame, clock, narrow[..len / 2].iter().copied());
    }

    fn place(&mut self, frame: &Frame<'_>, clock: u32, samples: impl ExactSizeIterator<Item = i16>) {
        if let Some(track) = self.tracks.get_mut(usize::from(frame.track)) {
            track.place(frame, i64::from(clock / RATE_HZ), samples);
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
    /// `ticks`: of the format's clock, for each sample.
    fn place(&mut self, frame: &Frame<'_>, ticks: i64, samples: impl ExactSizeIterator<Item = i16>) {
        // A packet arrives when its last sample was spoken.
        let arrived = samples_at(frame.arrival_us) - samples.len() as i64;
        let within = |(stamp, first): (u32, i64)| {
            first + i64::from(frame.timestamp.wrapping_sub(stamp) as i32) / ticks
        };
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
        let end = place + samples.len() as i64;
        if place < 0 || end > limit {
            return;
        }
        let (place, end) = (place as usize, end as usize);
        if self.samples.len() < end {
            self.samples.resize(end, 0);
        }
        let room = self.samples.get_mut(place..end).unwrap_or_default();
        for (place, sample) in room.iter_mut().zip(samples) {
            *place = sample;
        }
    }
}

fn samples_at(us: u64) -> i64 {
    i64::try_from(u128::from(us) * u128::from(RATE_HZ) / 1_000_000).unwrap_or(i64::MAX / 2).min(i64::MAX / 2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rtp::linear;

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
        decoder.event(&format(97, "AMR"));
        let loud = payload(8_000);
        decoder.frame(&Frame { payload_type: 96, ..frame(0, 20, 0, &loud) });
        decoder.frame(&Frame { payload_type: 97, ..frame(0, 40, 0, &loud) });
        decoder.frame(&Frame { payload_type: 97, ..frame(0, 60, 0, &loud) });
        decoder.frame(&Frame { payload_type: 18, ..frame(1, 60, 0, &loud) });
        decoder.frame(&Frame { payload_type: 13, ..frame(1, 60, 0, &loud) });
        for track in [2, 5, 9] {
            decoder.frame(&Frame { payload_type: 97, ..frame(track, 60, 0, &loud) });
        }
        let sound = decoder.finish(1_000_000);
        assert_eq!(sound.left.len(), 8_000);
        assert_ne!(sound.left[0], 0);
        assert_eq!(sound.undecodable, [(0, "AMR".into(), 2), (1, "payload type 18".into(), 1)]);
    }

    #[test]
    fn wideband_tracks_come_out_as_the_sound_they_were() {
        for (codec, payload_type, clock_hz) in [(Codec::G722, 9, 8_000), (Codec::Opus, 111, 48_000)] {
            let mut encoder = linear::Encoder::new(codec).unwrap();
            let mut decoder = Decoder::new();
            if payload_type != 9 {
                let codec = codec.name().to_string();
                decoder.event(&Event::Format { track: 1, payload_type, codec, clock_hz });
            }
            // One second of 1 kHz, of which packet 30 is lost.
            for n in 0..50u32 {
                let sound = std::array::from_fn(|k| {
                    let turn = (n as usize * linear::FRAME + k) as f64 / f64::from(linear::RATE);
                    (8_000.0 * (turn * 1_000.0 * std::f64::consts::TAU).sin()) as i16
                });
                let mut payload = [0; linear::ENCODED];
                let octets = encoder.encode(&sound, &mut payload);
                let (arrival_us, timestamp) = (u64::from(n + 1) * 20_000, n * clock_hz / 50);
                let payload = &payload[..octets];
                if n != 30 {
                    decoder.frame(&Frame {
                        track: 1,
                        arrival_us,
                        payload_type,
                        timestamp,
                        ..frame(1, 0, 0, payload)
                    });
                }
            }
            let sound = decoder.finish(0);
            assert_eq!((sound.right.len(), sound.undecodable.len()), (8_000, 0), "{codec:?}");
            let energy = |from: usize, to: usize| {
                sound.right[from..to].iter().map(|s| f64::from(*s).powi(2)).sum::<f64>() / (to - from) as f64
            };
            assert!((energy(1_600, 4_000) / 32e6 - 1.0).abs() < 0.15, "{codec:?}: {}", energy(1_600, 4_000));
            assert_eq!(energy(4_800, 4_960), 0.0, "what was lost is silence, in its place");
        }
    }

    #[test]
    fn a_packet_from_the_far_future_takes_no_memory() {
        let mut decoder = Decoder::new();
        let loud = payload(8_000);
        decoder.frame(&frame(0, u64::MAX / 1_000, 0, &loud));
        assert_eq!(decoder.finish(0).left.len(), 0);
    }
}
