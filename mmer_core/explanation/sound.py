"""What each moment of a sound adds: Shapley values over windows of time.

Where an encoder gives a sequence of frames, the frames of a window are left out; where it gives one vector,
the window is cut from the waveform, which is encoded anew.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mmer_core.clip import SAMPLE_RATE, Clip
from mmer_core.encoders.backends.prosody import frames_at, pitch
from mmer_core.encoders.backends.speech_frames import frame_centres, frame_count, levelled
from mmer_core.encoders.base import ModalityEncoder
from mmer_core.explanation.deletion import deletion
from mmer_core.explanation.game import Game, drawn_orders, shapley
from mmer_core.explanation.parts import Moment, Sound
from mmer_core.explanation.share import ShareOf, features_of
from mmer_core.media.voice_activity import cut, spoken_part

WIDTH = 0.5  # seconds of a window, in a long sound more
MOST = 24  # windows
MOST_ENCODED = 8  # windows of a sound that is encoded anew without each of them
PAIRS = 3  # of orders that are drawn
_VOICED = 0.5  # voicing below which the pitch means nothing
_QUIET = -35.0  # dB below the loudest, where a pitch means nothing either
_FLOOR = -60.0  # dB
_SHORTEST = 895  # samples that a curve needs


def explain_sound(encoder: ModalityEncoder, share: ShareOf, total: float, clip: Clip, seed: int) -> Sound:
    """The moments of a clip's sound.

    Args:
        encoder: of the voice.
        share: what any features of the voice add.
        total: what those of the whole sound add; the moments sum to it.
        clip: with its waveform.
        seed: of the orders that are drawn.
    """
    assert clip.waveform is not None
    edges, game = sound_game(encoder, share, total, clip)
    orders = drawn_orders(game.count, PAIRS, seed)
    points = shapley(game, orders)
    moments = tuple(
        Moment(float(a), float(b), float(p), float(e))
        for a, b, p, e in zip(edges[:-1], edges[1:], points, game.effects(), strict=True)
    )
    return Sound(moments, total, deletion(game, points, orders), *curves(clip.waveform))


def sound_game(encoder: ModalityEncoder, share: ShareOf, total: float, clip: Clip) -> tuple[np.ndarray, Game]:
    """(N + 1,) edges of N windows of a clip's sound in seconds, and what sets of these windows add; all of
    them add `total`.
    """
    begin, end = _heard(encoder, clip)
    rate, rows = encoder.spec.rate, share.features
    if encoder.spec.timing != "rate" or rate is None:
        edges = _edges(begin, end, MOST_ENCODED)
        return edges, Game(
            len(edges) - 1,
            lambda masks: share([_encoded(encoder, clip, edges, keep) for keep in masks]),
            total,
            0.0,
        )
    edges = _edges(begin, begin + len(rows) / rate, MOST)
    times = begin + (np.arange(len(rows)) + 0.5) / rate
    window = np.clip(np.searchsorted(edges, times, side="right") - 1, 0, len(edges) - 2)
    return edges, Game(
        len(edges) - 1, lambda masks: share([rows[keep[window]] for keep in masks]), total, 0.0
    )


def curves(waveform: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Times in seconds, pitch in Hz (NaN where there is none) and level in dB below the loudest, (T,) float32
    each, one every 24 ms; T is 0 for a sound of less than .06 s.
    """
    count = frame_count(len(waveform)) if len(waveform) >= _SHORTEST else 0
    if not count:
        return (np.zeros(0, np.float32),) * 3
    centres, sound = frame_centres(count), levelled(waveform)
    power = np.square(frames_at(sound, centres, 640)).mean(axis=1)
    level = 10 * np.log10(np.maximum(power / max(float(power.max()), 1e-12), 10 ** (_FLOOR / 10)))
    hertz, voicing = pitch(sound, centres)
    hertz = np.where((voicing >= _VOICED) & (level >= _QUIET), hertz, np.nan)
    return (centres / SAMPLE_RATE).astype(np.float32), hertz.astype(np.float32), level.astype(np.float32)


def _heard(encoder: ModalityEncoder, clip: Clip) -> tuple[float, float]:
    """From where to where the encoder reads the sound, in seconds."""
    assert clip.waveform is not None
    if encoder.spec.spoken_part:
        first, last = spoken_part(clip.waveform, clip.voices or ())
        return first / SAMPLE_RATE, last / SAMPLE_RATE
    return 0.0, len(clip.waveform) / SAMPLE_RATE


def _edges(begin: float, end: float, most: int) -> np.ndarray:
    """(N + 1,) of up to `most` windows of `WIDTH` or more."""
    count = int(np.clip(round((end - begin) / WIDTH), 1, most))
    return np.linspace(begin, end, count + 1)


def _encoded(encoder: ModalityEncoder, clip: Clip, edges: np.ndarray, keep: np.ndarray) -> np.ndarray | None:
    """Features of the windows that are kept; None where the encoder finds too little in them."""
    assert clip.waveform is not None
    samples = (edges * SAMPLE_RATE).round().astype(int)
    kept = [cut(clip.waveform, (a, b)) for a, b, k in zip(samples[:-1], samples[1:], keep, strict=True) if k]
    if not kept:
        return None
    waveform = np.concatenate(kept)
    seconds = len(waveform) / SAMPLE_RATE
    part = replace(clip, waveform=waveform, duration=seconds, voices=((0.0, seconds),))
    return features_of(encoder, part)
