"""What each face of a piece says by itself, over time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from mmer_core.clip import Absent, Clip
from mmer_core.encoders import ModalityEncoder
from mmer_core.inference.emotion_model import EmotionModel
from mmer_core.labels import Modality
from mmer_core.recordings.faces import PieceFaces
from mmer_core.recordings.people import FaceEmotion

WIDTH = 2.0  # seconds that one answer stands for
CROWD = 8  # people in a frame up to whom it does; where there are more, an answer stands for longer
PICTURES = 2  # that are read for one answer, where they were not read before
SHORTEST = 0.5  # seconds of an answer
_BESIDE = 0.3  # seconds from a picture to the end of a window that it reaches
_AT_ONCE = 32  # faces that are read together


class FaceEmotions:
    """Reads the faces of one piece, each picture of a face once.

    Args:
        model: that answers.
        faces: of the piece.
        numbers: the person of each track.
        clip: of the piece.
    """

    def __init__(
        self, model: EmotionModel, faces: PieceFaces, numbers: Sequence[int | None], clip: Clip
    ) -> None:
        self._model, self._faces, self._numbers, self._clip = model, faces, numbers, clip
        self._read: dict[tuple[int, int], np.ndarray] = {}

    @property
    def _encoder(self) -> ModalityEncoder:
        return self._model.encoders[Modality.VISUAL]

    def remember(self, places: Sequence[tuple[int, int]], rows: np.ndarray | None) -> None:
        """Keep the features (F, D) of F places, (track, row), that were read for an utterance."""
        if rows is not None and self._encoder.spec.timing == "faces" and len(rows) == len(places):
            self._read |= dict(zip(places, rows, strict=True))

    def until(self, start: float, until: float) -> dict[int, list[FaceEmotion]]:
        """{person: what the face says} up to `until`; the piece starts at `start`, both in seconds of the
        recording.
        """
        width = WIDTH * max(-(-self._faces.crowd // CROWD), 1)
        people = sorted({n for n in self._numbers if n is not None})
        windows = [
            (number, max(a, start), min(a + width, until), places)
            for a in np.arange(start // width * width, until, width).tolist()
            for number in people
            if (places := self._places(number, a - start, min(a + width, until) - start))
        ]
        self._encode([place for *_, places in windows for place in self._few(places)])
        samples = [(window, rows) for window in windows if (rows := self._rows(window[3])) is not None]
        if not samples:
            return {}
        answers = self._model.scorer.probabilities(
            [{Modality.VISUAL: rows} for _, rows in samples], [(Modality.VISUAL,)]
        )[0]
        found: dict[int, list[FaceEmotion]] = {}
        for ((number, a, b, places), _), row in zip(samples, answers, strict=True):
            first, last = (start + float(self._time(places[k])) for k in (0, -1))
            seen = a if first - a <= _BESIDE else first
            gone = b if b - last <= _BESIDE else last
            if gone - seen >= SHORTEST:
                best = int(row.argmax())
                emotion = FaceEmotion(seen, gone, self._model.labels[best], float(row[best]))
                found.setdefault(number, []).append(emotion)
        return found

    def _time(self, place: tuple[int, int]) -> float:
        return float(self._faces.times[self._faces.entry(place)[0]])

    def _places(self, number: int, start: float, end: float) -> list[tuple[int, int]]:
        tracks = [t for t, owner in enumerate(self._numbers) if owner == number]
        return self._faces.rows(tracks, start, end)

    def _few(self, places: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
        """Those that have still to be read: none where enough were."""
        missing = PICTURES - sum(place in self._read for place in places)
        if missing <= 0:
            return []
        rest = [place for place in places if place not in self._read]
        picked = np.linspace(0, len(rest) - 1, min(missing, len(rest)) + 2).round().astype(int)[1:-1]
        return [rest[k] for k in sorted(set(picked.tolist()))]

    def _encode(self, places: Sequence[tuple[int, int]]) -> None:
        """Read pictures of faces, whosever they are, together."""
        each = self._encoder.spec.timing == "faces"
        step = _AT_ONCE if each else 1
        for k in range(0, len(places), step):
            part = list(places[k : k + step])
            seen = self._faces.follow(part, 0.0, float(self._faces.times[-1]) + 1.0, "", None)
            try:
                rows = self._encoder.encode(replace(self._clip, faces=seen))
            except Absent:
                continue
            self._read |= dict(zip(part, rows if each else [rows[0]], strict=False))

    def _rows(self, places: Sequence[tuple[int, int]]) -> np.ndarray | None:
        rows = [self._read[place] for place in places if place in self._read]
        return np.stack(rows) if rows else None
