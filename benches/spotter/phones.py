"""The spotter's alphabet: Mandarin's initials and finals without tones. `src/speech/spotter/phones.rs` is its twin."""

INITIALS = "b p m f d t n l g k h j q x zh ch sh r z c s".split()
FINALS = (
    "a ai an ang ao e ei en eng er i ii iii ia ian iang iao ie in ing iong iou ong ou u ua uai uan uang uei uen uo v van ve vn"
).split()
PHONES = ["", *INITIALS, *FINALS]  # 0 is the blank
NUMBER = {phone: n for n, phone in enumerate(PHONES)}

# Syllables without an initial, as pinyin writes them.
BARE = {
    "yi": "i", "ya": "ia", "ye": "ie", "yao": "iao", "you": "iou", "yan": "ian", "yin": "in", "yang": "iang", "ying": "ing",
    "yong": "iong", "yo": "iou", "yai": "ai", "yu": "v", "yue": "ve", "yuan": "van", "yun": "vn", "wu": "u", "wa": "ua",
    "wo": "uo", "wai": "uai", "wei": "uei", "wan": "uan", "wen": "uen", "wang": "uang", "weng": "ong", "o": "uo",
}
# What pinyin shortens after an initial, or hears apart.
SHORT = {"iu": "iou", "ui": "uei", "un": "uen", "o": "uo", "ue": "ve", "ü": "v", "üe": "ve"}
AFTER_PALATAL = {"u": "v", "ue": "ve", "uan": "van", "un": "vn"}


def phones(syllable):
    """The phones of a toneless syllable (`v` for ü), or `None`: it is none of Mandarin's."""
    if syllable in BARE:
        return [BARE[syllable]]
    if syllable in NUMBER and syllable in FINALS:
        return [syllable]
    initial = next((i for i in ("zh", "ch", "sh", *INITIALS) if syllable.startswith(i)), None)
    if initial is None:
        return None
    final = syllable[len(initial):]
    if final == "i" and initial in ("z", "c", "s"):
        final = "ii"
    elif final == "i" and initial in ("zh", "ch", "sh", "r"):
        final = "iii"
    elif initial in ("j", "q", "x"):
        final = AFTER_PALATAL.get(final, SHORT.get(final, final))
    else:
        final = SHORT.get(final, final)
    return [initial, final] if final in FINALS else None


def numbers(syllables):
    """The numbers of the phones of syllables between blanks, or `None`."""
    found = []
    for syllable in syllables.split():
        parts = phones(syllable)
        if parts is None:
            return None
        found += [NUMBER[part] for part in parts]
    return found
