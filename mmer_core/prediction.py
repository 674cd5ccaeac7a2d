"""The answer to one clip, as shown, and as JSON."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from mmer_core.labels import EMOTIONS, Modality


@dataclass(frozen=True)
class Opinion:
    """What one modality says on its own.

    Attributes:
        present: it was there and switched on.
        reason: why not, when absent; else None.
        probabilities: {emotion: p} of this modality alone; None when absent.
        weight: its share of the decision in [0, 1]; shares of one prediction sum to 1 (or are all 0).
        softened: what its logits were divided by because the input is unlike its training data; 1 where it is not, or where that is not known.
    """

    present: bool
    reason: str | None = None
    probabilities: dict[str, float] | None = None
    weight: float = 0.0
    softened: float = 1.0

    @property
    def label(self) -> str | None:
        return None if self.probabilities is None else max(self.probabilities, key=lambda name: self.probabilities[name])  # type: ignore[index]


@dataclass(frozen=True)
class Prediction:
    """
    Attributes:
        label: the most probable emotion.
        probability: its probability.
        probabilities: {emotion: p}, sums to 1.
        modalities: one opinion for each modality of the model.
        subsets: {"text+audio": {emotion: p}} for every subset of what is present and switched on.
        contributions: {modality: Shapley value} on `probability`; they sum to `probability` minus the prior of `label`; absent: 0.
        notes: sentences to read with the answer.
        warnings: those of the notes that say why this answer may be worth less than the model's figures.
        timings: {step: seconds}.
        model: name and sha256.
        unsure_below: the probability below which an answer of this model is called unsure; 0 if the model states none.
        coverage: share of held-out answers that reached it; 0 if the model does not say.
    """

    label: str
    probability: float
    probabilities: dict[str, float]
    modalities: dict[Modality, Opinion]
    subsets: dict[str, dict[str, float]]
    contributions: dict[Modality, float]
    notes: tuple[str, ...] = ()
    timings: dict[str, float] = field(default_factory=dict)
    model: dict[str, str] = field(default_factory=dict)
    unsure_below: float = 0.0
    coverage: float = 0.0
    warnings: tuple[str, ...] = ()

    @property
    def unsure(self) -> bool:
        """Whether the label should not be relied on: its probability does not reach the model's threshold."""
        return self.probability < self.unsure_below

    @property
    def used(self) -> tuple[Modality, ...]:
        return tuple(m for m, opinion in self.modalities.items() if opinion.present)

    def to_json(self) -> dict[str, Any]:
        """The object that `predict --json` prints and the app lets a person download."""
        return {
            "label": self.label,
            "probability": round(self.probability, 6),
            "unsure": self.unsure,
            "unsure_below": self.unsure_below,
            "probabilities": _rounded(self.probabilities),
            "modalities": {
                m.value: {
                    "present": o.present,
                    "reason": o.reason,
                    "probabilities": None if o.probabilities is None else _rounded(o.probabilities),
                    "weight": round(o.weight, 6),
                    "softened": round(o.softened, 4),
                }
                for m, o in self.modalities.items()
            },
            "subsets": {name: _rounded(p) for name, p in self.subsets.items()},
            "contributions": {m.value: round(v, 6) for m, v in self.contributions.items()},
            "notes": list(self.notes),
            "timings": {k: round(v, 3) for k, v in self.timings.items()},
            "model": self.model,
        }


def _rounded(probabilities: dict[str, float]) -> dict[str, float]:
    return {name: round(p, 6) for name, p in probabilities.items()}


def as_probabilities(values: list[float]) -> dict[str, float]:
    """Name a row of C probabilities in the order of EMOTIONS."""
    return dict(zip(EMOTIONS, values, strict=True))
