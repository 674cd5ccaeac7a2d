"""One decoded input: frames, sound, words. Plain data; `media` decodes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from mmer_core.labels import Modality

SAMPLE_RATE = 16_000  # Hz; every waveform in the project

Kind = Literal["video", "audio", "picture", "text"]


class Absent(Exception):
    """A modality is missing in this clip; the message is the reason a person reads ("no face in 31 of 31
    frames").
    """


@dataclass(frozen=True)
class FaceTrack:
    """The main face of a clip, one row for each frame in which it was found.

    Attributes:
        times: (F,) float64, seconds.
        frames: (F,) int, index into `Clip.frames`.
        boxes: (F, 4) float32, x0 y0 x1 y1 in pixels of `Clip.frames`.
        landmarks: (F, 5, 2) float32, pixels: left eye, right eye, nose, left and right mouth corner (as seen
            in the picture); NaN if unknown.
        scores: (F,) float32 in [0, 1], the detector's confidence.
        crops: (F, S, S, 3) uint8 RGB, upright and framed as the face network expects (see `faces`).
        frames_seen: number of frames that were searched.
        people: the largest number of faces in any one frame.
        rule: the choice of the main face, in words.
        speaks: the probability that this is the face of whoever is heard; None where that was not looked at.
    """

    times: np.ndarray
    frames: np.ndarray
    boxes: np.ndarray
    landmarks: np.ndarray
    scores: np.ndarray
    crops: np.ndarray
    frames_seen: int
    people: int
    rule: str
    speaks: float | None = None

    def __len__(self) -> int:
        return len(self.times)


@dataclass(frozen=True)
class Dialogue:
    """The place of an utterance in its conversation, and the turns before it."""

    index: int  # 0-based position of the utterance
    length: int  # utterances in the dialogue
    duration: float  # seconds of this utterance
    previous: tuple[str, ...] = ()  # earlier turns, oldest first


@dataclass(frozen=True)
class Clip:
    """One decoded input; any part may be None.

    Attributes:
        name: the name to show; never used to build a path.
        digest: sha256 of the original bytes (of the UTF-8 text for text-only input), or made of it for a
            stretch of a file; keys every cache.
        kind: of the input.
        duration: seconds of media that were decoded; 0 for a picture or text.
        frames: (T, H, W, 3) uint8 RGB, upright, sampled evenly in time, longer side at most
            `Limits.frame_side`, of a picture `Limits.picture_side`.
        times: (T,) float64, seconds from the start of the clip.
        waveform: (N,) float32 mono at 16 kHz in [-1, 1].
        text: the words: typed, from a transcript, recognised, or None.
        language: code of the one that the words are in, where a recogniser told it; else "". See
            `speech.Transcript`.
        faces: filled by `faces.find_faces`.
        people: the faces that `faces` could follow instead, counted from the left; empty with one face or
            none.
        dialogue: filled by a corpus reader.
        absent: why a part is None, for each modality that cannot be had from this input.
        notes: sentences a person should read (shortened to the first 60 s, damaged after 3 s...).
        voices: (start, end) in seconds of the stretches in which somebody speaks; None until they were looked
            for.
        start: where in its file the clip begins, seconds.
        whole: seconds of the whole file, as its header says, where the clip is only a part of it; else 0.
    """

    name: str
    digest: str
    kind: Kind
    duration: float = 0.0
    frames: np.ndarray | None = None
    times: np.ndarray | None = None
    waveform: np.ndarray | None = None
    text: str | None = None
    faces: FaceTrack | None = None
    people: tuple[FaceTrack, ...] = ()
    dialogue: Dialogue | None = None
    absent: dict[Modality, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    voices: tuple[tuple[float, float], ...] | None = None
    start: float = 0.0
    whole: float = 0.0
    language: str = ""

    def with_text(self, text: str | None) -> Clip:
        """Return the clip with other words, in a language that nobody told; blank text counts as none."""
        cleaned = (text or "").strip()
        return replace(self, text=cleaned or None, language="")

    def after(self, turns: Sequence[str]) -> Clip:
        """Return the clip after these turns of a conversation, oldest first; blank ones are ignored."""
        said = tuple(turn.strip() for turn in turns if turn.strip())
        if not said and self.dialogue is None:
            return self
        place = self.dialogue or Dialogue(len(said), len(said) + 1, self.duration)
        return replace(self, dialogue=replace(place, previous=said))
