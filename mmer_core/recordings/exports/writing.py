"""The file that a person asked for, whole or not at all."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from mmer_core.batch.target import check_free, written_to
from mmer_core.recordings.exports import film
from mmer_core.recordings.exports.captions import NOBODY_NAMED, Names
from mmer_core.recordings.recording import Recording

#: {ending: module that writes it}; those of `film.SUFFIXES` need the recording itself as well
SUFFIXES = {
    ".csv": "table",
    ".parquet": "table",
    ".json": "document",
    ".srt": "subtitles",
    ".vtt": "subtitles",
    ".eaf": "elan",
    ".textgrid": "praat",
}


def check_target(out: Path, *, overwrite: bool = False, source: Path | None = None) -> None:
    """Refuse a file that could not be written in the end, before anything is read.

    Args:
        out: the file.
        overwrite: replace it if it is there.
        source: the recording; a film is made of it.

    Raises:
        ValueError: another ending, a file that is there already, or a library that is missing.
        OSError: the folder is missing.
        MediaError: a film is asked for of a source without pictures.
    """
    if out.suffix.lower() not in (*SUFFIXES, *film.SUFFIXES):
        raise ValueError(
            f"{out} has no ending that can be written: use .csv, .parquet, .json, .srt, .vtt, .eaf or "
            ".TextGrid, or .mp4 or .mkv for the video with boxes and captions"
        )
    check_free(out, overwrite=overwrite)
    if out.suffix.lower() in SUFFIXES:
        _writer(out).check()
    elif source is not None:
        if out.exists() and out.samefile(source):
            raise ValueError(f"{out} is the recording itself: choose another name")
        film.check_pictures(source)


def write(
    recording: Recording,
    out: Path,
    *,
    overwrite: bool = False,
    names: Names = NOBODY_NAMED,
    source: Path | None = None,
    progress: Callable[[float], None] | None = None,
) -> tuple[str, ...]:
    """Write the utterances in the format that the file's ending names; a file that is there is replaced only
    when the new one is whole.

    Args:
        recording: to write.
        out: the file.
        overwrite: replace it if it is there.
        names: {speaker, from 0: name} of those that are known by name; the others are "Speaker 1" and so on.
        source: the recording's own file, of which a film (.mp4, .mkv) is made.
        progress: called with the seconds of a film that are done.

    Returns:
        Notes about what is missing in a film.

    Raises:
        ValueError: see `check_target`; or a film is asked for without `source`.
        OSError: the file cannot be written.
        MediaError: no film can be made of the source.
    """
    check_target(out, overwrite=overwrite)
    with written_to(out) as draft:
        if out.suffix.lower() in SUFFIXES:
            _writer(out).write(recording, draft, names)
            return ()
        if source is None:
            raise ValueError(f"{out} cannot be made without the recording's own file: give it as source")
        return film.write_film(recording, source, draft, names=names, progress=progress)


def _writer(out: Path):  # type: ignore[no-untyped-def]
    return import_module(f"mmer_core.recordings.exports.{SUFFIXES[out.suffix.lower()]}")
