"""The change from one run's confusions to another's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import streamlit as st

from mmer_core import metrics
from mmer_core.runs.run import CVRun, RunError
from ui import runs
from ui.export import offer_figure
from ui.figure import CONFIG
from ui.page import ink
from ui.plot import show_figure
from ui.results.confusion_charts import confusion_difference
from ui.text import plain, sentence_case


def show_difference(finished: Sequence[CVRun], subset: str | None) -> None:
    """Two boxes to name the runs, and the difference of their matrices."""
    st.markdown("#### Where their confusions differ")
    names, labels = [run.path.name for run in finished], runs.labels(finished)
    with st.container(horizontal=True):
        first = _pick("From", labels, 0, "compare-from", "The run that the other is compared with.")
        second = _pick(
            "To", labels, 1, "compare-to", "The run whose gains are blue and whose losses are orange."
        )
    one, two = finished[names.index(first)], finished[names.index(second)]
    if one.labels != two.labels:
        st.info(
            "These two tell different emotions apart, so their matrices cannot be subtracted: pick runs with "
            "the same classes.",
            icon=":material/info:",
        )
        return
    try:
        matrices, n = _shared_matrices(one, two, subset)
    except RunError as error:
        st.error(sentence_case(plain(str(error))), icon=":material/error:")
        return
    if not n:
        st.info(
            "These two share no clips, so their matrices cannot be subtracted: pick runs on the same corpus.",
            icon=":material/info:",
        )
        return
    st.caption(
        f"{plain(labels[second])} minus {plain(labels[first])}, in points of each true class, on {n:,} "
        "shared clips. Blue is better (more right, or less confused), orange is worse."
    )
    figure = confusion_difference(*matrices, one.labels, ink())
    alt = f"Change of the confusion matrix from {labels[first]} to {labels[second]}"
    show_figure(figure, config=CONFIG, key="compare-difference", alt=alt)
    offer_figure(figure, f"difference-{first}-{second}")


def _pick(label: str, labels: Mapping[str, str], index: int, key: str, help: str) -> str:
    names = list(labels)
    name = st.selectbox(label, names, index, labels.__getitem__, key=key, width=420, help=help)
    return str(name)


def _shared_matrices(one: CVRun, two: CVRun, subset: str | None) -> tuple[tuple[np.ndarray, np.ndarray], int]:
    """The (C, C) counts of both runs on the clips that both predicted, and how many these are.

    Raises:
        RunError: as `runs.answered`.
    """
    tables = [runs.answered(run, subset or run.full) for run in (one, two)]
    shared = tables[0].index.intersection(tables[1].index)
    first, second = (
        metrics.confusion_matrix(
            t.loc[shared, "y_true"].to_numpy(), t.loc[shared, "predicted"].to_numpy(), len(one.labels)
        )
        for t in tables
    )
    return (first, second), len(shared)
