//! Speaking: linear sound out to a leg, in whatever it was negotiated to hear.
//!
//! Invariant: a frame that cannot be encoded is not sent; nothing here ever waits for more sound.

use crate::rtp::Format;
use crate::rtp::g711::{A_LAW, MU_LAW};
use crate::rtp::linear::{Encoder, FRAME, Frame};
use crate::rtp::resample::Up;

use super::player::{FRAME as NARROW, Law};

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
