"""A report as one HTML file that opens offline and prints on A4: the frame and the pieces it is made of.
Whatever comes from a person or a file is escaped here.

The page may load nothing from anywhere (its content security policy forbids it), so nobody learns that it is
read.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from html import escape
from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

from mmer_core.inference.card import PROHIBITED
from ui.figure import CONFIG, tamed
from ui.text import sentence_case

_RIGHT = ' class="number"'
INK = "#3C414C"  # text in figures: a report is always on white
_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:; "
    "font-src data:"
)
# Text fonts first, down to the machine's own: emoji fonts have digits, too, wide ones.
_FONTS = (
    '"Segoe UI", Roboto, "Helvetica Neue", Arial, "Liberation Sans", "DejaVu Sans", sans-serif, '
    '"Apple Color Emoji", "Segoe UI Emoji", "Noto Color Emoji"'
)
_STYLE = (
    """
:root { color-scheme: light; }
body { font: 16px/1.55 """
    + _FONTS
    + """; color: #1c1f26; background: #fff; margin: 0; }
main { max-width: 680px; margin: 0 auto; padding: 1.5rem 1rem 4rem; }
h1 { font-size: 2rem; line-height: 1.2; margin: 0.2rem 0 0.4rem; }
h2 { font-size: 1.3rem; margin: 2.2rem 0 0.5rem; }
h3 { font-size: 1.05rem; margin: 1.4rem 0 0.4rem; } p { margin: 0.4rem 0; } small, .quiet { color: #5a6070; }
.lead { font-size: 1.15rem; font-weight: 600; }
.answer { border-left: 6px solid var(--accent); padding-left: 1rem; } .scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: 0.92rem; }
caption { text-align: left; color: #5a6070; padding-bottom: 0.3rem; }
th, td { padding: 0.3rem 1rem 0.3rem 0; border-bottom: 1px solid #dde0e7; }
th, td { text-align: left; vertical-align: top; }
th.number, td.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
code, pre { font-size: 0.88rem; overflow-wrap: anywhere; white-space: pre-wrap; }
pre { background: #f4f5f8; border-radius: 0.5rem; padding: 0.7rem 0.9rem; }
blockquote { margin: 0.4rem 0; padding-left: 1rem; border-left: 4px solid #3b7dd8; }
.frames { display: flex; flex-wrap: wrap; gap: 0.4rem; }
.frames img { max-width: 100%; height: 150px; border-radius: 0.3rem; }
.answer { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
@page { size: A4; margin: 14mm; }
@media print {
  body { font-size: 10.5pt; } main { max-width: none; padding: 0; }
  h2, h3 { break-after: avoid; } .figure, tr, .answer, .frames, pre { break-inside: avoid; }
  .scroll { overflow: visible; } table { font-size: 8.5pt; } th, td { padding-right: 0.5rem; }
  th.number, td.number { white-space: normal; } .figure svg { max-width: 100%; }
}
"""
)


def document(title: str, body: Iterable[str]) -> str:
    """A whole page: plotly.js once, then the pieces.

    Args:
        title: plain text.
        body: HTML, made by the functions below.
    """
    made = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><meta '
        f'http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width, '
        f'initial-scale=1"><title>{escape(title)}</title><style>{_STYLE}</style>'
        f"<script>{get_plotlyjs()}</script></head><body><main>\n"
        + "\n".join(body)
        + f'\n<p class="quiet"><small>Made by Multimodal emotion recognition, {made}. This file loads '
        "nothing from anywhere.</small></p>"
        "</main></body></html>\n"
    )


def heading(text: str, level: int = 2) -> str:
    """A heading from plain text."""
    return f"<h{level}>{escape(text)}</h{level}>"


def paragraph(text: str, *, quiet: bool = False) -> str:
    """A paragraph from plain text."""
    return f'<p class="quiet">{escape(text)}</p>' if quiet else f"<p>{escape(text)}</p>"


def bullets(lines: Iterable[str]) -> str:
    """A list of sentences from plain text."""
    return "<ul>" + "".join(f"<li>{escape(sentence_case(line))}</li>" for line in lines) + "</ul>"


def code(text: str) -> str:
    """A command or file, as it is."""
    return f"<pre>{escape(text)}</pre>"


def figure(chart: go.Figure, alt: str) -> str:
    """An interactive figure; `document` brings plotly.js."""
    chart = go.Figure(tamed(chart)).update_layout(template="plotly_white", font_color=INK, font_family=_FONTS)
    drawn = chart.to_html(full_html=False, include_plotlyjs=False, config={**CONFIG, "responsive": True})
    return f'<div class="figure" role="img" aria-label="{escape(alt)}">{drawn}</div>'


def table(rows: Sequence[Sequence[object]], header: Sequence[str], caption: str = "") -> str:
    """A table of plain values; columns of numbers stand right."""
    numbers = [bool(rows) and all(_is_number(row[i]) for row in rows) for i in range(len(header))]
    head = "".join(
        f"<th{_RIGHT if right else ''}>{escape(name)}</th>"
        for name, right in zip(header, numbers, strict=True)
    )
    lines = [
        "<tr>" + "".join(_cell(value, right) for value, right in zip(row, numbers, strict=True)) + "</tr>"
        for row in rows
    ]
    title = f"<caption>{escape(caption)}</caption>" if caption else ""
    return (
        "<div "
        f'class="scroll"><table>{title}<thead><tr>{head}</tr></thead><tbody>{"".join(lines)}</tbody></table></div>'
    )


def facts(named: Mapping[str, object]) -> str:
    """A table of two columns: what, and its value."""
    lines = [f"<tr><th>{escape(name)}</th>{_cell(value)}</tr>" for name, value in named.items()]
    return f'<div class="scroll"><table><tbody>{"".join(lines)}</tbody></table></div>'


def pictures(frames: Sequence[np.ndarray], alt: str) -> str:
    """Pictures (H, W, 3) uint8 inside the file, as JPEG."""
    return (
        '<div class="frames">'
        + "".join(f'<img alt="{escape(alt)}" src="{_jpeg(frame)}">' for frame in frames)
        + "</div>"
    )


def limits(record: Mapping[str, Any]) -> list[str]:
    """The limits that a model's card states; nothing where it states none."""
    found = (record.get("card") or {}).get("limits") or []
    return [heading("Limits"), bullets(found)] if found else []


def not_for() -> list[str]:
    """The uses for which no model like this is meant."""
    return [heading("Not for"), bullets(PROHIBITED)]


def _cell(value: object, right: bool = False) -> str:
    return f"<td{_RIGHT if right else ''}>{'–' if value is None else escape(str(value))}</td>"


def _is_number(value: object) -> bool:
    """A number, or a score as text: "76.9 [71.2, 83.0]", "1,440", "–"."""
    return value is None or not set(str(value)) - set("0123456789.,[]–− ")


def _jpeg(frame: np.ndarray) -> str:
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(frame).save(file, "JPEG", quality=80)
    return "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode("ascii")
