"""How far the answers can be relied on, and for whom: chart, tables and sentences from a checkpoint's record, free of Streamlit.

A record made by an older version lacks some of it; what is not there is left out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import plotly.graph_objects as go

from mmer_core.labels import MODALITY_TITLES, Modality, parse_subset
from ui.about.model_card import in_words, table
from ui.figure import OUTLINE, percent, quiet, subset_colour, subset_title

_DASHES = {"text+audio": "dash", "text+visual": "dot", "audio+visual": "dashdot"}  # pairs share a colour
_LANGUAGES = {"ravdess": "English", "emodb": "German"}
_APART = "apart"
_VOICES = {"female": "women", "male": "men", "as_recorded": "everybody", _APART: "everybody, the corpus not heard"}  # by their keys in the record


def risk_subsets(record: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """{subset: its figures} of those with a risk-coverage curve, fewest modalities first."""
    rows = record["figures"].get("fused", {}).get("subsets", {})
    return {name: rows[name] for name in sorted(rows, key=lambda n: len(parse_subset(n))) if rows[name].get("risk_curve")}


def risk_lines(record: Mapping[str, Any], ink: str | None = None) -> go.Figure:
    """How many answers are wrong against how many inputs get one, a line for each subset; a dot marks the model's threshold."""
    figure = go.Figure()
    for name, row in risk_subsets(record).items():
        modalities = parse_subset(name)
        coverage, risk = zip(*row["risk_curve"], strict=True)
        line = {"color": subset_colour(name), "width": 3 if len(modalities) > 2 else 2, "dash": _DASHES.get(name, "solid")}
        title = subset_title(name)
        hover = f"{title}: of the %{{x:.0f}} % surest answers %{{y:.1f}} % are wrong<extra></extra>"
        figure.add_scatter(x=[100 * c for c in coverage], y=[100 * r for r in risk], mode="lines", line=line, name=title, hovertemplate=hover)
        if unsure := row.get("unsure"):
            figure.add_scatter(
                x=[100 * unsure["coverage"]],
                y=[100 * unsure["risk"]],
                mode="markers",
                marker={"color": subset_colour(name), "size": 11, "line": {"color": OUTLINE, "width": 1.5}},
                name=f"{title}, threshold",
                showlegend=False,
                hovertemplate=f"{title}, plain answers: %{{x:.0f}} % of the inputs, %{{y:.1f}} % wrong<extra></extra>",
            )
    axis = {"fixedrange": True, "ticksuffix": " %", "zeroline": False, "gridcolor": "rgba(124,130,138,0.25)", "rangemode": "tozero"}
    figure.update_xaxes(**axis, title_text="Inputs that get a plain answer", range=[0, 102])
    figure.update_yaxes(**axis, title_text="Wrong among them")
    quiet(figure, ink, height=430)
    if ink is not None:
        figure.update_xaxes(title_font_color=ink).update_yaxes(title_font_color=ink).update_layout(legend_font_color=ink)
    legend = {"orientation": "h", "yref": "container", "y": 0, "yanchor": "bottom", "x": 0}
    return figure.update_layout(showlegend=True, legend=legend, margin={"l": 56, "b": 130})


def risk_sentence(record: Mapping[str, Any]) -> str:
    """What the threshold does to the answers from everything the model has; "" where the record does not say."""
    rows, fusion = risk_subsets(record), record.get("fusion", {})
    if not rows or "unsure_below" not in fusion:
        return ""
    name, row = list(rows.items())[-1]
    if not (unsure := row.get("unsure")):
        return ""
    limit, given, wrong, always = (100 * v for v in (fusion["unsure_below"], unsure["coverage"], unsure["risk"], unsure["risk_of_all"]))
    return (
        f"Below {limit:.1f} % an answer is called unsure (the dots): from {subset_title(name).lower()}, {given:.1f} % of the answers are then given "
        f"plainly and {wrong:.1f} % of those are wrong, against {always:.1f} % if it always answered."
    )


def unlike_table(record: Mapping[str, Any]) -> str:
    """How often the warning about unlike input appears, for each modality and kind of input; "" where the record does not say."""
    rows = [
        (f"**{MODALITY_TITLES[Modality(name)]}**", in_words(what), f"{row['n']:,}", f"{100 * row['called unlike']:.1f}")
        for name, groups in record["figures"].get("familiarity", {}).items()
        for what, row in groups.items()
    ]
    return table(("", "Inputs", "n", "Warned of, %"), rows) if rows else ""


def voice_table(record: Mapping[str, Any]) -> str:
    """The voice's UA for women and men and for each corpus with its language, as it is and where the whole corpus was not heard in training; ""
    where the record does not tell them apart."""
    audio = record["figures"].get("audio", {})
    corpora, apart = audio.get("cross_validation", {}), audio.get("corpora_not_heard", {})
    rows = []
    for name, language in _LANGUAGES.items():
        figures = corpora.get(name, {}) | ({_APART: apart[name]} if name in apart else {})
        groups = [(said, figures[key]) for key, said in _VOICES.items() if key in figures]
        rows += [(in_words(name), language, said, f"{row['n']:,}", f"{100 * row['ua']:.1f}") for said, row in groups]
    return table(("Corpus", "Language", "Voices of", "n", "UA, %"), rows) if rows else ""


def caution_sentence(record: Mapping[str, Any]) -> str:
    """What becomes of recordings that are unlike the training data, and what is done about it; "" where the record does not say."""
    apart = record["figures"].get("audio", {}).get("corpora_not_heard", {})
    if not apart:
        return ""
    errors = [f"from {row['ece']:.2f} to {row['ece_with_caution']:.2f} for {in_words(name)}" for name, row in apart.items()]
    return (
        "Recordings of a corpus that was not heard in training are recognised far less often; yours are such. So the voice's answers are softened "
        f"the farther a recording lies from the training data: that takes their calibration error (ECE) {' and '.join(errors)}."
    )


def unlabelled_sentence(record: Mapping[str, Any]) -> str:
    """Why there is no such table for words and face, naming their data."""
    names = [re.split(r",| \(", d["name"])[0] for m, entry in record["modalities"].items() if m != Modality.AUDIO for d in entry["data"]]
    listed = ", ".join(names[:-1]) + (" and " if len(names) > 1 else "") + names[-1] if names else "their data"
    return f"There are no such figures for words and face: {listed} come without labels of gender, age or origin."


def threshold_label(record: Mapping[str, Any]) -> str:
    """The chart in words, for those who do not see it."""
    parts = [
        f"{subset_title(name).lower()}: {percent(row['unsure']['coverage'])} answered plainly, {percent(row['unsure']['risk'])} of those wrong"
        for name, row in risk_subsets(record).items()
        if row.get("unsure")
    ]
    return "Risk and coverage at the threshold. " + "; ".join(parts)
