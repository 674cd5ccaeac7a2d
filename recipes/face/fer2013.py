"""FER2013 for training: reading it, cleaning it, holding a part out."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mmer_core.labels import EMOTIONS, canonical_label


@dataclass(frozen=True)
class LabelledFaces:
    """Pictures with their emotions.

    Attributes:
        images: (N, 48, 48) uint8 grey.
        labels: (N,) int64, index into `labels.EMOTIONS`.
        digests: (N,) sha256 of each picture; identical pictures share one.
    """

    images: np.ndarray
    labels: np.ndarray
    digests: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, index: np.ndarray) -> LabelledFaces:
        """The pictures at `index`, int or bool."""
        return LabelledFaces(self.images[index], self.labels[index], self.digests[index])


def read_fer2013(path: Path) -> LabelledFaces:
    """Read one part of FER2013 from an npz file with `images`, `labels` and `classes`.

    Raises:
        FileNotFoundError: there is no such file.
    """
    if not path.is_file():
        raise FileNotFoundError(
            f"{path} is missing: give the folder that holds fer2013/{path.name} with --data"
        )
    with np.load(path, allow_pickle=False) as table:
        images, raw, classes = table["images"], table["labels"], table["classes"]
    order = np.array([EMOTIONS.index(canonical_label(str(name))) for name in classes])
    digests = np.array([hashlib.sha256(image.tobytes()).hexdigest() for image in images])
    return LabelledFaces(images, order[raw].astype(np.int64), digests)


def clean(faces: LabelledFaces, exclude: LabelledFaces) -> LabelledFaces:
    """Drop blank pictures, repeats with the same label, and pictures that also lie in `exclude` (they would
    leak into its figures).
    """
    visible = faces.images.reshape(len(faces), -1).std(1) > 2
    outside = ~np.isin(faces.digests, exclude.digests)
    first = np.zeros(len(faces), dtype=bool)
    keys = np.char.add(faces.digests, faces.labels.astype(str))
    first[np.unique(keys, return_index=True)[1]] = True
    return faces.take(visible & outside & first)


def hold_out(faces: LabelledFaces, share: float, seed: int) -> tuple[LabelledFaces, LabelledFaces]:
    """Split stratified by label into training and held-out pictures; identical pictures stay on one side."""
    digests, first = np.unique(faces.digests, return_index=True)
    labels = faces.labels[first]
    random = np.random.default_rng(seed)
    held: list[str] = []
    for label in range(len(EMOTIONS)):
        members = random.permutation(digests[labels == label])
        held.extend(members[: round(share * len(members))].tolist())
    mask = np.isin(faces.digests, held)
    return faces.take(~mask), faces.take(mask)
