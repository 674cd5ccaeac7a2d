"""Voices as they are read: the mean of a clip's frames against a speaker's own, or the average speaker's."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from operator import add
from typing import Literal

import numpy as np

from mmer_core.inference.baseline import Baseline
from mmer_core.inference.scoring import InputScaling
from mmer_core.labels import EMOTIONS
from recipes.voice.clips import VoiceClip

#: What is known of a speaker: nothing, some of their other clips, some of their neutral ones, or all.
Known = Literal["nothing", "some", "ordinary", "all"]
ROWS = 400.0  # frames that the average speaker counts as beside a speaker's own


@dataclass(frozen=True)
class Voices:
    """N recordings as moments of their frames.

    Attributes:
        clips: the recordings.
        moments: of each, in its `VARIANTS`, see `clips.cached_moments`.
    """

    clips: Sequence[VoiceClip]
    moments: Sequence[tuple[Baseline, ...]]

    def __len__(self) -> int:
        return len(self.clips)

    def take(self, rows: Iterable[int]) -> Voices:
        """The recordings at these positions."""
        chosen = list(rows)
        return Voices([self.clips[i] for i in chosen], [self.moments[i] for i in chosen])

    def of_speakers(self) -> dict[str, list[int]]:
        """{speaker: positions}."""
        found: dict[str, list[int]] = {}
        for i, clip in enumerate(self.clips):
            found.setdefault(clip.speaker, []).append(i)
        return found

    def pooled(self, rows: Iterable[int]) -> Baseline:
        """The moments of all frames of some of the recordings."""
        return reduce(add, (self.moments[i][0] for i in rows))

    def ordinary(self, rows: Iterable[int]) -> list[int]:
        """Those of the positions that are neutral."""
        return [i for i in rows if self.clips[i].label == EMOTIONS[0]]


def average_speaker(voices: Voices) -> InputScaling:
    """The average of the speakers, each corpus counted alike, and of their neutral speech.

    The neutral speech of a corpus in which somebody speaks neutrally is compared with all that these
    speakers say there; the mean difference over the corpora is added to the average speaker.
    """
    everything: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {}
    apart: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {}
    for rows in voices.of_speakers().values():
        corpus, own, neutral = voices.clips[rows[0]].corpus, voices.pooled(rows), voices.ordinary(rows)
        everything.setdefault(corpus, []).append((own.mean, own.variance))
        if neutral and len(neutral) < len(rows):
            calm = voices.pooled(neutral)
            difference = calm.mean - own.mean, np.log(calm.variance) - np.log(own.variance)
            apart.setdefault(corpus, []).append(difference)
    mean, variance = _mean_over_corpora(everything)
    sd = np.sqrt(np.maximum(variance, 1e-4))
    if not apart:
        return InputScaling(mean.astype(np.float32), sd.astype(np.float32), ROWS)
    offset, log_ratio = _mean_over_corpora(apart)
    calm, calm_sd = mean + offset, sd * np.exp(log_ratio / 2)
    single = [part.astype(np.float32) for part in (mean, sd, calm, calm_sd)]
    return InputScaling(single[0], single[1], ROWS, single[2], single[3])


def _mean_over_corpora(
    found: dict[str, list[tuple[np.ndarray, np.ndarray]]],
) -> tuple[np.ndarray, np.ndarray]:
    each = [[np.mean([pair[k] for pair in pairs], axis=0) for k in (0, 1)] for pairs in found.values()]
    first, second = np.mean(each, axis=0)
    return first, second


def read_voices(
    voices: Voices,
    scaling: InputScaling,
    known: Known,
    rng: np.random.Generator,
    *,
    most: int = 8,
    variant: int = 0,
) -> np.ndarray:
    """(N, D) float32: the mean of each recording's frames, standardised by the average speaker as far as
    nothing else is known.

    Args:
        voices: the recordings.
        scaling: the average speaker.
        known: of each speaker; never the recording itself, except under "all", where a clip counts among
            the many of its speaker.
        rng: draws which and how many.
        most: clips that are drawn under "some" and "ordinary", at least one.
        variant: which of `clips.VARIANTS`, by position.
    """
    speakers = voices.of_speakers()
    everything = {s: voices.pooled(rows) for s, rows in speakers.items()} if known == "all" else {}
    means = np.empty((len(voices), len(scaling.mean)), dtype=np.float32)
    for i, clip in enumerate(voices.clips):
        own = everything.get(clip.speaker)
        if known in ("some", "ordinary"):
            others = [j for j in speakers[clip.speaker] if j != i]
            others = voices.ordinary(others) if known == "ordinary" else others
            drawn = rng.permutation(others)[: int(rng.integers(1, most + 1))]
            own = replace(voices.pooled(drawn), ordinary=known == "ordinary") if len(drawn) else None
        used = scaling if own is None else scaling.towards(own)
        means[i] = (voices.moments[i][variant].mean - used.mean) / used.sd
    return means
