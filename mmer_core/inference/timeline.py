"""The answer over time, as data: unimodal and fused predictions, disagreements, changes, subtitles. `windows`
computes it.

Windows are noisier than the answer to the whole clip: the model was trained on whole utterances, and a window
holds less than that.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TypeVar

import numpy as np

from mmer_core.labels import Modality
from mmer_core.media.speech import Segment

CONFIDENT = (
    0.35  # probability from which a modality has a label of its own; below it is little more than a guess
)
SHORTEST_STRETCH = 1.0  # seconds that a disagreement lasts at least
LASTING = 2.0  # seconds, a window's width: what is shorter may be chance
_NAMED = 4  # stretches that a sentence holds
_T = TypeVar("_T")


@dataclass(frozen=True)
class Timeline:
    """Probabilities over time.

    Attributes:
        starts: (W,) float64, seconds at which each window starts.
        ends: (W,) float64, seconds.
        edges: (W + 1,) float64, seconds: window i stands for the time from edges[i] to edges[i + 1]; from 0
            to the clip's end without overlap.
        labels: the model's C classes.
        unimodal: {modality: (W, C) float64} of each alone; NaN where it is absent.
        fused: (W, C) float64; NaN where nothing is present.
        reasons: {modality: why it is absent in each window, or None}.
        phrases: the sentences and when they are said.
        unsure_below: the probability below which an answer is called unsure; 0 if the model states none.
    """

    starts: np.ndarray
    ends: np.ndarray
    edges: np.ndarray
    labels: tuple[str, ...]
    unimodal: Mapping[Modality, np.ndarray]
    fused: np.ndarray
    reasons: Mapping[Modality, tuple[str | None, ...]]
    phrases: tuple[Segment, ...] = ()
    unsure_below: float = 0.0

    def __len__(self) -> int:
        return len(self.starts)

    @property
    def duration(self) -> float:
        """Seconds of the clip."""
        return float(self.edges[-1])


@dataclass(frozen=True)
class Stretch:
    """A piece of time, and the label of each modality in it with its mean probability."""

    start: float
    end: float
    says: Mapping[Modality, tuple[str, float]]


@dataclass(frozen=True)
class Cue:
    """A piece of time in which the fused answer is one class, with its mean probability, and whether that is
    too low to rely on.
    """

    start: float
    end: float
    label: str
    probability: float
    unsure: bool = False


def disagreements(timeline: Timeline) -> list[Stretch]:
    """Stretches of at least `SHORTEST_STRETCH` in which two modalities have different labels, each at
    `CONFIDENT` or above; in order of time.
    """
    own = {m: _labels(p, timeline.labels) for m, p in timeline.unimodal.items()}
    patterns = [tuple((m, s[i]) for m, s in own.items() if s[i] is not None) for i in range(len(timeline))]
    found = []
    for first, last, pattern in equal_stretches(patterns):
        start, end = float(timeline.edges[first]), float(timeline.edges[last])
        if len({label for _, label in pattern}) > 1 and end - start >= SHORTEST_STRETCH - 1e-9:
            mean = {
                m: float(timeline.unimodal[m][first:last, timeline.labels.index(str(label))].mean())
                for m, label in pattern
            }
            found.append(Stretch(start, end, {m: (str(label), mean[m]) for m, label in pattern}))
    return found


def cues(timeline: Timeline) -> list[Cue]:
    """The fused answer as stretches of one emotion, without the time in which nothing is present."""
    names = [None if np.isnan(row).any() else timeline.labels[int(row.argmax())] for row in timeline.fused]
    found = []
    for a, b, name in equal_stretches(names):
        if name is not None:
            mean = float(timeline.fused[a:b, timeline.labels.index(name)].mean())
            found.append(
                Cue(
                    float(timeline.edges[a]),
                    float(timeline.edges[b]),
                    name,
                    mean,
                    mean < timeline.unsure_below,
                )
            )
    return found


def changes(timeline: Timeline) -> list[Cue]:
    """Changes of the fused answer: stretches of at least `LASTING` in which it is sure of one class; none if
    it is always the same one. Stretches of one class with only a short or unsure one between them count as
    one.
    """
    found: list[Cue] = []
    for cue in cues(timeline):
        if cue.unsure or cue.end - cue.start < LASTING - 1e-9:
            continue
        if found and found[-1].label == cue.label:
            before, lasted, lasts = found[-1], found[-1].end - found[-1].start, cue.end - cue.start
            mean = (before.probability * lasted + cue.probability * lasts) / (lasted + lasts)
            found[-1] = Cue(before.start, cue.end, cue.label, mean)
        else:
            found.append(cue)
    return found if len(found) > 1 else []


def changes_sentence(timeline: Timeline) -> str:
    """ "The emotion changes: sadness (0 to 5 s, 56%), then joy (5 to 20 s, 80%)."; "" where it does not."""
    found = changes(timeline)
    if not found:
        return ""
    parts = [f"{c.label} ({c.start:.0f} to {c.end:.0f} s, {c.probability:.0%})" for c in found[:_NAMED]]
    rest = f", and {len(found) - _NAMED} times more" if len(found) > _NAMED else ""
    return f"The emotion changes: {', then '.join(parts)}{rest}."


def subtitles(timeline: Timeline, symbols: Mapping[str, str] | None = None) -> str:
    """The fused answer over time as a WebVTT file (W3C), for any player.

    Args:
        symbols: {label: what stands before it}, such as emoji.
    """
    lines = ["WEBVTT", ""]
    for cue in cues(timeline):
        text = f"{(symbols or {}).get(cue.label, '')} {cue.label} {cue.probability:.0%}".strip()
        text = f"unsure, perhaps {text}" if cue.unsure else text
        lines += [f"{stamp(cue.start)} --> {stamp(cue.end)}", text, ""]
    return "\n".join(lines)


def _labels(own: np.ndarray, labels: Sequence[str]) -> list[str | None]:
    """The label of each window, or None where the modality is absent or below `CONFIDENT`."""
    return [
        labels[int(row.argmax())] if not np.isnan(row).any() and row.max() >= CONFIDENT else None
        for row in own
    ]


def equal_stretches(values: Sequence[_T]) -> Iterator[tuple[int, int, _T]]:
    """(first, last + 1, value) of every run of equal values."""
    at = 0
    for value, group in groupby(values):
        size = len(list(group))
        yield at, at + size, value
        at += size


def stamp(seconds: float) -> str:
    """ "00:01:02.500", as WebVTT writes times."""
    whole, thousandths = divmod(round(1000 * seconds), 1000)
    return f"{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02}.{thousandths:03}"
