"""Detection of faces in the frames of a clip, and the track of the main one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import cv2
import numpy as np

from mmer_core import config
from mmer_core.clip import Clip, FaceTrack
from mmer_core.labels import Modality
from mmer_core.media import active_speaker, upright
from mmer_core.media.face_crops import CROP_SIDE, Detection, crop_face
from mmer_core.media.face_tracks import Track, from_left, link, main_track, steady
from mmer_core.media.voice_activity import SILENT_LEVEL, loudest
from mmer_core.media.yunet import SURE, Detector, yunet

SMALL_PICTURE = 96  # pixels; a picture no larger may be a face already
_FILLS = 0.65  # of a small picture's side: a face that large has no more around it than a crop

# of a picture's side, added around it where nothing was found: in close-ups the chin or forehead touches the
# edge
_BORDER = 0.25
_SMALLEST = 20  # pixels of a face that is worth reading
_SMALL = 48  # pixels; looked for before the smallest, which takes six times as long
_USUAL = {"picture": 0.04, "video": 0.09}  # of the shorter side: the smallest face to look for at first
_AROUND = 0.5  # seconds around the voices whose pictures count: in a pause the speaker's mouth rests
_LOOKS = 6  # frames of a video in which small and turned faces are looked for
Progress = Callable[[int, int], None]


def find_faces(
    clip: Clip, *, choose: int | None = None, detect: Detector | None = None, progress: Progress | None = None
) -> Clip:
    """Return the clip with `faces` filled: the face asked for, or the one that speaks, or else the main one,
    in every frame that shows it.

    Where there is no face, `faces` stays None and `absent` says so. A picture of at most 96 x 96 pixels that
    shows little more than a face, or none that is found, is taken as a cropped face. Small faces, and faces
    in pictures that were turned, are looked for where nothing else is found.

    Args:
        clip: with frames.
        choose: which person to follow, counted from the left (0) in the frame that shows the most faces; None
            follows the one that speaks, or, where that is not seen, the main one.
        detect: another detector than YuNet.
        progress: called with (frames searched, frames in all).

    Raises:
        ValueError: `choose` is not one of the people in view.
    """
    frames = clip.frames
    if frames is None or len(frames) == 0:
        return replace(clip, absent={Modality.VISUAL: "there are no pictures", **clip.absent})
    detect = detect or yunet()
    if clip.kind == "picture":
        found = [_of_picture(frames[0], detect)]
        if max(frames.shape[1:3]) <= SMALL_PICTURE and not _shows_more(found[0], min(frames.shape[1:3])):
            return _take_whole(clip, frames)
        if progress is not None:
            progress(1, 1)
    else:
        found = video_faces(frames, detect, progress)
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
        everybody = _with_speaker(clip, everybody)
        speaker = max(everybody, key=lambda face: face.speaks or 0.0, default=None)
        if speaker is not None and (speaker.speaks or 0.0) >= active_speaker.TIED:
            rule = f"the face that speaks was followed, of {len(everybody)}"
            return replace(clip, faces=replace(speaker, rule=rule), people=everybody)
        track, rule = main_track(tracks, frames.shape[1:3], people)
        return replace(clip, faces=_as_face_track(track, frames, times, people, rule), people=everybody)
    if not 0 <= choose < len(everybody):
        raise ValueError(
            f"there is no face number {choose + 1}: {len(everybody)} can be followed, counted from the left"
        )
    return replace(clip, faces=everybody[choose], people=everybody)


def _with_speaker(clip: Clip, everybody: tuple[FaceTrack, ...]) -> tuple[FaceTrack, ...]:
    """The faces with their probability to be that of whoever speaks; as they are where nobody does."""
    waveform, voices = clip.waveform, clip.voices
    if len(everybody) < 2 or waveform is None or voices == () or loudest(waveform) <= SILENT_LEVEL:
        return everybody
    start, end = (voices[0][0] - _AROUND, voices[-1][1] + _AROUND) if voices else (0.0, clip.duration)
    odds = [
        active_speaker.log_odds(
            active_speaker.movement(face.times, _shorter(face.boxes), face.crops), waveform, start, end
        )
        for face in everybody
    ]
    found = active_speaker.probabilities(odds)
    return tuple(replace(face, speaks=float(p)) for face, p in zip(everybody, found, strict=True))


def _shorter(boxes: np.ndarray) -> np.ndarray:
    """(F,) shorter sides of (F, 4) boxes."""
    sides: np.ndarray = (boxes[:, 2:] - boxes[:, :2]).min(axis=1)
    return sides


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


def _shows_more(faces: Sequence[Detection], side: int) -> bool:
    """Whether there is a face, and more than a face."""
    return bool(faces) and max(float(face.sides.max()) for face in faces) < _FILLS * side


def _of_picture(frame: np.ndarray, detect: Detector) -> list[Detection]:
    """The faces of a picture: usual ones first, then ones that touch its edges, then ever smaller ones."""
    usual = max(_SMALLEST, round(min(frame.shape[:2]) * _USUAL["picture"]))
    faces = _in_any_direction(frame, usual, detect)
    if not faces:
        faces = _sure(_with_border(frame, usual, detect), usual)
    for smallest in (_SMALL, _SMALLEST):
        if not faces and smallest < usual:
            faces = _in_any_direction(frame, smallest, detect)
    return [upright.straightened(frame, face, detect) for face in faces]


def video_faces(
    frames: np.ndarray, detect: Detector, progress: Progress | None = None
) -> list[list[Detection]]:
    """The faces of every frame (T, H, W, 3) of a video. Where none is found, or none surely, a few frames are
    searched for smaller ones and in other directions, and then all of them as those few tell.
    """
    usual = max(_SMALLEST, round(min(frames.shape[1:3]) * _USUAL["video"]))
    found = _looked_at(frames, lambda frame: _sure(detect(frame, usual), usual), progress)
    best = max((face.score for faces in found for face in faces), default=0.0)
    if best < upright.SURE:
        smallest, turns = _how_to_look(frames, usual, detect, found=best > 0)
        if (smallest, turns) != (usual, 0):
            found = _looked_at(
                frames, lambda frame: _sure(upright.quarter(frame, smallest, detect, turns), smallest)
            )
    return [
        [upright.levelled(frame, face, detect) for face in faces]
        for frame, faces in zip(frames, found, strict=True)
    ]


def _looked_at(
    frames: np.ndarray, look: Callable[[np.ndarray], list[Detection]], progress: Progress | None = None
) -> list[list[Detection]]:
    """What `look` finds in each frame. Several frames at a time gain more than several threads in one: the
    network is small, and shrinking a picture for it takes a fifth as long as itself.
    """
    found = []
    pool = ThreadPoolExecutor(config.threads(), thread_name_prefix="faces")
    try:
        for faces in pool.map(look, frames):
            found.append(faces)
            if progress is not None:
                progress(len(found), len(frames))
    finally:
        pool.shutdown(cancel_futures=True)
    return found


def _how_to_look(frames: np.ndarray, usual: int, detect: Detector, *, found: bool) -> tuple[int, int]:
    """The smallest face to look for and by how many quarters to turn the frames, from a few of them."""
    few = frames[np.unique(np.linspace(0, len(frames) - 1, _LOOKS).round().astype(int))]
    for smallest in (usual,) if found else (usual, *(s for s in (_SMALL, _SMALLEST) if s < usual)):
        looks = [[_sure(faces, smallest) for faces in upright.quarters(f, smallest, detect)] for f in few]
        if any(map(any, looks)):
            turns = [upright.best_quarter(look) for look in looks if any(look)]
            return smallest, max(set(turns), key=turns.count)
    return usual, 0


def _in_any_direction(frame: np.ndarray, smallest: int, detect: Detector) -> list[Detection]:
    """Sure faces of a picture, upright or turned by quarters; one that is certainly upright is enough."""
    looks: list[list[Detection]] = []
    for faces in upright.quarters(frame, smallest, detect):
        looks.append(_sure(faces, smallest))
        if len(looks) == 1 and max((face.score for face in looks[0]), default=0.0) >= upright.SURE:
            return looks[0]
    return looks[upright.best_quarter(looks)]


def _sure(faces: Sequence[Detection], smallest: int) -> list[Detection]:
    return [
        f for f in faces if f.score >= SURE and f.sides.min() >= 0.6 * smallest and np.isfinite(f.box).all()
    ]


def _with_border(frame: np.ndarray, smallest: int, detect: Detector) -> list[Detection]:
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
