"""Findings of the steps of a live reading, each with the time of its picture or sound."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import numpy as np

from mmer_core.inference.live.moment import SeenFace
from mmer_core.inference.live.settings import LiveSettings
from mmer_core.labels import Modality


@dataclass
class Findings:
    """The latest finding of each step.

    Attributes:
        face: the face in the picture that was read last.
        picture_read: when that picture came.
        visual: (when the picture came, (T, D) features) of the last pictures.
        audio: (T, D) features of the last sound that had a voice.
        text: (end of the sound, words, (T, D) features) of the last words.
        absent: {modality: why its last reading gave nothing}.
        visual_delay, audio_delay: seconds from picture or sound to answer; NaN if unknown.
    """

    face: SeenFace | None = None
    picture_read: float = -np.inf
    visual: deque[tuple[float, np.ndarray]] = field(default_factory=lambda: deque(maxlen=64))
    audio: np.ndarray | None = None
    text: tuple[float, str, np.ndarray] | None = None
    absent: dict[Modality, str] = field(default_factory=dict)
    visual_delay: float = float("nan")
    audio_delay: float = float("nan")

    def words(self, at: float, settings: LiveSettings) -> str:
        """The last words; "" if they are too old."""
        return self.text[1] if self.text and at - self.text[0] <= settings.text_memory else ""

    def current(
        self, at: float, camera: bool | None, microphone: bool | None, settings: LiveSettings
    ) -> tuple[dict[Modality, np.ndarray], dict[Modality, str]]:
        """The features that still count, and the reasons why the others do not.

        Args:
            at: now, seconds on the reader's clock.
            camera, microphone: whether something comes from them; None if nothing ever did.
        """
        features: dict[Modality, np.ndarray] = {}
        absent = dict(self.absent)
        # Not measured from now: on a busy machine the reading lags, but the last answer still stands while
        # pictures and sound come in.
        recent = [f for seen, f in self.visual if self.picture_read - seen <= settings.visual_memory]
        if camera and recent:
            features[Modality.VISUAL] = np.concatenate(recent)
        elif camera:
            absent.setdefault(Modality.VISUAL, "no face in view")
        else:
            absent[Modality.VISUAL] = "no picture from the camera"
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
