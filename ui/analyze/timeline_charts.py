"""The timeline as a figure, a table and words: pure functions, free of Streamlit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import plotly.graph_objects as go

from mmer_core.clock import clock
from mmer_core.inference.timeline import Stretch, Timeline, cues, equal_stretches
from mmer_core.labels import MODALITY_TITLES, Modality
from ui.figure import percent, quiet
from ui.theme import OUTLINE, emotion_colours, emotion_name, emotion_symbol

if TYPE_CHECKING:
    import pandas as pd

LEFT, RIGHT = 84, 8  # pixels beside the time axis; the scrubber under the figure keeps to them
TOGETHER = "Together"
_Row = tuple[str, np.ndarray, Sequence[str | None]]  # title, (W, C) probabilities, why absent
_ROW = 40  # pixels
_TALLEST = 0.6  # of a row, for probability 1; the symbols stand above
_GAP = 0.05  # of a row: a thin line where a modality is absent
_SYMBOL = 0.05  # of the clip: shorter stretches carry no symbol


def timeline_figure(timeline: Timeline, ink: str | None = None) -> go.Figure:
    """One row for the fused answer and one for each modality: colour is the strongest emotion, height its
    probability, a thin grey line a gap.

    Args:
        timeline: W windows.
        ink: colour of the text; None leaves it to the theme.
    """
    nothing = ["nothing to go by" if np.isnan(p).any() else None for p in timeline.fused]
    rows: list[_Row] = [(TOGETHER, timeline.fused, nothing)]
    rows += [(MODALITY_TITLES[m], p, timeline.reasons[m]) for m, p in timeline.unimodal.items()]
    figure = go.Figure()
    for i, row in enumerate(rows):
        _add_row(figure, timeline, len(rows) - 1 - i, row)
    bare = {"fixedrange": True, "showgrid": False, "zeroline": False}
    figure.update_xaxes(
        range=[0, timeline.duration], ticksuffix=" s", tickfont={"size": 12}, nticks=7, **bare
    )
    figure.update_yaxes(
        range=[-0.06, len(rows)],
        ticks="",
        ticklabelstandoff=8,
        automargin=False,
        tickvals=[len(rows) - 1 - i + _TALLEST / 2 for i in range(len(rows))],
        ticktext=[f"<b>{TOGETHER}</b>", *(title for title, _, _ in rows[1:])],
        tickfont={"size": 14},
        **bare,
    )
    quiet(figure, ink, height=_ROW * len(rows) + 30, left=LEFT, bargap=0)
    return figure.update_layout(margin={"r": RIGHT, "b": 26}, hovermode="closest", barmode="overlay")


def _add_row(figure: go.Figure, timeline: Timeline, base: int, row: _Row) -> None:
    title, probabilities, reasons = row
    colours = emotion_colours(timeline.labels)
    best = [None if np.isnan(p).any() else timeline.labels[int(p.argmax())] for p in probabilities]
    highest = [float(p.max()) for p in probabilities]
    heights = [_GAP if b is None else _TALLEST * h for b, h in zip(best, highest, strict=True)]
    hover = [
        f"{reason or 'absent'}" if label is None else f"{emotion_name(label)} {percent(high)}"
        for label, high, reason in zip(best, highest, reasons, strict=True)
    ]
    times = [f"{clock(a)} to {clock(b)}" for a, b in zip(timeline.starts, timeline.ends, strict=True)]
    figure.add_bar(
        x=(timeline.edges[1:] + timeline.edges[:-1]) / 2,
        width=np.diff(timeline.edges),
        y=heights,
        base=base,
        marker={"color": [OUTLINE if b is None else colours[b] for b in best], "line": {"width": 0}},
        customdata=list(zip(times, hover, strict=True)),
        hovertemplate=f"{title}, %{{customdata[0]}}: %{{customdata[1]}}<extra></extra>",
        name=title,
    )
    edges, shortest = timeline.edges, _SYMBOL * timeline.duration
    wide = [
        (a, b, e) for a, b, e in equal_stretches(best) if e is not None and edges[b] - edges[a] >= shortest
    ]
    figure.add_scatter(
        x=[float(edges[a] + edges[b]) / 2 for a, b, _ in wide],
        y=[base + max(heights[a:b]) + 0.02 for a, b, _ in wide],
        mode="text",
        text=[emotion_symbol(label) for _, _, label in wide],
        textposition="top center",
        textfont={"size": 14},
        hoverinfo="skip",
        name=f"{title}, symbols",
    )


def shown_emotions(timeline: Timeline) -> list[str]:
    """The emotions that win anywhere in the figure, in the model's order: its legend."""
    winners = {
        int(row.argmax())
        for p in (timeline.fused, *timeline.unimodal.values())
        for row in p
        if not np.isnan(row).any()
    }
    return [label for i, label in enumerate(timeline.labels) if i in winners]


def timeline_table(timeline: Timeline) -> pd.DataFrame:
    """One line for each window: its times, the fused answer, each modality's, and every fused probability in
    [0, 1].
    """
    import pandas as pd

    columns: dict[str, list[object]] = {
        "start_s": list(timeline.starts.round(3)),
        "end_s": list(timeline.ends.round(3)),
    }
    for name, probabilities in (("fused", timeline.fused), *timeline.unimodal.items()):
        gone = np.isnan(probabilities).any(axis=1)
        columns[f"{name}"] = [
            None if g else timeline.labels[int(p.argmax())] for g, p in zip(gone, probabilities, strict=True)
        ]
        columns[f"{name}_probability"] = [
            None if g else round(float(p.max()), 4) for g, p in zip(gone, probabilities, strict=True)
        ]
        if name != "fused":
            columns[f"{name}_absent"] = list(timeline.reasons[Modality(name)])
    for i, label in enumerate(timeline.labels):
        columns[f"p_{label}"] = [None if np.isnan(v) else round(float(v), 4) for v in timeline.fused[:, i]]
    return pd.DataFrame(columns)


def describe_timeline(timeline: Timeline) -> str:
    """The fused row in words, for those who do not see it."""
    parts = [
        f"{clock(c.start)} to {clock(c.end)} {'unsure, perhaps ' if c.unsure else ''}{c.label} "
        f"{percent(c.probability)}"
        for c in cues(timeline)
    ]
    return "Emotion over time: " + ("; ".join(parts) or "nothing to go by")


def stretch_sentence(stretch: Stretch) -> str:
    """The emotion and probability of each modality: "Words: neutral 66%, voice: anger 54%"."""
    parts = [f"{MODALITY_TITLES[m].lower()}: {label} {percent(p)}" for m, (label, p) in stretch.says.items()]
    text = ", ".join(parts)
    return text[:1].upper() + text[1:]
