"""The part of docs/performance.md that the benchmark writes."""

from __future__ import annotations

from pathlib import Path

BEGIN, END = "<!-- bench -->", "<!-- /bench -->"
TITLE = "# Performance\n"
SECTION = "## Side by side\n"


def with_part(text: str, part: str) -> str:
    """The document with what lies between the two marks replaced; the section, and the title of an empty
    document, are added where they are missing.

    Raises:
        ValueError: one mark without the other, or both in the wrong order.
    """
    if (BEGIN in text) != (END in text) or text.find(BEGIN) > text.find(END):
        raise ValueError(f"{BEGIN} and {END} must both stand in the document, in this order, or neither")
    block = f"{BEGIN}\n{part.strip()}\n{END}"
    if BEGIN in text:
        before, after = text.split(BEGIN, 1)[0], text.split(END, 1)[1]
        return before + block + after
    start = text.rstrip() or TITLE.rstrip()
    return f"{start}\n\n{SECTION}\n{block}\n"


def write_part(path: Path, part: str) -> None:
    """`with_part` of a file, which may not be there yet."""
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    path.write_text(with_part(text, part), encoding="utf-8")
