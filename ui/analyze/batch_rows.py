"""The answers to several files, read one after the other and kept for this visit."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from mmer_core.batch import rows as batch_rows
from mmer_core.labels import Modality
from mmer_core.media.loading import display_name
from ui.analyze.analysis import attempt
from ui.analyze.nothing import reasons
from ui.analyze.ordinary_voice import compared, kept_voice
from ui.analyze.source import Source
from ui.analyze.watcher import Watcher
from ui.models import ModelLoader
from ui.text import STEPS, place_in_line, plain, sentence_case
from ui.theme import emotion_name

if TYPE_CHECKING:
    from mmer_core.clip import Clip
    from mmer_core.inference.prediction import Prediction

NOT_READ = "Not read"
_ROWS, _STOPPED = "batch-rows", "batch-stopped"
_AT_ONCE = 2.0  # seconds of reading after which the page shows what has come

Key = tuple[str, str, str]


@dataclass(frozen=True)
class Row:
    """The answer to one file, as short as a table has room for; `reason` where there is none.

    Attributes:
        answer: what stands in the table.
        probability: of the most probable class, in [0, 1]; None without an answer.
        reason: why there is no answer, or what to know about it.
        full: as in the table that `mmer predict --out` writes.
    """

    answer: str
    probability: float | None = None
    reason: str = ""
    full: batch_rows.Row = field(default_factory=dict)


def rows_of(sources: Sequence[Source], loader: ModelLoader) -> list[Row | None]:
    """The row of each file; None for one that was not read yet.

    Raises:
        ModelUnavailable: there is no model.
    """
    kept = _kept(sources)
    return [kept.get(key) for key in _keys(sources, loader)]


def why_not_read(source: Source, loader: ModelLoader) -> str:
    """The sentence that is known of a file of the table that could not be read; "" for any other."""
    if not loader.ready:
        return ""
    (key,) = _keys([source], loader)
    row: Row | None = st.session_state.get(_ROWS, {}).get(key)
    return row.reason if row is not None and row.answer == NOT_READ else ""


def read_next(sources: Sequence[Source], loader: ModelLoader, place: DeltaGenerator) -> None:
    """Read some of the files that were not read yet, and run the page again to show their rows; nothing when
    all are read, or when the person stopped it.

    Raises:
        ModelUnavailable: there is no model.
    """
    rows, keys = _kept(sources), _keys(sources, loader)
    began = time.monotonic()
    if is_stopped(sources):
        return
    for source, key in zip(sources, keys, strict=True):
        if key in rows:
            continue
        done = sum(k in rows for k in keys)
        told = f"{done} of {len(keys)} read · {plain(display_name(source.name))}"
        place.progress(done / len(keys), text=told)
        rows[key] = _row_of(source, loader, _Line(place, done / len(keys), told))
        st.session_state[_ROWS] = dict(rows)
        if time.monotonic() - began > _AT_ONCE or all(k in rows for k in keys):
            st.rerun()


def stop(sources: Sequence[Source] | None) -> None:
    """Read no more of these files by itself; None: go on."""
    st.session_state[_STOPPED] = sources


def is_stopped(sources: Sequence[Source]) -> bool:
    """Whether the person stopped the reading of these files."""
    return bool(st.session_state.get(_STOPPED) == sources)


def _kept(sources: Sequence[Source]) -> dict[Key, Row]:
    """The rows of this visit whose files are in the table."""
    kept: Mapping[Key, Row] = st.session_state.get(_ROWS, {})
    here = {s.digest for s in sources}
    return {key: row for key, row in kept.items() if key[0] in here}


def _keys(sources: Sequence[Source], loader: ModelLoader) -> list[Key]:
    """What the row of each file depends on: the file, the model, and the voice that it is compared with."""
    model, voice = loader.wait().identity["sha256"], voice_digest()
    return [(s.digest, model, voice) for s in sources]


def voice_digest() -> str:
    """Of the ordinary voice that answers are compared with; "" for none."""
    voice = kept_voice()
    return "" if voice is None else voice.digest


@dataclass(frozen=True)
class _Line:
    """Tells of one file's analysis in the table's one line, see `watcher.Watcher`."""

    place: DeltaGenerator
    share: float
    told: str

    def __call__(self, step: str) -> None:
        self.place.progress(self.share, text=f"{self.told} · {STEPS.get(step, step)}…")

    def knows(self, duration: float, reads: Collection[Modality]) -> None:
        """The line has no room for it."""

    def found(self, prediction: Prediction) -> None:
        """The table shows whole answers."""

    def waits(self, number: int, seconds: float) -> None:
        """Say how many are before."""
        self.place.progress(self.share, text=f"{self.told} · {place_in_line(number, seconds)}")


def _row_of(source: Source, loader: ModelLoader, progress: Watcher) -> Row:
    found = attempt(source, loader, progress)
    if isinstance(found, str):
        return Row(NOT_READ, reason=found, full=batch_rows.unread_row(source.name, found))
    model = loader.wait()
    prediction = model.fuse(compared(found.observation, model))
    return row_of(source.name, prediction, found.observation.clip)


def row_of(name: str, prediction: Prediction, clip: Clip) -> Row:
    """A row of the table.

    Args:
        name: of the file.
        prediction: the answer with every modality on.
        clip: that was read.
    """
    from mmer_core.inference.windows import length

    full = batch_rows.row_of(name, prediction, length(clip), clip.text or "")
    if not prediction.used:
        return Row("Nothing to read", reason=sentence_case("; ".join(reasons(prediction))), full=full)
    emotion = emotion_name(prediction.label)
    return Row(
        f"Unsure, perhaps {emotion}" if prediction.unsure else emotion,
        prediction.probability,
        " ".join(map(sentence_case, clip.notes)),
        full,
    )
