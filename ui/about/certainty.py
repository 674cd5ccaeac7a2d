"""Reliability of the answers, and for whom: chart, tables and sentences from a model's card, free of
Streamlit. Whatever the card does not hold is left out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import plotly.graph_objects as go

from mmer_core.labels import MODALITY_TITLES, Modality, parse_subset
from ui.about.model_card import figures_of, in_words, subset_figures, table
from ui.figure import percent, quiet, subset_colour, subset_title
from ui.results.charts import inked
from ui.text import listed
from ui.theme import OUTLINE

_DASHES = {"text+audio": "dash", "text+visual": "dot", "audio+visual": "dashdot"}  # pairs share a colour
_LANGUAGES = {"ravdess": "English", "emodb": "German"}
_APART = "apart"
_VOICES = {
    "female": "women",
    "male": "men",
    "as_recorded": "everybody",
    _APART: "everybody, corpus left out of training",
}  # by their keys in the card


def risk_subsets(card: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """{subset: its figures} of those with a risk-coverage curve, fewest modalities first."""
    rows = subset_figures(card)
    ordered = sorted(rows, key=lambda n: len(parse_subset(n)))
    return {name: rows[name] for name in ordered if rows[name].get("risk_curve")}


def risk_lines(card: Mapping[str, Any], ink: str | None = None) -> go.Figure:
    """The share of wrong answers over the share of inputs that get one, a line for each subset; a dot marks
    the model's threshold.
    """
    figure = go.Figure()
    for name, row in risk_subsets(card).items():
        _add_risk(figure, name, row)
    axis = {
        "fixedrange": True,
        "ticksuffix": " %",
        "zeroline": False,
        "gridcolor": "rgba(124,130,138,0.25)",
        "rangemode": "tozero",
    }
    figure.update_xaxes(**axis, title_text="Inputs that get a plain answer", range=[0, 102])
    figure.update_yaxes(**axis, title_text="Wrong among them")
    inked(quiet(figure, ink, height=430), ink)
    legend = {"orientation": "h", "yref": "container", "y": 0, "yanchor": "bottom", "x": 0}
    return figure.update_layout(showlegend=True, legend=legend, margin={"l": 56, "b": 130})


def _add_risk(figure: go.Figure, name: str, row: Mapping[str, Any]) -> None:
    """The curve of one subset, and the dot of its threshold where that is known."""
    coverage, risk = zip(*row["risk_curve"], strict=True)
    title, colour = subset_title(name), subset_colour(name)
    width = 3 if len(parse_subset(name)) > 2 else 2
    figure.add_scatter(
        x=[100 * c for c in coverage],
        y=[100 * r for r in risk],
        mode="lines",
        line={"color": colour, "width": width, "dash": _DASHES.get(name, "solid")},
        name=title,
        hovertemplate=f"{title}: of the %{{x:.0f}} % surest answers %{{y:.1f}} % are wrong<extra></extra>",
    )
    if unsure := row.get("unsure"):
        figure.add_scatter(
            x=[100 * unsure["coverage"]],
            y=[100 * unsure["risk"]],
            mode="markers",
            marker={"color": colour, "size": 11, "line": {"color": OUTLINE, "width": 1.5}},
            name=f"{title}, threshold",
            showlegend=False,
            hovertemplate=f"{title}, plain answers: %{{x:.0f}} % of the inputs, %{{y:.1f}} % "
            "wrong<extra></extra>",
        )


def risk_sentence(card: Mapping[str, Any], unsure_below: float) -> str:
    """The effect of the threshold on the answers from everything that the model reads; "" where the card does
    not state it.
    """
    rows = risk_subsets(card)
    if not rows or not unsure_below:
        return ""
    name, row = list(rows.items())[-1]
    if not (unsure := row.get("unsure")):
        return ""
    limit, given, wrong, always = (
        100 * v for v in (unsure_below, unsure["coverage"], unsure["risk"], unsure["risk_of_all"])
    )
    return (
        f"Below {limit:.1f} % an answer is called unsure (the dots): from "
        f"{subset_title(name).lower()}, {given:.1f} % of the answers are then given "
        f"plainly and {wrong:.1f} % of those are wrong, against {always:.1f} % if it always answered."
    )


def unlike_table(card: Mapping[str, Any]) -> str:
    """The frequency of the warning about unlike input, for each modality and kind of input; "" where the card
    does not state it.
    """
    rows = [
        (
            f"**{MODALITY_TITLES[Modality(name)]}**",
            in_words(what),
            f"{row['n']:,}",
            f"{100 * row['flagged']:.1f}",
        )
        for name, groups in figures_of(card).get("out_of_distribution", {}).items()
        for what, row in groups.items()
        if "flagged" in row
    ]
    return table(("Alone", "Inputs", "n", "Warned, %"), rows) if rows else ""


def voice_table(card: Mapping[str, Any]) -> str:
    """The voice's UA for women and men and for each corpus with its language, as it is and where the whole
    corpus was left out of training; "" where the card does not separate them.
    """
    audio = figures_of(card).get("audio", {})
    corpora, apart = audio.get("cross_validation", {}), card.get("strangers", {}).get("audio", {})
    rows = []
    for name, language in _LANGUAGES.items():
        figures = corpora.get(name, {}) | ({_APART: apart[name]} if name in apart else {})
        groups = [(title, figures[key]) for key, title in _VOICES.items() if key in figures]
        rows += [
            (in_words(name), language, title, f"{row['n']:,}", f"{100 * row['ua']:.1f}")
            for title, row in groups
        ]
    return table(("Corpus", "Language", "Voices of", "n", "UA, %"), rows) if rows else ""


def unlabelled_sentence(card: Mapping[str, Any]) -> str:
    """Why there is no such table for words and face, naming their data."""
    names = [
        re.split(r",| \(", d["name"])[0]
        for m, rows in card.get("data", {}).items()
        if m != Modality.AUDIO
        for d in rows
    ]
    return (
        f"There are no such figures for words and face: {listed(names or ['their data'])} come without "
        "labels of gender, age or origin."
    )


def threshold_label(card: Mapping[str, Any]) -> str:
    """The chart in words, for those who do not see it."""
    parts = [
        f"{subset_title(name).lower()}: {percent(row['unsure']['coverage'])} answered plainly, "
        f"{percent(row['unsure']['risk'])} of those wrong"
        for name, row in risk_subsets(card).items()
        if row.get("unsure")
    ]
    return "Risk and coverage at the threshold. " + "; ".join(parts)
