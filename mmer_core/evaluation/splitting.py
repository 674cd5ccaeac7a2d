"""Divisions of utterances into a training, a test and a validation part, for each kind of fold plan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

#: Training part, test part, official validation part; each (n,) positions.
Parts = tuple[np.ndarray, np.ndarray, np.ndarray]
NOBODY = np.zeros(0, dtype=np.int64)


class FoldError(ValueError):
    """A corpus cannot be split as planned; the message is one sentence that says where and what to do."""


def by_group(
    y: np.ndarray, groups: np.ndarray, *, unit: str, folds: int, seeds: Sequence[int]
) -> list[Parts]:
    """Folds that keep groups whole and classes balanced, once for each seed.

    Args:
        y: (N,) class indices.
        groups: (N,) str.
        unit: the word for a group in messages.
        folds: of each repeat.
        seeds: of the draws.

    Raises:
        FoldError: fewer groups than folds.
    """
    names = _two_groups(groups, unit)
    if len(names) < folds:
        raise FoldError(
            f"{folds} folds need as many {unit}s and there are {len(names)}: use --folds "
            f"{len(names)} or group by something else"
        )
    return [(*pair, NOBODY) for seed in seeds for pair in stratified_groups(y, groups, folds, seed)]


def leave_one_out(groups: np.ndarray, *, unit: str) -> list[Parts]:
    """One fold for each group, which it tests; FoldError if there is one group only."""
    everyone = np.arange(len(groups))
    return [
        (everyone[groups != name], everyone[groups == name], NOBODY) for name in _two_groups(groups, unit)
    ]


def random(y: np.ndarray, *, folds: int, seeds: Sequence[int]) -> list[Parts]:
    """Folds that balance classes and mix groups, once for each seed; FoldError for too rare a class."""
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
    """(rest, part) of each fold, classes balanced; FoldError for a class with fewer utterances than folds."""
    from sklearn.model_selection import StratifiedKFold

    sizes = np.bincount(y)
    rarest = int(sizes[sizes > 0].min(initial=folds))
    if rarest < folds:
        raise FoldError(
            f"a class has {rarest} utterances and there are {folds} folds: use --folds "
            f"{max(2, rarest)} or leave the class out"
        )
    return list(StratifiedKFold(folds, shuffle=True, random_state=seed).split(y, y))


def stratified_groups(
    y: np.ndarray, groups: np.ndarray, folds: int, seed: int
) -> list[tuple[np.ndarray, np.ndarray]]:
    """(rest, part) of each fold, groups whole and classes as balanced as that allows."""
    import warnings

    from sklearn.model_selection import StratifiedGroupKFold

    with warnings.catch_warnings():
        # it warns of classes with fewer members than folds, which `make_folds` checks
        warnings.simplefilter("ignore", UserWarning)
        return list(StratifiedGroupKFold(folds, shuffle=True, random_state=seed).split(y, y, groups))


def _two_groups(groups: np.ndarray, unit: str) -> np.ndarray:
    """The names of the groups; FoldError if there are fewer than two."""
    names = np.unique(groups)
    if len(names) < 2:
        raise FoldError(
            f"there is one {unit} only ({names[0] if len(names) else 'none'}): folds that keep {unit}s apart "
            "need two; group by something else or ask for --folds-kind random, which leaks"
        )
    return names
