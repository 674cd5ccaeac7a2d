"""Calibrated probabilities of samples with any subset of a model's modalities switched on."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from mmer_core.encoders.base import ModalityEncoder
from mmer_core.features.batch import collate
from mmer_core.fusion.base import FusionNetwork
from mmer_core.fusion.layers import ModalityFeatures
from mmer_core.inference.baseline import Baseline
from mmer_core.inference.record import Calibration
from mmer_core.labels import Modality, subset_name
from mmer_core.training.multitask import MultiTask, Network
from mmer_core.uncertainty.out_of_distribution import MahalanobisDetector

Subset = tuple[Modality, ...]
Sample = Mapping[Modality, np.ndarray]
#: How many rows the average training speaker counts as beside a speaker's own, where a model does not say:
#: of encoders that give a rate of rows, and of those that give a vector.
FRAME_ROWS, VECTOR_ROWS = 400.0, 8.0


class InputScaling(NamedTuple):
    """What standardises features before the network: the average training speaker.

    Attributes:
        mean: (D,) float32.
        sd: (D,) float32, standard deviation.
        rows: k, how many feature rows the average speaker counts as beside those of a speaker's `Baseline`;
            None where a model does not say, see `with_rows`.
        ordinary_mean: (D,) float32 of the average speaker's ordinary, neutral speech; None if not known.
        ordinary_sd: (D,) float32, its standard deviation.
    """

    mean: np.ndarray
    sd: np.ndarray
    rows: float | None = None
    ordinary_mean: np.ndarray | None = None
    ordinary_sd: np.ndarray | None = None

    def __call__(self, features: np.ndarray, baseline: Baseline | None = None) -> np.ndarray:
        """(T, D) standardised, by the speaker's own baseline as far as it goes if there is one."""
        if baseline is not None:
            return self.towards(baseline)(features)
        return (features - self.mean) / self.sd

    def towards(self, baseline: Baseline) -> InputScaling:
        """This scaling, moved to a speaker's own: with n rows of baseline, mean (n m_b + k m) / (n + k), and
        the variance likewise. Ordinary speech stands for all that a speaker says by as much as it differs
        from that in the average speaker.

        Raises:
            ValueError: the baseline has another number of features.
        """
        if baseline.ordinary and self.ordinary_mean is not None and self.ordinary_sd is not None:
            mean = baseline.mean + (self.mean - self.ordinary_mean)
            variance = baseline.variance * np.square(self.sd / self.ordinary_sd)
            baseline = replace(baseline, mean=mean, variance=variance, ordinary=False)
        rows = VECTOR_ROWS if self.rows is None else self.rows
        return InputScaling(*baseline.shrunk(self.mean, self.sd, rows), rows + baseline.rows)


def with_rows(
    scaling: Mapping[Modality, InputScaling], encoders: Mapping[Modality, ModalityEncoder]
) -> dict[Modality, InputScaling]:
    """The scalings, with `FRAME_ROWS` or `VECTOR_ROWS` where the number of rows is not said."""
    default = {m: VECTOR_ROWS if e.spec.rate is None else FRAME_ROWS for m, e in encoders.items()}
    return {
        m: s._replace(rows=default.get(m, VECTOR_ROWS)) if s.rows is None else s for m, s in scaling.items()
    }


@dataclass(frozen=True)
class Scores:
    """Answers to one sample.

    Attributes:
        subsets: {subset: (C,) float64 probabilities}.
        weights: {subset: (M,) share of each of the model's modalities}; None if the network has no weights.
    """

    subsets: Mapping[Subset, np.ndarray]
    weights: Mapping[Subset, np.ndarray] | None

    def of(self, subset: Subset) -> np.ndarray:
        """(C,) float64 probabilities of one subset."""
        return self.subsets[subset]

    def shares(
        self, modalities: Sequence[Modality], present: Subset, contributions: Mapping[Modality, float]
    ) -> dict[Modality, float]:
        """{modality: share of the decision} of those present, by the network's weights, or else by the size
        of the contributions. They sum to 1, or are all 0.

        Args:
            modalities: all M of the model, in order.
            present: a subset of them.
            contributions: {modality: Shapley value}.
        """
        if self.weights is None:
            sizes = {m: abs(contributions[m]) for m in present}
        else:
            sizes = {m: float(self.weights[present][modalities.index(m)]) for m in present}
        total = sum(sizes.values()) or 1.0
        return {m: size / total for m, size in sizes.items()}


