"""All that was read as one JSON document, with the summary."""

from __future__ import annotations

import json
from pathlib import Path

from mmer_core.recordings.recording import Recording
from mmer_core.recordings.summary import summarise


def check() -> None:
    """Nothing beyond the core is needed."""


def write(recording: Recording, out: Path) -> None:
    """Write the document; numbers are finite."""
    out.write_text(text_of(recording) + "\n", encoding="utf-8")


def text_of(recording: Recording) -> str:
    """The document as text."""
    content = recording.to_json() | {"summary": summarise(recording).to_json()}
    return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)
