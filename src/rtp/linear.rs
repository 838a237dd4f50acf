//! Sound as linear samples: decoding and encoding one stream of G.711, G.722 or Opus.
//!
//! Everything linear has one rate, [`RATE`], and one grain, [`FRAME`], whatever it came as, so that any codec meets any other,
//! a mixer, a detector or a recogniser. G.722 and Opus are other people's libraries (docs/dependencies.md).
//! Invariant: no octets of a peer stop the worker: a payload that a library refuses, or breaks over, is a lost one.

use std::panic::{AssertUnwindSafe, catch_unwind};

use audio_codec::g722::{G722Decoder, G722Encoder};
use audio_codec::{Decoder as _, Encoder as _};
use opus_pure::{Application, OpusDecoder, OpusEncoder};

use super::conceal::Concealer;
use super::resample::{Down, Up};
use super::{Codec, g711};

/// Samples a second of all linear sound: wideband.
pub const RATE: u32 = 16_000;

/// Samples of 20 ms.
pub const FRAME: usize = 320;

/// 20 ms of one channel.
pub type Frame = [i16; FRAME];

/// Samples of the longest payload: 120 ms, the longest packet of Opus (RFC 6716 §3.2.5).
pub const LONGEST: usize = 6 * FRAME;

/// Octets of the largest encoded frame of 20 ms: what [`Encoder::encode`] may need.
pub const ENCODED: usize = 400;

/// Bits a second of the Opus that is sent: wideband speech sounds transparent from here on (RFC 7587 §3.1.1).
const OPUS_BITS: i32 = 32_000;

/// What the Opus encoder may spend: half its scale, a third of the time of the default, hardly audible in speech.
const OPUS_EFFORT: i32 = 5;

impl Codec {
    /// Whether this switch decodes and encodes it.
    pub fn is_linear(&self) -> bool {
        matches!(self, Codec::Pcmu | Codec::Pcma | Codec::G722 | Codec::Opus)
    }
}

/// Decodes one stream.
#[derive(Debug)]
pub struct Decoder {
    codec: Codec,
    state: Decoding,
}

enum Decoding {
    Law { table: &'static [i16; 256], up: Box<Up>, concealer: Box<Concealer> },
    G722 { decoder: Box<G722Decoder>, concealer: Box<Concealer> },
    Opus(Box<OpusDecoder>),
}

impl std::fmt::Debug for Decoding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("..")
    }
}

impl Decoding {
    fn new(codec: Codec) -> Option<Decoding> {
        let law = |table| Decoding::Law { table, up: Box::default(), concealer: Box::default() };
        Some(match codec {
            Codec::Pcmu => law(&g711::MU_LAW),
            Codec::Pcma => law(&g711::A_LAW),
            Codec::G722 => {
                Decoding::G722 { decoder: Box::new(G722Decoder::new()), concealer: Box::default() }
            }
            Codec::Opus => Decoding::Opus(Box::new(OpusDecoder::new(RATE as i32, 1).ok()?)),
            _ => return None,
        })
    }
}

impl Decoder {
    /// `None` for codecs that are not [`Codec::is_linear`].
    pub fn new(codec: Codec) -> Option<Decoder> {
        Some(Decoder { codec, state: Decoding::new(codec)? })
    }

    /// What it decodes.
    pub fn codec(&self) -> Codec {
        self.codec
    }

    /// Decodes a payload into the beginning of `output` (which should have [`LONGEST`]); how many samples it was, 0 for a
    /// payload that is none.
    pub fn decode(&mut self, payload: &[u8], output: &mut [i16]) -> usize {
        let state = &mut self.state;
        match catch_unwind(AssertUnwindSafe(|| decode(state, payload, output))) {
            Ok(samples) => samples.unwrap_or(0),
            Err(_) => {
                // Whatever state the library was in is worth nothing now.
                if let Some(fresh) = Decoding::new(self.codec) {
                    self.state = fresh;
                }
                0
            }
        }
    }

