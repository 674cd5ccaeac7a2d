"""Logits of single modalities on held-out utterances, and clips put together from utterances of one class.

No corpus at hand has words, voice and face of the same people. So clips are put together from held-out
utterances that share a label: a text, a voice and a face of the same class. What such draws cannot show is
how the modalities of one real person depend on each other: figures on them are an upper bound, and are
labelled so on the model card.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from mmer_core.labels import EMOTIONS, Modality
from mmer_core.uncertainty.out_of_distribution import distance_temperature


@dataclass(frozen=True)
class HeldOut:
    """Utterances that one modality's network was not trained on: logits (N, C) float32, labels (N,), groups
    (N,) str.
    """

    logits: np.ndarray
    labels: np.ndarray
    groups: np.ndarray

    @classmethod
    def read(cls, path: Path, temperature_slope: float = 0.0) -> HeldOut:
        """Read a parquet table with columns label, group and logit_<emotion>; with a slope also distance, by
        which the logits are scaled down.
        """
        table = pd.read_parquet(path)
        logits = table[[f"logit_{name}" for name in EMOTIONS]].to_numpy(np.float32)
        if temperature_slope:
            distance = table["distance"].to_numpy(np.float32)
            logits = logits / distance_temperature(distance, temperature_slope)[:, None]
        return cls(
            np.ascontiguousarray(logits),
            table["label"].map(EMOTIONS.index).to_numpy(),
            table["group"].astype(str).to_numpy(),
        )

    def halves(self, seed: int) -> tuple[HeldOut, HeldOut]:
        """Two parts of about equal size that share no group (speaker, dialogue)."""
        rng = np.random.default_rng(seed)
        groups, sizes = np.unique(self.groups, return_counts=True)
        order = rng.permutation(len(groups))
        first = set(groups[order][np.cumsum(sizes[order]) <= len(self.groups) / 2])
        inside = np.array([g in first for g in self.groups])
        return self._rows(inside), self._rows(~inside)

    def _rows(self, mask: np.ndarray) -> HeldOut:
        return HeldOut(self.logits[mask], self.labels[mask], self.groups[mask])


def matched_draws(
    parts: Mapping[Modality, HeldOut], prior: np.ndarray, count: int, seed: int
) -> tuple[dict[Modality, Tensor], Tensor]:
    """Clips put together from utterances of the same class.

    Args:
        parts: held-out utterances of each modality.
        prior: (C,) frequencies of the classes among the draws.
        count: of the draws, N.
        seed: of what is drawn.

    Returns:
        {modality: logits (N, C)} and labels (N,).

    Raises:
        ValueError: a modality has no utterance of a class.
    """
    rng = np.random.default_rng(seed)
    labels = rng.choice(len(prior), size=count, p=prior)
    drawn = {}
    for modality, part in parts.items():
        index = np.empty(count, dtype=np.int64)
        for c in range(len(prior)):
            pool = np.flatnonzero(part.labels == c)
            if len(pool) == 0:
                raise ValueError(
                    f"the held-out {modality} predictions have no {EMOTIONS[c]}: add such utterances "
                    "or fewer groups to the held-out part"
                )
            index[labels == c] = rng.choice(pool, size=int((labels == c).sum()))
        drawn[modality] = torch.from_numpy(part.logits[index])
    return drawn, torch.from_numpy(labels)
