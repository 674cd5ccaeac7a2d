"""The time that a training will take, estimated before it is started, and the processes that it is worth: the
networks are measured for a moment, the encoders were measured when they were written.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from mmer_core.backends import LOCAL, backend
from mmer_core.crossval.experiment import Experiment, Part, Study, parts_of
from mmer_core.encoders import ENCODERS
from mmer_core.features.table import FeatureTable, column_of
from mmer_core.labels import Modality
from mmer_core.training import loop
from mmer_core.training.config import TrainingConfig

MEASURED_ROWS = 96  # utterances of the measurement
AUGMENTING = ("spec_augment", "temporal_sampling")
MEASURED_EPOCHS = 2  # the first is not counted: it warms up
WORTH_PROCESSES = 60.0  # seconds of training at most: processes take 3 to 5 to begin, and most end early
QUICK = 20_000  # utterances read in all epochs together: less is never worth processes, and not measured
PROCESS_BYTES = 700 * 2**20  # memory of a process that trains, beside the features


def extraction_seconds(clips: int, encoders: Mapping[Modality, str], jobs: int) -> float | None:
    """Seconds to encode a corpus of short clips in `jobs` processes, by the figures that encoders register
    with; None if one of them was never measured. Another machine may be twice as fast or slow.

    Raises:
        ValueError: an unknown encoder.
    """
    each = [ENCODERS.entry(request.partition(":")[0]).seconds_per_clip for request in encoders.values()]
    known = [seconds for seconds in each if seconds is not None]
    return clips * sum(known) / max(1, jobs) if len(known) == len(each) else None


def training_seconds(
    experiment: Experiment, shapes: Mapping[Modality, tuple[int, int]], classes: int, n: int, folds: int
) -> float:
    """Seconds that cross-validation and the final model take at most, if no training ends early.

    Each network of one fold is trained for a few epochs on random features of the same shape, one after the
    other; networks of which all folds are trained together take less.

    Args:
        experiment: what is trained; the first candidate of a search is measured.
        shapes: {modality: (T, D)}, the usual length and the width of its features.
        classes: C.
        n: utterances of a training part.
        folds: how many.
    """
    candidates = experiment.candidates(0)
    trainings = folds * (len(candidates) + experiment.training.refit) + 1
    return trainings * sum(_seconds(part, shapes, classes, n) for part in parts_of(candidates[0], 0).values())


def worthwhile_processes(study: Study, parts: Sequence[Part]) -> int:
    """How many processes should train these parts: as many as there are parts, cores and memory for; 1 where
    they are done soon without, or train on an accelerator.
    """
    table, n = study.table, float(np.mean([len(fold.train) for fold in study.folds]))
    few = len(parts) < 2 or n * sum(part.training.epochs for part in parts) < QUICK
    if few or study.device != "cpu":
        return 1
    shapes, classes = _shapes(table), len(table.labels)
    seconds = sum(_seconds(part, shapes, classes, n) * (1 + part.training.refit) for part in parts)
    room = _available_bytes() // (PROCESS_BYTES + 4 * sum(c.frames.size for c in table.columns.values()))
    return 1 if seconds < WORTH_PROCESSES else max(1, min(len(parts), backend(LOCAL).slots(), room))


def _seconds(part: Part, shapes: Mapping[Modality, tuple[int, int]], classes: int, n: float) -> float:
    """Seconds that one training of a part on `n` utterances takes at most."""
    measured = epoch_seconds(_essential(part), tuple(sorted(shapes.items())), classes)
    return measured * n / MEASURED_ROWS * part.training.epochs


def _shapes(table: FeatureTable) -> dict[Modality, tuple[int, int]]:
    """{modality: (T, D)}: the median length of what is there, and the width."""
    there = {m: column.length[column.length > 0] for m, column in table.columns.items()}
    return {m: (int(np.median(length)) if len(length) else 1, table.dims[m]) for m, length in there.items()}


def _available_bytes() -> int:
    """Memory that can be had without others losing theirs; where the system does not tell, a lot."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return 2**40
    found = [int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")]
    return found[0] if found else 2**40


def random_table(shapes: Mapping[Modality, tuple[int, int]], classes: int) -> FeatureTable:
    """`MEASURED_ROWS` utterances of random numbers."""
    rng = np.random.default_rng(0)
    draw = {
        m: rng.normal(size=(MEASURED_ROWS, frames, width)).astype(np.float32)
        for m, (frames, width) in shapes.items()
    }
    return FeatureTable(
        columns={m: column_of(list(x)) for m, x in draw.items()},
        y=np.arange(MEASURED_ROWS) % classes,
        labels=tuple(f"class {i}" for i in range(classes)),
        ids=np.array([str(i) for i in range(MEASURED_ROWS)]),
        groups=np.array([str(i) for i in range(MEASURED_ROWS)]),
    )


def _essential(part: Part) -> Part:
    """The part without the settings that do not change how long an epoch takes, so that it is not measured
    again for them.
    """
    settings = part.training
    kept = {
        name: getattr(settings, name)
        for name in ("optimizer", "batch_size", "modality_dropout", "clip_norm", "precision", *AUGMENTING)
    }
    return replace(part, fold=0, training=TrainingConfig(**kept, epochs=MEASURED_EPOCHS, patience=0))


@lru_cache(maxsize=256)
def epoch_seconds(part: Part, shapes: tuple[tuple[Modality, tuple[int, int]], ...], classes: int) -> float:
    """Seconds of one epoch of one network over `MEASURED_ROWS` utterances, the fastest that was measured."""
    table = random_table({m: shape for m, shape in shapes if m in part.modalities}, classes)
    model = loop.build(part.fusion, dict(part.options), table, part.training, 0)
    times = [time.perf_counter()]
    rows = np.arange(MEASURED_ROWS)
    loop.fit(
        model,
        table,
        rows,
        rows[:0],
        part.training,
        seed=0,
        progress=lambda row: times.append(time.perf_counter()),
    )
    return float(min(np.diff(times)[1:]))
