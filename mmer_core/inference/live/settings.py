"""Settings of the live reading."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class LiveSettings:
    """Intervals, windows and memories of the live reading; all but rates and numbers in seconds.

    Attributes:
        search_every: between two searches of the whole picture for faces.
        faces_per_second: pictures whose faces are read, at most.
        faces_read: faces of one picture that are read at most.
        away: for this long somebody out of sight keeps their number.
        visual_memory: faces from this long before the picture read last make the unimodal prediction.
        audio_window, audio_every: sound that is read at once, and how often.
        text_window, text_every, text_memory: sound that is transcribed at once, how often, and how long words
            count.
        least_speech: speech within the audio window from which there is a voice.
        kept: how far back `keep` reaches; pictures_kept: of these per second.
        history: how far back the timeline reaches; point_every: between its points.
        lost: after this long without a picture (or sound) the camera (or microphone) counts as gone.
        idle: after this long without a question and without input, everything is let go.
    """

    search_every: float = 1.0
    faces_per_second: float = 8.0
    faces_read: int = 6
    away: float = 3.0
    visual_memory: float = 1.0
    audio_window: float = 3.0
    audio_every: float = 0.7
    text_window: float = 6.0
    text_every: float = 2.0
    text_memory: float = 8.0
    least_speech: float = 0.3
    kept: float = 10.0
    pictures_kept: float = 10.0
    history: float = 60.0
    point_every: float = 0.5
    lost: float = 3.0
    idle: float = 8.0
