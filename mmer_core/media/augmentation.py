"""Augmentation of sound and pictures, for training parts only: pure functions of an input and a generator.

A changed copy of a corpus is extracted with an encoder's option augment (`mel_cnn:augment=1`), see
`encoders.augmented`; sequences of features are augmented by `training.augmentation`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from mmer_core.clip import SAMPLE_RATE, Clip
from mmer_core.config import JsonConfig


@dataclass(frozen=True)
class Strength(JsonConfig):
    """Bounds of the changes; the defaults are those of the published early-and-late ensemble, where given.

    Attributes:
        stretch: largest change of tempo, as a share.
        semitones: largest change of pitch.
        noise_db: signal-to-noise ratio of added white noise, dB.
        crop: smallest side of a random crop, as a share of the frame's.
        jitter: largest change of brightness, contrast and saturation, as a share.
        frames: smallest share of the frames that is kept.
    """

    stretch: float = 0.10
    semitones: float = 2.0
    noise_db: float = 15.0
    crop: float = 0.85
    jitter: float = 0.2
    frames: float = 0.7


def time_stretch(waveform: np.ndarray, rate: float) -> np.ndarray:
    """The waveform, (N,) float32, at `rate` times its tempo and the same pitch: about N / rate samples (phase
    vocoder).
    """
    import librosa

    return librosa.effects.time_stretch(np.asarray(waveform, dtype=np.float32), rate=rate).astype(np.float32)


def pitch_shift(waveform: np.ndarray, semitones: float, sample_rate: int) -> np.ndarray:
    """The waveform, (N,) float32, `semitones` higher (lower if negative) and of the same length."""
    import librosa

    return librosa.effects.pitch_shift(
        np.asarray(waveform, dtype=np.float32), sr=sample_rate, n_steps=semitones
    ).astype(np.float32)


def add_noise(waveform: np.ndarray, decibels: float, generator: np.random.Generator) -> np.ndarray:
    """The waveform, (N,) float32, with white noise at this signal-to-noise ratio (dB); silence stays so."""
    power = float(np.mean(np.square(waveform, dtype=np.float64))) if len(waveform) else 0.0
    noise = generator.standard_normal(len(waveform)) * np.sqrt(power / 10 ** (decibels / 10))
    return np.clip(waveform + noise, -1.0, 1.0).astype(np.float32)


def random_crop(frames: np.ndarray, smallest: float, generator: np.random.Generator) -> np.ndarray:
    """One random window for all frames, (T, H, W, 3) uint8, its side between `smallest` and 1 times theirs,
    scaled back to H × W.
    """
    import cv2

    _, height, width, _ = frames.shape
    share = generator.uniform(smallest, 1.0)
    h, w = max(1, round(height * share)), max(1, round(width * share))
    top, left = generator.integers(0, height - h + 1), generator.integers(0, width - w + 1)
    window = frames[:, top : top + h, left : left + w]
    return np.stack([cv2.resize(f, (width, height), interpolation=cv2.INTER_LINEAR) for f in window])


def colour_jitter(frames: np.ndarray, strength: float, generator: np.random.Generator) -> np.ndarray:
    """One random change of brightness, contrast and saturation, each by at most `strength`, for all frames
    (T, H, W, 3) uint8.
    """
    brightness, contrast, saturation = 1 + generator.uniform(-strength, strength, 3)
    x = frames.astype(np.float32) * brightness
    middle = x.mean(axis=(1, 2, 3), keepdims=True)
    x = middle + (x - middle) * contrast
    grey = x.mean(axis=-1, keepdims=True)
    return np.clip(grey + (x - grey) * saturation, 0, 255).round().astype(np.uint8)


def sample_frames(count: int, share: float, generator: np.random.Generator) -> np.ndarray:
    """Temporal sampling: ascending positions of a random `share` of `count` frames, at least one."""
    kept = max(1, round(count * share))
    return (
        np.sort(generator.choice(count, size=kept, replace=False)) if count else np.zeros(0, dtype=np.int64)
    )


def augment_clip(clip: Clip, generator: np.random.Generator, strength: Strength | None = None) -> Clip:
    """A changed copy of a clip: tempo, pitch and noise of the sound; choice, colours and crop of the
    pictures.

    Where faces were found, the face crops are cropped and the frames are not, so that boxes still fit. The
    digest changes too, so that no cache takes the copy for the original.
    """
    s = strength or Strength()
    stretch, shift, kept = (
        generator.uniform(-s.stretch, s.stretch),
        generator.uniform(-s.semitones, s.semitones),
        generator.uniform(s.frames, 1),
    )
    waveform, frames, times, faces = clip.waveform, clip.frames, clip.times, clip.faces
    if waveform is not None and len(waveform):
        waveform = add_noise(
            pitch_shift(time_stretch(waveform, 1 + stretch), shift, SAMPLE_RATE), s.noise_db, generator
        )
    if faces is not None and len(faces):
        rows = sample_frames(len(faces), kept, generator)
        crops = colour_jitter(random_crop(faces.crops[rows], s.crop, generator), s.jitter, generator)
        parts = {
            name: getattr(faces, name)[rows] for name in ("times", "frames", "boxes", "landmarks", "scores")
        }
        faces = replace(faces, crops=crops, **parts)
        frames = frames if frames is None else colour_jitter(frames, s.jitter, generator)
    elif frames is not None and times is not None and len(frames):
        rows = sample_frames(len(frames), kept, generator)
        frames, times = (
            colour_jitter(random_crop(frames[rows], s.crop, generator), s.jitter, generator),
            times[rows],
        )
    digest = f"{clip.digest}+{generator.integers(2**63):016x}"
    return replace(
        clip, waveform=waveform, voices=None, frames=frames, times=times, faces=faces, digest=digest
    )
