#!/usr/bin/env python3
"""Trains the spotter on what `speak.py` has spoken.

    train.py --data DIR --out DIR --steps N [--rows 4 --gentle 0.7] [--from FILE.npz]

New sentences that appear in DIR while it trains are taken up. Every 100 steps OUT/state.npz (to go on from) and OUT/spotter.bin (the
weights' running mean as the switch embeds it) are written. The rate of learning falls over the last half of the steps.
"""

import argparse
import os
import queue
import threading
import time
from pathlib import Path

os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", "/tmp/spotter-compiled")

import jax
import jax.numpy as jnp
import numpy as np
import optax
import soundfile

import network
from phones import numbers
from sound import RATE, STEP, WINDOW, features, spoiled

ROW = int(6.4 * RATE)
FRAMES = (ROW - WINDOW) // STEP + 1
LABELS = 128


class Sentences:
    """Sounds with their phones, read as they appear."""

    def __init__(self, folder):
        self.folder, self.known, self.all = folder, set(), []

    def look(self):
        for label in self.folder.glob("*.txt"):
            if label.stem in self.known:
                continue
            self.known.add(label.stem)
            wanted = numbers(label.read_text().split("\t")[0])
            sound, rate = soundfile.read(label.with_suffix(".wav"), dtype="float32")
            assert rate == RATE, label
            if wanted:
                self.all.append((sound, wanted))


def row(draw, sentences, gentle):
    """One row: as many sentences as it holds with pauses between, spoiled one by one but for the share that is spared."""
    made, wanted = np.zeros(ROW, np.float32), []
    at = int(draw.uniform(0, 0.25) * RATE)
    for attempt in range(6):
        sound, phones = sentences[draw.integers(len(sentences))]
        if draw.random() >= gentle:
            sound = spoiled(draw, sound, [sentences[draw.integers(len(sentences))][0]])
        if at + len(sound) + RATE // 5 > ROW or len(wanted) + len(phones) > LABELS:
            continue
        made[at : at + len(sound)] = sound
        wanted += phones
        at += len(sound) + int(draw.uniform(0.05, 0.5) * RATE)
        if attempt and draw.random() < 0.3:
            break
    made += draw.standard_normal(ROW) * 10 ** (draw.uniform(-90, -55) / 20)
    frames = features(made)
    blank = frames.min()
    for _ in range(2):
        wide, high = draw.integers(0, 25), draw.integers(0, 8)
        left, low = draw.integers(0, FRAMES - wide), draw.integers(0, 40 - high)
        frames[left : left + wide] = blank
        frames[:, low : low + high] = frames.mean()
    labels, padding = np.zeros(LABELS, np.int32), np.ones(LABELS, np.float32)
    labels[: len(wanted)], padding[: len(wanted)] = wanted, 0
    return frames.astype(np.float32), labels, padding


def feeder(sentences, batches, seed, rows, gentle):
    draw = np.random.default_rng(seed)
    while True:
        rows_of = [row(draw, sentences.all, gentle) for _ in range(rows)]
        batches.put(tuple(np.stack(part) for part in zip(*rows_of)))


def loss(weights, frames, labels, padding, key):
    logits = network.run(weights, frames, dropout=key)
    own = optax.ctc_loss(logits, jnp.zeros(logits.shape[:2]), labels, padding)
    return (own / jnp.maximum((1 - padding).sum(-1), 1)).mean()


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--data", type=Path, required=True)
    arguments.add_argument("--out", type=Path, required=True)
    arguments.add_argument("--steps", type=int, required=True)
    arguments.add_argument("--rate", type=float, default=1.5e-3)
    arguments.add_argument("--from", dest="before", type=Path)
    arguments.add_argument("--rows", type=int, default=12)
    arguments.add_argument("--gentle", type=float, default=0.0, help="the share of sentences that is not spoiled: helps to begin")
    arguments.add_argument("--seed", type=int, default=int(time.time()))
    given = arguments.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)

    sentences = Sentences(given.data)
    sentences.look()
    weights = network.fresh(1)
    if given.before:
        weights = dict(np.load(given.before))
    weights = {name: jnp.asarray(array) for name, array in weights.items()}
    mean = weights
    optimiser = optax.chain(optax.clip_by_global_norm(3.0), optax.scale_by_adam(b2=0.99), optax.add_decayed_weights(1e-2))
    state = optimiser.init(weights)

    @jax.jit
    def step(weights, mean, state, rate, keep, batch, key):
        value, slopes = jax.value_and_grad(loss)(weights, *batch, key)
        change, state = optimiser.update(slopes, state, weights)
        weights = jax.tree.map(lambda w, c: w - rate * c, weights, change)
        mean = jax.tree.map(lambda m, w: keep * m + (1 - keep) * w, mean, weights)
        return weights, mean, state, value

    batches = queue.Queue(4)
    threading.Thread(target=feeder, args=(sentences, batches, given.seed, given.rows, given.gentle), daemon=True).start()
    began, seen, count = time.time(), [], 0
    key = jax.random.PRNGKey(given.seed % 2**31)
    while count < given.steps:
        passed = count / given.steps
        rate = given.rate * min(1, (count + 1) / 100) * min(1, max(0.03, 2 * (1 - passed)))
        keep = min(0.995, count / (count + 20))
        batch = batches.get()
        weights, mean, state, value = step(weights, mean, state, rate, keep, batch, jax.random.fold_in(key, count))
        seen.append(float(value))
        count += 1
        if count % 10 == 0:
            seconds = time.time() - began
            print(f"{count} {seconds:.0f}s sentences {len(sentences.all)} loss {np.mean(seen[-10:]):.3f} rate {rate:.5f}", flush=True)
        if count % 100 == 0:
            sentences.look()
            keep_all(given.out, weights, mean)
    keep_all(given.out, weights, mean)


def keep_all(folder, weights, mean):
    np.savez(folder / "new.npz", **weights)
    (folder / "new.npz").rename(folder / "state.npz")
    network.save(mean, folder / "new.bin")
    (folder / "new.bin").rename(folder / "spotter.bin")


if __name__ == "__main__":
    main()
