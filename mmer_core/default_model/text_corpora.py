"""Utterances that the default model's expert on words is trained and measured on: MELD and GoEmotions."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from mmer_core.calibration import fit_temperature, negative_log_likelihood
from mmer_core.labels import EMOTIONS, canonical_label

#: Logits (N, C) of texts, behind the turns before each of them if these are given.
Judge = Callable[[Sequence[str], Sequence[Sequence[str]] | None], np.ndarray]
_TURNS = 8  # earlier turns that are handed on; encoders read fewer


class Way(NamedTuple):
    """A way to meet N utterances: their texts, the turns before them or None, class indices (N,), and what is added to the logits (N, C) or (C,)."""

    texts: Sequence[str]
    before: Sequence[Sequence[str]] | None
    labels: np.ndarray
    moved: np.ndarray | float = 0.0

    def ask(self, judge: Judge) -> np.ndarray:
        """The judge's logits (N, C), moved."""
        return judge(self.texts, self.before) + self.moved

    def cross_entropy(self, logits: np.ndarray) -> float:
        """Of answers (N, C) to these utterances at their best temperature, in nats."""
        return negative_log_likelihood(logits / fit_temperature(logits, self.labels), self.labels)


@dataclass(frozen=True)
class Utterances:
    """N labelled utterances: ids, texts, class indices (N,) int64, and groups that must not be parted."""

    ids: tuple[str, ...]
    texts: tuple[str, ...]
    labels: np.ndarray
    groups: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.texts)

    def before(self) -> list[tuple[str, ...]]:
        """What was said before each utterance in its group, oldest first; groups are in the order in which they were spoken."""
        said: dict[str, list[str]] = {}
        turns = []
        for text, group in zip(self.texts, self.groups, strict=True):
            earlier = said.setdefault(group, [])
            turns.append(tuple(earlier[-_TURNS:]))
            earlier.append(text)
        return turns

    def ways(self, in_dialogue: bool) -> dict[str, Way]:
        """How they may be met: as they are, without punctuation and, if so wanted, behind the turns before them."""
        told = {"_in_dialogue": Way(self.texts, self.before(), self.labels)} if in_dialogue else {}
        return {"": Way(self.texts, None, self.labels), "_bare": Way(tuple(map(bare, self.texts)), None, self.labels), **told}

    def take(self, index: np.ndarray) -> Utterances:
        """The utterances at `index`, (K,) integers."""
        rows = index.tolist()
        return Utterances(
            tuple(self.ids[i] for i in rows), tuple(self.texts[i] for i in rows), self.labels[index], tuple(self.groups[i] for i in rows)
        )


def read_meld(folder: Path, split: str) -> Utterances:
    """One split of MELD (Poria et al. 2019), "train" or "dev", from `<split>_sent_emo.csv`; the groups are dialogues.

    Raises:
        FileNotFoundError: the table is not in `folder`.
        ValueError: the table lacks a column or has an unknown emotion.
    """
    path = _existing(folder / f"{split}_sent_emo.csv")
    table = pd.read_csv(path, keep_default_na=False)
    missing = [c for c in ("Utterance", "Emotion", "Dialogue_ID", "Utterance_ID") if c not in table.columns]
    if missing:
        raise ValueError(f"{path} has no column {missing[0]}: give MELD's own table")
    dialogues = tuple(f"meld/{split}/dia{d}" for d in table["Dialogue_ID"])
    ids = tuple(f"{dialogue}_utt{u}" for dialogue, u in zip(dialogues, table["Utterance_ID"], strict=True))
    labels = np.array([EMOTIONS.index(canonical_label(e)) for e in table["Emotion"]], dtype=np.int64)
    return Utterances(ids, tuple(table["Utterance"].astype(str)), labels, dialogues)


def read_goemotions(folder: Path, split: str = "train") -> Utterances:
    """One split of GoEmotions (Demszky et al. 2020), "train", "dev" or "test", its labels grouped to Ekman's, from `<split>.tsv` and `labels.txt`.

    Comments with several labels are left out.

    Raises:
        FileNotFoundError: a file is not in `folder`.
    """
    names = [canonical_label(line) for line in _existing(folder / "labels.txt").read_text(encoding="utf-8").split()]
    table = pd.read_csv(
        _existing(folder / f"{split}.tsv"), sep="\t", header=None, names=["text", "labels", "id"], quoting=3, dtype=str, keep_default_na=False
    )
    table = table[~table["labels"].str.contains(",")]
    labels = np.array([EMOTIONS.index(names[int(i)]) for i in table["labels"]], dtype=np.int64)
    ids = tuple(f"goemotions/{i}" for i in table["id"])
    return Utterances(ids, tuple(table["text"]), labels, ids)


def bare(text: str) -> str:
    """The text as a speech recogniser without punctuation would write it: lower case, letters, digits and apostrophes."""
    return " ".join(re.findall(r"[\w']+", text.lower().replace("’", "'"))) or text


def hold_out(utterances: Utterances, share: float, seed: int) -> tuple[Utterances, Utterances]:
    """Cut by group: what to learn from, and about `share` of the groups to choose by."""
    groups = np.array(utterances.groups)
    names = np.unique(groups)
    held = np.random.default_rng(seed).permutation(names)[: max(1, round(share * len(names)))]
    inside = np.isin(groups, held)
    return utterances.take(np.flatnonzero(~inside)), utterances.take(np.flatnonzero(inside))


def elsewhere(part: Utterances, known: np.ndarray) -> Way:
    """Utterances of another corpus than the judge's, in which the emotions are as frequent as among the labels `known`.

    The judge's logits are moved to the frequencies of `part`, so that only what texts mean is judged.
    """
    return Way(part.texts, None, part.labels, log_frequencies(part.labels) - log_frequencies(known))


def log_frequencies(labels: np.ndarray) -> np.ndarray:
    """(C,) float32: of each emotion among labels (N,); one more of each is counted, so that none is impossible."""
    counts = np.bincount(labels, minlength=len(EMOTIONS)) + 1
    return np.log(counts / counts.sum()).astype(np.float32)


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing: --data names the folder that holds meld and goemotions")
    return path