@dataclass(frozen=True)
class SubsetScorer:
    """The answering part of a model, without encoders; see `EmotionModel` for its fields."""

    network: Network
    labels: tuple[str, ...]
    calibration: Calibration
    detectors: Mapping[Modality, MahalanobisDetector]
    input_scaling: Mapping[Modality, InputScaling]

    @torch.inference_mode()
    def scores(
        self,
        sample: Sample,
        subsets: Sequence[Subset],
        baseline: Mapping[Modality, Baseline] | None = None,
    ) -> Scores:
        """Answers to one sample for each subset, with the weights of the modalities.

        Args:
            baseline: of the speaker, where it is known.
        """
        answers, weights = self._answers([sample], subsets, [baseline or {}])
        shares = None if weights is None else dict(zip(subsets, weights[:, 0].cpu().numpy(), strict=True))
        return Scores(dict(zip(subsets, answers[:, 0], strict=True)), shares)

    @torch.inference_mode()
    def probabilities(
        self,
        samples: Sequence[Sample],
        subsets: Sequence[Collection[Modality]],
        baselines: Sequence[Mapping[Modality, Baseline]] | None = None,
    ) -> np.ndarray:
        """(S, B, C) float64: the answers to B samples with each of S subsets of the modalities switched on;
        the class prior where nothing of a subset is present.

        Args:
            samples: {modality: (T, D)} of what is present in each.
            subsets: S of them, at least one.
            baselines: of the speaker of each sample; empty, or none at all, where they are not known.
        """
        return self._answers(samples, subsets, baselines or [{}] * len(samples))[0]

    def _answers(
        self,
        samples: Sequence[Sample],
        subsets: Sequence[Collection[Modality]],
        baselines: Sequence[Mapping[Modality, Baseline]],
    ) -> tuple[np.ndarray, Tensor | None]:
        """(S, B, C) float64 probabilities and (S, B, M) weights, if the network has any."""
        inputs, device = self._read(samples, baselines), self._fusion.log_prior.device
        temperature = {
            m: torch.tensor(self.distance_temperatures(m, samples), device=device) for m in self.detectors
        }
        logits, weights = self.network.subset_outputs(inputs, subsets, temperature)
        present = torch.stack([inputs[m].present.cpu() for m in self.network.modalities], 1)
        return self._calibrated(logits.double().cpu(), present, subsets).numpy(), weights

    def _read(
        self, samples: Sequence[Sample], baselines: Sequence[Mapping[Modality, Baseline]]
    ) -> dict[Modality, ModalityFeatures]:
        """Standardised features of B samples, on the network's device."""
        scaling = self.input_scaling
        scaled = [
            {m: scaling[m](x, baseline.get(m)) if m in scaling else x for m, x in sample.items()}
            for sample, baseline in zip(samples, baselines, strict=True)
        ]
        batch = collate(scaled, self._fusion.dims)
        return self.network.read(batch.to(self._fusion.log_prior.device))

    @property
    def _fusion(self) -> FusionNetwork:
        return self.network.network if isinstance(self.network, MultiTask) else self.network

    def distance_temperatures(self, modality: Modality, samples: Sequence[Sample]) -> list[float]:
        """Divisor of the modality's logits in each sample for its distance from the training data; 1 where it
        is absent or that distance is not known.
        """
        detector = self.detectors.get(modality)
        return [
            detector.distance_temperature(s[modality]) if detector and modality in s else 1.0 for s in samples
        ]

    def _calibrated(self, logits: Tensor, present: Tensor, subsets: Sequence[Collection[Modality]]) -> Tensor:
        """(S, B, C) probabilities at the temperature of what each subset leaves of a sample, (B, M) bool."""
        modalities = self.network.modalities
        table = torch.ones(2 ** len(modalities), dtype=torch.float64)
        for row in range(1, len(table)):
            name = subset_name(m for i, m in enumerate(modalities) if row >> i & 1)
            table[row] = self.calibration.temperatures.get(name, 1.0)
        on = torch.tensor([[m in s for m in modalities] for s in subsets]).view(len(subsets), 1, -1)
        mask = ((on & present) * (1 << torch.arange(len(modalities)))).sum(-1)  # (S, B)
        answers = (logits / table[mask][..., None]).softmax(-1)
        return torch.where((mask > 0)[..., None], answers, self.prior)

    @property
    def prior(self) -> Tensor:
        """(C,) float64 class prior."""
        even = 1 / len(self.labels)
        values = torch.tensor([self.calibration.prior.get(label, even) for label in self.labels]).double()
        return values / values.sum()
