"""Lists and tables of the model card."""

from __future__ import annotations

from collections.abc import Sequence


def bullets(lines: Sequence[str]) -> str:
    """A list of these lines."""
    return "\n".join(f"- {line}" for line in lines)


def table(header: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """A table of rows as wide as the header."""
    lines = ["| " + " | ".join(header) + " |", "|" + " --- |" * len(header)]
    return "\n".join(
        lines + ["| " + " | ".join(str(cell).replace("|", "\\|") for cell in row) + " |" for row in rows]
    )
