"""Keys of encoders' inputs: equal keys mean equal features, whatever the corpus and the file are called."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, NamedTuple

from mmer_core.clip import Absent
from mmer_core.config import Limits
from mmer_core.corpora.files import unreadable
from mmer_core.corpora.manifest import Manifest, Utterance
from mmer_core.labels import Modality
from mmer_core.media.speech import RECOGNISER

#: The part of an utterance that encoders of each modality read.
Part = Literal["words", "recording", "place"]
PARTS: dict[Modality, Part] = {
    Modality.TEXT: "words",
    Modality.AUDIO: "recording",
    Modality.VISUAL: "recording",
    Modality.METADATA: "place",
}

_RECOGNISED = "speech-"


class KnownFile(NamedTuple):
    """The sha256 of a file, valid as long as its size and time of change stay."""

    size: int
    changed: int  # nanoseconds
    sha256: str


class ClipKeys:
    """Keys of a corpus's utterances. A file is read once: its digest is kept with size and time of change.

    Args:
        manifest: the corpus.
        known: {path: digest} of files that were read before.
        limits: bounds of decoding; other limits give other features.
        transcribe: give utterances without words the key of what speech recognition finds in their recording.

    Attributes:
        fresh: {path: digest} of files that had to be read; to be stored by the caller.
    """

    def __init__(
        self,
        manifest: Manifest,
        known: Mapping[str, KnownFile] | None = None,
        limits: Limits | None = None,
        *,
        transcribe: bool = False,
    ) -> None:
        self.fresh: dict[str, KnownFile] = {}
        self._known = dict(known or {})
        self._decoding = _digest(json.dumps((limits or Limits()).to_json(), sort_keys=True))[:8]
        self._shared = shared_recordings(manifest)
        self._transcribe = transcribe

    def of(self, utterance: Utterance, modality: Modality) -> str:
        """Return the key of what encoders of this modality read.

        Raises:
            Absent: the utterance has nothing for this modality, or its file cannot be read.
        """
        part = PARTS[modality]
        if part == "recording":
            return self.recording(utterance, modality)
        return self._words(utterance) if part == "words" else self._place(utterance)

    def recording(self, utterance: Utterance, modality: Modality) -> str:
        """Return the key of the decoded file that this modality is read from, which transcripts are stored
        under; Absent as in `of`.
        """
        file = utterance.recording(modality)
        if file is None:
            raise Absent("the corpus gives no file")
        other = self._shared.get(utterance.id)
        if other is not None:
            raise Absent(
                f"it is a part of the same file as {other}, and files are read whole: cut the "
                "recording into one file for each utterance"
            )
        return f"{self._sha256(file)}-{self._decoding}"

    def _words(self, utterance: Utterance) -> str:
        context = utterance.dialogue.previous if utterance.dialogue else ()  # some encoders read it as well
        if utterance.text is not None:
            return f"text-{_digest(json.dumps([utterance.text, *context]) if context else utterance.text)}"
        if utterance.path is None:
            raise Absent("no words: the corpus gives neither a transcript nor a file")
        if not self._transcribe:
            raise Absent("no words: the corpus gives no transcript; with --transcribe they are recognised")
        recording = self.recording(utterance, Modality.TEXT)
        return f"{_RECOGNISED}{_digest(json.dumps([recording, RECOGNISER, *context]))}"

    def _place(self, utterance: Utterance) -> str:
        if utterance.dialogue is None:
            raise Absent("the clip stands in no dialogue")
        place = utterance.dialogue
        return f"dialogue-{_digest(json.dumps([place.index, place.length, place.duration]))}"

    def _sha256(self, path: Path) -> str:
        """Return the sha256 of a file's content; Absent if it cannot be read."""
        reason = unreadable(path)
        if reason:
            raise Absent(reason)
        facts = path.stat()
        name = os.path.realpath(path)
        known = self.fresh.get(name) or self._known.get(name)
        if known is None or (known.size, known.changed) != (facts.st_size, facts.st_mtime_ns):
            try:
                with path.open("rb") as file:
                    digest = hashlib.file_digest(file, "sha256").hexdigest()
            except OSError as error:
                raise Absent(f"{path.name} cannot be read ({error.strerror})") from error
            known = self.fresh[name] = KnownFile(facts.st_size, facts.st_mtime_ns, digest)
        return known.sha256


def is_recognised(key: str) -> bool:
    """Whether a key stands for words that speech recognition found."""
    return key.startswith(_RECOGNISED)


def shared_recordings(manifest: Manifest) -> dict[str, str]:
    """{id: another id} of utterances that are different stretches of one file: reading the file whole would
    give them the same features.
    """
    rows = manifest.table[manifest.table["path"] != ""]
    stretches = (
        rows.dropna(subset=["start", "end"]).drop_duplicates(["path", "start", "end"])["path"].value_counts()
    )
    shared = rows[rows["path"].isin(stretches.index[stretches > 1])]
    found: dict[str, str] = {}
    for _, ids in shared.groupby("path")["id"]:
        first, second, *_ = ids
        found |= {id_: second if id_ == first else first for id_ in ids}
    return found


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
