"""A recording in short: how its emotions share the time, where they change, its most certain moments, and
where words, voice and face disagree.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from mmer_core.clock import clock
from mmer_core.labels import MODALITY_TITLES
from mmer_core.recordings.people import Person
from mmer_core.recordings.recording import Recording
from mmer_core.recordings.utterances import Utterance

FACES = 6  # people in view of whom the sentences tell
MOMENTS = 3  # most certain utterances that are listed for each emotion
LASTING = 2  # utterances for which an emotion must hold to make a turning point
SURE_ALONE = 0.5  # probability from which a modality alone has a say in a disagreement


@dataclass(frozen=True)
class TurningPoint:
    """The mood changes: seconds, and the emotion before and after."""

    at: float
    before: str
    after: str


@dataclass(frozen=True)
class Disagreement:
    """Modalities of an utterance say different things.

    Attributes:
        start: seconds.
        end: seconds.
        says: {title of the modality: its own emotion}.
    """

    start: float
    end: float
    says: dict[str, str]


@dataclass(frozen=True)
class Summary:
    """A recording in short.

    Attributes:
        seconds: of all utterances that have an answer.
        shares: {emotion: share of this time}, the largest first.
        by_speaker: {speaker: {emotion: share of the speaker's time}}; empty where speakers are not known.
        by_face: {person in view: {emotion: share of the time for which the face was read, alone}}.
        turning_points: in order of time.
        moments: {emotion: its most certain utterances, each as start, end and probability}.
        disagreements: in order of time.
        sentences: the same in a few sentences.
    """

    seconds: float
    shares: dict[str, float]
    by_speaker: dict[int, dict[str, float]] = field(default_factory=dict)
    turning_points: tuple[TurningPoint, ...] = ()
    moments: dict[str, tuple[tuple[float, float, float], ...]] = field(default_factory=dict)
    disagreements: tuple[Disagreement, ...] = ()
    sentences: tuple[str, ...] = ()
    by_face: dict[int, dict[str, float]] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The fields as a JSON object; speakers and faces are numbered from 0, as in the utterances."""
        return asdict(self)


def summarise(recording: Recording) -> Summary:
    """The summary of what was read; unsure answers count with the others."""
    answered = [u for u in recording.utterances if u.prediction is not None]
    shares = _shares(answered)
    known = sorted({u.speaker for u in answered if u.speaker is not None})
    by_speaker = {speaker: _shares(u for u in answered if u.speaker == speaker) for speaker in known}
    turns, moments = turning_points(answered), _moments(answered)
    apart = disagreements(answered)
    faces = {p.number: _of_face(p) for p in recording.people if p.emotions}
    summary = Summary(
        sum(u.seconds for u in answered), shares, by_speaker, turns, moments, apart, by_face=faces
    )
    return Summary(**{**vars(summary), "sentences": tuple(_sentences(recording, summary, len(answered)))})


def _shares(utterances: Iterable[Utterance]) -> dict[str, float]:
    """{emotion: share of time}, the largest first."""
    return _shared((utterance.label or "", utterance.seconds) for utterance in utterances)


def _of_face(person: Person) -> dict[str, float]:
    """{emotion: share of the time for which a face was read}, the largest first."""
    return _shared((emotion.label, emotion.end - emotion.start) for emotion in person.emotions)


def _shared(lasting: Iterable[tuple[str, float]]) -> dict[str, float]:
    seconds: dict[str, float] = {}
    for label, lasts in lasting:
        seconds[label] = seconds.get(label, 0.0) + lasts
    total = sum(seconds.values()) or 1.0
    return {label: round(s / total, 4) for label, s in sorted(seconds.items(), key=lambda item: -item[1])}


def turning_points(answered: Sequence[Utterance]) -> tuple[TurningPoint, ...]:
    """Where an emotion that held for `LASTING` utterances gives way to another that does; unsure answers
    between them are passed over.
    """
    sure = [u for u in answered if u.prediction is not None and not u.prediction.unsure]
    runs: list[list[Utterance]] = []
    for utterance in sure:
        if runs and runs[-1][0].label == utterance.label:
            runs[-1].append(utterance)
        else:
            runs.append([utterance])
    found: list[TurningPoint] = []
    last: str | None = None
    for run in runs:
        label = run[0].label or ""
        if len(run) < LASTING:
            continue
        if last is not None and label != last:
            found.append(TurningPoint(run[0].start, last, label))
        last = label
    return tuple(found)


def _moments(answered: Sequence[Utterance]) -> dict[str, tuple[tuple[float, float, float], ...]]:
    found: dict[str, list[tuple[float, float, float]]] = {}
    for u in answered:
        assert u.prediction is not None
        found.setdefault(u.prediction.label, []).append((u.start, u.end, u.prediction.probability))
    return {
        label: tuple(sorted(rows, key=lambda row: -row[2])[:MOMENTS]) for label, rows in sorted(found.items())
    }


def disagreements(answered: Sequence[Utterance]) -> tuple[Disagreement, ...]:
    """The utterances in which two modalities alone are each fairly sure of another emotion."""
    found = []
    for u in answered:
        assert u.prediction is not None
        says = {
            MODALITY_TITLES[m]: own.label
            for m, own in u.prediction.modalities.items()
            if own.present and own.label and own.probabilities and own.probabilities[own.label] >= SURE_ALONE
        }
        if len(set(says.values())) > 1:
            found.append(Disagreement(u.start, u.end, says))
    return tuple(found)


def _sentences(recording: Recording, summary: Summary, answered: int) -> list[str]:
    """What a person reads first."""
    if not answered:
        return ["Nothing could be read: nobody speaks, and no face is in view."]
    unsure = sum(u.prediction.unsure for u in recording.utterances if u.prediction is not None)
    count = "1 utterance" if answered == 1 else f"{answered} utterances"
    found = [f"{count} in {clock(summary.seconds)} of speech or faces; {unsure} of them unsure."]
    found.append("Shares of the time: " + _listed(summary.shares) + ".")
    found += [f"Speaker {s + 1}: {_listed(shares)}." for s, shares in summary.by_speaker.items()]
    found += _about_faces(recording, summary)
    shown = summary.turning_points[:5]
    if shown:
        turns = ", ".join(f"at {clock(t.at)} from {t.before} to {t.after}" for t in shown)
        more = len(summary.turning_points) - len(shown)
        found.append(f"The mood turns {turns}{f', and {more} times more' if more else ''}.")
    surest = max(
        ((row, label) for label, rows in summary.moments.items() for row in rows), key=lambda r: r[0][2]
    )
    (start, _, probability), label = surest
    found.append(f"The most certain moment is {label} ({probability:.0%}) at {clock(start)}.")
    if summary.disagreements:
        first = summary.disagreements[0]
        says = ", ".join(f"{title.lower()} {label}" for title, label in first.says.items())
        number = len(summary.disagreements)
        times = {1: "once", 2: "twice"}.get(number, f"{number} times")
        found.append(f"Words, voice and face disagree {times}, first at {clock(first.start)}: {says}.")
    return found


def _about_faces(recording: Recording, summary: Summary) -> list[str]:
    """Who is in view, those who are seen longest, where there are several."""
    if len(recording.people) < 2:
        return []
    longest = sorted(recording.people, key=lambda person: -person.seconds)[:FACES]
    found = []
    for person in sorted(longest, key=lambda person: person.number):
        voice = "" if person.speaker is None else f", speaker {person.speaker + 1}"
        shares = summary.by_face.get(person.number)
        says = f": {_listed(shares)}" if shares else ""
        found.append(f"Face {person.number + 1} (in view for {clock(person.seconds)}{voice}){says}.")
    rest = len(recording.people) - len(longest)
    more = "1 more person is" if rest == 1 else f"{rest} more people are"
    return [*found, f"{more} in view."] if rest else found


def _listed(shares: dict[str, float]) -> str:
    return ", ".join(f"{label} {share:.0%}" for label, share in shares.items())
