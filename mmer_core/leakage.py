"""What a split has on both sides: speakers, dialogues, files, words. A figure from a split that leaks is no measure of skill."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Self

import pandas as pd

from mmer_core.clip import Absent
from mmer_core.corpora.feature_files import FeatureFiles
from mmer_core.corpora.folds import fold_order
from mmer_core.corpora.manifest import FEATURE_COLUMNS, CorpusError, Manifest
from mmer_core.corpora.transcripts import near_pairs, normalised

#: Transcripts with fewer words ("Yeah.", "Thank you") are said by everyone: listed, but no evidence of a leak.
MIN_WORDS = 3
#: A fold of this name is never tested: it is the training side of an official split.
TRAIN = "train"
_EXAMPLES = 3


class Verdict(StrEnum):
    """What a split's figures are worth, from best to worst."""

    CLEAN = "clean"
    TEXT = "overlap in text only"
    SPEAKERS = "speakers on both sides"
    UNKNOWN = "cannot tell"
    LEAKS = "leaks"


class Kind(StrEnum):
    """What can be on both sides, in the order of the table."""

    SPEAKER = "speaker"
    DIALOGUE = "dialogue"
    FILE = "identical file"
    TRANSCRIPT = "identical transcript"
    NEAR_TRANSCRIPT = "near-identical transcript"
    SHORT_TRANSCRIPT = "short transcript"


@dataclass(frozen=True)
class Overlap:
    """One line of the table.

    Attributes:
        kind: what is on both sides.
        fold: the fold that is tested.
        n: how many test utterances of the fold are concerned.
        of: how many test utterances the fold has.
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
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """The inverse of `to_json`, also after a trip through a file."""
        overlaps = tuple(Overlap(Kind(o["kind"]), o["fold"], o["n"], o["of"], tuple(o["examples"])) for o in data["overlaps"])
        return cls(Verdict(data["verdict"]), data["reason"], overlaps, dict(data["folds"]), tuple(data["unknown"]))

    def table(self) -> pd.DataFrame:
        """Columns kind, fold, n, of, examples (joined to one text)."""
        columns = ["kind", "fold", "n", "of", "examples"]
        return pd.DataFrame([[str(o.kind), o.fold, o.n, o.of, "; ".join(o.examples)] for o in self.overlaps], columns=columns)


def check(manifest: Manifest, folds: pd.Series | Mapping[str, str] | None = None) -> LeakageReport:
    """Look for what a split has on both sides: each fold is tested against all others, save one named train, which is never tested.

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
        *_crossing(table, Kind.SPEAKER, table["group"]),
        *_crossing(table, Kind.DIALOGUE, table["dialogue"]),
        *_crossing(table, Kind.FILE, _digests(manifest), named_by="id"),
        *_words(table),
    ]
    order = fold_order(pd.Series(assigned, dtype=str))
    verdict = _verdict({line[0] for line in lines}, table, unknown)
    overlaps = [Overlap(kind, fold, n, sizes[fold], examples) for kind, fold, n, examples in lines]
    overlaps.sort(key=lambda o: (list(Kind).index(o.kind), order.index(o.fold)))
    return LeakageReport(verdict, _reason(verdict, overlaps), tuple(overlaps), {fold: sizes[fold] for fold in order}, tuple(unknown))


#: (kind, fold, n, examples)
_Line = tuple[Kind, str, int, tuple[str, ...]]


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
        raise CorpusError(f"{len(without)} of {len(manifest)} utterances have no fold (first: {without[0]}): give each one")
    if len({str(given[id]) for id in manifest.ids}) < 2:
        raise CorpusError("all utterances are in one fold: a split has at least two")
    return [str(given[id]) for id in manifest.ids]


def _unknown(table: pd.DataFrame) -> list[str]:
    nameless = int((table["group"] == "").sum())
    return [f"the speaker of {nameless} of {len(table)} utterances is unknown"] if nameless else []


