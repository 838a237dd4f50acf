#!/usr/bin/env python3
"""Speaks random Mandarin sentences with many voices: what the spotter learns from.

    speak.py --model DIR --out DIR --count N

Sentence n is the same whoever runs this: its words, voice and pace are drawn from a generator seeded with n, so a run that
was cut goes on where it stood. Writes OUT/n.wav (8 kHz, 16 bit) and OUT/n.txt (the syllables' initials and finals, as spoken).
Words come from jieba's dictionary (MIT), weighted by the square root of their frequency, and from WORDS below. The voice is
Kokoro-82M (Apache-2.0): one of six Mandarin voices, mixed with any other. HELD_OUT voices are never used here.
"""

import argparse
import json
import random
import re
from pathlib import Path

import numpy as np

HELD_OUT = {"zf_xiaobei", "zf_xiaoxiao"}
WORDS = (
    "保本 保息 无风险 百分百 收益 稳赚 不赔 资金 周转 困难 内部 消息 刚性 兑付 起诉 包治 百病 副作用 代客 理财 低风险 高收益 投资 产品 "
    "客户 银行 贷款 还款 账户 密码 承诺 保证 基金 股票 医生 治疗 糖尿病 药品 疗效 根治 医院 您好 请问 可以 先生 女士 我们 这个 是不是 "
    "需要 购买 合同 到期 利息 信用卡 逾期 退款 发票 快递 订单 客服 投诉 记录 风险 等级 评估 一定 绝对 没有 问题 放心 赚钱 翻倍 转账 "
    "验证码 身份证 手机号 地址 医保 挂号 预约 检查 手术 社保 公积金 报名 学费 课程 毕业 库存 交货 质量 订货 零件"
).split()
RATE = 8_000


def dictionary():
    import jieba

    words, weights = [], []
    for line in (Path(jieba.__file__).parent / "dict.txt").read_text().splitlines():
        word, count, *_ = line.split()
        if re.fullmatch("[\u4e00-\u9fff]{1,4}", word) and int(count) >= 20:
            words.append(word)
            weights.append(int(count) ** 0.5)
    return words, np.cumsum(weights).tolist()


def sentence(draw, words, weights):
    spoken = []
    for _ in range(draw.randint(5, 11)):
        spoken.append(draw.choice(WORDS) if draw.random() < 0.2 else draw.choices(words, cum_weights=weights)[0])
    if len(spoken) > 6:
        spoken.insert(len(spoken) // 2, "，")
    return "".join(spoken) + "。"


def labels(text):
    """Initials and finals in the order in which they are spoken, by the segmentation that the voice uses."""
    import jieba
    from pypinyin import Style, lazy_pinyin

    parts = []
    for run in re.findall("[\u4e00-\u9fff]+", text):
        for word in jieba.lcut(run, cut_all=False):
            parts += lazy_pinyin(word, style=Style.NORMAL)
    return parts


def style(draw, folder, voices):
    mandarin = [v for v in voices if v.startswith("z")]
    own = draw.choice(mandarin)
    other = draw.choice(mandarin if draw.random() < 0.5 else voices)
    share = draw.uniform(0.0, 0.45) if draw.random() < 0.75 else 0.0
    load = lambda name: np.fromfile(folder / "voices" / f"{name}.bin", dtype=np.float32).reshape(-1, 256)
    return (1 - share) * load(own) + share * load(other), f"{own}+{share:.2f}*{other}"


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--model", type=Path, required=True)
    arguments.add_argument("--out", type=Path, required=True)
    arguments.add_argument("--first", type=int, default=0)
    arguments.add_argument("--count", type=int, default=2_000)
    arguments.add_argument("--threads", type=int, default=1)
    given = arguments.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)

    import onnxruntime
    import soundfile
    from misaki import zh
    from scipy.signal import resample_poly

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = given.threads
    model = b"".join((given.model / f"part{n}.bin").read_bytes() for n in range(1, 5))
    network = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    symbols = json.loads((given.model / "vocab.json").read_text())["vocab"]
    voices = sorted(f.stem for f in (given.model / "voices").glob("*.bin") if f.stem not in HELD_OUT)
    words, weights = dictionary()
    spell = zh.ZHG2P()

    for n in range(given.first, given.first + given.count):
        draw = random.Random(n)
        text = sentence(draw, words, weights)
        voice, name = style(draw, given.model, voices)
        pace = draw.uniform(0.85, 1.25)
        if (given.out / f"{n}.txt").exists():
            continue
        tokens = [symbols[p] for p in spell(text)[0] if p in symbols]
        feed = {
            "tokens": np.array([[0, *tokens, 0]], dtype=np.int64),
            "style": voice[min(len(tokens), len(voice) - 1)][None].astype(np.float32),
            "speed": np.array([pace], np.float32),
        }
        sound = network.run(None, feed)[0].reshape(-1)
        soundfile.write(given.out / f"{n}.wav", resample_poly(sound, 1, 3).astype(np.float32), RATE, subtype="PCM_16")
        (given.out / f"{n}.txt").write_text("\t".join([" ".join(labels(text)), name, text]) + "\n")


if __name__ == "__main__":
    main()
