"""Pictures of an explanation: words in colour, moments of a sound, a map over a face. Pure functions, free of
Streamlit.

What adds to the emotion has its colour, what takes away is grey-blue and hatched, so that neither needs the
colour to be told apart. Tints are faint enough for the theme's own text on a light and a dark ground.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import cv2
import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from mmer_core.clip import SAMPLE_RATE
from mmer_core.explanation.parts import Face, Frame, Moment, Sound, Words
from mmer_core.explanation.summary import signed_points, strongest_region
from ui.analyze.charts import envelope
from ui.figure import bar_marker, points, quiet
from ui.theme import OUTLINE

AGAINST = "#5A6E8C"  # grey-blue, the colour of what takes away
VISIBLE = 0.005  # points from which a part is coloured, half a point
FAINTEST, STRONGEST = 0.14, 0.45  # opacity of a tint
FACE_SIDE = 160  # pixels of a face with its map
_NUMBERED = 5  # words that carry their points
_NAMED = 4  # parts that an alternative text names
_HEAT = 0.45  # opacity of the colour of a map's strongest cell
_DIM = 0.4  # brightness of what does not matter in a picture
_HIDDEN = "position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap"


def words_html(words: Words, colour: str, label: str) -> str:
    """The text, each word tinted by what it adds (`colour`, "#RRGGBB") or takes away, its points in a
    tooltip; the strongest carry them visibly, and a list in words follows for those who do not see.
    """
    sizes = [abs(word.points) for word in words.words]
    largest = max(sizes, default=0.0)
    least = sorted(sizes, reverse=True)[:_NUMBERED][-1] if sizes else 0.0
    pieces, at = [], 0
    for word, size in zip(words.words, sizes, strict=True):
        pieces.append(escape(words.text[at : word.start]))
        at = word.end
        said = escape(words.said(word))
        if size < VISIBLE:
            pieces.append(said)
            continue
        style = _tint(colour, word.points, size / largest)
        number = f"<small>&nbsp;{_short(word.points)}</small>" if size >= max(least, 2 * VISIBLE) else ""
        title = escape(f"{signed_points(word.points)} ({label})")
        pieces.append(f'<span title="{title}" style="{style}">{said}{number}</span>')
    body = "".join([*pieces, escape(words.text[at:])])
    return (
        f'<p style="line-height:2;font-size:1.05rem;overflow-wrap:anywhere;margin:0">{body}</p>'
        f'<p style="{_HIDDEN}">{escape(describe_words(words, label))}</p>'
    )


def describe_words(words: Words, label: str) -> str:
    """The strongest words in a sentence."""
    strongest = sorted(words.words, key=lambda word: -abs(word.points))[:_NAMED]
    parts = [f"“{words.said(word)}” {signed_points(word.points)}" for word in strongest]
    return f"For {label}: {', '.join(parts)}."


def sound_figure(
    sound: Sound, waveform: np.ndarray, colour: str, label: str, ink: str | None = None
) -> go.Figure:
    """What each moment of a sound adds, over its loudness and its pitch; one time axis in seconds.

    Args:
        sound: explained.
        waveform: (N,) float32 at 16 kHz.
        colour: of the emotion, "#RRGGBB".
        label: the emotion.
        ink: colour of the text; None leaves it to the theme.
    """
    figure = make_subplots(
        rows=3, cols=1, shared_xaxes=True, row_heights=[0.42, 0.33, 0.25], vertical_spacing=0.06
    )
    figure.add_trace(_moment_bars(sound.moments, colour, label), row=1, col=1)
    figure.add_trace(_waveform(waveform), row=2, col=1)
    for name, values, row in (("loudness", 1 + sound.level / 60, 2), ("pitch", sound.pitch, 3)):
        line = {"width": 2, "color": colour}
        curve = go.Scatter(x=sound.times, y=values, mode="lines", line=line, hoverinfo="skip", name=name)
        figure.add_trace(curve, row=row, col=1)
    figure.update_xaxes(fixedrange=True, showgrid=False, zeroline=False, ticksuffix=" s", nticks=5)
    figure.update_yaxes(fixedrange=True, showgrid=False, zeroline=False, nticks=4, tickfont={"size": 11})
    figure.update_yaxes(zeroline=True, zerolinecolor=OUTLINE, row=1, col=1)
    figure.update_yaxes(showticklabels=False, range=[-1.05, 1.05], row=2, col=1)
    for row, title in ((1, "points"), (2, "loudness"), (3, "pitch, Hz")):
        figure.update_yaxes(title={"text": title, "font": {"size": 12}, "standoff": 4}, row=row, col=1)
    return quiet(figure, ink, height=260, left=52)


def _moment_bars(moments: Sequence[Moment], colour: str, label: str) -> go.Bar:
    """The points of each moment, as wide as it lasts."""
    adds = [moment.points >= 0 for moment in moments]
    marker = bar_marker(
        [colour if up else AGAINST for up in adds], 2, pattern={"shape": ["" if up else "/" for up in adds]}
    )
    return go.Bar(
        x=[(moment.start + moment.end) / 2 for moment in moments],
        width=[moment.end - moment.start for moment in moments],
        y=[100 * moment.points for moment in moments],
        marker=marker,
        customdata=[_moment(moment) for moment in moments],
        hovertemplate="%{customdata}<extra></extra>",
        name=f"points for {label}",
    )


def _waveform(waveform: np.ndarray) -> go.Scatter:
    """The outline of a waveform, its loudest sample at 1."""
    low, high = envelope(waveform)
    starts = np.linspace(0, len(waveform), len(low), endpoint=False).astype(int)
    time = (starts / SAMPLE_RATE).astype(np.float32)
    loudest = max(float(np.abs(waveform).max(initial=0.0)), 1e-6)
    return go.Scatter(
        x=np.concatenate([time, time[::-1]]),
        y=np.concatenate([high, low[::-1]]) / loudest,
        fill="toself",
        mode="lines",
        line={"width": 0.5, "color": OUTLINE},
        hoverinfo="skip",
        name="waveform",
    )


def describe_sound(sound: Sound, label: str) -> str:
    """The strongest moments in a sentence."""
    strongest = sorted(sound.moments, key=lambda m: -abs(m.points))[:_NAMED]
    return f"For {label}: {', '.join(_moment(m) for m in strongest)}. Below it the loudness and the pitch."


def face_image(crop: np.ndarray, frame: Frame, colour: str, largest: float | None = None) -> np.ndarray:
    """(160, 160, 3) uint8 RGB: a crop (H, W, 3), bright where it matters: what adds in the emotion's colour,
    what takes away hatched in grey-blue.

    Args:
        largest: points of a cell at full strength; by default the largest of this frame.
    """
    side = FACE_SIDE
    picture = cv2.resize(crop, (side, side), interpolation=cv2.INTER_CUBIC).astype(np.float32)
    scale = largest or float(np.abs(frame.cells).max()) or 1.0
    heat = cv2.resize(frame.cells / scale, (side, side), interpolation=cv2.INTER_CUBIC)
    strength = np.clip(np.abs(heat), 0, 1)
    picture *= (_DIM + (1 - _DIM) * np.sqrt(strength))[..., None]
    hatch = (np.add.outer(np.arange(side), np.arange(side)) // 4) % 2 == 0
    opacity = np.where((heat < 0) & hatch, 0.0, _HEAT * strength)[..., None]
    tint = np.where(heat[..., None] >= 0, _rgb(colour), _rgb(AGAINST))
    return (picture * (1 - opacity) + tint * opacity).round().clip(0, 255).astype(np.uint8)


def describe_face(frame: Frame, label: str, moving: bool) -> str:
    """A picture's map in a sentence."""
    region, adds = strongest_region(frame.cells)
    when = f"The face at {frame.time:.1f} s" if moving else "The face"
    side = "for" if adds else "against"
    return f"{when} {signed_points(frame.points)} for {label}: mostly {region}, {side} it."


def strongest_cell(face: Face) -> float:
    """The points of the cell that matters most in any picture of a face, for a common scale."""
    return max((float(np.abs(frame.cells).max()) for frame in face.frames), default=0.0)


def _tint(colour: str, value: float, strength: float) -> str:
    opacity = FAINTEST + (STRONGEST - FAINTEST) * strength
    shape = "border-radius:0.3em;padding:0.1em 0.15em;"
    if value > 0:
        return f"{shape}background:{_rgba(colour, opacity)}"
    stripe = _rgba(AGAINST, opacity)
    return f"{shape}background:repeating-linear-gradient(45deg,{stripe} 0 3px,transparent 3px 6px)"


def _rgba(colour: str, opacity: float) -> str:
    return f"rgba({','.join(str(int(part)) for part in _rgb(colour))},{opacity:.2f})"


def _rgb(colour: str) -> np.ndarray:
    return np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)], dtype=np.float32)


def _short(value: float) -> str:
    return points(value).split()[0]


def _moment(moment: Moment) -> str:
    return f"{moment.start:.1f} to {moment.end:.1f} s {signed_points(moment.points)}"
