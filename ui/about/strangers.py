"""The model on corpora that it has not seen, from its card: pure functions; "" where the card has nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mmer_core.labels import MODALITY_TITLES, Modality
from ui.about.model_card import in_words, table
from ui.figure import percent

_MEAN = "mean"
_COLUMNS = {"ua": "UA", "accuracy": "Right", "confidence": "Says"}  # in per cent


def strangers_table(card: Mapping[str, Any]) -> str:
    """One row for each corpus, when it was left out of training, and for the mean of each modality."""
    rows = []
    for name, corpora in card.get("strangers", {}).items():
        for corpus, scores in corpora.items():
            mark = "**" if corpus == _MEAN else ""
            cells = [in_words(corpus), f"{scores['n']:,}" if "n" in scores else ""]
            cells += [f"{100 * scores[key]:.1f}" for key in _COLUMNS] + [f"{scores['ece']:.2f}"]
            rows.append(
                (f"**{MODALITY_TITLES[Modality(name)]}**", *(f"{mark}{c}{mark}" if c else "" for c in cells))
            )
    return table(("", "Left out of training", "n", *_COLUMNS.values(), "ECE"), rows) if rows else ""


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
