"""The people of a short clip on the clock and in the form of a recording's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from mmer_core.clip import FaceTrack
from mmer_core.inference.timeline import Timeline
from mmer_core.labels import Modality
from mmer_core.media.speech import Segment
from ui.analyze.analysis import Analysis

if TYPE_CHECKING:
    from mmer_core.inference.emotion_model import EmotionModel
    from mmer_core.recordings import Recording, Utterance
    from mmer_core.recordings.people import FaceEmotion, Person, Sight

PAUSE = 2.0  # seconds out of sight after which a box goes
_LONE = 0.25  # seconds for which a face is shown that was seen in one picture


def people_of(analysis: Analysis, emotions: Mapping[int, Sequence[FaceEmotion]]) -> tuple[Person, ...]:
    """Who is in view in a video; nobody where it has no faces, or its pictures were not kept.

    Args:
        analysis: of the clip.
        emotions: {person: what the face says over time}, of those that were read.
    """
    from mmer_core.recordings.people import Person

    clip = analysis.observation.clip
    if clip.kind != "video" or clip.faces is None or not analysis.strip:
        return ()
    height, width = analysis.strip[0].shape[:2]
    faces = dict(enumerate(clip.people or (clip.faces,)))
    return tuple(
        Person(number, sights_of(face, width, height), tuple(emotions.get(number, ())))
        for number, face in faces.items()
    )


def sights_of(face: FaceTrack, width: int, height: int) -> tuple[Sight, ...]:
    """The stretches in view of a face in pictures of so many pixels."""
    from mmer_core.recordings.people import Sight

    times = np.asarray(face.times, np.float64)
    boxes = np.clip(np.asarray(face.boxes, np.float64) / [width, height, width, height], 0.0, 1.0)
    breaks = [0, *(np.flatnonzero(np.diff(times) > PAUSE) + 1).tolist(), len(times)]
    found = []
    for first, end in pairwise(breaks):
        if end - first == 1:
            at = [float(times[first]), float(times[first]) + _LONE]
            rows = [boxes[first], boxes[first]]
        else:
            at, rows = times[first:end].tolist(), list(boxes[first:end])
        found.append(Sight(tuple(at), tuple(_box(row) for row in rows)))
    return tuple(found)


def _box(row: np.ndarray) -> tuple[float, float, float, float]:
    x0, y0, x1, y1 = (round(float(side), 4) for side in row)
    return x0, y0, x1, y1


def emotions_over_time(timeline: Timeline) -> list[FaceEmotion]:
    """What a face says in each window of its timeline."""
    from mmer_core.recordings.people import FaceEmotion

    rows = timeline.unimodal.get(Modality.VISUAL)
    if rows is None:
        return []
    return [
        FaceEmotion(float(start), float(end), timeline.labels[int(row.argmax())], float(row.max()))
        for (start, end), row in zip(pairwise(timeline.edges), rows, strict=True)
        if not np.isnan(row).any()
    ]


def emotion_alone(analysis: Analysis, person: int, model: EmotionModel) -> list[FaceEmotion]:
    """What a face says in the whole of a clip that is too short for a timeline."""
    from mmer_core.recordings.people import FaceEmotion

    observation = analysis.followed(person, model)
    own = model.fuse(observation, {Modality.VISUAL}).modalities[Modality.VISUAL]
    if own.label is None or own.probabilities is None:
        return []
    return [FaceEmotion(0.0, observation.clip.duration, own.label, own.probabilities[own.label])]


def spoken(phrases: Sequence[Segment], start: float = 0.0) -> tuple[Utterance, ...]:
    """Sentences whose speaker is not known, from `start` on, seconds."""
    from mmer_core.recordings import Utterance

    return tuple(Utterance(start + p.start, start + p.end, words=p.text) for p in phrases)


def as_recording(analysis: Analysis, people: Sequence[Person], phrases: Sequence[Segment]) -> Recording:
    """The clip in the form of a recording, on the clock of its file: of each sentence who says it is not
    known.
    """
    from mmer_core.recordings import Recording
    from mmer_core.recordings.people import FaceEmotion, Person, Sight

    clip = analysis.observation.clip
    return Recording(
        analysis.source.shown,
        clip.start,
        clip.start + clip.duration,
        spoken(phrases, clip.start),
        people=tuple(
            Person(
                person.number,
                tuple(Sight(tuple(clip.start + t for t in s.times), s.boxes) for s in person.sights),
                tuple(
                    FaceEmotion(clip.start + e.start, clip.start + e.end, e.label, e.probability)
                    for e in person.emotions
                ),
            )
            for person in people
        ),
    )
