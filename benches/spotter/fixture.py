#!/usr/bin/env python3
"""Writes what the switch's parity test compares with: a sentence and the network's scores of it.

    fixture.py SENTENCE.wav FOLDER

The weights are made up by a formula that the test knows too, so that it holds whatever was trained last.
"""

import shutil
import sys
from pathlib import Path

import jax
import numpy as np
import soundfile

import network
from sound import features


def made_up():
    """Matrices small, what is added and scaled by large; signs and fractions from a generator."""
    seed, weights = 1, {}
    for name, array in network.fresh(0).items():
        if array.ndim == 1:
            exponent = 13
        else:
            exponent = {"own": 12, "down": 10, "last.w": 12}.get(name.split(".", 1)[1] if name[0].isdigit() else name, 11)
        bits = []
        for _ in range(array.size):
            seed = (seed * 1_664_525 + 1_013_904_223) % 2**32
            bits.append((seed >> 31) << 15 | exponent << 10 | (seed >> 16) & 0x3FF)
        weights[name] = np.array(bits, "<u2").view("<f2").astype(np.float32).reshape(array.shape)
    return weights


def main():
    sentence, folder = map(Path, sys.argv[1:])
    samples, _ = soundfile.read(sentence, dtype="int16")
    logits = network.run(made_up(), features(samples.astype(np.float32) / 32_768)[None].astype(np.float32))
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(sentence, folder / "sentence.wav")
    np.asarray(jax.nn.log_softmax(logits[0]), "<f4").tofile(folder / "scores.f32")


if __name__ == "__main__":
    main()
