"""What every fusion model takes and gives, and what all of them share. Fusion knows neither media nor encoders."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Protocol, get_args, get_origin, get_type_hints

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmer_core.config import JsonConfig
from mmer_core.features.batch import FeatureBatch
from mmer_core.fusion.layers import Evidence, Reader
from mmer_core.labels import Modality, in_order


@dataclass(frozen=True)
class FusionOutput:
    """
    Attributes:
        logits: (B, C), finite, also where nothing is present (then the class prior).
        opinions: {modality: (B, C)} logits of each modality alone; rows where it is absent are NaN. Empty for models without per-modality branches.
        weights: (B, M) share of each modality in the decision, rows sum to 1 (0 where nothing is present); None if the model has no such notion.
    """

    logits: Tensor
    opinions: dict[Modality, Tensor]
    weights: Tensor | None = None


class FusionModel(Protocol):
    """A `torch.nn.Module` from a batch to logits; see design: absent modalities.

    Contract: NaN in an absent slot leaves the logits bit-equal; padding and batch order do not matter; each modality alone gives
    finite logits; nothing present gives the class prior; gradients reach every present branch.
    """

    modalities: tuple[Modality, ...]
    classes: int

    def __call__(self, batch: FeatureBatch) -> FusionOutput: ...


class FusionNetwork(nn.Module):
    """The base of the registered models. A subclass sets `Options` and `readers` and says in `fuse` how the evidence becomes logits.

    `forward` is `read` (standardise; nothing in it is learned by gradient) and then `decide`. A trainer may read once and decide many times.

    Args:
        dims: D, the feature width of each modality.
        classes: C.
        options: fields of `Options`.

    Raises:
        ValueError: no modality, an option that the model does not have, or a choice that the option does not have.
    """

    Options: ClassVar[type[JsonConfig]]
    options: JsonConfig
    readers: nn.ModuleDict
    log_prior: Tensor

    def __init__(self, dims: Mapping[Modality, int], classes: int, options: Mapping[str, Any]) -> None:
        super().__init__()
        if not dims:
            raise ValueError("a fusion model needs at least one modality: name one, for example text")
        self.modalities = in_order(dims)
        self.dims = {m: dims[m] for m in self.modalities}
        self.classes = classes
        self.options = self.Options.from_json(options)
        _check_choices(self.options)
        self.register_buffer("log_prior", torch.full((classes,), 1 / classes).log())

    @abstractmethod
    def fuse(self, evidence: dict[Modality, Evidence]) -> FusionOutput:
        """Logits from the evidence. Opinions of what is absent, and logits where all is, may hold any finite value: `decide` sets them."""

    def forward(self, batch: FeatureBatch) -> FusionOutput:
        """Logits of a batch; the batch may carry more or fewer modalities than the model reads."""
        return self.decide(self.read(batch))

    def read(self, batch: FeatureBatch) -> dict[Modality, Evidence]:
        """Masked, pooled (where the model pools) and standardised features of the modalities that the model reads."""
        return {m: self.readers[m](batch) for m in self.modalities}

    @property
    def evidence_size(self) -> int | None:
        """How many numbers `read` gives for one utterance; None where that follows the length of its sequences."""
        every = [module for module in self.modules() if isinstance(module, Reader)]
        return None if any(reader.pooling is None for reader in every) else sum(reader.width for reader in every)

    def decide(self, evidence: dict[Modality, Evidence]) -> FusionOutput:
        """`fuse`, with the class prior where nothing is present and NaN opinions where a modality is absent."""
        present = presence(evidence)
        some = present.any(1, keepdim=True)
        output = self.fuse(evidence)
        return FusionOutput(
            logits=torch.where(some, output.logits, self.log_prior),
            opinions={m: torch.where(evidence[m].present[:, None], logits, torch.nan) for m, logits in output.opinions.items()},
            weights=None if output.weights is None else torch.where(some, output.weights, 0.0),
        )

    def loss(self, output: FusionOutput, y: Tensor, *, weight: Tensor | None = None, label_smoothing: float = 0.0) -> Tensor:
        """What training minimises: here the cross-entropy of the fused logits.

        Args:
            output: of this model, B rows.
            y: (B,) int64 class indices.
            weight: (C,) class weights.
            label_smoothing: in [0, 1).

        Returns:
            A scalar.
        """
        return F.cross_entropy(output.logits, y, weight=weight, label_smoothing=label_smoothing)

    def fit_scaling(self, batches: FeatureBatch | Iterable[FeatureBatch]) -> None:
        """Fit every standardisation to these utterances and no others: those of the training part."""
        every = [module for module in self.modules() if isinstance(module, Reader)]
        for reader in every:
            reader.reset()
        for batch in [batches] if isinstance(batches, FeatureBatch) else batches:
            for reader in every:
                reader.fit(batch)

    def set_prior(self, probabilities: Tensor) -> None:
        """Say how frequent the classes are, a (C,) distribution: the answer where nothing is present.

        Raises:
            ValueError: another number of classes, or not a distribution.
        """
        prior = torch.as_tensor(probabilities, dtype=torch.float32, device=self.log_prior.device)
        if prior.shape != self.log_prior.shape or bool((prior < 0).any()) or abs(float(prior.sum()) - 1) > 1e-3:
            raise ValueError(f"the class prior must be {self.classes} probabilities that sum to 1, got {prior.tolist()}")
        self.log_prior.copy_(prior.clamp_min(1e-6).log())  # a class that training never saw is unlikely, not impossible


def presence(evidence: Mapping[Modality, Evidence]) -> Tensor:
    """(B, M) bool: which utterance has which modality."""
    return torch.stack([e.present for e in evidence.values()], 1)


def masked_cross_entropy(logits: Tensor, y: Tensor, rows: Tensor, *, weight: Tensor | None = None, label_smoothing: float = 0.0) -> Tensor:
    """Mean cross-entropy over the chosen rows; 0 if none is chosen.

    Args:
        logits: (B, C); rows that are not chosen may be NaN.
        y: (B,) int64.
        rows: (B,) bool.
        weight: (C,) class weights.
        label_smoothing: in [0, 1).
    """
    each = F.cross_entropy(torch.where(rows[:, None], logits, 0.0), y, weight=weight, label_smoothing=label_smoothing, reduction="none")
    share = torch.where(rows, 1.0 if weight is None else weight[y], 0.0)
    return torch.where(rows, each, 0.0).sum() / share.sum().clamp_min(1e-12)


def _check_choices(options: JsonConfig) -> None:
    for name, kind in get_type_hints(type(options)).items():
        value = getattr(options, name)
        if get_origin(kind) is Literal and value not in get_args(kind):
            raise ValueError(f"{name} cannot be {value!r}: choose one of {', '.join(get_args(kind))}")
