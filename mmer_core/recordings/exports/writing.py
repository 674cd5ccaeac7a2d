"""The file that a person asked for, whole or not at all."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from mmer_core.recordings.recording import Recording
from mmer_core.runs.tables import in_one_step

#: {ending: module that writes it}
SUFFIXES = {
    ".csv": "table",
    ".parquet": "table",
    ".json": "document",
    ".srt": "subtitles",
    ".vtt": "subtitles",
    ".eaf": "elan",
    ".textgrid": "praat",
}


def check_target(out: Path, *, overwrite: bool = False) -> None:
    """Refuse a file that could not be written in the end, before anything is read.

    Raises:
        ValueError: another ending, a file that is there already, or a library that is missing.
        OSError: the folder is missing.
    """
    if out.suffix.lower() not in SUFFIXES:
        raise ValueError(
            f"{out} has no ending that can be written: use .csv, .parquet, .json, .srt, .vtt, .eaf or "
            ".TextGrid"
        )
    if out.exists() and not overwrite:
        raise ValueError(f"{out} is there already: choose another name, or add --overwrite")
    if not out.absolute().parent.is_dir():
        raise OSError(f"the folder {out.parent} does not exist: create it first")
    _writer(out).check()


def write(recording: Recording, out: Path, *, overwrite: bool = False) -> None:
    """Write the utterances in the format that the file's ending names; a file that is there is replaced only
    when the new one is whole.

    Raises:
        ValueError: see `check_target`.
        OSError: the file cannot be written.
    """
    check_target(out, overwrite=overwrite)
    try:
        with in_one_step(out) as draft:
            _writer(out).write(recording, draft)
    except OSError as error:
        raise OSError(
            f"{out} cannot be written ({error.strerror or error}): free some space or choose another folder; "
            "what was read is kept"
        ) from error


def _writer(out: Path):  # type: ignore[no-untyped-def]
    return import_module(f"mmer_core.recordings.exports.{SUFFIXES[out.suffix.lower()]}")
