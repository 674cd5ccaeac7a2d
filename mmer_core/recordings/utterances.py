"""What is read of a recording: utterances, each with its answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mmer_core.inference.prediction import Prediction


@dataclass(frozen=True)
class Utterance:
    """A stretch of a recording in which one person speaks, or is only seen.

    Attributes:
        start: seconds from the start of the recording.
        end: seconds.
        speaker: who speaks, from 0 in the order in which they are first heard; None where that is not known.
        overlapped: whether somebody else speaks in some of it.
        words: those that were recognised; "" for none.
        spoken: somebody speaks; False where a face is in view and nobody speaks.
        prediction: the answer; None where there was nothing to read.
        reason: why there is no answer; "" where there is one.
        face: the `Person.number` whose face was taken as the speaker's, or, where nobody speaks, of whoever
            is seen; None where it is not known who speaks, or they are out of view.
        face_probability: that the face is the speaker's; None without a face, and where nobody speaks.
    """

    start: float
    end: float
    speaker: int | None = None
    overlapped: bool = False
    words: str = ""
    spoken: bool = True
    prediction: Prediction | None = None
    reason: str = ""
    face: int | None = None
    face_probability: float | None = None

    @property
    def seconds(self) -> float:
        """Its length."""
        return self.end - self.start

    @property
    def label(self) -> str | None:
        """The most probable emotion; None where there was nothing to read."""
        return None if self.prediction is None else self.prediction.label

    def to_json(self) -> dict[str, Any]:
        """The fields as a JSON object, times rounded to a thousandth of a second."""
        return {
            "start": round(self.start, 3),
            "end": round(self.end, 3),
            "speaker": self.speaker,
            "overlapped": self.overlapped,
            "words": self.words,
            "spoken": self.spoken,
            "prediction": None if self.prediction is None else self.prediction.to_json(),
            "reason": self.reason,
            "face": self.face,
            "face_probability": None if self.face_probability is None else round(self.face_probability, 3),
        }

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> Utterance:
        """The utterance that `to_json` wrote, in this version or before it knew faces."""
        prediction = found["prediction"]
        answer = None if prediction is None else Prediction.from_json(prediction)
        return cls(**{**found, "prediction": answer})
