"""The people of a recording: when and where each is in view, and what the face alone says over time."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mmer_core.inference.timeline import CONFIDENT

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Sight:
    """A stretch of time in which one person stays in view, without a cut or a pause of over a second.

    Attributes:
        times: (F,) seconds from the start of the recording at which the face was found, increasing, F >= 1;
            mostly 4 a second, fewer where many people are in view.
        boxes: (F,) boxes of the face, one for each time: x0, y0, x1, y1 as shares of the upright picture's
            width and height, from 0 to 1, y downwards. Between two times they may be interpolated.
    """

    times: tuple[float, ...]
    boxes: tuple[Box, ...]

    def box(self, time: float) -> Box | None:
        """Where the face is at a time, interpolated; None before the first and after the last."""
        if not self.times[0] <= time <= self.times[-1]:
            return None
        after = bisect_right(self.times, time)
        if after == len(self.times):
            return self.boxes[-1]
        first, last = self.times[after - 1], self.times[after]
        share = (time - first) / (last - first)
        a, b = self.boxes[after - 1], self.boxes[after]
        return (
            a[0] + share * (b[0] - a[0]),
            a[1] + share * (b[1] - a[1]),
            a[2] + share * (b[2] - a[2]),
            a[3] + share * (b[3] - a[3]),
        )


@dataclass(frozen=True)
class FaceEmotion:
    """What a face alone, without voice and words, looks like for a moment.

    Attributes:
        start: seconds from the start of the recording.
        end: seconds; mostly 2 after the start.
        label: the most probable class of the model.
        probability: its probability.
    """

    start: float
    end: float
    label: str
    probability: float

    @property
    def unsure(self) -> bool:
        """Whether it says little more than a guess."""
        return self.probability < CONFIDENT


@dataclass(frozen=True)
class Person:
    """Someone whose face is in view, however often they leave and come back.

    Attributes:
        number: from 0, in the order in which people are first seen; people show it plus 1. The same as
            `Utterance.face`.
        sights: the stretches of time in view with the boxes to draw, in order, without overlap.
        emotions: what the face alone says over time, in order, without overlap; times out of view, or too
            short to read, are left out.
        speaker: the voice that this face belongs to, as in `Utterance.speaker`; None where that is not known.
        speaker_probability: of that; None where `speaker` is None.
    """

    number: int
    sights: tuple[Sight, ...] = ()
    emotions: tuple[FaceEmotion, ...] = field(default=())
    speaker: int | None = None
    speaker_probability: float | None = None

    @property
    def seconds(self) -> float:
        """How long the person is in view."""
        return sum(sight.times[-1] - sight.times[0] for sight in self.sights)

    def box(self, time: float) -> Box | None:
        """Where the face is at a time, seconds of the recording, see `Sight`; None when out of view."""
        after = bisect_right(self.sights, time, key=lambda sight: sight.times[0])
        return self.sights[after - 1].box(time) if after else None

    def emotion(self, time: float) -> FaceEmotion | None:
        """What the face says at a time, seconds of the recording; None where that was not read."""
        after = bisect_right(self.emotions, time, key=lambda emotion: emotion.start)
        found = self.emotions[after - 1] if after else None
        return found if found is not None and time <= found.end else None

    def to_json(self) -> dict[str, Any]:
        """The fields as a JSON object; times rounded to a hundredth of a second, boxes to a thousandth;
        emotions are rows of start, end, label and probability.
        """
        return {
            "number": self.number,
            "seconds": round(self.seconds, 2),
            "speaker": self.speaker,
            "speaker_probability": self.speaker_probability and round(self.speaker_probability, 3),
            "sights": [_sight_to_json(sight) for sight in self.sights],
            "emotions": [_emotion_to_json(emotion) for emotion in self.emotions],
        }

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> Person:
        """The person that `to_json` wrote."""
        return cls(
            found["number"],
            tuple(_sight_from_json(sight) for sight in found["sights"]),
            tuple(FaceEmotion(*row) for row in found["emotions"]),
            found["speaker"],
            found["speaker_probability"],
        )


def _sight_to_json(sight: Sight) -> dict[str, Any]:
    return {
        "times": [round(t, 2) for t in sight.times],
        "boxes": [[round(side, 3) for side in box] for box in sight.boxes],
    }


def _sight_from_json(found: Mapping[str, Any]) -> Sight:
    boxes: Iterable[Sequence[float]] = found["boxes"]
    return Sight(tuple(found["times"]), tuple((b[0], b[1], b[2], b[3]) for b in boxes))


def _emotion_to_json(emotion: FaceEmotion) -> list[Any]:
    return [round(emotion.start, 2), round(emotion.end, 2), emotion.label, round(emotion.probability, 3)]
