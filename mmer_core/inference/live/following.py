"""Following one face through a running picture: a search of the whole picture now and then, and around the
last place in between.
"""

from __future__ import annotations

import cv2
import numpy as np

from mmer_core.media.face_crops import Detection
from mmer_core.media.yunet import SURE, Detector, yunet

_SMALLEST = 0.12  # of the picture's shorter side; who sits at a camera is larger
# pixels that the surroundings of a face are scaled to: a face of about 80, which the detector finds in 10 ms
_NEAR_SIDE = 160
_NEAR_SMALLEST = 44


class FaceFollower:
    """The main face of a running picture.

    Args:
        detect: finds faces in a picture; YuNet by default.
        every: seconds between two searches of the whole picture, which notice a second person or a nearer
            one.
    """

    def __init__(self, detect: Detector | None = None, every: float = 1.0) -> None:
        self._detect = detect or yunet()
        self._every = every
        self._last: Detection | None = None
        self._searched = -np.inf
        self.people = 0

    def find(self, picture: np.ndarray, at: float) -> Detection | None:
        """The main face of a picture (H, W, 3) uint8 RGB that was taken at `at` seconds, or None."""
        found = None
        if self._last is not None and at - self._searched < self._every:
            found = self._search_near(picture, self._last)
        if found is None:
            found = self._search_everywhere(picture)
            self._searched = at
        self._last = found
        return found

    def _search_everywhere(self, picture: np.ndarray) -> Detection | None:
        short = min(picture.shape[:2])
        faces = [f for f in self._detect(picture, max(20, round(_SMALLEST * short))) if _usable(f)]
        self.people = len(faces)
        if not faces:
            return None
        middle = np.array(picture.shape[1::-1]) / 2

        def weight(face: Detection) -> float:
            off = float(np.linalg.norm(face.centre - middle) / np.linalg.norm(middle))
            stays = self._last is not None and bool(
                (abs(face.centre - self._last.centre) < face.sides / 2).all()
            )
            return (
                float(face.sides.prod()) * face.score * max(1 - off, 0.05) * (2 if stays else 1)
            )  # no jumping between two of equal size

        return max(faces, key=weight)

    def _search_near(self, picture: np.ndarray, last: Detection) -> Detection | None:
        """The face that lies where the last one did, searched in twice its box."""
        reach = last.sides.max()
        low = np.maximum(last.centre - reach, 0).astype(int)
        high = np.minimum(last.centre + reach, picture.shape[1::-1]).astype(int)
        part = picture[low[1] : high[1], low[0] : high[0]]
        if min(part.shape[:2]) < 20:
            return None
        scale = _NEAR_SIDE / max(part.shape[:2])
        small = cv2.resize(
            part, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        )
        faces = [f for f in self._detect(small, _NEAR_SMALLEST) if _usable(f)]
        if not faces:
            return None
        home = (last.centre - low) * scale
        nearest = min(faces, key=lambda f: float(np.linalg.norm(f.centre - home)))
        shift = low.astype(np.float32)
        return Detection(
            nearest.box / scale + np.tile(shift, 2), nearest.landmarks / scale + shift, nearest.score
        )


def _usable(face: Detection) -> bool:
    return face.score >= SURE and bool(np.isfinite(face.box).all()) and float(face.sides.min()) > 0
