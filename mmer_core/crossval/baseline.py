"""A linear baseline beside every run: multinomial logistic regression on pooled features, on the same folds.

Read next to the run's own figures it answers what the network adds.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from mmer_core.crossval.trainer import both_parts
from mmer_core.evaluation import statistics
from mmer_core.evaluation.folds import Fold
from mmer_core.features.table import FeatureTable
from mmer_core.labels import Modality, in_order

#: Inverse strengths of the penalty to choose from, strongest first.
CONSTANTS = (1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 1.0)
WITHOUT_VALIDATION = 1e-3  # where the folds have no validation part to choose by
WORSE_AT_MOST = 2  # constants in a row without a better validation score, after which the rest is not tried
ITERATIONS = 300
FRAMES_AT_ONCE = 2**25  # numbers of padded frames that are pooled together


@dataclass(frozen=True)
class LinearBaseline:
    """
    Attributes:
        predictions: out-of-fold predictions of every test utterance: id, fold, y_true, p_<label>.
        chosen: the constant C of each fold.
        seconds: that it took.
    """

    predictions: pd.DataFrame
    chosen: list[float]
    seconds: float


class LinearBaselines:
    """The linear baselines of one study: those with the same modalities are fitted once.

    Args:
        table: the corpus.
        folds: how it is cut.
        seed: of the study.
    """

    def __init__(self, table: FeatureTable, folds: Sequence[Fold], seed: int = 0) -> None:
        self.table, self.folds, self.seed = table, folds, seed
        self._fitted: dict[tuple[tuple[Modality, ...], bool], LinearBaseline] = {}

    def get(self, modalities: Sequence[Modality], *, refit: bool = True) -> LinearBaseline:
        """The baseline on these modalities; see `linear_baseline`."""
        key = (in_order(modalities), refit)
        if key not in self._fitted:
            self._fitted[key] = linear_baseline(self.table, self.folds, key[0], self.seed, refit=refit)
        return self._fitted[key]


def linear_baseline(
    table: FeatureTable,
    folds: Sequence[Fold],
    modalities: Sequence[Modality],
    seed: int = 0,
    *,
    refit: bool = True,
) -> LinearBaseline:
    """Fit multinomial logistic regression in every fold and predict its test part.

    Features are pooled over time, standardised on the training part and put side by side; an absent modality
    is the training mean. C is chosen on the validation part, by accuracy and then by the log loss.

    Args:
        table: the corpus.
        folds: as the networks of the run are trained on.
        modalities: what is read.
        seed: of the solver.
        refit: fit again on the training and the validation part together, as a run with this setting does.
    """
    started = time.perf_counter()
    x, there = pooled_features(table, modalities)
    frames, chosen = [], []
    for fold in folds:
        constant, model, scaled = _choose(x, there, table.y, fold, seed)
        if refit and len(fold.validation):
            both = both_parts(fold)
            scaled = _standardised(x, there, both)
            model = _fit(_model(constant, seed), scaled[both], table.y[both])
        probabilities = _probabilities(model, scaled[fold.test], len(table.labels))
        frames.append(_rows(table, fold, probabilities))
        chosen.append(constant)
    predictions = pd.concat(frames, ignore_index=True)
    return LinearBaseline(predictions, chosen, time.perf_counter() - started)


def compare_with(
    baseline: LinearBaseline,
    predictions: pd.DataFrame,
    group_of: Mapping[str, str],
    labels: Sequence[str],
    seed: int = 0,
) -> dict[str, Any]:
    """The figures of a baseline, and a paired test of a run against it.

    Args:
        baseline: on the run's modalities and folds.
        predictions: the run's out-of-fold predictions with all its modalities: id, fold, p_<label>.
        group_of: {id: speaker, or what else the folds keep apart}; what the intervals resample.
        labels: class names.
        seed: of the bootstrap.

    Returns:
        {accuracy, ua, macro_f1, weighted_f1: [value, low, high]; chosen; seconds; paired: the fields of
        `statistics.PairedTest`, first the baseline and second the run, with the difference as [value, low,
        high]}. Unknown figures are null.
    """
    columns = [f"p_{label}" for label in labels]
    own = baseline.predictions
    run = predictions.set_index(["id", "fold"]).loc[pd.MultiIndex.from_frame(own[["id", "fold"]]), columns]
    truth = own["y_true"].to_numpy(dtype=np.int64)
    first, second = own[columns].to_numpy().argmax(axis=1), run.to_numpy().argmax(axis=1)
    groups = own["id"].map(group_of).to_numpy(dtype=str)
    test = statistics.paired(truth, first, second, groups, len(labels), seed=seed)
    figures = statistics.intervals(truth, first, groups, len(labels), seed=seed)
    return {
        **statistics.to_json(figures),
        "chosen": baseline.chosen,
        "seconds": round(baseline.seconds, 2),
        "paired": _paired_json(test),
    }


def pooled_features(
    table: FeatureTable, modalities: Sequence[Modality]
) -> tuple[dict[Modality, np.ndarray], dict[Modality, np.ndarray]]:
    """What the baseline reads of each modality.

    Returns:
        {modality: (N, D) float32 mean over time, or (N, 2 D) with the standard deviation beside it where
        there are sequences} and {modality: (N,) bool, where it is present}.
    """
    pooled, there = {}, {}
    for modality in in_order(modalities):
        column = table.columns[modality]
        sequences = bool(column.length.max(initial=0) > 1)
        out = np.zeros((len(table), column.dim * (1 + sequences)), dtype=np.float32)
        there[modality] = column.length > 0
        for rows in _pieces(column.length, column.dim):
            x, pad = column.padded(rows)
            count = np.maximum(column.length[rows], 1)[:, None]
            mean = x.sum(axis=1) / count
            out[rows, : column.dim] = mean
            if sequences:
                x -= mean[:, None]
                x[pad] = 0.0
                out[rows, column.dim :] = np.sqrt(np.square(x).sum(axis=1) / count)
        pooled[modality] = out
    return pooled, there


def _pieces(length: np.ndarray, dim: int) -> Iterator[np.ndarray]:
    """The present utterances in pieces of similar length that stay small when padded."""
    rows = np.flatnonzero(length > 0)
    rows = rows[np.argsort(length[rows], kind="stable")]
    while len(rows):
        longest = int(length[rows[: max(1, FRAMES_AT_ONCE // (dim * int(length[rows[0]])))]].max())
        size = max(1, FRAMES_AT_ONCE // (dim * longest))
        yield rows[:size]
        rows = rows[size:]


def _standardised(
    x: Mapping[Modality, np.ndarray], there: Mapping[Modality, np.ndarray], train: np.ndarray
) -> np.ndarray:
    """(N, D) float32 of all modalities side by side, mean 0 and spread 1 over the training part; an absent
    modality is 0.
    """
    parts = []
    for modality, features in x.items():
        rows = train[there[modality][train]]
        if not len(rows):
            continue
        mean = features[rows].mean(axis=0, dtype=np.float64).astype(np.float32)
        sd = features[rows].std(axis=0, dtype=np.float64).astype(np.float32)
        scaled = (features - mean) / np.where(sd > 1e-6, sd, 1.0)
        scaled[~there[modality]] = 0.0
        parts.append(scaled)
    return np.concatenate(parts, axis=1)


def _choose(
    x: Mapping[Modality, np.ndarray],
    there: Mapping[Modality, np.ndarray],
    y: np.ndarray,
    fold: Fold,
    seed: int,
) -> tuple[float, Any, np.ndarray]:
    """The constant that the validation part prefers, the model fitted with it on the training part, and the
    features standardised on that part.
    """
    scaled = _standardised(x, there, fold.train)
    train, target = scaled[fold.train], y[fold.train]
    if not len(fold.validation):
        return WITHOUT_VALIDATION, _fit(_model(WITHOUT_VALIDATION, seed), train, target), scaled
    validation, wanted = scaled[fold.validation], y[fold.validation]
    best: tuple[tuple[float, float], float, Any] = ((-1.0, -np.inf), 0.0, None)
    model, worse = None, 0
    for constant in CONSTANTS:
        model = _fit(_model(constant, seed, start=model), train, target)
        probabilities = _probabilities(model, validation, int(y.max()) + 1)
        own = probabilities[np.arange(len(wanted)), wanted]
        score = (float((probabilities.argmax(axis=1) == wanted).mean()), float(np.log(own + 1e-12).mean()))
        worse = 0 if score > best[0] else worse + 1
        if score > best[0]:
            best = (score, constant, model)
        if worse >= WORSE_AT_MOST:
            break
    return best[1], best[2], scaled


def _model(constant: float, seed: int, start: Any = None) -> Any:
    """Logistic regression with this constant, from the coefficients of another one."""
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=constant, max_iter=ITERATIONS, tol=1e-3, warm_start=True, random_state=seed)
    if start is not None:
        for name in ("classes_", "coef_", "intercept_"):
            setattr(model, name, getattr(start, name).copy())
    return model


def _fit(model: Any, x: np.ndarray, y: np.ndarray) -> Any:
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():  # what more iterations would change is below what is measured
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(x, y)


def _probabilities(model: Any, x: np.ndarray, classes: int) -> np.ndarray:
    """(N, C) of all classes; those that training never saw have none."""
    found = np.zeros((len(x), classes))
    found[:, model.classes_] = model.predict_proba(x)
    return found


def _rows(table: FeatureTable, fold: Fold, probabilities: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "id": table.ids[fold.test],
            "fold": np.int16(fold.number),
            "y_true": table.y[fold.test].astype(np.int16),
            **{f"p_{label}": probabilities[:, c] for c, label in enumerate(table.labels)},
        }
    )


def _paired_json(test: statistics.PairedTest) -> dict[str, Any]:
    found = asdict(test) | statistics.to_json({"difference": test.difference})
    return {k: None if isinstance(v, float) and np.isnan(v) else v for k, v in found.items()}
