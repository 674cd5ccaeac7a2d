"""The warm seconds as bars: an SVG picture that can be read on light and on dark pages."""

from __future__ import annotations

from collections.abc import Sequence
from xml.sax.saxutils import escape

from benchmarks.compared.tables import Results, seconds
from benchmarks.compared.tasks import Role, Task

WIDTH, LEFT, RIGHT = 760, 230, 80  # pixels: of the picture, for names, for figures
ROW, BAR, HEAD, GAP = 22, 14, 30, 14
STYLE = """
text { font: 13px system-ui, sans-serif; fill: #24292f; }
.head { font-weight: 600; }
.ours { fill: #1f6feb; }
.theirs { fill: #8c959f; }
.floor { fill: #c9d1d9; stroke: #8c959f; }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3; }
  .ours { fill: #58a6ff; }
  .theirs { fill: #7d8590; }
  .floor { fill: #30363d; stroke: #7d8590; }
}
"""


def bars(task: Task, results: Results) -> list[tuple[str, Role, float]]:
    """(who, role, warm seconds) of those that were measured, in the order of the table."""
    measured = results.get(task.title, {})
    found = [(e.title, e.role, measured[e.title].seconds) for e in task.entrants if e.title in measured]
    return [(title, role, value) for title, role, value in found if value is not None]


def svg(tasks: Sequence[Task], results: Results) -> str:
    """A picture with a group of bars for each task, each with a scale of its own; shorter is faster."""
    parts: list[str] = []
    top = GAP
    for task in tasks:
        rows = bars(task, results)
        if not rows:
            continue
        parts.append(
            f'<text class="head" x="8" y="{top + 14}">{escape(task.title)}, {escape(task.unit)}</text>'
        )
        top += HEAD
        longest = max(value for _, _, value in rows) or 1.0
        for title, role, value in rows:
            width = max(1.0, (WIDTH - LEFT - RIGHT) * value / longest)
            parts.append(f'<text x="{LEFT - 8}" y="{top + 12}" text-anchor="end">{escape(title)}</text>')
            parts.append(
                f'<rect class="{role}" x="{LEFT}" y="{top}" width="{width:.1f}" height="{BAR}" rx="2"/>'
            )
            parts.append(f'<text x="{LEFT + width + 6:.1f}" y="{top + 12}">{seconds(value)}</text>')
            top += ROW
        top += GAP
    title = "Warm seconds of this project, of other tools, and of the floor; shorter is faster"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {top}" width="{WIDTH}" '
        f'height="{top}" role="img" aria-label="{title}">\n<title>{title}</title>\n'
        f"<style>{STYLE}</style>\n" + "\n".join(parts) + "\n</svg>\n"
    )
