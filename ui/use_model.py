"""What can be done with a run next: its results, a comparison, its ablation, and its model in this visit."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from mmer_core.checkpoint import RECORD, CheckpointError
from ui.model_choice import reads
from ui.models import chosen_folder, record_of, use_model
from ui.page import PAGES
from ui.text import missing_sentence, plain, sentence_case

MODEL = "model"  # its folder in that of a run
NO_MODEL = (
    "This run keeps predictions and figures but no model, so it cannot read clips: train it again to get one."
)


def results_link(names: Sequence[str], label: str) -> None:
    """The link to one run on Results, or to several compared; it can be bookmarked."""
    several = len(names) > 1
    st.page_link(
        PAGES / "results.py",
        label=label,
        icon=":material/compare:" if several else ":material/grid_on:",
        query_params={"run": ",".join(names)},
        help=f"Open {'these runs side by side' if several else 'this run'} on the Results page.",
    )


def ablation_link(name: str, label: str = "Ablation of this run") -> None:
    """The link to a run on Ablation; it can be bookmarked."""
    st.page_link(
        PAGES / "ablation.py",
        label=label,
        icon=":material/tune:",
        query_params={"run": name},
        help="Switch its modalities off and see what each is worth.",
    )


def offer_model(run: Path, key: str) -> None:
    """The button, or one sentence why the run's model can read no clip; once it is in use, the way to
    Analyze.

    Args:
        run: folder of a finished run.
        key: of the button; the run's name is added.
    """
    folder = run / MODEL
    if not (folder / RECORD).is_file():
        st.caption(f":material/neurology: {NO_MODEL}")
        return
    try:
        record = record_of(folder)
    except CheckpointError as error:
        st.caption(f":material/neurology: {plain(sentence_case(str(error)))}")
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        if chosen_folder() == folder:
            st.markdown(f":green-badge[:material/check: {plain(record['name'])} is in use]")
            st.page_link(PAGES / "analyze.py", label="Read a clip with it", icon=":material/mood:")
        elif reads(record):
            st.button(
                "Use this model",
                icon=":material/neurology:",
                key=f"{key}-use-{run.name}",
                on_click=use_model,
                args=(folder,),
                help=f"Analyze and Live then read clips with the model of {run.name}, until you go back.",
            )
    if sentence := missing_sentence(record["modalities"]):
        st.caption(f":material/info: {plain(sentence)}")
