"""Hand-made features of faces found by a Haar cascade (Viola & Jones 2001)."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from mmer_core.clip import Absent, Clip
from mmer_core.encoders import ENCODERS
from mmer_core.encoders.base import EncoderSpec, EncoderUnavailable
from mmer_core.encoders.pictures import pictures_of
from mmer_core.labels import Modality

CASCADE = "haarcascade_frontalface_default.xml"
SIDE = 64  # pixels that a face is brought to before its edges are looked for
GRID = 4  # cells a side in which edges are counted
THRESHOLDS = (100, 200)  # of Canny's edge detector (Canny 1986)
#: Columns: the pixels of the face, then the share of edge pixels in the whole face and in each cell, row by
#: row.
COLUMNS: tuple[str, ...] = (
    "mean",
    "sd",
    "min",
    "max",
    "edges",
    *(f"edges_{r}_{c}" for r in range(GRID) for c in range(GRID)),
)


@ENCODERS.register(
    "haar_stats",
    modality=Modality.VISUAL,
    description="grey values and edges of the largest face, a row per frame",
    order=20,
    seconds_per_clip=1.0,
)
class HaarStatsEncoder:
    """Mean, standard deviation, minimum and maximum of the face's grey values, and Canny edges; one row per
    frame in which there is a face.

    The published system says "Canny edge features" and no more; here they are the share of edge pixels in the
    face and in each of 4 x 4 cells.

    Raises:
        EncoderUnavailable: this OpenCV came without the cascade (version 5 dropped it).
    """

    def __init__(self) -> None:
        path = Path(getattr(getattr(cv2, "data", None), "haarcascades", "")) / CASCADE
        if not path.is_file():
            raise EncoderUnavailable(
                f"this OpenCV ({cv2.__version__}) carries no {CASCADE}: run pip install "
                "opencv-python==4.14.0.94"
            )
        self._detector = cv2.CascadeClassifier(str(path))
        self.spec = EncoderSpec(
            name="haar_stats",
            modality=Modality.VISUAL,
            dim=len(COLUMNS),
            source="this project, with OpenCV's frontal face cascade",
            revision=f"1 (OpenCV {cv2.__version__})",
            licence="Apache-2.0 (OpenCV)",
            preprocessing=f"largest frontal face of each frame, grey, {SIDE} x {SIDE} for the edges, Canny "
            f"{THRESHOLDS[0]}/{THRESHOLDS[1]}",
        )

    def encode(self, clip: Clip) -> np.ndarray:
        """(T, 21) float32, one row for each frame in which the cascade finds a face; columns as in `COLUMNS`.

        Raises:
            Absent: there is no picture, or no face in any frame.
        """
        frames = pictures_of(clip, "frames")
        rows = [face_features(face) for frame in frames if (face := self.largest_face(frame)) is not None]
        if not rows:
            raise Absent(f"no frontal face in {len(frames)} of {len(frames)} frames")
        return np.stack(rows)

    def largest_face(self, frame: np.ndarray) -> np.ndarray | None:
        """(H, W) uint8 grey, the largest face of a frame (H, W, 3) uint8 RGB; None if there is none."""
        grey = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
        smallest = max(24, round(0.09 * min(grey.shape)))
        boxes = self._detector.detectMultiScale(
            grey, scaleFactor=1.1, minNeighbors=5, minSize=(smallest, smallest)
        )
        if not len(boxes):
            return None
        x, y, width, height = max(boxes, key=lambda box: int(box[2]) * int(box[3]))
        return grey[y : y + height, x : x + width]


def face_features(face: np.ndarray) -> np.ndarray:
    """(21,) float32 of a grey face (H, W) uint8."""
    edges = cv2.Canny(cv2.resize(face, (SIDE, SIDE), interpolation=cv2.INTER_AREA), *THRESHOLDS) > 0
    cells = edges.reshape(GRID, SIDE // GRID, GRID, SIDE // GRID).mean(axis=(1, 3))
    pixels = face.astype(np.float32)
    return np.array(
        [pixels.mean(), pixels.std(), pixels.min(), pixels.max(), edges.mean(), *cells.ravel()],
        dtype=np.float32,
    )
