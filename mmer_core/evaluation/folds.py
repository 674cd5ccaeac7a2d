"""Folds of a corpus: which utterances train, which select settings, which test. By default no speaker is on
two sides.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from mmer_core.config import JsonConfig
from mmer_core.evaluation import splitting
from mmer_core.evaluation.splitting import NOBODY, FoldError

__all__ = ["Fold", "FoldError", "FoldPlan", "fold_of_each", "make_folds"]

Kind = Literal["group", "given", "official", "leave-one-out", "random"]
Role = Literal["train", "validation", "test"]


@dataclass(frozen=True)
class FoldPlan(JsonConfig):
    """The way to split a corpus into folds.

    Attributes:
        kind: group keeps groups together and classes balanced; given reads the folds from a file; official
            trains on train, selects on dev and tests on test; leave-one-out tests one group in each fold;
            random mixes groups, which leaks.
        groups: what must not be on two sides: speaker, session or dialogue.
        folds: number of folds (group and random).
        repeat: number of times to split anew, with other folds (group and random).
        validation: share of the training part that selects epochs and settings; split off by the same groups,
            never from the test part; 0 for none.
        seed: of every draw.
    """

    kind: Kind = "group"
    groups: Literal["speaker", "session", "dialogue"] = "speaker"
    folds: int = 5
    repeat: int = 1
    validation: float = 0.2
    seed: int = 0

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise FoldError(f"unknown kind of folds {self.kind!r}: choose one of {', '.join(get_args(Kind))}")
        if self.folds < 2 or self.repeat < 1 or not 0 <= self.validation < 1:
            raise FoldError(
                "folds must be at least 2, repeat at least 1, and validation at least 0 and below 1"
            )

    @property
    def leaks(self) -> bool:
        """Whether the plan itself puts groups on two sides."""
        return self.kind == "random"


@dataclass(frozen=True)
class Fold:
    """One split; the three parts are (n,) int64 positions, ascending and disjoint.

    Attributes:
        number: 0-based, running on over repeats.
        train: fits weights, standardisation and class weights.
        validation: chooses epoch, settings and temperature; may be empty.
        test: only ever predicted.
    """

    number: int
    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray

    @property
    def roles(self) -> dict[Role, np.ndarray]:
        """The three parts by name."""
        return {"train": self.train, "validation": self.validation, "test": self.test}


def make_folds(
    plan: FoldPlan,
    *,
    y: np.ndarray,
    groups: np.ndarray | None = None,
    ids: Sequence[str] | np.ndarray = (),
    labels: Sequence[str] = (),
    split: np.ndarray | None = None,
    given: Mapping[str, int] | None = None,
) -> list[Fold]:
    """Split N utterances into folds.

    Args:
        plan: how.
        y: (N,) class indices.
        groups: (N,) str; random folds need none.
        ids: (N,) str; needed for given folds.
        labels: class names, for messages.
        split: (N,) str; needed for the official split.
        given: {id: fold}.

    Raises:
        FoldError: unknown groups or one group only, a group on two sides of a given fold, a class missing
            from a training part, an utterance without a fold.
    """
    if groups is None:
        if not plan.leaks:
            raise FoldError(
                f"the {plan.groups}s are unknown, which {plan.kind} folds keep apart: fill them in or ask "
                "for --folds-kind random, which leaks"
            )
        groups = np.arange(len(y)).astype(str)
    outer = _outer(plan, y, groups, ids=ids, labels=labels, split=split, given=given)
    folds = []
    for number, (rest, test, dev) in enumerate(outer):
        train, validation = (rest, dev) if len(dev) else _validation_part(plan, rest, y, groups, number)
        folds.append(Fold(number, *(np.sort(part).astype(np.int64) for part in (train, validation, test))))
    _check(plan, folds, y, groups, labels)
    return folds


def fold_of_each(
    plan: FoldPlan, folds: Sequence[Fold], ids: np.ndarray, split: np.ndarray | None
) -> dict[str, str]:
    """{id: the part it is tested in}, as the leakage check takes it: fold numbers of the first repeat, or the
    official parts' names.
    """
    if plan.kind == "official" and split is not None:
        return dict(zip(ids.tolist(), split.tolist(), strict=True))
    first = folds[: plan.folds] if plan.kind in ("group", "random") else folds
    return {str(ids[row]): str(fold.number) for fold in first for row in fold.test}


def _outer(
    plan: FoldPlan,
    y: np.ndarray,
    groups: np.ndarray,
    *,
    ids: Sequence[str] | np.ndarray,
    labels: Sequence[str],
    split: np.ndarray | None,
    given: Mapping[str, int] | None,
) -> list[splitting.Parts]:
    """The training, test and official validation part of each fold."""
    seeds = range(plan.seed, plan.seed + plan.repeat)
    if plan.kind == "official":
        return [splitting.official(split, len(y))]
    if plan.kind == "given":
        return splitting.given(ids, given)
    if plan.kind == "random":
        return splitting.random(y, folds=plan.folds, seeds=seeds, labels=labels)
    if plan.kind == "leave-one-out":
        return splitting.leave_one_out(groups, unit=plan.groups)
    return splitting.by_group(y, groups, unit=plan.groups, folds=plan.folds, seeds=seeds, labels=labels)


def _validation_part(
    plan: FoldPlan, rest: np.ndarray, y: np.ndarray, groups: np.ndarray, number: int
) -> tuple[np.ndarray, np.ndarray]:
    """Split the validation part off the training part, by whole groups unless the plan is random."""
    if plan.validation == 0:
        return rest, NOBODY
    largest = int(np.bincount(y[rest]).max(initial=0))
    if largest < 2:
        raise FoldError(
            f"no class has two clips in the training part of fold {number}, so no validation part can be "
            "split off it: add clips, or use --validation 0 with a fixed number of epochs"
        )
    # scikit-learn cuts no more pieces than the most frequent class has members
    pieces = max(2, min(round(1 / plan.validation), largest))
    seed = plan.seed + 1000 + number
    if plan.kind == "random":
        options = splitting.stratified(y[rest], pieces, seed)
    else:
        available = len(np.unique(groups[rest]))
        if available < 2:
            raise FoldError(
                f"fold {number} trains on one {plan.groups} only, so no validation part can be split off it: "
                "use --validation 0, with a fixed number of epochs"
            )
        options = splitting.stratified_groups(y[rest], groups[rest], min(pieces, available), seed)
    classes = len(np.unique(y[rest]))
    # the first one that leaves every class in the training part; else the first, and `_check` names what is
    # missing
    train, validation = next(
        (o for o in options if len(np.unique(y[rest][o[0]])) == classes and len(o[1])), options[0]
    )
    return rest[train], rest[validation]


def _check(
    plan: FoldPlan, folds: Sequence[Fold], y: np.ndarray, groups: np.ndarray, labels: Sequence[str]
) -> None:
    """Raise FoldError for an empty part, a given fold that shares a group, or a class that none trains on."""
    wanted = np.unique(y)
    for fold in folds:
        if not len(fold.test) or not len(fold.train):
            raise FoldError(
                f"fold {fold.number} has an empty {'test' if not len(fold.test) else 'training'} "
                "part: use fewer folds"
            )
        if plan.kind == "given":
            both = np.intersect1d(groups[fold.test], groups[np.concatenate([fold.train, fold.validation])])
            if len(both):
                raise FoldError(
                    f"fold {fold.number} of the folds file has the {plan.groups} {both[0]} in "
                    f"training and in test ({len(both)} such in all): "
                    f"put each {plan.groups} into one fold or name what the folds keep apart with --groups"
                )
        missing = np.setdiff1d(wanted, y[fold.train])
        if len(missing):
            name = labels[missing[0]] if len(labels) else missing[0]
            raise FoldError(
                f"the training part of fold {fold.number} has no utterance of class {name}: use "
                "fewer folds, another --seed, or leave the class out"
            )
