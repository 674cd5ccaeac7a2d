"""Is this input like what the model learned from? A distance in each encoder's feature space, and a limit that held-out data seldom pass.

The features of a clip are averaged over time, and their Mahalanobis distance from the training data is taken under a shrunk covariance (Lee et
al. 2018 use it for the same purpose; Ledoit and Wolf 2004 for the shrinkage). A distance beyond the limit says that the figures on the model card
were not measured on anything like it; one within the limit does not say that the answer is right.

An expert knows less of an input the farther it lies from what it learned, but is as sure of itself as ever (Ovadia et al. 2019). Where recordings
of a corpus that it had not heard were at hand, a modality's `caution` says by how much its answers must be softened with the distance.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from mmer_core.labels import Modality

FILE = "familiarity.safetensors"
HELD_OUT_WITHIN = 0.99  # share of held-out inputs of the same kind that the limit lets pass
USUAL = 1.0  # the distance of a training input, up to which nothing is softened


def softening(distance: np.ndarray, caution: float) -> np.ndarray:
    """What an expert's logits are divided by at a distance from its training data: 1 up to the usual one, then rising in a line."""
    return np.asarray(1 + caution * np.maximum(distance - USUAL, 0.0))


@dataclass(frozen=True)
class Familiarity:
    """What one modality's features looked like in training.

    Attributes:
        mean: (D,) float32.
        scale: (D,) float32, deviation of each feature.
        whitening: (D, D) float32, lower triangular; (x - mean) / scale @ whitening has about unit variance in every direction.
        limit: the distance that `HELD_OUT_WITHIN` of the held-out inputs stay within.
        caution: how much more an expert's answers are softened for each unit of distance beyond the usual; 0 where it is not known.
    """

    mean: np.ndarray
    scale: np.ndarray
    whitening: np.ndarray
    limit: float
    caution: float = 0.0

    @classmethod
    def fit(cls, training: np.ndarray, held_out: np.ndarray) -> Familiarity:
        """From vectors of training inputs (N, D) and of inputs of the same kind that were not trained on (K, D), by other people where known."""
        from sklearn.covariance import LedoitWolf

        scale = np.maximum(training.std(axis=0, dtype=np.float64), 1e-6)  # shrinkage is towards equal variances, so make them equal first
        mean = training.mean(axis=0, dtype=np.float64)
        values, vectors = np.linalg.eigh(LedoitWolf(assume_centered=True).fit((training - mean) / scale).covariance_)
        # any root of the inverse gives the same distances, and one that is triangular takes half the room
        whitening = np.linalg.cholesky((vectors / np.maximum(values, 1e-6)) @ vectors.T)
        known = cls(mean.astype(np.float32), scale.astype(np.float32), whitening.astype(np.float32), 1.0)
        distances = np.array([known.distance(x[None]) for x in held_out])
        return replace(known, limit=float(np.quantile(distances, HELD_OUT_WITHIN)))

    def distance(self, features: np.ndarray) -> float:
        """How far a clip's features, (T, D), lie from the training data: 1 is the usual distance of a training input."""
        away = (features.mean(axis=0, dtype=np.float64) - self.mean) / self.scale
        # in single precision: the live page asks for this with every picture, and the matrix has millions of numbers
        return float(np.sqrt(np.mean(np.square(away.astype(np.float32) @ self.whitening), dtype=np.float64)))

    def softening(self, features: np.ndarray) -> float:
        """What an expert's logits on these features, (T, D), are divided by, 1 or more: it is to be less sure of what is unlike its training data."""
        if not self.caution:
            return 1.0  # a live page asks with every picture: no distance is computed in vain
        return float(softening(np.array(self.distance(features)), self.caution))

    def strangeness(self, features: np.ndarray) -> float:
        """The distance as a multiple of the limit; above 1 the input is unlike the training data."""
        return self.distance(features) / self.limit


def save(folder: Path, known: Mapping[Modality, Familiarity]) -> str:
    """Write what is known of each modality to `folder`, in half precision and without the zeros of each matrix; returns the file's name."""
    from safetensors.numpy import save_file

    tensors: dict[str, np.ndarray] = {}
    for modality, one in known.items():
        lower = one.whitening[np.tril_indices(len(one.mean))]
        tensors |= {f"{modality}.mean": one.mean, f"{modality}.scale": one.scale, f"{modality}.whitening": lower.astype(np.float16)}
        tensors[f"{modality}.limit"] = np.array([one.limit], dtype=np.float32)
        tensors[f"{modality}.caution"] = np.array([one.caution], dtype=np.float32)
    save_file(tensors, folder / FILE)
    return FILE


def load(folder: Path) -> dict[Modality, Familiarity]:
    """The inverse of `save`; empty if the model has no such file."""
    from safetensors.numpy import load_file

    if not (folder / FILE).is_file():
        return {}
    tensors = load_file(folder / FILE)
    return {
        Modality(name): Familiarity(
            tensors[f"{name}.mean"],
            tensors[f"{name}.scale"],
            _triangle(tensors[f"{name}.whitening"], len(tensors[f"{name}.mean"])),
            float(tensors[f"{name}.limit"][0]),
            float(tensors[f"{name}.caution"][0]) if f"{name}.caution" in tensors else 0.0,  # files of older trainings lack it
        )
        for name in sorted({key.partition(".")[0] for key in tensors})
    }


def _triangle(lower: np.ndarray, width: int) -> np.ndarray:
    """The (D, D) float32 matrix with these numbers in its lower triangle, row after row."""
    matrix = np.zeros((width, width), dtype=np.float32)
    matrix[np.tril_indices(width)] = lower
    return matrix
