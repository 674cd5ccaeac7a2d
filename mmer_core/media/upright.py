"""Faces in pictures that were turned: sideways, on their head, or aslant.

A detector finds such faces too, but places the landmarks as if they were upright, and is less sure of them.
So where it is not quite sure it looks in other directions, and the surest is believed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

import cv2
import numpy as np

from mmer_core.media.face_crops import Detection
from mmer_core.media.yunet import Detector

SURE = 0.92  # score that a face reaches only where it is upright; most that are do
_SIDE = 160  # pixels of the picture in which a face is looked at again
_AROUND = 2.0  # its side in sides of the face
_SURER = 0.03  # by which another direction must be surer
_ASLANT = 12.0  # degrees; from here on a face is looked at once more, turned by that
_FACE = 40  # pixels; the smallest face to find there
_DIRECTIONS = 8


def quarters(frame: np.ndarray, smallest: int, detect: Detector) -> Iterator[list[Detection]]:
    """The faces of a frame (H, W, 3) as it is and turned by one, two and three quarters counter-clockwise, in
    pixels of the frame as it is; their landmarks stay those of the upright face.
    """
    for turns in range(4):
        yield quarter(frame, smallest, detect, turns)


def quarter(frame: np.ndarray, smallest: int, detect: Detector, turns: int) -> list[Detection]:
    """The same for so many quarter turns."""
    size = np.array(frame.shape[1::-1], dtype=np.float32)
    found = detect(np.ascontiguousarray(np.rot90(frame, turns)), smallest)
    return [_turned_back(face, turns, size) for face in found]


def best_quarter(found: Sequence[Sequence[Detection]]) -> int:
    """The number of quarter turns that show the surest face; 0 unless another is clearly surer."""
    scores = [max((face.score for face in faces), default=0.0) for faces in found]
    best = int(np.argmax(scores))
    return best if scores[best] > scores[0] + _SURER else 0


def straightened(frame: np.ndarray, face: Detection, detect: Detector) -> Detection:
    """The face with its landmarks where they are, however it is turned; the same face if it is upright, or is
    not found again.
    """
    if face.score < SURE:
        degrees = [slant(face) + 360 / _DIRECTIONS * n for n in range(_DIRECTIONS)]
        looks = [_look(frame, face, d, detect) for d in degrees]
        scores = [0.0 if look is None else look.score for look in looks]
        best = int(np.argmax(scores))
        face = looks[best] or face if scores[best] > max(scores[0], face.score - _SURER) + _SURER else face
    return levelled(frame, face, detect)


def levelled(frame: np.ndarray, face: Detection, detect: Detector) -> Detection:
    """The face looked at once more with its eyes level, if it is aslant; landmarks of such a face are placed
    too far towards upright.
    """
    if abs(slant(face)) <= _ASLANT:
        return face
    return _look(frame, face, slant(face), detect) or face


def slant(face: Detection) -> float:
    """Degrees by which a frame must be turned counter-clockwise for the eyes to be level; 0 if unknown."""
    across = face.landmarks[1] - face.landmarks[0]
    return math.degrees(math.atan2(across[1], across[0])) if np.isfinite(across).all() else 0.0


def _turned_back(face: Detection, turns: int, size: np.ndarray) -> Detection:
    """A face of a frame of `size` (width, height) that was turned by so many quarters counter-clockwise."""
    width, height = size

    def back(points: np.ndarray) -> np.ndarray:
        x, y = points[:, 0], points[:, 1]
        ways = ((x, y), (width - y, x), (width - x, height - y), (y, height - x))
        return np.stack(ways[turns], axis=1).astype(np.float32)

    corners = back(face.box.reshape(2, 2))
    box = np.concatenate([corners.min(axis=0), corners.max(axis=0)])
    return replace(face, box=box, landmarks=back(face.landmarks))


def _look(frame: np.ndarray, face: Detection, degrees: float, detect: Detector) -> Detection | None:
    """The face found again in its surroundings, turned by so many degrees; None if it is not."""
    side = float(face.sides.max())
    matrix = cv2.getRotationMatrix2D(tuple(map(float, face.centre)), degrees, _SIDE / (_AROUND * side))
    matrix[:, 2] = matrix[:, 2] + _SIDE / 2 - face.centre
    around = cv2.warpAffine(
        frame, matrix, (_SIDE, _SIDE), flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE
    )
    found = [f for f in detect(around, _FACE) if np.abs(f.centre - _SIDE / 2).max() < _SIDE / 4]
    if not found:
        return None
    best = max(found, key=lambda f: f.score)
    back = cv2.invertAffineTransform(matrix)
    centre = back[:, :2] @ best.centre + back[:, 2]
    half = best.sides * (_AROUND * side / _SIDE) / 2
    box = np.concatenate([centre - half, centre + half]).astype(np.float32)
    return replace(best, box=box, landmarks=(best.landmarks @ back[:, :2].T + back[:, 2]).astype(np.float32))
