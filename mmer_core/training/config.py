"""Training settings as plain data, and presets of them. Loads no heavy library."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from mmer_core.config import JsonConfig


@dataclass(frozen=True)
class TrainingConfig(JsonConfig):
    """Settings of one training. The defaults are those that did best over several corpora
    (docs/evidence/defaults.md).

    Attributes:
        optimizer: adam (weight decay in the gradient, Kingma & Ba 2015) or adamw (apart from it, Loshchilov &
            Hutter 2019).
        learning_rate: of the optimizer.
        weight_decay: of the optimizer.
        batch_size: utterances in one step.
        epochs: passes over the training part, at most.
        patience: epochs without a better selection score after which training ends; 0 trains all epochs and
            still keeps the best one.
        select_by: score on the validation part that chooses the epoch; equal scores are decided by the lower
            loss.
        refit: when the epoch is chosen, train again for that long on the training and the validation part
            together; the temperature stays that of the first training. Takes twice the time.
        class_weights: none, or balanced (each class counts as much as any other, by its frequency in the
            training part).
        label_smoothing: share of the target spread evenly over the classes, in [0, 1).
        modality_dropout: chance that a present modality is hidden in a training step, never all of them; in
            [0, 1).
        plateau_factor: multiply the learning rate by this when the validation loss stalls; 1 keeps it.
        plateau_patience: epochs without a lower validation loss before that.
        clip_norm: largest norm of the gradient; 0 does not clip.
        spec_augment: hide random stretches of time and bands of features of sequences (Park et al. 2019).
        temporal_sampling: share of the frames of a sequence that is left out at random in a training step, in
            [0, 1).
        sentiment_weight: weight of a second head that learns the corpus's sentiment labels; 0 for none.
        precision: number format of matrix products in training; weights stay float32. Processors without
            bfloat16 imitate it, many times slower.
    """

    optimizer: Literal["adam", "adamw"] = "adam"
    learning_rate: float = 1e-3
    weight_decay: float = 1e-3
    batch_size: int = 32
    epochs: int = 50
    patience: int = 10
    select_by: Literal["accuracy", "ua", "macro_f1", "weighted_f1", "loss"] = "loss"
    refit: bool = True
    class_weights: Literal["none", "balanced"] = "none"
    label_smoothing: float = 0.1
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


@dataclass(frozen=True)
class Preset:
    """
    Attributes:
        description: one phrase, for lists.
        training: fields of `TrainingConfig` that differ from its defaults.
        options: {fusion network: fields of its `Options` that differ from its defaults}.
    """

    description: str
    training: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def config(self, **changes: Any) -> TrainingConfig:
        """The training settings of this preset, with changes of single fields."""
        return TrainingConfig(**{**self.training, **changes})


# Written out in full, so that a published system stays what it was when defaults change.
_UNREGULARISED = {
    "optimizer": "adam",
    "learning_rate": 1e-3,
    "weight_decay": 1e-5,
    "batch_size": 32,
    "epochs": 50,
    "patience": 10,
    "select_by": "accuracy",
    "refit": False,
    "class_weights": "none",
    "label_smoothing": 0.0,
    "modality_dropout": 0.0,
    "plateau_factor": 1.0,
    "clip_norm": 0.0,
    "spec_augment": False,
    "temporal_sampling": 0.0,
    "sentiment_weight": 0.0,
}
_CLASSIFIER = {"pooling": "mean", "hidden": (128, 64), "dropout": 0.0, "input_dropout": 0.0}
_RECURRENT = {"pooling": "attention", "hidden": 128, "dropout": 0.3, "max_frames": 512}
_PLAIN_OPTIONS: dict[str, Mapping[str, Any]] = {
    "unimodal": _CLASSIFIER,
    "late_mean": _CLASSIFIER,
    "late_vote": _CLASSIFIER,
    "late_weighted": _CLASSIFIER,
    "early": {"pooling": "mean", "hidden": (256, 128), "dropout": 0.0, "input_dropout": 0.0},
}

#: Settings to begin with: --preset on the command line. Published systems clip gradients or stop early
#: without saying at what norm and after how many epochs; those figures are this project's.
PRESETS: dict[str, Preset] = {
    "default": Preset("what does best over several corpora"),
    "early_late": Preset(
        "published early and late fusion of IEMOCAP features, without regularisation",
        _UNREGULARISED,
        _PLAIN_OPTIONS,
    ),
    "handmade": Preset(
        "published fusion of hand-made features and dialogue metadata, without regularisation",
        _UNREGULARISED,
        _PLAIN_OPTIONS,
    ),
    "attention": Preset(
        "published recurrent networks with attention pooling (MM-B, MMMLA)",
        _UNREGULARISED,
        {"mmb": _RECURRENT, "mmmla": _RECURRENT},
    ),
    "ensemble": Preset(
        "published ensemble of early and late fusion, with SpecAugment",
        {
            **_UNREGULARISED,
            "optimizer": "adamw",
            "learning_rate": 1e-4,
            "epochs": 15,
            "plateau_factor": 0.5,
            "plateau_patience": 3,
            "clip_norm": 1.0,
            "spec_augment": True,
        },
        {
            "ensemble": {
                "projection": 256,
                "hidden": (512, 256),
                "dropout": (0.4, 0.3),
                "late_hidden": 128,
                "audio": "conv",
            }
        },
    ),
}
