"""Divisions of utterances into a training, a test and a validation part, for each kind of fold plan."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import numpy as np

#: Training part, test part, official validation part; each (n,) positions.
Parts = tuple[np.ndarray, np.ndarray, np.ndarray]
NOBODY = np.zeros(0, dtype=np.int64)


class FoldError(ValueError):
    """A corpus cannot be split as planned; the message is one sentence that says where and what to do."""


def by_group(
    y: np.ndarray,
    groups: np.ndarray,
    *,
    unit: str,
    folds: int,
    seeds: Sequence[int],
    labels: Sequence[str] = (),
) -> list[Parts]:
    """Folds that keep groups whole and classes balanced, once for each seed.

    Args:
        y: (N,) class indices.
        groups: (N,) str.
        unit: the word for a group in messages.
        folds: of each repeat.
        seeds: of the draws.
        labels: class names, for messages.

    Raises:
        FoldError: fewer groups than folds, or fewer utterances of every class.
    """
    names = _two_groups(groups, unit)
    if len(names) < folds:
        raise FoldError(
            f"{folds} folds need as many {unit}s and there are {len(names)}: use --folds "
            f"{len(names)} or group by something else"
        )
    if np.bincount(y).max(initial=0) < folds:
        raise _too_rare(y, folds, labels)
    return [(*pair, NOBODY) for seed in seeds for pair in stratified_groups(y, groups, folds, seed)]


def leave_one_out(groups: np.ndarray, *, unit: str) -> list[Parts]:
    """One fold for each group, which it tests; FoldError if there is one group only."""
    everyone = np.arange(len(groups))
    return [
        (everyone[groups != name], everyone[groups == name], NOBODY) for name in _two_groups(groups, unit)
    ]


def random(y: np.ndarray, *, folds: int, seeds: Sequence[int], labels: Sequence[str] = ()) -> list[Parts]:
    """Folds that balance classes and mix groups, once for each seed; FoldError for a class with fewer
    utterances than folds.
    """
    sizes = np.bincount(y)
    if sizes[sizes > 0].min(initial=folds) < folds:
        raise _too_rare(y, folds, labels)
    return [(*pair, NOBODY) for seed in seeds for pair in stratified(y, folds, seed)]


def given(ids: Sequence[str] | np.ndarray, fold_of: Mapping[str, int] | None) -> list[Parts]:
    """One fold for each number that a file gives; FoldError for an utterance without one."""
    if not fold_of:
        raise FoldError("given folds need a file that says the fold of each id: name it with --folds FILE")
    lacking = [str(i) for i in ids if str(i) not in fold_of]
    if lacking:
        raise FoldError(
            f"the folds file says nothing about {len(lacking)} of {len(ids)} utterances (first: "
            f"{lacking[0]}): add them to it"
        )
    number = np.array([fold_of[str(i)] for i in ids])
    if len(np.unique(number)) < 2:
        raise FoldError("the folds file puts every utterance into one fold: it needs at least two")
    everyone = np.arange(len(number))
    return [(everyone[number != k], everyone[number == k], NOBODY) for k in np.unique(number)]


def official(split: np.ndarray | None, n: int) -> Parts:
    """Train, test and dev of the corpus; where it has no test part, dev is the test part and the validation
    part is left empty.

    Raises:
        FoldError: the corpus has no such split, or an utterance is in none of its parts.
    """
    parts = {
        name: np.flatnonzero(split == name) if split is not None else NOBODY
        for name in ("train", "dev", "test")
    }
    if split is None or not len(parts["train"]) or not (len(parts["dev"]) or len(parts["test"])):
        raise FoldError(
            "this corpus has no official split with a training part and a dev or test part: use "
            "--folds-kind group"
        )
    elsewhere = n - sum(map(len, parts.values()))
    if elsewhere:
        raise FoldError(
            f"{elsewhere} utterances are in none of the official parts train, dev and test: correct "
            "the column split"
        )
    if len(parts["test"]):
        return parts["train"], parts["test"], parts["dev"]
    return parts["train"], parts["dev"], NOBODY


def stratified(y: np.ndarray, folds: int, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """(rest, part) of each fold, classes as balanced as their sizes allow."""
    from sklearn.model_selection import StratifiedKFold

    with _without_warnings():
        return list(StratifiedKFold(folds, shuffle=True, random_state=seed).split(y, y))


def stratified_groups(
    y: np.ndarray, groups: np.ndarray, folds: int, seed: int
) -> list[tuple[np.ndarray, np.ndarray]]:
    """(rest, part) of each fold, groups whole and classes as balanced as that allows."""
    from sklearn.model_selection import StratifiedGroupKFold

    with _without_warnings():
        return list(StratifiedGroupKFold(folds, shuffle=True, random_state=seed).split(y, y, groups))


@contextmanager
def _without_warnings() -> Iterator[None]:
    """scikit-learn warns of classes with fewer members than folds, which `make_folds` checks."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        yield


def _too_rare(y: np.ndarray, folds: int, labels: Sequence[str]) -> FoldError:
    """Which class is too rare for so many folds, and what to do."""
    sizes = np.bincount(y)
    rarest = int(np.where(sizes > 0, sizes, sizes.max(initial=0) + 1).argmin())
    count = int(sizes[rarest])
    name = str(labels[rarest]).capitalize() if len(labels) > rarest else f"Class {rarest}"
    fewer = f"use --folds {count}, " if count > 1 else ""
    return FoldError(
        f"{name} has only {count} {'clip' if count == 1 else 'clips'}; {folds} folds need {folds}: "
        f"{fewer}add clips of it, or leave the class out"
    )


def _two_groups(groups: np.ndarray, unit: str) -> np.ndarray:
    """The names of the groups; FoldError if there are fewer than two."""
    names = np.unique(groups)
    if len(names) < 2:
        raise FoldError(
            f"there is one {unit} only ({names[0] if len(names) else 'none'}): folds that keep {unit}s apart "
            "need two; group by something else or ask for --folds-kind random, which leaks"
        )
    return names
