"""Where the modalities of a run disagree and who is right then, and what is left as they go missing."""

from __future__ import annotations

import numpy as np
import streamlit as st

from mmer_core.labels import MODALITY_TITLES, parse_subset, subset_name, subsets
from mmer_core.runs.robustness import MEANS, disagreement, robustness
from mmer_core.runs.run import CVRun
from ui.ablation.charts import case_names, disagreement_bars, robustness_lines
from ui.ablation.scores import SCORES, answers, choose_score, majority, offer
from ui.ablation.tables import case_rows, robustness_rows
from ui.figure import CONFIG, number, subset_title
from ui.page import ink
from ui.plot import show_figure

_MISSING = np.linspace(0, 1, 21)


@st.fragment
def show_disagreement(run: CVRun) -> None:
    """Five ways in which two modalities relate, and who is right."""
    pairs = [subset_name(s) for s in subsets(run.modalities) if len(s) == 2]
    pair = pairs[0]
    if len(pairs) > 1:
        pair = st.segmented_control(
            "Which two",
            pairs,
            default=pair,
            required=True,
            key=f"pair-{run.path.name}",
            format_func=subset_title,
            help="Compare what these two modalities answer, each on its own.",
        )
    first, second = parse_subset(pair)
    answered = answers(run)
    cases = disagreement(answered, first, second)
    figure = disagreement_bars(cases, first, second, ink())
    names = case_names(first, second)
    words = ", ".join(f"{names[c.kind]} {number(c.share)}" for c in cases)
    show_figure(figure, config=CONFIG, key="disagreement", alt=f"Share of clips in percent: {words}")
    offer(case_rows(cases, names), figure, f"{run.path.name}-disagreement-{first}-{second}")
    either = sum(c.share for c in cases[:3])
    differ = 1 - sum(c.share for c in cases if c.kind in ("both right", "same error"))
    st.markdown(
        f"They give different answers for {number(differ)}% of the {len(answered.truth):,} clips. At "
        "least one of the two is right for "
        f"{number(either)}%: a fusion that always trusted the right one would reach that; with everything on "
        f"it is {number(float(answered.right(answered.full).mean()))}%."
    )
    st.caption("Length: share of clips. Solid: the answer with everything on is right; pale: it is wrong.")


@st.fragment
def show_robustness(run: CVRun) -> None:
    """Robustness curves."""
    metric = choose_score("missing", {m: SCORES[m] for m in MEANS})
    result = robustness(answers(run), _MISSING, metric)
    figure = robustness_lines(result, majority(run)[metric], ink())
    words = ", ".join(
        f"without {MODALITY_TITLES[m].lower()} {number(float(c[-1]))}" for m, c in result.without.items()
    )
    alt = (
        f"Expected {SCORES[metric]} from {number(float(result.random[0]))} with nothing missing to, when "
        f"all clips lack it: {words}"
    )
    show_figure(figure, config=CONFIG, key="missing", alt=alt)
    offer(robustness_rows(result), figure, f"{run.path.name}-missing-{metric}")
    st.caption(
        f"{SCORES[metric]} in percent, its expectation: computed exactly from the stored answers of "
        "every combination, nothing sampled. "
        "“One at random”: each clip concerned lacks one modality, drawn evenly. “The worst one”: it "
        "lacks whichever loss makes it wrong. "
        "“Each independently”: every modality of every clip is missing with this probability; "
        "with none left the answer is the class most frequent in training."
    )
