"""Multi-task learning: a second head that learns the corpus's sentiment labels beside the emotions."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from mmer_core.features.batch import FeatureBatch
from mmer_core.fusion.base import FusionNetwork, FusionOutput, SubsetOutput
from mmer_core.fusion.late import LateFusion
from mmer_core.fusion.layers import ModalityFeatures
from mmer_core.labels import Modality


class MultiTask(nn.Module):
    """A fusion network with C + S outputs: the first C are emotions, the last S sentiments; everything below
    the last layer is shared.

    To the outside it is a fusion network of C classes. The loss is that of the emotions plus `weight` times
    that of the sentiments, the latter over the utterances whose sentiment is known.

    Args:
        network: built with C + S classes.
        classes: C.
        weight: of the sentiment loss.

    Raises:
        ValueError: a network that combines finished unimodal predictions: there is no layer to share.
    """

    def __init__(self, network: FusionNetwork, classes: int, weight: float) -> None:
        super().__init__()
        if isinstance(network, LateFusion) or network.parts is not None:
            raise ValueError(
                "a network that combines finished unimodal predictions has no layer that a sentiment head "
                "could share: set sentiment_weight to 0 or choose early or ensemble"
            )
        self.network, self.classes, self.weight = network, classes, weight
        self.sentiments = network.classes - classes
        self.modalities = network.modalities

    def forward(self, batch: FeatureBatch) -> FusionOutput:
        """Emotions only."""
        return self.decide(self.read(batch))

    def read(self, batch: FeatureBatch) -> dict[Modality, ModalityFeatures]:
        return self.network.read(batch)

    def decide(self, inputs: dict[Modality, ModalityFeatures]) -> FusionOutput:
        """Emotions only."""
        return self._part(self.network.decide(inputs), slice(0, self.classes))

    def subset_outputs(
        self,
        inputs: dict[Modality, ModalityFeatures],
        subsets: Sequence[Collection[Modality]],
        temperature: Mapping[Modality, Tensor] | None = None,
    ) -> SubsetOutput:
        """Emotions only; see `FusionNetwork.subset_outputs`."""
        logits, weights = self.network.subset_outputs(inputs, subsets, temperature)
        return SubsetOutput(logits[..., : self.classes].log_softmax(-1), weights)

    def joint_loss(
        self,
        inputs: dict[Modality, ModalityFeatures],
        y: Tensor,
        sentiment: Tensor,
        *,
        weight: Tensor | None = None,
        label_smoothing: float = 0.0,
    ) -> Tensor:
        """The training objective; `sentiment` is (B,) int64, -1 where unknown, the rest as in
        `FusionNetwork.loss`.
        """
        output = self.network.decide(inputs)
        loss = self.network.loss(
            self._part(output, slice(0, self.classes)), y, weight=weight, label_smoothing=label_smoothing
        )
        known = sentiment >= 0
        if not known.any():
            return loss
        second = self._part(output, slice(self.classes, None))
        second = replace(
            second, logits=second.logits[known], unimodal={m: o[known] for m, o in second.unimodal.items()}
        )
        return loss + self.weight * self.network.loss(
            second, sentiment[known], label_smoothing=label_smoothing
        )

    def set_prior(self, probabilities: Tensor) -> None:
        """The emotions' prior; the sentiments' stays even. See `FusionNetwork.set_prior`."""
        even = torch.full((self.sentiments,), 1 / self.sentiments)
        self.network.set_prior(torch.cat([probabilities, even]) / 2)

    @staticmethod
    def _part(output: FusionOutput, which: slice) -> FusionOutput:
        # Renormalised, so that the prior of one part is not halved by the other.
        return FusionOutput(
            output.logits[:, which].log_softmax(1),
            {m: o[:, which].log_softmax(1) for m, o in output.unimodal.items()},
            output.weights,
        )


Network = FusionNetwork | MultiTask
