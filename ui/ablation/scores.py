"""The scores behind the ablation page: those to choose from, of any subset, cached between reruns."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from mmer_core import metrics
from mmer_core.runs import ablation
from mmer_core.runs.ablation import Shares
from mmer_core.runs.run import CVRun
from mmer_core.runs.subset_predictions import NOTHING, SubsetPredictions, subset_predictions
from ui.export import offer_figure, offer_table
from ui.results.charts import SCORE_TITLES

SCORES = {m: SCORE_TITLES[m] for m in ("accuracy", "ua", "weighted_f1")}
MEANING = {
    "accuracy": "Share of clips that are right (also called WA or micro-F1).",
    "ua": "Unweighted accuracy: the mean of the classes' recalls, so that rare classes count as much as "
    "frequent ones.",
    "weighted_f1": "F1 of each class, averaged with the number of its clips as weight.",
}
_KEPT = 32  # small tables of numbers


def subset_scores(run: CVRun, subset: str) -> dict[str, list[float | None]]:
    """{metric: [value, low, high]} of a subset; of the majority class for none, without ends."""
    if subset == "none":
        return {metric: [value, None, None] for metric, value in majority(run).items()}
    return {metric: run.metrics[subset][metric] for metric in SCORES}


def majority(run: CVRun) -> dict[str, float]:
    """Scores of always answering the class most frequent in training."""
    return metrics.scores(answers(run).confusion(NOTHING))


def intervals(run: CVRun) -> str:
    """A sentence on the intervals of a run."""
    return f"Intervals: 95 %, bootstrap over {run.record['plan'].get('groups', 'speaker')}s."


def answers(run: CVRun) -> SubsetPredictions:
    """The answers of every subset, read once.

    Raises:
        RunError: as `subset_predictions`.
    """
    return _answers(_identity(run), run)


def score_shares(run: CVRun, metric: str) -> Shares:
    """Shapley shares of a whole score, computed once."""
    return _score_shares(_identity(run), metric, answers(run))


def recall_shares(run: CVRun) -> Shares:
    """Shapley shares of the classes' recalls, computed once."""
    return _recall_shares(_identity(run), answers(run))


def choose_score(place: str, titles: dict[str, str]) -> str:
    """Which score to show; the same choice looks the same everywhere."""
    return str(
        st.segmented_control(
            "Score",
            list(titles),
            default=next(iter(titles)),
            required=True,
            key=f"score-{place}",
            format_func=lambda m: titles[m],
            label_visibility="collapsed",
            help="Which score to show: " + " ".join(f"{titles[m]}: {MEANING[m]}" for m in titles),
        )
    )


def offer(table: pd.DataFrame, figure: go.Figure, name: str) -> None:
    """Buttons that save the table and the figure."""
    with st.container(horizontal=True, gap="small"):
        offer_table(table, name)
        offer_figure(figure, name)


def _identity(run: CVRun) -> tuple[str, ...]:
    """Changes with the run's content; the key of what is computed from it."""
    return (
        str(run.path),
        str(run.record["created"]),
        *run.labels,
        *(str(f["sha256"]) for f in run.record.get("files", {}).values()),
    )


@st.cache_resource(show_spinner=False, max_entries=8)
def _answers(identity: tuple[str, ...], _run: CVRun) -> SubsetPredictions:
    return subset_predictions(_run)


@st.cache_resource(show_spinner=False, max_entries=_KEPT)
def _score_shares(identity: tuple[str, ...], metric: str, _of: SubsetPredictions) -> Shares:
    return ablation.score_shares(_of, metric)


@st.cache_resource(show_spinner=False, max_entries=_KEPT)
def _recall_shares(identity: tuple[str, ...], _of: SubsetPredictions) -> Shares:
    return ablation.recall_shares(_of)
