"""Out-of-distribution detection: a Mahalanobis distance in each encoder's feature space, and a limit that
held-out data seldom pass.

The features of a clip are averaged over time, and their Mahalanobis distance from the training data is taken
under a shrunk covariance (Lee et al. 2018 use it for the same purpose; Ledoit and Wolf 2004 for the
shrinkage). A distance beyond the limit says that the figures on the model card were not measured on anything
like it; one within the limit does not say that the answer is right.

A classifier is less accurate the farther an input lies from the training data, but no less confident (Ovadia
et al. 2019). Where recordings of a corpus outside the training data were at hand, a modality's temperature
slope says how much its logits are scaled down with the distance (distance-scaled temperature).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from mmer_core.checkpoint import damaged
from mmer_core.labels import Modality

FILE = "out_of_distribution.safetensors"
HELD_OUT_WITHIN = 0.99  # share of held-out inputs of the same kind that the limit lets pass
USUAL = 1.0  # the distance of a training input, up to which the temperature is 1


def distance_temperature(distance: np.ndarray, temperature_slope: float) -> np.ndarray:
    """The divisor of a classifier's logits at a distance from its training data: 1 up to the usual one, then
    rising in a line.
    """
    return np.asarray(1 + temperature_slope * np.maximum(distance - USUAL, 0.0))


@dataclass(frozen=True)
class MahalanobisDetector:
    """The distribution of one modality's features in training.

    Attributes:
        mean: (D,) float32.
        scale: (D,) float32, deviation of each feature.
        whitening: (D, D) float32, lower triangular; (x - mean) / scale @ whitening has about unit variance in
            every direction.
        limit: the distance that `HELD_OUT_WITHIN` of the held-out inputs stay within.
        temperature_slope: rise of the temperature of the modality's logits for each unit of distance beyond
            the usual; 0 where it is not known.
    """

    mean: np.ndarray
    scale: np.ndarray
    whitening: np.ndarray
    limit: float
    temperature_slope: float = 0.0

    @classmethod
    def fit(cls, training: np.ndarray, held_out: np.ndarray) -> MahalanobisDetector:
        """Fit to vectors of training inputs (N, D) and of inputs of the same kind that were not trained on
        (K, D), by other people where known.
        """
        from sklearn.covariance import LedoitWolf

        scale = np.maximum(
            training.std(axis=0, dtype=np.float64), 1e-6
        )  # shrinkage is towards equal variances, so make them equal first
        mean = training.mean(axis=0, dtype=np.float64)
        values, vectors = np.linalg.eigh(
            LedoitWolf(assume_centered=True).fit((training - mean) / scale).covariance_
        )
        # any root of the inverse gives the same distances, and one that is triangular takes half the room
        whitening = np.linalg.cholesky((vectors / np.maximum(values, 1e-6)) @ vectors.T)
        fitted = cls(mean.astype(np.float32), scale.astype(np.float32), whitening.astype(np.float32), 1.0)
        return replace(fitted, limit=float(np.quantile(fitted.distances(held_out), HELD_OUT_WITHIN)))

    def distance(self, features: np.ndarray) -> float:
        """The distance of a clip's features, (T, D), from the training data; 1 is that of a usual training
        input.
        """
        return float(self.distances(features.mean(axis=0, dtype=np.float64)[None])[0])

    def distances(self, vectors: np.ndarray) -> np.ndarray:
        """(N,) float64 distances of clips whose features are averaged over time, (N, D)."""
        # in single precision: the live page asks for this with every picture, and the matrix has millions of
        # numbers
        away = ((vectors - self.mean) / self.scale).astype(np.float32)
        return np.asarray(np.sqrt(np.mean(np.square(away @ self.whitening), axis=1, dtype=np.float64)))

    def distance_temperature(self, features: np.ndarray) -> float:
        """The divisor, 1 or more, of the modality's logits on these features, (T, D)."""
        if not self.temperature_slope:
            return 1.0  # asked with every picture of a live page: no distance is computed in vain
        return float(distance_temperature(np.array(self.distance(features)), self.temperature_slope))

    def score(self, features: np.ndarray) -> float:
        """The distance as a multiple of the limit; above 1 the input is unlike the training data."""
        return self.distance(features) / self.limit


def save(folder: Path, detectors: Mapping[Modality, MahalanobisDetector]) -> str:
    """Write the detectors to `folder`, in half precision and without the zeros of each matrix; returns the
    file's name.
    """
    from safetensors.numpy import save_file

    tensors: dict[str, np.ndarray] = {}
    for modality, one in detectors.items():
        lower = one.whitening[np.tril_indices(len(one.mean))]
        tensors |= {
            f"{modality}.mean": one.mean,
            f"{modality}.scale": one.scale,
            f"{modality}.whitening": lower.astype(np.float16),
        }
        tensors[f"{modality}.limit"] = np.array([one.limit], dtype=np.float32)
        tensors[f"{modality}.temperature_slope"] = np.array([one.temperature_slope], dtype=np.float32)
    save_file(tensors, folder / FILE)
    return FILE


def load(folder: Path) -> dict[Modality, MahalanobisDetector]:
    """The inverse of `save`; empty if the model has no such file.

    Raises:
        CheckpointError: the file is damaged, or holds something else.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    if not (folder / FILE).is_file():
        return {}
    try:
        tensors = load_file(folder / FILE)
        names = sorted({key.partition(".")[0] for key in tensors})
        return {Modality(name): _detector(tensors, name) for name in names}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError, SafetensorError) as error:
        raise damaged(folder / FILE, error) from error


def _detector(tensors: Mapping[str, np.ndarray], name: str) -> MahalanobisDetector:
    mean, scale = tensors[f"{name}.mean"], tensors[f"{name}.scale"]
    if mean.ndim != 1 or scale.shape != mean.shape:
        raise ValueError(f"the mean of {name} has the shape {mean.shape}, its scale {scale.shape}")
    return MahalanobisDetector(
        mean,
        scale,
        _triangle(tensors[f"{name}.whitening"], len(mean)),
        float(tensors[f"{name}.limit"][0]),
        float(tensors[f"{name}.temperature_slope"][0]),
    )


def _triangle(lower: np.ndarray, width: int) -> np.ndarray:
    """The (D, D) float32 matrix with these numbers in its lower triangle, row after row."""
    if lower.shape != (width * (width + 1) // 2,):
        raise ValueError(f"{lower.shape} numbers are no triangle of {width}")
    matrix = np.zeros((width, width), dtype=np.float32)
    matrix[np.tril_indices(width)] = lower
    return matrix
