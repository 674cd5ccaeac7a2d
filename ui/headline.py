"""The answer in large letters and the sentences under it, the same wherever an answer is shown. An unsure
answer says so before anything else, and a clip that changes says how.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from mmer_core.inference.prediction import Prediction, UnimodalPrediction
from mmer_core.inference.timeline import Cue
from mmer_core.labels import MODALITY_TITLES, Modality
from ui.figure import percent
from ui.text import adjective, basis_sentence, impression, margin_sentence, perhaps, sentence_case
from ui.theme import MODALITY_COLOURS, OUTLINE, emotion_colour, emotion_name

UNSURE = "Unsure"
NOT_CLEAR = "No clear emotion"
_NOTHING = "Nothing is switched on or found, so this is only how often each emotion came up in training."
_NAMED = 4  # stretches that a headline holds


@dataclass(frozen=True)
class Headline:
    """
    Attributes:
        title: the emotion with its symbol; for a clip that changes one after the other; or that none is
            clear.
        colour: the emotion's, or a neutral one.
        lead: one sentence that a person would say: "Sounds angry, looks neutral: probably anger, 62%."
        sentences: the rest, most important first.
    """

    title: str
    colour: str
    lead: str
    sentences: tuple[str, ...]


def headline(prediction: Prediction, changing: Sequence[Cue] = ()) -> Headline:
    """The headline of an answer.

    Args:
        prediction: to the whole clip.
        changing: its `timeline.changes`; where there are any, they lead.
    """
    if not prediction.used:
        title = NOT_CLEAR if prediction.unsure else emotion_name(prediction.label)
        lead = f"Most frequent in training: {prediction.label}, {percent(prediction.probability)}."
        return Headline(title, OUTLINE, lead, (_NOTHING,))
    if changing:
        return _sequence(prediction, changing)
    if prediction.unsure:
        rest = (unsure_sentence(prediction), basis_sentence(prediction))
        return Headline(NOT_CLEAR, OUTLINE, _summary(prediction), tuple(filter(None, rest)))
    colour = emotion_colour(prediction.label, prediction.probabilities)
    rest = (margin_sentence(prediction.probabilities), basis_sentence(prediction))
    return Headline(emotion_name(prediction.label), colour, _summary(prediction), tuple(filter(None, rest)))


def _summary(prediction: Prediction) -> str:
    """ "Sounds angry, looks neutral: probably anger, 62%." """
    figure, said = percent(prediction.probability), impression(prediction)
    if prediction.unsure:
        closest = f"Closest: {emotion_name(prediction.label)} ({figure})."
        return f"{said}. {closest}" if said else closest
    answer = f"{perhaps(prediction.probability)} {prediction.label}, {figure}"
    return sentence_case(f"{said}: {answer}" if said else answer)


def _sequence(prediction: Prediction, found: Sequence[Cue]) -> Headline:
    """The headline of a clip that goes from one emotion to another, which one answer cannot say."""
    shown, more = found[:_NAMED], len(found) - _NAMED
    title = " → ".join(emotion_name(c.label) for c in shown) + (" → …" if more > 0 else "")
    parts = [
        f"{adjective(c.label)} from {c.start:.0f} to {c.end:.0f} s ({percent(c.probability)})" for c in shown
    ]
    rest = f", and {more} more {'change' if more == 1 else 'changes'}" if more > 0 else ""
    closest = f"{prediction.label}, {percent(prediction.probability)}"
    whole = "no emotion is clear; closest is " if prediction.unsure else f"{perhaps(prediction.probability)} "
    return Headline(
        title,
        emotion_colour(found[-1].label, prediction.probabilities),
        sentence_case(", then ".join(parts) + rest),
        tuple(filter(None, (f"Over the whole clip: {whole}{closest}.", basis_sentence(prediction)))),
    )


def unsure_sentence(prediction: Prediction) -> str:
    """Why an answer is called unsure: "We call anything below 47% unsure; in our tests 8 answers in 10 were
    above."
    """
    tested = f"; in our tests {_in_ten(prediction.coverage)} were above" if prediction.coverage else ""
    return f"We call anything below {percent(prediction.unsure_below)} unsure{tested}."


def _in_ten(share: float) -> str:
    """A share as a person counts: "8 answers in 10"."""
    tenths = round(10 * share)
    return f"{tenths} answers in 10" if tenths % 2 else f"{tenths // 2} answers in 5"


def short_answer(label: str, probability: float, unsure: bool) -> str:
    """An answer in one line: "😊 Joy 62%", or "Unsure, perhaps 😊 Joy 41%"."""
    answer = f"{emotion_name(label)} {percent(probability)}"
    return f"{UNSURE}, perhaps {answer}" if unsure else answer


def own_answer(own: UnimodalPrediction) -> str:
    """What a modality says alone: "😊 Joy 62%"; "" where it is absent."""
    if own.label is None or own.probabilities is None:
        return ""
    return short_answer(own.label, own.probabilities[own.label], False)


def verdict_html(own: UnimodalPrediction) -> str:
    """What a modality says alone, its emotion in bold; "" where it is absent."""
    if own.label is None or own.probabilities is None:
        return ""
    name = escape(emotion_name(own.label))
    return f"<span><strong>{name}</strong> {percent(own.probabilities[own.label])}</span>"


def modality_html(modality: Modality, beside: str = "") -> str:
    """The modality's name after a dot in its colour; `beside`, HTML, stands at the right."""
    return (
        f'<div class="mmer-modality" style="--accent:{MODALITY_COLOURS[modality]}">'
        f"<h3>{MODALITY_TITLES[modality]}</h3>{beside}</div>"
    )


def headline_html(prediction: Prediction, changing: Sequence[Cue] = ()) -> str:
    """The headline as a block on the answer's colour. Announced to screen readers when it changes."""
    found = headline(prediction, changing)
    rest = "".join(f"<p>{escape(line)}</p>" for line in found.sentences)
    kind = " unsure" if found.title == NOT_CLEAR else ""
    return (
        f'<div class="mmer-answer{kind}" role="status" style="--accent:{found.colour}">'
        f'<h2>{escape(found.title)}</h2><p class="lead">{escape(found.lead)}</p>{rest}</div>'
    )


def warnings_html(prediction: Prediction, hint: str = "") -> str:
    """The notes that warn, compact, to stand directly under a headline; "" without any.

    Args:
        hint: what a person can do about them, if anything.
    """
    lines = "".join(f"<p>{escape(sentence_case(w))}</p>" for w in prediction.warnings)
    lines += f"<small>{escape(hint)}</small>" if hint else ""
    return (
        f'<div class="mmer-warnings" role="note" aria-label="Warnings">{lines}</div>'
        if prediction.warnings
        else ""
    )
