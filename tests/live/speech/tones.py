#!/usr/bin/env python3
"""Writes tones.onnx: a "recogniser" for sherpa-onnx that takes tones for characters.

    pip install onnx numpy && ./tones.py

It has the shape that sherpa-onnx expects of T-one's CTC networks: 300 ms of 8 kHz samples in, ten frames of log-probabilities
out. A frame of 30 ms belongs to the tone that holds most of its energy (400 Hz is the first token, 600 the second, …), or to
the blank when it is quiet. So a test speaks a phrase by playing tones, and a real server hears it without any trained weights.
"""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

TOKENS = ["保", "本", "息", "稳", "赚"]
FIRST, STEP, RATE, FRAME = 400, 200, 8_000, 240


def constant(name, value):
    return numpy_helper.from_array(np.array(value), name)


def main():
    at = np.arange(FRAME) / RATE
    waves = [f(2 * np.pi * (FIRST + STEP * n) * at) for f in (np.cos, np.sin) for n in range(len(TOKENS))]
    tones = np.stack(waves, axis=1).astype(np.float32) * (2 / FRAME)
    # Both halves of a tone's energy are added: cosines stand before sines.
    both = np.tile(np.eye(len(TOKENS), dtype=np.float32), (2, 1))
    nodes = [
        helper.make_node("Cast", ["signal"], ["whole"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["whole", "scale"], ["samples"]),
        helper.make_node("Reshape", ["samples", "frames"], ["framed"]),
        helper.make_node("MatMul", ["framed", "tones"], ["waves"]),
        helper.make_node("Mul", ["waves", "waves"], ["squares"]),
        helper.make_node("MatMul", ["squares", "both"], ["energy"]),
        helper.make_node("Mul", ["energy", "gain"], ["tone"]),
        helper.make_node("ReduceMax", ["tone", "axis"], ["loudest"], keepdims=1),
        helper.make_node("Sub", ["quiet", "loudest"], ["blank"]),
        helper.make_node("Concat", ["blank", "tone"], ["logits"], axis=2),
        helper.make_node("LogSoftmax", ["logits"], ["logprobs"], axis=2),
        helper.make_node("Identity", ["state"], ["state_next"]),
    ]
    constants = [
        constant("scale", np.float32(1 / 32_768)),
        constant("frames", np.array([0, 10, FRAME], np.int64)),
        constant("tones", tones),
        constant("both", both),
        constant("gain", np.float32(2_000)),
        constant("axis", np.array([2], np.int64)),
        constant("quiet", np.float32(10)),
    ]
    graph = helper.make_graph(
        nodes,
        "tones",
        [
            helper.make_tensor_value_info("signal", TensorProto.INT32, ["N", 10 * FRAME, 1]),
            helper.make_tensor_value_info("state", TensorProto.FLOAT16, ["N", 1]),
        ],
        [
            helper.make_tensor_value_info("logprobs", TensorProto.FLOAT, ["N", 10, 1 + len(TOKENS)]),
            helper.make_tensor_value_info("state_next", TensorProto.FLOAT16, ["N", 1]),
        ],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])
    model.ir_version = 8
    for key, value in {"frame_length_ms": "300", "state_dim": "1", "sample_rate": str(RATE)}.items():
        entry = model.metadata_props.add()
        entry.key, entry.value = key, value
    onnx.save(model, "tones.onnx")
    tokens = ["<blk> 0"] + [f"{token} {n + 1}" for n, token in enumerate(TOKENS)]
    open("tokens.txt", "w", encoding="utf-8").write("\n".join(tokens) + "\n")


if __name__ == "__main__":
    main()
