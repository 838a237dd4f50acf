#!/usr/bin/env python3
"""Speaks the sentences of `judged_text.py` with the voices that are held out of training.

    speak_judged.py --model DIR --out DIR [--noise DB]

OUT/NAME_VOICE.wav (8 kHz, 16 bit), OUT/NAME_VOICE.txt (what is said) and OUT/phrases.words (what is watched for). With --noise the same
sentences DB above noise besides, in OUT-DBdB.
"""

import argparse
import json
from pathlib import Path

import numpy as np

from judged_text import all_sentences
from sound import noise
from speak import HELD_OUT, RATE


def beside_noise(folder, decibels):
    """The same sounds so far above noise, in a folder beside."""
    import soundfile

    beside = folder.with_name(f"{folder.name}-{decibels:g}dB")
    beside.mkdir(exist_ok=True)
    for n, path in enumerate(sorted(folder.glob("*.wav"))):
        sound, rate = soundfile.read(path, dtype="float64")
        level = np.sqrt((sound**2).mean()) * 10 ** (-decibels / 20)
        sound = sound + noise(np.random.default_rng(n), len(sound)) * level
        soundfile.write(beside / path.name, np.clip(sound, -1, 1), rate, subtype="PCM_16")
        (beside / path.with_suffix(".txt").name).write_text(path.with_suffix(".txt").read_text())


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--model", type=Path, required=True)
    arguments.add_argument("--out", type=Path, required=True)
    arguments.add_argument("--noise", type=float)
    given = arguments.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)

    import onnxruntime
    import soundfile
    from misaki import zh
    from scipy.signal import resample_poly

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    model = b"".join((given.model / f"part{n}.bin").read_bytes() for n in range(1, 5))
    network = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    symbols = json.loads((given.model / "vocab.json").read_text())["vocab"]
    spell = zh.ZHG2P()
    for name, _, _, text in all_sentences():
        for voice in sorted(HELD_OUT):
            label = given.out / f"{name}_{voice}.txt"
            if label.exists():
                continue
            tokens = [symbols[p] for p in spell(text)[0] if p in symbols]
            style = np.fromfile(given.model / "voices" / f"{voice}.bin", dtype=np.float32).reshape(-1, 256)
            feed = {
                "tokens": np.array([[0, *tokens, 0]], dtype=np.int64),
                "style": style[min(len(tokens), len(style) - 1)][None],
                "speed": np.ones(1, np.float32),
            }
            sound = resample_poly(network.run(None, feed)[0].reshape(-1), 1, 3).astype(np.float32)
            soundfile.write(label.with_suffix(".wav"), sound, RATE, subtype="PCM_16")
            label.write_text(text + "\n")
    watched = dict.fromkeys(phrase for _, _, phrase, _ in all_sentences() if phrase)
    (given.out / "phrases.words").write_text("@level homophone\n" + "".join(f"{phrase}\n" for phrase in watched))
    if given.noise is not None:
        beside_noise(given.out, given.noise)


if __name__ == "__main__":
    main()
