//! The network: frames of 10 ms in, for every 30 ms the log-probabilities of the phones out.
//!
//! ```text
//! 40 bands ─ convolution of 5 frames, every 3rd ─ norm ─ 6 blocks ─ norm ─ 58 log-probabilities
//! block: x + down(relu(up(norm(each channel's own 11 taps over x))))
//! ```
//!
//! Nothing looks ahead, so a stream keeps what its taps reach back to (60 kB) and nothing else; [`FRAMES`] frames are computed at
//! once because that reads the weights a fourth as often. Invariant: it computes what `benches/spotter/network.py` computes (the
//! parity test), and allocates nothing while it does.

use super::kernel::{Dense, FRAMES};
use super::mel::{BANDS, Bands};
use super::phones::COUNT;
use super::weights::{BadWeights, Reader};

const WIDTH: usize = 192;
const HIDDEN: usize = 384;
const TAPS: usize = 11;
/// Frames of 10 ms that the first convolution looks at, and how many it goes on by.
const FIRST: usize = 5;
const STRIDE: usize = 3;
/// How far the taps of each block lie apart.
const SPREAD: [usize; 6] = [1, 1, 2, 1, 2, 1];
const EPSILON: f32 = 1e-3;

/// Milliseconds of a frame of the network's.
pub(super) const FRAME_MS: u64 = 30;

/// Log-probabilities of one frame.
pub(super) type Scores = [f32; COUNT];

/// A trained network, shared by all streams.
pub(super) struct Network {
    first: Dense,
    first_norm: Norm,
    blocks: Vec<Block>,
    last_norm: Norm,
    last: Dense,
}

struct Norm {
    scale: Vec<f32>,
    shift: Vec<f32>,
}

struct Block {
    spread: usize,
    /// Tap by tap, a weight a channel.
    own: Vec<f32>,
    own_bias: Vec<f32>,
    norm: Norm,
    up: Dense,
    down: Dense,
}

impl Network {
    /// Reads a file of weights.
    ///
    /// # Errors
    /// It is none for this build.
    pub(super) fn read(file: &[u8]) -> Result<Network, BadWeights> {
        let sizes = [BANDS, WIDTH, HIDDEN, TAPS, FIRST, COUNT, SPREAD.len()];
        let mut reader = Reader::open(file, &[&sizes[..], &SPREAD[..]].concat())?;
        let first = dense(&mut reader, FIRST * BANDS, WIDTH)?;
        let first_norm = norm(&mut reader)?;
        let blocks = SPREAD.iter().map(|spread| block(&mut reader, *spread)).collect::<Result<_, _>>()?;
        let last_norm = norm(&mut reader)?;
        let last = dense(&mut reader, WIDTH, COUNT)?;
        reader.close()?;
        Ok(Network { first, first_norm, blocks, last_norm, last })
    }
}

fn dense(reader: &mut Reader<'_>, inputs: usize, outputs: usize) -> Result<Dense, BadWeights> {
    let rows = reader.take(inputs * outputs)?;
    Ok(Dense::new(&rows, &reader.take(outputs)?))
}

fn norm(reader: &mut Reader<'_>) -> Result<Norm, BadWeights> {
    Ok(Norm { scale: reader.take(WIDTH)?, shift: reader.take(WIDTH)? })
}

fn block(reader: &mut Reader<'_>, spread: usize) -> Result<Block, BadWeights> {
    let own = reader.take(TAPS * WIDTH)?;
    let own_bias = reader.take(WIDTH)?;
    let norm = norm(reader)?;
    let up = dense(reader, WIDTH, HIDDEN)?;
    let down = dense(reader, HIDDEN, WIDTH)?;
    Ok(Block { spread, own, own_bias, norm, up, down })
}

/// What one stream keeps.
pub(super) struct State {
    /// Frames of 10 ms that the first convolution still looks at.
    bands: Vec<f32>,
    /// Each block's past inputs, and behind them this turn's.
    past: Vec<Vec<f32>>,
    x: Vec<f32>,
    y: Vec<f32>,
    hidden: Vec<f32>,
    logits: Vec<f32>,
}

