"""The answer in large letters and the sentences under it, the same wherever an answer is shown. An unsure answer says so before anything else."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

from mmer_core.prediction import Prediction
from ui.figure import OUTLINE, emotion_colour, emotion_name, percent
from ui.phrases import agreement_sentence, certainty, margin_sentence, sentence_case

UNSURE = "Unsure"
_NOTHING = "Nothing is switched on or found, so this is only how often each emotion came up in training."


@dataclass(frozen=True)
class Headline:
    """
    Attributes:
        title: the emotion with its symbol, or "Unsure".
        colour: the emotion's, or a neutral one.
        lead: what stands first under the title: the figure and what it means.
        sentences: the rest, most important first.
    """

    title: str
    colour: str
    lead: str
    sentences: tuple[str, ...]


def headline(prediction: Prediction) -> Headline:
    """What to say first about an answer."""
    name, figure = emotion_name(prediction.label), percent(prediction.probability)
    agreement = agreement_sentence(prediction)
    if not prediction.used:
        said: tuple[str, ...] = (_NOTHING,)
    elif prediction.unsure:
        said = (unsure_sentence(prediction), agreement)
    else:
        said = (margin_sentence(prediction.probabilities), agreement)
    said = tuple(s for s in said if s)
    if prediction.unsure:
        return Headline(UNSURE, OUTLINE, f"{'most likely' if prediction.used else 'most frequent in training:'} {name}, {figure}", said)
    return Headline(name, emotion_colour(prediction.label), f"{figure}, {certainty(prediction.probability)}." if prediction.used else "", said)


def unsure_sentence(prediction: Prediction) -> str:
    """Why an answer is called unsure: "Below 49% it is called unsure; 80% of the answers to held-out data reach that and are given plainly." """
    limit = percent(prediction.unsure_below)
    if not prediction.coverage:
        return f"Below {limit}, an answer is called unsure."
    return f"Below {limit}, an answer is called unsure; {percent(prediction.coverage)} of the answers to held-out data reach that and are given plainly."


def short_answer(label: str, probability: float, unsure: bool) -> str:
    """An answer in one line: "😊 Joy 62%", or "Unsure, perhaps 😊 Joy 41%"."""
    said = f"{emotion_name(label)} {percent(probability)}"
    return f"{UNSURE}, perhaps {said}" if unsure else said


def headline_html(prediction: Prediction, before: str = "It reads as") -> str:
    """The headline as a block on the answer's colour. Announced to screen readers when it changes."""
    found = headline(prediction)
    lead = f'<p class="lead">{escape(found.lead)}</p>' if found.lead else ""
    rest = "".join(f"<p>{escape(line)}</p>" for line in found.sentences)
    kind = " unsure" if prediction.unsure else ""
    title = f"<small>{escape(before)}</small><h2>{escape(found.title)}</h2>"
    return f'<div class="mmer-answer{kind}" role="status" style="--accent:{found.colour}">{title}{lead}{rest}</div>'


def warnings_html(prediction: Prediction) -> str:
    """The notes that warn, compact, to stand directly under a headline; "" without any."""
    lines = "".join(f"<li>{escape(sentence_case(w))}</li>" for w in prediction.warnings)
    return f'<ul class="mmer-warnings" role="note" aria-label="Warnings">{lines}</ul>' if lines else ""
