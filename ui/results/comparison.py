"""Several runs against each other: scores with intervals beside published figures and baselines, paired
tests, and where their confusions differ.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import streamlit as st

from mmer_core.runs.comparison import Comparison
from mmer_core.runs.run import CVRun, RunError
from ui import runs
from ui.export import offer_figure, offer_table
from ui.figure import CONFIG, gain, score, subset_title
from ui.page import ink
from ui.plot import show_figure
from ui.results.charts import SCORE_TITLES, score_rows
from ui.results.difference import show_difference
from ui.results.score_table import score_table
from ui.results.table import percents
from ui.text import plain

TESTED = 6  # runs tested against each other at once: fifteen pairs
_OWN = "all modalities of each run"


@st.fragment
def show_comparison(opened: Sequence[CVRun]) -> None:
    """Everything about several runs; a control redraws this part only."""
    finished = [run for run in opened if run.finished]
    st.header(f"{len(opened)} runs compared", divider="gray")
    for run in opened:
        if not run.finished:
            st.info(
                f"{plain(run.name)} is {run.record['status']} and has no results to compare yet.",
                icon=":material/hourglass:",
            )
    if len(finished) < 2:
        st.info("Tick one more finished run to compare.", icon=":material/compare:")
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        metric, subset = _pick_metric(), _pick_subset(finished)
    _show_scores(finished, metric, subset)
    _show_tests(finished, metric, subset)
    show_difference(finished, subset)


def _pick_metric() -> str:
    return str(
        st.segmented_control(
            "Score",
            list(SCORE_TITLES),
            format_func=SCORE_TITLES.__getitem__,
            default="accuracy",
            required=True,
            key="compare-score",
            wrap=True,
            help="UA weighs every emotion the same; weighted F1 weighs them by how often they occur.",
        )
    )


def _pick_subset(finished: Sequence[CVRun]) -> str | None:
    shared = [s for s in finished[0].metrics if all(s in run.metrics for run in finished)]
    picked = st.selectbox(
        "Modalities",
        [_OWN, *shared],
        format_func=lambda s: s.capitalize() if s == _OWN else subset_title(s),
        key="compare-subset",
        width=260,
        help="Every run with all its modalities, or each with only these.",
    )
    return None if picked == _OWN else str(picked)


def _show_scores(finished: Sequence[CVRun], metric: str, subset: str | None) -> None:
    rows = score_table(finished, metric, subset)
    st.markdown(
        f"#### {SCORE_TITLES[metric]}, %, with {_OWN if subset is None else subset_title(subset).lower()}"
    )
    figure = score_rows(rows, metric, ink())
    show_figure(
        figure,
        config=CONFIG,
        key="compare-scores",
        alt="; ".join(f"{r.name} {score((r.value, r.low, r.high))}" for r in rows),
    )
    offer_figure(figure, f"comparison-{metric}")
    st.caption(
        "Points are runs, with 95 % intervals by bootstrap over speakers (or what the folds keep apart). "
        "Open marks are what they are measured against."
    )
    for source in dict.fromkeys(r.detail for r in rows if r.kind in ("model", "people")):
        names = " · ".join(r.name for r in rows if r.detail == source)
        st.caption(f"{plain(names)}: {plain(source)}")
    table = pd.DataFrame(
        [
            (r.name, *(None if v is None else round(100 * v, 1) for v in (r.value, r.low, r.high)), r.detail)
            for r in rows
        ]
    )
    table.columns = pd.Index(["Run", f"{SCORE_TITLES[metric]}, %", "Low, %", "High, %", "What it is"])
    with st.expander("Show as table", icon=":material/table:"):
        st.dataframe(table, hide_index=True, column_config=percents(table), alt="Scores with intervals")
        offer_table(table, f"comparison-{metric}")


def pair_table(pairs: Sequence[Comparison], labels: Mapping[str, str]) -> pd.DataFrame:
    """One row for each pair, differences in percentage points, p-values corrected after Holm; `labels` are
    those of the runs by their names.
    """
    return pd.DataFrame(
        [
            {
                "First": labels.get(p.first, p.first),
                "Second": labels.get(p.second, p.second),
                "Second − first, points": _points(p),
                "p (bootstrap)": _p_value(p.p_bootstrap),
                "p (McNemar)": _p_value(p.p_mcnemar),
                "Only first right": p.test.only_first,
                "Only second right": p.test.only_second,
                "Verdict": _verdict(p),
            }
            for p in pairs
        ]
    )


def _p_value(p: float) -> str:
    if np.isnan(p):
        return "–"
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def _points(pair: Comparison) -> str:
    d = pair.test.difference
    return gain(d.value, d.low, d.high)


def _verdict(pair: Comparison) -> str:
    """Which is better, if both the interval and the corrected test bear it out."""
    d = pair.test.difference
    if np.isnan(d.low) or not (d.low > 0 or d.high < 0) or not pair.p_bootstrap < 0.05:
        return "no difference shown"
    return "second is better" if d.value > 0 else "first is better"


def _show_tests(finished: Sequence[CVRun], metric: str, subset: str | None) -> None:
    st.markdown("#### Is the difference more than luck?")
    if len(finished) > TESTED:
        st.info(
            f"Tests of more than {TESTED} runs at once say little after correction: tick at most {TESTED}.",
            icon=":material/info:",
        )
        return
    try:
        pairs = runs.compared(list(finished), metric, subset)
    except RunError as error:
        reason = str(error)
        for run in finished:
            reason = reason.replace(str(run.path), run.path.name)
        st.info(f"No paired test: {plain(reason)}.", icon=":material/info:")
        return
    table = pair_table(pairs, runs.labels(finished))
    st.dataframe(
        table,
        hide_index=True,
        alt="Paired tests",
        column_config={
            **{side: st.column_config.TextColumn(width=230) for side in ("First", "Second")},
            "Second − first, points": st.column_config.TextColumn(width=170),
        },
    )
    st.caption(
        f"On the {pairs[0].test.n:,} clips that all of them predicted. The interval and its p resample "
        "speakers (or what the folds keep apart), "
        "2,000 times; McNemar's test takes clips as independent and is the less careful of the two. "
        "Both are corrected after Holm for "
        f"{len(pairs)} pair{'s' if len(pairs) > 1 else ''}."
    )
    offer_table(table, f"paired-tests-{metric}")
