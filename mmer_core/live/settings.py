"""How often a running picture and sound are read, and how far back."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class LiveSettings:
    """How often and how far back is looked; all but the rates in seconds.

    Attributes:
        search_every: between two searches of the whole picture for faces.
        faces_per_second: faces read at most.
        face_memory: faces from this long before the picture read last make the face's opinion.
        voice_window, voice_every: sound that is heard at once, and how often.
        words_window, words_every, words_memory: sound that is written down at once, how often, and how long words count.
        least_voice: speech within the voice's window from which there is a voice.
        kept: how far back `keep` reaches; pictures_kept: of these per second.
        history: how far back the timeline reaches; point_every: between its points.
        lost: after this long without a picture (or sound) the camera (or microphone) counts as gone.
        idle: after this long with nobody looking and nothing coming in, everything is let go.
    """

    search_every: float = 1.0
    faces_per_second: float = 8.0
    face_memory: float = 1.0
    voice_window: float = 3.0
    voice_every: float = 0.7
    words_window: float = 6.0
    words_every: float = 2.0
    words_memory: float = 8.0
    least_voice: float = 0.3
    kept: float = 10.0
    pictures_kept: float = 10.0
    history: float = 60.0
    point_every: float = 0.5
    lost: float = 3.0
    idle: float = 8.0
