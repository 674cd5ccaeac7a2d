"""Made-up scenes of people: faces of noise whose mouths open, a detector that knows where they are, and an
appearance that knows who they are. No network is asked.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from mmer_core.clip import SAMPLE_RATE, Clip
from mmer_core.media.appearance import DIM
from mmer_core.media.face_crops import TEMPLATE, Detection
from mmer_core.recordings.faces import Found

HEIGHT, WIDTH, RATE = 120, 240, 4


@dataclass(frozen=True)
class Actor:
    """Somebody in a scene.

    Attributes:
        who: number of the person; people with the same number look the same.
        place: upper left corner of the face at a frame; None when out of view.
        mouth: how far it is open at a frame, from 0 to 1.
        size: pixels of the face.
    """

    who: int
    place: Callable[[int], tuple[int, int] | None]
    mouth: Callable[[int], float] = lambda i: 0.0
    size: int = 48


def standing(x: int, y: int = 30) -> Callable[[int], tuple[int, int] | None]:
    """Always in the same place."""
    return lambda i: (x, y)


def texture(who: int, size: int, mouth: float = 0.0) -> np.ndarray:
    """(size, size, 3) uint8: a face of smooth noise with a dark mouth."""
    noise = np.random.default_rng(who).uniform(60, 220, (12, 12)).astype(np.float32)
    face = cv2.resize(noise, (size, size), interpolation=cv2.INTER_CUBIC).clip(0, 255)
    half = round(0.02 * size + 0.13 * size * mouth)
    middle = round(0.78 * size)
    face[middle - half : middle + half, round(0.35 * size) : round(0.65 * size)] = 20
    return np.repeat(face[..., None], 3, axis=2).astype(np.uint8)


class Scene:
    """Frames of some actors.

    Args:
        actors: who plays.
        count: frames, four a second.
        backdrop: grey value at a frame; a cut is a large change.
    """

    def __init__(
        self, actors: Sequence[Actor], count: int, backdrop: Callable[[int], int] = lambda i: 90
    ) -> None:
        self.actors, self.count = actors, count
        self.detected = 0
        self.looked = 0
        self.frames = np.stack([self._draw(i, backdrop(i)) for i in range(count)])

    def _draw(self, i: int, grey: int) -> np.ndarray:
        frame = np.full((HEIGHT, WIDTH, 3), grey, np.uint8)
        for actor in self.actors:
            if (place := actor.place(i)) is not None:
                x, y = place
                frame[y : y + actor.size, x : x + actor.size] = texture(actor.who, actor.size, actor.mouth(i))
        frame[0, 0] = i % 256, i // 256, 77
        return frame

    def clip(self, sound: np.ndarray | None = None, first: int = 0, last: int | None = None) -> Clip:
        """The frames from `first` up to `last` with a sound."""
        frames = self.frames[first:last]
        waveform = None if sound is None else sound
        return Clip(
            "scene.mp4",
            "scene",
            "video",
            len(frames) / RATE,
            frames=frames,
            times=np.arange(len(frames)) / RATE,
            waveform=waveform,
        )

    @property
    def found(self) -> Found:
        """Knows where the faces are, and whose."""
        return Found(self.detect, self.appearance)

    def detect(self, frame: np.ndarray, smallest: int) -> list[Detection]:
        self.detected += 1
        i = int(frame[0, 0, 0]) + 256 * int(frame[0, 0, 1])
        return [self._face(actor, place) for actor in self.actors if (place := actor.place(i)) is not None]

    def _face(self, actor: Actor, place: tuple[int, int]) -> Detection:
        box = np.array([*place, place[0] + actor.size, place[1] + actor.size], np.float32)
        return Detection(box, (TEMPLATE * actor.size + place).astype(np.float32), 0.99)

    def appearance(self, frame: np.ndarray, face: Detection) -> np.ndarray:
        self.looked += 1
        i = int(frame[0, 0, 0]) + 256 * int(frame[0, 0, 1])
        here = [
            actor.who
            for actor in self.actors
            if (place := actor.place(i)) is not None and np.allclose(face.box[:2], place)
        ]
        vector = np.zeros(DIM, np.float32)
        vector[here[0]] = 1.0
        return vector


def voice(loud: Sequence[float], seed: int = 0) -> np.ndarray:
    """A sound whose level in each quarter of a second is given, from 0 to 1."""
    rng = np.random.default_rng(seed)
    parts = [rng.normal(0, 0.002 + 0.2 * level, SAMPLE_RATE // RATE) for level in loud]
    return np.concatenate(parts).clip(-1, 1).astype(np.float32)


def speech(count: int, seed: int = 0) -> np.ndarray:
    """(count,) loudness of somebody who speaks, in quarters of a second, with pauses."""
    rng = np.random.default_rng(seed)
    return rng.uniform(0.3, 1.0, count) * (rng.random(count) > 0.35)


def with_loudness(loud: Sequence[float]) -> Callable[[int], float]:
    """A mouth that opens or closes in each quarter of a second in which it is loud, and rests in others."""
    places = [0.0]
    for level in loud:
        places.append(0.0 if level > 0.1 and places[-1] else level if level > 0.1 else places[-1])
    return lambda i: float(places[i])
