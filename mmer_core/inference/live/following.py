"""Finding the faces of a running picture: the whole picture is searched now and then, and at every picture
while several people are in it; a single face is looked for around its last place in between.
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
    """The faces of a running picture.

    Args:
        detect: finds faces in a picture; YuNet by default.
        every: seconds between two searches of the whole picture, which notice a second person.
    """

    def __init__(self, detect: Detector | None = None, every: float = 1.0) -> None:
        self.detect = detect or yunet()
        self._every = every
        self._last: list[Detection] = []
        self._searched = -np.inf

    def find(self, picture: np.ndarray, at: float) -> list[Detection]:
        """The faces of a picture (H, W, 3) uint8 RGB that was taken at `at` seconds."""
        found = None
        if len(self._last) == 1 and at - self._searched < self._every:
            found = self._search_near(picture, self._last[0])
        if found is None:
            self._last = self._search_everywhere(picture)
            self._searched = at
        else:
            self._last = [found]
        return self._last

    def _search_everywhere(self, picture: np.ndarray) -> list[Detection]:
        short = min(picture.shape[:2])
        return [f for f in self.detect(picture, max(20, round(_SMALLEST * short))) if _usable(f)]

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
        faces = [f for f in self.detect(small, _NEAR_SMALLEST) if _usable(f)]
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
