"""What each modality is worth: the scores of a finished run with modalities taken away, exactly, from its stored out-of-fold predictions.

A run stores what every modality subset answers, so nothing here is sampled or trained again; only the intervals resample speakers. With no modality
at all a model has its class prior left and answers the class that is most frequent in its training part; that is where whole scores start from.
For the recall of one class that start would be 1 for the frequent class and 0 for all others, so there the start is a guess drawn by class frequency:
its recall of a class is the class's frequency.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from mmer_core import metrics, statistics
from mmer_core.attribution import shapley_values
from mmer_core.labels import Modality, in_order, subset_name, subsets
from mmer_core.runs.run import CVRun, RunError
from mmer_core.runs.validity import check_predictions

if TYPE_CHECKING:
    import pandas as pd

Subset = frozenset[Modality]
NOTHING: Subset = frozenset()
#: Scores that are means over clips, so that their expectation under missing modalities is exact.
MEANS = ("accuracy", "ua")


@dataclass(frozen=True)
class Answers:
    """What every modality subset of a run answered, row by row the same clips.

    Attributes:
        labels: C class names.
        modalities: the run's M modalities, in order.
        truth: (N,) int64 class indices.
        groups: (N,) str, speakers or what else the folds keep apart.
        predicted: {subset: (N,) int64 class indices}, 2^M entries; the empty subset's is the most frequent class of the clip's training part.
        frequencies: (N, C) float64, how frequent each class is in the clip's training part; rows sum to 1.
    """

    labels: tuple[str, ...]
    modalities: tuple[Modality, ...]
    truth: np.ndarray
    groups: np.ndarray
    predicted: Mapping[Subset, np.ndarray]
    frequencies: np.ndarray

    @property
    def full(self) -> Subset:
        return frozenset(self.modalities)

    def right(self, subset: Subset) -> np.ndarray:
        """(N,) bool: which clips a subset gets right."""
        return np.asarray(self.predicted[subset] == self.truth)

    def confusion(self, subset: Subset) -> np.ndarray:
        """(C, C) int64 counts, rows are the truth."""
        return metrics.confusion_matrix(self.truth, self.predicted[subset], len(self.labels))


@dataclass(frozen=True)
class Shares:
    """How a score comes about: `start` plus each modality's Shapley share is `total`. All (...) float64, empty or (C,) shaped.

    Attributes:
        start: v(none), the score without any modality.
        total: v(all), the score with all.
        value: {modality: share}.
        low: {modality: lower end of its 95 % interval by bootstrap over groups}; NaN with a single group.
        high: {modality: upper end}.
    """

    start: np.ndarray
    total: np.ndarray
    value: dict[Modality, np.ndarray]
    low: dict[Modality, np.ndarray]
    high: dict[Modality, np.ndarray]


@dataclass(frozen=True)
class Case:
    """The clips on which two modalities relate in one way.

    Attributes:
        kind: "both right", "only first right", "only second right", "same error" or "different errors".
        n: how many clips.
        share: of all clips, in [0, 1].
        fused_right: how often the answer with all modalities is right in them, in [0, 1]; NaN without clips.
    """

    kind: str
    n: int
    share: float
    fused_right: float


@dataclass(frozen=True)
class Robustness:
    """Expected score when a share of the clips lacks something; every curve (Q,) float64 in [0, 1].

    Attributes:
        missing: (Q,) the share of clips concerned.
        without: {modality: curve}, when those clips lack this modality.
        random: they lack one modality drawn at random.
        worst: each lacks the one modality whose loss hurts it most; a lower bound of `without` and `random`.
        independent: every modality of every clip is missing with this probability, whatever the others; with none left the prior answers.
    """

    missing: np.ndarray
    without: dict[Modality, np.ndarray]
    random: np.ndarray
    worst: np.ndarray
    independent: np.ndarray


def answers_of(run: CVRun) -> Answers:
    """Read every modality subset of a finished run.

    Raises:
        RunError: the run is unfinished, lacks a subset or a file, or its tables do not fit together.
    """
    tables = {frozenset(s): _ordered(run, subset_name(s)) for s in subsets(run.modalities)}
    first = tables[frozenset(run.modalities)]
    predicted: dict[Subset, np.ndarray] = {}
    for subset, table in tables.items():
        if not table[["id", "fold", "y_true"]].equals(first[["id", "fold", "y_true"]]):
            raise RunError(f"{run.path} has other clips for {subset_name(subset)!r} than for {run.full!r}: copy the run again or train again")
        predicted[subset] = table[run.probability_columns].to_numpy().argmax(axis=1)
    groups = first["id"].map(run.groups)
    if groups.isna().any():
        raise RunError(f"{run.path} has no group for the clip {first['id'][groups.isna()].iloc[0]!r}: copy the run again or train again")
    frequencies = _frequencies(run, first)
    predicted[NOTHING] = frequencies.argmax(axis=1)
    return Answers(run.labels, run.modalities, first["y_true"].to_numpy(dtype=np.int64), groups.to_numpy(dtype=str), predicted, frequencies)


def _ordered(run: CVRun, subset: str) -> pd.DataFrame:
    table = run.predictions(subset).sort_values(["fold", "id"], ignore_index=True)
    check_predictions(run, table)
    return table


def _frequencies(run: CVRun, rows: pd.DataFrame) -> np.ndarray:
    """(N, C): class frequencies of each row's training part; of the whole corpus where the run does not hold the classes of that part."""
    C = len(run.labels)
    truth = dict(zip(rows["id"], rows["y_true"], strict=True))
    folds = run.folds[run.folds["role"] == "train"]
    known = folds["id"].map(truth)
    counted = {fold: np.bincount(classes.dropna().astype(int), minlength=C) for fold, classes in known.groupby(folds["fold"])}
    corpus = np.array([run.record["corpus"].get("classes", {}).get(label, 1) for label in run.labels], dtype=float)
    table = {fold: counted[fold] if fold in counted and counted[fold].sum() else corpus for fold in rows["fold"].unique()}
    return np.stack([table[fold] / table[fold].sum() for fold in rows["fold"]])


