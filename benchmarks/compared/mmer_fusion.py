"""This project trains a fusion network on the same arrays as MMSA, as its cross-validation trains a fold."""

from __future__ import annotations

import time
from itertools import accumulate
from typing import Any

from benchmarks.compared.stopwatch import finish, job


def main() -> None:
    """Trains the network `network` once, until the validation part has not improved for `patience` epochs."""
    asked = job()
    import numpy as np

    from mmer_core.crossval.experiment import Experiment, Study, parts_of
    from mmer_core.crossval.trainer import Trainer
    from mmer_core.evaluation.folds import Fold
    from mmer_core.labels import Modality
    from mmer_core.training.config import TrainingConfig

    inputs = asked["inputs"]
    arrays = np.load(inputs["path"])
    table = _table(arrays)
    ends = list(accumulate(len(arrays[f"{part}_label"]) for part in ("train", "valid", "test")))
    fold = Fold(0, *(np.arange(a, b) for a, b in zip([0, *ends], ends, strict=False)))
    config = TrainingConfig(batch_size=inputs["batch_size"], patience=inputs["patience"])
    experiment = Experiment(
        inputs["network"], (Modality.TEXT, Modality.AUDIO, Modality.VISUAL), training=config
    )
    trainer, parts = Trainer(Study(table, [fold])), list(parts_of(experiment, 0).values())
    began = time.perf_counter()
    trainer.train_side_by_side(parts, lambda part, row: None)
    epochs = sum(len(trainer.train(part, fold)[1].history) for part in parts) / len(parts)
    seconds = time.perf_counter() - began
    detail = f"{seconds:.1f} s for {epochs:.0f} epochs"
    finish(asked, time.time() - asked["began"], [seconds / epochs], ("torch",), [{"detail": detail}])


def _table(arrays: Any) -> Any:
    """The three parts one after another; the class is the sign of the sentiment."""
    import numpy as np

    from mmer_core.features.table import FeatureColumn, FeatureTable
    from mmer_core.labels import Modality

    names = {Modality.TEXT: "text", Modality.AUDIO: "audio", Modality.VISUAL: "vision"}
    columns = {}
    for modality, name in names.items():
        x = np.concatenate([arrays[f"{part}_{name}"] for part in ("train", "valid", "test")])
        count, steps, width = x.shape
        length = np.full(count, steps, dtype=np.int64)
        columns[modality] = FeatureColumn(x.reshape(-1, width), steps * np.arange(count), length)
    label = np.concatenate([arrays[f"{part}_label"] for part in ("train", "valid", "test")])
    y = (label > -0.5).astype(np.int64) + (label > 0.5)
    ids = np.array([f"u{i}" for i in range(len(y))])
    return FeatureTable(columns, y, ("negative", "neutral", "positive"), ids, ids)


if __name__ == "__main__":
    main()
