"""Classes of a corpus from its labels."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from mmer_core.labels import EMOTIONS, LABEL_ALIASES, label_key


def classes_of(labels: Iterable[str]) -> tuple[str, ...]:
    """The classes that occur, in our order; those that are not ours (calm, boredom...) follow, by name."""
    occurring = set(labels)
    return (*(e for e in EMOTIONS if e in occurring), *sorted(occurring - set(EMOTIONS)))


def class_label(label: str, own: Collection[str] = ()) -> str:
    """The class that a corpus's label stands for, or "" if none: the corpus's `own` classes first (calm stays
    calm), then ours (happy -> joy).
    """
    key = label.strip().lower()
    if key in own:
        return key
    key = label_key(label)
    key = LABEL_ALIASES.get(key, key)
    return key if key in EMOTIONS else ""
