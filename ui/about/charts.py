"""The figures of a model's card as charts for the About page: pure functions, free of Streamlit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go

from mmer_core.labels import Modality, parse_subset
from ui.about.model_card import figures_of, in_words, subset_figures
from ui.figure import bar_marker, name_axis, quiet, subset_colour, subset_title
from ui.theme import emotion_colours, emotion_name

_MEASURES = {"recall": "found (recall)", "f1": "F1"}  # in the order of preference


@dataclass(frozen=True)
class ClassFigures:
    """One measure of every emotion for one modality.

    Attributes:
        modality: that was alone.
        measure: "recall" or "f1".
        what: the data it was measured on, in words.
        n: utterances or pictures.
        values: {emotion: value in [0, 1]}.
    """

    modality: Modality
    measure: str
    what: str
    n: int
    values: Mapping[str, float]

    @property
    def caption(self) -> str:
        """The axis in words: "Found (recall), RAVDESS, n = 1,440"."""
        title = _MEASURES[self.measure]
        return f"{title[:1].upper()}{title[1:]}, {self.what}, n = {self.n:,}"


def class_figures(card: Mapping[str, Any]) -> list[ClassFigures]:
    """For each modality the measurement with the most emotions, the first of equals; none for a modality
    without.
    """
    found = []
    for modality in Modality:
        candidates = list(_found(modality, figures_of(card).get(modality) or {}, ()))
        if candidates:
            found.append(max(candidates, key=lambda c: len(c.values)))
    return found


def _found(modality: Modality, figures: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[ClassFigures]:
    for measure in _MEASURES:
        values = figures.get(measure)
        if isinstance(values, Mapping):
            yield ClassFigures(
                modality,
                measure,
                ", ".join(path),
                _count(figures),
                {str(k): float(v) for k, v in values.items()},
            )
    for name, value in figures.items():
        if isinstance(value, Mapping) and name not in _MEASURES:
            yield from _found(modality, value, (*path, in_words(name)))


def _count(figures: Mapping[str, Any]) -> int:
    """n of a measurement, or of the first of its variations."""
    if isinstance(figures.get("n"), int):
        return int(figures["n"])
    return next((_count(v) for v in figures.values() if isinstance(v, Mapping) and "n" in v), 0)


def class_bars(figures: ClassFigures, ink: str | None = None) -> go.Figure:
    """One bar for each emotion, in its colour and the order of the card."""
    names = [emotion_name(e) for e in figures.values]
    return _bars(
        names,
        list(figures.values.values()),
        list(emotion_colours(figures.values).values()),
        ink,
        reach=130,
        row=30,
        left=96,
    )


def subset_bars(card: Mapping[str, Any], ink: str | None = None) -> go.Figure:
    """Mean recall (UA) of every subset of the modalities, fewest modalities first."""
    rows = subset_figures(card)
    ordered = sorted(rows, key=lambda name: len(parse_subset(name)))
    names, colours = [subset_title(name) for name in ordered], [subset_colour(name) for name in ordered]
    return _bars(names, [rows[name]["ua"] for name in ordered], colours, ink, reach=125, row=34, left=150)


def _bars(
    names: Sequence[str],
    shares: Sequence[float],
    colours: Sequence[str],
    ink: str | None,
    *,
    reach: float,
    row: int,
    left: int,
) -> go.Figure:
    """One bar for each name with its share in percent behind it; `reach` is the axis in percent, `row` and
    `left` are pixels.
    """
    figure = go.Figure(
        go.Bar(
            x=[100 * v for v in shares],
            y=names,
            orientation="h",
            marker=bar_marker(colours),
            text=[f"{100 * v:.1f} %" for v in shares],
            textposition="outside",
            cliponaxis=False,
            hovertemplate="%{y}: %{x:.1f} %<extra></extra>",
        )
    )
    figure.update_xaxes(visible=False, range=[0, reach], fixedrange=True)
    name_axis(figure)
    return quiet(figure, ink, height=row * len(names) + 10, left=left, bargap=0.3)
