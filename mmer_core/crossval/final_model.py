"""The model that a run ends with: fitted on all of the corpus with the settings that validation chose, and
calibrated on the out-of-fold predictions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import torch

from mmer_core.crossval import detectors, selection
from mmer_core.crossval.experiment import Experiment, Study, parts_of, whole_part
from mmer_core.crossval.selection import Choice
from mmer_core.crossval.trainer import Trainer
from mmer_core.evaluation.folds import Fold
from mmer_core.features.table import FeatureColumn
from mmer_core.fusion.base import FusionNetwork
from mmer_core.inference import record as records
from mmer_core.inference.emotion_model import EmotionModel
from mmer_core.inference.record import Calibration
from mmer_core.inference.scoring import InputScaling
from mmer_core.labels import Modality, subset_name
from mmer_core.training.multitask import MultiTask, Network
from mmer_core.uncertainty import selective_prediction
from mmer_core.uncertainty.calibration import calibrate, fit_temperature, log_probabilities

LICENCE = "not stated: the terms of the training data apply"
#: (part, its epoch, its epochs, share of all epochs done)
Progress = Callable[[str, int, int, float], None]


@dataclass(frozen=True)
class OutOfFold:
    """What the folds leave for the final model.

    Attributes:
        records: fold.json of every fold.
        predictions: id, fold, subset, y_true, p_<label>, before temperature scaling.
        unimodal: logits of each modality alone (see `unimodal_table`); None for networks that combine nothing
            that is fitted.
    """

    records: Sequence[Mapping[str, Any]]
    predictions: pd.DataFrame
    unimodal: pd.DataFrame | None = None


def chosen_settings(
    experiment: Experiment, seed: int, fold_records: Sequence[Mapping[str, Any]]
) -> tuple[Experiment, dict[str, int]]:
    """The candidate with the best mean validation score over the folds, the first among equals, and {part:
    the median of the folds' best epochs}.
    """
    candidates = experiment.candidates(seed)
    scores = np.array(
        [[c["score"] for c in record["candidates"]] for record in fold_records], dtype=np.float64
    )  # (folds, candidates, 2); NaN (null) without a validation part
    mean = [tuple(row) for row in scores.mean(axis=0).tolist()]
    best = max(range(len(candidates)), key=lambda i: mean[i]) if len(candidates) > 1 else 0
    found = [record["candidates"][best]["best_epoch"] for record in fold_records]
    epochs = {part: max(1, round(float(np.median([each[part] for each in found])))) for part in found[0]}
    return candidates[best], epochs


def fit(
    trainer: Trainer,
    experiment: Experiment,
    out_of_fold: OutOfFold,
    *,
    name: str,
    card: Mapping[str, Any],
    progress: Progress = lambda *_: None,
) -> EmotionModel:
    """Fit one model on all utterances of the study.

    Args:
        trainer: of the study.
        experiment: with its search, if any.
        out_of_fold: what the folds gave.
        name: of the model.
        card: what its card says of the run; figures of selective prediction and of the detectors are added.
        progress: called after each epoch.
    """
    study = trainer.study
    chosen, epochs = chosen_settings(experiment, study.seed, out_of_fold.records)
    network = fit_network(trainer, chosen, epochs, progress)
    if out_of_fold.unimodal is not None and isinstance(network, FusionNetwork):
        network.fit_combination_to(*_unimodal_logits(out_of_fold.unimodal, chosen.modalities))
    calibration, unsure = calibrated(study, chosen.modalities, out_of_fold.predictions)
    found, unusual, notes = detectors.fit(study, _encoded(study, chosen.modalities), trainer.detectors)
    record = records.model_record(
        name=name,
        labels=study.table.labels,
        modalities={m: _entry(study, m) for m in chosen.modalities},
        fusion_name=chosen.fusion,
        network=network,
        calibration=calibration,
        sentiments=study.table.sentiments if isinstance(network, MultiTask) else (),
        licence=LICENCE,
        card=_completed(card, unsure, unusual, notes),
    )
    return EmotionModel(
        network, {}, record, detectors=found, input_scaling=input_scaling(study, chosen.modalities)
    )


def _completed(
    card: Mapping[str, Any], unsure: Mapping[str, Any], unusual: Mapping[str, Any], notes: Sequence[str]
) -> dict[str, Any]:
    """The card with the figures of selective prediction beside each subset's scores, and of the detectors."""
    figures = dict(card.get("figures", {}))
    scored = figures.get("cross_validation", {})
    subsets = {name: {**row, "unsure": unsure[name]} for name, row in scored.get("subsets", {}).items()}
    figures["cross_validation"] = {**scored, "subsets": subsets}
    if unusual:
        figures["out_of_distribution"] = dict(unusual)
    return {**card, "limits": [*card.get("limits", ()), *notes], "figures": figures}


def fit_network(
    trainer: Trainer, chosen: Experiment, epochs: Mapping[str, int], progress: Progress = lambda *_: None
) -> Network:
    """The network of an experiment without search, trained on all utterances of the study.

    Args:
        trainer: of the study.
        chosen: what is trained.
        epochs: {part: for how long}.
        progress: called after each epoch.
    """
    everyone = np.arange(len(trainer.study.table))
    whole = Fold(len(trainer.study.folds), everyone, everyone[:0], everyone[:0])
    done, total = 0, sum(epochs.values())
    trained = {}
    for part_name, part in parts_of(chosen, whole.number).items():
        most = epochs[part_name]
        own = replace(part, training=replace(part.training, epochs=most))

        def tell(row: Mapping[str, Any], name: str = part_name, most: int = most, before: int = done) -> None:
            progress(name, int(row["epoch"]), most, (before + row["epoch"]) / total)

        trained[part_name] = trainer.train(own, whole, tell)[0]
        done += most
    if "" in trained:
        return trained[""]
    return trainer.assemble(whole_part(chosen, whole.number), trained, everyone)


def unimodal_table(choice: Choice, rows: np.ndarray) -> pd.DataFrame | None:
    """Logits of each modality alone on the utterances at `rows`: y_true and one column "modality class" for
    each; None for networks that combine nothing that is fitted.
    """
    model = choice.model
    if not (isinstance(model, FusionNetwork) and model.combines):
        return None
    logits = selection.unimodal_logits(choice, rows)
    columns = {f"{m} {c}": values[:, c].numpy() for m, values in logits.items() for c in range(model.classes)}
    return pd.DataFrame({"y_true": choice.table.y[rows], **columns})


def _unimodal_logits(
    table: pd.DataFrame, modalities: Sequence[Modality]
) -> tuple[dict[Modality, torch.Tensor], torch.Tensor]:
    """The inverse of `unimodal_table`: {modality: (n, C)} and (n,) classes."""
    logits = {
        m: torch.from_numpy(
            table[[c for c in table if c.startswith(f"{m} ")]].to_numpy(dtype=np.float32).copy()
        )
        for m in modalities
    }
    return logits, torch.from_numpy(table["y_true"].to_numpy(dtype=np.int64).copy())


def calibrated(
    study: Study, modalities: Sequence[Modality], predictions: pd.DataFrame
) -> tuple[Calibration, dict[str, dict[str, float]]]:
    """A temperature for each subset from the pooled out-of-fold predictions, the class frequencies, and the
    threshold below which an answer is called unsure: that of the answers from all modalities.

    Returns:
        The calibration, and {subset: {coverage, risk, risk_of_all}} at such a threshold, each fold under the
        temperature and the threshold of the other folds (a single fold under its own).
    """
    labels = study.table.labels
    pooled = {
        str(subset): _arrays(rows, labels) for subset, rows in predictions.groupby("subset", sort=False)
    }
    full = subset_name(modalities)
    temperatures, threshold = _fitted(pooled, full)
    counts = np.bincount(study.table.y, minlength=len(labels))
    prior = {label: float(n) / len(study.table) for label, n in zip(labels, counts, strict=True)}
    calibration = Calibration(temperatures, prior, round(threshold, 6), selective_prediction.COVERAGE)
    return calibration, _measured(pooled, full)


Pooled = dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]  # of each subset, see `_arrays`


