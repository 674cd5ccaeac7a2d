"""What one modality adds to the score of an emotion, if its features were others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from mmer_core.clip import Absent, Clip
from mmer_core.encoders.base import ModalityEncoder
from mmer_core.evaluation.attribution import shapley_values
from mmer_core.labels import Modality, in_order, subsets

if TYPE_CHECKING:
    from mmer_core.inference.emotion_model import EmotionModel
    from mmer_core.inference.observation import Observation

_AT_ONCE = 2**24  # numbers of the features that are scored at once, 64 MB


def contributions(
    model: EmotionModel, observation: Observation, present: Sequence[Modality], label: int
) -> tuple[float, dict[Modality, float]]:
    """The score of a label with these modalities on, and {modality: Shapley value} on it; for the predicted
    label the values are those of `Prediction.contributions`.
    """
    chosen = [(), *subsets(present)]
    scores = model.subset_probabilities(observation, chosen)[:, label]
    at = dict(zip(map(frozenset, chosen), map(float, scores), strict=True))
    return at[frozenset(present)], shapley_values(present, at.__getitem__)


class ShareOf:
    """The Shapley value of one modality on the score of a label, for any features of it beside the others of
    an observation. Without features it is 0, so parts of the features divide up the modality's share.

    Args:
        present: the modalities that are there and switched on, in order.
        label: its class index.
        modality: one of `present`.
    """

    def __init__(
        self,
        model: EmotionModel,
        observation: Observation,
        present: Sequence[Modality],
        label: int,
        modality: Modality,
    ) -> None:
        self.modality, self.features = modality, observation.features[modality]
        self._scorer, self._baseline = model.scorer, observation.baseline
        self._label, self._present = label, in_order(present)
        self._others = {m: observation.features[m] for m in self._present if m != modality}
        self._subsets = [(), *subsets(self._present)]

    def __call__(self, features: Sequence[np.ndarray | None]) -> np.ndarray:
        """(B,) float64 for B features, (T, D) each; None or T = 0 is an absent modality."""
        values = np.zeros(len(features))
        found = {i: x for i, x in enumerate(features) if x is not None and len(x)}
        there = np.array(list(found), dtype=int)
        samples = [{**self._others, self.modality: x} for x in found.values()]
        size = max(1, _AT_ONCE // max((_numbers(s) for s in samples), default=1))
        for start in range(0, len(there), size):
            part = samples[start : start + size]
            answers = self._scorer.probabilities(part, self._subsets, [self._baseline] * len(part))
            at = dict(zip(map(frozenset, self._subsets), answers[:, :, self._label], strict=True))
            values[there[start : start + size]] = shapley_values(self._present, at.__getitem__)[self.modality]
        return values


def features_of(encoder: ModalityEncoder, clip: Clip) -> np.ndarray | None:
    """(T, D) features of a clip; None where the encoder finds nothing in it, as `ShareOf` takes them."""
    try:
        return encoder.encode(clip)
    except Absent:
        return None


def _numbers(sample: Mapping[Modality, np.ndarray]) -> int:
    return sum(x.size for x in sample.values())
