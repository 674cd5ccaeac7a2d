"""Logits of single modalities on held-out utterances, and clips put together from utterances of one class.

Held out are whole corpora (`left_out`): what a model says of strangers must be learned from strangers. No
corpus at hand has words, voice and face of the same people. So clips are put together from held-out
utterances that share a label: a text, a voice and a face of the same class. What such draws cannot show is
how the modalities of one real person depend on each other: figures on them are an upper bound, and are
labelled so on the model card.

People do not show one emotion everywhere: they say plain words in anger and smile in fear. So a share of the
draws, `MISMATCH` of each modality's, is of a class at random. Without these the product believes that three
modalities that agree cannot be wrong.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from mmer_core.labels import EMOTIONS, Modality
from recipes import left_out
from recipes.left_out import LeftOut

#: Of the utterances of a draw that show another emotion than the clip's. An assumption, for lack of labelled
#: clips of strangers: on some that were measured elsewhere each modality alone was right in a third of the
#: cases, where it is right in about half on left-out corpora.
MISMATCH = 1 / 3
_RARE = 20  # utterances of a class from which a corpus lends them


@dataclass(frozen=True)
class HeldOut:
    """What one modality's network says of corpora that it was not trained on.

    Attributes:
        corpora: {name: utterances} of corpora that were left out whole.
        lent: {name: utterances} of further ones, where those corpora lack a class; without them nothing
            would tell how sure to be of it.
    """

    corpora: Mapping[str, LeftOut]
    lent: Mapping[str, LeftOut]

    @classmethod
    def read(cls, work: Path, name: str) -> HeldOut:
        """Read `work/<name>_strangers.parquet`; `<name>_validation.parquet` lends what it lacks, and stands
        in for it where it is not there.

        Raises:
            ValueError: a class is in neither.
        """
        strangers = work / f"{name}_strangers.parquet"
        if not strangers.is_file():
            return cls(left_out.read(work / f"{name}_validation.parquet"), {})
        corpora, _ = left_out.usable(left_out.read(strangers))
        missing = set(range(len(EMOTIONS))) - _plenty(corpora)
        lent = {}
        if missing:
            lent = left_out.read(work / f"{name}_validation.parquet")
        if unknown := missing - _plenty(lent, 1):
            raise ValueError(
                f"the held-out predictions {work / name}_strangers.parquet and _validation.parquet have no "
                f"{EMOTIONS[min(unknown)]}: add such utterances"
            )
        return cls(corpora, lent)

    def halves(self, seed: int) -> tuple[HeldOut, HeldOut]:
        """Two parts of about equal size that share no group (speaker, dialogue)."""
        parts = [
            {name: half for name, part in group.items() if len(half := _half(part, seed, first))}
            for first in (True, False)
            for group in (self.corpora, self.lent)
        ]
        return HeldOut(parts[0], parts[1]), HeldOut(parts[2], parts[3])

    def draw(self, label: int, count: int, rng: np.random.Generator) -> np.ndarray:
        """(count, C) logits of utterances of a class, from each corpus that has it about as many."""
        pools = [
            part.logits[part.labels == label]
            for part in (*self.corpora.values(), *self.lent.values())
            if (part.labels == label).any()
        ]
        enough = [pool for pool in pools if len(pool) >= _RARE] or pools
        if not enough:
            raise ValueError(f"the held-out predictions have no {EMOTIONS[label]}: add such utterances")
        chosen = rng.integers(len(enough), size=count)
        drawn = np.empty((count, enough[0].shape[1]), dtype=np.float32)
        for k, pool in enumerate(enough):
            drawn[chosen == k] = pool[rng.integers(len(pool), size=int((chosen == k).sum()))]
        return drawn


def _plenty(corpora: Mapping[str, LeftOut], fewest: int = _RARE) -> set[int]:
    """The classes of which some corpus has enough."""
    return {
        c for part in corpora.values() for c in range(len(EMOTIONS)) if (part.labels == c).sum() >= fewest
    }


def _half(part: LeftOut, seed: int, first: bool) -> LeftOut:
    rng = np.random.default_rng(seed)
    groups, sizes = np.unique(part.groups, return_counts=True)
    order = rng.permutation(len(groups))
    chosen = set(groups[order][np.cumsum(sizes[order]) <= len(part) / 2])
    return part.take(np.array([(group in chosen) == first for group in part.groups], dtype=bool))


def matched_draws(
    parts: Mapping[Modality, HeldOut], prior: np.ndarray, count: int, seed: int, mismatch: float = 0.0
) -> tuple[dict[Modality, Tensor], Tensor]:
    """Clips put together from utterances of the same class.

    Args:
        parts: held-out utterances of each modality.
        prior: (C,) frequencies of the classes among the draws.
        count: of the draws, N.
        seed: of what is drawn.
        mismatch: share of the utterances whose class is drawn again, whatever that of the clip.

    Returns:
        {modality: logits (N, C)} and labels (N,).

    Raises:
        ValueError: a modality has no utterance of a class.
    """
    rng = np.random.default_rng(seed)
    labels = rng.choice(len(prior), size=count, p=prior)
    drawn = {}
    for modality, part in parts.items():
        again = rng.random(count) < mismatch
        shown = np.where(again, rng.choice(len(prior), size=count, p=prior), labels)
        logits = np.empty((count, len(prior)), dtype=np.float32)
        for c in range(len(prior)):
            logits[shown == c] = part.draw(c, int((shown == c).sum()), rng)
        drawn[modality] = torch.from_numpy(logits)
    return drawn, torch.from_numpy(labels)
