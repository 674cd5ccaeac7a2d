"""The seven emotions, the modalities and their subsets, and the one table that maps corpora's labels.

`EMOTIONS` are the classes of the shipped models and give the order in which classes are listed; any other
model has classes of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from itertools import combinations

EMOTIONS: tuple[str, ...] = ("neutral", "anger", "disgust", "fear", "joy", "sadness", "surprise")


class Modality(StrEnum):
    """A source of evidence. The order of definition is the order of every table, tensor column and subset
    name.
    """

    TEXT = "text"
    AUDIO = "audio"
    VISUAL = "visual"
    METADATA = "metadata"


#: The word for each modality in the app; also accepted on the command line.
MODALITY_TITLES: dict[Modality, str] = {
    Modality.TEXT: "Words",
    Modality.AUDIO: "Voice",
    Modality.VISUAL: "Face",
    Modality.METADATA: "Dialogue",
}

#: Labels of other corpora, as `label_key` writes them, to ours. Shown on the About page and by
#: `python -m mmer_core labels`.
LABEL_ALIASES: dict[str, str] = {
    alias: emotion
    for emotion, aliases in {
        "neutral": "neu neutrality calm",
        "anger": "ang angry mad fru frustrated frustration",
        "disgust": "dis disgusted",
        "fear": "fea fearful afraid scared anxiety",
        "joy": "hap happy happiness joyful exc excited excitement",
        "sadness": "sad",
        "surprise": "sur surprised ps pleasant_surprise pleasant_surprised pleasantly_surprised",
    }.items()
    for alias in aliases.split()
}


def label_key(label: str) -> str:
    """A label for comparison: case does not count, and blanks, hyphens and underscores are the same
    ("Pleasant surprise" -> "pleasant_surprise").
    """
    return re.sub(r"[\s_-]+", "_", label.strip().lower())


def canonical_label(label: str) -> str:
    """The emotion that a corpus's label stands for ("Happiness" -> "joy").

    Raises:
        ValueError: the label is none of ours and has no alias.
    """
    key = label_key(label)
    key = LABEL_ALIASES.get(key, key)
    if key not in EMOTIONS:
        raise ValueError(
            f"unknown emotion {label!r}: use one of {', '.join(EMOTIONS)} or an alias such as happy or angry"
        )
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


def modalities_title(modalities: Iterable[Modality]) -> str:
    """Modalities as a person reads them: "Voice + face"; "" for none."""
    names = [MODALITY_TITLES[m] for m in in_order(modalities)]
    return " + ".join([*names[:1], *(n.lower() for n in names[1:])])


def parse_subset(name: str) -> tuple[Modality, ...]:
    """The inverse of `subset_name`."""
    return () if name == "none" else in_order(parse_modality(part) for part in name.split("+"))


def subsets(modalities: Iterable[Modality]) -> Iterator[tuple[Modality, ...]]:
    """Every non-empty subset, singles first: 7 for three modalities."""
    ordered = in_order(modalities)
    for size in range(1, len(ordered) + 1):
        yield from combinations(ordered, size)


def most_probable(probabilities: Mapping[str, float] | None) -> str | None:
    """The class with the highest probability; None where there are none."""
    return None if probabilities is None else max(probabilities, key=probabilities.__getitem__)