def score_shares(answers: Answers, metric: str = "accuracy", *, resamples: int = statistics.RESAMPLES, seed: int = 0) -> Shares:
    """Each modality's Shapley share (Shapley 1953) of a whole score; scalars. The start is the majority class's score.

    Args:
        metric: one of `metrics.SCORES`.
        resamples: bootstrap samples of the groups, for the intervals.
        seed: of the bootstrap.
    """
    C = len(answers.labels)
    tables = {s: statistics.group_confusions(answers.truth, p, answers.groups, C) for s, p in answers.predicted.items()}
    return _shares(answers.modalities, tables, lambda stack: metrics.stacked_scores(stack)[metric], resamples, seed)


def recall_shares(answers: Answers, *, resamples: int = statistics.RESAMPLES, seed: int = 0) -> Shares:
    """Each modality's Shapley share of the recall of each class; all (C,), NaN for a class that does not occur.

    The start is the recall of a guess by class frequency. The mean over the classes is the share of UA, whichever of the two starts is taken.
    """
    C = len(answers.labels)
    tables = {s: statistics.group_confusions(answers.truth, p, answers.groups, C) for s, p in answers.predicted.items() if s}
    names, index = np.unique(answers.groups, return_inverse=True)
    guess = np.zeros((len(names), C, C))
    np.add.at(guess, (index, answers.truth), answers.frequencies)
    return _shares(answers.modalities, {**tables, NOTHING: guess}, lambda stack: metrics.per_class(stack)["recall"], resamples, seed)


