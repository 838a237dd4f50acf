//! What a phone heard, and how much of it is a certain tone or a certain prompt.

use std::collections::BTreeSet;

use crate::media::Prompt;
use crate::rtp::{Packet, Reception, Standing, g711};

/// Samples a second.
const RATE: f64 = 8_000.0;

/// Octets by which a prompt is looked for: a tenth of a second of speech occurs once.
const NEEDLE: usize = 800;

/// Everything that came over RTP, in the order of its sequence numbers as far as it came in order.
#[derive(Debug, Default)]
pub struct Heard {
    octets: Vec<u8>,
    samples: Vec<i16>,
    reception: Reception,
    packets: u64,
    law: u8,
}

impl Heard {
    /// Takes a packet of G.711; anything else is not heard.
    pub fn take(&mut self, packet: &Packet, payload: &[u8], arrival_us: u64) {
        let table = match packet.pt {
            0 => &g711::MU_LAW,
            8 => &g711::A_LAW,
            _ => return,
        };
        if self.reception.sequence(packet.ssrc, packet.seq) == Standing::Duplicate {
            return;
        }
        self.reception.timing(packet.timestamp, arrival_us, 8_000);
        self.packets += 1;
        self.law = packet.pt;
        self.octets.extend_from_slice(payload);
        self.samples.extend(payload.iter().map(|octet| table[usize::from(*octet)]));
    }

    /// Packets heard.
    pub fn packets(&self) -> u64 {
        self.packets
    }

    /// Packets that never came.
    pub fn lost(&self) -> u64 {
        self.reception.lost()
    }

    /// The largest jitter, microseconds.
    pub fn jitter_us(&self) -> u32 {
        self.reception.jitter_most_us()
    }

    /// The last `ms` milliseconds.
    pub fn last(&self, ms: usize) -> &[i16] {
        let from = self.samples.len().saturating_sub(ms * 8);
        &self.samples[from..]
    }

    /// How much of `prompt` was heard, octet for octet and in one piece: 0.0 to 1.0.
    pub fn share_of(&self, prompt: &Prompt) -> f64 {
        let prompt = if self.law == 0 { prompt.mu_law() } else { prompt.a_law() };
        let Some(start) = liveliest(prompt) else { return 0.0 };
        let needle = prompt.get(start..start + NEEDLE).unwrap_or(&[]);
        let Some(found) = memchr::memmem::find(&self.octets, needle) else { return 0.0 };
        let after = same(self.octets[found..].iter(), prompt[start..].iter());
        let before = same(self.octets[..found].iter().rev(), prompt[..start].iter().rev());
        (before + after) as f64 / prompt.len() as f64
    }
}

/// How far two sounds are the same.
fn same<'a>(heard: impl Iterator<Item = &'a u8>, meant: impl Iterator<Item = &'a u8>) -> usize {
    heard.zip(meant).take_while(|(a, b)| a == b).count()
}

/// Where in its first two seconds a prompt is least like silence.
fn liveliest(prompt: &[u8]) -> Option<usize> {
    let starts = (0..=prompt.len().checked_sub(NEEDLE)?.min(16_000)).step_by(NEEDLE / 2);
    starts.max_by_key(|start| prompt[*start..*start + NEEDLE].iter().collect::<BTreeSet<_>>().len())
}

/// The share of the energy of `samples` that lies at `hz`: 1.0 for that tone alone (Goertzel's algorithm).
pub fn share_at(samples: &[i16], hz: f64) -> f64 {
    let coefficient = 2.0 * (std::f64::consts::TAU * hz / RATE).cos();
    let (mut one, mut two, mut energy) = (0.0, 0.0, 0.0);
    for sample in samples {
        let sample = f64::from(*sample);
        (one, two) = (sample + coefficient * one - two, one);
        energy += sample * sample;
    }
    let power = one * one + two * two - coefficient * one * two;
    if energy == 0.0 { 0.0 } else { 2.0 * power / (energy * samples.len() as f64) }
}

/// Root of the mean square, 0 to 32 767.
pub fn level(samples: &[i16]) -> f64 {
    let sum: f64 = samples.iter().map(|sample| f64::from(*sample).powi(2)).sum();
    if samples.is_empty() { 0.0 } else { (sum / samples.len() as f64).sqrt() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(hz: f64, len: usize) -> Vec<i16> {
        (0..len).map(|n| (8_000.0 * (std::f64::consts::TAU * hz * n as f64 / RATE).sin()) as i16).collect()
    }

    fn played(prompt: &Prompt, from: usize, to: usize) -> Heard {
        let mut heard = Heard::default();
        let mut octets = vec![0xd5; 333];
        octets.extend_from_slice(&prompt.a_law()[from..to]);
        octets.extend([0xd5; 200]);
        for (seq, payload) in octets.chunks(160).enumerate() {
            let seq = seq as u16;
            let packet =
                Packet { marker: false, pt: 8, seq, timestamp: 160 * u32::from(seq), ssrc: 1, payload: 0..0 };
            heard.take(&packet, payload, 20_000 * u64::from(seq));
        }
        heard
    }

    #[test]
    fn a_tone_is_told_from_another_and_from_speech_like_noise() {
        let a = tone(440.0, 8_000);
        assert!(share_at(&a, 440.0) > 0.99 && share_at(&a, 880.0) < 0.01);
        let both: Vec<i16> = a.iter().zip(tone(880.0, 8_000)).map(|(a, b)| a / 2 + b / 2).collect();
        assert!((share_at(&both, 440.0) - 0.5).abs() < 0.05);
        assert_eq!(share_at(&[0; 100], 440.0), 0.0);
        assert!((level(&a) - 5_657.0).abs() < 10.0);
    }

    #[test]
    fn a_prompt_is_recognised_whole_in_part_and_not_at_all() {
        // A sweep: no tenth of a second of it is like another.
        let sweep: Vec<i16> =
            (0..24_000).map(|n| (9_000.0 * (f64::from(n) * f64::from(n) / 90_000.0).sin()) as i16).collect();
        let prompt = Prompt::from_samples(&sweep);
        assert_eq!(played(&prompt, 0, 24_000).share_of(&prompt), 1.0);
        let part = played(&prompt, 0, 18_000).share_of(&prompt);
        assert!((part - 0.75).abs() < 0.05, "{part}");
        let other = Prompt::from_samples(&tone(700.0, 24_000));
        assert_eq!(played(&other, 0, 24_000).share_of(&prompt), 0.0);
    }
}
