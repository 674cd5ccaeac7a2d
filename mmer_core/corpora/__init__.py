"""Corpora: one reader each, one table out. `read("ravdess:/data/ravdess")`, `read("clips.csv")`, `read("clips/")`."""

from __future__ import annotations

import inspect
import re
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, get_type_hints

from mmer_core.corpora.feature_files import FeatureFiles
from mmer_core.corpora.folds import read_folds
from mmer_core.corpora.manifest import CorpusError, GroupUnit, Manifest, Problem, Utterance
from mmer_core.registry import Registry

__all__ = ["READERS", "CorpusError", "FeatureFiles", "GroupUnit", "Manifest", "Problem", "Utterance", "names", "parse_options", "read", "read_folds"]

#: A reader takes the corpus's folder (or table) and keyword options with defaults: str, int, bool.
READERS: Registry[Manifest] = Registry("corpus")
_MODULES = ("crema_d", "csv", "emodb", "features", "folder", "iemocap", "meld", "ravdess")


def _load_readers() -> None:
    for module in _MODULES:
        import_module(f"mmer_core.corpora.{module}")


def names() -> tuple[str, ...]:
    """Names of all readers."""
    _load_readers()
    return READERS.names()


def read(spec: str | Path, **options: Any) -> Manifest:
    """Read a corpus. A manifest of our own whose rows are all bad gives an empty table with its problems.

    Args:
        spec: `name:FOLDER` for a known corpus, a manifest (.csv) in our own format, or a folder of clips with one subfolder per label.
        options: the reader's own (`classes=4`, `improvised_only=True`); see its docstring.

    Raises:
        CorpusError: unknown corpus or option, nothing there, or nothing in it that can be used.
    """
    name, path = _split(spec)
    _check_options(name, options)
    manifest = READERS.factory(name)(path, **options)
    if not len(manifest) and not (name == "csv" and manifest.problems):
        first = f": {manifest.problems[0].id}: {manifest.problems[0].reason}" if manifest.problems else ""
        raise CorpusError(f"{path} has no utterance that can be used as {name}{first}")
    return manifest


def parse_options(spec: str | Path, texts: Sequence[str]) -> dict[str, Any]:
    """Reader options from a command line (`["classes=4", "improvised-only=yes"]`), converted to the types that the reader wants.

    Raises:
        CorpusError: no such option for this corpus, or a value of the wrong kind.
    """
    name, _ = _split(spec)
    options: dict[str, Any] = {}
    for text in texts:
        key, _, value = text.partition("=")
        options[key.strip().replace("-", "_")] = value.strip()
    _check_options(name, options)
    hints = get_type_hints(READERS.factory(name))
    return {key: _convert(key, value, hints[key]) for key, value in options.items()}


def _split(spec: str | Path) -> tuple[str, Path]:
    """(reader, folder or table) of a spec."""
    known = names()
    name, colon, rest = str(spec).partition(":")
    key = name.lower().replace("-", "_")
    if colon and key in known:
        return key, Path(rest).expanduser()
    path = Path(spec).expanduser()
    if path.suffix.lower() == ".csv" and not path.is_dir():
        return "csv", path
    if path.is_dir():
        return "folder", path
    if colon and re.fullmatch(r"\w{2,}", key):
        raise CorpusError(f"unknown corpus {name!r}: choose one of {', '.join(known)}")
    if path.exists():
        raise CorpusError(f"{path} is neither a manifest (.csv) nor a folder: name one, or corpus:FOLDER with one of {', '.join(known)}")
    raise CorpusError(f"{path} does not exist: name a manifest (.csv), a folder of clips, or corpus:FOLDER with one of {', '.join(known)}")


def _check_options(name: str, options: dict[str, Any]) -> None:
    known = list(inspect.signature(READERS.factory(name)).parameters)[1:]
    unknown = [o for o in options if o not in known]
    if unknown:
        raise CorpusError(f"{name} has no option {unknown[0]!r}: known are {', '.join(known) or 'none'}")


def _convert(key: str, value: str, wanted: Any) -> Any:
    if wanted is bool:
        truth = {"": True, "yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}.get(value.lower())
        if truth is None:
            raise CorpusError(f"the option {key} is yes or no, not {value!r}")
        return truth
    if wanted is int:
        if not value.lstrip("-").isdigit():
            raise CorpusError(f"the option {key} is a whole number, not {value!r}")
        return int(value)
    return value
