"""A recording as a figure over time and as shares: pure functions, free of Streamlit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

import plotly.graph_objects as go

from mmer_core.clock import clock
from ui.analyze.timeline_charts import LEFT, RIGHT
from ui.analyze.utterance_lines import row_of
from ui.figure import percent, quiet
from ui.headline import short_answer
from ui.theme import OUTLINE, emotion_colours, emotion_name, emotion_title

if TYPE_CHECKING:
    from mmer_core.recordings import Recording, Utterance
    from mmer_core.recordings.exports.captions import Names
    from mmer_core.recordings.summary import Summary

_ROW = 40  # pixels
_TALLEST = 0.85  # of a row, for probability 1
_NONE = 0.06  # of a row: an utterance without an answer
_FAINT = 0.45  # opacity of an unsure answer
_NAME = 10  # letters that fit beside the axis
_WORDS = 80  # letters of the words that are shown at the pointer
_THINNEST = 1 / 400  # of the axis: shorter utterances are drawn this wide, so that they are seen
_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600)  # seconds between ticks
_TICKS = 6
_HOVER = "%{customdata[0]}<extra></extra>"
ALL = "All"


def rows_of(utterances: Sequence[Utterance], names: Names) -> dict[str, list[Utterance]]:
    """{row: its utterances}, speakers first, in the order in which they are first heard."""
    found: dict[str, list[Utterance]] = {}
    for utterance in sorted(utterances, key=lambda u: (u.speaker is None, not u.spoken)):
        found.setdefault(row_of(utterance, names), []).append(utterance)
    order = {row: min((u.speaker is None, u.speaker or 0) for u in us) for row, us in found.items()}
    return {row: found[row] for row in sorted(found, key=order.__getitem__)}


def recording_figure(recording: Recording, names: Names, ink: str | None = None) -> go.Figure:
    """One row for each speaker: colour is the emotion, height its probability; unsure answers are faint.

    Args:
        recording: as it was read.
        names: of speakers.
        ink: colour of the text; None leaves it to the theme.
    """
    rows = rows_of(recording.utterances, names)
    span = max(recording.end - recording.start, 0.001)
    figure = go.Figure()
    colours = emotion_colours(recording.labels)
    for i, (title, utterances) in enumerate(rows.items()):
        bars = _bars(utterances, colours, _THINNEST * span)
        figure.add_bar(base=len(rows) - 1 - i, name=title, hovertemplate=_HOVER, **bars)
    bare = {"fixedrange": True, "showgrid": False, "zeroline": False}
    at = ticks(recording.start, recording.end)
    figure.update_xaxes(
        range=[recording.start, recording.start + span],
        tickvals=at,
        ticktext=[clock(t, tenths=False) for t in at],
        tickfont={"size": 12},
        **bare,
    )
    figure.update_yaxes(
        range=[-0.06, len(rows)],
        ticks="",
        ticklabelstandoff=8,
        automargin=False,
        tickvals=[len(rows) - 1 - i + _TALLEST / 2 for i in range(len(rows))],
        ticktext=[escape(_short(title)) for title in rows],
        tickfont={"size": 13},
        **bare,
    )
    quiet(figure, ink, height=_ROW * len(rows) + 34, left=LEFT, bargap=0)
    return figure.update_layout(margin={"r": RIGHT, "b": 26}, hovermode="closest", barmode="overlay")


def _bars(utterances: Sequence[Utterance], colours: Mapping[str, str], thinnest: float) -> dict[str, Any]:
    """What a row of bars shows; none is thinner than this many seconds."""
    answers = [u.prediction for u in utterances]
    return {
        "x": [(u.start + u.end) / 2 for u in utterances],
        "width": [max(u.seconds, thinnest) for u in utterances],
        "y": [_NONE if a is None else _TALLEST * a.probability for a in answers],
        "marker": {
            "color": [OUTLINE if a is None else colours.get(a.label, OUTLINE) for a in answers],
            "opacity": [_FAINT if a is not None and a.unsure else 1.0 for a in answers],
            "line": {"width": 0},
        },
        "customdata": [[_hover(u)] for u in utterances],
    }


def _hover(utterance: Utterance) -> str:
    answer = utterance.prediction
    said = (
        utterance.reason if answer is None else short_answer(answer.label, answer.probability, answer.unsure)
    )
    words = utterance.words if len(utterance.words) <= _WORDS else f"{utterance.words[: _WORDS - 1]}…"
    text = f"{clock(utterance.start)} to {clock(utterance.end)}: {said}"
    return escape(text) + (f"<br>“{escape(words)}”" if words else "")


def ticks(start: float, end: float) -> list[float]:
    """Even times from one moment to another, seconds, no more than fit on a phone."""
    step = next((s for s in _STEPS if (end - start) / s <= _TICKS), _STEPS[-1])
    first = -int(-start // step) * step
    return [float(t) for t in range(first, int(end) + 1, step)]


def _short(title: str) -> str:
    return title if len(title) <= _NAME else f"{title[: _NAME - 1]}…"


def describe_recording(recording: Recording, summary: Summary) -> str:
    """The figure in words, for those who do not see it."""
    shares = ", ".join(f"{label} {percent(share)}" for label, share in summary.shares.items())
    turns = "; ".join(f"from {t.before} to {t.after} at {clock(t.at)}" for t in summary.turning_points[:10])
    found = (
        f"Emotion over {clock(recording.end - recording.start, tenths=False)}: {shares or 'nothing to go by'}"
    )
    return f"{found}. It turns {turns}." if turns else f"{found}."


def shown_emotions(recording: Recording) -> list[str]:
    """The emotions in the figure, in the model's order."""
    there = {u.label for u in recording.utterances}
    return [label for label in recording.labels if label in there]


def shares_html(summary: Summary, labels: Sequence[str], names: Names) -> str:
    """A bar for each speaker, and one for all together, split by the emotions' shares of the time, with the
    largest in words.
    """
    people = {
        names.get(speaker) or f"Speaker {speaker + 1}": shares
        for speaker, shares in summary.by_speaker.items()
    }
    bars = people if len(people) == 1 else {**people, ALL: summary.shares}
    return (
        '<div class="mmer-shares">' + "".join(_share_bar(*item, labels) for item in bars.items()) + "</div>"
    )


def _share_bar(title: str, shares: Mapping[str, float], labels: Sequence[str]) -> str:
    colours = emotion_colours(labels)
    words = ", ".join(f"{emotion_name(label)} {percent(share)}" for label, share in list(shares.items())[:3])
    whole = ", ".join(f"{emotion_title(label)} {percent(share)}" for label, share in shares.items())
    parts = "".join(
        f'<i style="width:{100 * share:.2f}%;background:{colours.get(label, OUTLINE)}"></i>'
        for label, share in shares.items()
    )
    return (
        f'<div><strong>{escape(title)}</strong><span class="bar" role="img" aria-label="{escape(whole)}" '
        f'title="{escape(whole)}">{parts}</span><small>{escape(words)}</small></div>'
    )
