"""The choice between the shipped models, where more than one works on this machine."""

from __future__ import annotations

import streamlit as st

from mmer_core.checkpoint import read_record
from mmer_core.default_model.card import AGAINST
from mmer_core.labels import Modality
from mmer_core.shipped import DEFAULT, MODELS, usable_models
from ui.figure import gain
from ui.models import chosen_folder, loader_of, use_model

TITLES = {DEFAULT: "Default", "large": "Large"}


@st.cache_data(show_spinner=False)
def usable() -> tuple[str, ...]:
    """Names of the models to choose from; looked for once, for the content of a large file has to be checked."""
    return usable_models()


def choose_model() -> None:
    """A choice between the models; nothing where only the default one works, and none while that one loads, which looking would slow down."""
    if not loader_of(MODELS[DEFAULT]).ready or len(usable()) < 2:
        return
    now = next((name for name in usable() if MODELS[name] == chosen_folder()), DEFAULT)
    st.segmented_control(
        "Model", usable(), default=now, format_func=TITLES.__getitem__, required=True, key="model-choice", on_change=_take, help=_difference()
    )


def _take() -> None:
    use_model(MODELS[st.session_state["model-choice"]])


@st.cache_data(show_spinner=False)
def _difference() -> str:
    """What the large model does otherwise, with its gains as its card states them."""
    gains = read_record(MODELS["large"])["figures"][Modality.TEXT.value][AGAINST]
    alone, told, web = (gain(row["weighted_f1"], row["low"], row["high"]) for row in (gains["alone"], gains["in dialogue"], gains["comments"]))
    return (
        "The large model reads words with a larger network, whose weights are on this machine. On dialogues that it was not trained on, its "
        f"weighted F1 differs by {alone} points for sentences alone, and by {told} behind what was said before; on comments from the web by {web}. "
        "Intervals (95 %) that include 0 may be chance. "
        "Voice and face are read by the same networks. It needs about .5 GB more memory."
    )