impl State {
    pub(super) fn new() -> State {
        let reach = |spread: &usize| vec![0.0; ((TAPS - 1) * spread + FRAMES) * WIDTH];
        let mut bands = Vec::with_capacity((FIRST + FRAMES * STRIDE) * BANDS);
        bands.resize((FIRST - 1) * BANDS, 0.0);
        State {
            bands,
            past: SPREAD.iter().map(reach).collect(),
            x: vec![0.0; FRAMES * WIDTH],
            y: vec![0.0; FRAMES * WIDTH],
            hidden: vec![0.0; FRAMES * HIDDEN],
            logits: vec![0.0; FRAMES * COUNT],
        }
    }

    /// Takes a frame of 10 ms; when enough have come, hands every 30 ms of them to `take`.
    pub(super) fn push(&mut self, network: &Network, frame: &Bands, mut take: impl FnMut(&Scores)) {
        self.bands.extend_from_slice(frame);
        // The last of the frames needs FIRST inputs that begin STRIDE apart from the one before.
        if self.bands.len() < ((FRAMES - 1) * STRIDE + FIRST) * BANDS {
            return;
        }
        self.turn(network);
        for logits in self.logits.chunks_exact(COUNT) {
            take(&log_softmax(logits));
        }
        let done = FRAMES * STRIDE * BANDS;
        self.bands.copy_within(done.., 0);
        self.bands.truncate(self.bands.len() - done);
    }

    fn turn(&mut self, network: &Network) {
        let mut windows = [0.0; FRAMES * FIRST * BANDS];
        for (at, window) in windows.chunks_exact_mut(FIRST * BANDS).enumerate() {
            let from = at * STRIDE * BANDS;
            window.copy_from_slice(&self.bands[from..from + FIRST * BANDS]);
        }
        network.first.apply(&windows, &mut self.x);
        network.first_norm.apply(&mut self.x);
        relu(&mut self.x);
        for (block, past) in network.blocks.iter().zip(&mut self.past) {
            block.own(past, &self.x, &mut self.y);
            block.norm.apply(&mut self.y);
            block.up.apply(&self.y, &mut self.hidden);
            relu(&mut self.hidden);
            block.down.apply(&self.hidden, &mut self.y);
            for (x, y) in self.x.iter_mut().zip(&self.y) {
                *x += y;
            }
        }
        network.last_norm.apply(&mut self.x);
        network.last.apply(&self.x, &mut self.logits);
    }
}

impl Block {
    /// Each channel's taps over what came before and `x`; afterwards `past` ends with `x`.
    fn own(&self, past: &mut [f32], x: &[f32], y: &mut [f32]) {
        let reach = (TAPS - 1) * self.spread * WIDTH;
        past[reach..].copy_from_slice(x);
        for (frame, y) in y.chunks_exact_mut(WIDTH).enumerate() {
            y.copy_from_slice(&self.own_bias);
            for (tap, weights) in self.own.chunks_exact(WIDTH).enumerate() {
                let from = (frame + tap * self.spread) * WIDTH;
                for ((y, x), weight) in y.iter_mut().zip(&past[from..from + WIDTH]).zip(weights) {
                    *y += x * weight;
                }
            }
        }
        past.copy_within(FRAMES * WIDTH.., 0);
    }
}

impl Norm {
    fn apply(&self, x: &mut [f32]) {
        for row in x.chunks_exact_mut(WIDTH) {
            let mean = row.iter().sum::<f32>() / WIDTH as f32;
            let variance = row.iter().map(|x| (x - mean) * (x - mean)).sum::<f32>() / WIDTH as f32;
            let inverse = (variance + EPSILON).sqrt().recip();
            for ((x, scale), shift) in row.iter_mut().zip(&self.scale).zip(&self.shift) {
                *x = (*x - mean) * inverse * scale + shift;
            }
        }
    }
}

fn relu(x: &mut [f32]) {
    x.iter_mut().for_each(|x| *x = x.max(0.0));
}

fn log_softmax(logits: &[f32]) -> Scores {
    let most = logits.iter().copied().fold(f32::MIN, f32::max);
    let total = logits.iter().map(|logit| (logit - most).exp()).sum::<f32>().ln() + most;
    let mut scores = [0.0; COUNT];
    for (score, logit) in scores.iter_mut().zip(logits) {
        *score = logit - total;
    }
    scores
}
