//! Sound as Opus in Ogg (RFC 6716, RFC 7845): a tenth of a WAV file's octets, for listening; what counts as evidence is FLAC or WAV,
//! because Opus is not the same samples.

use opus_pure::{Application, OggOpusWriter, OpusEncoder, OpusHead};

use super::decode::{RATE_HZ, Sound};

/// 20 ms.
const FRAME: usize = RATE_HZ as usize / 50;
/// Samples of Opus's clock, 48 kHz, in one of ours.
const TICKS: u32 = 48_000 / RATE_HZ;
/// Longest packet of one frame (RFC 6716 §3.2).
const PACKET_BYTES: usize = 1_275;

/// `sound` as an Ogg file: two channels, left track 0, right track 1, exactly as long. `None` for no samples at all.
pub fn opus(sound: &Sound) -> Option<Vec<u8>> {
    opus_while(sound, &|| true)
}

/// As [`opus`], as long as `go_on` says so; `None` when it was stopped.
pub fn opus_while(sound: &Sound, go_on: &dyn Fn() -> bool) -> Option<Vec<u8>> {
    if sound.left.is_empty() {
        return None;
    }
    let mut encoder = OpusEncoder::new(RATE_HZ as i32, 2, Application::Audio).ok()?;
    let ahead = encoder.lookahead();
    let mut file = OggOpusWriter::new(Vec::new(), OpusHead::for_encoder(&encoder, RATE_HZ)).ok()?;
    // The encoder is so many samples behind: they are fed as silence at the end and trimmed by the last page (RFC 7845 §4.4).
    let mut left = u64::from(TICKS) * (sound.left.len() + ahead) as u64;
    let mut samples = sound.interleaved().chain(std::iter::repeat_n(0, 2 * ahead)).peekable();
    let (mut frame, mut packet) = ([0; 2 * FRAME], [0; PACKET_BYTES]);
    while samples.peek().is_some() {
        if !go_on() {
            return None;
        }
        frame.fill_with(|| samples.next().unwrap_or(0));
        let len = encoder.encode_s16(&frame, FRAME, &mut packet).ok()?;
        let ticks = (FRAME as u64 * u64::from(TICKS)).min(left);
        left -= ticks;
        file.write_packet_with_duration(packet.get(..len)?, ticks as u32).ok()?;
    }
    file.finish().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use opus_pure::OggOpusReader;

    /// How strong `hz` is in `samples` (Goertzel), as a share of all energy.
    fn share(samples: &[f64], hz: f64) -> f64 {
        let step = std::f64::consts::TAU * hz / f64::from(RATE_HZ);
        let turn =
            |f: fn(f64) -> f64| samples.iter().enumerate().map(|(n, s)| s * f(step * n as f64)).sum::<f64>();
        let energy: f64 = samples.iter().map(|sample| sample * sample).sum();
        (turn(f64::cos).powi(2) + turn(f64::sin).powi(2)) * 2.0 / (samples.len() as f64 * energy)
    }

    #[test]
    fn opus_has_both_tracks_on_their_sides_and_is_exactly_as_long() {
        let tone =
            |hz: f64, n: usize| ((n as f64 * std::f64::consts::TAU * hz / 8_000.0).sin() * 8_000.0) as i16;
        let sound = Sound {
            left: (0..8_123).map(|n| tone(440.0, n)).collect(),
            right: (0..8_123).map(|n| tone(1_000.0, n)).collect(),
            undecodable: Vec::new(),
        };
        let file = opus(&sound).expect("samples");
        assert!(file.starts_with(b"OggS") && file.len() < 8_123 * 4 / 3, "{} octets", file.len());
        let mut reader = OggOpusReader::new(file.as_slice()).expect("its own");
        let mut decoder = reader.head().decoder(RATE_HZ as i32).expect("8 kHz");
        let mut trim = opus_pure::Trim::new(reader.head(), RATE_HZ as i32, 2).expect("a trim");
        let mut out = Vec::new();
        let mut pcm = vec![0_f32; 2 * 5_760];
        while let Some(packet) = reader.read_packet().expect("whole") {
            let count = decoder.decode(&packet.data, 5_760, &mut pcm).expect("decodes");
            out.extend_from_slice(trim.keep(&packet, &pcm[..2 * count]));
        }
        assert_eq!(out.len(), 2 * 8_123);
        let side = |n: usize| out.iter().skip(n).step_by(2).map(|s| f64::from(*s)).collect::<Vec<_>>();
        assert!(share(&side(0), 440.0) > 0.9 && share(&side(1), 1_000.0) > 0.9);
        assert_eq!(opus(&Sound { left: Vec::new(), right: Vec::new(), undecodable: Vec::new() }), None);
    }
}
