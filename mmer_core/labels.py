"""Emotions, modalities, and the one table that maps every corpus's labels to ours.

The order of `EMOTIONS` is the class index everywhere: logits, probabilities, confusion matrices, files on disk.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import StrEnum
from itertools import combinations

EMOTIONS: tuple[str, ...] = ("neutral", "anger", "disgust", "fear", "joy", "sadness", "surprise")


class Modality(StrEnum):
    """A source of evidence. The order of definition is the order of every table, tensor column and subset name."""

    TEXT = "text"
    AUDIO = "audio"
    VISUAL = "visual"
    METADATA = "metadata"


#: What a person calls each modality; also accepted on the command line.
MODALITY_TITLES: dict[Modality, str] = {
    Modality.TEXT: "Words",
    Modality.AUDIO: "Voice",
    Modality.VISUAL: "Face",
    Modality.METADATA: "Dialogue",
}

# Okabe-Ito and close relatives: told apart with the common colour-vision deficiencies, on light and dark grounds.
EMOTION_COLOURS: dict[str, str] = {
    "neutral": "#8A8F98",
    "anger": "#D55E00",
    "disgust": "#009E73",
    "fear": "#A05EB5",
    "joy": "#E0A800",
    "sadness": "#0072B2",
    "surprise": "#56B4E9",
}
MODALITY_COLOURS: dict[Modality, str] = {
    Modality.TEXT: "#3B7DD8",
    Modality.AUDIO: "#E07B39",
    Modality.VISUAL: "#2FA36B",
    Modality.METADATA: "#8E6BBF",
}
EMOTION_SYMBOLS: dict[str, str] = {
    "neutral": "😐",
    "anger": "😠",
    "disgust": "🤢",
    "fear": "😨",
    "joy": "😊",
    "sadness": "😢",
    "surprise": "😮",
}

#: Labels of other corpora, lower case, to ours. Shown on the About page and by `python -m mmer_core labels`.
LABEL_ALIASES: dict[str, str] = {
    "neu": "neutral", "calm": "neutral", "neutrality": "neutral",
    "angry": "anger", "ang": "anger", "mad": "anger", "frustration": "anger", "frustrated": "anger", "fru": "anger",
    "disgusted": "disgust", "dis": "disgust",
    "fearful": "fear", "fea": "fear", "anxiety": "fear", "afraid": "fear", "scared": "fear",
    "happy": "joy", "happiness": "joy", "hap": "joy", "excited": "joy", "excitement": "joy", "exc": "joy", "joyful": "joy",
    "sad": "sadness",
    "surprised": "surprise", "sur": "surprise", "pleasant_surprise": "surprise", "ps": "surprise",
}  # fmt: skip


def canonical_label(label: str) -> str:
    """The emotion that a corpus's label stands for ("Happiness" -> "joy").

    Raises:
        ValueError: the label is none of ours and has no alias.
    """
    key = label.strip().lower()
    key = LABEL_ALIASES.get(key, key)
    if key not in EMOTIONS:
        raise ValueError(f"unknown emotion {label!r}: use one of {', '.join(EMOTIONS)} or an alias such as happy or angry")
    return key


def parse_modality(name: str) -> Modality:
    """A modality from its name or its everyday name ("face", "voice", "words").

    Raises:
        ValueError: no modality has that name.
    """
    key = name.strip().lower()
    for modality in Modality:
        if key in (modality.value, MODALITY_TITLES[modality].lower()):
            return modality
    raise ValueError(f"unknown modality {name!r}: use one of {', '.join(Modality)}")


def in_order(modalities: Iterable[Modality]) -> tuple[Modality, ...]:
    """The modalities, each once, in the fixed order."""
    chosen = set(modalities)
    return tuple(m for m in Modality if m in chosen)


def subset_name(modalities: Iterable[Modality]) -> str:
    """The name of a modality subset, as in files and JSON: "text+audio"; the empty set is "none"."""
    return "+".join(in_order(modalities)) or "none"


def parse_subset(name: str) -> tuple[Modality, ...]:
    """The inverse of `subset_name`."""
    return () if name == "none" else in_order(parse_modality(part) for part in name.split("+"))


def subsets(modalities: Iterable[Modality]) -> Iterator[tuple[Modality, ...]]:
    """Every non-empty subset, singles first: 7 for three modalities."""
    ordered = in_order(modalities)
    for size in range(1, len(ordered) + 1):
        yield from combinations(ordered, size)
