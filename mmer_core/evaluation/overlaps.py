"""Things that utterances of different folds have in common: keys such as speakers, files, and words."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from enum import StrEnum

import pandas as pd

from mmer_core.clip import Absent
from mmer_core.corpora.feature_files import FeatureFiles
from mmer_core.corpora.manifest import FEATURE_COLUMNS, Manifest
from mmer_core.corpora.transcripts import near_pairs, normalised

#: Transcripts with fewer words ("Yeah.", "Thank you") are said by everyone: listed, but no evidence of a
#: leak.
MIN_WORDS = 3
#: A fold of this name is never tested: it is the training side of an official split.
TRAIN = "train"
_EXAMPLES = 3


class Kind(StrEnum):
    """Kinds of overlap, in the order of the report's table."""

    SPEAKER = "speaker"
    DIALOGUE = "dialogue"
    FILE = "identical file"
    TRANSCRIPT = "identical transcript"
    NEAR_TRANSCRIPT = "near-identical transcript"
    SHORT_TRANSCRIPT = "short transcript"


#: (kind, fold, number of test utterances, examples)
Line = tuple[Kind, str, int, tuple[str, ...]]


def crossing(table: pd.DataFrame, kind: Kind, keys: pd.Series, named_by: str = "") -> Iterator[Line]:
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
            examples = tuple(
                f"{key} ({count})" for key, count in rows["key"].value_counts().head(_EXAMPLES).items()
            )
        if fold != TRAIN:
            yield kind, str(fold), len(rows), examples


def content_digests(manifest: Manifest) -> pd.Series:
    """sha256 of each utterance's content: its file, else its features; only files of equal size are
    opened.
    """
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
    """The first array that is there, sequences (voice, face) before the vector of the words, which equal
    words make equal.
    """
    chosen = pd.Series("", index=table.index, dtype=str)
    for column in reversed(FEATURE_COLUMNS.values()):
        chosen = chosen.where(chosen != "", table[column])
    return chosen


def _digest(files: FeatureFiles, source: str) -> str:
    try:
        return files.digest(source)
    except Absent:
        return ""


def shared_words(table: pd.DataFrame) -> Iterator[Line]:
    """Lines about transcripts: identical, short and identical, nearly identical."""
    texts = table["text"].map(normalised)
    long = texts.str.count(" ") >= MIN_WORDS - 1
    yield from crossing(table, Kind.TRANSCRIPT, texts.where(long, ""), named_by="text")
    yield from crossing(table, Kind.SHORT_TRANSCRIPT, texts.where(~long, ""), named_by="text")
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
