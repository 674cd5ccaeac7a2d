"""The curves of a training, as it goes. Free of Streamlit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from mmer_core.labels import MODALITY_TITLES, Modality
from ui.figure import quiet
from ui.theme import MODALITY_COLOURS, OUTLINE

#: {column of progress.json: (title, whether it is a share)} of everything that a curve can show.
MEASURES: dict[str, tuple[str, bool]] = {
    "validation_accuracy": ("Accuracy on the validation part, %", True),
    "validation_ua": ("UA on the validation part, %", True),
    "validation_macro_f1": ("Macro F1 on the validation part, %", True),
    "validation_weighted_f1": ("Weighted F1 on the validation part, %", True),
    "validation_loss": ("Loss on the validation part", False),
    "train_loss": ("Loss on the training part", False),
}
HEIGHT = 260
Curves = Mapping[str, Sequence[Mapping[str, float | None]]]


def curves_chart(curves: Curves, measure: str, ink: str | None = None) -> go.Figure:
    """One thin line for each fold, and their mean as a thick one; late models have such a family for each
    modality.

    Args:
        curves: {"fold" or "fold part": rows with epoch and measures}, as in progress.json.
        measure: one of `MEASURES`.
        ink: colour of text.
    """
    figure = go.Figure()
    parts = parts_of(curves)
    for part in parts:
        _add_family(figure, curves, part, measure, ink, named=len(parts) > 1)
    quiet(figure, ink, HEIGHT, left=48)
    figure.update_layout(margin={"t": 10, "b": 40, "r": 56 if len(parts) > 1 else 12}, hovermode="closest")
    title = {"text": "epoch", "font": {"color": ink} if ink else {}}
    figure.update_xaxes(title=title, rangemode="nonnegative", showgrid=False, zeroline=False)
    figure.update_yaxes(gridcolor="rgba(124,130,138,.25)", zeroline=False)
    return figure


def _add_family(
    figure: go.Figure, curves: Curves, part: str, measure: str, ink: str | None, *, named: bool
) -> None:
    """The folds of one part, their mean, and with `named` its name behind the mean's end."""
    share = MEASURES[measure][1]
    colour, name = _style(part)
    own = {key.partition(" ")[0]: rows for key, rows in curves.items() if key.partition(" ")[2] == part}
    family = [(int(fold), _points(rows, measure, share)) for fold, rows in own.items()]
    for fold, (epochs, values) in family:
        figure.add_scatter(
            x=epochs,
            y=values,
            mode="lines",
            line={"color": colour, "width": 1},
            opacity=0.45,
            hovertemplate=f"{name}fold {fold + 1}, epoch %{{x}}: %{{y:.3g}}<extra></extra>",
        )
    epochs, values = _mean([points for _, points in family])
    title = name.rstrip(": ")
    figure.add_scatter(
        x=epochs,
        y=values,
        mode="lines",
        line={"color": colour, "width": 3},
        name=title or "mean",
        hovertemplate=f"{name}mean of the folds, epoch %{{x}}: %{{y:.3g}}<extra></extra>",
    )
    if named and len(epochs):
        place = {"x": epochs[-1], "y": values[-1], "xanchor": "left", "xshift": 4}
        figure.add_annotation(text=title, showarrow=False, font={"color": ink or colour}, **place)


def parts_of(curves: Curves) -> list[str]:
    """The parts that have curves, in order: "" for a whole model, modalities for a late one."""
    return sorted({key.partition(" ")[2] for key in curves})


def describe(curves: Curves, measure: str) -> str:
    """The chart in words."""
    title, share = MEASURES[measure]
    last = []
    for part in parts_of(curves):
        family = [
            _points(rows, measure, share) for key, rows in curves.items() if key.partition(" ")[2] == part
        ]
        epochs, values = _mean(family)
        if len(values):
            last.append(
                f"{_style(part)[1]}{values[-1]:.3g} at epoch {int(epochs[-1])}, mean of {len(family)} "
                f"{'fold' if len(family) == 1 else 'folds'}"
            )
    return f"{title} by epoch. {'; '.join(last) or 'nothing yet'}."


def _style(part: str) -> tuple[str, str]:
    """Colour, and the part's name as it stands before a figure."""
    if part in set(Modality):
        return MODALITY_COLOURS[Modality(part)], f"{MODALITY_TITLES[Modality(part)]}: "
    return OUTLINE, f"{part}: " if part else ""


def _points(
    rows: Sequence[Mapping[str, float | None]], measure: str, share: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Epochs and values, those that are known; shares in per cent."""
    known = [
        (row["epoch"], row[measure])
        for row in rows
        if row.get(measure) is not None and row.get("epoch") is not None
    ]
    table = np.array(known, dtype=np.float64).reshape(-1, 2)
    return table[:, 0], table[:, 1] * (100 if share else 1)


def _mean(family: Sequence[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    """The mean over the folds, epoch by epoch, as long as at least half of them still train: fewer would make
    it jump.
    """
    seen: dict[float, list[float]] = {}
    for epochs, values in family:
        for epoch, value in zip(epochs.tolist(), values.tolist(), strict=True):
            seen.setdefault(epoch, []).append(value)
    begun = sum(1 for epochs, _ in family if len(epochs))
    kept = [
        (epoch, float(np.mean(found))) for epoch, found in sorted(seen.items()) if 2 * len(found) >= begun
    ]
    table = np.array(kept).reshape(-1, 2)
    return table[:, 0], table[:, 1]


def worth_showing(curves: Any) -> bool:
    """Whether there is a curve with at least two points."""
    return isinstance(curves, Mapping) and any(len(rows) > 1 for rows in curves.values())
