"""The Shapley shares of each modality in the score of a run and in the recall of each emotion."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import streamlit as st

from mmer_core.labels import MODALITY_TITLES, Modality
from mmer_core.runs.ablation import Shares
from mmer_core.runs.run import CVRun
from ui.ablation.scores import SCORES, choose_score, intervals, offer, recall_shares, score_shares
from ui.ablation.share_charts import score_steps, share_table
from ui.ablation.tables import recall_rows, share_rows
from ui.figure import CONFIG, number, signed
from ui.page import ink
from ui.plot import show_figure
from ui.text import plain


@st.fragment
def show_shares(run: CVRun) -> None:
    """Shapley shares of the score and of each class's recall."""
    left, right = st.columns(2, gap="medium")
    with left:
        st.markdown("#### To the score")
        metric = choose_score("shares", SCORES)
        shares = score_shares(run, metric)
        figure = score_steps(shares, "Everything on", ink=ink())
        words = ", ".join(f"{MODALITY_TITLES[m]} {signed(float(v))} points" for m, v in shares.value.items())
        show_figure(
            figure,
            config=CONFIG,
            key="shares",
            alt=f"{SCORES[metric]} from {number(float(shares.start))} on: {words}",
        )
        offer(share_rows(shares), figure, f"{run.path.name}-shapley-{metric}")
        st.caption(
            f"{SCORES[metric]} in percent. Each step is a Shapley value: what the modality adds, "
            "averaged over every order of adding them. "
            "The start, with no modality at all, is the class most frequent in training; the steps "
            f"sum to the rest. {intervals(run)}"
        )
    with right:
        st.markdown("#### To each emotion")
        _show_recalls(run)


def _show_recalls(run: CVRun) -> None:
    shares = recall_shares(run)
    ends = {m: (shares.low[m], shares.high[m]) for m in shares.value}
    figure = share_table(
        run.labels,
        shares.start,
        shares.value,
        shares.total,
        names=("Guess", "All on"),
        ink=ink(),
        intervals=ends,
    )
    show_figure(
        figure, config=CONFIG, key="recalls", alt=f"Recall of each emotion: {_strongest(shares, run.labels)}"
    )
    offer(recall_rows(shares, run.labels), figure, f"{run.path.name}-shapley-recall")
    st.markdown(plain(_strongest(shares, run.labels)))
    st.caption(
        "Recall in percent: of the clips that show an emotion, how many are recognised. The start "
        "is a guess by class frequency; each modality's "
        "Shapley value adds (blue) or takes away (orange); the row sums to the recall with "
        "everything on. Point at a cell for its interval."
    )


def _strongest(shares: Shares, labels: Sequence[str]) -> str:
    """A sentence: what each modality adds most to."""
    parts = []
    for modality, values in shares.value.items():
        best = int(np.nanargmax(values))
        verb = "add" if modality is Modality.TEXT else "adds"  # words are many
        parts.append(
            f"{MODALITY_TITLES[modality]} {verb} most to {labels[best]} "
            f"({signed(float(values[best]))} points)"
        )
    return "; ".join([parts[0], *(p[0].lower() + p[1:] for p in parts[1:])]) + "."
