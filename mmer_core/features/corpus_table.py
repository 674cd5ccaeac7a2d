"""From a manifest to a feature table: features that came with the corpus, or that an encoder made."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import numpy as np

from mmer_core.clip import Absent
from mmer_core.corpora import FeatureFiles, Manifest
from mmer_core.features.table import GIVEN, FeatureColumn, FeatureTable
from mmer_core.labels import Modality, in_order


class ColumnSource(Protocol):
    """Where encoded features are kept: the feature store."""

    def column(
        self, request: str, manifest: Manifest, *, transcribe: bool = False
    ) -> tuple[FeatureColumn, str, list[tuple[str, str]]]:
        """Features of the utterances, memory-mapped, in the manifest's order; what made them (for the
        record); (id, reason) of those without.
        """
        ...


def feature_table(
    manifest: Manifest,
    encoders: Mapping[Modality, str],
    *,
    groups: str = "speaker",
    groups_needed: bool = True,
    store: ColumnSource | None = None,
    transcribe: bool = False,
    scratch: Path | None = None,
) -> FeatureTable:
    """Return the features of a corpus.

    Args:
        manifest: the corpus.
        encoders: {modality: encoder, or `GIVEN`}; empty takes every modality that came with the corpus.
        groups: what the folds will keep apart: speaker, session or dialogue.
        groups_needed: refuse utterances whose group is unknown; else each is a group of its own.
        store: where encoders' features are; needed unless all are given.
        transcribe: utterances without words have those that speech recognition found.
        scratch: folder for a temporary copy of given features, which is gone when the process ends.

    Raises:
        ValueError: there are no such features, or the corpus does not say who belongs to which group.
    """
    chosen = dict(encoders) or {m: GIVEN for m in Modality if manifest.has_features(m)}
    if not chosen:
        raise ValueError(
            f"{manifest.root} brings no features: name encoders with --encoders, for example text=minilm"
        )
    columns, sources = {}, {}
    problems: list[tuple[str, str]] = [tuple(p) for p in manifest.problems]  # type: ignore[misc]
    for modality in in_order(chosen):
        encoder = chosen[modality]
        if encoder == GIVEN:
            columns[modality], missing = _given(manifest, modality, scratch)
            sources[modality] = GIVEN
        elif store is None:
            raise ValueError(
                f"{modality} features of {encoder} must be extracted first: run the extract command"
            )
        else:
            columns[modality], sources[modality], missing = store.column(
                encoder, manifest, transcribe=transcribe
            )
        problems += missing
    split = manifest.table["split"].to_numpy(dtype=str)
    sentiment, sentiments = _sentiment(manifest)
    return FeatureTable(
        columns=columns,
        y=manifest.y,
        labels=manifest.labels,
        ids=np.array(manifest.ids, dtype=str),
        groups=manifest.groups(groups, required=groups_needed),
        split=split if (split != "").any() else None,
        sentiment=sentiment,
        sentiments=sentiments,
        sources=sources,
        problems=tuple(problems),
    )


def _given(
    manifest: Manifest, modality: Modality, scratch: Path | None
) -> tuple[FeatureColumn, list[tuple[str, str]]]:
    """Features that came with the corpus, copied once into one temporary, memory-mapped file; and what could
    not be read.
    """
    if not manifest.has_features(modality):
        raise ValueError(f"{manifest.root} brings no {modality} features: name an encoder for them")
    length = np.zeros(len(manifest), dtype=np.int64)
    problems, width = [], 0
    if scratch is not None:
        scratch.mkdir(parents=True, exist_ok=True)
    with FeatureFiles(manifest.root) as files, tempfile.TemporaryFile(dir=scratch) as frames:
        for row, utterance in enumerate(manifest.utterances()):
            if modality not in utterance.features:
                continue
            try:
                array = files.read(utterance.features[modality])
            except Absent as error:
                problems.append((utterance.id, f"{modality}: {error}"))
                continue
            width = width or array.shape[1]
            if array.shape[1] != width:
                problems.append(
                    (utterance.id, f"{modality}: the features are {array.shape[1]} wide, the others {width}")
                )
                continue
            frames.write(array.astype(np.float32).tobytes())
            length[row] = len(array)
        frames.flush()
        if not length.any():
            raise ValueError(
                f"none of the {modality} features of {manifest.root} can be read (first: {problems[0][1]})"
            )
        mapped = np.memmap(frames, dtype=np.float32, mode="r", shape=(int(length.sum()), width))
    return FeatureColumn(mapped, np.concatenate([[0], np.cumsum(length)[:-1]]), length), problems


def _sentiment(manifest: Manifest) -> tuple[np.ndarray | None, tuple[str, ...]]:
    """Class indices of the column sentiment, -1 where unknown, and the classes; (None, ()) if the corpus has
    no such column.
    """
    if "sentiment" not in manifest.table:
        return None, ()
    values = manifest.table["sentiment"].fillna("").astype(str).str.strip().str.lower()
    names = tuple(sorted(set(values) - {""}))
    return values.map({name: i for i, name in enumerate(names)}).fillna(-1).to_numpy(dtype=np.int64), names
