"""Following faces over the frames of a clip, and choosing the main one."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import cv2
import numpy as np

from mmer_core.media.face_crops import Detection

#: (index of the frame, face), in order of time.
Track = list[tuple[int, Detection]]
_CERTAIN = 0.92  # score from which even a face seen in a single frame of a video counts
_MOST_PEOPLE = 6  # whose crops are kept, so that another face can be chosen without searching again
_GAP = 2.0  # seconds a face may be out of sight and still be the same
_OVERLAP = 0.2  # of boxes grown by half, from one sampled frame to the next
_THUMB = (32, 18)  # pixels in which a cut is looked for
_CUT = 28.0  # mean difference of grey values from 0 to 255; a person who moves, or a pan, stays below
_FLICKER = 5  # frames from which on a video's faces are expected in two frames at least


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    """Intersection over union of two boxes (4,) after growing both by half, so that a face that moved by its
    own width still meets itself.
    """
    grow = np.array([-0.25, -0.25, 0.25, 0.25])
    a, b = (box + grow * np.tile(box[2:] - box[:2], 2) for box in (a, b))
    sides = np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2])
    shared = float(np.prod(np.maximum(sides, 0)))
    areas = float(np.prod(a[2:] - a[:2]) + np.prod(b[2:] - b[:2]))
    return shared / max(areas - shared, 1e-9)


def cuts(frames: np.ndarray) -> list[int]:
    """The frames of (T, H, W, 3) uint8 with which a new shot begins: all over, they differ from the one
    before.
    """
    small = [cv2.resize(f, _THUMB, interpolation=cv2.INTER_AREA).astype(np.float32) for f in frames]
    return [i for i in range(1, len(small)) if float(np.abs(small[i] - small[i - 1]).mean()) > _CUT]


def link(
    found: Sequence[Sequence[Detection]],
    times: np.ndarray,
    shots: Collection[int] = (),
    gap: float = _GAP,
) -> list[Track]:
    """Join detections to tracks, best overlap first; a track may pause for `gap` seconds, and ends where one
    of `shots` begins, see `cuts`.
    """
    tracks: list[Track] = []
    first = 0  # track of this shot
    for i, faces in enumerate(found):
        first = len(tracks) if i in shots else first
        live = [t for t in tracks[first:] if times[i] - times[t[-1][0]] <= gap]
        pairs = sorted(
            ((overlap(t[-1][1].box, f.box), a, b) for a, t in enumerate(live) for b, f in enumerate(faces)),
            reverse=True,
        )
        used_tracks, used_faces = set(), set()
        for share, a, b in pairs:
            if share >= _OVERLAP and a not in used_tracks and b not in used_faces:
                live[a].append((i, faces[b]))
                used_tracks.add(a)
                used_faces.add(b)
        tracks += [[(i, face)] for b, face in enumerate(faces) if b not in used_faces]
    return tracks


def steady(tracks: list[Track], frames: int) -> list[Track]:
    """The tracks without those of a single frame of a video, unless the detector was certain: most are
    patterns that resemble a face for a moment.
    """
    if frames < _FLICKER:
        return tracks
    return [t for t in tracks if len(t) > 1 or t[0][1].score >= _CERTAIN]


def main_track(tracks: list[Track], shape: tuple[int, ...], people: int) -> tuple[Track, str]:
    """The track with the largest sum of area x score x centrality; a person who is always alone is followed
    over pauses, too.
    """
    middle = np.array(shape[::-1]) / 2

    def weight(track: Track) -> float:
        distances = [float(np.linalg.norm(f.centre - middle) / np.linalg.norm(middle)) for _, f in track]
        return sum(
            float(f.sides.prod()) * f.score * max(1 - d, 0.05)
            for (_, f), d in zip(track, distances, strict=True)
        )

    main = max(tracks, key=weight)
    if people > 1 or len(tracks) == 1:
        return main, "the largest, most central face was followed"
    size = np.median([f.sides.prod() for _, f in main])
    alike = [t for t in tracks if 1 / 4 <= np.median([f.sides.prod() for _, f in t]) / size <= 4]
    return sorted(
        (entry for t in alike for entry in t), key=lambda entry: entry[0]
    ), "the only face in view was followed"


def from_left(tracks: list[Track]) -> list[tuple[Track, str]]:
    """The tracks of the frame with the most faces, from left to right, each with the rule of its choice."""
    faces = [(i, float(f.centre[0]), n) for n, track in enumerate(tracks) for i, f in track]
    fullest = int(np.bincount([i for i, _, _ in faces]).argmax())
    row = [tracks[n] for _, _, n in sorted(f for f in faces if f[0] == fullest)][:_MOST_PEOPLE]
    return [
        (track, f"face {n} of {len(row)}, counted from the left, was followed")
        for n, track in enumerate(row, start=1)
    ]
