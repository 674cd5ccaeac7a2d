"""The answer in windows that slide over a clip, for every subset of the modalities, from the observation
already made.

Windows are `WIDTH` = 2 s wide and start every `STEP` = .5 s, so neighbours share three quarters of what they
see. The features are those of the whole clip, cut by time as each encoder's `timing` allows; only sentences
are encoded once more, each by itself, since the words of a clip are one vector.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np

from mmer_core.clip import SAMPLE_RATE, Clip
from mmer_core.inference.emotion_model import EmotionModel
from mmer_core.inference.observation import SWITCHED_OFF, Observation
from mmer_core.inference.timeline import Timeline
from mmer_core.inference.window_features import sentences, window_features
from mmer_core.labels import Modality, in_order, subsets
from mmer_core.media.speech import Segment

WIDTH = 2.0  # seconds of a window
STEP = 0.5  # seconds from one window to the next
SHORTEST = 3.0  # seconds; a shorter clip is one utterance and has one answer


@dataclass(frozen=True)
class Windows:
    """W windows with the answers of every subset of the modalities in them.

    Attributes:
        starts: (W,) float64, seconds.
        ends: (W,) float64, seconds.
        duration: of the clip, seconds.
        labels: the C classes.
        probabilities: {subset of what the clip has: (W, C) float64} with only that subset switched on; NaN
            where nothing of it is present.
        reasons: {modality: why it is absent in each window, or None where it is there}.
        phrases: the sentences and when they are said.
    """

    starts: np.ndarray
    ends: np.ndarray
    duration: float
    labels: tuple[str, ...]
    probabilities: Mapping[tuple[Modality, ...], np.ndarray]
    reasons: Mapping[Modality, tuple[str | None, ...]]
    phrases: tuple[Segment, ...]

    def of(self, subset: Collection[Modality]) -> np.ndarray:
        """(W, C) float64 answers with only the modalities of a subset switched on; NaN where nothing of it is
        present.
        """
        known = {m for s in self.probabilities for m in s}
        nothing = np.full((len(self.starts), len(self.labels)), np.nan)
        return self.probabilities.get(in_order(m for m in subset if m in known), nothing)


def has_timeline(observation: Observation) -> bool:
    """Whether the clip is long enough for one, and has anything to go by."""
    return length(observation.clip) >= SHORTEST and bool(observation.features)


def score_windows(model: EmotionModel, observation: Observation) -> Windows:
    """Score every window with every subset of the modalities: about .1 s for a minute of clip, and one short
    encoding for each sentence.

    Raises:
        ValueError: the clip is shorter than `SHORTEST`.
    """
    duration = length(observation.clip)
    if duration < SHORTEST:
        raise ValueError(
            f"a timeline needs {SHORTEST:g} s of clip, this one has {duration:.1f} s: its one answer "
            "stands for all of it"
        )
    count = int(np.ceil((duration - WIDTH) / STEP - 1e-9)) + 1
    starts = np.minimum(np.arange(count) * STEP, duration - WIDTH)
    ends = starts + WIDTH
    phrases = sentences(observation, duration)
    spans = list(zip(starts, ends, strict=True))
    parts = {m: window_features(model, observation, m, spans, phrases) for m in model.modalities}
    samples = [
        {m: row for m, (rows, _) in parts.items() if (row := rows[i]) is not None} for i in range(count)
    ]
    chosen = list(subsets(m for m in model.modalities if any(m in sample for sample in samples)))
    baselines = [observation.baseline] * count
    answers = model.scorer.probabilities(samples, chosen, baselines) if chosen else ()
    for subset, rows in zip(chosen, answers, strict=True):
        rows[[not any(m in sample for m in subset) for sample in samples]] = np.nan
    return Windows(
        starts,
        ends,
        duration,
        model.labels,
        dict(zip(chosen, answers, strict=True)),
        {m: tuple(reasons) for m, (_, reasons) in parts.items()},
        phrases,
    )


def fuse(model: EmotionModel, windows: Windows, use: Collection[Modality] | None = None) -> Timeline:
    """The timeline with the modalities in `use` (default: all): a lookup, so that every toggle can ask for
    one.
    """
    on = [m for m in model.modalities if use is None or m in use]
    centres = (windows.starts + windows.ends) / 2
    edges = np.concatenate([[0.0], (centres[1:] + centres[:-1]) / 2, [windows.duration]])
    return Timeline(
        windows.starts,
        windows.ends,
        edges,
        model.labels,
        {m: windows.of({m} if m in on else ()) for m in model.modalities},
        windows.of(on),
        {m: r if m in on else (SWITCHED_OFF,) * len(r) for m, r in windows.reasons.items()},
        windows.phrases,
        model.unsure_below,
    )


def length(clip: Clip) -> float:
    """Seconds of sound or film in a clip; 0 for a picture or text."""
    if clip.kind in ("picture", "text"):
        return 0.0
    sound = 0.0 if clip.waveform is None else len(clip.waveform) / SAMPLE_RATE
    return max(clip.duration, sound)
