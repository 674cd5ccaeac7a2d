"""The contract of fusion networks, and what all of them share. Fusion knows neither media nor encoders."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, ClassVar, Literal, get_args, get_origin, get_type_hints

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmer_core.config import JsonConfig
from mmer_core.features.batch import FeatureBatch
from mmer_core.fusion.layers import ModalityFeatures, standardizers_of
from mmer_core.fusion.output import FusionOutput, SubsetOutput, presence
from mmer_core.fusion.subsets import decide_subsets
from mmer_core.labels import Modality, in_order

__all__ = [
    "FusionNetwork",
    "FusionOutput",
    "SubsetOutput",
    "masked_cross_entropy",
    "presence",
    "unimodal_cross_entropy",
]


class FusionNetwork(nn.Module):
    """The base of the registered networks. A subclass sets `Options` and `standardizers`, and computes logits
    from standardised features in `fuse`.

    `forward` is `read` (standardise; nothing in it is learned by gradient) and then `decide`. A trainer may
    read once and decide many times.

    Contract: NaN in an absent slot leaves the logits bit-equal; padding and batch order do not matter; each
    modality alone gives finite logits; nothing present gives the class prior; gradients reach every present
    branch.

    Attributes:
        parts: the unimodal network that is trained apart for each modality; None if trained as one.
        combines: whether `fit_combination` fits anything.

    Args:
        dims: D, the feature width of each modality.
        classes: C.
        options: fields of `Options`.

    Raises:
        ValueError: no modality, an option that the model does not have, or a choice that the option does not
            have.
    """

    Options: ClassVar[type[JsonConfig]]
    parts: ClassVar[str | None] = None
    combines: ClassVar[bool] = False
    options: JsonConfig
    standardizers: nn.ModuleDict
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
    def fuse(self, inputs: dict[Modality, ModalityFeatures]) -> FusionOutput:
        """Logits from standardised features. Unimodal logits of an absent modality, and fused logits where
        all are absent, may hold any finite value: `decide` sets them.
        """

    def forward(self, batch: FeatureBatch) -> FusionOutput:
        """Logits of a batch; the batch may carry more or fewer modalities than the model reads."""
        return self.decide(self.read(batch))

    def read(self, batch: FeatureBatch) -> dict[Modality, ModalityFeatures]:
        """Masked, pooled (where the model pools) and standardised features of the modalities that the model
        reads.
        """
        return {m: self.standardizers[m](batch) for m in self.modalities}

    @property
    def input_size(self) -> int | None:
        """Numbers that `read` gives for one utterance; None where that depends on the length of its
        sequences.
        """
        every = standardizers_of(self)
        return (
            None if any(reader.pooling is None for reader in every) else sum(reader.width for reader in every)
        )

    def decide(self, inputs: dict[Modality, ModalityFeatures]) -> FusionOutput:
        """`fuse`, with the class prior where nothing is present and NaN unimodal predictions where a modality
        is absent.
        """
        return self.settled(self.fuse(inputs), presence(inputs))

    def settled(self, output: FusionOutput, present: Tensor) -> FusionOutput:
        """An output of `fuse` for what is present, (B, M) bool, as `decide` gives it."""
        some = present.any(1, keepdim=True)
        column = {m: present[:, i : i + 1] for i, m in enumerate(self.modalities)}
        return FusionOutput(
            logits=torch.where(some, output.logits, self.log_prior),
            unimodal={m: torch.where(column[m], x, torch.nan) for m, x in output.unimodal.items()},
            weights=None if output.weights is None else torch.where(some, output.weights, 0.0),
        )

    def subset_outputs(
        self,
        inputs: dict[Modality, ModalityFeatures],
        subsets: Sequence[Collection[Modality]],
        temperature: Mapping[Modality, Tensor] | None = None,
    ) -> SubsetOutput:
        """Logits and weights with only the modalities of each subset switched on. What a network computes for
        each modality apart it may compute once.

        Args:
            inputs: of B utterances, as `read` gives them.
            subsets: S of them, at least one.
            temperature: {modality: (B,) above 0} by which the modality is to be less certain; here the fused
                logits are divided by the mean over the modalities that are present.

        Returns:
            Logits (S, B, C), the class prior where nothing is present, and weights (S, B, M) or None.
        """
        return decide_subsets(self.decide, inputs, subsets, temperature)

    def subset_logits(
        self,
        inputs: dict[Modality, ModalityFeatures],
        subsets: Sequence[Collection[Modality]],
        temperature: Mapping[Modality, Tensor] | None = None,
    ) -> Tensor:
        """The logits of `subset_outputs`, (S, B, C)."""
        return self.subset_outputs(inputs, subsets, temperature).logits

    def fit_combination(self, inputs: dict[Modality, ModalityFeatures], y: Tensor) -> None:
        """Fit what combines finished unimodal predictions, after training; most networks have nothing to fit.

        Args:
            inputs: of N validation utterances, as `read` gives them.
            y: (N,) int64 class indices.
        """
        if self.combines:
            self.fit_combination_to(self.decide(inputs).unimodal, y)

    def fit_combination_to(self, unimodal: Mapping[Modality, Tensor], y: Tensor) -> None:
        """As `fit_combination`, from logits that need not be this network's own, such as those of the folds'
        networks on utterances that they were not trained on.

        Args:
            unimodal: {modality: (N, C)} raw logits of each modality alone; rows where it is absent are NaN.
            y: (N,) int64 class indices.
        """

    def loss(
        self, output: FusionOutput, y: Tensor, *, weight: Tensor | None = None, label_smoothing: float = 0.0
    ) -> Tensor:
        """The training objective: here the cross-entropy of the fused logits.

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
        every = standardizers_of(self)
        for reader in every:
            reader.reset()
        for batch in [batches] if isinstance(batches, FeatureBatch) else batches:
            for reader in every:
                reader.fit(batch)

    def set_prior(self, probabilities: Tensor) -> None:
        """Set the class frequencies, a (C,) distribution: the answer where nothing is present.

        Raises:
            ValueError: another number of classes, or not a distribution.
        """
        prior = torch.as_tensor(probabilities, dtype=torch.float32, device=self.log_prior.device)
        if (
            prior.shape != self.log_prior.shape
            or bool((prior < 0).any())
            or abs(float(prior.sum()) - 1) > 1e-3
        ):
            raise ValueError(
                f"the class prior must be {self.classes} probabilities that sum to 1, got {prior.tolist()}"
            )
        self.log_prior.copy_(
            prior.clamp_min(1e-6).log()
        )  # a class that training never saw is unlikely, not impossible


