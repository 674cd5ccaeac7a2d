"""A checkpoint's record as Markdown tables for the About page: pure functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mmer_core.labels import EMOTION_SYMBOLS, EMOTIONS, LABEL_ALIASES, MODALITY_TITLES, Modality, parse_subset


def part_table(record: Mapping[str, Any]) -> str:
    """One row for each modality: training data with size and licence."""
    rows = []
    for name, entry in record["modalities"].items():
        data = "; ".join(f"{d['name']} ({d['n']:,}, {d['licence']})" for d in entry["data"])
        rows.append((f"**{MODALITY_TITLES[Modality(name)]}**", data, f"`{entry['encoder']}`"))
    return _table(("", "Trained on (utterances or pictures, licence)", "Encoder"), rows)


def fused_table(record: Mapping[str, Any]) -> str:
    """Accuracy, unweighted accuracy and F1 of every subset of the modalities."""
    rows = []
    for name, row in record["figures"]["fused"]["subsets"].items():
        title = " + ".join(MODALITY_TITLES[m] for m in parse_subset(name))
        rows.append((title, f"{row['n']:,}", *(f"{100 * row[k]:.1f}" for k in ("accuracy", "ua", "macro_f1", "weighted_f1"))))
    return _table(("", "n", "Accuracy, %", "Mean recall (UA), %", "Macro F1, %", "Weighted F1, %"), rows)


def label_table() -> str:
    """The emotions with the corpus labels that stand for them."""
    rows = []
    for emotion in EMOTIONS:
        aliases = sorted(alias for alias, target in LABEL_ALIASES.items() if target == emotion)
        rows.append((f"{EMOTION_SYMBOLS[emotion]} **{emotion}**", ", ".join(aliases)))
    return _table(("Emotion", "Also called"), rows)


def card_body(card: str) -> str:
    """The model card without its own title, its headings two levels lower: the page has the larger ones."""
    lines = card.splitlines()
    kept = lines[1:] if lines and lines[0].startswith("# ") else lines
    return "\n".join(f"##{line}" if line.startswith("#") else line for line in kept)


def _table(header: tuple[str, ...], rows: Sequence[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(header) + " |", "|" + " --- |" * len(header)]
    return "\n".join(lines + ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows])
