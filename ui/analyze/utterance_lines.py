"""The utterances of a recording for people: as lines, as a table, and who speaks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from mmer_core.clock import clock
from mmer_core.labels import MODALITY_TITLES, Modality
from ui.figure import percent
from ui.headline import short_answer
from ui.text import certainty
from ui.theme import emotion_name

if TYPE_CHECKING:
    import pandas as pd

    from mmer_core.recordings import Utterance
    from mmer_core.recordings.exports.captions import Names
    from mmer_core.recordings.summary import Summary

_MODALITIES = (Modality.TEXT, Modality.AUDIO, Modality.VISUAL)


def who_speaks(utterance: Utterance, names: Names) -> str:
    """The given name, or "Speaker 1"; "" where it is not known."""
    from mmer_core.recordings.exports.captions import speaker_of  # imports torch

    return speaker_of(utterance, names)


def row_of(utterance: Utterance, names: Names) -> str:
    """The row of a figure or a table in which an utterance stands: who speaks, or what is seen or heard."""
    return who_speaks(utterance, names) or ("Speech" if utterance.spoken else "Face")


def line_of(utterance: Utterance, names: Names) -> str:
    """An utterance in one line: "Ann: 😊 Joy 62% “I am so glad”"."""
    who = who_speaks(utterance, names)
    prediction = utterance.prediction
    answer = (
        utterance.reason
        if prediction is None
        else short_answer(prediction.label, prediction.probability, prediction.unsure)
    )
    words = f" “{utterance.words}”" if utterance.words else ""
    over = " (spoken over)" if utterance.overlapped else ""
    return f"{f'{who}{over}: ' if who else ''}{answer}{words}"


def sentences_of(summary: Summary, names: Names) -> list[str]:
    """The sentences of a summary, with the names that were given."""
    begins = {f"Speaker {speaker + 1}: ": f"{name}: " for speaker, name in names.items()}
    return [_renamed(sentence, begins) for sentence in summary.sentences]


def _renamed(sentence: str, begins: Mapping[str, str]) -> str:
    begin = next((b for b in begins if sentence.startswith(b)), None)
    return sentence if begin is None else begins[begin] + sentence.removeprefix(begin)


def utterance_table(utterances: Sequence[Utterance], names: Names) -> pd.DataFrame:
    """A row for each utterance, for people."""
    import pandas as pd

    rows = []
    for u in utterances:
        p = u.prediction
        alone = {} if p is None else {m: p.modalities[m].label for m in p.used}
        rows.append(
            {
                "Start": clock(u.start),
                "End": clock(u.end),
                "Speaker": who_speaks(u, names),
                "Words": u.words,
                "Emotion": "" if p is None else emotion_name(p.label),
                "How sure": "" if p is None else f"{percent(p.probability)}, {certainty(p.probability)}",
                "Unsure": None if p is None else p.unsure,
                **{f"{MODALITY_TITLES[m]} alone": alone.get(m) or "" for m in _MODALITIES},
                "Note": "spoken over by another" if u.overlapped else u.reason,
            }
        )
    return pd.DataFrame(rows)
