"""The clips that a person names: files, folders, patterns, and tables with a column of paths."""

from __future__ import annotations

import glob
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mmer_core.corpora.files import MEDIA_SUFFIXES, all_files
from mmer_core.corpora.tables import read_table
from mmer_core.media.places import is_url

_TABLES = (".csv", ".tsv", ".tab")
_PATTERN = frozenset("*?[")


@dataclass(frozen=True)
class Input:
    """One clip to read.

    Attributes:
        path: of the file, or a URL that fsspec knows.
        text: the words, where a table gives them; None: speech recognition.
    """

    path: str
    text: str | None = None

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def names_several(path: Path | str) -> bool:
    """Whether a path names more than one clip: a folder, a pattern or a table. A URL names one."""
    return isinstance(path, Path) and (path.is_dir() or path.suffix.lower() in _TABLES or _is_pattern(path))


def _is_pattern(path: Path) -> bool:
    return not path.exists() and bool(_PATTERN & set(str(path)))


def inputs_of(named: Sequence[Path | str], left_out: Callable[[str], None] = lambda _: None) -> list[Input]:
    """The clips that are named, each once, in order.

    Args:
        named: files; folders, whose clips count wherever they lie below; patterns such as `day1/*.mp4`; and
            tables (.csv, .tsv) with the columns path and, if there are transcripts, text, whose paths are
            URLs or relative to the table; and URLs of files, as text.
        left_out: is told in a sentence what a folder holds besides clips, and which rows a table spoils.

    Raises:
        ValueError: a folder without clips, or a pattern that fits nothing.
        CorpusError: a table that cannot be read.
    """
    found: dict[str, Input] = {}
    for path in named:
        for given in _expanded(path, left_out):
            found.setdefault(given.path, given)
    return list(found.values())


def _expanded(path: Path | str, left_out: Callable[[str], None]) -> Iterator[Input]:
    if isinstance(path, str):
        yield Input(path)
    elif path.is_dir():
        yield from _folder(path, left_out)
    elif path.suffix.lower() in _TABLES:
        yield from _table(path, left_out)
    elif _is_pattern(path):
        names = sorted(glob.glob(str(path), recursive=True))
        if not names:
            raise ValueError(f"no file fits {path}: check the pattern, or name a folder")
        for name in names:
            yield from _expanded(Path(name), left_out)
    else:
        yield Input(str(path))


def _folder(folder: Path, left_out: Callable[[str], None]) -> Iterator[Input]:
    files = list(all_files(folder))
    clips = [file for file in files if file.suffix.lower() in MEDIA_SUFFIXES]
    others = Counter(file.suffix.lower() or "no ending" for file in set(files) - set(clips))
    if others:
        kinds = ", ".join(f"{count} × {suffix}" for suffix, count in others.most_common())
        left_out(f"left out of {folder}: {kinds}")
    if not clips:
        raise ValueError(
            f"{folder} holds no video, sound or picture: name a folder of clips, or the files themselves"
        )
    yield from (Input(str(file)) for file in clips)


def _table(file: Path, left_out: Callable[[str], None]) -> Iterator[Input]:
    table = read_table(file).named(("path",), also=("text",))
    for problem in table.problems:
        left_out(f"left out of {file}: {problem.id}: {problem.reason}")
    for _, row in table.records():
        own = row["path"]
        yield Input(own if is_url(own) else str(file.parent / own), row.get("text") or None)
