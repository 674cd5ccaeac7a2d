"""The leakage check of a split: speakers, dialogues, files and words on both sides. Figures from a split that
leaks are no measure of skill.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Self

import pandas as pd

from mmer_core.corpora.folds import fold_order
from mmer_core.corpora.manifest import CorpusError, Manifest
from mmer_core.evaluation.overlaps import MIN_WORDS, Kind, content_digests, crossing, shared_words

__all__ = ["Kind", "LeakageReport", "Overlap", "Verdict", "check"]


class Verdict(StrEnum):
    """The worth of a split's figures, from best to worst."""

    CLEAN = "clean"
    TEXT = "overlap in text only"
    SPEAKERS = "speakers on both sides"
    UNKNOWN = "cannot tell"
    LEAKS = "leaks"


@dataclass(frozen=True)
class Overlap:
    """One line of the table.

    Attributes:
        kind: what is on both sides.
        fold: the fold that is tested.
        n: test utterances of the fold that are concerned.
        of: test utterances of the fold.
        examples: a few, in words.
    """

    kind: Kind
    fold: str
    n: int
    of: int
    examples: tuple[str, ...]


@dataclass(frozen=True)
class LeakageReport:
    """The result of `check`.

    Attributes:
        verdict: the worst that was found.
        reason: one sentence for a person.
        overlaps: the table; empty if nothing is on both sides.
        folds: {fold: number of utterances}.
        unknown: what could not be checked, in sentences.
    """

    verdict: Verdict
    reason: str
    overlaps: tuple[Overlap, ...]
    folds: dict[str, int]
    unknown: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the report as a JSON object."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """The inverse of `to_json`, also after a trip through a file."""
        overlaps = tuple(
            Overlap(Kind(o["kind"]), o["fold"], o["n"], o["of"], tuple(o["examples"]))
            for o in data["overlaps"]
        )
        return cls(
            Verdict(data["verdict"]), data["reason"], overlaps, dict(data["folds"]), tuple(data["unknown"])
        )

    def table(self) -> pd.DataFrame:
        """Columns kind, fold, n, of, examples (joined to one text)."""
        columns = ["kind", "fold", "n", "of", "examples"]
        return pd.DataFrame(
            [[str(o.kind), o.fold, o.n, o.of, "; ".join(o.examples)] for o in self.overlaps], columns=columns
        )


def check(manifest: Manifest, folds: pd.Series | Mapping[str, str] | None = None) -> LeakageReport:
    """Find what a split has on both sides: each fold is tested against all others, save one named train,
    which is never tested.

    Args:
        manifest: the corpus.
        folds: {id: fold} for every utterance (see `corpora.read_folds`); default the official split.

    Raises:
        CorpusError: an utterance without a fold, or no split given and none official.
    """
    assigned = _assigned(manifest, folds)
    sizes = Counter(assigned)
    table = manifest.table.assign(fold=assigned)
    unknown = _unknown(table)
    lines = [
        *crossing(table, Kind.SPEAKER, table["group"]),
        *crossing(table, Kind.DIALOGUE, table["dialogue"]),
        *crossing(table, Kind.FILE, content_digests(manifest), named_by="id"),
        *shared_words(table),
    ]
    order = fold_order(pd.Series(assigned, dtype=str))
    verdict = _verdict({line[0] for line in lines}, table, unknown)
    overlaps = [Overlap(kind, fold, n, sizes[fold], examples) for kind, fold, n, examples in lines]
    overlaps.sort(key=lambda o: (list(Kind).index(o.kind), order.index(o.fold)))
    return LeakageReport(
        verdict,
        _reason(verdict, overlaps),
        tuple(overlaps),
        {fold: sizes[fold] for fold in order},
        tuple(unknown),
    )


def _assigned(manifest: Manifest, folds: pd.Series | Mapping[str, str] | None) -> list[str]:
    """The fold of each row."""
    if folds is None:
        values = manifest.table["split"].tolist()
        if "" in values or len(set(values)) < 2:
            raise CorpusError("this corpus has no official split to check: give folds (a CSV of id, fold)")
        return values
    given = dict(folds.items())
    without = [id for id in manifest.ids if str(given.get(id, "")) in ("", "nan")]
    if without:
        raise CorpusError(
            f"{len(without)} of {len(manifest)} utterances have no fold (first: {without[0]}): give each one"
        )
    if len({str(given[id]) for id in manifest.ids}) < 2:
        raise CorpusError("all utterances are in one fold: a split has at least two")
    return [str(given[id]) for id in manifest.ids]


def _unknown(table: pd.DataFrame) -> list[str]:
    nameless = int((table["group"] == "").sum())
    return [f"the speaker of {nameless} of {len(table)} utterances is unknown"] if nameless else []


def _verdict(kinds: set[Kind], table: pd.DataFrame, unknown: Sequence[str]) -> Verdict:
    """Speakers on both sides are a leak, except in a split by whole dialogues, where they limit what the
    figures mean.
    """
    by_dialogue = bool((table["dialogue"] != "").all()) and Kind.DIALOGUE not in kinds
    if kinds & {Kind.FILE, Kind.DIALOGUE} or (Kind.SPEAKER in kinds and not by_dialogue):
        return Verdict.LEAKS
    if unknown and not by_dialogue:
        return Verdict.UNKNOWN
    if Kind.SPEAKER in kinds:
        return Verdict.SPEAKERS
    return Verdict.TEXT if kinds & {Kind.TRANSCRIPT, Kind.NEAR_TRANSCRIPT} else Verdict.CLEAN


def _reason(verdict: Verdict, overlaps: Sequence[Overlap]) -> str:
    """The verdict as a sentence; for a leak, with the worst fold of each kind."""
    if verdict is Verdict.LEAKS:
        worst: dict[Kind, Overlap] = {}
        for o in overlaps:
            if o.kind in _LEAKS and (o.kind not in worst or o.n / o.of > worst[o.kind].n / worst[o.kind].of):
                worst[o.kind] = o
        parts = "; ".join(f"{o.kind}: {o.n} of {o.of} utterances of fold {o.fold}" for o in worst.values())
        return (
            f"The test side meets what the model was trained on ({parts}), so the figures measure "
            "memory, not skill."
        )
    return _REASONS[verdict]


_LEAKS = (Kind.SPEAKER, Kind.DIALOGUE, Kind.FILE)
_REASONS = {
    Verdict.CLEAN: f"No speaker, dialogue, file or transcript of {MIN_WORDS} words or more is on both sides.",
    Verdict.TEXT: "The same words are on both sides, but no speaker, dialogue or file: only figures that "
    "use text are too good.",
    Verdict.SPEAKERS: "Speakers are on both sides, but no dialogue or file: the figures hold for speakers "
    "the model has met, not for new ones.",
    Verdict.UNKNOWN: "No leak was found, but not all speakers are known, so they may be on both sides: "
    "fill in the speakers.",
}