def _fitted(pooled: Pooled, full: str) -> tuple[dict[str, float], float]:
    """{subset: temperature} and the threshold of the answers from all modalities."""
    temperatures = {s: round(fit_temperature(log_probabilities(p), y), 6) for s, (p, y, _) in pooled.items()}
    return temperatures, selective_prediction.threshold_at(calibrate(pooled[full][0], temperatures[full]))


def _measured(pooled: Pooled, full: str) -> dict[str, dict[str, float]]:
    numbers = np.unique(pooled[full][2])
    plain = {s: np.zeros(len(y), dtype=bool) for s, (_, y, _) in pooled.items()}
    for number in numbers:
        others = {s: _only(arrays, arrays[2] != number) for s, arrays in pooled.items()}
        temperatures, threshold = _fitted(others if len(numbers) > 1 else pooled, full)
        for s, (p, _, fold) in pooled.items():
            here = fold == number
            plain[s][here] = calibrate(p[here], temperatures[s]).max(axis=1) >= threshold
    found = {
        s: selective_prediction.risks(plain[s], p.argmax(axis=1) != y) for s, (p, y, _) in pooled.items()
    }
    return {s: {name: round(value, 6) for name, value in row.items()} for s, row in found.items()}


def _only(
    arrays: tuple[np.ndarray, np.ndarray, np.ndarray], rows: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    p, y, fold = arrays
    return p[rows], y[rows], fold[rows]


def _arrays(rows: pd.DataFrame, labels: Sequence[str]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(n, C) probabilities, (n,) classes and (n,) folds."""
    return (
        rows[[f"p_{label}" for label in labels]].to_numpy(dtype=np.float64),
        rows["y_true"].to_numpy(dtype=np.int64),
        rows["fold"].to_numpy(dtype=np.int64),
    )


def _entry(study: Study, modality: Modality) -> Mapping[str, Any]:
    dim = study.table.dims[modality]
    return study.entries.get(modality) or records.given(dim, study.table.sources.get(modality, ""))


def _encoded(study: Study, modalities: Sequence[Modality]) -> tuple[Modality, ...]:
    """The modalities whose features can be computed from a clip."""
    return tuple(m for m in modalities if _entry(study, m)["encoder"] != records.GIVEN)


def input_scaling(study: Study, modalities: Sequence[Modality]) -> dict[Modality, InputScaling]:
    """{modality: mean and standard deviation of the average speaker} where features were standardised by
    speaker; empty elsewhere.
    """
    columns = {m: study.table.columns[m] for m in modalities}
    return {m: _average_speaker(column) for m, column in columns.items() if column.scaling is not None}


def _average_speaker(column: FeatureColumn) -> InputScaling:
    assert column.scaling is not None
    speakers = np.unique(column.scaling.group[column.length > 0])
    return InputScaling(column.scaling.mean[speakers].mean(axis=0), column.scaling.sd[speakers].mean(axis=0))