    /// Makes up what a lost packet would have held: `output` is whole frames, at most [`LONGEST`]. `next` is the payload
    /// after the lost one if it is there: Opus may carry a copy in it (RFC 6716 §2.1.7).
    pub fn conceal(&mut self, next: Option<&[u8]>, output: &mut [i16]) {
        match &mut self.state {
            Decoding::Law { concealer, .. } | Decoding::G722 { concealer, .. } => concealer.fill(output),
            Decoding::Opus(decoder) => {
                output.fill(0);
                let len = output.len();
                let made = catch_unwind(AssertUnwindSafe(|| match next {
                    Some(next) => decoder.decode_fec_s16(next, len, output),
                    None => decoder.decode_s16(&[], len, output),
                }));
                if made.is_err()
                    && let Some(fresh) = Decoding::new(self.codec)
                {
                    self.state = fresh;
                }
            }
        }
    }
}

fn decode(state: &mut Decoding, payload: &[u8], output: &mut [i16]) -> Option<usize> {
    match state {
        Decoding::Law { table, up, concealer } => {
            let mut narrow = [0; LONGEST / 2];
            let narrow = narrow.get_mut(..payload.len())?;
            for (sample, octet) in narrow.iter_mut().zip(payload) {
                *sample = table[usize::from(*octet)];
            }
            let wide = output.get_mut(..2 * payload.len())?;
            up.run(narrow, wide);
            concealer.hear(wide);
            Some(wide.len())
        }
        Decoding::G722 { decoder, concealer } => {
            let wide = output.get_mut(..2 * payload.len())?;
            decoder.decode_into(payload, wide).ok()?;
            concealer.hear(wide);
            Some(wide.len())
        }
        Decoding::Opus(decoder) => {
            // An empty payload would conceal instead.
            let room = Some(output.len().min(LONGEST)).filter(|_| !payload.is_empty())?;
            decoder.decode_s16(payload, room, output).ok()
        }
    }
}

/// Encodes one stream, 20 ms at a time.
#[derive(Debug)]
pub struct Encoder {
    codec: Codec,
    state: Encoding,
}

enum Encoding {
    Law { down: Box<Down>, encode: fn(i16) -> u8 },
    G722(Box<G722Encoder>),
    Opus(Box<OpusEncoder>),
}

impl std::fmt::Debug for Encoding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("..")
    }
}

impl Encoder {
    /// `None` for codecs that are not [`Codec::is_linear`].
    pub fn new(codec: Codec) -> Option<Encoder> {
        let state = match codec {
            Codec::Pcmu => Encoding::Law { down: Box::default(), encode: g711::encode_mu_law },
            Codec::Pcma => Encoding::Law { down: Box::default(), encode: g711::encode_a_law },
            Codec::G722 => Encoding::G722(Box::new(G722Encoder::new())),
            Codec::Opus => {
                let mut encoder = OpusEncoder::new(RATE as i32, 1, Application::Voip).ok()?;
                (encoder.bitrate_bps, encoder.complexity) = (OPUS_BITS, OPUS_EFFORT);
                Encoding::Opus(Box::new(encoder))
            }
            _ => return None,
        };
        Some(Encoder { codec, state })
    }

    /// What it encodes.
    pub fn codec(&self) -> Codec {
        self.codec
    }

