"""All that was read as one JSON document, with the summary."""

from __future__ import annotations

import json
from pathlib import Path

from mmer_core.recordings.exports.captions import NOBODY_NAMED, Names
from mmer_core.recordings.recording import Recording
from mmer_core.recordings.summary import summarise


def check() -> None:
    """Nothing beyond the core is needed."""


def write(recording: Recording, out: Path, names: Names = NOBODY_NAMED) -> None:
    """Write the document; numbers are finite."""
    out.write_text(text_of(recording, names) + "\n", encoding="utf-8")


def text_of(recording: Recording, names: Names = NOBODY_NAMED) -> str:
    """The document as text; speakers are numbered from 0 in it, in "names" as well, which is there if any are
    given. Each of the people stands on one line.
    """
    content = recording.to_json() | {"summary": summarise(recording).to_json()}
    people = content.pop("people")
    if names:
        content["names"] = {str(speaker): name for speaker, name in sorted(names.items())}
    text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)
    lines = ",\n    ".join(json.dumps(person, ensure_ascii=False, allow_nan=False) for person in people)
    return f'{text[: text.rindex("}")].rstrip()},\n  "people": [{lines}]\n}}'
