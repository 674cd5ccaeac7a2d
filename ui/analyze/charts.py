"""Figures of one answer: pure functions from numbers to Plotly figures, free of Streamlit."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from mmer_core.clip import SAMPLE_RATE
from mmer_core.labels import EMOTION_COLOURS, EMOTIONS, MODALITY_COLOURS, MODALITY_TITLES, Modality
from ui.figure import OUTLINE, emotion_name, percent, points, quiet

_LABELS = 144  # pixels for the longest name and figure
_ENVELOPE_POINTS = 300
_MEL_COLUMNS = 240
_MEL_RANGE = 30.0  # dB that the colours span at least, so that the noise of silence stays dark


def emotion_bars(probabilities: Mapping[str, float], reference: Mapping[str, float] | None = None, ink: str | None = None) -> go.Figure:
    """Probability of every emotion, in the fixed order, the strongest at full strength.

    Args:
        probabilities: {emotion: p}.
        reference: another answer to compare with, drawn as one tick per emotion (the answer with every modality on).
        ink: colour of the text; None leaves it to the theme.
    """
    values = [probabilities[e] for e in EMOTIONS]
    best = max(values)
    figure = go.Figure(
        go.Bar(
            x=values,
            y=[emotion_name(e) for e in EMOTIONS],
            orientation="h",
            marker={
                "color": [EMOTION_COLOURS[e] for e in EMOTIONS],
                "opacity": [1.0 if v == best else 0.55 for v in values],
                "line": {"color": OUTLINE, "width": 1},
                "cornerradius": 4,
            },
            hovertemplate="%{y}: %{x:.1%}<extra></extra>",
            name="this answer",
        )
    )
    if reference is not None:
        figure.add_scatter(
            x=[reference[e] for e in EMOTIONS],
            y=[emotion_name(e) for e in EMOTIONS],
            mode="markers",
            marker={"symbol": "line-ns", "size": 17, "line": {"width": 3, "color": OUTLINE}},
            hovertemplate="everything on: %{x:.1%}<extra></extra>",
            name="everything on",
        )
    # Figures stand beside the names, where neither bars nor ticks reach; a fixed margin keeps the bars still when they change.
    names = [emotion_name(e) for e in EMOTIONS]
    labels = [f"{name}  <b>{percent(v)}</b>" for name, v in zip(names, values, strict=True)]
    figure.update_xaxes(visible=False, range=[0, 1.02], fixedrange=True)
    figure.update_yaxes(autorange="reversed", fixedrange=True, tickfont={"size": 15}, ticks="", ticklabelstandoff=8, automargin=False)
    figure.update_yaxes(tickvals=names, ticktext=labels)
    return quiet(figure, ink, height=290, left=_LABELS, bargap=0.28)


def opinion_bars(probabilities: Mapping[str, float], top: int = 3, ink: str | None = None) -> go.Figure:
    """The strongest emotions of one modality, strongest first: small, for a card."""
    best = sorted(EMOTIONS, key=lambda e: -probabilities[e])[:top]
    figure = go.Figure(
        go.Bar(
            x=[probabilities[e] for e in best],
            y=[e.capitalize() for e in best],
            orientation="h",
            marker={"color": [EMOTION_COLOURS[e] for e in best], "line": {"color": OUTLINE, "width": 1}, "cornerradius": 3},
            text=[percent(probabilities[e]) for e in best],
            textposition="outside",
            textfont={"size": 13},
            cliponaxis=False,
        )
    )
    figure.update_xaxes(visible=False, range=[0, 1.25], fixedrange=True)
    # A fixed width for the names keeps the bars of all cards on one line.
    figure.update_yaxes(autorange="reversed", fixedrange=True, tickfont={"size": 13}, ticks="", ticklabelstandoff=6)
    return quiet(figure, ink, height=26 * top + 10, left=74, bargap=0.35)


def contribution_steps(contributions: Mapping[Modality, float], probability: float, label: str, ink: str | None = None) -> go.Figure:
    """From the prior to the shown probability, one step for each modality: what each added or took away.

    Args:
        contributions: Shapley values on the probability of `label`, in [-1, 1].
        probability: the shown probability; minus the contributions it is the prior.
        label: the shown emotion; its colour marks the total.
    """
    steps = list(contributions)
    starts = probability - sum(contributions.values()) + np.concatenate([[0.0], np.cumsum([contributions[m] for m in steps])])
    names = ["Before looking", *(MODALITY_TITLES[m] for m in steps), "Answer"]
    base = [0.0, *starts[:-1], 0.0]
    length = [starts[0], *(contributions[m] for m in steps), probability]
    colours = [OUTLINE, *(MODALITY_COLOURS[m] for m in steps), EMOTION_COLOURS[label]]
    texts = [percent(float(starts[0])), *(points(contributions[m]) for m in steps), percent(probability)]
    figure = go.Figure(
        go.Bar(
            x=length,
            y=names,
            base=base,
            orientation="h",
            marker={"color": colours, "line": {"color": OUTLINE, "width": 1}, "cornerradius": 3},
            hovertemplate="%{y}: %{customdata}<extra></extra>",
            customdata=texts,
        )
    )
    # Text stands right of the bar's right end, also where a step goes back.
    ends = [max(b, b + v) for b, v in zip(base, length, strict=True)]
    figure.add_scatter(
        x=ends, y=names, mode="text", text=[f"  {t}" for t in texts], textposition="middle right", textfont={"size": 14}, hoverinfo="skip"
    )
    figure.update_xaxes(visible=False, range=[0, 1.2], fixedrange=True)
    figure.update_yaxes(autorange="reversed", fixedrange=True, tickfont={"size": 14}, ticks="", ticklabelstandoff=8)
    return quiet(figure, ink, height=36 * len(names) + 16, bargap=0.3)


def sound_picture(waveform: np.ndarray, mel: np.ndarray, ink: str | None = None) -> go.Figure:
    """Waveform over its mel spectrogram, one time axis in seconds.

    Args:
        waveform: (N,) float32 at 16 kHz.
        mel: (T, bands) log-mel energies of the same sound.
    """
    seconds = len(waveform) / SAMPLE_RATE
    low, high = _envelope(waveform)
    time = np.linspace(0, seconds, len(low), dtype=np.float32)
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, row_heights=[0.42, 0.58], vertical_spacing=0.04)
    outline = {"x": np.concatenate([time, time[::-1]]), "y": np.concatenate([high, low[::-1]])}
    figure.add_scatter(
        **outline, fill="toself", mode="lines", line={"width": 0.5, "color": MODALITY_COLOURS[Modality.AUDIO]}, hoverinfo="skip", row=1, col=1
    )
    picture = _columns(mel)
    edges = np.linspace(0, seconds, len(picture), dtype=np.float32)
    figure.add_heatmap(z=picture.T, x=edges, colorscale="Viridis", showscale=False, hoverinfo="skip", row=2, col=1)
    figure.update_yaxes(visible=False, fixedrange=True)
    figure.update_xaxes(fixedrange=True, showgrid=False, zeroline=False, ticks="", tickfont={"size": 12}, ticksuffix=" s", nticks=5)
    figure.update_xaxes(showticklabels=False, row=1, col=1)
    return quiet(figure, ink, height=150)


def describe(probabilities: Mapping[str, float]) -> str:
    """The bars in words, strongest first, for those who do not see them."""
    ordered = sorted(probabilities, key=lambda e: -probabilities[e])
    return "Probability of each emotion: " + ", ".join(f"{e} {percent(probabilities[e])}" for e in ordered)


def _envelope(waveform: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Lowest and highest sample of up to 300 stretches of equal length."""
    count = min(_ENVELOPE_POINTS, len(waveform))
    starts = np.linspace(0, len(waveform), count, endpoint=False).astype(int)
    return np.minimum.reduceat(waveform, starts), np.maximum.reduceat(waveform, starts)


def _columns(mel: np.ndarray) -> np.ndarray:
    """At most 240 columns of the spectrogram, as bytes (small to send): from its quietest to its loudest, or silence as silence."""
    count = min(_MEL_COLUMNS, len(mel))
    starts = np.linspace(0, len(mel), count, endpoint=False).astype(int)
    lengths = np.diff([*starts, len(mel)])[:, None]
    mean = np.add.reduceat(mel.astype(np.float32), starts, axis=0) / lengths
    low, high = np.percentile(mean, [2, 99.5])
    scaled = np.clip((mean - low) / max(float(high - low), _MEL_RANGE), 0, 1)
    return (255 * scaled).astype(np.uint8)
