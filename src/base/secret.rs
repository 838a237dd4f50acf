//! A value that cannot be printed and is wiped when it goes.

use std::fmt;

use zeroize::{Zeroize, ZeroizeOnDrop};

/// A secret: no `Display`, a `Debug` that shows nothing, memory wiped on drop.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Secret<T: Zeroize>(T);

impl<T: Zeroize> Secret<T> {
    /// Takes `value` into custody.
    pub fn new(value: T) -> Self {
        Secret(value)
    }

    /// Lends the value. The name is long on purpose: a reader should stop at each use.
    pub fn expose(&self) -> &T {
        &self.0
    }
}

impl<T: Zeroize> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_does_not_print() {
        assert_eq!(format!("{:?}", Secret::new("hunter2".to_string())), "Secret(..)");
    }
}
