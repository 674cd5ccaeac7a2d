"""Figures of face networks: on pictures held out of FER2013's training part, which choose, and on
public_test, which does not.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.nn import functional

from mmer_core import metrics
from mmer_core.encoders.backends.face_ensemble import FaceEnsemble, embed_pictures
from mmer_core.encoders.backends.face_network import FaceClassifier
from mmer_core.labels import EMOTIONS
from mmer_core.uncertainty.calibration import fit_temperature
from recipes.face.fer2013 import LabelledFaces

PARTS = ("held_out", "public_test")


class Logits(NamedTuple):
    """(N, C) float32 each, of one network on the held-out pictures and on public_test."""

    held_out: np.ndarray
    public_test: np.ndarray


@torch.inference_mode()
def flip_logits(network: FaceClassifier | FaceEnsemble, images: np.ndarray) -> Tensor:
    """Logits (N, C) float32 of uint8 pictures (N, 48, 48), mean of each picture and its mirror image; the
    network is left in evaluation mode.
    """
    network.eval()
    logits: Tensor = network.head(embed_pictures(network, images))
    return logits


def logits_of(
    network: FaceClassifier | FaceEnsemble, held_out: LabelledFaces, public: LabelledFaces
) -> Logits:
    """`flip_logits` of a network on both parts."""
    return Logits(flip_logits(network, held_out.images).numpy(), flip_logits(network, public.images).numpy())


def figures(logits: np.ndarray, labels: np.ndarray) -> dict[str, Any]:
    """n, accuracy, UA, macro and weighted F1 and the recall of each emotion that occurs, all in [0, 1].

    Args:
        logits: (N, C).
        labels: (N,) class indices.
    """
    confusion = metrics.confusion_matrix(labels, logits.argmax(1), len(EMOTIONS))
    recall = metrics.per_class(confusion)["recall"]
    known = {name: float(value) for name, value in zip(EMOTIONS, recall, strict=True) if np.isfinite(value)}
    return {**metrics.scores(confusion), "recall": known}


def tried(
    logits: Mapping[str, Logits], held_out: LabelledFaces, public: LabelledFaces
) -> list[dict[str, Any]]:
    """A row for each recipe, on both parts: accuracy, before the class frequencies are weighed, and
    cross-entropy at the best temperature.
    """
    rows = []
    for name, both in logits.items():
        row: dict[str, Any] = {"recipe": name}
        for part, z, faces in zip(PARTS, both, (held_out, public), strict=True):
            calibrated = torch.from_numpy(z / fit_temperature(z, faces.labels))
            loss = functional.cross_entropy(calibrated, torch.from_numpy(faces.labels)).item()
            row[part] = round(figures(z, faces.labels)["accuracy"], 4)
            row[f"{part}_cross_entropy"] = round(loss, 4)
        rows.append(row)
    return rows


def write_table(logits: np.ndarray, public: LabelledFaces, path: Path) -> None:
    """Write the logits (N, C) on public_test, from which the fusion is fitted: id, label, group,
    logit_<emotion>.
    """
    columns: dict[str, Any] = {
        "id": [f"fer2013/public_test/{i}" for i in range(len(public))],
        "label": [EMOTIONS[i] for i in public.labels],
        "group": [digest[:16] for digest in public.digests],
    }
    columns |= {f"logit_{name}": logits[:, i] for i, name in enumerate(EMOTIONS)}
    pd.DataFrame(columns).to_parquet(path, index=False)
