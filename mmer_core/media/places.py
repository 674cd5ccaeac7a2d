"""Where a file lies: a path of this machine, or a URL."""

from __future__ import annotations

from pathlib import Path


def is_url(place: str | Path) -> bool:
    """Whether a place is a URL rather than a path; a URL is kept as text, since `Path` spoils its slashes."""
    return isinstance(place, str) and "://" in place


def place_of(text: str) -> Path | str:
    """What a person named: a URL as it is, anything else as a path."""
    return text if is_url(text) else Path(text)
