"""A recording as it was read, and how far its reading is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mmer_core.recordings.people import Person
from mmer_core.recordings.utterances import Utterance


@dataclass(frozen=True)
class Progress:
    """How far the reading of a recording is.

    Attributes:
        stage: "speakers" while these are told apart, then "utterances".
        done: seconds of the recording.
        of: seconds in all; None where the file does not say.
        left: seconds until it is done, at the pace so far; None at first.
    """

    stage: str
    done: float
    of: float | None
    left: float | None


@dataclass(frozen=True)
class Recording:
    """A recording as it was read.

    Attributes:
        name: of the file.
        start: seconds from which it was read.
        end: seconds up to which it was read.
        utterances: in order of time.
        complete: it was read up to its end, or up to the end that was asked for.
        notes: sentences about what could not be read.
        labels: the classes of the model.
        model: its name and sha256.
        people: everybody who is in view, in the order in which they are first seen.
    """

    name: str
    start: float
    end: float
    utterances: tuple[Utterance, ...]
    complete: bool = True
    notes: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    model: Mapping[str, str] | None = None
    people: tuple[Person, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The fields as a JSON object."""
        return {
            "file": self.name,
            "start": round(self.start, 3),
            "end": round(self.end, 3),
            "complete": self.complete,
            "notes": list(self.notes),
            "model": dict(self.model or {}),
            "labels": list(self.labels),
            "people": [person.to_json() for person in self.people],
            "utterances": [utterance.to_json() for utterance in self.utterances],
        }
