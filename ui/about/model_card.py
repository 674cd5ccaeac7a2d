"""A checkpoint's record as Markdown tables for the About page: pure functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mmer_core.default_model.card import AGAINST
from mmer_core.labels import EMOTION_SYMBOLS, EMOTIONS, LABEL_ALIASES, MODALITY_TITLES, Modality, parse_subset
from ui.figure import gain

_NAMES = {
    "emodb": "EMO-DB",
    "ravdess": "RAVDESS",
    "cross validation": "cross-validation by speaker",
    "held out": "held-out part",
    "public test": "FER2013 public test",
}
_SCORES = {"accuracy": "Accuracy", "ua": "UA", "weighted_f1": "F1"}  # in per cent; explained beside the tables


def data_table(record: Mapping[str, Any]) -> str:
    """One row for each training corpus: size and licence."""
    rows = [
        (f"**{MODALITY_TITLES[Modality(name)]}**", d["name"], f"{d['n']:,}", d["licence"])
        for name, entry in record["modalities"].items()
        for d in entry["data"]
    ]
    return table(("", "Trained on", "n", "Licence"), rows)


def part_table(record: Mapping[str, Any]) -> str:
    """The main scores of each modality alone; variations of a measurement are left to the model card."""
    rows = []
    for name in record["modalities"]:
        for path, row in _main_scores(record["figures"][name]):
            rows.append((f"**{MODALITY_TITLES[Modality(name)]}**", f"{path} (n = {row['n']:,})", *_scores(row)))
    return table(("", "Measured on", *_SCORES.values()), rows)


def fused_table(record: Mapping[str, Any]) -> str:
    """Scores of every subset of the modalities."""
    rows = []
    for name, row in record["figures"]["fused"]["subsets"].items():
        rows.append((" + ".join(MODALITY_TITLES[m] for m in parse_subset(name)), *_scores(row)))
    return table(("", *_SCORES.values()), rows)


def gain_table(record: Mapping[str, Any]) -> str:
    """By how much the words of the large model are better than the default one's, with intervals."""
    gains = record["figures"][Modality.TEXT.value][AGAINST]
    rows = [(f"MELD, development part, {way}", gain(row["weighted_f1"], row["low"], row["high"]), f"{row['p']:.3f}") for way, row in gains.items()]
    return table(("Words", "F1 over the default model, with its 95 % interval", "p"), rows)


def _main_scores(figures: Mapping[str, Any], path: tuple[str, ...] = ()) -> list[tuple[str, Mapping[str, Any]]]:
    """Rows that hold all scores, with where they stand in words; of several beside one another the first, which the others vary."""
    rows: list[tuple[str, Mapping[str, Any]]] = []
    found = False
    for name, value in figures.items():
        if not isinstance(value, Mapping):
            continue
        here = (*path, in_words(name))
        if set(_SCORES) <= set(value):
            rows += [] if found else [(", ".join(here), value)]
            found = True
        else:
            rows += _main_scores(value, here)
    return rows


def in_words(name: str) -> str:
    """A key of the record as a person writes it: "cross_validation" -> "cross-validation by speaker"."""
    plain = name.replace("_", " ")
    return _NAMES.get(plain, plain)


def _scores(row: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(f"{100 * row[key]:.1f}" for key in _SCORES)


def label_table() -> str:
    """The emotions with the corpus labels that stand for them."""
    rows = []
    for emotion in EMOTIONS:
        aliases = sorted(alias for alias, target in LABEL_ALIASES.items() if target == emotion)
        rows.append((f"{EMOTION_SYMBOLS[emotion]} **{emotion}**", ", ".join(aliases)))
    return table(("Emotion", "Also called"), rows)


def card_body(card: str) -> str:
    """The model card without its own title, its headings two levels lower: the page has the larger ones."""
    lines = card.splitlines()
    kept = lines[1:] if lines and lines[0].startswith("# ") else lines
    return "\n".join(f"##{line}" if line.startswith("#") else line for line in kept)


def table(header: tuple[str, ...], rows: Sequence[Sequence[str]]) -> str:
    """Rows as a Markdown table; a bar in a cell is escaped."""
    lines = ["| " + " | ".join(header) + " |", "|" + " --- |" * len(header)]
    return "\n".join(lines + ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows])
