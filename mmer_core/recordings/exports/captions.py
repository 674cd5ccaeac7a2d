"""An utterance in the words of a caption."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType

from mmer_core.recordings.utterances import Utterance

#: {speaker, from 0: name}
Names = Mapping[int, str]
NOBODY_NAMED: Names = MappingProxyType({})
LETTERS = 84  # of the words of one caption: two lines


def speaker_of(utterance: Utterance, names: Names = NOBODY_NAMED) -> str:
    """Who speaks: the given name, or "Speaker 1"; "" where that is not known."""
    if utterance.speaker is None:
        return ""
    return on_one_line(names.get(utterance.speaker, "")) or f"Speaker {utterance.speaker + 1}"


def face_of(utterance: Utterance) -> str:
    """Whose face was taken as the speaker's: "Face 1, 98%"; "Face 1" where nobody speaks, "" for none."""
    if utterance.face is None:
        return ""
    sure = "" if utterance.face_probability is None else f", {utterance.face_probability:.0%}"
    return f"Face {utterance.face + 1}{sure}"


def answer_of(utterance: Utterance) -> str:
    """ "joy 62%", "unsure, perhaps joy 31%", or "no answer"."""
    answer = utterance.prediction
    if answer is None:
        return "no answer"
    return f"{'unsure, perhaps ' if answer.unsure else ''}{answer.label} {answer.probability:.0%}"


def on_one_line(text: str) -> str:
    """The text without line breaks and characters that cannot be shown."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def captions_of(
    utterances: Iterable[Utterance], names: Names = NOBODY_NAMED, called: Names = NOBODY_NAMED
) -> tuple[tuple[float, float, str], ...]:
    """What is said, short enough to be read over a picture: start and end in seconds and the text, as in
    "Ann (joy 62%): words", in order of time. Long utterances are split, each part in its share of the time.

    Args:
        utterances: those in which nobody speaks are left out.
        names: of speakers.
        called: {`Person.number`: what to call them}, for those whose voice is not known.
    """
    spoken = sorted((u for u in utterances if u.spoken), key=lambda u: u.start)
    return tuple(
        row
        for u in spoken
        for row in _captions(u, speaker_of(u, names) or ("" if u.face is None else called.get(u.face, "")))
    )


def _captions(utterance: Utterance, speaker: str) -> Iterator[tuple[float, float, str]]:
    answer = "" if utterance.prediction is None else answer_of(utterance)
    who = f"{speaker} ({answer})" if speaker and answer else speaker
    after = f" [{answer}]" if answer and not speaker else ""
    words = on_one_line(utterance.words)
    parts = textwrap.wrap(words, LETTERS) or ([""] if who or after else [])
    at, whole = utterance.start, max(sum(map(len, parts)), 1)
    for i, part in enumerate(parts, start=1):
        end = utterance.end if i == len(parts) else at + utterance.seconds * len(part) / whole
        yield at, end, (f"{who}: {part}" if who and part else who or f"{part}{after}").strip()
        at = end
