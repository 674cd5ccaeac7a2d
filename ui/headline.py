"""The answer in large letters and the sentences under it, the same wherever an answer is shown. An unsure
answer says so before anything else.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

from mmer_core.inference.prediction import Prediction
from mmer_core.inference.timeline import Timeline, changes_sentence
from ui.figure import percent
from ui.text import agreement_sentence, certainty, margin_sentence, sentence_case
from ui.theme import OUTLINE, emotion_colour, emotion_name

UNSURE = "Unsure"
_NOTHING = "Nothing is switched on or found, so this is only how often each emotion came up in training."


@dataclass(frozen=True)
class Headline:
    """
    Attributes:
        title: the emotion with its symbol, or "Unsure".
        colour: the emotion's, or a neutral one.
        lead: what stands in bold under the title: how probable the emotion is, and which one where the title
            does not say it.
        after: how the sentence that `lead` begins goes on.
        sentences: the rest, most important first.
    """

    title: str
    colour: str
    lead: str
    after: str
    sentences: tuple[str, ...]


def headline(prediction: Prediction) -> Headline:
    """The headline of an answer."""
    name, figure = emotion_name(prediction.label), percent(prediction.probability)
    agreement = tuple(s for s in (agreement_sentence(prediction),) if s)
    if prediction.unsure:
        lead = f"{'Most likely' if prediction.used else 'Most frequent in training:'} {name}, {figure}"
        return Headline(
            UNSURE,
            OUTLINE,
            lead,
            "",
            (unsure_sentence(prediction), *agreement) if prediction.used else (_NOTHING,),
        )
    colour = emotion_colour(prediction.label, prediction.probabilities)
    if not prediction.used:
        return Headline(name, colour, "", "", (_NOTHING,))
    return Headline(
        name,
        colour,
        figure,
        f", {certainty(prediction.probability)}. {margin_sentence(prediction.probabilities)}",
        agreement,
    )


def unsure_sentence(prediction: Prediction) -> str:
    """Why an answer is called unsure: "Below 49% it is called unsure; 80% of the answers to held-out data
    reach that and are given plainly."
    """
    share = percent(prediction.coverage)
    given = (
        f"; {share} of the answers to held-out data reach that and are given plainly"
        if prediction.coverage
        else ""
    )
    return f"Below {percent(prediction.unsure_below)}, an answer is called unsure{given}."


def short_answer(label: str, probability: float, unsure: bool) -> str:
    """An answer in one line: "😊 Joy 62%", or "Unsure, perhaps 😊 Joy 41%"."""
    answer = f"{emotion_name(label)} {percent(probability)}"
    return f"{UNSURE}, perhaps {answer}" if unsure else answer


def headline_html(prediction: Prediction) -> str:
    """The headline as a block on the answer's colour. Announced to screen readers when it changes."""
    found = headline(prediction)
    lead = f"<p><strong>{escape(found.lead)}</strong>{escape(found.after)}</p>" if found.lead else ""
    rest = "".join(f"<p>{escape(line)}</p>" for line in found.sentences)
    kind, before = (" unsure", "The answer is") if prediction.unsure else ("", "It reads as")
    title = f"<small>{before}</small><h2>{escape(found.title)}</h2>"
    return (
        f'<div class="mmer-answer{kind}" role="status" '
        f'style="--accent:{found.colour}">{title}{lead}{rest}</div>'
    )


def changes_html(timeline: Timeline) -> str:
    """For a clip that goes from one emotion to another, which one answer cannot say: from which to which, and
    where to see it; "" for others.
    """
    changing = changes_sentence(timeline)
    return f'<p class="mmer-changes">{escape(changing)} See Over time, below.</p>' if changing else ""


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
