"""Photographs of people whom no face network has seen, taken by others than FER2013's: the left-out corpus of
the face. They are read as the app reads a picture, and never learned from.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mmer_core import load_clip, metrics
from mmer_core.checkpoint import sha256_of
from mmer_core.encoders.face_cnn import grey_faces
from mmer_core.labels import EMOTIONS, canonical_label
from mmer_core.media.faces import find_faces
from mmer_core.uncertainty.calibration import log_softmax, negative_log_likelihood
from recipes.face.evaluation import figures
from recipes.left_out import LeftOut, write

FOLDER = "faces/photographs"  # in the folder of --data
CORPUS = "photographs"


@dataclass(frozen=True)
class Photographs:
    """The main face of each photograph that shows one.

    Attributes:
        images: (N, 48, 48) uint8 grey, framed as in the app.
        labels: (N,) int64, index into `labels.EMOTIONS`.
        ids: (N,) the files, as the table names them.
        people: (N,) whose face it is.
        without_face: files in which no face was found.
    """

    images: np.ndarray
    labels: np.ndarray
    ids: np.ndarray
    people: np.ndarray
    without_face: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)


def read_photographs(folder: Path, kept: Path | None = None) -> Photographs:
    """Read the photographs that the folder's labels.csv (path, label7, speaker) lists.

    Args:
        folder: of the photographs.
        kept: an npz file that keeps the faces for the next time; finding them takes minutes.

    Raises:
        FileNotFoundError: there is no labels.csv.
        MediaError: one of the photographs cannot be read.
    """
    path = folder / "labels.csv"
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing: give the folder that holds {FOLDER} with --data")
    digest = sha256_of(path)
    if kept is None or not _is_of(kept, digest):
        faces = _find(folder, pd.read_csv(path, dtype=str, keep_default_na=False))
        if kept is None:
            return faces
        np.savez(kept, allow_pickle=False, table=np.array(digest), **vars(faces))
    with np.load(kept, allow_pickle=False) as file:
        return Photographs(**{name: file[name] for name in Photographs.__dataclass_fields__})


def _is_of(kept: Path, digest: str) -> bool:
    """Whether the faces that are kept there are those of this table."""
    if not kept.is_file():
        return False
    with np.load(kept, allow_pickle=False) as file:
        return str(file["table"]) == digest


def _find(folder: Path, table: pd.DataFrame) -> Photographs:
    images, rows = [], []
    for row, name in enumerate(table["path"]):
        clip = find_faces(load_clip(folder / name))
        if clip.faces is not None and len(clip.faces):
            images.append(grey_faces(clip.faces.crops[:1])[0])
            rows.append(row)
    found = table.iloc[rows]
    return Photographs(
        np.stack(images) if images else np.zeros((0, 48, 48), np.uint8),
        np.array([EMOTIONS.index(canonical_label(name)) for name in found["label7"]], dtype=np.int64),
        found["path"].to_numpy(str),
        found["speaker"].to_numpy(str),
        table.drop(index=table.index[rows])["path"].to_numpy(str),
    )


def write_strangers(logits: np.ndarray, photographs: Photographs, path: Path) -> None:
    """Write the logits (N, C) of a network that has not seen the photographs: id, corpus, label, group,
    logit_<emotion>.
    """
    part = LeftOut(logits, photographs.labels, photographs.people)
    write(path, {CORPUS: part}, {CORPUS: [f"{CORPUS}/{name}" for name in photographs.ids]})


def strangers_figures(answers: np.ndarray, labels: np.ndarray) -> dict[str, Any]:
    """`figures` of calibrated logits (N, C), and ECE, cross-entropy in nats, how often each emotion is said,
    and the mean of the highest probabilities.
    """
    probabilities = np.exp(log_softmax(answers))
    said = np.bincount(answers.argmax(1), minlength=len(EMOTIONS)) / len(labels)
    return {
        **figures(answers, labels),
        "ece": metrics.expected_calibration_error(probabilities, labels),
        "cross_entropy": negative_log_likelihood(answers, labels),
        "said": {name: float(share) for name, share in zip(EMOTIONS, said, strict=True)},
        "highest_probability": float(probabilities.max(1).mean()),
    }
