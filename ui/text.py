"""The sentences that several pages share: certainty, agreement, contributions, durations, plain text."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from mmer_core.inference.baseline import Baseline
from mmer_core.inference.prediction import Prediction
from mmer_core.inference.timeline import CONFIDENT
from mmer_core.labels import MODALITY_TITLES, Modality
from ui.figure import percent

_LOADS = re.compile(r"\](?=[(\[:])|[<$]|:(?=[\w-]+[:/\[])")
_SYMBOL = re.compile(r":(?=[a-zA-Z+_-][\w/+-]*:)")
#: Titles of the steps of an analysis, in progress and timings; those of `EmotionModel.observe` among them.
STEPS: dict[str, str] = {
    "models": "Waiting for the model",
    "read": "Reading the file",
    "faces": "Finding the face",
    "speech": "Recognising speech",
    "text": "Reading the words",
    "audio": "Reading the voice",
    "visual": "Reading the face",
    "metadata": "Reading the dialogue",
    "fuse": "Putting it together",
}
CAVEAT = (
    "This reads how an emotion is shown in words, voice and face. It does not know what a person "
    "feels, and it is often wrong."
)
OVER_TIME_CAVEAT = (
    "Each column stands for the two seconds around it. The model learned from whole utterances, so "
    "it is noisier here than on the whole clip: "
    "take a lone short stretch for chance. Words count from the first to the last second of their sentence."
)
CERTAINTY: tuple[tuple[float, str], ...] = (
    (0.9, "almost certain"),
    (0.7, "likely"),
    (0.5, "more likely than not"),
    (0.35, "only slightly likely"),
    (0.0, "little more than a guess"),
)
#: How a certainty stands before an emotion in a sentence.
PERHAPS: tuple[tuple[float, str], ...] = (
    (0.9, "almost certainly"),
    (0.7, "very likely"),
    (0.5, "probably"),
    (0.35, "perhaps"),
    (0.0, "at a guess"),
)
#: How somebody is who shows the emotion; a class without an entry is called by its name.
ADJECTIVES: dict[str, str] = {
    "anger": "angry",
    "disgust": "disgusted",
    "fear": "afraid",
    "joy": "happy",
    "sadness": "sad",
    "surprise": "surprised",
    "boredom": "bored",
    "frustration": "frustrated",
    "excitement": "excited",
    "contempt": "contemptuous",
}
_VERBS = {Modality.TEXT: "reads", Modality.AUDIO: "sounds", Modality.VISUAL: "looks"}
GIVEN = "given"  # in place of an encoder: features that came with the corpus
NOTICEABLE = 1.1  # temperature of a modality from which it is mentioned
CLOSE, CLEAR = 0.10, 0.30  # margins between first and second, as probability


def certainty(probability: float) -> str:
    """A probability in words, for the model's reading, not for the person's feeling."""
    return next(words for threshold, words in CERTAINTY if probability >= threshold)


def margin_sentence(probabilities: Mapping[str, float]) -> str:
    """The distance of the first emotion to the second, as a sentence."""
    first, second = sorted(probabilities, key=lambda e: -probabilities[e])[:2]
    margin = probabilities[first] - probabilities[second]
    if margin < CLOSE:
        return f"A close call: {second} is at {percent(probabilities[second])}, so take the two as a tie."
    if margin < CLEAR:
        return f"Ahead of {second} ({percent(probabilities[second])}), but not by much."
    return f"Clearly ahead of {second} ({percent(probabilities[second])})."


def perhaps(probability: float) -> str:
    """A probability as an adverb before an emotion: "probably"."""
    return next(words for threshold, words in PERHAPS if probability >= threshold)


def adjective(label: str) -> str:
    """How somebody is who shows this emotion: "angry" for anger."""
    return ADJECTIVES.get(label.lower(), label)


def impression(prediction: Prediction) -> str:
    """How it reads, sounds and looks, as the beginning of a sentence: "Sounds angry, looks neutral".

    A modality whose own prediction is below `CONFIDENT` is not named; "" if none is left.
    """
    groups: dict[str, list[str]] = {}
    for modality in prediction.used:
        own = prediction.modalities[modality]
        if modality in _VERBS and own.label and (own.probabilities or {})[own.label] >= CONFIDENT:
            groups.setdefault(own.label, []).append(_VERBS[modality])
    said = ", ".join(f"{listed(verbs)} {adjective(label)}" for label, verbs in groups.items())
    return said[:1].upper() + said[1:]


def basis_sentence(prediction: Prediction) -> str:
    """What an answer rests on, heaviest first: "The voice counted for 52% of the answer, the words for 48%."
    "" for one modality.
    """
    used = sorted(prediction.used, key=lambda m: -prediction.modalities[m].weight)
    if len(used) < 2 or not any(prediction.modalities[m].weight for m in used):
        return ""
    shares = [(MODALITY_TITLES[m].lower(), percent(prediction.modalities[m].weight)) for m in used]
    (first, most), rest = shares[0], [f"the {name} for {share}" for name, share in shares[1:]]
    return sentence_case(", ".join([f"the {first} counted for {most} of the answer", *rest]))


def agreement_sentence(prediction: Prediction) -> str:
    """The emotion of each modality: "Words and face say neutral, voice says joy." Empty when fewer than two
    are in use.
    """
    groups: dict[str, list[str]] = {}
    for modality in prediction.used:
        label = prediction.modalities[modality].label
        if label is not None:
            groups.setdefault(label, []).append(MODALITY_TITLES[modality].lower())
    if sum(map(len, groups.values())) < 2:
        return ""
    if len(groups) == 1:
        label, names = next(iter(groups.items()))
        return sentence_case(f"{listed(names)} agree on {label}")
    parts = [f"{listed(names)} {_say(names)} {label}" for label, names in groups.items()]
    return sentence_case(", ".join(parts))


def listed(names: Sequence[str]) -> str:
    """Several things in a sentence: "words, voice and face"."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def _say(names: list[str]) -> str:
    """The verb's number; words are many."""
    return "says" if len(names) == 1 and names[0] != "words" else "say"


