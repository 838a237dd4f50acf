//! Speaking: linear sound out to a leg, in whatever it was negotiated to hear.
//!
//! Invariant: a frame that cannot be encoded is not sent; nothing here ever waits for more sound.

use crate::rtp::Format;
use crate::rtp::g711::{A_LAW, MU_LAW};
use crate::rtp::linear::{Encoder, FRAME, Frame};
use crate::rtp::resample::Up;

use super::leg::Leg;
use super::player::{FRAME as NARROW, Law};
use super::route;

/// The encoder of one leg, for formats other than a copied law.
#[derive(Debug)]
pub(super) struct Voice {
    encoder: Encoder,
    /// Prompts and tones are narrowband.
    up: Up,
}

impl Voice {
    pub(super) fn new(format: &Format) -> Option<Voice> {
        Some(Voice { encoder: Encoder::new(format.codec)?, up: Up::default() })
    }

    /// Whether it speaks this format.
    pub(super) fn speaks(&self, format: &Format) -> bool {
        self.encoder.codec() == format.codec
    }

    /// Encodes 20 ms into the beginning of `output`; how many octets.
    pub(super) fn say(&mut self, frame: &Frame, output: &mut [u8]) -> usize {
        self.encoder.encode(frame, output)
    }

    /// Encodes a frame that was made in a law of G.711.
    pub(super) fn say_law(&mut self, law: Law, octets: &[u8; NARROW], output: &mut [u8]) -> usize {
        let frame = widen(law, octets, &mut self.up);
        self.say(&frame, output)
    }
}

impl Leg {
    /// The format that the switch's own sound is sent in: G.711 if it was negotiated (prompts are ready in it), else the
    /// first that can be encoded. `None` when the leg has none that the switch can make.
    pub(super) fn own_format(&self) -> Option<Format> {
        let formats = &self.aim()?.formats;
        let ready = formats.iter().find(|format| format.codec.is_g711() && format.clock == 8_000);
        ready.or_else(|| formats.iter().find(|format| route::is_linear(format))).copied()
    }

    /// Makes the next frame's payload of linear sound; how many octets.
    pub(super) fn encode(&mut self, format: &Format, frame: &Frame, payload: &mut [u8]) -> usize {
        self.voice_in(format).map_or(0, |voice| voice.say(frame, payload))
    }

    /// Makes the next frame's payload of a frame in a law; how many octets.
    pub(super) fn encode_law(
        &mut self,
        format: &Format,
        law: Law,
        octets: &[u8; NARROW],
        payload: &mut [u8],
    ) -> usize {
        if Law::of_codec(format.codec) == Some(law) {
            let Some(room) = payload.get_mut(..NARROW) else { return 0 };
            room.copy_from_slice(octets);
            return NARROW;
        }
        self.voice_in(format).map_or(0, |voice| voice.say_law(law, octets, payload))
    }

    fn voice_in(&mut self, format: &Format) -> Option<&mut Voice> {
        if self.voice.as_ref().is_none_or(|voice| !voice.speaks(format)) {
            self.voice = Voice::new(format).map(Box::new);
        }
        self.voice.as_deref_mut()
    }
}

/// A frame of a law as linear sound.
pub(super) fn widen(law: Law, octets: &[u8; NARROW], up: &mut Up) -> Frame {
    let table = match law {
        Law::A => &A_LAW,
        Law::Mu => &MU_LAW,
    };
    let narrow = octets.map(|octet| table[usize::from(octet)]);
    let mut frame = [0; FRAME];
    up.run(&narrow, &mut frame);
    frame
}
