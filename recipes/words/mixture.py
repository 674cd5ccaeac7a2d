"""Batches of several corpora at once, whose classes are differently frequent and partly missing.

What a text says of the emotions should not depend on how often a corpus has them. So each corpus' logits
are shifted by the logarithm of its class frequencies before the loss (logit adjustment, Menon et al. 2021),
and an emotion that a corpus never names takes no part in it: its absence there is no evidence.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from mmer_core.labels import EMOTIONS
from recipes.words.corpora import Utterances, log_prior, without_punctuation
from recipes.words.more_corpora import own_classes
from recipes.words.network import TextClassifier
from recipes.words.stages import StageBatches, TextBatch

MISSING = -1e4  # added to the logit of an emotion that a corpus lacks


class Part(NamedTuple):
    """One corpus of a mixture.

    Attributes:
        utterances: the corpus.
        per_epoch: how many of them an epoch shows.
        teacher: (2, N, C) float32 logits, under the frequencies of the mixture's first corpus, of a network
            that read the utterances alone and behind the turns before them; (1, N, C) for a corpus without
            dialogues; None to learn from the labels only.
    """

    utterances: Utterances
    per_epoch: int
    teacher: Tensor | None = None


class MixtureBatches(StageBatches):
    """Batches in which each corpus has the share that its `per_epoch` says; the first one's utterances are
    also shown behind the turns before them, as in a stage on that corpus alone.

    The logits that are learned are under the class frequencies of the first corpus.

    Args:
        classifier: what is trained; its options say how, `distillation` how far the teachers are followed.
        parts: the corpora.
        in_dialogue: share of the first corpus' utterances that are shown behind those turns.
    """

    def __init__(self, classifier: TextClassifier, parts: Sequence[Part], *, in_dialogue: float) -> None:
        first = parts[0].utterances
        super().__init__(classifier, first, in_dialogue=in_dialogue)
        self.parts = tuple(parts)
        for part in parts[1:]:
            texts = part.utterances.texts
            forms = [classifier.tokens(texts), classifier.tokens(list(map(without_punctuation, texts)))]
            for (gone, _), rows in self.rows.items():
                rows.extend(forms[gone])
        sizes = [len(part.utterances) for part in parts]
        self.starts = np.cumsum([0, *sizes])
        self.corpus = torch.from_numpy(np.repeat(np.arange(len(parts)), sizes))
        self.labels = torch.from_numpy(np.concatenate([part.utterances.labels for part in parts]))
        self.shifts = torch.from_numpy(np.stack([shift(p.utterances.labels, first.labels) for p in parts]))
        self.has_teacher = torch.tensor([part.teacher is not None for part in parts])
        self.soft = torch.cat([self._soft(i) for i in range(len(parts))], dim=1)

    def __len__(self) -> int:
        return math.ceil(sum(self._counts()) / self.classifier.options.batch)

    def shown(self, rng: np.random.Generator) -> np.ndarray:
        """Positions of the utterances that an epoch shows; none twice."""
        parts = zip(self.parts, self._counts(), self.starts[:-1], strict=True)
        return np.concatenate(
            [start + rng.choice(len(part.utterances), count, replace=False) for part, count, start in parts]
        )

    def loss_of_logits(self, logits: Tensor, batch: TextBatch) -> Tensor:
        """Cross-entropy of logits (B, C) with the smoothed labels, and with the teachers' probabilities."""
        options = self.classifier.options
        index = torch.from_numpy(batch.index)
        corpus = self.corpus[index]
        log_p = torch.log_softmax(logits + self.shifts[corpus], dim=1)
        present = self.shifts[corpus] > MISSING / 2
        even = present.float() / present.sum(1, keepdim=True)
        hard = torch.nn.functional.one_hot(self.labels[index], logits.shape[1]).float()
        target = (1 - options.label_smoothing) * hard + options.label_smoothing * even
        taught = self.has_teacher[corpus, None]
        share = options.distillation
        soft = self.soft[torch.from_numpy(batch.in_dialogue.astype(np.int64)), index]
        target = torch.where(taught, (1 - share) * target + share * soft, target)
        return -(target * log_p.clamp(min=MISSING)).sum(1).mean()

    def identity(self) -> dict[str, Any]:
        """The settings and data that a checkpoint belongs to."""
        parts = [[len(p.utterances), p.per_epoch, int(p.utterances.labels.sum())] for p in self.parts]
        options = {"distillation": self.classifier.options.distillation}
        return {
            **super().identity(),
            **options,
            "parts": parts,
            "soft": round(float(self.soft.double().square().sum()), 3),
        }

    def _counts(self) -> list[int]:
        return [min(part.per_epoch, len(part.utterances)) for part in self.parts]

    def _soft(self, number: int) -> Tensor:
        """(2, N, C) probabilities of a corpus' teacher under its own class frequencies; zeros without one."""
        part = self.parts[number]
        if part.teacher is None:
            return torch.zeros(2, len(part.utterances), len(EMOTIONS))
        soft = torch.softmax(part.teacher.float() + self.shifts[number], dim=2)
        return soft.expand(2, -1, -1)


def shift(labels: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """(C,) float32 that takes logits from the class frequencies among the labels `reference` to those among
    `labels`; `MISSING` for an emotion that `labels` lack.
    """
    return np.where(own_classes(labels), log_prior(labels) - log_prior(reference), MISSING).astype(np.float32)
