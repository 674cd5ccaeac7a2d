"""Figures of one answer: pure functions from numbers to Plotly figures, free of Streamlit."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from mmer_core.clip import SAMPLE_RATE
from mmer_core.labels import MODALITY_TITLES, Modality
from ui.figure import bar_marker, name_axis, percent, points, quiet
from ui.theme import MODALITY_COLOURS, OUTLINE, emotion_colours, emotion_name, emotion_title

_LABELS = 144  # pixels for a name such as "😮 Surprise" and its figure
_LETTER = 8  # pixels that each further letter takes
_ROW = 27  # pixels of one emotion's bar
_ENVELOPE_POINTS = 300
_MEL_COLUMNS = 240
_MEL_RANGE = 30.0  # dB that the colours span at least, so that the noise of silence stays dark


def emotion_bars(
    probabilities: Mapping[str, float], reference: Mapping[str, float] | None = None, ink: str | None = None
) -> go.Figure:
    """Probability of every emotion in the model's order, the strongest at full strength.

    Args:
        probabilities: {emotion: p}.
        reference: another answer to compare with, drawn as one tick per emotion (the answer with every
            modality on).
        ink: colour of the text; None leaves it to the theme.
    """
    names = [emotion_name(e) for e in probabilities]
    values = list(probabilities.values())
    opacity = [1.0 if v == max(values) else 0.55 for v in values]
    marker = bar_marker(list(emotion_colours(probabilities).values()), 4, opacity=opacity)
    hover = "%{y}: %{x:.1%}<extra></extra>"
    figure = go.Figure(
        go.Bar(x=values, y=names, orientation="h", marker=marker, hovertemplate=hover, name="this answer")
    )
    if reference is not None:
        figure.add_scatter(
            x=[reference[e] for e in probabilities],
            y=names,
            mode="markers",
            marker={"symbol": "line-ns", "size": 17, "line": {"width": 3, "color": OUTLINE}},
            hovertemplate="everything on: %{x:.1%}<extra></extra>",
            name="everything on",
        )
    # Figures stand beside the names, where neither bars nor ticks reach; a fixed margin keeps the bars still
    # when they change.
    labels = [f"{name}  <b>{percent(v)}</b>" for name, v in zip(names, values, strict=True)]
    figure.update_xaxes(visible=False, range=[0, 1.02], fixedrange=True)
    name_axis(figure, 15, 8, automargin=False, tickvals=names, ticktext=labels)
    left = _LABELS + _LETTER * max(0, max(map(len, names)) - len("😮 Surprise"))
    return quiet(figure, ink, height=_ROW * len(names) + 10, left=left, bargap=0.28)


def unimodal_bars(probabilities: Mapping[str, float], top: int = 3, ink: str | None = None) -> go.Figure:
    """The strongest emotions of one modality, strongest first: small, for a card."""
    best = sorted(probabilities, key=lambda e: -probabilities[e])[:top]
    colours = emotion_colours(probabilities)
    figure = go.Figure(
        go.Bar(
            x=[probabilities[e] for e in best],
            y=[emotion_title(e) for e in best],
            orientation="h",
            marker=bar_marker([colours[e] for e in best]),
            text=[percent(probabilities[e]) for e in best],
            textposition="outside",
            textfont={"size": 13},
            cliponaxis=False,
        )
    )
    figure.update_xaxes(visible=False, range=[0, 1.25], fixedrange=True)
    name_axis(figure)
    # A fixed width for the names keeps the bars of all cards on one line.
    left = 74 + _LETTER * max(0, max(map(len, probabilities)) - len("surprise"))
    return quiet(figure, ink, height=26 * top + 10, left=left, bargap=0.35)


def contribution_steps(
    contributions: Mapping[Modality, float], probability: float, colour: str, ink: str | None = None
) -> go.Figure:
    """From the prior to the shown probability, one step for each modality: what each added or took away.

    Args:
        contributions: Shapley values on the shown emotion's probability, in [-1, 1].
        probability: the shown probability; minus the contributions it is the prior.
        colour: of the shown emotion; it marks the total.
        ink: colour of the text; None leaves it to the theme.
    """
    steps = list(contributions)
    moves = [contributions[m] for m in steps]
    starts = probability - sum(moves) + np.concatenate([[0.0], np.cumsum(moves)])
    names = ["Starting point", *(MODALITY_TITLES[m] for m in steps), "Answer"]
    base = [0.0, *starts[:-1], 0.0]
    length = [starts[0], *moves, probability]
    colours = [OUTLINE, *(MODALITY_COLOURS[m] for m in steps), colour]
    texts = [percent(float(starts[0])), *(points(v) for v in moves), percent(probability)]
    figure = go.Figure(
        go.Bar(
            x=length,
            y=names,
            base=base,
            orientation="h",
            marker=bar_marker(colours),
            hovertemplate="%{y}: %{customdata}<extra></extra>",
            customdata=texts,
        )
    )
    # Text stands right of the bar's right end, also where a step goes back.
    ends = [max(b, b + v) for b, v in zip(base, length, strict=True)]
    place = {"textposition": "middle right", "textfont": {"size": 14}, "hoverinfo": "skip"}
    figure.add_scatter(x=ends, y=names, mode="text", text=[f"  {t}" for t in texts], **place)
    figure.update_xaxes(visible=False, range=[0, 1.2], fixedrange=True)
    name_axis(figure, 14, 8)
    return quiet(figure, ink, height=36 * len(names) + 16, bargap=0.3)


def sound_picture(waveform: np.ndarray, mel: np.ndarray, ink: str | None = None) -> go.Figure:
    """Waveform over its mel spectrogram, one time axis in seconds.

    Args:
        waveform: (N,) float32 at 16 kHz.
        mel: (T, bands) log-mel energies of the same sound.
    """
    seconds = len(waveform) / SAMPLE_RATE
    low, high = envelope(waveform)
    time = np.linspace(0, seconds, len(low), dtype=np.float32)
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, row_heights=[0.42, 0.58], vertical_spacing=0.04)
    outline = {"x": np.concatenate([time, time[::-1]]), "y": np.concatenate([high, low[::-1]])}
    figure.add_scatter(
        **outline,
        fill="toself",
        mode="lines",
        line={"width": 0.5, "color": MODALITY_COLOURS[Modality.AUDIO]},
        hoverinfo="skip",
        row=1,
        col=1,
    )
    picture = _columns(mel)
    edges = np.linspace(0, seconds, len(picture), dtype=np.float32)
    figure.add_heatmap(
        z=picture.T, x=edges, colorscale="Viridis", showscale=False, hoverinfo="skip", row=2, col=1
    )
    figure.update_yaxes(visible=False, fixedrange=True)
    figure.update_xaxes(
        fixedrange=True,
        showgrid=False,
        zeroline=False,
        ticks="",
        tickfont={"size": 12},
        ticksuffix=" s",
        nticks=5,
    )
    figure.update_xaxes(showticklabels=False, row=1, col=1)
    return quiet(figure, ink, height=120)


def describe(probabilities: Mapping[str, float]) -> str:
    """The bars in words, strongest first, for those who do not see them."""
    ordered = sorted(probabilities, key=lambda e: -probabilities[e])
    return "Probability of each emotion: " + ", ".join(f"{e} {percent(probabilities[e])}" for e in ordered)


def envelope(waveform: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Lowest and highest sample of up to 300 stretches of equal length."""
    count = min(_ENVELOPE_POINTS, len(waveform))
    starts = np.linspace(0, len(waveform), count, endpoint=False).astype(int)
    return np.minimum.reduceat(waveform, starts), np.maximum.reduceat(waveform, starts)


def _columns(mel: np.ndarray) -> np.ndarray:
    """At most 240 columns of the spectrogram, as bytes (small to send): from its quietest to its loudest, or
    silence as silence.
    """
    count = min(_MEL_COLUMNS, len(mel))
    starts = np.linspace(0, len(mel), count, endpoint=False).astype(int)
    lengths = np.diff([*starts, len(mel)])[:, None]
    mean = np.add.reduceat(mel.astype(np.float32), starts, axis=0) / lengths
    low, high = np.percentile(mean, [2, 99.5])
    scaled = np.clip((mean - low) / max(float(high - low), _MEL_RANGE), 0, 1)
    return (255 * scaled).astype(np.uint8)
