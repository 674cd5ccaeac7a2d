"""Figures of folds and of training: the scores of each fold, and its curves. Free of Streamlit."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from ui.figure import quiet
from ui.results.charts import SCORE_TITLES, legend
from ui.theme import OUTLINE

#: One colour a fold, distinguishable on light and dark grounds; more folds begin again.
FOLD_COLOURS = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#CC79A7",
    "#A88400",
    "#56B4E9",
    "#8E6BBF",
    "#7C828A",
    "#9C3D1E",
    "#4C9F9F",
)

#: Columns of the history that can be drawn below the loss; the first there is.
MEASURED = ("validation_accuracy", "validation_ua", "validation_weighted_f1", "validation_macro_f1")


def fold_scores(folds: Mapping[str, Mapping[str, object]], ink: str | None = None) -> go.Figure:
    """Each fold's scores as points and their mean as a line: how much the figure depends on who is tested.

    Args:
        folds: {metric: {"each": one in [0, 1] for each fold, "mean": ...}} as in run.json.
        ink: colour of the text.
    """
    shown = [m for m in SCORE_TITLES if m in folds]
    figure = go.Figure()
    count = max(len(folds[m]["each"]) for m in shown)  # type: ignore[arg-type]
    for fold in range(count):
        values = [_times100(folds[m]["each"], fold) for m in shown]
        figure.add_scatter(
            x=values,
            y=[SCORE_TITLES[m] for m in shown],
            mode="markers",
            marker={
                "size": 12,
                "color": FOLD_COLOURS[fold % len(FOLD_COLOURS)],
                "line": {"color": OUTLINE, "width": 1},
                "opacity": 0.85,
            },
            name=f"Fold {fold}",
            hovertemplate=f"<b>Fold {fold}</b><br>%{{y}} %{{x:.1f}} %<extra></extra>",
        )
    means = [100 * float(folds[m]["mean"]) if folds[m].get("mean") is not None else None for m in shown]  # type: ignore[arg-type]
    figure.add_scatter(
        x=means,
        y=[SCORE_TITLES[m] for m in shown],
        mode="markers",
        name="mean",
        marker={"symbol": "line-ns-open", "size": 26, "color": OUTLINE, "line": {"width": 3}},
        hovertemplate="mean %{x:.1f} %<extra></extra>",
    )
    figure.update_xaxes(fixedrange=True, ticksuffix=" %", zeroline=False)
    figure.update_yaxes(autorange="reversed", fixedrange=True, ticks="", automargin=True)
    figure.update_layout(hovermode="closest")
    return legend(quiet(figure, ink, height=56 * len(shown) + 90), ink)


def training_curves(history: pd.DataFrame, ink: str | None = None) -> go.Figure:
    """Loss and validation score by epoch, one colour a fold; dotted is training, solid the validation part, a
    star the chosen epoch.

    Args:
        history: of one part: fold, epoch, train_loss, validation_loss, validation_<score>, best; a column may
            be missing.
        ink: colour of the text.
    """
    measured = next((c for c in MEASURED if c in history), None)
    rows = ["Loss"]
    if measured:
        rows.append(f"Validation {SCORE_TITLES[measured.removeprefix('validation_')].lower()}, %")
    figure = make_subplots(
        rows=len(rows), cols=1, shared_xaxes=True, vertical_spacing=0.1, subplot_titles=rows
    )
    for fold, curve in history.groupby("fold", sort=True):
        _add_curve(figure, curve, "train_loss", int(str(fold)), 1)
        _add_curve(figure, curve, "validation_loss", int(str(fold)), 1)
        if measured:
            _add_curve(figure, curve, measured, int(str(fold)), 2)
    figure.update_xaxes(fixedrange=True, zeroline=False)
    figure.update_xaxes(title={"text": "Epoch"}, row=len(rows), col=1)
    figure.update_yaxes(fixedrange=True, zeroline=False, automargin=True)
    figure.update_annotations(x=0, xanchor="left", font={"size": 14} | ({"color": ink} if ink else {}))
    figure.update_layout(hovermode="closest")
    figure = legend(quiet(figure, ink, height=230 * len(rows) + 60), ink)
    return figure.update_layout(margin_t=64, legend_y=1.09)


def _add_curve(figure: go.Figure, curve: pd.DataFrame, column: str, fold: int, row: int) -> None:
    """One column of one fold's history, a star at the chosen epoch; nothing where it has no such column."""
    if column not in curve:
        return
    colour, training = FOLD_COLOURS[fold % len(FOLD_COLOURS)], column == "train_loss"
    values = curve[column].astype(float) * (1.0 if column.endswith("loss") else 100.0)
    place = {"legendgroup": str(fold), "row": row, "col": 1}
    figure.add_scatter(
        x=curve["epoch"],
        y=values,
        mode="lines",
        line={"color": colour, "dash": "dot" if training else "solid", "width": 2},
        name=f"Fold {fold}",
        showlegend=column == "validation_loss",
        hovertemplate=(f"fold {fold}, {column.replace('_', ' ')}, epoch %{{x}}: %{{y:.3g}}<extra></extra>"),
        **place,
    )
    if training or "best" not in curve:
        return
    best = curve["best"].astype(bool)
    figure.add_scatter(
        x=curve["epoch"][best].tail(1),
        y=values[best].tail(1),
        mode="markers",
        showlegend=False,
        marker={"symbol": "star", "size": 13, "color": colour, "line": {"color": OUTLINE, "width": 1}},
        hovertemplate=f"fold {fold}: epoch %{{x}} was chosen<extra></extra>",
        **place,
    )


def _times100(values: object, index: int) -> float | None:
    known = list(values)  # type: ignore[call-overload]
    return None if index >= len(known) or known[index] is None else 100 * float(known[index])
