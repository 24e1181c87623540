#!/usr/bin/env python3
"""Turns a copy of the Free Spoken Digit Dataset into folders of spectrograms that Gapwatch trains on.

    git clone https://github.com/Jakobovski/free-spoken-digit-dataset
    python spoken_digits.py free-spoken-digit-dataset spoken-digits
    gapwatch train --data spoken-digits/random --set input.height=64 --set input.width=128

The digits 1 to 9, 70 training, 10 validation and 10 test images of each, in two divisions of the same six speakers:

    random/   all speakers are in all three parts
    speaker/  four speakers are learnt from, a fifth validates, the sixth tests

An image is 128 mel bands (low ones at the bottom) by 256 frames of the first second, 8 bits gray, from -80 to 0 dB.

The recordings are by Zohar Jackson, César Souza, Jason Flaks, Yuxin Pan, Hereman Nicolas and others, licensed under
Creative Commons Attribution-ShareAlike 4.0 International (https://creativecommons.org/licenses/by-sa/4.0/); the images
are derived from them and stay under that licence.

Needs: pip install numpy pillow
"""
import sys
import wave
from pathlib import Path

import numpy as np
from PIL import Image

BANDS, FRAMES, RATE, WINDOW, FFT = 128, 256, 8000, 256, 1024
SEED = 20261123


def mel_filters() -> np.ndarray:
    """Triangular filters (BANDS, FFT // 2 + 1), evenly spaced in mel between 40 Hz and half the rate."""

    def to_mel(hertz: float) -> float:
        return 2595 * np.log10(1 + hertz / 700)

    mels = np.linspace(to_mel(40), to_mel(RATE / 2), BANDS + 2)
    edges = 700 * (10 ** (mels / 2595) - 1) / (RATE / 2) * (FFT // 2)
    low, middle, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    bins = np.arange(FFT // 2 + 1)[None]
    rising = (bins - low) / np.maximum(middle - low, 1e-6)
    falling = (high - bins) / np.maximum(high - middle, 1e-6)
    return np.clip(np.minimum(rising, falling), 0, None)


def read(path: Path) -> np.ndarray:
    """The first second of a recording, -1 to 1; a shorter one is padded with silence."""
    with wave.open(str(path)) as recording:
        if recording.getframerate() != RATE or recording.getsampwidth() != 2:
            raise SystemExit(f"{path}: wanted are 16 bits at {RATE} Hz, as the dataset has them")
        samples = np.frombuffer(recording.readframes(recording.getnframes()), dtype="<i2")
        samples = samples.reshape(-1, recording.getnchannels()).mean(axis=1) / 32768
    return np.pad(samples[:RATE], (0, max(0, RATE - len(samples))))


def spectrogram(samples: np.ndarray, filters: np.ndarray) -> np.ndarray:
    """One second of sound as (BANDS, FRAMES) bytes."""
    hop = (RATE - WINDOW) // (FRAMES - 1)
    frames = np.stack([samples[i * hop : i * hop + WINDOW] for i in range(FRAMES)]) * np.hanning(WINDOW)
    power = np.abs(np.fft.rfft(frames, FFT)) ** 2 @ filters.T
    decibels = 10 * np.log10(power.T + 1e-8)[::-1]
    return np.clip((decibels + 80) / 80 * 255, 0, 255).astype(np.uint8)


def main(source: Path, target: Path) -> None:
    recordings = {}
    for path in sorted((source / "recordings").glob("*_*_*.wav")):
        digit, speaker, take = path.stem.split("_")
        recordings[int(digit), speaker, int(take)] = path
    speakers = sorted({speaker for _, speaker, _ in recordings})
    if len(speakers) != 6:
        raise SystemExit(f"{source}/recordings holds {len(speakers)} speakers, not 6: {', '.join(speakers)}")
    generator = np.random.default_rng(SEED)

    def some(keys: list, count: int) -> list:
        return [keys[i] for i in generator.permutation(len(keys))[:count]]

    filters = mel_filters()
    for digit in range(1, 10):
        mine = [key for key in recordings if key[0] == digit]
        mixed = some(mine, 90)
        parts = {
            "random/train": mixed[:70],
            "random/val": mixed[70:80],
            "random/test": mixed[80:],
            "speaker/train": some([key for key in mine if key[1] in speakers[:4]], 70),
            "speaker/val": some([key for key in mine if key[1] == speakers[4]], 10),
            "speaker/test": some([key for key in mine if key[1] == speakers[5]], 10),
        }
        for part, keys in parts.items():
            folder = target / part / str(digit)
            folder.mkdir(parents=True, exist_ok=True)
            for key in keys:
                image = Image.fromarray(spectrogram(read(recordings[key]), filters))
                image.save(folder / f"{key[1]}_{key[2]:02d}.png", optimize=True)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        raise SystemExit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]))
