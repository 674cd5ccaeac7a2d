"""The faces of a recording, piece by piece: who is in view, whose face speaks, and what each face says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from mmer_core.clip import Clip
from mmer_core.inference.emotion_model import EmotionModel
from mmer_core.inference.observation import Observation
from mmer_core.labels import Modality
from mmer_core.media import active_speaker
from mmer_core.recordings.bonds import Bonds
from mmer_core.recordings.cast import Cast
from mmer_core.recordings.cutting import Span
from mmer_core.recordings.face_emotions import FaceEmotions
from mmer_core.recordings.faces import Found, PieceFaces
from mmer_core.recordings.people import Person
from mmer_core.recordings.pieces import Piece
from mmer_core.recordings.turns import Turns
from mmer_core.recordings.utterances import Utterance

NOT_SEEN = "nobody in view is seen to speak"
IN_VIEW = 0.5  # share of an utterance in which a face is seen that speaks it throughout
_CENTRE = 0.05  # least weight of a face at the edge of the picture
Place = tuple[int, int]


@dataclass(frozen=True)
class Seen:
    """A stretch as a clip with the face that counts in it.

    Attributes:
        clip: with `faces`, or with the reason why none counts.
        face: the person; None where that is not known.
        probability: that it is the speaker's; None where nobody speaks, or no face is tied.
        places: (track, row) of the rows of `clip.faces`.
    """

    clip: Clip
    face: int | None = None
    probability: float | None = None
    places: tuple[Place, ...] = ()


class FaceReader:
    """Reads the faces of one recording.

    Args:
        model: that answers, with an encoder of faces.
        by: finds faces and knows them again; the shipped networks by default.
    """

    def __init__(self, model: EmotionModel, by: Found | None = None) -> None:
        self._model, self._by = model, by
        self._cast, self._bonds = Cast(), Bonds()
        self._faces: PieceFaces | None = None
        self._numbers: list[int | None] = []
        self._emotions: FaceEmotions | None = None
        self._start = 0.0

    def begin(self, piece: Piece) -> None:
        """Find the faces of a piece, and whose they are."""
        self.forget()
        self._start = piece.start
        if piece.clip.frames is None or not len(piece.clip.frames):
            return
        self._by = self._by or Found.shipped()
        self._faces = PieceFaces(piece.clip, self._by)
        self._numbers = self._cast.join(self._faces, piece.start)
        self._emotions = FaceEmotions(self._model, self._faces, self._numbers, piece.clip)

    def forget(self) -> None:
        """Let go of the pictures of a piece; what was found in it stays."""
        self._faces, self._numbers, self._emotions = None, [], None

    def speaking(self, clip: Clip, span: Span, sound: np.ndarray | None, turns: Turns | None) -> Seen:
        """A stretch in which somebody speaks, with the speaker's face.

        Args:
            clip: the stretch.
            span: seconds of the piece.
            sound: (N,) float32 of the piece, 16 kHz.
            turns: who is heard when, seconds of the recording; None where that is not known.
        """
        in_view = self._in_view(span)
        if self._faces is None or not in_view:
            return Seen(self._without(clip, _no_face(clip)))
        before = self._expected(in_view, span, turns)
        odds = [self._odds(places, sound, span) for places in in_view.values()]
        found = active_speaker.probabilities(odds, before.tolist())
        best = int(found.argmax())
        if found[best] < (active_speaker.ALONE_TIED if len(in_view) == 1 else active_speaker.TIED):
            return Seen(self._without(clip, NOT_SEEN))
        number, places = list(in_view.items())[best]
        rule = (
            "the only face in view was followed"
            if len(in_view) == 1
            else f"the face that speaks was followed, of {len(in_view)}"
        )
        faces = self._faces.follow(places, *span, rule, float(found[best]))
        return Seen(replace(clip, faces=faces), number, float(found[best]), tuple(places))

    def silent(self, clip: Clip, span: Span) -> Seen:
        """A stretch in which nobody speaks, with the main face: the largest, most central one over time."""
        in_view = self._in_view(span)
        if self._faces is None or not in_view:
            return Seen(self._without(clip, _no_face(clip)))
        number, places = max(in_view.items(), key=lambda item: self._weight(item[1]))
        alone = len(in_view) == 1
        rule = f"the {'only face in view' if alone else 'largest, most central face'} was followed"
        faces = self._faces.follow(places, *span, rule, None)
        return Seen(replace(clip, faces=faces), number, None, tuple(places))

    def _in_view(self, span: Span) -> dict[int, list[Place]]:
        """{person: where they are seen} in a stretch."""
        if self._faces is None:
            return {}
        found: dict[int, list[Place]] = {}
        for place in self._faces.rows(range(len(self._numbers)), *span):
            number = self._numbers[place[0]]
            if number is not None:
                found.setdefault(number, []).append(place)
        return found

    def _expected(self, in_view: Mapping[int, list[Place]], span: Span, turns: Turns | None) -> np.ndarray:
        """What is expected of each face before its mouth is looked at: whose voice it was before, less for
        those who are out of view for much of the time.
        """
        assert self._faces is not None
        start, end = (self._start + t for t in span)
        known = self._bonds.expected(turns, start, end, list(in_view))
        count = max(int(np.diff(np.searchsorted(self._faces.times, span))[0]), 1)
        shown = np.array([len(places) / count for places in in_view.values()])
        found: np.ndarray = known * np.minimum(1.0, shown / IN_VIEW)
        return found

    def _odds(self, places: list[Place], sound: np.ndarray | None, span: Span) -> float:
        assert self._faces is not None
        moved = [self._faces.moved(track) for track in dict.fromkeys(track for track, _ in places)]
        times, mouth, rest = (
            np.concatenate([getattr(m, n) for m in moved]) for n in ("times", "mouth", "rest")
        )
        return active_speaker.log_odds(active_speaker.Movement(times, mouth, rest), sound, *span)

    def _weight(self, places: list[Place]) -> float:
        assert self._faces is not None
        middle = np.array(self._faces.size) / 2
        total = 0.0
        for place in places:
            face = self._faces.entry(place)[1]
            away = float(np.linalg.norm(face.centre - middle) / np.linalg.norm(middle))
            total += float(face.sides.prod()) * face.score * max(1 - away, _CENTRE)
        return total

    def _without(self, clip: Clip, reason: str) -> Clip:
        """The clip without pictures, so that no other face is looked for in them."""
        absent = {Modality.VISUAL: clip.absent.get(Modality.VISUAL, reason)}
        return replace(clip, frames=None, times=None, absent={**clip.absent, **absent})

    def remember(self, seen: Seen, observation: Observation) -> None:
        """Keep what was read of a face for an utterance, so that it is not read again."""
        if self._emotions is not None and seen.places:
            self._emotions.remember(seen.places, observation.features.get(Modality.VISUAL))

    def told(self, utterance: Utterance) -> None:
        """Learn from an utterance whose voice goes with which face."""
        self._bonds.add(utterance)

    def row(self, until: float, *, read: bool) -> dict[str, Any] | None:
        """Who is seen in this piece up to `until`, seconds of the recording, for the journal; None for a
        piece without pictures.

        Args:
            until: seconds of the recording.
            read: with what their faces say.
        """
        if self._faces is None or self._emotions is None:
            return None
        emotions = self._emotions.until(self._start, until) if read else {}
        return self._cast.see(self._faces, self._numbers, self._start, until, emotions)

    def restore(self, rows: Iterable[Mapping[str, Any]], position: float) -> None:
        """Go on from the rows of an earlier start, up to a position."""
        self._cast.restore(rows, position)

    def people(self) -> tuple[Person, ...]:
        """Everybody who was seen."""
        return self._cast.people()


def _no_face(clip: Clip) -> str:
    count = 0 if clip.frames is None else len(clip.frames)
    return f"no face in {count} of {count} frames" if count else "there are no pictures at this time"
