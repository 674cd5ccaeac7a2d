"""The confusion matrix of a run and the scores of each class; a click on a cell lists its clips."""

from __future__ import annotations

import numpy as np
import pandas as pd
import streamlit as st

from mmer_core import metrics
from mmer_core.runs.run import CVRun
from ui import runs
from ui.export import offer_figure, offer_table
from ui.figure import CONFIG, subset_title
from ui.page import ink
from ui.plot import show_figure
from ui.results.cell import show_cell
from ui.results.charts import class_scores
from ui.results.confusion_charts import NORMS, Norm, confusion_matrix
from ui.results.table import percents
from ui.results.view import ALL, folds_of, keep_view, keys
from ui.theme import emotion_name


def show_matrix(run: CVRun, subset: str) -> None:
    """Matrix and classes side by side, the clips of the chosen cell below."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        norm, fold = _pick_norm(run.path.name), _pick_fold(run)
    confusion = counts(run, subset, fold)
    title = (
        f"{subset_title(subset)}, {ALL.lower() if fold is None else f'fold {fold}'}, "
        f"n = {int(confusion.sum()):,}"
    )
    stem = f"{run.path.name}-{subset}" + ("" if fold is None else f"-fold-{fold}")
    left, right = st.columns([3, 2], gap="medium")
    with left:
        _show_confusion(run, confusion, norm, title, stem)
    with right:
        _show_classes(run, confusion, title, stem)
    _show_tables(run, confusion, stem)
    show_cell(run, subset, fold)


def _show_confusion(run: CVRun, confusion: np.ndarray, norm: Norm, title: str, stem: str) -> None:
    st.markdown("#### What was shown, and what it was read as")
    st.caption(f"{title}. {NORMS[norm]}. Blue is right, orange is confused; click a cell to list its clips.")
    figure = confusion_matrix(confusion, run.labels, norm, _cell(run), ink())
    show_figure(
        figure,
        config=CONFIG,
        key=f"matrix-{run.path.name}",
        on_select=lambda: _take_click(run),
        selection_mode="points",
        alt=_in_words(confusion, run.labels),
    )
    offer_figure(figure, f"confusion-{stem}-{norm}")


def _show_classes(run: CVRun, confusion: np.ndarray, title: str, stem: str) -> None:
    st.markdown("#### Each emotion")
    st.caption(f"{title}. Bars are F1.")
    chart = class_scores(confusion, run.labels, ink())
    alt = "F1, precision and recall of each emotion"
    show_figure(chart, config=CONFIG, key=f"classes-{run.path.name}", alt=alt)
    offer_figure(chart, f"class-scores-{stem}")


def _show_tables(run: CVRun, confusion: np.ndarray, stem: str) -> None:
    table = class_table(confusion, run.labels)
    matrix = pd.DataFrame(confusion, columns=[f"read as {c}" for c in run.labels])
    matrix.insert(0, "shown", run.labels)
    with st.expander("Figures of each emotion", icon=":material/table:"):
        alt = "Precision, recall, F1 and number of clips of each emotion"
        st.dataframe(table, hide_index=True, column_config=percents(table), alt=alt)
        offer_table(table, f"per-class-{stem}")
        st.dataframe(matrix, hide_index=True, alt="Counts of the confusion matrix")
        offer_table(matrix, f"confusion-{stem}")


def counts(run: CVRun, subset: str, fold: int | None) -> np.ndarray:
    """(C, C) counts, pooled or of one fold."""
    if fold is None:
        return run.confusion(subset)
    rows = runs.predictions(run, subset)
    rows = rows[rows["fold"] == fold]
    return metrics.confusion_matrix(
        rows["y_true"].to_numpy(), rows[run.probability_columns].to_numpy().argmax(axis=1), len(run.labels)
    )


def class_table(confusion: np.ndarray, labels: tuple[str, ...]) -> pd.DataFrame:
    """Precision, recall and F1 in percent, and support, of each class."""
    table = metrics.per_class(confusion)
    shown = {"Emotion": [emotion_name(label) for label in labels]}
    figures = {
        f"{title}, %": np.round(100 * table[key], 1)
        for key, title in (("precision", "Precision"), ("recall", "Recall"), ("f1", "F1"))
    }
    return pd.DataFrame({**shown, **figures, "Clips (support)": table["support"]})


def _pick_norm(name: str) -> Norm:
    return st.segmented_control(
        "Cells show",
        list(NORMS),
        format_func=lambda norm: NORMS[norm],
        default="true",
        required=True,
        key=f"norm-{name}",
        help="Counts of clips; or shares of the clips that show an emotion (rows add up to 100 %); or of "
        "those read as one (columns do).",
    )


def _pick_fold(run: CVRun) -> int | None:
    each = folds_of(run)
    picked = st.selectbox(
        "Folds",
        [ALL, *each],
        key=keys(run.path.name)["fold"],
        on_change=keep_view,
        args=(run,),
        width=160,
        help="The clips of all folds together, or only those that one fold tested.",
    )
    return None if picked == ALL else each.index(picked)


def _cell(run: CVRun) -> tuple[int, int] | None:
    shown, read = (st.session_state.get(keys(run.path.name)[part]) for part in ("shown", "read"))
    return (
        (run.labels.index(shown), run.labels.index(read))
        if shown in run.labels and read in run.labels
        else None
    )


def _take_click(run: CVRun) -> None:
    """A click on a cell fills the boxes below; a click beside the cells changes nothing."""
    points = st.session_state[f"matrix-{run.path.name}"]["selection"]["points"]
    if points:
        for part, index in zip(("shown", "read"), points[0]["customdata"], strict=True):
            st.session_state[keys(run.path.name)[part]] = run.labels[int(index)]
        keep_view(run)


def _in_words(confusion: np.ndarray, labels: tuple[str, ...]) -> str:
    """The strongest confusions, for those who do not see the matrix."""
    errors = confusion * (1 - np.eye(len(labels), dtype=int))
    order = np.argsort(-errors, axis=None, kind="stable")[:3]
    worst = [
        (labels[i // len(labels)], labels[i % len(labels)], int(errors.flat[i]))
        for i in order
        if errors.flat[i]
    ]
    return "Confusion matrix. Most frequent confusions: " + (
        "; ".join(f"{t} read as {p} {n} times" for t, p, n in worst) or "none"
    )
