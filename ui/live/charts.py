"""Figures that move: bars and a timeline as plain HTML and SVG. Twice a second, Plotly would take longer to
draw them than they stand.

Pure functions. Text and lines take the theme's colours.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from html import escape

from mmer_core.inference.live import Point
from ui.figure import percent
from ui.theme import emotion_colours, emotion_name, emotion_title

GAP = 2.0  # seconds without an answer from which on the areas are interrupted
STYLE = """<style>
.mmer-bars {
  display: grid; grid-template-columns: max-content max-content 1fr; gap: 0.45rem 0.6rem; align-items: center;
}
.mmer-bars b { text-align: right; font-variant-numeric: tabular-nums; min-width: 3.2ch; }
.mmer-bars i { display: block; height: 1.35rem; border-radius: 4px; }
.mmer-bars i.first { min-width: 2px; }
.mmer-bars i { background: var(--accent); outline: 1px solid #7C828A; transition: width 0.3s; }
.mmer-bars i.second { opacity: 0.55; }
.mmer-timeline img { display: block; width: 100%; height: 130px; border-radius: 6px; }
.mmer-timeline img { outline: 1px solid #7C828A55; }
.mmer-timeline div { display: flex; flex-wrap: wrap; justify-content: space-between; }
.mmer-timeline div { gap: 0.2rem 1rem; padding-top: 0.2rem; font-size: 0.9rem; }
.mmer-people { display: flex; flex-wrap: wrap; gap: 0.2rem 1.2rem; }
:is(.mmer-timeline, .mmer-people) span::before {
  content: ""; display: inline-block; width: 0.8em; height: 0.8em; margin-right: 0.4em; border-radius: 2px;
  background: var(--accent);
}
</style>"""


def live_bars(probabilities: Mapping[str, float]) -> str:
    """HTML: probability of every emotion, in the model's order, the strongest at full strength.

    Args:
        probabilities: {emotion: p}; all 0 where there is no answer, which leaves the bars blank.
    """
    best, colours = max(probabilities.values()), emotion_colours(probabilities)
    rows = "".join(
        f"<span>{escape(emotion_name(e))}</span><b>{percent(p) if best else '–'}</b><span><i "
        f'class="{"first" if p and p == best else "second"}" '
        f'style="--accent:{colours[e]};width:{100 * p:.1f}%"></i></span>'
        for e, p in probabilities.items()
    )
    return f'<div class="mmer-bars">{rows}</div>'


def live_timeline(points: Sequence[Point], now: float, seconds: float, labels: Sequence[str]) -> str:
    """HTML with SVG: probability of every emotion over the last `seconds`, stacked to 100 %; now is at the
    right.

    Args:
        points: in order of time.
        now: on the points' clock.
        seconds: the time that the width stands for.
        labels: the model's classes.
    """
    colours = emotion_colours(labels)
    areas = "".join(_areas(run, now, seconds, colours) for run in runs(points))
    svg = (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1000 100" '
        f'preserveAspectRatio="none">{areas}</svg>'
    )
    # As a picture, since Streamlit takes SVG out of HTML.
    picture = (
        f'<img src="data:image/svg+xml;base64,{b64encode(svg.encode()).decode()}" '
        f'alt="{escape(describe_timeline(points))}">'
    )
    axis = (
        f"<div><small>{seconds:.0f} s ago</small><small>{seconds / 2:.0f} s "
        "ago</small><small>now</small></div>"
    )
    legend = "".join(
        f'<span style="--accent:{colour}">{escape(emotion_title(e))}</span>' for e, colour in colours.items()
    )
    return (
        f'<div class="mmer-timeline">{picture}{axis}<div style="justify-content:start">{legend}</div></div>'
    )


def runs(points: Sequence[Point]) -> Iterator[list[Point]]:
    """The points in stretches without a gap."""
    run: list[Point] = []
    for point in points:
        if run and point.at - run[-1].at > GAP:
            yield run
            run = []
        run.append(point)
    if run:
        yield run


def _areas(run: Sequence[Point], now: float, seconds: float, colours: Mapping[str, str]) -> str:
    """One polygon for each emotion; y runs down, so the first emotion lies at the bottom."""
    across = [1000 * (1 + (p.at - now) / seconds) for p in run]
    if len(run) == 1:
        across, run = [across[0], across[0] + 4], [run[0], run[0]]
    below = [100.0] * len(run)
    polygons = []
    for emotion, colour in colours.items():
        above = [low - 100 * p.probabilities[emotion] for low, p in zip(below, run, strict=True)]
        there = [f"{x:.1f},{y:.2f}" for x, y in zip(across, above, strict=True)]
        back = [f"{x:.1f},{y:.2f}" for x, y in zip(reversed(across), reversed(below), strict=True)]
        polygons.append(f'<polygon points="{" ".join(there + back)}" fill="{colour}"/>')
        below = above
    return "".join(polygons)


def describe_timeline(points: Sequence[Point]) -> str:
    """The latest point in words, for those who do not see the areas."""
    if not points:
        return "No answers yet"
    last = points[-1].probabilities
    best = max(last, key=lambda e: last[e])
    return f"Probability of each emotion over the last minute; now {best} leads with {percent(last[best])}"
