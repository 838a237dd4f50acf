"""Sound in and features out, and what telephones, rooms and lines do to sound. `src/speech/spotter/mel.rs` is the features' twin."""

import numpy as np

RATE = 8_000
WINDOW, STEP, POINTS, BANDS = 200, 80, 256, 40
FLOOR = 1e-4


def mel_bands():
    """The triangular filters over the power spectrum: POINTS / 2 + 1 rows, BANDS columns, 120 to 3 800 Hz."""
    mel = lambda hertz: 1127 * np.log1p(hertz / 700)
    edges = np.linspace(mel(120), mel(3_800), BANDS + 2)
    at = mel(np.arange(POINTS // 2 + 1) * RATE / POINTS)
    rise = (at[:, None] - edges[None, :-2]) / (edges[1:-1] - edges[:-2])
    fall = (edges[None, 2:] - at[:, None]) / (edges[2:] - edges[1:-1])
    return np.maximum(0, np.minimum(rise, fall)).astype(np.float32)


HANN = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)).astype(np.float32)
MEL = mel_bands()


def features(sound):
    """Samples in [-1, 1] to frames of 10 ms of BANDS logarithmic energies."""
    frames = np.lib.stride_tricks.sliding_window_view(sound, WINDOW)[::STEP]
    power = np.abs(np.fft.rfft(frames * HANN, POINTS)).astype(np.float32) ** 2
    return (np.log(power @ MEL + FLOOR) + 3) / 4


def companded(sound, mu):
    """µ-law (its curve, 8 bits), or A-law's curve."""
    size = np.abs(sound)
    if mu:
        code = np.round(np.log1p(255 * size) / np.log1p(255) * 127) / 127
        return np.sign(sound) * ((256.0**code) - 1) / 255
    a = 87.6
    base = 1 + np.log(a)
    code = np.where(size < 1 / a, a * size / base, (1 + np.log(np.maximum(a * size, 1))) / base)
    code = (np.floor(code * 128) + 0.5) / 128
    back = np.where(code < 1 / base, code * base / a, np.exp(code * base - 1) / a)
    return np.sign(sound) * back


def noise(draw, length):
    """Noise between white and brown, sometimes humming or coming and going."""
    spectrum = np.fft.rfft(draw.standard_normal(length))
    hertz = np.maximum(np.fft.rfftfreq(length, 1 / RATE), 30)
    made = np.fft.irfft(spectrum * hertz ** -draw.uniform(0, 1), length)
    if draw.random() < 0.3:
        knots = draw.uniform(0.1, 1, max(2, length // 2_000))
        made *= np.interp(np.arange(length), np.linspace(0, length, len(knots)), knots)
    return made / (made.std() + 1e-9)


def spoiled(draw, sound, others=()):
    """What a telephone, a room and a line may make of `sound`: samples in [-1, 1]."""
    pace = draw.uniform(0.82, 1.22)
    at = np.arange(int(len(sound) / pace)) * pace
    sound = np.interp(at, np.arange(len(sound)), sound)
    length = len(sound)
    if draw.random() < 0.25:
        size = int(draw.uniform(0.05, 0.25) * RATE)
        room = draw.standard_normal(size) * np.exp(-np.arange(size) / (size / 6))
        room *= draw.uniform(0.05, 0.4) / np.sqrt((room**2).sum())
        room[0] = 1
        total = length + size
        sound = np.fft.irfft(np.fft.rfft(sound, total) * np.fft.rfft(room, total), total)[:length]
    hertz = np.fft.rfftfreq(length, 1 / RATE)
    curve = 10 ** (np.interp(hertz, np.linspace(0, 4_000, 8), draw.uniform(-7, 7, 8)) / 20)
    low, high = draw.uniform(60, 350), draw.uniform(3_100, 3_950)
    band = curve / (1 + (low / np.maximum(hertz, 1)) ** 4) / (1 + (hertz / high) ** 12)
    sound = np.fft.irfft(np.fft.rfft(sound) * band, length)
    level = np.sqrt((sound**2).mean()) + 1e-9
    if draw.random() < 0.7:
        sound = sound + noise(draw, length) * level * 10 ** (-draw.uniform(5, 35) / 20)
    if len(others) and draw.random() < 0.15:
        other = np.resize(others[draw.integers(len(others))], length)
        sound = sound + other * level / (other.std() + 1e-9) * 10 ** (-draw.uniform(12, 30) / 20)
    sound = np.clip(sound / (np.abs(sound).max() + 1e-6) * 10 ** (draw.uniform(-30, 3) / 20), -1, 1)
    law = draw.random()
    return (companded(sound, law < 0.3) if law < 0.8 else sound).astype(np.float32)