def _crossing(table: pd.DataFrame, kind: Kind, keys: pd.Series, named_by: str = "") -> Iterator[_Line]:
    """For each fold, its utterances whose key also occurs in another fold; keys that are "" do not count."""
    known = table.assign(key=keys.to_numpy())
    known = known[known["key"] != ""]
    crossing = known[known.groupby("key")["fold"].transform("nunique") > 1]
    for fold, rows in crossing.groupby("fold"):
        if named_by:
            others = crossing[crossing["fold"] != fold].drop_duplicates("key").set_index("key")[named_by]
            first = rows.drop_duplicates("key").head(_EXAMPLES)
            pairs = ((mine, others[key]) for mine, key in zip(first[named_by], first["key"], strict=True))
            examples = tuple(mine if mine == other else f"{mine} = {other}" for mine, other in pairs)
        else:
            examples = tuple(f"{key} ({count})" for key, count in rows["key"].value_counts().head(_EXAMPLES).items())
        if fold != TRAIN:
            yield kind, str(fold), len(rows), examples


def _digests(manifest: Manifest) -> pd.Series:
    """sha256 of what each utterance is read from: its file, else its features; only files of equal size are opened."""
    sources = manifest.table["path"].where(manifest.table["path"] != "", _feature_source(manifest.table))
    found = {source: "" for source in sources if source}
    with FeatureFiles(manifest.root) as files:
        by_size: dict[tuple[int, int], list[str]] = defaultdict(list)
        for source in found:
            try:
                by_size[files.size(source)].append(source)
            except (OSError, KeyError):
                continue  # gone since the manifest was read: it cannot be on both sides
        for same in by_size.values():
            for source in same if len(same) > 1 else ():
                found[source] = _digest(files, source)
    return sources.map(lambda source: found.get(source) or source)


def _feature_source(table: pd.DataFrame) -> pd.Series:
    """The first array that is there, sequences (voice, face) before the vector of the words, which equal words make equal."""
    chosen = pd.Series("", index=table.index, dtype=str)
    for column in reversed(FEATURE_COLUMNS.values()):
        chosen = chosen.where(chosen != "", table[column])
    return chosen


def _digest(files: FeatureFiles, source: str) -> str:
    try:
        return files.digest(source)
    except Absent:
        return ""


def _words(table: pd.DataFrame) -> Iterator[_Line]:
    """Lines about transcripts: identical, short and identical, nearly identical."""
    texts = table["text"].map(normalised)
    long = texts.str.count(" ") >= MIN_WORDS - 1
    yield from _crossing(table, Kind.TRANSCRIPT, texts.where(long, ""), named_by="text")
    yield from _crossing(table, Kind.SHORT_TRANSCRIPT, texts.where(~long, ""), named_by="text")
    folds_of: dict[str, set[str]] = defaultdict(set)
    for text, fold in zip(texts[long], table["fold"][long], strict=True):
        folds_of[text].add(fold)
    twins: dict[str, list[str]] = defaultdict(list)
    for a, b in near_pairs(sorted(folds_of)):
        twins[a].append(b)
        twins[b].append(a)
    hits: dict[str, list[str]] = defaultdict(list)
    for text, fold in zip(texts, table["fold"], strict=True):
        other = next((t for t in twins.get(text, ()) if folds_of[t] - {fold}), None)
        if other is not None and fold != TRAIN:
            hits[fold].append(f"{text} ~ {other}")
    for fold, pairs in hits.items():
        yield Kind.NEAR_TRANSCRIPT, fold, len(pairs), tuple(dict.fromkeys(pairs))[:_EXAMPLES]


def _verdict(kinds: set[Kind], table: pd.DataFrame, unknown: Sequence[str]) -> Verdict:
    """Speakers on both sides are a leak, except in a split by whole dialogues, where they limit what the figures mean."""
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
        return f"The test side meets what the model was trained on ({parts}), so the figures measure memory, not skill."
    return _REASONS[verdict]


_LEAKS = (Kind.SPEAKER, Kind.DIALOGUE, Kind.FILE)
_REASONS = {
    Verdict.CLEAN: f"No speaker, dialogue, file or transcript of {MIN_WORDS} words or more is on both sides.",
    Verdict.TEXT: "The same words are on both sides, but no speaker, dialogue or file: only figures that use text are too good.",
    Verdict.SPEAKERS: "Speakers are on both sides, but no dialogue or file: the figures hold for speakers the model has met, not for new ones.",
    Verdict.UNKNOWN: "No leak was found, but not all speakers are known, so they may be on both sides: fill in the speakers.",
}
