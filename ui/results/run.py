"""One run in full: its figures for any modality subset, confusions with their clips, folds and training,
calibration, and how it was made.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
import streamlit as st

from mmer_core import metrics
from mmer_core.labels import Modality
from mmer_core.runs.run import CVRun, RunError
from ui import runs
from ui.export import offer_figure, offer_table
from ui.figure import CONFIG, subset_title
from ui.page import ink
from ui.plot import show_figure
from ui.results.baseline import added_sentences
from ui.results.calibration_charts import reliability_diagram
from ui.results.charts import SCORE_TITLES
from ui.results.fold_charts import fold_scores, training_curves
from ui.results.matrix import show_matrix
from ui.results.run_card import show_card
from ui.results.table import percents
from ui.results.view import keep_view, keys, restore_view
from ui.text import plain, sentence_case
from ui.use_model import ablation_link, offer_model

MATRIX, FOLDS, CALIBRATION, CARD = "Confusions", "Folds and training", "Calibration", "Run card"


@st.fragment
def show_run(run: CVRun) -> None:
    """Everything about one run; a control redraws this part only, and only the tab that is open."""
    record, name = run.record, run.path.name
    st.header(plain(runs.title(run)), divider="gray")
    if not run.finished:
        _show_unfinished(run)
        return
    st.caption(f"{plain(name)} · {record['created'][:10]} · seed {record.get('seed', '?')}")
    if record.get("leaks"):
        st.warning(
            "The folds of this run are random: the same people are in training and test, and its "
            "figures are too good.",
            icon=":material/warning:",
        )
    for note in record.get("notes") or []:
        st.caption(f":material/info: {plain(sentence_case(str(note)))}")
    restore_view(run)
    subset = _pick_subset(run)
    _show_figures(run, subset)
    if worth := runs.modality_sentence(run):
        st.markdown(f"**Which modality matters?** {plain(worth)}")
    _show_added(run, subset)
    _show_ways_on(run)
    _show_tabs(run, subset)


def _show_ways_on(run: CVRun) -> None:
    """What can be done with the run next: its ablation, its model."""
    if len(run.modalities) > 1:
        ablation_link(run.path.name)
    offer_model(run.path, key="results")


def _show_tabs(run: CVRun, subset: str) -> None:
    """The tabs; only the one that is open is drawn."""
    shows: dict[str, Callable[[CVRun, str], None]] = {
        MATRIX: show_matrix,
        FOLDS: _show_folds,
        CALIBRATION: _show_calibration,
        CARD: lambda run, _: show_card(run),
    }
    tabs = st.tabs(list(shows), on_change="rerun", key=f"tab-{run.path.name}")
    for show, tab in zip(shows.values(), tabs, strict=True):
        if tab.open:
            with tab:
                try:
                    show(run, subset)
                except RunError as error:
                    st.error(sentence_case(plain(str(error))), icon=":material/error:")


def _pick_subset(run: CVRun) -> str:
    subsets = list(run.metrics)
    if len(subsets) == 1:
        return subsets[0]
    picked = st.segmented_control(
        "Modalities",
        subsets,
        format_func=subset_title,
        default=run.full,
        required=True,
        key=keys(run.path.name)["subset"],
        on_change=keep_view,
        args=(run,),
        help="What the same models answered when only these modalities were given to them.",
    )
    return str(picked or run.full)


def _show_figures(run: CVRun, subset: str) -> None:
    """Three scores, each with its interval, and the baselines as help."""
    figures = run.metrics[subset]
    with st.container(horizontal=True):
        for metric in ("accuracy", "ua", "weighted_f1"):
            value, low, high = figures[metric]
            ends = (
                "no interval: one group only"
                if low is None or high is None
                else f"95 %: {100 * low:.1f} to {100 * high:.1f}"
            )
            st.metric(
                SCORE_TITLES[metric],
                f"{100 * value:.1f} %",
                ends,
                delta_color="off",
                delta_arrow="off",
                border=True,
                help=f"Over {figures['n']:,} clips, each predicted by a model that did not meet its group in "
                f"training.{_majority_sentence(run, metric)}",
            )


def _show_added(run: CVRun, subset: str) -> None:
    """The linear baseline and the test against it; nothing for a run without it."""
    sentences = added_sentences(run, subset)
    if sentences:
        st.markdown("**What does the network add?** " + " ".join(plain(s) for s in sentences))


def _majority_sentence(run: CVRun, metric: str) -> str:
    majority = ((run.record.get("baselines") or {}).get("majority") or {}).get(metric)
    if majority is None:
        return ""
    return f" Always answering the most frequent class gives {100 * majority:.1f} %."


def _show_folds(run: CVRun, subset: str) -> None:
    name = run.path.name
    folds = run.metrics[subset]["folds"]
    st.markdown(f"#### Scores of each fold: {subset_title(subset).lower()}")
    show_figure(
        fold_scores(folds, ink()),
        config=CONFIG,
        key=f"folds-{name}",
        alt=f"Scores of {len(folds['accuracy']['each'])} folds",
    )
    offer_figure(fold_scores(folds, ink()), f"folds-{name}-{subset}")
    table = pd.DataFrame({"Fold": range(len(folds["accuracy"]["each"]))})
    for metric, title in SCORE_TITLES.items():
        table[f"{title}, %"] = [None if v is None else round(100 * v, 1) for v in folds[metric]["each"]]
    st.dataframe(table, hide_index=True, column_config=percents(table), alt="Scores of each fold")
    offer_table(table, f"fold-scores-{name}-{subset}")
    history = runs.history(run)
    if not len(history):
        return
    st.markdown("#### Training")
    parts = sorted(history["part"].unique().tolist())
    part = parts[0]
    if len(parts) > 1:
        part = st.segmented_control(
            "Network",
            parts,
            format_func=_part_title,
            default=parts[0],
            required=True,
            key=f"part-{name}",
            help="A late model has one network for each modality; pick whose training to see.",
        )
    show_curves(history[history["part"] == part], name, str(part))


def _part_title(part: str) -> str:
    return subset_title(part) if part in list(Modality) else part


def show_curves(history: pd.DataFrame, name: str, part: str) -> None:
    """Training curves with what they mean, and the buttons to take them away."""
    figure = training_curves(history, ink())
    show_figure(
        figure,
        config=CONFIG,
        key=f"curves-{name}",
        alt=f"Loss and validation score by epoch, {history['fold'].nunique()} folds",
    )
    st.caption(
        "Dotted: training part. Solid: validation part, taken from it by the same groups. A star "
        "marks the epoch that was chosen. "
        "The tested clips play no part in any of it."
    )
    offer_figure(figure, f"training-{name}-{part or 'all'}")
    offer_table(history, f"history-{name}-{part or 'all'}")


def _show_calibration(run: CVRun, subset: str) -> None:
    name, figures = run.path.name, run.metrics[subset]
    tables = {}
    for key, calibrated in (("before", False), ("after", True)):
        rows = runs.predictions(run, subset, calibrated=calibrated)
        tables[key] = metrics.reliability(rows[run.probability_columns].to_numpy(), rows["y_true"].to_numpy())
    st.markdown(f"#### Does 70 % mean right in 70 % of clips? (n = {figures['n']:,})")
    st.caption(
        f"Mean gap between confidence and being right (ECE): {_percent(figures.get('ece'))} before "
        "temperature scaling and "
        f"{_percent(figures.get('ece_calibrated'))} after. Each fold's temperature was found on its "
        "validation part. "
        "Below the dashed line the model is too sure of itself."
    )
    figure = reliability_diagram(tables["before"], tables["after"], ink())
    show_figure(
        figure,
        config=CONFIG,
        key=f"reliability-{name}",
        alt="Share of right answers by confidence, before and after temperature scaling",
    )
    offer_figure(figure, f"reliability-{name}-{subset}")
    table = pd.concat(
        [pd.DataFrame(t).assign(scaling=key, bin=range(len(t["count"]))) for key, t in tables.items()]
    )
    offer_table(table[["scaling", "bin", "count", "confidence", "accuracy"]], f"reliability-{name}-{subset}")


def _percent(share: Any) -> str:
    return "–" if share is None else f"{100 * share:.1f} %"


def _show_unfinished(run: CVRun) -> None:
    """A run that is still trained, was stopped, or failed: how far it is, why it ended, and the curves so
    far.
    """
    record, progress = run.record, runs.progress(run)
    done = f"{progress['done']} of {progress['folds']} folds are done"
    if record["status"] == "running":
        st.info(
            f"Still in training: {done}; its results appear here when it ends.", icon=":material/hourglass:"
        )
    elif record["status"] == "failed":
        st.error(
            sentence_case(plain(f"The training failed: {record.get('reason') or 'no reason was written'}")),
            icon=":material/error:",
        )
    else:
        st.warning(
            f"The training was stopped; {done}. The command on the card below goes on where it was.",
            icon=":material/pause:",
        )
    curves = progress["curves"]
    if {"epoch", "validation_loss"} <= set(curves):
        part = str(curves["part"].iloc[0])
        show_curves(curves[curves["part"] == part], run.path.name, part)
    show_card(run)
