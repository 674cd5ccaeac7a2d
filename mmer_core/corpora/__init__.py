"""Corpora: one reader each, one table out. `read("ravdess:/data/ravdess")`, `read("clips.csv")`,
`read("clips/")`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmer_core import options
from mmer_core.corpora.feature_files import FeatureFiles
from mmer_core.corpora.folds import read_folds
from mmer_core.corpora.manifest import CorpusError, EmptyCorpus, GroupUnit, Manifest, Problem, Utterance
from mmer_core.corpora.tables import TABLE_SUFFIXES, WORKBOOK_SUFFIXES
from mmer_core.registry import Entry, Registry

__all__ = [
    "READERS",
    "CorpusError",
    "EmptyCorpus",
    "FeatureFiles",
    "GroupUnit",
    "Manifest",
    "Problem",
    "ReaderEntry",
    "Utterance",
    "names",
    "parse_options",
    "read",
    "read_folds",
    "reader_of",
]


@dataclass(frozen=True, kw_only=True)
class ReaderEntry(Entry):
    """The facts of a corpus reader.

    Attributes:
        title: the corpus's name as people write it.
        path: what the reader is given, the corpus's folder or a table.
    """

    title: str = ""
    path: str = "folder"


#: A reader takes the corpus's folder (or table) and keyword options with defaults: str, int, bool.
READERS: Registry[Manifest, ReaderEntry] = Registry(
    "corpus", ReaderEntry, package=__name__, group="mmer.corpora"
)


def names() -> tuple[str, ...]:
    """Names of all readers, in the order of lists."""
    return READERS.names()


def reader_of(spec: str | Path) -> str:
    """The name of the reader that `read` takes for a spec: "csv" for a table of one's own.

    Raises:
        CorpusError: there is none for it.
    """
    return _split(spec)[0]


def read(spec: str | Path, **reader_options: Any) -> Manifest:
    """Read a corpus. A manifest of our own whose rows are all bad gives an empty table with its problems.

    Args:
        spec: `name:FOLDER` for a known corpus, a manifest (.csv) in our own format, or a folder of clips with
            one subfolder per label.
        reader_options: the reader's own (`classes=4`, `improvised_only=True`); see its docstring.

    Raises:
        CorpusError: unknown corpus or option, or nothing there; EmptyCorpus: nothing in it that can be used.
    """
    name, path = _split(spec)
    _check_options(name, reader_options)
    manifest = READERS.factory(name)(path, **reader_options)
    if not len(manifest) and not (name == "csv" and manifest.problems):
        first = f": {manifest.problems[0].id}: {manifest.problems[0].reason}" if manifest.problems else ""
        raise EmptyCorpus(f"{path} has no utterance that can be used as {name}{first}")
    return manifest


def parse_options(spec: str | Path, texts: Sequence[str]) -> dict[str, Any]:
    """Reader options from text (`["classes=4", "improvised-only"]`), in the types that the reader takes.

    Raises:
        CorpusError: no such option for this corpus, or a value of the wrong kind.
    """
    name, _ = _split(spec)
    try:
        return options.parse_pairs(READERS.factory(name), texts, f"the corpus {name}")
    except ValueError as error:
        raise CorpusError(str(error)) from error


def _split(spec: str | Path) -> tuple[str, Path]:
    """(reader, folder or table) of a spec."""
    known = names()
    name, colon, rest = str(spec).partition(":")
    key = name.lower().replace("-", "_")
    if colon and key in known:
        return key, Path(rest).expanduser()
    path = Path(spec).expanduser()
    if path.suffix.lower() in (*TABLE_SUFFIXES, *WORKBOOK_SUFFIXES) and not path.is_dir():
        return "csv", path
    if path.is_dir():
        return "folder", path
    if colon and re.fullmatch(r"\w{2,}", key):
        raise CorpusError(f"unknown corpus {name!r}: choose one of {', '.join(known)}")
    if path.exists():
        raise CorpusError(
            f"{path} is neither a manifest (.csv) nor a folder: name one, or corpus:FOLDER with one "
            f"of {', '.join(known)}"
        )
    raise CorpusError(
        f"{path} does not exist: name a manifest (.csv), a folder of clips, or corpus:FOLDER with "
        f"one of {', '.join(known)}"
    )


def _check_options(name: str, given: dict[str, Any]) -> None:
    known = [option.name for option in options.options_of(READERS.factory(name))]
    unknown = [option for option in given if option not in known]
    if unknown:
        raise CorpusError(
            f"the corpus {name} has no option {unknown[0]!r}: known are {', '.join(known) or 'none'}"
        )
