"""The time that a training will take, estimated before it is started, and the processes that it is worth: the
networks are measured for a moment, the encoders were measured when they were written.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from mmer_core.crossval.experiment import Experiment, Part, Study, parts_of
from mmer_core.encoders import ENCODERS
from mmer_core.features.table import FeatureTable, column_of
from mmer_core.labels import Modality
from mmer_core.training import loop
from mmer_core.training.config import TrainingConfig

MEASURED_ROWS = 96  # utterances of the measurement
AUGMENTING = ("spec_augment", "temporal_sampling")
MEASURED_EPOCHS = 2  # the first is not counted: it warms up
WORTH_PROCESSES = (
    60.0  # seconds of training at most; processes need 3 to 5 to begin, and most trainings end early
)
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
    known = tuple(sorted(shapes.items()))
    each = [epoch_seconds(_essential(part), known, classes) for part in parts_of(candidates[0], 0).values()]
    trainings = folds * (len(candidates) + experiment.training.refit) + 1
    return sum(each) * n / MEASURED_ROWS * experiment.training.epochs * trainings


def worthwhile_processes(study: Study, experiments: Iterable[Experiment]) -> int:
    """How many processes should train what is left to the training loop: as many as there are networks, cores
    and memory for; 1 where it is done soon without, or computes on an accelerator.
    """
    from mmer_core.crossval.trainer import Trainer

    every = {
        part: None
        for experiment in experiments
        for candidate in experiment.candidates(study.seed)
        for fold in study.folds
        for part in parts_of(candidate, fold.number).values()
    }
    beside = set(Trainer(study).plain(every)) if study.side_by_side else set()
    rest = [part for part in every if part not in beside]
    n = float(np.mean([len(fold.train) for fold in study.folds]))
    if study.device != "cpu" or len(rest) < 2 or n * sum(part.training.epochs for part in rest) < QUICK:
        return 1
    seconds = sum(_seconds(part, study.table, n) for part in rest)
    room = _available_bytes() // (
        PROCESS_BYTES + 4 * sum(c.frames.size for c in study.table.columns.values())
    )
    return 1 if seconds < WORTH_PROCESSES else max(1, min(len(rest), os.cpu_count() or 1, room))


def _seconds(part: Part, table: FeatureTable, n: float) -> float:
    """Seconds that one network takes at most, with its second training."""
    shapes = {}
    for modality in part.modalities:
        length = table.columns[modality].length
        usual = int(np.median(length[length > 0])) if (length > 0).any() else 1
        shapes[modality] = (usual, table.dims[modality])
    measured = epoch_seconds(_essential(part), tuple(sorted(shapes.items())), len(table.labels))
    return measured * n / MEASURED_ROWS * part.training.epochs * (1 + part.training.refit)


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
