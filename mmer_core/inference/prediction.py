"""The answer to one clip, as shown, and as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mmer_core.labels import MODALITY_TITLES, Modality, most_probable


@dataclass(frozen=True)
class UnimodalPrediction:
    """The prediction of one modality on its own.

    Attributes:
        present: it was there and switched on.
        reason: why not, when absent; else None.
        probabilities: {label: p} of this modality alone; None when absent.
        weight: its share of the decision in [0, 1]; shares of one prediction sum to 1 (or are all 0).
        temperature: divisor of its logits for the distance of the input from the training data; 1 where it
            lies near or that is not known.
    """

    present: bool
    reason: str | None = None
    probabilities: dict[str, float] | None = None
    weight: float = 0.0
    temperature: float = 1.0

    @property
    def label(self) -> str | None:
        """Its most probable class; None when absent."""
        return most_probable(self.probabilities)


@dataclass(frozen=True)
class Prediction:
    """The answer to one clip. Its labels are the model's own classes.

    Attributes:
        label: the most probable class.
        probability: its probability.
        probabilities: {label: p}, sums to 1.
        modalities: one unimodal prediction for each modality of the model.
        subsets: {"text+audio": {label: p}} for every subset of what is present and switched on.
        contributions: {modality: Shapley value} on `probability`; they sum to `probability` minus the prior
            of `label`; absent: 0.
        notes: sentences to read with the answer.
        warnings: those of the notes that say why this answer may be worth less than the model's figures.
        timings: {step: seconds}.
        model: name and sha256.
        unsure_below: the probability below which an answer of this model is called unsure; 0 if the model
            states none.
        coverage: share of held-out answers that reached it; 0 if the model does not say.
        baseline: what the voice (or whatever is standardised by speaker) was compared with, as a part of a
            sentence: "12 s of the speaker's own voice", "the average training speaker"; "" for models that do
            not compare, and where nothing was compared.
    """

    label: str
    probability: float
    probabilities: dict[str, float]
    modalities: dict[Modality, UnimodalPrediction]
    subsets: dict[str, dict[str, float]]
    contributions: dict[Modality, float]
    notes: tuple[str, ...] = ()
    timings: dict[str, float] = field(default_factory=dict)
    model: dict[str, str] = field(default_factory=dict)
    unsure_below: float = 0.0
    coverage: float = 0.0
    warnings: tuple[str, ...] = ()
    baseline: str = ""

    @property
    def unsure(self) -> bool:
        """Whether the label should not be relied on: its probability does not reach the model's threshold."""
        return self.probability < self.unsure_below

    @property
    def used(self) -> tuple[Modality, ...]:
        """The modalities that are present and switched on."""
        return tuple(m for m, own in self.modalities.items() if own.present)

    @property
    def absences(self) -> dict[str, str]:
        """{title of an absent modality, lower case: why}; the reason does not name the modality again."""
        return {
            MODALITY_TITLES[m].lower(): (own.reason or "nothing to go by").removeprefix("no words: ")
            for m, own in self.modalities.items()
            if not own.present
        }

    def to_json(self) -> dict[str, Any]:
        """The object that `predict --json` prints and the app lets a person download."""
        return {
            "label": self.label,
            "probability": round(self.probability, 6),
            "unsure": self.unsure,
            "unsure_below": self.unsure_below,
            "coverage": self.coverage,
            "probabilities": _rounded(self.probabilities),
            "modalities": {
                m.value: {
                    "present": o.present,
                    "reason": o.reason,
                    "probabilities": None if o.probabilities is None else _rounded(o.probabilities),
                    "weight": round(o.weight, 6),
                    "temperature": round(o.temperature, 4),
                }
                for m, o in self.modalities.items()
            },
            "subsets": {name: _rounded(p) for name, p in self.subsets.items()},
            "contributions": {m.value: round(v, 6) for m, v in self.contributions.items()},
            "baseline": self.baseline,
            "notes": list(self.notes),
            "warnings": list(self.warnings),
            "timings": {k: round(v, 3) for k, v in self.timings.items()},
            "model": self.model,
        }

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> Prediction:
        """The prediction that `to_json` wrote; probabilities are rounded to six digits there."""
        return cls(
            label=found["label"],
            probability=found["probability"],
            probabilities=dict(found["probabilities"]),
            modalities={Modality(m): UnimodalPrediction(**own) for m, own in found["modalities"].items()},
            subsets={name: dict(p) for name, p in found["subsets"].items()},
            contributions={Modality(m): v for m, v in found["contributions"].items()},
            notes=tuple(found["notes"]),
            timings=dict(found["timings"]),
            model=dict(found["model"]),
            unsure_below=found["unsure_below"],
            coverage=found["coverage"],
            warnings=tuple(found["warnings"]),
            baseline=found["baseline"],
        )


def listed(path: str, found: Prediction | str) -> dict[str, Any]:
    """The object of one file in the list that `predict --json` prints for several: its answer, or why there
    is none.
    """
    return {"path": path, **({"error": found} if isinstance(found, str) else found.to_json())}


def _rounded(probabilities: dict[str, float]) -> dict[str, float]:
    return {name: round(p, 6) for name, p in probabilities.items()}


def as_probabilities(values: Iterable[float], labels: Sequence[str]) -> dict[str, float]:
    """{label: p} of C probabilities, in the order of the model's labels."""
    return dict(zip(labels, map(float, values), strict=True))
