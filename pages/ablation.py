"""Switch modalities off and see what each is worth, over a whole run or for the clip last analysed."""

from __future__ import annotations

import streamlit as st

from mmer_core.runs.run import RunError
from ui import runs
from ui.ablation.clip import show_last_clip
from ui.ablation.run import show_run
from ui.page import PAGES, frame
from ui.text import plain, sentence_case

RUN, CLIP = "A run", "The last clip"
CHOICE = "ablation-run"


def chosen_run(names: list[str], titles: dict[str, str]) -> str:
    """The run to show: the one in the address, else the newest. Only choosing another changes the address,
    so that one step back goes back.
    """
    asked = st.query_params.get("run")
    if asked is not None and asked not in titles:
        st.warning(
            f"{plain(asked)} is not a run with two or more modalities here: this is the newest.",
            icon=":material/search_off:",
        )
    st.session_state[CHOICE] = asked if asked in titles else names[0]
    name = st.selectbox(
        "Run",
        names,
        key=CHOICE,
        on_change=lambda: st.query_params.update({"run": st.session_state[CHOICE]}),
        format_func=lambda n: titles[n],
        help="Finished runs with two or more modalities, newest first.",
    )
    return str(name)


def show_chosen_run() -> None:
    """The select box and the evidence, or how to get a run."""
    records = {
        e.path.name: e.record
        for e in runs.listed()
        if e.record and e.status == "finished" and len(e.record["modalities"]) > 1
    }
    if not records:
        st.info(
            "There is no finished run with two or more modalities yet: train one, and it appears here.",
            icon=":material/model_training:",
        )
        st.page_link(PAGES / "train.py", label="Train a model", icon=":material/model_training:")
        return
    titles = runs.titles()
    name = chosen_run(list(records), {n: titles[n] for n in records})
    st.caption(f"In the folder {plain(name)}.")
    try:
        show_run(runs.opened(name))
    except RunError as error:
        st.error(plain(sentence_case(str(error))), icon=":material/error:")


with frame("Ablation"):
    st.title("What is each modality worth?")
    of = st.segmented_control(
        "Of what",
        [RUN, CLIP],
        default=RUN,
        required=True,
        key="of",
        bind="query-params",
        label_visibility="collapsed",
        help="Over all clips of a cross-validation run, or for the clip you analysed last.",
    )
    if of == CLIP:
        show_last_clip()
    else:
        show_chosen_run()
