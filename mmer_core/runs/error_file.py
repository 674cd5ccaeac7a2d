"""The sentence in which a failed command gives its reason to the process that started it: a file that an
environment variable names, so that no output is parsed.
"""

from __future__ import annotations

import os
from pathlib import Path

VARIABLE = "MMER_ERROR_FILE"


def leave(sentence: str) -> None:
    """Write the reason of a failure to the file that `MMER_ERROR_FILE` names; nothing where it names none.

    A file that cannot be written is passed over: the command has failed already, and its reason is in its
    output as well.
    """
    path = os.environ.get(VARIABLE)
    if path:
        try:
            Path(path).write_text(sentence.strip() + "\n", encoding="utf-8")
        except OSError:
            return


def take(path: Path) -> str | None:
    """Return the reason in a file and remove the file; None where there is none."""
    try:
        sentence = path.read_text(encoding="utf-8").strip()
        path.unlink()
    except (OSError, ValueError):
        return None
    return sentence or None
