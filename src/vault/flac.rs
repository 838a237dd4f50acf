//! Sound as FLAC (RFC 9639): the same samples as WAV in about half the octets, checked by an MD5 of its own.

use flacenc::bitsink::ByteSink;
use flacenc::component::BitRepr;
use flacenc::error::Verify;
use flacenc::source::MemSource;

use super::decode::{RATE_HZ, Sound};

/// `sound` as a FLAC file: two channels of 16 bits, 8 000 samples a second; left track 0, right track 1. `None` for sound
/// that FLAC has no form for: no samples at all.
pub fn flac(sound: &Sound) -> Option<Vec<u8>> {
    let samples: Vec<i32> = sound.interleaved().map(i32::from).collect();
    if samples.is_empty() {
        return None;
    }
    let config = flacenc::config::Encoder::default().into_verified().ok()?;
    let source = MemSource::from_samples(&samples, 2, 16, RATE_HZ as usize);
    let stream = flacenc::encode_with_fixed_block_size(&config, source, config.block_size).ok()?;
    let mut sink = ByteSink::new();
    stream.write(&mut sink).ok()?;
    Some(sink.into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flac_tells_its_form_and_is_smaller() {
        let left: Vec<i16> = (0..8_000).map(|n| ((n as f64 * 0.2).sin() * 8_000.0) as i16).collect();
        let sound = Sound { right: vec![0; left.len()], left, undecodable: Vec::new() };
        let file = flac(&sound).expect("samples");
        assert_eq!(&file[..4], b"fLaC");
        // STREAMINFO (RFC 9639 §8.2): 20 bits of rate, 3 of channels, 5 of bits, 36 of samples, from octet 18 on.
        let facts = u64::from_be_bytes(file[18..26].try_into().expect("eight octets"));
        assert_eq!(
            (facts >> 44, facts >> 41 & 7, facts >> 36 & 31, facts & 0xf_ffff_ffff),
            (8_000, 1, 15, 8_000)
        );
        assert!(file.len() < 8_000 * 4 / 2, "{} octets", file.len());
        assert_eq!(flac(&Sound { left: Vec::new(), right: Vec::new(), undecodable: Vec::new() }), None);
    }
}