    /// Encodes 20 ms into the beginning of `output` (which should have [`ENCODED`]); how many octets, 0 if it cannot be.
    pub fn encode(&mut self, frame: &Frame, output: &mut [u8]) -> usize {
        match &mut self.state {
            Encoding::Law { down, encode } => {
                let mut narrow = [0; FRAME / 2];
                down.run(frame, &mut narrow);
                for (octet, sample) in output.iter_mut().zip(narrow) {
                    *octet = encode(sample);
                }
                output.len().min(FRAME / 2)
            }
            Encoding::G722(encoder) => encoder.encode_into(frame, output).unwrap_or(0),
            Encoding::Opus(encoder) => {
                let room = output.len().min(ENCODED);
                encoder.encode_s16(frame, FRAME, &mut output[..room]).unwrap_or(0)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f64::consts::PI;

    const CODECS: [Codec; 4] = [Codec::Pcmu, Codec::Pcma, Codec::G722, Codec::Opus];

    fn tone(hertz: f64, frames: usize) -> Vec<i16> {
        let at = |n: usize| (8_000.0 * (2.0 * PI * hertz * n as f64 / f64::from(RATE)).sin()) as i16;
        (0..frames * FRAME).map(at).collect()
    }

    fn through(codec: Codec, sound: &[i16]) -> Vec<i16> {
        let (mut encoder, mut decoder) = (Encoder::new(codec).unwrap(), Decoder::new(codec).unwrap());
        let mut heard = Vec::new();
        for frame in sound.as_chunks::<FRAME>().0 {
            let (mut payload, mut samples) = ([0; ENCODED], [0; LONGEST]);
            let octets = encoder.encode(frame, &mut payload);
            let len = decoder.decode(&payload[..octets], &mut samples);
            assert_eq!(len, FRAME, "{codec:?}");
            heard.extend(&samples[..len]);
        }
        heard
    }

    /// Signal to noise in dB at the lag that fits best, with the best gain: what a codec adds besides delay and level.
    pub(in crate::rtp) fn quality_db(sent: &[i16], heard: &[i16]) -> f64 {
        let from = 10 * FRAME;
        let span = heard.len() - from - 600;
        let at = |lag: usize| {
            let (mut like, mut power, mut total) = (0.0, 1.0, 1.0);
            for n in from..from + span {
                let (s, h) = (f64::from(sent[n]), f64::from(heard[n + lag]));
                (like, power, total) = (like + s * h, power + s * s, total + h * h);
            }
            let signal = like * like.abs() / power;
            10.0 * (signal.max(1.0) / (total - signal).max(1.0)).log10()
        };
        (0..600).map(at).fold(f64::NEG_INFINITY, f64::max)
    }

    #[test]
    fn every_codec_carries_a_tone_with_little_noise() {
        for (codec, least_db) in
            [(Codec::Pcmu, 33.0), (Codec::Pcma, 33.0), (Codec::G722, 30.0), (Codec::Opus, 15.0)]
        {
            for hertz in [440.0, 1_004.0, 2_100.0] {
                let sent = tone(hertz, 60);
                let quality = quality_db(&sent, &through(codec, &sent));
                assert!(quality > least_db, "{codec:?} at {hertz} Hz: {quality:.1} dB");
            }
        }
    }

    #[test]
    fn wideband_codecs_carry_what_narrowband_ones_cannot() {
        let sent = tone(5_500.0, 60);
        let loudness = |sound: &[i16]| sound[3_200..].iter().map(|s| f64::from(*s).powi(2)).sum::<f64>();
        for (codec, passes) in CODECS.into_iter().zip([false, false, true, true]) {
            let part = loudness(&through(codec, &sent)) / loudness(&sent);
            assert_eq!(part > 0.5, passes, "{codec:?}: {part}");
            assert!(passes || part < 0.001, "{codec:?} folds back: {part}");
        }
    }

    #[test]
    fn any_octets_are_sound_or_nothing() {
        let mut random = 1u32;
        let mut octet = || {
            random = random.wrapping_mul(1_103_515_245).wrapping_add(12_345);
            (random >> 16) as u8
        };
        for codec in CODECS {
            let mut decoder = Decoder::new(codec).unwrap();
            let mut output = [0; LONGEST];
            for round in 0..2_000 {
                let len = usize::from(octet()) * if round % 50 == 0 { 5 } else { 1 };
                let payload: Vec<u8> = (0..len).map(|_| octet()).collect();
                assert!(decoder.decode(&payload, &mut output) <= LONGEST);
                if round % 7 == 0 {
                    decoder.conceal(Some(&payload), &mut output[..FRAME]);
                    decoder.conceal(None, &mut output[..2 * FRAME]);
                }
            }
        }
    }

    #[test]
    fn a_loss_is_made_up_by_every_codec() {
        for codec in CODECS {
            let (mut encoder, mut decoder) = (Encoder::new(codec).unwrap(), Decoder::new(codec).unwrap());
            let sent = tone(400.0, 30);
            let (mut payload, mut samples) = ([0; ENCODED], [0; LONGEST]);
            for frame in sent.as_chunks::<FRAME>().0 {
                let octets = encoder.encode(frame, &mut payload);
                decoder.decode(&payload[..octets], &mut samples);
            }
            decoder.conceal(None, &mut samples[..FRAME]);
            let loudest = samples[..FRAME].iter().map(|s| s.unsigned_abs()).max().unwrap();
            assert!(loudest > 3_000, "{codec:?}: {loudest}");
        }
    }
}
