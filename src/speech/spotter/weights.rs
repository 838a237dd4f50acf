//! The file of weights: what `benches/spotter/network.py` writes.
//!
//! ```text
//! "LLSPOT1\n"
//! bands, width, hidden, taps, first, phones, blocks      u16 each, little-endian
//! how far each block's taps lie apart                    u16 each
//! arrays of 16-bit floats (IEEE 754 binary16), little-endian, in the order in which they are read here
//! ```
//!
//! Invariant: a file of other sizes than this build's is refused, and so is one that is cut or longer.

/// What the file begins with.
const MAGIC: &[u8] = b"LLSPOT1\n";

/// A file that is not one of weights for this build.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadWeights {
    /// This binary was built without.
    #[error("this binary carries no trained weights: name a file of them with `weights = \"FILE\"`")]
    None,
    /// It begins otherwise.
    #[error("it is no file of the spotter's weights")]
    Foreign,
    /// Its network has other sizes than this build's.
    #[error("it is of a network of other sizes")]
    Sizes,
    /// It ends too early or goes on.
    #[error("it is cut, or longer than it should be")]
    Length,
}

/// Reads arrays from a file, one behind the other.
pub(super) struct Reader<'f> {
    rest: &'f [u8],
}

impl<'f> Reader<'f> {
    /// Behind the header, which must say `sizes`.
    ///
    /// # Errors
    /// It is another file, or of another network.
    pub(super) fn open(file: &'f [u8], sizes: &[usize]) -> Result<Reader<'f>, BadWeights> {
        let rest = file.strip_prefix(MAGIC).ok_or(BadWeights::Foreign)?;
        let (header, rest) = rest.split_at_checked(2 * sizes.len()).ok_or(BadWeights::Length)?;
        let said = header.chunks_exact(2).map(|two| usize::from(u16::from_le_bytes([two[0], two[1]])));
        if !said.eq(sizes.iter().copied()) {
            return Err(BadWeights::Sizes);
        }
        Ok(Reader { rest })
    }

    /// The next so many numbers.
    ///
    /// # Errors
    /// There are not so many.
    pub(super) fn take(&mut self, count: usize) -> Result<Vec<f32>, BadWeights> {
        let (numbers, rest) = self.rest.split_at_checked(2 * count).ok_or(BadWeights::Length)?;
        self.rest = rest;
        Ok(numbers.chunks_exact(2).map(|two| wide(u16::from_le_bytes([two[0], two[1]]))).collect())
    }

    /// Nothing must be left.
    ///
    /// # Errors
    /// Something is.
    pub(super) fn close(self) -> Result<(), BadWeights> {
        if self.rest.is_empty() { Ok(()) } else { Err(BadWeights::Length) }
    }
}

/// A 16-bit float. Infinities and NaN, which no trained network has, become zero.
fn wide(bits: u16) -> f32 {
    let (exponent, fraction) = (i32::from(bits >> 10 & 0x1f), f32::from(bits & 0x3ff));
    let size = match exponent {
        0 => fraction * 2.0f32.powi(-24),
        31 => 0.0,
        _ => (1.0 + fraction / 1024.0) * 2.0f32.powi(exponent - 15),
    };
    if bits & 0x8000 == 0 { size } else { -size }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sixteen_bits_are_what_the_standard_says() {
        for (bits, number) in [
            (0x0000, 0.0),
            (0x3c00, 1.0),
            (0xc000, -2.0),
            (0x7bff, 65_504.0),
            (0x0400, 6.103_515_6e-5),
            (0x0001, 5.960_464_5e-8),
            (0x3555, 0.333_251_95),
            (0x7c00, 0.0),
        ] {
            assert_eq!(wide(bits), number, "{bits:04x}");
        }
    }

    #[test]
    fn other_files_are_refused() {
        let file = [MAGIC, &[2, 0, 3, 0], &[0, 0x3c, 0, 0x40]].concat();
        let read = |file: &[u8], sizes: &[usize], count| {
            let mut reader = Reader::open(file, sizes)?;
            let numbers = reader.take(count)?;
            reader.close().map(|()| numbers)
        };
        assert_eq!(read(&file, &[2, 3], 2), Ok(vec![1.0, 2.0]));
        assert_eq!(read(&file, &[2, 4], 2), Err(BadWeights::Sizes));
        assert_eq!(read(&file, &[2, 3], 1), Err(BadWeights::Length));
        assert_eq!(read(&file, &[2, 3], 3), Err(BadWeights::Length));
        assert_eq!(read(b"RIFF....", &[2, 3], 2), Err(BadWeights::Foreign));
    }
}
