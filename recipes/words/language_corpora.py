"""Utterances in several languages as sentence vectors: XED's film subtitles in the languages that the
multilingual encoder knows, and English corpora beside them.

XED's subtitles in other languages are translations of its English lines, with their labels. A network that
has learned the line in English knows the label of its translation, so what is left out must be left out in
all languages: `without_translations`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from safetensors import safe_open
from safetensors.numpy import save_file

from mmer_core.encoders.multilingual import LANGUAGES, MULTILINGUAL_WEIGHTS, multilingual_vectors
from mmer_core.labels import EMOTIONS
from mmer_core.media.language import ENGLISH
from recipes.words.corpora import read_goemotions, read_meld

ENGLISH_XED, PROJECTIONS = "texts/xed/en.tsv", "texts/xed/projections_20_languages.tsv"
CHINESE = "cn"  # as XED calls it
SIMILAR = 0.65  # cosine from which an utterance may be a translation of another
VECTORS = "languages_vectors.safetensors"
_AT_ONCE = 512


class Part(NamedTuple):
    """The utterances of a corpus in one language.

    Attributes:
        language: its code.
        texts: N texts.
        labels: (N,) int64 class indices.
        vectors: (N, 512) float32 of length 1; (0, 512) where they are not computed.
        translated: it shares its lines with the parts in other languages.
    """

    language: str
    texts: tuple[str, ...]
    labels: np.ndarray
    vectors: np.ndarray
    translated: bool = True

    def take(self, rows: np.ndarray) -> Part:
        """The utterances at these positions, (K,) integers or (N,) bool."""
        texts = tuple(np.array(self.texts, dtype=object)[rows])
        return self._replace(texts=texts, labels=self.labels[rows], vectors=self.vectors[rows])


def read_parts(data: Path) -> dict[str, Part]:
    """{language: XED's utterances}, and the training parts of "meld" and "goemotions"; without vectors.

    Raises:
        FileNotFoundError: a corpus is missing.
        ValueError: a table lacks a column.
    """
    nothing = np.zeros((0, 0), dtype=np.float32)
    parts = {}
    table = pd.concat([_table(data / path) for path in (ENGLISH_XED, PROJECTIONS)], ignore_index=True)
    table["language"] = table["language"].replace(CHINESE, "zh")
    table = table.drop_duplicates(["text", "language"])
    for language in (ENGLISH, *LANGUAGES):
        rows = table[(table["language"] == language) & table["label7"].isin(EMOTIONS)]
        if len(rows):
            labels = np.array([EMOTIONS.index(label) for label in rows["label7"]], dtype=np.int64)
            parts[language] = Part(language, tuple(rows["text"]), labels, nothing)
    for name, read in (("meld", read_meld), ("goemotions", read_goemotions)):
        one = read(data / name, "train")
        parts[name] = Part(ENGLISH, one.texts, one.labels, nothing, translated=False)
    return parts


def with_vectors(parts: Mapping[str, Part], work: Path) -> dict[str, Part]:
    """The parts with their vectors, which are kept in `work` and computed where they are not there.

    Raises:
        EncoderUnavailable: the multilingual encoder's package is not installed.
    """
    texts = json.dumps([MULTILINGUAL_WEIGHTS.identity, {name: part.texts for name, part in parts.items()}])
    identity = hashlib.sha256(texts.encode()).hexdigest()
    path = work / VECTORS
    if not path.is_file() or _identity(path) != identity:
        computed = {name: _embedded(name, part.texts) for name, part in parts.items()}
        save_file(computed, path, {"identity": identity})
    with safe_open(path, "numpy") as file:
        return {name: part._replace(vectors=file.get_tensor(name)) for name, part in parts.items()}


def without_translations(parts: Mapping[str, Part], name: str) -> dict[str, Part]:
    """The other parts without what may be a translation of an utterance of the part `name`: the most similar
    utterance of each part that shares its lines, and those of a cosine of `SIMILAR` or more.
    """
    left = parts[name].vectors
    found = {}
    for other, part in parts.items():
        if other == name:
            continue
        kept = np.ones(len(part.labels), dtype=bool)
        if part.translated:
            similar = part.vectors @ left.T
            kept = similar.max(1) < SIMILAR
            kept[similar.argmax(0)] = False
        if kept.any():
            found[other] = part.take(kept)
    return found


def _table(path: Path) -> pd.DataFrame:
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing: --data names the folder that holds texts/")
    table = pd.read_csv(path, sep="\t", keep_default_na=False, dtype=str, quoting=3)
    for column in ("text", "label7", "language"):
        if column not in table.columns:
            raise ValueError(f"{path} has no column {column}: give a table with text, label7 and language")
    return table


def _embedded(name: str, texts: tuple[str, ...]) -> np.ndarray:
    """(N, 512) float32 vectors."""
    print(f"languages: reading {len(texts)} utterances of {name}", flush=True)
    starts = range(0, len(texts), _AT_ONCE)
    return np.concatenate([multilingual_vectors(texts[start : start + _AT_ONCE]) for start in starts])


def _identity(path: Path) -> str:
    with safe_open(path, "numpy") as file:
        return str((file.metadata() or {}).get("identity"))
