//! A sine, sample after sample, without computing one: each value from the two before it. Music and tones have millions of them, and
//! a node's start waits for those.
//!
//! Invariant: over the length of a prompt it stays within 10⁻⁸ of the sine.

/// sin(0), sin(step), sin(2·step)…
pub(super) struct Sine {
    twice_cos: f64,
    before: f64,
    now: f64,
}

impl Sine {
    /// Of `hertz` at `rate` samples a second.
    pub(super) fn new(hertz: f64, rate: u32) -> Sine {
        let step = std::f64::consts::TAU * hertz / f64::from(rate);
        Sine { twice_cos: 2.0 * step.cos(), before: -step.sin(), now: 0.0 }
    }

    /// The next value.
    pub(super) fn step(&mut self) -> f64 {
        let now = self.now;
        self.now = self.twice_cos * now - self.before;
        self.before = now;
        now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_sine() {
        for hertz in [27.5, 450.0, 1_633.0, 3_900.0] {
            let mut sine = Sine::new(hertz, 8_000);
            for n in 0..80_000 {
                let exact = (std::f64::consts::TAU * hertz * f64::from(n) / 8_000.0).sin();
                assert!((sine.step() - exact).abs() < 1e-8, "{hertz} Hz, sample {n}");
            }
        }
    }
}
