"""Numbers into sentences: how sure the answer is, who agrees, what an absent modality is missing."""

from __future__ import annotations

from collections.abc import Mapping

from mmer_core.labels import MODALITY_TITLES, Modality
from mmer_core.prediction import Prediction
from ui.figure import percent

#: What the progress display and the timings call each step of `Predictor.observe` and what goes before and after it.
STEPS: dict[str, str] = {
    "models": "Waiting for the models",
    "read": "Reading the file",
    "faces": "Finding the face",
    "speech": "Listening for words",
    "text": "Reading the words",
    "audio": "Hearing the voice",
    "visual": "Reading the face",
    "fuse": "Putting it together",
}
CAVEAT = "This reads how an emotion is shown in words, voice and face. It does not know what a person feels, and it is often wrong."
OVER_TIME_CAVEAT = (
    "Each column stands for the two seconds around it. The model learned from whole utterances, so it is noisier here than on the whole clip: "
    "take a lone short stretch for chance. Words count from the first to the last second of their sentence."
)
CERTAINTY: tuple[tuple[float, str], ...] = (
    (0.9, "almost certain"),
    (0.7, "likely"),
    (0.5, "more likely than not"),
    (0.35, "a lean, no more"),
    (0.0, "little more than a guess"),
)
NOTICEABLE = 1.1  # softening of a modality's opinion from which it is mentioned
CLOSE, CLEAR = 0.10, 0.30  # margins between first and second, as probability


def certainty(probability: float) -> str:
    """A probability in words, for the model's reading, not for the person's feeling."""
    return next(words for threshold, words in CERTAINTY if probability >= threshold)


def margin_sentence(probabilities: Mapping[str, float]) -> str:
    """How far the first emotion is ahead of the second, and what to make of it."""
    first, second = sorted(probabilities, key=lambda e: -probabilities[e])[:2]
    margin = probabilities[first] - probabilities[second]
    if margin < CLOSE:
        return f"A close call: {second} is at {percent(probabilities[second])}, so take the two as a tie."
    if margin < CLEAR:
        return f"Ahead of {second} ({percent(probabilities[second])}), but not by much."
    return f"Clearly ahead of {second} ({percent(probabilities[second])})."


def agreement_sentence(prediction: Prediction) -> str:
    """Which modalities say what: "Words and face say neutral, voice says joy." Empty when fewer than two are in use."""
    said: dict[str, list[str]] = {}
    for modality in prediction.used:
        label = prediction.modalities[modality].label
        if label is not None:
            said.setdefault(label, []).append(MODALITY_TITLES[modality].lower())
    voters = sum(len(names) for names in said.values())
    if voters < 2:
        return ""
    if len(said) == 1:
        return f"{_listed(next(iter(said.values())))} agree on {next(iter(said))}.".capitalize()
    return f"{', '.join(f'{_listed(names)} {_say(names)} {label}' for label, names in said.items())}.".capitalize()


def _listed(names: list[str]) -> str:
    """ "words, voice and face" """
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _say(names: list[str]) -> str:
    """The verb's number; words are many."""
    return "says" if len(names) == 1 and names[0] != "words" else "say"


def contribution_sentence(prediction: Prediction, modality: Modality) -> str:
    """What a modality did to the shown emotion: "Raised joy by 12 points; 34% of the decision's weight."

    It is also said where the modality speaks more softly than usual.
    """
    opinion = prediction.modalities[modality]
    moved = round(100 * prediction.contributions[modality])
    direction = "Raised" if moved > 0 else "Lowered" if moved < 0 else "Left"
    amount = f"by {abs(moved)} {'point' if abs(moved) == 1 else 'points'}" if moved else "where it was"
    said = f"{direction} {prediction.label} {amount}; {percent(opinion.weight)} of the decision's weight."
    return f"{said} Taken with caution: it is unlike what the model learned from." if opinion.softened >= NOTICEABLE else said


def seconds(value: float) -> str:
    """A duration with two useful digits: "4 ms", "0.25 s", "2.3 s"."""
    if value < 0.1:
        return f"{max(1, round(1000 * value))} ms"
    return f"{value:.2f} s" if value < 1 else f"{value:.1f} s"


def sentence_case(text: str) -> str:
    """First letter large, full stop at the end: the core's messages as a sentence on a page."""
    text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "!", "?")) else text + "."


def plain(text: str) -> str:
    """The text without meaning to Markdown: a file may be called anything."""
    return "".join(f"\\{c}" if c in r"\`*_{}[]()#+-!|~$:<>" else c for c in text)
