"""How a corpus is cut into folds: which utterances train, which select, which test. By default nobody is on two sides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from mmer_core.config import JsonConfig

Kind = Literal["group", "given", "official", "leave-one-out", "random"]
Role = Literal["train", "inner", "test"]


class FoldError(ValueError):
    """A corpus cannot be cut this way; the message is one sentence that says where and what to do."""


@dataclass(frozen=True)
class FoldPlan(JsonConfig):
    """How to cut.

    Attributes:
        kind: group keeps groups together and classes balanced; given reads the folds from a file; official trains on train, selects on dev and
            tests on test; leave-one-out tests one group in each fold; random mixes groups, which leaks.
        groups: what must not be on two sides: speaker, session or dialogue.
        folds: how many folds (group and random).
        repeat: how often to cut anew, with other folds (group and random).
        validation: share of the training part that selects epochs and settings; cut by the same groups, never from the test part; 0 for none.
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
            raise FoldError("folds must be at least 2, repeat at least 1, and validation at least 0 and below 1")

    @property
    def leaks(self) -> bool:
        """Whether the plan itself puts groups on two sides."""
        return self.kind == "random"


@dataclass(frozen=True)
class Fold:
    """One cut; the three parts are (n,) int64 positions, ascending and disjoint.

    Attributes:
        number: 0-based, running on over repeats.
        train: fits weights, standardisation and class weights.
        inner: chooses epoch, settings and temperature; may be empty.
        test: only ever predicted.
    """

    number: int
    train: np.ndarray
    inner: np.ndarray
    test: np.ndarray

    @property
    def roles(self) -> dict[Role, np.ndarray]:
        return {"train": self.train, "inner": self.inner, "test": self.test}


def cut(
    plan: FoldPlan,
    *,
    y: np.ndarray,
    groups: np.ndarray,
    ids: Sequence[str] | np.ndarray = (),
    labels: Sequence[str] = (),
    split: np.ndarray | None = None,
    given: Mapping[str, int] | None = None,
) -> list[Fold]:
    """Cut N utterances into folds.

    Args:
        y: (N,) class indices.
        groups: (N,) str.
        ids: (N,) str; needed for given folds.
        labels: class names, for messages.
        split: (N,) str; needed for the official split.
        given: {id: fold}.

    Raises:
        FoldError: one group only, a group on two sides of a given fold, a class missing from a training part, an utterance without a fold.
    """
    outer = _outer(plan, y, groups, ids=ids, split=split, given=given)
    folds = []
    for number, (rest, test, dev) in enumerate(outer):
        train, inner = (rest, dev) if len(dev) else _inner(plan, rest, y, groups, number)
        folds.append(Fold(number, *(np.sort(part).astype(np.int64) for part in (train, inner, test))))
    _check(plan, folds, y, groups, labels)
    return folds


def fold_of_each(plan: FoldPlan, folds: Sequence[Fold], ids: np.ndarray, split: np.ndarray | None) -> dict[str, str]:
    """{id: the part it is tested in}, as the leakage check takes it: fold numbers of the first repeat, or the official parts' names."""
    if plan.kind == "official" and split is not None:
        return dict(zip(ids.tolist(), split.tolist(), strict=True))
    first = folds[: plan.folds] if plan.kind in ("group", "random") else folds
    return {str(ids[row]): str(fold.number) for fold in first for row in fold.test}


Outer = tuple[np.ndarray, np.ndarray, np.ndarray]  # training part, test part, official dev part
_NOBODY = np.zeros(0, dtype=np.int64)


def _outer(
    plan: FoldPlan,
    y: np.ndarray,
    groups: np.ndarray,
    *,
    ids: Sequence[str] | np.ndarray,
    split: np.ndarray | None,
    given: Mapping[str, int] | None,
) -> list[Outer]:
    everyone = np.arange(len(y))
    if plan.kind == "official":
        return [_official(split, len(y))]
    if plan.kind == "given":
        number = _numbers(ids, given)
        return [(everyone[number != k], everyone[number == k], _NOBODY) for k in np.unique(number)]
    if plan.kind == "random":
        from sklearn.model_selection import StratifiedKFold

        cutters = [StratifiedKFold(plan.folds, shuffle=True, random_state=plan.seed + r) for r in range(plan.repeat)]
        _enough_members(y, plan.folds)
        return [(rest, test, _NOBODY) for cutter in cutters for rest, test in cutter.split(everyone, y)]
    names = np.unique(groups)
    if len(names) < 2:
        raise FoldError(
            f"there is one {plan.groups} only ({names[0] if len(names) else 'none'}): folds that keep {plan.groups}s apart need two; "
            "group by something else or ask for --folds-kind random, which leaks"
        )
    if plan.kind == "leave-one-out":
        return [(everyone[groups != name], everyone[groups == name], _NOBODY) for name in names]
    if len(names) < plan.folds:
        raise FoldError(
            f"{plan.folds} folds need as many {plan.groups}s and there are {len(names)}: use --folds {len(names)} or group by something else"
        )
    return [(rest, test, _NOBODY) for r in range(plan.repeat) for rest, test in _stratified(y, groups, plan.folds, plan.seed + r)]


