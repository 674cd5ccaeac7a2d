"""The faces of one piece of a recording: found once, followed, and cut out for whoever asks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from mmer_core.clip import Clip, FaceTrack
from mmer_core.media.active_speaker import Movement, movement
from mmer_core.media.appearance import Appearance, sface
from mmer_core.media.face_crops import Detection, crop_face
from mmer_core.media.face_tracks import Track, cuts, link, steady
from mmer_core.media.faces import video_faces
from mmer_core.media.yunet import Detector, yunet

MOST_FACES = 20  # of a frame, the largest
MOST_TRACKS = 60  # of a piece, the longest
PAUSE = 1.05  # seconds out of view after which a face has to be known again by its looks
LOOKS = 3  # pictures of a track from which its appearance is taken
FEW_LOOKS = 1  # the same where there are many tracks
MANY = 12  # tracks


@dataclass(frozen=True)
class Found:
    """What finds faces and knows them again.

    Attributes:
        detect: finds faces in a frame.
        appearance: what a face looks like, as a vector of length 1.
    """

    detect: Detector
    appearance: Appearance

    @classmethod
    def shipped(cls) -> Found:
        """The networks that come with this package."""
        return cls(yunet(), sface())


class PieceFaces:
    """The faces of a piece, in tracks that end at cuts.

    Args:
        clip: of the piece, with frames.
        by: finds them.

    Attributes:
        times: (T,) float64, seconds from the start of the piece, of each frame.
        size: width and height of the frames, pixels.
        tracks: those that were followed, in order of their first frame.
        looks: (128,) float32 of length 1 for each track, its appearance.
        crowd: the largest number of faces in one frame.
        faces_at: (T,) number of faces in each frame.
    """

    def __init__(self, clip: Clip, by: Found) -> None:
        assert clip.frames is not None
        frames = self._frames = clip.frames
        count = len(frames)
        self.times = np.arange(count, dtype=np.float64) if clip.times is None else clip.times
        self.size = frames.shape[2], frames.shape[1]
        largest = [
            sorted(found, key=lambda f: -float(f.sides.prod()))[:MOST_FACES]
            for found in video_faces(frames, by.detect)
        ]
        tracks = steady(link(largest, self.times, frozenset(cuts(frames)), PAUSE), count)
        longest = sorted(tracks, key=lambda track: -len(track))[:MOST_TRACKS]
        self.tracks: list[Track] = sorted(longest, key=lambda track: track[0][0])
        looks = FEW_LOOKS if len(self.tracks) > MANY else LOOKS
        self.looks = [_appearance(frames, track, by.appearance, looks) for track in self.tracks]
        everywhere = [i for track in self.tracks for i, _ in track]
        self.faces_at = np.bincount(np.array(everywhere, dtype=np.int64), minlength=count)
        self.crowd = int(self.faces_at.max(initial=0))
        self._moved: dict[int, Movement] = {}

    def moved(self, track: int) -> Movement:
        """How a track's face moves; found out at the first call."""
        if track not in self._moved:
            rows = self.tracks[track]
            times = np.array([self.times[i] for i, _ in rows])
            sides = np.array([float(face.sides.min()) for _, face in rows])
            crops = (crop_face(self._frames[i], face) for i, face in rows)
            self._moved[track] = movement(times, sides, crops)
        return self._moved[track]

    def rows(self, tracks: Sequence[int], start: float, end: float) -> list[tuple[int, int]]:
        """(track, row of the track) of what is in view from `start` up to `end`, seconds of the piece, in
        order of time.
        """
        found = [
            (i, track, row)
            for track in tracks
            for row, (i, _) in enumerate(self.tracks[track])
            if start <= self.times[i] < end
        ]
        return [(track, row) for _, track, row in sorted(found)]

    def entry(self, place: tuple[int, int]) -> tuple[int, Detection]:
        """Index of the frame and face of (track, row)."""
        return self.tracks[place[0]][place[1]]

    def follow(
        self, places: Sequence[tuple[int, int]], start: float, end: float, rule: str, speaks: float | None
    ) -> FaceTrack:
        """These places, at least one, as the face of a clip that goes from `start` to `end`, seconds of the
        piece.

        Args:
            places: (track, row), in order of time.
            start: seconds.
            end: seconds.
            rule: why this face was chosen.
            speaks: the probability that it is that of whoever is heard.
        """
        first, last = np.searchsorted(self.times, [start, end])
        entries = [self.entry(place) for place in places]
        index = np.array([i for i, _ in entries], dtype=np.int64)
        return FaceTrack(
            times=self.times[index] - start,
            frames=index - int(first),
            boxes=np.stack([f.box for _, f in entries]).astype(np.float32),
            landmarks=np.stack([f.landmarks for _, f in entries]).astype(np.float32),
            scores=np.array([f.score for _, f in entries], dtype=np.float32),
            crops=np.stack([crop_face(self._frames[i], f) for i, f in entries]),
            frames_seen=int(last - first),
            people=int(self.faces_at[first:last].max(initial=0)),
            rule=rule,
            speaks=speaks,
        )


def _appearance(frames: np.ndarray, track: Track, appearance: Appearance, looks: int) -> np.ndarray:
    """The mean appearance in the best moments of a track: of each part of it the one in which the detector is
    surest.
    """
    vectors = [appearance(frames[i], face) for i, face in _best(track, looks)]
    mean = np.mean(vectors, axis=0)
    unit: np.ndarray = mean / max(float(np.linalg.norm(mean)), 1e-9)
    return unit


def _best(track: Track, looks: int) -> Iterator[tuple[int, Detection]]:
    for part in np.array_split(np.arange(len(track)), min(looks, len(track))):
        yield max((track[k] for k in part), key=lambda entry: entry[1].score)