def _shares(
    modalities: tuple[Modality, ...], tables: Mapping[Subset, np.ndarray], score: Callable[[np.ndarray], np.ndarray], resamples: int, seed: int
) -> Shares:
    """Shapley shares of a score of (G, C, C) confusion matrices per subset, with intervals from the same draws of groups for all subsets."""
    G, C, _ = tables[NOTHING].shape
    draws = np.ones((1, G))  # first everything as it is, then the bootstrap samples
    if G > 1:
        draws = np.concatenate([draws, statistics.resample(G, resamples=resamples, seed=seed)])
    scores = {s: score((draws @ table.reshape(G, -1)).reshape(-1, C, C)) for s, table in tables.items()}
    shares = shapley_values(modalities, scores.__getitem__)
    ends = {m: _ends(v) for m, v in shares.items()}
    return Shares(
        scores[NOTHING][0],
        scores[frozenset(modalities)][0],
        {m: v[0] for m, v in shares.items()},
        {m: e[0] for m, e in ends.items()},
        {m: e[1] for m, e in ends.items()},
    )


def _ends(values: np.ndarray) -> np.ndarray:
    """(2, ...): ends of the 95 % percentile interval of values[1:]; NaN where there are none or the figure itself is unknown."""
    ends = np.full((2, *values.shape[1:]), np.nan)
    known = ~np.isnan(values[0])
    if len(values) > 1:
        ends[:, known] = np.nanquantile(values[1:][:, known], [0.025, 0.975], axis=0)
    return ends


def disagreement(answers: Answers, first: Modality, second: Modality) -> list[Case]:
    """Where two modalities, each on its own, agree and differ, and who is right then: 5 cases that every clip is in one of."""
    one, other = answers.predicted[frozenset({first})], answers.predicted[frozenset({second})]
    right_one, right_other = one == answers.truth, other == answers.truth
    kinds = {
        "both right": right_one & right_other,
        "only first right": right_one & ~right_other,
        "only second right": ~right_one & right_other,
        "same error": ~right_one & (one == other),
        "different errors": ~right_one & ~right_other & (one != other),
    }
    fused = answers.right(answers.full)
    counts = {kind: int(clips.sum()) for kind, clips in kinds.items()}
    return [
        Case(kind, counts[kind], counts[kind] / len(fused), int(fused[clips].sum()) / counts[kind] if counts[kind] else float("nan"))
        for kind, clips in kinds.items()
    ]


def robustness(answers: Answers, missing: np.ndarray, metric: str = "accuracy") -> Robustness:
    """The expected score as modalities go missing, exact: both scores are means over clips, and so is their expectation.

    Args:
        missing: (Q,) shares in [0, 1].
        metric: one of `MEANS`.

    Raises:
        ValueError: another metric.
    """
    if metric not in MEANS:
        raise ValueError(f"the expected {metric!r} has no exact value: choose one of {', '.join(MEANS)}")
    q = np.asarray(missing, dtype=np.float64)
    weight = _weights(answers.truth, metric)
    full = weight @ answers.right(answers.full)
    lacking = {m: answers.right(answers.full - {m}) for m in answers.modalities}

    def curve(score: float) -> np.ndarray:
        return np.asarray((1 - q) * full + q * score)

    scores = {m: float(weight @ right) for m, right in lacking.items()}
    independent = np.zeros_like(q)
    M = len(answers.modalities)
    for size in range(M + 1):
        for subset in combinations(answers.modalities, size):
            independent += (1 - q) ** size * q ** (M - size) * (weight @ answers.right(frozenset(subset)))
    return Robustness(
        q,
        {m: curve(s) for m, s in scores.items()},
        curve(float(np.mean(list(scores.values())))),
        curve(float(weight @ np.logical_and.reduce(list(lacking.values())))),
        independent,
    )


def _weights(truth: np.ndarray, metric: str) -> np.ndarray:
    """(N,): what each clip counts, so that the weighted sum of right answers is the score."""
    if metric == "accuracy":
        return np.full(len(truth), 1 / len(truth))
    support = np.bincount(truth)
    return 1 / (support[truth] * np.count_nonzero(support))


def clip_shares(probabilities: Mapping[Subset, np.ndarray]) -> dict[Modality, np.ndarray]:
    """Exact Shapley values of one clip, {modality: (C,)}: each column sums to the probability with all modalities minus the prior.

    Args:
        probabilities: {subset: (C,)} of every subset of what is present and switched on, the empty one (the prior) included.
    """
    return shapley_values(in_order(m for subset in probabilities for m in subset), probabilities.__getitem__)
