"""Variations of a recording in training, towards webcams, calls and telephones, and synthetic sounds
without a voice.
"""

from __future__ import annotations

import io
from collections.abc import Callable

import av
import numpy as np
from scipy import signal

from mmer_core.clip import SAMPLE_RATE


def over_a_call(sound: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Background noise 5 to 30 dB below the voice, then the Opus codec at 12 to 32 kbit/s, as a browser
    records.
    """
    return opus(with_noise(sound, rng, float(rng.uniform(5, 30))), int(rng.integers(12, 33)) * 1000)


def coded(sound: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The Opus codec alone at 24 to 64 kbit/s, so that it does not tell one corpus from another."""
    return opus(sound, int(rng.integers(24, 65)) * 1000)


def in_a_room(sound: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Reverberation (.15 to .6 s), a band of telephone to full width, and a little noise."""
    length = int(SAMPLE_RATE * rng.uniform(0.15, 0.6))
    echo = rng.standard_normal(length) * np.exp(-6.9 * np.arange(length) / length) * rng.uniform(0.02, 0.12)
    echo[0] = 1.0
    wet = signal.fftconvolve(sound, echo)[: len(sound)]
    band = signal.butter(
        2, [rng.uniform(40, 300), rng.uniform(3400, 7800)], "bandpass", fs=SAMPLE_RATE, output="sos"
    )
    return with_noise(signal.sosfilt(band, wet).astype(np.float32), rng, float(rng.uniform(15, 45)))


def narrow_band(sound: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A telephone: 8 kHz with nothing above 3.3 to 3.9 kHz, in half of the cases nothing below 200 to 400 Hz
    either, a little noise, -40 to -15 dBFS; then as it is, by G.711 or by Opus at 8 to 16 kbit/s.
    """
    lowest, highest = rng.uniform(200, 400) if rng.random() < 0.5 else 20, rng.uniform(3300, 3900)
    band = signal.butter(4, [lowest, highest], "bandpass", fs=SAMPLE_RATE, output="sos")
    narrow = signal.resample_poly(signal.sosfilt(band, sound), 1, 2).astype(np.float32)
    noisy = with_noise(narrow, rng, float(rng.uniform(20, 50)))
    level = 10 ** (rng.uniform(-40, -15) / 20) / np.sqrt(np.square(noisy).mean())
    line = np.clip(noisy * level, -1, 1)
    coding = rng.integers(3)
    line = mu_law(line) if coding == 1 else line
    wide = signal.resample_poly(line, 2, 1).astype(np.float32)
    return opus(wide, int(rng.integers(8, 17)) * 1000) if coding == 2 else wide


#: One of these, drawn by the clip's name, makes the second variant of a recording.
VARIATIONS: tuple[Callable[[np.ndarray, np.random.Generator], np.ndarray], ...] = (
    over_a_call,
    in_a_room,
    coded,
)


def coloured_noise(samples: int, rng: np.random.Generator) -> np.ndarray:
    """Noise with a spectrum between white and brown, root mean square 1."""
    spectrum = np.fft.rfft(rng.standard_normal(samples))
    noise = np.fft.irfft(spectrum / np.maximum(np.arange(len(spectrum)), 1) ** rng.uniform(0, 1), samples)
    return noise / np.sqrt(np.square(noise).mean())


def with_noise(sound: np.ndarray, rng: np.random.Generator, decibel: float) -> np.ndarray:
    """The sound with coloured noise that is `decibel` below its louder half."""
    blocks = np.sort(np.square(sound[: len(sound) // 400 * 400].reshape(-1, 400)).mean(axis=1))
    level = np.sqrt(blocks[len(blocks) // 2 :].mean())
    return (sound + coloured_noise(len(sound), rng) * level * 10 ** (-decibel / 20)).astype(np.float32)


def mu_law(sound: np.ndarray) -> np.ndarray:
    """Sound in -1 to 1 after eight bits of µ-law (ITU-T G.711)."""
    loud = np.sign(sound) * np.log1p(255 * np.abs(sound)) / np.log(256)
    coded = np.round(loud * 127) / 127
    return (np.sign(coded) * np.expm1(np.abs(coded) * np.log(256)) / 255).astype(np.float32)


def opus(sound: np.ndarray, bits_per_second: int) -> np.ndarray:
    """The sound after Opus coding and decoding, at 16 kHz."""
    file = io.BytesIO()
    peak = max(1.0, float(np.abs(sound).max()))
    with av.open(file, "w", format="ogg") as writer:
        stream = writer.add_stream("libopus", rate=SAMPLE_RATE, layout="mono", bit_rate=bits_per_second)
        frame = av.AudioFrame.from_ndarray(
            (sound / peak * 32767).astype(np.int16)[None], format="s16", layout="mono"
        )
        frame.sample_rate = SAMPLE_RATE
        writer.mux(stream.encode(frame))
        writer.mux(stream.encode(None))
    file.seek(0)
    resampler = av.AudioResampler(format="fltp", layout="mono", rate=SAMPLE_RATE)
    with av.open(file, "r") as reader:
        frames = [
            f for decoded in reader.decode(audio=0) for f in resampler.resample(decoded)
        ] + resampler.resample(None)
    return np.concatenate([f.to_ndarray()[0] for f in frames])[: len(sound)] * peak


def synthetic_sound(rng: np.random.Generator) -> np.ndarray:
    """2 to 6 seconds of noise, chords or knocks, alone or mixed."""
    samples = int(SAMPLE_RATE * rng.uniform(2, 6))
    time = np.arange(samples) / SAMPLE_RATE
    sound = coloured_noise(samples, rng) * 10 ** rng.uniform(-2.5, 0)
    if rng.random() < 0.7:  # chords that change, with overtones
        root = 55 * 2 ** rng.uniform(0, 4)
        for start in np.arange(0, time[-1], rng.uniform(0.2, 1.2)):
            envelope = np.exp(-np.maximum(time - start, 0) * rng.uniform(0.5, 6)) * (time >= start)
            for step in rng.choice([0, 3, 4, 7, 10, 12, -5], size=rng.integers(1, 4), replace=False):
                for overtone in range(1, int(rng.integers(2, 7))):
                    sound += (
                        envelope * np.sin(2 * np.pi * root * 2 ** (step / 12) * overtone * time) / overtone
                    )
            root *= 2 ** (rng.choice([-5, -2, 0, 2, 5]) / 12)
    if rng.random() < 0.4:  # knocks
        knocks = np.zeros(samples)
        knocks[rng.integers(0, samples, int(rng.integers(2, 40)))] = rng.uniform(5, 40)
        sound += signal.lfilter([1], [1, -float(rng.uniform(0.9, 0.999))], knocks)
    return (sound * 0.1 / np.abs(sound).max()).astype(np.float32)
