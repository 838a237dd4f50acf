//! Comfort noise: RFC 3389. What a far end sends in place of silence, made audible again.
//!
//! Invariant: the noise is as loud as its level says, whatever its spectrum, and the filter is stable for any octets.

use super::linear::{FRAME, Frame};

/// Reflection coefficients that are followed; more are finer than anybody hears.
const ORDER: usize = 12;

/// Background noise of a far end.
#[derive(Clone, Debug)]
pub struct Noise {
    /// Standard deviation in 16 bit samples.
    loudness: f32,
    reflection: [f32; ORDER],
    /// The lattice filter's memory.
    back: [f32; ORDER + 1],
    /// Of the shaping filter, so that the level holds.
    gain: f32,
    state: u32,
}

impl Noise {
    /// Reads a payload: one octet of level (0 to 127 below overload, in dB), then one per reflection coefficient
    /// (RFC 3389 §3). An empty payload is silence.
    pub fn read(payload: &[u8]) -> Noise {
        let level = payload.first().map_or(127, |level| level & 0x7f);
        // 0 dBov is a square wave of full scale (RFC 3389 §3.1).
        let loudness = if level == 127 { 0.0 } else { 32_767.0 * 10f32.powf(-f32::from(level) / 20.0) };
        let mut reflection = [0.0; ORDER];
        for (place, octet) in reflection.iter_mut().zip(payload.iter().skip(1)) {
            // §3.2: 0 to 254 from -1 to +1, the middle is 127; the very ends would ring for ever.
            *place = ((f32::from(*octet) - 127.0) / 128.0).clamp(-0.95, 0.95);
        }
        let gain = reflection.iter().map(|k| 1.0 - k * k).product::<f32>().sqrt();
        Noise { loudness, reflection, back: [0.0; ORDER + 1], gain, state: 0x2545_f491 }
    }

    /// Keeps the sound of this noise going under a new description.
    pub fn follow(&mut self, payload: &[u8]) {
        let next = Noise::read(payload);
        *self = Noise { back: self.back, state: self.state, ..next };
    }

    /// 20 ms of it.
    pub fn fill(&mut self, frame: &mut Frame) {
        for sample in frame.iter_mut().take(FRAME) {
            // The sum of four even distributions is near enough to a normal one; its deviation is 1/√3.
            let white: f32 = (0..4).map(|_| self.even()).sum::<f32>() * 1.732;
            *sample = (self.shape(white * self.gain) * self.loudness) as i16;
        }
    }

    /// Between -1/2 and 1/2 (a linear congruential generator: noise need not be unpredictable).
    fn even(&mut self) -> f32 {
        self.state = self.state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (self.state >> 8) as f32 / 16_777_216.0 - 0.5
    }

    /// The all-pole lattice of the reflection coefficients.
    fn shape(&mut self, input: f32) -> f32 {
        let mut forward = input;
        for stage in (0..ORDER).rev() {
            forward -= self.reflection[stage] * self.back[stage];
            self.back[stage + 1] = self.back[stage] + self.reflection[stage] * forward;
        }
        self.back[0] = forward;
        forward
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loudness_db(payload: &[u8]) -> f64 {
        let mut noise = Noise::read(payload);
        let mut energy = 0.0;
        for _ in 0..50 {
            let mut frame = [0; FRAME];
            noise.fill(&mut frame);
            energy += frame.iter().map(|s| f64::from(*s).powi(2)).sum::<f64>();
        }
        10.0 * (energy / (50 * FRAME) as f64 / 32_767f64.powi(2)).log10()
    }

    #[test]
    fn noise_is_as_loud_as_it_says() {
        for (payload, level) in
            [(&[30u8][..], -30.0), (&[50], -50.0), (&[40, 200, 90], -40.0), (&[40, 230, 30, 180], -40.0)]
        {
            let heard = loudness_db(payload);
            assert!((heard - level).abs() < 3.0, "{payload:?}: {heard:.1} dB");
        }
        // However sharp the spectrum, never louder.
        let sharp = [&[40][..], &[254, 0].repeat(20)].concat();
        assert!(loudness_db(&sharp) < -37.0);
        assert_eq!(loudness_db(&[]), f64::NEG_INFINITY);
        assert_eq!(loudness_db(&[0xff]), f64::NEG_INFINITY);
    }
}
