"""The model on corpora that it has not seen, from its card: pure functions; "" where the card has nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mmer_core.labels import MODALITY_TITLES, Modality
from ui.about.model_card import in_words, table
from ui.figure import percent

_MEAN = "mean"
_COLUMNS = {"accuracy": "Right", "confidence": "Says", "ua": "UA"}  # in per cent


def mean_table(card: Mapping[str, Any]) -> str:
    """One row for each modality: the mean over the corpora that were left out of training."""
    rows = [
        (f"**{MODALITY_TITLES[Modality(name)]}**", *_cells(corpora[_MEAN]), str(len(corpora) - 1))
        for name, corpora in card.get("strangers", {}).items()
        if _MEAN in corpora
    ]
    return table(("Alone", *_COLUMNS.values(), "ECE", "Corpora"), rows) if rows else ""


def corpus_tables(card: Mapping[str, Any]) -> str:
    """A table for each modality with a row for each corpus, when that was left out of training."""
    parts = []
    for name, corpora in card.get("strangers", {}).items():
        rows = [
            (in_words(corpus), f"{scores['n']:,}" if "n" in scores else "–", *_cells(scores))
            for corpus, scores in corpora.items()
            if corpus != _MEAN
        ]
        if rows:
            title = f"**{MODALITY_TITLES[Modality(name)]}**"
            parts.append(f"{title}\n\n{table(('Left out', 'n', *_COLUMNS.values(), 'ECE'), rows)}")
    return "\n\n".join(parts)


def _cells(scores: Mapping[str, Any]) -> tuple[str, ...]:
    """Scores in per cent, and the calibration error."""
    return (*(f"{100 * scores[key]:.1f}" for key in _COLUMNS), f"{scores['ece']:.2f}")


def baseline_sentence(card: Mapping[str, Any]) -> str:
    """What knowing the speaker's own voice is worth on such corpora."""
    found = card.get("baseline", {}).get(Modality.AUDIO.value, {})
    if not {"nothing", "ordinary", "own_clips"} <= set(found):
        return ""
    alone, ordinary, own = (found[key]["ua"] for key in ("nothing", "ordinary", "own_clips"))
    return (
        f"A voice nobody knows is read with a UA of {percent(alone)} there; with up to ten seconds of the "
        f"speaker's ordinary voice {percent(ordinary)}, with all of their clips, unlabelled, {percent(own)}."
    )
