"""The reliability diagram of a run. Free of Streamlit."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from ui.figure import quiet
from ui.results.charts import BLUE, ORANGE, legend
from ui.theme import OUTLINE


def reliability_diagram(
    before: Mapping[str, np.ndarray], after: Mapping[str, np.ndarray], ink: str | None = None
) -> go.Figure:
    """Accuracy against confidence, before and after temperature scaling; below, how many clips have that
    confidence.

    Args:
        before: count, confidence and accuracy of each bin, as `metrics.reliability` gives them.
        after: the same after scaling.
        ink: colour of the text.
    """
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, row_heights=[0.75, 0.25], vertical_spacing=0.05)
    perfect = {"mode": "lines", "line": {"dash": "dash", "color": OUTLINE, "width": 1}, "hoverinfo": "skip"}
    figure.add_scatter(x=[0, 100], y=[0, 100], name="perfect", row=1, col=1, **perfect)
    _add(figure, before, "before", ORANGE, "square")
    _add(figure, after, "after", BLUE, "circle")
    figure.update_xaxes(range=[0, 100], fixedrange=True, zeroline=False)
    title = {"text": "Confidence: probability of the answer"}
    figure.update_xaxes(title=title, ticksuffix=" %", row=2, col=1)
    figure.update_yaxes(fixedrange=True, zeroline=False, automargin=True)
    figure.update_yaxes(range=[0, 102], title={"text": "Right"}, ticksuffix=" %", row=1, col=1)
    figure.update_yaxes(title={"text": "Clips"}, nticks=3, row=2, col=1)
    figure.update_layout(barmode="group", hovermode="closest")
    return legend(quiet(figure, ink, height=480, bargap=0.15), ink)


def _add(figure: go.Figure, table: Mapping[str, np.ndarray], name: str, colour: str, symbol: str) -> None:
    """One line of accuracies, and the bars of its counts."""
    filled = table["count"] > 0
    figure.add_scatter(
        x=100 * table["confidence"][filled],
        y=100 * table["accuracy"][filled],
        mode="lines+markers",
        name=f"{name} scaling",
        line={"color": colour, "width": 2},
        marker={"size": 9, "symbol": symbol},
        customdata=table["count"][filled],
        hovertemplate=(
            f"{name}: confidence %{{x:.1f}} %, right %{{y:.1f}} %<br>n = %{{customdata:,}}<extra></extra>"
        ),
        row=1,
        col=1,
    )
    bins = len(table["count"])
    figure.add_bar(
        x=100 * (np.arange(bins) + 0.5) / bins,
        y=table["count"],
        marker={"color": colour},
        showlegend=False,
        hovertemplate="n = %{y:,}<extra></extra>",
        row=2,
        col=1,
    )
