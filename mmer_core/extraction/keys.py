"""What an encoder's input is known by: equal keys mean equal features, whatever the corpus and the file are called."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from mmer_core.clip import Absent
from mmer_core.config import Limits
from mmer_core.corpora.files import unreadable
from mmer_core.corpora.manifest import Manifest, Utterance
from mmer_core.labels import Modality


class KnownFile(NamedTuple):
    """The sha256 of a file as long as its size and time of change stay."""

    size: int
    changed: int  # nanoseconds
    sha256: str


class ClipKeys:
    """Keys of a corpus's utterances. Files are read once: their digests are remembered with size and time of change.

    Args:
        manifest: the corpus.
        known: {path: digest} of files that were read before.
        limits: how media will be decoded; other limits give other features.

    Attributes:
        fresh: {path: digest} of files that had to be read; to be remembered.
    """

    def __init__(self, manifest: Manifest, known: Mapping[str, KnownFile] | None = None, limits: Limits | None = None) -> None:
        self.fresh: dict[str, KnownFile] = {}
        self._known = dict(known or {})
        self._decoding = _digest(json.dumps((limits or Limits()).to_json(), sort_keys=True))[:8]
        self._shared = shared_recordings(manifest)

    def of(self, utterance: Utterance, modality: Modality) -> str:
        """The key of what this modality reads.

        Raises:
            Absent: the utterance has nothing for this modality, or its file cannot be read; the message says why.
        """
        if modality is Modality.TEXT:
            if utterance.text is None:
                raise Absent("no words: the corpus gives no transcript")
            before = utterance.dialogue.previous if utterance.dialogue else ()  # some encoders read it as well
            return f"text-{_digest(json.dumps([utterance.text, *before]) if before else utterance.text)}"
        if modality is Modality.METADATA:
            if utterance.dialogue is None:
                raise Absent("the clip stands in no dialogue")
            place = utterance.dialogue
            return f"dialogue-{_digest(json.dumps([place.index, place.length, place.duration]))}"
        if utterance.path is None:
            raise Absent("the corpus gives no file")
        other = self._shared.get(utterance.id)
        if other is not None:
            raise Absent(f"it is a part of the same file as {other}, and files are read whole: cut the recording into one file for each utterance")
        return f"{self._file(utterance.path)}-{self._decoding}"

    def _file(self, path: Path) -> str:
        """The sha256 of a file's content."""
        reason = unreadable(path)
        if reason:
            raise Absent(reason)
        facts = path.stat()
        name = os.path.realpath(path)
        known = self.fresh.get(name) or self._known.get(name)
        if known is None or (known.size, known.changed) != (facts.st_size, facts.st_mtime_ns):
            try:
                with path.open("rb") as file:
                    known = KnownFile(facts.st_size, facts.st_mtime_ns, hashlib.file_digest(file, "sha256").hexdigest())
            except OSError as error:
                raise Absent(f"{path.name} cannot be read ({error.strerror})") from error
            self.fresh[name] = known
        return known.sha256


def shared_recordings(manifest: Manifest) -> dict[str, str]:
    """{id: another id} of utterances that are different stretches of one file: reading the file whole would give them the same features."""
    rows = manifest.table[manifest.table["path"] != ""]
    stretches = rows.dropna(subset=["start", "end"]).drop_duplicates(["path", "start", "end"])["path"].value_counts()
    shared = rows[rows["path"].isin(stretches.index[stretches > 1])]
    found: dict[str, str] = {}
    for _, ids in shared.groupby("path")["id"]:
        first, second, *_ = ids
        found |= {id_: second if id_ == first else first for id_ in ids}
    return found


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
