"""A piece of a recording, cut into stretches, and the answer to each."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from mmer_core.clip import SAMPLE_RATE, Clip
from mmer_core.inference.emotion_model import EmotionModel
from mmer_core.inference.memory import give_back, leave_on_disk
from mmer_core.labels import Modality
from mmer_core.recordings.cutting import (
    AROUND,
    LONGEST_SIGHT,
    OPEN,
    SILENT,
    Span,
    by_sentence,
    gaps,
    speech_spans,
    with_margin,
)
from mmer_core.recordings.face_reader import FaceReader, Seen
from mmer_core.recordings.pieces import Piece
from mmer_core.recordings.speakers import Speakers
from mmer_core.recordings.speaking import Listener
from mmer_core.recordings.utterances import Utterance

TURNS_BEFORE = 10  # utterances whose words go before those of the next
OUT_OF_VIEW = 1.0  # seconds without a face that end an utterance which is only seen
NOBODY = "nobody speaks"
NO_WORDS = "no words were recognised"


@dataclass(frozen=True)
class Stretch:
    """What becomes one utterance.

    Attributes:
        span: seconds from the start of the piece.
        spoken: somebody speaks.
        words: "" for none.
        reason: why there are none.
    """

    span: Span
    spoken: bool
    words: str = ""
    reason: str = ""


class PieceReader:
    """Cuts the pieces of one recording and answers.

    Args:
        model: that answers.
        use: modalities that count.
        speakers: who speaks when; None where that is not known.
        check: called between steps; what it raises ends the reading.

    Attributes:
        faces: who is in view.
    """

    def __init__(
        self,
        model: EmotionModel,
        use: Collection[Modality],
        speakers: Speakers | None,
        check: Callable[[], None] = lambda: None,
    ) -> None:
        self._check = check
        self._model, self._use, self._speakers = model, tuple(use), speakers
        self._listener = Listener(model.words_from)
        visual = model.encoders.get(Modality.VISUAL)
        self._looks = visual is not None and visual.spec.needs_faces and Modality.VISUAL in self._use
        self._voices: list[Span] = []
        self.faces = FaceReader(model)

    def stretches(self, piece: Piece) -> tuple[list[Stretch], float]:
        """The stretches that are whole in a piece, in order of time, and where the next piece has to start,
        in seconds of the recording: what the end of this one cuts in two is left to it.
        """
        duration = piece.clip.duration
        if self._sees(piece):
            self.faces.begin(piece)
            leave_on_disk(piece.clip.frames)
        sound = piece.clip.waveform
        waveform = np.zeros(0, np.float32) if sound is None else sound
        self._voices = self._listener.voices(waveform) if len(waveform) else []
        self._check()
        changes = self._changes(piece)
        self._check()
        spans = speech_spans(self._voices, waveform, changes)
        limit, goes_on = duration, piece.more
        if goes_on and spans and spans[-1][1] > duration - OPEN and spans[-1][0] > OPEN:
            begun = spans.pop()[0]
            limit, goes_on = max(begun - AROUND, spans[-1][1] if spans else 0.0), False
        spoken = self._spoken(with_margin(spans, limit), waveform)
        self._check()
        last = spoken[-1].span[1] if spoken else 0.0
        if goes_on:  # the pause at the end may go on, too
            limit = max(duration - OPEN, last)
            if self._sees(piece) and limit - last < LONGEST_SIGHT:
                limit = last
        silent = gaps([s.span for s in spoken], limit) if self._sees(piece) else []
        found = sorted([*spoken, *(Stretch(gap, False) for gap in silent)], key=lambda s: s.span)
        give_back()  # before the next piece is decoded beside this one
        return found, piece.start + (limit if limit > OPEN or not piece.more else duration)

    def _sees(self, piece: Piece) -> bool:
        return self._looks and piece.clip.frames is not None

    def _changes(self, piece: Piece) -> list[float]:
        if self._speakers is None:
            return []
        self._speakers.hear(piece)
        return [t - piece.start for t in self._speakers.turns.changes(piece.start, piece.end)]

    def _spoken(self, spans: Sequence[Span], waveform: np.ndarray) -> list[Stretch]:
        reads = Modality.TEXT in self._use and Modality.TEXT in self._model.encoders
        texts, left_out = self._listener.words(waveform, spans) if reads else ([""] * len(spans), "")
        return [
            Stretch(part, True, words, "" if words else left_out or NO_WORDS)
            for span, text in zip(spans, texts, strict=True)
            for part, words in by_sentence(span, text, waveform)
        ]

    def answers(self, piece: Piece, stretch: Stretch, before: Sequence[str]) -> Iterator[Utterance]:
        """The utterance of a stretch; where nobody speaks, one for each time in which a face is in view.

        Args:
            piece: that it is in, as last given to `stretches`.
            stretch: to read.
            before: the words of the utterances before it, oldest first.
        """
        clip = self._clip(piece, stretch)
        if stretch.spoken:
            if before and self._model.reads_dialogue:
                clip = clip.after(before[-TURNS_BEFORE:])
            turns = None if self._speakers is None else self._speakers.turns
            sees = self._sees(piece) and clip.frames is not None
            seen = self.faces.speaking(clip, stretch.span, piece.clip.waveform, turns) if sees else Seen(clip)
            yield self._answer(piece, stretch, seen)
            return
        main = self.faces.silent(clip, stretch.span)
        for span, part, rows in in_view(main.clip):
            shifted = (stretch.span[0] + span[0], stretch.span[0] + span[1])
            seen = replace(main, clip=part, places=tuple(main.places[row] for row in rows))
            yield self._answer(piece, replace(stretch, span=shifted), seen)

    def _answer(self, piece: Piece, stretch: Stretch, shown: Seen) -> Utterance:
        silent = stretch.spoken and not stretch.words
        use = [m for m in self._use if not (silent and m is Modality.TEXT)]
        seen = self._model.observe(shown.clip, use=use)
        self.faces.remember(shown, seen)
        if silent and Modality.TEXT in self._model.encoders and Modality.TEXT in self._use:
            seen = replace(seen, absent={**seen.absent, Modality.TEXT: stretch.reason})
        start, end = (piece.start + t for t in stretch.span)
        speaker, overlapped = None, False
        if self._speakers is not None and stretch.spoken:
            speaker, overlapped = self._speakers.turns.speaker(start, end)
            seen = self._speakers.compared(seen, start, end, self._use)
        prediction = self._model.fuse(seen, self._use)
        answer = prediction if prediction.used else None
        reasons = [f"{title}: {why}" for title, why in prediction.absences.items()]
        reason = "" if answer else "; ".join(reasons) or stretch.reason or "nothing was found"
        told = Utterance(
            start,
            end,
            speaker,
            overlapped,
            stretch.words,
            stretch.spoken,
            answer,
            reason,
            shown.face,
            shown.probability,
        )
        self.faces.told(told)
        leave_on_disk(piece.clip.frames)
        return told

    def _clip(self, piece: Piece, stretch: Stretch) -> Clip:
        """The part of the piece as a clip of its own; frames and samples are views."""
        whole, (start, end) = piece.clip, stretch.span
        absent: dict[Modality, str] = {m: r for m, r in whole.absent.items() if m is not Modality.TEXT}
        frames = times = waveform = None
        if whole.frames is not None and whole.times is not None:
            first, last = np.searchsorted(whole.times, [start, end])
            if last > first:
                frames, times = whole.frames[first:last], whole.times[first:last] - start
            else:
                absent[Modality.VISUAL] = "there are no pictures at this time"
        if not stretch.spoken:
            absent |= {Modality.TEXT: NOBODY, Modality.AUDIO: NOBODY}
        elif whole.waveform is not None:
            waveform = whole.waveform[int(start * SAMPLE_RATE) : int(end * SAMPLE_RATE)]
        inside = [
            (max(a - start, 0.0), min(b, end) - start) for a, b in self._voices if a < end and b > start
        ]
        return Clip(
            name=whole.name,
            digest=f"{whole.digest}-{start:.3f}-{end:.3f}",
            kind=whole.kind,
            duration=end - start,
            frames=frames,
            times=times,
            waveform=waveform,
            text=stretch.words or None,
            language=self._listener.language if stretch.words else "",
            absent=absent,
            voices=tuple(inside) if waveform is not None else None,
        )


def in_view(clip: Clip) -> list[tuple[Span, Clip, list[int]]]:
    """The times of at least `SILENT` seconds in which a clip's face is in view, each with that part of it and
    its rows of the face track.
    """
    track = clip.faces
    if track is None or clip.frames is None or clip.times is None:
        return []
    runs = np.split(np.arange(len(track)), np.flatnonzero(np.diff(track.times) > OUT_OF_VIEW) + 1)
    found = []
    for run in runs:
        first, last = int(track.frames[run[0]]), int(track.frames[run[-1]]) + 1
        start = float(clip.times[first])
        end = float(clip.times[last]) if last < len(clip.times) else clip.duration
        if end - start >= SILENT:
            faces = replace(
                track,
                times=track.times[run] - start,
                frames=track.frames[run] - first,
                boxes=track.boxes[run],
                landmarks=track.landmarks[run],
                scores=track.scores[run],
                crops=track.crops[run],
                frames_seen=last - first,
            )
            frames, times = clip.frames[first:last], clip.times[first:last] - start
            part = replace(clip, duration=end - start, frames=frames, times=times, faces=faces, people=())
            found.append(((start, end), replace(part, digest=f"{clip.digest}-{start:.3f}"), run.tolist()))
    return found
