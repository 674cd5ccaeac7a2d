"""An utterance in the words of a caption."""

from __future__ import annotations

from mmer_core.recordings.utterances import Utterance


def speaker_of(utterance: Utterance) -> str:
    """ "Speaker 1"; "" where that is not known."""
    return "" if utterance.speaker is None else f"Speaker {utterance.speaker + 1}"


def answer_of(utterance: Utterance) -> str:
    """ "joy 62%", "unsure, perhaps joy 31%", or "no answer"."""
    answer = utterance.prediction
    if answer is None:
        return "no answer"
    return f"{'unsure, perhaps ' if answer.unsure else ''}{answer.label} {answer.probability:.0%}"


def on_one_line(text: str) -> str:
    """The text without line breaks and characters that cannot be shown."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())
