"""A stretch of a long recording as a small file for a player, cut without decoding it."""

from __future__ import annotations

import json
import logging
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from mmer_core.config import Limits
from mmer_core.media import decoding
from mmer_core.media.file_checks import MediaError, opened

COMMAND = (sys.executable, "-m", "mmer_core.media.decoder.excerpt")
MOST_BYTES = 100 * 2**20
KINDS = ("mp4", "webm", "wav")
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Excerpt:
    """A stretch of a recording as a file.

    Attributes:
        content: the file.
        kind: "mp4", "webm" or "wav".
        start: seconds of the recording at which it begins; where a picture can only be decoded with those
            before it, earlier than was asked for, except in an mp4.
        end: seconds of the recording at which it ends.
    """

    content: bytes
    kind: str
    start: float
    end: float


def cut_excerpt(
    path: str | Path, start: float, end: float, limits: Limits, *, most: int = MOST_BYTES
) -> Excerpt | None:
    """Copy a stretch of a video or sound into a file of its own, in a process with limits.

    Args:
        path: of the recording, which has been read before.
        start: seconds from its first picture or sample.
        end: seconds.
        limits: bounds on the cost.
        most: bytes of the file, about; where more would be needed it ends earlier.

    Returns:
        The stretch; None if browsers do not play what is in the file, or it cannot be cut.

    Raises:
        MediaError: the file cannot be opened any more, or the temporary folder cannot be used.
    """
    path = Path(path)
    own = replace(limits, frame_bytes=max(limits.frame_bytes, most + 16 * 2**20))
    try:
        with tempfile.TemporaryDirectory(prefix="mmer-") as name, opened(path, path.name) as source:
            out, report = Path(name) / "out", Path(name) / "report"
            command = [*COMMAND, json.dumps(own.to_json()), str(out), str(report)]
            status = decoding.run_limited(
                [*command, repr(float(start)), repr(float(end)), str(most)], source, Path(name), own
            )
            return _excerpt(out, report) if status == 0 else None
    except OSError as error:
        raise MediaError(
            f"the temporary folder cannot be used ({error.strerror}): free some space there or set TMPDIR"
        ) from error


def _excerpt(out: Path, report: Path) -> Excerpt | None:
    """What the process wrote, if it holds together: it has read a hostile file."""
    try:
        found = json.loads(report.read_text(encoding="utf-8"))
        if "refused" in found:
            log.info("no excerpt: %s", str(found["refused"])[:80])
            return None
        start, end = float(found["start"]), float(found["end"])
        if found["kind"] not in KINDS or not 0 <= start < end < float("inf"):
            raise ValueError("times or kind")
    except (ValueError, KeyError, TypeError) as error:
        log.warning("the process that cuts wrote a report that does not hold together: %s", error)
        return None
    return Excerpt(out.read_bytes(), found["kind"], start, end)
