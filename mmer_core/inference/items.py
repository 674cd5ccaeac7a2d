"""What a model is scored on: rows of a manifest, and the class that each label stands for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmer_core import corpora
from mmer_core.clip import Dialogue
from mmer_core.corpora.manifest import Manifest
from mmer_core.labels import EMOTIONS, canonical_label


@dataclass(frozen=True)
class Item:
    """One row of a manifest: a file, or words, or both, where they stand in a conversation, and who speaks
    ("" if that is not known).
    """

    id: str
    label: str
    path: Path | None = None
    text: str | None = None
    dialogue: Dialogue | None = None
    speaker: str = ""


@dataclass(frozen=True)
class Skipped:
    id: str
    reason: str


def read_items(spec: str, labels: Sequence[str]) -> tuple[list[Item], list[Skipped]]:
    """The rows of a corpus (see `corpora.read`) for a model, and those that its reader left out, with the
    reason. Labels of tables and folders that are among the model's `labels` stay what they are (calm).
    """
    options: dict[str, Any] = {}
    reader = corpora.reader_of(spec)
    if reader == "csv":
        options["labels"] = ",".join(dict.fromkeys((*labels, *EMOTIONS)))
    elif reader == "folder":
        options["own_labels"] = True
    return items_of(corpora.read(spec, **options))


def items_of(manifest: Manifest) -> tuple[list[Item], list[Skipped]]:
    """The rows of a manifest, and those that its reader left out, with the reason."""
    skipped = [Skipped(p.id, p.reason) for p in manifest.skipped]
    return [Item(u.id, u.label, u.path, u.text, u.dialogue, u.group) for u in manifest.utterances()], skipped


def class_of(label: str, labels: Sequence[str]) -> int:
    """The index among a model's classes of the one that a corpus's label stands for: that of the same name,
    or else the one that the table of aliases takes for the same emotion (happy for joy).

    Raises:
        ValueError: there is none.
    """
    own = {name.strip().lower(): i for i, name in reversed(list(enumerate(labels)))}
    key = label.strip().lower()
    same = _emotion(key)
    if key in own:
        return own[key]
    if same in own:
        return own[same]
    found = next(
        (i for i, name in enumerate(labels) if same and _emotion(name.strip().lower()) == same), None
    )
    if found is None:
        raise ValueError(f"the label {label!r} is none of the model's classes: {', '.join(labels)}")
    return found


def _emotion(label: str) -> str:
    """The emotion that a label stands for in the table of aliases; "" for none."""
    try:
        return canonical_label(label)
    except ValueError:
        return ""
