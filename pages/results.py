"""Results: every cross-validation run on this machine; one in full, or several against each other."""

from __future__ import annotations

import streamlit as st

from mmer_core.runs.run import RunError
from ui import runs
from ui.page import PAGES, frame
from ui.results.comparison import show_comparison
from ui.results.run import show_run
from ui.results.table import chosen, show_broken, show_table, show_training
from ui.text import plain, sentence_case

with frame("Results"):
    st.title("What was right, and what was not")
    entries = runs.listed()
    if not entries:
        st.info(
            f"No runs yet in {plain(str(runs.home()))}: train one on the Train page, or with the "
            "command below, and it appears here.",
            icon=":material/model_training:",
        )
        st.code(
            "python -m mmer_core train --manifest manifest.csv --fusion early --folds 5",
            language="sh",
            wrap_lines=True,
        )
        st.page_link(PAGES / "train.py", label="Train a model", icon=":material/model_training:")
        st.stop()
    st.caption(
        "Cross-validation: each clip is predicted by a model that met neither it nor its speaker (or "
        "dialogue) in training. "
        "Tick one run to see it in full, or several to compare them."
    )
    names = chosen(entries)
    training = [e.path.name for e in entries if e.status == "running"]
    if training:
        show_training(training)
    show_table(entries, names)
    show_broken(entries)
    opened = []
    for name in names:
        try:
            opened.append(runs.opened(name))
        except RunError as error:
            st.error(sentence_case(plain(str(error))), icon=":material/error:")
    if len(opened) == 1:
        show_run(opened[0])
    elif opened:
        show_comparison(opened)