def contribution_sentence(prediction: Prediction, modality: Modality) -> str:
    """The effect of a modality on the shown emotion: "Raised joy by 12 points; counted for 34% of the
    answer."

    Where its input is unlike the training data, so that its probabilities were flattened, that is added.
    """
    own = prediction.modalities[modality]
    moved = round(100 * prediction.contributions[modality])
    direction = "Raised" if moved > 0 else "Lowered" if moved < 0 else "Left"
    amount = f"by {abs(moved)} {'point' if abs(moved) == 1 else 'points'}" if moved else "where it was"
    sentence = f"{direction} {prediction.label} {amount}; counted for {percent(own.weight)} of the answer."
    if own.temperature < NOTICEABLE:
        return sentence
    return f"{sentence} Made less certain: it is unlike the training recordings."


def against_sentence(baseline: Baseline | None) -> str:
    """What a voice was compared with: "Read against 10 s of this person's voice."; "" for the average."""
    if baseline is None:
        return ""
    return f"Read against {round(baseline.seconds)} s of this person's voice."


def missing_sentence(entries: Mapping[str, Mapping[str, Any]]) -> str:
    """Which features of a model no clip can give, as a sentence; "" where a clip gives all.

    Args:
        entries: the modalities of a model's record.
    """
    given = [Modality(name) for name, entry in entries.items() if entry["encoder"] == GIVEN]
    if not given:
        return ""
    rest = (
        "train with encoders to get a model that reads clips"
        if len(given) == len(entries)
        else "clips are read without them"
    )
    names = listed([MODALITY_TITLES[m].lower() for m in given])
    return f"The features of {names} came with the corpus and cannot be computed from a clip: {rest}."


def seconds(value: float) -> str:
    """A short duration with two useful digits: "4 ms", "0.25 s", "2.3 s"."""
    if value < 0.1:
        return f"{max(1, round(1000 * value))} ms"
    return f"{value:.2f} s" if value < 1 else f"{value:.1f} s"


def place_in_line(number: int, seconds: float) -> str:
    """How long somebody waits for their turn: "You are number 3 in line; about 20 s".

    Args:
        number: from 1.
        seconds: until it begins.
    """
    left = max(1, round(seconds)) if seconds < 10 else 5 * round(seconds / 5)
    return f"You are {'next' if number == 1 else f'number {number}'} in line; about {left} s"


def sentence_case(text: str) -> str:
    """The core's message as a sentence on a page: first letter large, full stop at the end."""
    text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "!", "?")) else text + "."


def plain(text: str) -> str:
    """The text without meaning to Markdown: a file may be called anything.

    Streamlit looks for symbols such as `:smile:` after backslashes are gone, so a mark that nobody sees
    stands after their first colon.
    """
    text = _SYMBOL.sub(":\u2060", text)
    return "".join(f"\\{c}" if c in r"\`*_{}[]()#+-!|~$:<>" else c for c in text)


def unlinked(markdown: str) -> str:
    """Markdown whose headings, lists, tables and bold text stay, and in which nothing is linked, loaded,
    drawn as a symbol or set as a formula.
    """
    return _LOADS.sub(r"\\\g<0>", _SYMBOL.sub(":\u2060", markdown))