def unimodal_cross_entropy(
    output: FusionOutput, y: Tensor, *, weight: Tensor | None = None, label_smoothing: float = 0.0
) -> Tensor:
    """The sum over the modalities of the cross-entropy of their unimodal predictions, each over the
    utterances that have the modality.
    """
    losses = [
        masked_cross_entropy(
            logits, y, logits[:, 0].isfinite(), weight=weight, label_smoothing=label_smoothing
        )
        for logits in output.unimodal.values()
    ]
    return torch.stack(losses).sum()


def masked_cross_entropy(
    logits: Tensor, y: Tensor, rows: Tensor, *, weight: Tensor | None = None, label_smoothing: float = 0.0
) -> Tensor:
    """Mean cross-entropy over the chosen rows; 0 if none is chosen.

    Args:
        logits: (B, C); rows that are not chosen may be NaN.
        y: (B,) int64.
        rows: (B,) bool.
        weight: (C,) class weights.
        label_smoothing: in [0, 1).
    """
    each = F.cross_entropy(
        torch.where(rows[:, None], logits, 0.0),
        y,
        weight=weight,
        label_smoothing=label_smoothing,
        reduction="none",
    )
    share = torch.where(rows, 1.0 if weight is None else weight[y], 0.0)
    return torch.where(rows, each, 0.0).sum() / share.sum().clamp_min(1e-12)


def _check_choices(options: JsonConfig) -> None:
    for name, kind in get_type_hints(type(options)).items():
        value = getattr(options, name)
        if get_origin(kind) is Literal and value not in get_args(kind):
            raise ValueError(f"{name} cannot be {value!r}: choose one of {', '.join(get_args(kind))}")
