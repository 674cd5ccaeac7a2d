"""How far explanations can be trusted, on the About page: the tests on held-out clips."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import streamlit as st

from mmer_core.checkpoint import CheckpointError
from mmer_core.config import DEFAULT_CHECKPOINT
from mmer_core.explanation.faithfulness import Faithfulness, read
from mmer_core.labels import MODALITY_TITLES, Modality
from ui.about.model_card import table
from ui.models import record_of
from ui.text import plain


def show_faithfulness(folder: Path = DEFAULT_CHECKPOINT) -> None:
    """What was measured of the explanations of the model in a folder, folded away; nothing where nothing
    was.
    """
    try:
        found = read(folder, record_of(folder))
    except CheckpointError:
        return
    if not found:
        return
    with st.expander("How far explanations can be trusted", icon=":material/lightbulb:"):
        st.markdown(
            "“Why this answer?” says what each word, moment of the voice and part of the face adds. On clips "
            "that no model had learned from, the parts were left out one after the other, the most important "
            "first: the probability should fall further than in random order. Put back in that order, it "
            "should rise further. A random explanation has 0 in both columns."
        )
        st.markdown(faithfulness_table(found))
        st.caption(
            "Percentage points of probability, mean over the clips, with 95 % intervals. Shown: answers "
            "whose own test passes; for the others the app shows no parts. What cannot be told from a random "
            "explanation is not shown at all."
        )


def faithfulness_table(found: Mapping[Modality, Faithfulness]) -> str:
    """A row for each modality."""
    rows = [
        (
            f"**{MODALITY_TITLES[modality]}**",
            plain(one.corpus) + ("" if one.current else " (an earlier version of the model)"),
            str(one.n),
            _interval(one.deletion),
            _interval(one.insertion),
            f"{one.telling:.0%}",
        )
        for modality, one in found.items()
    ]
    return table(("", "Clips", "n", "Left out", "Put back", "Shown"), rows)


def _interval(area: tuple[float, float, float]) -> str:
    middle, low, high = (f"{100 * value:.1f}".replace("-", "−") for value in area)
    return f"{middle} [{low}, {high}]"
