"""What a face looks like, as a vector by which the same person is known again (SFace, Zhong et al. 2021); its
weights come with this package.

It says whether two faces belong to one person, never who that is.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import cache
from pathlib import Path

import cv2
import numpy as np

from mmer_core.media.face_crops import Detection

WEIGHTS = Path(__file__).parent / "weights" / "face_recognition_sface_2021dec_int8bq.onnx"
DIM = 128
SIDE = 112  # pixels of the picture that the network reads
#: Cosine from which two faces are taken for the same person, near the .363 that OpenCV publishes: two in ten
#: thousand pairs of press photographs of two people reach it, and six in a hundred of one person do not;
#: `python -m recipes.face.appearance --data DIR`.
SAME = 0.37
#: Where the network expects the landmarks, pixels of its picture (the usual five points of ArcFace).
TEMPLATE = np.array(
    [(38.2946, 51.6963), (73.5318, 51.5014), (56.0252, 71.7366), (41.5493, 92.3655), (70.7299, 92.2041)]
)
#: Gives the appearance of a face in a frame (H, W, 3) uint8 RGB: (128,) float32 of length 1.
Appearance = Callable[[np.ndarray, Detection], np.ndarray]


@cache
def sface() -> Appearance:
    """The network; loaded once, safe to call from any thread."""
    network = cv2.dnn.readNetFromONNX(np.frombuffer(WEIGHTS.read_bytes(), dtype=np.uint8))
    lock = threading.Lock()

    def appearance(frame: np.ndarray, face: Detection) -> np.ndarray:
        picture = cv2.dnn.blobFromImage(aligned(frame, face))
        with lock:
            network.setInput(picture)
            vector = network.forward()[0]
        unit: np.ndarray = vector / max(float(np.linalg.norm(vector)), 1e-9)
        return unit.astype(np.float32)

    return appearance


def aligned(frame: np.ndarray, face: Detection) -> np.ndarray:
    """(112, 112, 3) uint8 RGB: the face with its landmarks where the network expects them, by the similarity
    transform of least squares (Umeyama 1991); with unknown landmarks, the box alone decides.
    """
    points = face.landmarks.astype(np.float64)
    if np.isfinite(points).all():
        here, goal = points @ [1, 1j], TEMPLATE @ [1, 1j]
        spread = here - here.mean()
        turn = complex((spread.conj() * (goal - goal.mean())).sum() / max((abs(spread) ** 2).sum(), 1e-9))
        shift = goal.mean() - turn * here.mean()
    else:
        turn = complex(SIDE / max(float(face.sides.max()), 1.0))
        shift = (0.5 + 0.5j) * SIDE - turn * complex(*face.centre)
    matrix = np.array([[turn.real, -turn.imag, shift.real], [turn.imag, turn.real, shift.imag]])
    return cv2.warpAffine(frame, matrix, (SIDE, SIDE), flags=cv2.INTER_LINEAR)
