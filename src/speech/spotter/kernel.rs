//! The one computation that costs something: frames times weights.
//!
//! Weights are kept in panels of [`LANES`] outputs, so that they are read once from one end to the other for [`FRAMES`] frames. On
//! processors with AVX2 the same code is compiled a second time for them. Invariant: no index comes from outside; sizes are those
//! that the weights were read with.

/// Outputs of a panel.
const LANES: usize = 16;
/// Frames that are computed together.
pub(super) const FRAMES: usize = 4;

/// A matrix in panels, and what is added to its outputs.
pub(super) struct Dense {
    inputs: usize,
    outputs: usize,
    panels: Vec<[f32; LANES]>,
    bias: Vec<[f32; LANES]>,
}

impl Dense {
    /// Of `inputs` rows of `bias.len()` outputs.
    pub(super) fn new(rows: &[f32], bias: &[f32]) -> Dense {
        let outputs = bias.len();
        let inputs = rows.len() / outputs.max(1);
        let padded = |values: &[f32], from: usize| {
            std::array::from_fn(|lane| values.get(from + lane).copied().unwrap_or(0.0))
        };
        let starts = || (0..outputs).step_by(LANES);
        let panel = |from: usize| rows.chunks_exact(outputs).map(move |row| padded(row, from));
        Dense {
            inputs,
            outputs,
            panels: starts().flat_map(panel).collect(),
            bias: starts().map(|from| padded(bias, from)).collect(),
        }
    }

    /// `outputs` (frame by frame) of [`FRAMES`] frames of `inputs`.
    pub(super) fn apply(&self, inputs: &[f32], outputs: &mut [f32]) {
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            // SAFETY: the processor has just said that it knows both sets of instructions; nothing else is asked of a caller.
            #[allow(unsafe_code)]
            return unsafe { apply_wide(self, inputs, outputs) };
        }
        apply::<false>(self, inputs, outputs);
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn apply_wide(dense: &Dense, inputs: &[f32], outputs: &mut [f32]) {
    apply::<true>(dense, inputs, outputs);
}

#[inline(always)]
fn apply<const FUSED: bool>(dense: &Dense, inputs: &[f32], outputs: &mut [f32]) {
    let mut frames = inputs.chunks_exact(dense.inputs);
    let x: [&[f32]; FRAMES] = std::array::from_fn(|_| frames.next().unwrap_or(&[]));
    for (at, (panel, bias)) in dense.panels.chunks_exact(dense.inputs).zip(&dense.bias).enumerate() {
        let (mut sums_a, mut sums_b, mut sums_c, mut sums_d) = (*bias, *bias, *bias, *bias);
        let columns = x[0].iter().zip(x[1]).zip(x[2]).zip(x[3]);
        for (weights, (((a, b), c), d)) in panel.iter().zip(columns) {
            add::<FUSED>(&mut sums_a, weights, *a);
            add::<FUSED>(&mut sums_b, weights, *b);
            add::<FUSED>(&mut sums_c, weights, *c);
            add::<FUSED>(&mut sums_d, weights, *d);
        }
        let sums = [sums_a, sums_b, sums_c, sums_d];
        for (row, sums) in outputs.chunks_exact_mut(dense.outputs).zip(&sums) {
            for (to, from) in row.iter_mut().skip(at * LANES).zip(sums) {
                *to = *from;
            }
        }
    }
}

/// Adds `x` times the weights.
#[inline(always)]
fn add<const FUSED: bool>(sums: &mut [f32; LANES], weights: &[f32; LANES], x: f32) {
    for (sum, weight) in sums.iter_mut().zip(weights) {
        *sum = if FUSED { weight.mul_add(x, *sum) } else { *sum + weight * x };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_give_the_product() {
        let (inputs, outputs) = (7, 21);
        let rows: Vec<f32> = (0..inputs * outputs).map(|n| (n as f32 * 0.37).sin()).collect();
        let bias: Vec<f32> = (0..outputs).map(|n| n as f32 * 0.01).collect();
        let x: Vec<f32> = (0..FRAMES * inputs).map(|n| (n as f32 * 0.11).cos()).collect();
        let dense = Dense::new(&rows, &bias);
        let mut slow = vec![0.0; FRAMES * outputs];
        apply::<false>(&dense, &x, &mut slow);
        let mut detected = vec![0.0; FRAMES * outputs];
        dense.apply(&x, &mut detected);
        for frame in 0..FRAMES {
            for out in 0..outputs {
                let exact: f32 =
                    (0..inputs).map(|i| x[frame * inputs + i] * rows[i * outputs + out]).sum::<f32>()
                        + bias[out];
                assert!((slow[frame * outputs + out] - exact).abs() < 1e-5);
                assert!((detected[frame * outputs + out] - exact).abs() < 1e-5);
            }
        }
    }
}
