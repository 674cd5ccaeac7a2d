"""Findings of the steps of a live reading, each with the time of its picture or sound."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from mmer_core.inference.live.faces import NO_FACE, WHOLE
from mmer_core.inference.live.moment import SeenFace
from mmer_core.inference.live.settings import LiveSettings
from mmer_core.labels import Modality

_MOST_PICTURES = 64  # whose features are kept of each person


@dataclass
class Findings:
    """The latest finding of each step.

    Attributes:
        faces: in the picture that was read last.
        known: numbers of everybody in view or out of sight for a moment.
        main: number of the main person.
        picture_read: when that picture came.
        visual: {person: (when the picture came, (T, D) features) of the last pictures}.
        audio: (T, D) features of the last sound that had a voice.
        text: (end of the sound, words, (T, D) features) of the last words.
        absent: {modality: why its last reading gave nothing}.
        visual_delay, audio_delay: seconds from picture or sound to answer; NaN if unknown.
    """

    faces: tuple[SeenFace, ...] = ()
    known: tuple[int, ...] = ()
    main: int | None = None
    picture_read: float = -np.inf
    visual: dict[int, deque[tuple[float, np.ndarray]]] = field(default_factory=dict)
    audio: np.ndarray | None = None
    text: tuple[float, str, np.ndarray] | None = None
    absent: dict[Modality, str] = field(default_factory=dict)
    visual_delay: float = float("nan")
    audio_delay: float = float("nan")

    def add_visual(self, features: Mapping[int, np.ndarray], at: float, settings: LiveSettings) -> None:
        """Take the features of a picture that came at `at`, and forget those that have become too old."""
        self.picture_read = at
        for person, rows in features.items():
            self.visual.setdefault(person, deque(maxlen=_MOST_PICTURES)).append((at, rows))
        self.visual = {
            n: kept for n, kept in self.visual.items() if at - kept[-1][0] <= settings.visual_memory
        }

    def be_of(self, person: int) -> None:
        """Take this person for the main one."""
        self.main = person
        self.faces = tuple(replace(face, main=face.person == person) for face in self.faces)

    def recent_visual(self, settings: LiveSettings) -> dict[int, np.ndarray]:
        """{person: (T, D) features of the last pictures}.

        Not measured from now: on a busy machine the reading lags, but the last answer still stands while
        pictures come in.
        """
        return {
            person: np.concatenate(
                [f for seen, f in kept if self.picture_read - seen <= settings.visual_memory]
            )
            for person, kept in self.visual.items()
        }

    def words(self, at: float, settings: LiveSettings) -> str:
        """The last words; "" if they are too old."""
        return self.text[1] if self.text and at - self.text[0] <= settings.text_memory else ""

    def current(
        self, at: float, camera: bool | None, microphone: bool | None, settings: LiveSettings
    ) -> tuple[dict[Modality, np.ndarray], dict[Modality, str]]:
        """The features of the main person that still count, and the reasons why the others do not.

        Args:
            at: now, seconds on the reader's clock.
            camera, microphone: whether something comes from them; None if nothing ever did.
        """
        features: dict[Modality, np.ndarray] = {}
        absent = dict(self.absent)
        recent = self.recent_visual(settings)
        face = recent.get(WHOLE, recent.get(self.main or WHOLE))
        if camera and face is not None:
            features[Modality.VISUAL] = face
        elif not camera:
            absent[Modality.VISUAL] = "no picture from the camera"
        elif self.faces and not any(f.main for f in self.faces):
            absent[Modality.VISUAL] = f"person {self.main} is out of sight"
        else:
            absent[Modality.VISUAL] = absent.get(Modality.VISUAL) or NO_FACE
        if self.audio is not None and microphone:
            features[Modality.AUDIO] = self.audio
        elif not microphone:
            absent[Modality.AUDIO] = "no sound from the microphone"
        else:
            absent.setdefault(Modality.AUDIO, "nobody is speaking")
        if self.text and self.words(at, settings):
            features[Modality.TEXT] = self.text[2]
        else:
            absent.setdefault(Modality.TEXT, f"no words in the last {settings.text_memory:.0f} s")
        return features, {m: reason for m, reason in absent.items() if m not in features}