def _stratified(y: np.ndarray, groups: np.ndarray, folds: int, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Folds that keep groups whole and classes as even as that allows."""
    import warnings

    from sklearn.model_selection import StratifiedGroupKFold

    with warnings.catch_warnings():  # it warns of classes with fewer members than folds; `_check` says it better
        warnings.simplefilter("ignore", UserWarning)
        return list(StratifiedGroupKFold(folds, shuffle=True, random_state=seed).split(y, y, groups))


def _official(split: np.ndarray | None, n: int) -> Outer:
    """Train, dev and test of the corpus; where it has no test part, dev is the test and nothing is set aside."""
    parts = {name: np.flatnonzero(split == name) if split is not None else _NOBODY for name in ("train", "dev", "test")}
    if split is None or not len(parts["train"]) or not (len(parts["dev"]) or len(parts["test"])):
        raise FoldError("this corpus has no official split with a training part and a dev or test part: use --folds-kind group")
    strangers = n - sum(map(len, parts.values()))
    if strangers:
        raise FoldError(f"{strangers} utterances are in none of the official parts train, dev and test: correct the column split")
    if len(parts["test"]):
        return parts["train"], parts["test"], parts["dev"]
    return parts["train"], parts["dev"], _NOBODY


def _numbers(ids: Sequence[str] | np.ndarray, given: Mapping[str, int] | None) -> np.ndarray:
    """(N,) int: the given fold of every utterance."""
    if not given:
        raise FoldError("given folds need a file that says the fold of each id: name it with --folds FILE")
    lacking = [str(i) for i in ids if str(i) not in given]
    if lacking:
        raise FoldError(f"the folds file says nothing about {len(lacking)} of {len(ids)} utterances (first: {lacking[0]}): add them to it")
    numbers = np.array([given[str(i)] for i in ids])
    if len(np.unique(numbers)) < 2:
        raise FoldError("the folds file puts every utterance into one fold: it needs at least two")
    return numbers


def _enough_members(y: np.ndarray, folds: int) -> None:
    sizes = np.bincount(y)
    rare = sizes[sizes > 0].min(initial=folds)
    if rare < folds:
        raise FoldError(f"a class has {rare} utterances and there are {folds} folds: use --folds {max(2, int(rare))} or leave the class out")


def _inner(plan: FoldPlan, rest: np.ndarray, y: np.ndarray, groups: np.ndarray, number: int) -> tuple[np.ndarray, np.ndarray]:
    """Cut the inner validation part from the training part, by whole groups unless the plan is random."""
    if plan.validation == 0:
        return rest, _NOBODY
    pieces = max(2, round(1 / plan.validation))
    seed = plan.seed + 1000 + number
    if plan.kind == "random":
        from sklearn.model_selection import StratifiedKFold

        _enough_members(y[rest], pieces)
        options = list(StratifiedKFold(pieces, shuffle=True, random_state=seed).split(rest, y[rest]))
    else:
        available = len(np.unique(groups[rest]))
        if available < 2:
            raise FoldError(
                f"fold {number} trains on one {plan.groups} only, so no inner validation part can be cut from it: "
                "use --validation 0, with a fixed number of epochs"
            )
        options = _stratified(y[rest], groups[rest], min(pieces, available), seed)
    classes = len(np.unique(y[rest]))
    # The first cut that leaves every class in the training part; else the first, and the check names what is missing.
    train, inner = next((o for o in options if len(np.unique(y[rest][o[0]])) == classes and len(o[1])), options[0])
    return rest[train], rest[inner]


def _check(plan: FoldPlan, folds: Sequence[Fold], y: np.ndarray, groups: np.ndarray, labels: Sequence[str]) -> None:
    wanted = np.unique(y)
    for fold in folds:
        if not len(fold.test) or not len(fold.train):
            raise FoldError(f"fold {fold.number} has an empty {'test' if not len(fold.test) else 'training'} part: use fewer folds")
        if plan.kind == "given":
            both = np.intersect1d(groups[fold.test], groups[np.concatenate([fold.train, fold.inner])])
            if len(both):
                raise FoldError(
                    f"fold {fold.number} of the folds file has the {plan.groups} {both[0]} in training and in test ({len(both)} such in all): "
                    f"put each {plan.groups} into one fold or name what the folds keep apart with --groups"
                )
        missing = np.setdiff1d(wanted, y[fold.train])
        if len(missing):
            name = labels[missing[0]] if len(labels) else missing[0]
            raise FoldError(
                f"the training part of fold {fold.number} has no utterance of class {name}: use fewer folds, another --seed, or leave the class out"
            )
