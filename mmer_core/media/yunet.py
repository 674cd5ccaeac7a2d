"""YuNet (Wu, Peng and Yu 2023): a small face detector, whose weights come with this package."""

from __future__ import annotations

import queue
from collections.abc import Callable
from functools import cache
from pathlib import Path

import cv2
import numpy as np

from mmer_core.media.face_crops import Detection

WEIGHTS = Path(__file__).parent / "weights" / "face_detection_yunet_2023mar_int8bq.onnx"
#: Finds faces in a frame (H, W, 3) uint8 RGB; the second argument is the smallest side to find, pixels.
#: Called from several threads at once.
Detector = Callable[[np.ndarray, int], list[Detection]]
SURE = 0.75  # score from which a detection counts
_SMALLEST = 12.0  # pixels of a face in what the network sees; it finds smaller ones, but not surely
_USUAL = 480  # pixels of the longer side that the network sees, where smaller faces are not asked for
_ENLARGED = 320  # pixels; a smaller frame is enlarged to this
_LEAST = 0.5  # score of a face that is worth a mention
_OVERLAP = 0.3  # of two boxes that are one face
_MOST = 200  # faces


@cache
def yunet() -> Detector:
    """The detector, safe to call from any thread: each call in hand has a network of its own, which stays for
    later ones.
    """
    weights = np.frombuffer(WEIGHTS.read_bytes(), dtype=np.uint8)
    free: queue.SimpleQueue[cv2.FaceDetectorYN] = queue.SimpleQueue()

    def detect(frame: np.ndarray, smallest: int) -> list[Detection]:
        height, width = frame.shape[:2]
        longer = max(height, width)
        wanted = max(_USUAL, longer * _SMALLEST / max(smallest, 1))
        scale = min(wanted / longer, max(1.0, _ENLARGED / longer))
        size = max(1, round(width * scale)), max(1, round(height * scale))
        how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        picture = cv2.cvtColor(cv2.resize(frame, size, interpolation=how), cv2.COLOR_RGB2BGR)
        try:
            network = free.get_nowait()
        except queue.Empty:
            network = _load(weights)
        network.setInputSize(size)
        _, found = network.detect(picture)
        free.put(network)
        rows = np.zeros((0, 15), np.float32) if found is None else found[np.isfinite(found).all(axis=1)]
        return [_as_detection(row, np.array([width / size[0], height / size[1]])) for row in rows]

    return detect


def _load(weights: np.ndarray) -> cv2.FaceDetectorYN:
    nothing = np.zeros(0, dtype=np.uint8)
    return cv2.FaceDetectorYN.create("onnx", weights, nothing, (320, 320), _LEAST, _OVERLAP, _MOST)


def _as_detection(row: np.ndarray, scale: np.ndarray) -> Detection:
    """One row of the network: x, y, width, height, five points, score."""
    corner, sides = row[:2] * scale, row[2:4] * scale
    box = np.concatenate([corner, corner + sides]).astype(np.float32)
    points = (row[4:14].reshape(5, 2) * scale).astype(np.float32)
    return Detection(box, points, min(float(row[14]), 1.0))
