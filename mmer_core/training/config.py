"""How a model is trained, as plain data: what run.json stores and the command line offers. Loads no heavy library."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from mmer_core.config import JsonConfig


@dataclass(frozen=True)
class TrainingConfig(JsonConfig):
    """Settings of one training; the defaults are system S0's.

    Attributes:
        optimizer: adam (weight decay in the gradient, Kingma & Ba 2015) or adamw (apart from it, Loshchilov & Hutter 2019).
        learning_rate: of the optimizer.
        weight_decay: of the optimizer.
        batch_size: utterances in one step.
        epochs: passes over the training part, at most.
        patience: epochs without a better selection score after which training ends; 0 trains all epochs and still keeps the best one.
        select_by: score on the inner validation part that chooses the epoch; equal scores are decided by the lower loss.
        refit: when the epoch is chosen, train again for that long on the training and the inner part together; the temperature stays that of
            the first training.
        class_weights: none, or balanced (each class counts as much as any other, by its frequency in the training part).
        label_smoothing: share of the target spread evenly over the classes, in [0, 1).
        modality_dropout: chance that a present modality is hidden in a training step, never all of them; in [0, 1).
        plateau_factor: multiply the learning rate by this when the inner loss stalls; 1 keeps it (system S4: 0.5).
        plateau_patience: epochs without a lower inner loss before that.
        clip_norm: largest norm of the gradient; 0 does not clip.
        spec_augment: hide random stretches of time and bands of features of sequences (Park et al. 2019).
        temporal_sampling: share of the frames of a sequence that is left out at random in a training step, in [0, 1).
        sentiment_weight: weight of a second head that learns the corpus's sentiment labels; 0 for none.
        precision: number format of matrix products in training; weights stay float32. Processors without bfloat16 imitate it, many times slower.
    """

    optimizer: Literal["adam", "adamw"] = "adam"
    learning_rate: float = 1e-3
    weight_decay: float = 1e-5
    batch_size: int = 32
    epochs: int = 50
    patience: int = 10
    select_by: Literal["accuracy", "ua", "macro_f1", "weighted_f1", "loss"] = "accuracy"
    refit: bool = False
    class_weights: Literal["none", "balanced"] = "none"
    label_smoothing: float = 0.0
    modality_dropout: float = 0.0
    plateau_factor: float = 1.0
    plateau_patience: int = 3
    clip_norm: float = 0.0
    spec_augment: bool = False
    temporal_sampling: float = 0.0
    sentiment_weight: float = 0.0
    precision: Literal["float32", "bfloat16"] = "float32"

    def __post_init__(self) -> None:
        for name in ("learning_rate", "batch_size", "epochs", "plateau_factor"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be above 0, not {getattr(self, name)}")
        for name in ("weight_decay", "patience", "plateau_patience", "clip_norm", "sentiment_weight"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name} must not be negative, and is {getattr(self, name)}")
        for name in ("label_smoothing", "modality_dropout", "temporal_sampling"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 0 and below 1, not {getattr(self, name)}")

    @property
    def augments(self) -> bool:
        """Whether training sees other features than those on disk."""
        return self.spec_augment or self.temporal_sampling > 0


#: Published training settings, where they differ from the defaults: --preset on the command line. S4 clips gradients but does not say at what norm.
PRESETS: dict[str, dict[str, Any]] = {
    "s0": {},
    "s4": {
        "optimizer": "adamw",
        "learning_rate": 1e-4,
        "epochs": 15,
        "plateau_factor": 0.5,
        "plateau_patience": 3,
        "clip_norm": 1.0,
        "spec_augment": True,
    },
}
