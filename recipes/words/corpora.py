"""Utterances that the text networks are trained and measured on: MELD and GoEmotions."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from mmer_core.labels import EMOTIONS, canonical_label
from mmer_core.uncertainty.calibration import fit_temperature, negative_log_likelihood

#: Logits (N, C) of N texts, behind the turns before each of them where these are given.
Predictor = Callable[[Sequence[str], Sequence[Sequence[str]] | None], np.ndarray]
_TURNS = 8  # earlier turns that are handed on; encoders read fewer


class Condition(NamedTuple):
    """One condition under which N utterances are read.

    Attributes:
        texts: N texts.
        context: the turns before each of them, oldest first; None without any.
        labels: (N,) class indices.
        logit_shift: added to a predictor's logits, (N, C) or (C,).
    """

    texts: Sequence[str]
    context: Sequence[Sequence[str]] | None
    labels: np.ndarray
    logit_shift: np.ndarray | float = 0.0

    def logits(self, predictor: Predictor) -> np.ndarray:
        """The predictor's logits, (N, C)."""
        return predictor(self.texts, self.context) + self.logit_shift

    def cross_entropy(self, logits: np.ndarray) -> float:
        """Of logits (N, C) at their best temperature, in nats."""
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

    def contexts(self) -> list[tuple[str, ...]]:
        """The turns before each utterance in its group, oldest first; groups are in the order in which they
        were spoken.
        """
        said: dict[str, list[str]] = {}
        turns = []
        for text, group in zip(self.texts, self.groups, strict=True):
            earlier = said.setdefault(group, [])
            turns.append(tuple(earlier[-_TURNS:]))
            earlier.append(text)
        return turns

    def conditions(self, in_dialogue: bool) -> dict[str, Condition]:
        """{suffix of a figure's name: condition}: as they are, without punctuation and, if so wanted, behind
        the turns before them.
        """
        found = {
            "": Condition(self.texts, None, self.labels),
            "_bare": Condition(tuple(map(without_punctuation, self.texts)), None, self.labels),
        }
        if in_dialogue:
            found["_in_dialogue"] = Condition(self.texts, self.contexts(), self.labels)
        return found

    def take(self, index: np.ndarray) -> Utterances:
        """The utterances at `index`, (K,) integers."""
        rows = index.tolist()
        return Utterances(
            tuple(self.ids[i] for i in rows),
            tuple(self.texts[i] for i in rows),
            self.labels[index],
            tuple(self.groups[i] for i in rows),
        )


def read_meld(folder: Path, split: str) -> Utterances:
    """One split of MELD (Poria et al. 2019), "train" or "dev", from `<split>_sent_emo.csv`; the groups are
    dialogues.

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
    """One split of GoEmotions (Demszky et al. 2020), "train", "dev" or "test", its labels grouped to Ekman's,
    from `<split>.tsv` and `labels.txt`; comments with several labels are left out.

    Raises:
        FileNotFoundError: a file is not in `folder`.
    """
    names = [
        canonical_label(line) for line in _existing(folder / "labels.txt").read_text(encoding="utf-8").split()
    ]
    table = pd.read_csv(
        _existing(folder / f"{split}.tsv"),
        sep="\t",
        header=None,
        names=["text", "labels", "id"],
        quoting=3,
        dtype=str,
        keep_default_na=False,
    )
    table = table[~table["labels"].str.contains(",")]
    labels = np.array([EMOTIONS.index(names[int(i)]) for i in table["labels"]], dtype=np.int64)
    ids = tuple(f"goemotions/{i}" for i in table["id"])
    return Utterances(ids, tuple(table["text"]), labels, ids)


def without_punctuation(text: str) -> str:
    """The text as a plain speech recogniser would write it: lower case, letters, digits and apostrophes."""
    return " ".join(re.findall(r"[\w']+", text.lower().replace("’", "'"))) or text


def hold_out(utterances: Utterances, share: float, seed: int) -> tuple[Utterances, Utterances]:
    """The utterances of about 1 - `share` of the groups, and those of the others."""
    groups = np.array(utterances.groups)
    names = np.unique(groups)
    held = np.random.default_rng(seed).permutation(names)[: max(1, round(share * len(names)))]
    inside = np.isin(groups, held)
    return utterances.take(np.flatnonzero(~inside)), utterances.take(np.flatnonzero(inside))


def under_own_prior(part: Utterances, trained: np.ndarray) -> Condition:
    """Utterances of another corpus than the predictor's: its logits are shifted from the class frequencies
    among the labels that it was trained on, (K,), to those of `part`, so that only its reading of the texts
    is measured.
    """
    return Condition(part.texts, None, part.labels, log_prior(part.labels) - log_prior(trained))


def log_prior(labels: np.ndarray) -> np.ndarray:
    """(C,) float32 logarithms of the class frequencies among labels (N,); one more of each is counted, so
    that none is impossible.
    """
    counts = np.bincount(labels, minlength=len(EMOTIONS)) + 1
    return np.log(counts / counts.sum()).astype(np.float32)


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing: --data names the folder that holds meld and goemotions")
    return path
