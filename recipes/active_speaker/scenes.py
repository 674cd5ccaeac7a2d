"""Scenes with one to three people side by side and one sound, of which is known whose it is.

The material is small: in the clips at hand one person speaks (8.7 s) and three do not, one of whom acts with
the whole face. So a scene is not independent of the next.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import cv2
import numpy as np

from mmer_core import load_clip
from mmer_core.clip import SAMPLE_RATE
from mmer_core.media.active_speaker import Movement, movement
from mmer_core.media.face_crops import crop_face
from mmer_core.media.face_tracks import link, steady
from mmer_core.media.faces import video_faces
from mmer_core.media.yunet import yunet

HEIGHT = 300  # pixels of a scene
RATE = 4.0  # pictures for each second
SPEAKER = "obama"
#: {name: (file, first and last column as shares of the width)} of those who are seen
SOURCES = {
    SPEAKER: ("obama_speech.mp4", (0.45, 1.0)),
    "biden": ("obama_speech.mp4", (0.0, 0.45)),
    "actress": ("WolfgangLanger_Pexels.mp4", (0.3, 1.0)),
    "smiler": ("single_face.mp4", (0.1, 0.8)),
}
SILENT = tuple(name for name in SOURCES if name != SPEAKER)
VOICES = ("ravdess/audio", "emodb")
_SHIFTS = (2.0, 3.5, 5.0, 6.5)  # seconds by which the speaker's own sound is moved, so that it fits no more
_FOREIGN = 6  # other voices


@dataclass(frozen=True)
class Source:
    """One person in view: (T, H, W, 3) uint8 RGB, four pictures a second."""

    name: str
    frames: np.ndarray


@dataclass(frozen=True)
class Scene:
    """People side by side with one sound.

    Attributes:
        names: of the people, from the left.
        truth: the one who speaks; None for nobody in view.
        moved: how each moves.
        waveform: (N,) float32 at 16 kHz.
        seconds: of the scene.
        sound: "own", "shifted" or "foreign".
    """

    names: tuple[str, ...]
    truth: str | None
    moved: tuple[Movement, ...]
    waveform: np.ndarray
    seconds: float
    sound: str


def read_sources(folder: Path) -> tuple[dict[str, Source], np.ndarray]:
    """{name: source}, those that are short going back and forth, and the speaker's sound.

    Raises:
        FileNotFoundError: one of the clips is missing.
    """
    sources, sound = {}, np.zeros(0, np.float32)
    for name, (file, (left, right)) in SOURCES.items():
        if not (folder / file).is_file():
            raise FileNotFoundError(
                f"{folder / file} is missing: give the folder that holds clips with --data"
            )
        clip = load_clip(folder / file)
        assert clip.frames is not None
        width = clip.frames.shape[2]
        part = clip.frames[:, :, int(left * width) : int(right * width)]
        scale = HEIGHT / part.shape[1]
        size = round(part.shape[2] * scale), HEIGHT
        frames = np.stack([cv2.resize(frame, size, interpolation=cv2.INTER_AREA) for frame in part])
        sources[name] = Source(name, frames)
        if name == SPEAKER and clip.waveform is not None:
            sound = clip.waveform
    count = len(sources[SPEAKER].frames)
    return {name: Source(name, _lasting(s.frames, count)) for name, s in sources.items()}, sound


def _lasting(frames: np.ndarray, count: int) -> np.ndarray:
    """`count` frames, going back and forth in what is shorter."""
    index = np.arange(count) % max(2 * len(frames) - 2, 1)
    lasting: np.ndarray = frames[np.where(index < len(frames), index, 2 * len(frames) - 2 - index)]
    return lasting


def read_voices(data: Path, seconds: float, seed: int) -> list[np.ndarray]:
    """Sounds of people who are not in view, of `seconds` each."""
    import soundfile

    rng, found = np.random.default_rng(seed), []
    for corpus in VOICES:
        files = sorted(p for p in (data / corpus).glob("**/*") if p.suffix in (".flac", ".wav", ".ogg"))
        if not files:
            raise FileNotFoundError(
                f"{data / corpus} holds no sound: give the folder that holds it with --data"
            )
        for _ in range(_FOREIGN // len(VOICES)):
            parts, length = [], 0
            while length < seconds * SAMPLE_RATE:
                part = soundfile.read(files[rng.integers(len(files))], dtype="float32")[0]
                parts.append(part)
                length += len(part)
            found.append(np.concatenate(parts)[: round(seconds * SAMPLE_RATE)])
    return found


def scenes(sources: dict[str, Source], own: np.ndarray, voices: Sequence[np.ndarray]) -> Iterator[Scene]:
    """Every choice of one to three people, with the speaker's sound, the same moved, and other voices."""
    seconds = len(sources[SPEAKER].frames) / RATE
    for count in (1, 2, 3):
        for names in combinations(SOURCES, count):
            moved = _movements([sources[name] for name in names])
            if moved is None:
                continue
            truth = SPEAKER if SPEAKER in names else None
            yield Scene(names, truth, moved, own, seconds, "own")
            for shift in _SHIFTS:
                other = np.roll(own, round(shift * SAMPLE_RATE))
                yield Scene(names, None, moved, other, seconds, "shifted")
            for voice in voices:
                yield Scene(names, None, moved, voice, seconds, "foreign")


def _movements(people: Sequence[Source]) -> tuple[Movement, ...] | None:
    """How each of the people moves, as found in the whole picture; None where one is not found."""
    frames = np.concatenate([p.frames for p in people], axis=2)
    times = np.arange(len(frames)) / RATE
    tracks = steady(link(video_faces(frames, yunet()), times), len(frames))
    edges = np.cumsum([p.frames.shape[2] for p in people])
    longest: dict[int, Movement] = {}
    for track in sorted(tracks, key=len):
        place = int(np.searchsorted(edges, track[0][1].centre[0]))
        own = np.array([times[i] for i, _ in track])
        sides = np.array([float(face.sides.min()) for _, face in track])
        longest[place] = movement(own, sides, (crop_face(frames[i], face) for i, face in track))
    return tuple(longest[k] for k in range(len(people))) if len(longest) == len(people) else None
