"""How long a training will take, before it is started: from a short measurement of the very networks, and from measured encoders."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache

import numpy as np

from mmer_core.crossval.experiment import Experiment, Part, parts_of
from mmer_core.features.table import FeatureTable, column_of
from mmer_core.labels import Modality
from mmer_core.training import loop
from mmer_core.training.config import TrainingConfig

#: Seconds that one clip of 3 to 4 s takes on one processor core, decoding and face detection included: measured on a 2-core server (24 clips of
#: RAVDESS for the voice and the words, 29 s of 640-pixel video for the face, one process). Another machine may be twice as fast or slow.
CLIP_SECONDS: dict[str, float] = {
    "minilm": 0.02,
    "voice_frames": 0.3,
    "mel_cnn": 0.25,
    "librosa_stats": 0.25,
    "lld": 0.25,
    "face_cnn": 0.7,
    "haar_stats": 1.0,
    "dialogue": 0.001,
}
MEASURED_ROWS = 96  # utterances of the measurement
AUGMENTING = ("spec_augment", "temporal_sampling")
MEASURED_EPOCHS = 2  # the first is not counted: it warms up


def extraction_seconds(clips: int, encoders: Mapping[Modality, str], jobs: int) -> float | None:
    """Seconds to encode a corpus in `jobs` processes; None if one of the encoders was never measured."""
    names = [encoder.partition(":")[0] for encoder in encoders.values()]
    if any(name not in CLIP_SECONDS for name in names):
        return None
    return clips * sum(CLIP_SECONDS[name] for name in names) / max(1, jobs)


def training_seconds(experiment: Experiment, shapes: Mapping[Modality, tuple[int, int]], classes: int, n: int, folds: int) -> float:
    """Seconds that cross-validation takes at most, if no fold ends early.

    Each network of one fold is trained for a few epochs on random features of the same shape, one after the other; plain networks, which are
    trained side by side, take less.

    Args:
        experiment: what is trained; the first candidate of a search is measured.
        shapes: {modality: (T, D)}, the usual length and the width of its features.
        classes: C.
        n: utterances of a training part.
        folds: how many.
    """
    candidates = experiment.candidates(0)
    known = tuple(sorted(shapes.items()))
    each = [epoch_seconds(_essential(part), known, classes) for part in parts_of(candidates[0], 0).values()]
    again = 2 if experiment.training.refit else 1
    return sum(each) * n / MEASURED_ROWS * experiment.training.epochs * folds * len(candidates) * again


def random_table(shapes: Mapping[Modality, tuple[int, int]], classes: int) -> FeatureTable:
    """Utterances of drawn numbers, as many as are measured."""
    rng = np.random.default_rng(0)
    draw = {m: rng.normal(size=(MEASURED_ROWS, frames, width)).astype(np.float32) for m, (frames, width) in shapes.items()}
    return FeatureTable(
        columns={m: column_of(list(x)) for m, x in draw.items()},
        y=np.arange(MEASURED_ROWS) % classes,
        labels=tuple(f"class {i}" for i in range(classes)),
        ids=np.array([str(i) for i in range(MEASURED_ROWS)]),
        groups=np.array([str(i) for i in range(MEASURED_ROWS)]),
    )


def _essential(part: Part) -> Part:
    """The part without the settings that do not change how long an epoch takes, so that it is not measured again for them."""
    settings = part.training
    kept = {name: getattr(settings, name) for name in ("optimizer", "batch_size", "modality_dropout", "clip_norm", "precision", *AUGMENTING)}
    return replace(part, training=TrainingConfig(**kept, epochs=MEASURED_EPOCHS, patience=0))


@lru_cache(maxsize=256)
def epoch_seconds(part: Part, shapes: tuple[tuple[Modality, tuple[int, int]], ...], classes: int) -> float:
    """Seconds of one epoch of one network over the measured rows, the best of those that count."""
    table = random_table({m: shape for m, shape in shapes if m in part.modalities}, classes)
    model = loop.build(part.fusion, dict(part.options), table, part.training, 0)
    times = [time.perf_counter()]
    rows = np.arange(MEASURED_ROWS)
    loop.fit(model, table, rows, rows[:0], part.training, seed=0, progress=lambda row: times.append(time.perf_counter()))
    return float(min(np.diff(times)[1:]))
