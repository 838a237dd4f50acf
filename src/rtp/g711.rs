//! G.711: both laws, linear ↔ law and law ↔ law, by tables computed at compile time from the Recommendation's formulas.
//!
//! One octet is one sample, 8 000 a second (20 ms = 160 octets). Linear samples are 16 bits wide, that is the
//! Recommendation's 13 (A) and 14 (µ) bit values scaled to full range.
//! Invariant: a law octet that is decoded and encoded again is the same octet (µ-law's negative zero aside).

/// Silence in A-law: the smallest positive value, as ITU-T G.711 transmits it (even bits inverted).
pub const A_LAW_SILENCE: u8 = 0xd5;

/// Silence in µ-law: positive zero.
pub const MU_LAW_SILENCE: u8 = 0xff;

/// A-law octet → linear sample: ITU-T G.711 table 1a/1b.
pub const A_LAW: [i16; 256] = table_of_a_law();

/// µ-law octet → linear sample: ITU-T G.711 table 2a/2b.
pub const MU_LAW: [i16; 256] = table_of_mu_law();

/// A-law octet → the µ-law octet whose value is nearest.
pub const A_TO_MU: [u8; 256] = nearest(&A_LAW, &MU_LAW);

/// µ-law octet → the A-law octet whose value is nearest.
pub const MU_TO_A: [u8; 256] = nearest(&MU_LAW, &A_LAW);

/// Encodes one linear sample in A-law.
pub const fn encode_a_law(sample: i16) -> u8 {
    // One's complement keeps -32768 in range and puts the decision value between -1 and 0.
    let (magnitude, mask) = if sample >= 0 { (sample as u16, 0xd5) } else { (!sample as u16, 0x55) };
    let code = if magnitude < 256 {
        magnitude >> 4
    } else {
        let segment = magnitude.ilog2() as u16 - 7;
        segment << 4 | (magnitude >> (segment + 3)) & 0x0f
    };
    code as u8 ^ mask
}

/// Encodes one linear sample in µ-law. Values beyond ±32 635 are the largest code.
pub const fn encode_mu_law(sample: i16) -> u8 {
    const BIAS: u16 = 132;
    const CLIP: u16 = 32_635;
    let sign = if sample < 0 { 0x80 } else { 0 };
    let magnitude = sample.unsigned_abs();
    let biased = if magnitude > CLIP { CLIP } else { magnitude } + BIAS;
    let segment = biased.ilog2() as u16 - 7;
    let code = segment << 4 | (biased >> (segment + 3)) & 0x0f;
    !(sign | code as u8)
}

/// Turns A-law into µ-law in place.
pub fn a_to_mu(payload: &mut [u8]) {
    for octet in payload {
        *octet = A_TO_MU[usize::from(*octet)];
    }
}

/// Turns µ-law into A-law in place.
pub fn mu_to_a(payload: &mut [u8]) {
    for octet in payload {
        *octet = MU_TO_A[usize::from(*octet)];
    }
}

const fn table_of_a_law() -> [i16; 256] {
    let mut table = [0; 256];
    let mut octet = 0;
    while octet < 256 {
        let code = octet as u8 ^ 0x55;
        let (segment, step) = ((code >> 4 & 7) as i16, (code & 0x0f) as i16);
        let magnitude = if segment == 0 { (step << 4) + 8 } else { ((step << 4) + 0x108) << (segment - 1) };
        table[octet] = if code & 0x80 != 0 { magnitude } else { -magnitude };
        octet += 1;
    }
    table
}

const fn table_of_mu_law() -> [i16; 256] {
    let mut table = [0; 256];
    let mut octet = 0;
    while octet < 256 {
        let code = !(octet as u8);
        let (segment, step) = ((code >> 4 & 7) as i16, (code & 0x0f) as i16);
        let magnitude = (((step << 3) + 132) << segment) - 132;
        table[octet] = if code & 0x80 != 0 { -magnitude } else { magnitude };
        octet += 1;
    }
    table
}

/// For each value of `from` the first octet of `to` whose value is nearest and has its sign.
const fn nearest(from: &[i16; 256], to: &[i16; 256]) -> [u8; 256] {
    let mut table = [0; 256];
    let mut octet = 0;
    while octet < 256 {
        let (mut best, mut best_gap, mut candidate) = (0, i32::MAX, 0);
        while candidate < 256 {
            let gap = (to[candidate] as i32 - from[octet] as i32).abs();
            if gap < best_gap || gap == best_gap && candidate >= 128 && from[octet] >= 0 && best < 128 {
                (best, best_gap) = (candidate, gap);
            }
            candidate += 1;
        }
        table[octet] = best as u8;
        octet += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_recommendation_s_values_come_out() {
        // Octet as transmitted, value scaled to 16 bits: the ends, the middle and a segment edge of both tables.
        for (octet, value) in
            [(0xd5, 8), (0x55, -8), (0xaa, 32_256), (0x2a, -32_256), (0x80, 5_504), (0x00, -5_504)]
        {
            assert_eq!(A_LAW[octet], value, "A-law {octet:#04x}");
        }
        for (octet, value) in
            [(0xff, 0), (0x7f, 0), (0x80, 32_124), (0x00, -32_124), (0xf0, 120), (0xef, 132)]
        {
            assert_eq!(MU_LAW[octet], value, "µ-law {octet:#04x}");
        }
        assert_eq!((encode_a_law(0), encode_mu_law(0)), (A_LAW_SILENCE, MU_LAW_SILENCE));
    }

    #[test]
    fn every_octet_survives_decoding_and_encoding() {
        for octet in 0..=255u8 {
            assert_eq!(encode_a_law(A_LAW[usize::from(octet)]), octet);
            if octet != 0x7f {
                assert_eq!(encode_mu_law(MU_LAW[usize::from(octet)]), octet);
            }
        }
    }

    #[test]
    fn encoding_errs_by_half_a_step_at_most() {
        for sample in (i16::MIN..=i16::MAX).step_by(7) {
            for (table, code) in [(&A_LAW, encode_a_law(sample)), (&MU_LAW, encode_mu_law(sample))] {
                let (wanted, became) = (i32::from(sample), i32::from(table[usize::from(code)]));
                // A step is at most a 16th of the value it ends at; the ends of the scale are cut.
                let allowed = 8 + wanted.abs() / 32 + if wanted.abs() > 32_124 { 700 } else { 0 };
                assert!((wanted - became).abs() <= allowed, "{wanted} became {became}");
            }
        }
    }

    #[test]
    fn conversion_between_laws_is_monotonic_and_within_half_a_step() {
        for (from, to, table) in [(&A_LAW, &MU_LAW, &A_TO_MU), (&MU_LAW, &A_LAW, &MU_TO_A)] {
            for octet in 0..256 {
                let (value, became) = (i32::from(from[octet]), i32::from(to[usize::from(table[octet])]));
                let allowed = 16 + value.abs() / 32;
                assert!((value - became).abs() <= allowed, "{value} became {became}");
                assert!(
                    value == 0 || became == 0 || value.signum() == became.signum(),
                    "{value} became {became}"
                );
            }
        }
        assert_eq!(A_TO_MU[usize::from(A_LAW_SILENCE)], 0xfe);
        assert_eq!(MU_TO_A[usize::from(MU_LAW_SILENCE)], A_LAW_SILENCE);
    }
}
