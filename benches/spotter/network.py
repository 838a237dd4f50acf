"""The network, and the file of weights that the switch embeds. `src/speech/spotter/network.rs` is its twin.

    frames of 10 ms, 40 bands
      -> convolution of 5 frames, every 3rd               (30 ms a frame from here on)
      -> 6 x  [ own convolution of 11 a channel, norm, 192 -> 384 -> 192, added to what came in ]
      -> norm -> 58 phones and the blank of CTC

Nothing looks ahead: a frame's answer is known when the frame has been heard.
"""

import struct

import jax
import jax.numpy as jnp
import numpy as np

from phones import PHONES
from sound import BANDS

WIDTH, HIDDEN, TAPS, FIRST, STRIDE = 192, 384, 11, 5, 3
SPREAD = (1, 1, 2, 1, 2, 1)
EPSILON = 1e-3
MAGIC = b"LLSPOT1\n"


def fresh(seed):
    """Weights before training: a list of (name, array) in the order of the file."""
    draw = np.random.default_rng(seed)
    normal = lambda *shape, fan: (draw.standard_normal(shape) * (1 / fan) ** 0.5).astype(np.float32)
    zeros, ones = lambda n: np.zeros(n, np.float32), lambda n: np.ones(n, np.float32)
    weights = {
        "first.w": normal(FIRST * BANDS, WIDTH, fan=FIRST * BANDS), "first.b": zeros(WIDTH),
        "first.scale": ones(WIDTH), "first.shift": zeros(WIDTH),
    }
    for n in range(len(SPREAD)):
        weights |= {
            f"{n}.own": normal(TAPS, WIDTH, fan=TAPS), f"{n}.own.b": zeros(WIDTH),
            f"{n}.scale": ones(WIDTH), f"{n}.shift": zeros(WIDTH),
            f"{n}.up": normal(WIDTH, HIDDEN, fan=WIDTH / 2), f"{n}.up.b": zeros(HIDDEN),
            f"{n}.down": normal(HIDDEN, WIDTH, fan=HIDDEN * 2), f"{n}.down.b": zeros(WIDTH),
        }
    return weights | {
        "last.scale": ones(WIDTH), "last.shift": zeros(WIDTH),
        "last.w": normal(WIDTH, len(PHONES), fan=WIDTH), "last.b": zeros(len(PHONES)),
    }


def normed(x, scale, shift):
    mean = x.mean(-1, keepdims=True)
    variance = ((x - mean) ** 2).mean(-1, keepdims=True)
    return (x - mean) * jax.lax.rsqrt(variance + EPSILON) * scale + shift


def run(weights, frames, dropout=None):
    """Logits (batch, frames of 30 ms, phones) of features (batch, frames of 10 ms, BANDS)."""
    batch, length, _ = frames.shape
    padded = jnp.pad(frames, ((0, 0), (FIRST - 1, 0), (0, 0)))
    count = (length + STRIDE - 1) // STRIDE
    padded = jnp.pad(padded, ((0, 0), (0, count * STRIDE + FIRST), (0, 0)))
    pieces = [padded[:, k : k + count * STRIDE : STRIDE] for k in range(FIRST)]
    x = jnp.concatenate(pieces, -1) @ weights["first.w"] + weights["first.b"]
    x = jax.nn.relu(normed(x, weights["first.scale"], weights["first.shift"]))
    longest = (TAPS - 1) * max(SPREAD)

    def block(x, these):
        own, spread, key = these["own"], these["spread"], these["key"]
        before = jnp.pad(x, ((0, 0), (longest, 0), (0, 0)))
        tap = lambda k: jax.lax.dynamic_slice_in_dim(before, longest - (TAPS - 1 - k) * spread, count, 1)
        y = sum(tap(k) * own[k] for k in range(TAPS)) + these["own.b"]
        y = normed(y, these["scale"], these["shift"])
        y = jax.nn.relu(y @ these["up"] + these["up.b"])
        if dropout is not None:
            y = y * (jax.random.uniform(key, (batch, 1, HIDDEN)) > 0.1) / 0.9
        return x + y @ these["down"] + these["down.b"], None

    names = [name[2:] for name in weights if name.startswith("0.")]
    stacked = {name: jnp.stack([weights[f"{n}.{name}"] for n in range(len(SPREAD))]) for name in names}
    keys = jax.random.split(jax.random.PRNGKey(0) if dropout is None else dropout, len(SPREAD))
    x, _ = jax.lax.scan(block, x, stacked | {"spread": jnp.array(SPREAD), "key": keys})
    x = normed(x, weights["last.scale"], weights["last.shift"])
    return x @ weights["last.w"] + weights["last.b"]


def save(weights, path):
    """The file: magic, sizes (u16), then every array of `fresh` in its order as 16-bit floats, little-endian."""
    sizes = struct.pack("<7H", BANDS, WIDTH, HIDDEN, TAPS, FIRST, len(PHONES), len(SPREAD))
    spreads = struct.pack(f"<{len(SPREAD)}H", *SPREAD)
    body = b"".join(np.asarray(weights[name], "<f2").tobytes() for name in fresh(0))
    path.write_bytes(MAGIC + sizes + spreads + body)


def load(path):
    """The weights of a file that `save` has written."""
    data = path.read_bytes()[len(MAGIC) + 14 + 2 * len(SPREAD) :]
    numbers, at, weights = np.frombuffer(data, "<f2").astype(np.float32), 0, {}
    for name, array in fresh(0).items():
        weights[name] = numbers[at : at + array.size].reshape(array.shape)
        at += array.size
    return weights
