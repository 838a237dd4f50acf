#!/usr/bin/env python3
"""Writes simplified.txt and syllables.txt from the Unihan database.

    apt-get download unicode-data && dpkg-deb -x unicode-data_*.deb unpacked
    python3 make.py unpacked/usr/share/unicode

Made with Unicode 15.0.0 (Debian's unicode-data 15.0.0-1). The data are Unicode's, selected and rearranged here: LICENSE-UNICODE.
"""
import bz2
import re
import sys
import unicodedata
from pathlib import Path

HERE = Path(__file__).parent
# A character of traditional text whose target is read otherwise than it is in its usual words.
KEPT = "著"
# Forms of one character that Unihan calls variants of another kind; pairs.
FORMS = (
    "爲为衆众綫线説说週周佈布佔占係系僱雇倖幸恆恒羣群峯峰牀床麪面鉅巨甦苏儘尽掛挂託托彙汇祕秘昇升閒闲"
    "遊游跡迹蹟迹註注証证禦御菸烟裏里汙污兇凶脣唇鬥斗慾欲喫吃嚐尝薦荐讚赞佔占週周噹当儅当谘咨稅税銭钱"
)


def field(folder, file, name):
    """{character: value} of one field of the database."""
    out = {}
    for line in bz2.open(Path(folder) / f"{file}.txt.bz2", "rt", encoding="utf-8"):
        cells = line.rstrip("\n").split("\t")
        if len(cells) == 3 and cells[1] == name:
            out[chr(int(cells[0][2:], 16))] = cells[2]
    return out


def toneless(syllable):
    """`lǜ` as `lv`, `zhōng` as `zhong`."""
    plain = unicodedata.normalize("NFD", syllable.lower()).replace("u\u0308", "v")
    return "".join(c for c in plain if not unicodedata.combining(c)).replace("ê", "e")


def readings(folder):
    """{character: [(syllable, how often)]}: the readings that people use, the most frequent first."""
    frequent = field(folder, "Unihan_Readings", "kHanyuPinlu")
    standard = field(folder, "Unihan_Readings", "kTGHZ2013")
    out = {}
    for character in sorted(set(frequent) | set(standard)):
        counts = {}
        for syllable, count in re.findall(r"([^\s(]+)\((\d+)\)", frequent.get(character, "")):
            counts[toneless(syllable)] = counts.get(toneless(syllable), 0) + int(count)
        # One use in a hundred is a word of its own or an old one.
        counts = {s: n for s, n in counts.items() if n * 100 >= sum(counts.values())}
        if not counts:
            for syllable in re.findall(r":(\S+)", standard[character]):
                for one in syllable.split(","):
                    counts[toneless(one)] = 0
        out[character] = sorted(counts.items(), key=lambda pair: -pair[1])
    return out


def simplified(folder, known):
    """{traditional: simplified}, one character each, within the basic plane."""
    out = {}
    for character, value in field(folder, "Unihan_Variants", "kSimplifiedVariant").items():
        targets = [chr(int(t[2:], 16)) for t in value.split()]
        targets = [t for t in targets if t != character and ord(t) < 0x10000]
        targets.sort(key=lambda t: t not in known)
        if targets and ord(character) < 0x10000 and character not in KEPT:
            out[character] = targets[0]
    for character, target in zip(FORMS[::2], FORMS[1::2]):
        out.setdefault(character, target)
    for character, target in list(out.items()):
        seen = {character}
        while target in out and target not in seen:
            seen.add(target)
            target = out[target]
        if target == character:
            del out[character]
        else:
            out[character] = target
    return out


def write(name, lines):
    (HERE / name).write_text("".join(line + "\n" for line in lines), encoding="utf-8")


def main(folder):
    read = readings(folder)
    folded = simplified(folder, read)
    pairs = ["".join(pair) for pair in sorted(folded.items())]
    write("simplified.txt", ["".join(pairs[at : at + 40]) for at in range(0, len(pairs), 40)])
    syllables = {}
    for character, counts in read.items():
        for rank, (syllable, count) in enumerate(counts):
            if ord(character) < 0x10000 and character not in folded:
                syllables.setdefault(syllable, []).append((-count, rank, character))
    write("syllables.txt", [s + " " + "".join(c for _, _, c in sorted(of)) for s, of in sorted(syllables.items())])


main(sys.argv[1])
