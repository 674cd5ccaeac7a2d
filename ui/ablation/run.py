"""The worth of the modalities of one run: switches, scores, matrix, shares, disagreement, robustness. Each
part redraws alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import streamlit as st

from mmer_core import metrics
from mmer_core.labels import MODALITY_TITLES, Modality, parse_subset, subset_name, subsets
from mmer_core.runs.robustness import MEANS
from mmer_core.runs.run import CVRun
from ui import runs
from ui.ablation.charts import subset_bars
from ui.ablation.robustness import show_disagreement, show_robustness
from ui.ablation.scores import (
    MEANING,
    SCORES,
    answers,
    choose_score,
    intervals,
    majority,
    offer,
    subset_scores,
)
from ui.ablation.shares import show_shares
from ui.ablation.tables import confusion_rows, subset_rows
from ui.figure import CONFIG, number, score, signed, subset_title
from ui.page import ink
from ui.plot import show_figure
from ui.results.confusion_charts import NORMS, Norm, confusion_matrix
from ui.text import plain, sentence_case
from ui.use_model import offer_model, results_link

NOTHING_ON = "#### Nothing switched on"


def show_run(run: CVRun) -> None:
    """The whole evidence of one run.

    Raises:
        RunError: its predictions cannot be read.
    """
    answers(run)  # whatever is wrong with them is raised before anything is drawn
    for note in run.record.get("notes") or []:
        st.caption(f":material/info: {plain(sentence_case(str(note)))}")
    if worth := runs.modality_sentence(run):
        st.markdown(f"**{plain(worth)}**")
        st.caption(
            "Macro-F1 is the mean F1 of the emotions. Each loss is out of fold, with a 95 % interval by "
            "paired bootstrap over speakers (or what the folds keep apart)."
        )
    with st.container(horizontal=True):
        results_link([run.path.name], "Results of this run")
    offer_model(run.path, key="ablation")
    _switched(run)
    st.header("What each modality adds")
    show_shares(run)
    st.header("Where they disagree")
    show_disagreement(run)
    st.header("When modalities go missing")
    show_robustness(run)


@st.fragment
def _switched(run: CVRun) -> None:
    """Switches, and at once the scores, the matrix and the place among all subsets."""
    with st.container(horizontal=True, gap="medium"):
        on = [m for m in run.modalities if _switch(run, m)]
    subset = subset_name(on)
    record = subset_scores(run, subset)
    everything = subset_scores(run, run.full)
    with st.container(horizontal=True, gap="medium"):
        for metric, title in SCORES.items():
            _show_score(run, metric, title, record[metric], everything[metric][0])
    with st.container():  # always there, so that the figures below keep their places
        if not on:
            st.info(
                "Nothing is switched on: what is left is the class prior, so every clip is called "
                "the class most frequent in the training part.",
                icon=":material/info:",
            )
    left, right = st.columns(2, gap="medium")
    with left:
        _show_matrix(run, subset)
    with right:
        _show_subsets(run, subset)


def _switch(run: CVRun, modality: Modality) -> bool:
    title = MODALITY_TITLES[modality]
    return st.toggle(
        title,
        value=True,
        key=f"ablate-{run.path.name}-{modality}",
        help=f"Let the {title.lower()} count, or not.",
    )


def _show_score(
    run: CVRun, metric: str, title: str, figure: Sequence[float | None], full: float | None
) -> None:
    value = math.nan if figure[0] is None else figure[0]
    change = value - (math.nan if full is None else full)
    st.metric(
        title,
        f"{number(value)} :small[:gray[{_interval(figure)}]]",
        delta="everything on" if change == 0 else f"{signed(change)} points",
        delta_color="off" if change == 0 else "red" if change < 0 else "green",
        delta_arrow="off" if change == 0 else "down" if change < 0 else "up",
        help=f"{MEANING[metric]} In percent. {intervals(run)}",
        width="content",
    )


def _interval(figure: Sequence[float | None]) -> str:
    """ "[71.2, 83.0]" for Markdown; "" where unknown."""
    return score(figure).partition(" ")[2].replace("[", r"\[").replace("]", r"\]")


def _show_matrix(run: CVRun, subset: str) -> None:
    st.markdown(f"#### Confusions of {subset_title(subset).lower()}" if subset in run.metrics else NOTHING_ON)
    norm: Norm = st.segmented_control(
        "Cells",
        list(NORMS),
        default="true",
        required=True,
        key="ablation-norm",
        format_func=lambda n: NORMS[n],
        label_visibility="collapsed",
        help="The content of a cell: a number of clips, or their share of the row or of the column.",
    )
    confusion = answers(run).confusion(frozenset(parse_subset(subset)))
    figure = confusion_matrix(confusion, run.labels, norm, ink=ink())
    right = ", ".join(
        f"{label} {number(recall)}"
        for label, recall in zip(run.labels, metrics.per_class(confusion)["recall"], strict=True)
    )
    show_figure(
        figure,
        config=CONFIG,
        key="matrix",
        alt=f"Confusion matrix of {subset_title(subset)}. Recall in percent: {right}",
    )
    offer(confusion_rows(confusion, run.labels), figure, f"{run.path.name}-{subset}-confusion")
    st.caption(f"n {int(confusion.sum()):,}, out of fold.")


def _show_subsets(run: CVRun, subset: str) -> None:
    st.markdown("#### All combinations")
    metric = choose_score("subsets", SCORES)
    table = {name: subset_scores(run, name) for name in map(subset_name, subsets(run.modalities))}
    scores = {name: row[metric] for name, row in table.items()}
    lines = {"majority": majority(run)[metric]}
    if metric in MEANS:
        lines["chance"] = 1 / len(run.labels)
    figure = subset_bars(scores, subset, lines, ink())
    words = ", ".join(f"{subset_title(name)} {score(v)}" for name, v in scores.items())
    show_figure(
        figure,
        config=CONFIG,
        key="subsets",
        alt=f"{SCORES[metric]} of every combination, in percent: {words}",
    )
    offer(subset_rows(table), figure, f"{run.path.name}-subsets")
    st.caption(f"{SCORES[metric]} in percent, n {run.metrics[run.full]['n']:,}. {intervals(run)}")
