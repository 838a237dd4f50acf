//! WAV files whose samples are G.711 already, as telephone systems keep them: half the size of linear ones, and ready to play.
//!
//! Invariant: nothing is copied, and no octet outside of the file is believed to exist.

use crate::rtp::g711::{A_LAW, MU_LAW};

/// Which law.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Law {
    /// `WAVE_FORMAT_ALAW`.
    A,
    /// `WAVE_FORMAT_MULAW`.
    Mu,
}

impl Law {
    /// The linear value of each octet.
    pub(super) const fn table(self) -> &'static [i16; 256] {
        match self {
            Law::A => &A_LAW,
            Law::Mu => &MU_LAW,
        }
    }
}

/// The sound of such a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Companded<'a> {
    pub(super) law: Law,
    pub(super) channels: u16,
    /// Samples a second and channel.
    pub(super) rate: u32,
    /// One a sample, channels by turns.
    pub(super) octets: &'a [u8],
}

/// Finds the sound; `None` when the file is no WAV file, of another kind, or cut short.
pub(super) fn companded(file: &[u8]) -> Option<Companded<'_>> {
    let riff = file.strip_prefix(b"RIFF")?;
    let mut rest = riff.get(4..)?.strip_prefix(b"WAVE")?;
    let mut form = None;
    loop {
        let (name, sized) = rest.split_first_chunk::<4>()?;
        let (len, body) = sized.split_first_chunk::<4>()?;
        let len = usize::try_from(u32::from_le_bytes(*len)).ok()?;
        let chunk = body.get(..len)?;
        match name {
            b"fmt " => form = Some(read_form(chunk)?),
            b"data" => {
                return form.map(|(law, channels, rate)| Companded { law, channels, rate, octets: chunk });
            }
            _ => {}
        }
        // A chunk of odd length is followed by one octet of nothing.
        rest = body.get(len + len % 2..)?;
    }
}

fn read_form(chunk: &[u8]) -> Option<(Law, u16, u32)> {
    let [k0, k1, c0, c1, r0, r1, r2, r3, ..] = *chunk else { return None };
    let law = match u16::from_le_bytes([k0, k1]) {
        6 => Law::A,
        7 => Law::Mu,
        _ => return None,
    };
    Some((law, u16::from_le_bytes([c0, c1]).max(1), u32::from_le_bytes([r0, r1, r2, r3])))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A file of one channel with a chunk that nobody needs in front.
    pub(in crate::media) fn file(kind: u16, rate: u32, octets: &[u8]) -> Vec<u8> {
        let form = [&kind.to_le_bytes()[..], &1u16.to_le_bytes(), &rate.to_le_bytes(), &[0; 8]].concat();
        let mut body = b"WAVE".to_vec();
        for (name, chunk) in [(b"LIST", &b"odd"[..]), (b"fmt ", &form), (b"data", octets)] {
            body.extend(name);
            body.extend((chunk.len() as u32).to_le_bytes());
            body.extend(chunk);
            body.extend(&[0][..chunk.len() % 2]);
        }
        [&b"RIFF"[..], &(body.len() as u32).to_le_bytes(), &body].concat()
    }

    #[test]
    fn the_sound_is_found_behind_whatever_else_there_is() {
        let a = file(6, 8_000, &[1, 2, 3]);
        let found = Companded { law: Law::A, channels: 1, rate: 8_000, octets: &[1, 2, 3] };
        assert_eq!(companded(&a), Some(found));
        let mu = file(7, 11_025, &[9]);
        assert_eq!(companded(&mu), Some(Companded { law: Law::Mu, channels: 1, rate: 11_025, octets: &[9] }));
    }

    #[test]
    fn other_kinds_and_broken_files_are_left_to_others() {
        assert_eq!(companded(&file(1, 8_000, &[1, 2])), None);
        let whole = file(6, 8_000, &[1, 2, 3, 4]);
        for len in 0..whole.len() {
            assert_eq!(companded(&whole[..len]), None, "cut at {len}");
        }
        let mut endless = whole;
        let at = endless.len() - 8;
        endless[at..at + 4].copy_from_slice(&u32::MAX.to_le_bytes());
        assert_eq!(companded(&endless), None);
    }
}
