"""The words and media of a run's utterances. A run holds only ids; the corpus that its request names has the
rest.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from mmer_core import corpora
from mmer_core.config import working_folder
from mmer_core.corpora import CorpusError, Manifest


@dataclass(frozen=True)
class CorpusRequest:
    """The corpus that a run was trained on, as its request names it.

    Attributes:
        spec: as `corpora.read` takes it, the folder absolute; "" if the run has no request.
        options: of the reader.
        shown: the spec as it stands in the request.
    """

    spec: str
    options: Mapping[str, Any] = field(default_factory=dict)
    shown: str = ""

    @property
    def exists(self) -> bool:
        """Whether the folder or table is on this machine."""
        return bool(self.spec) and _place(self.spec)[1].exists()

    def elsewhere(self, spec: str) -> CorpusRequest:
        """The same corpus with the same options, in another place: a spec, or only a folder, to which the
        reader's name is added.
        """
        reader = _place(self.spec)[0] if self.spec else ""
        named = _place(spec)[0]
        return request(
            f"{reader}:{spec}" if reader and not named and not spec.lower().endswith(".csv") else spec,
            self.options,
        )


@dataclass(frozen=True)
class Utterances:
    """The rows of a corpus that belong to a run.

    Attributes:
        table: text, path and group (the speaker) of each; its index is the id.
        root: the folder that the paths are relative to and, as the reader has checked, stay inside.
        note: what differs from the corpus the run was trained on, as a sentence; "" if it is the same.
    """

    table: pd.DataFrame
    root: Path
    note: str = ""

    def media(self, id: str) -> Path | None:
        """The clip, or None if it is not on this machine."""
        path = str(self.table["path"].get(id, ""))
        return self.root / path if path and (self.root / path).is_file() else None


def requested(record: Mapping[str, Any]) -> CorpusRequest:
    """The corpus in the request of a run.json; an empty one for a run of an older version, which has no
    request, and for one that somebody edited.
    """
    found = record.get("request")
    spec, options = (
        (found.get("corpus", ""), found.get("corpus_options", {})) if isinstance(found, dict) else ("", {})
    )
    if not (isinstance(spec, str) and isinstance(options, dict)):
        return CorpusRequest("")
    return request(spec, options)


def request(spec: str, options: Mapping[str, Any] | None = None) -> CorpusRequest:
    """A request for a spec such as "ravdess:data/ravdess"; relative folders start where trainings are run."""
    if not spec.strip():
        return CorpusRequest("", dict(options or {}))
    name, place = _place(spec.strip())
    absolute = place if place.is_absolute() else working_folder() / place
    return CorpusRequest(f"{name}:{absolute}" if name else str(absolute), dict(options or {}), spec.strip())


def read(wanted: CorpusRequest) -> Manifest:
    """The whole corpus of a request.

    Raises:
        CorpusError: it is not there, or cannot be read as what it should be.
    """
    if not wanted.exists:
        raise CorpusError(
            f"{wanted.shown or 'the corpus'} is not on this machine: name the folder where it lies"
        )
    return corpora.read(wanted.spec, **wanted.options)


def of_run(manifest: Manifest, ids: Collection[str], fingerprint: str) -> Utterances:
    """The utterances of a run in a corpus.

    Args:
        manifest: the corpus on this machine.
        ids: of the run's utterances.
        fingerprint: of the corpus the run was trained on.

    Raises:
        CorpusError: none of the run's utterances is in it.
    """
    wanted = set(ids)
    rows = [row for row, id_ in enumerate(manifest.ids) if id_ in wanted]
    if not rows:
        raise CorpusError(
            f"{manifest.root} holds none of this run's utterances: name the corpus that it was trained on"
        )
    used = manifest.take(rows)
    note = ""
    if len(rows) < len(wanted):
        note = f"{manifest.root} holds {len(rows):,} of the {len(wanted):,} utterances of this run."
    elif used.fingerprint != fingerprint:
        note = (
            f"{manifest.root} has the same ids but is not exactly the corpus this run was trained on: "
            "texts and clips may differ."
        )
    return Utterances(used.table.set_index("id")[["text", "path", "group"]], manifest.root, note)


def _place(spec: str) -> tuple[str, Path]:
    """(reader or "", folder or table) of a spec."""
    name, colon, rest = spec.partition(":")
    key = name.lower().replace("-", "_")
    return (
        (key, Path(rest).expanduser()) if colon and key in corpora.names() else ("", Path(spec).expanduser())
    )
