"""Several files at once: a table with a row for each, of which one is shown in full below."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from mmer_core.labels import MODALITY_TITLES, Modality
from mmer_core.media.loading import display_name
from ui.analyze.analysis import Watcher, attempt
from ui.analyze.nothing import reasons
from ui.analyze.ordinary_voice import compared, kept_voice
from ui.analyze.source import Source, choose, chosen
from ui.export import offer_table
from ui.figure import percent
from ui.models import ModelLoader
from ui.text import STEPS, certainty, plain, sentence_case
from ui.theme import emotion_name

if TYPE_CHECKING:
    from mmer_core.inference.prediction import Prediction

NOT_READ = "Not read"
_ROWS, _COMPARED = "batch-rows", "batch-compared"
_TOLD = 5  # files whose reasons are told under the table
_TALLEST = 8  # rows that are seen without scrolling
_ROW = 35  # pixels


@dataclass(frozen=True)
class Row:
    """The answer to one file, as short as a table has room for; `reason` where there is none.

    Attributes:
        answer: what stands in the table.
        emotion: the most probable class; "" without an answer.
        probability: of it, in [0, 1]; None without an answer.
        unsure: whether it is too low to be relied on.
        read_from: the modalities, in words.
        reason: why there is no answer, or what to know about it.
    """

    answer: str
    emotion: str = ""
    probability: float | None = None
    unsure: bool = False
    read_from: str = ""
    reason: str = ""


def show_table(sources: Sequence[Source], loader: ModelLoader) -> Source:
    """Read the files that were not read yet, one after the other, and show the table; the source of the
    selected row is returned.

    Raises:
        ModelUnavailable: there is no model.
    """
    rows = _read(sources, loader)
    now = chosen()
    default = next((i for i, s in enumerate(sources) if s == now), 0)
    table = pd.DataFrame(
        {
            "File": [display_name(s.name) for s in sources],
            "Answer": [r.answer for r in rows],
            "How sure": [_how_sure(r) for r in rows],
            "Note": [r.reason for r in rows],
        }
    )
    st.markdown(f"#### {len(sources)} files", help="Select a row to see its answer in full below the table.")
    event = st.dataframe(
        table,
        hide_index=True,
        height=_ROW * (min(len(rows), _TALLEST) + 1) + 3,
        key=f"batch-{abs(hash(tuple((s.name, s.digest) for s in sources)))}",
        on_select="rerun",
        selection_mode="single-row-required",
        selection_default={"selection": {"rows": [default], "columns": [], "cells": []}},
        column_config={"Note": st.column_config.TextColumn(width="large")},
        alt="The files, each with its answer",
    )
    offer_table(_as_csv(sources, rows), "clips")
    selected = event["selection"]["rows"]
    source = sources[selected[0] if selected and selected[0] < len(sources) else default]
    choose(source)
    _show_unread(sources, rows, source)
    return source


def _show_unread(sources: Sequence[Source], rows: Sequence[Row], selected: Source) -> None:
    """Why files could not be read, where the table has no room for it; the selected one is told below."""
    unread = [
        plain(r.reason) for s, r in zip(sources, rows, strict=True) if r.answer == NOT_READ and s != selected
    ]
    if len(unread) > _TOLD:
        unread[_TOLD:] = [f"{len(unread) - _TOLD} more could not be read: the table and the CSV say why."]
    if unread:
        st.error("\n\n".join(unread), icon=":material/error:")


def _read(sources: Sequence[Source], loader: ModelLoader) -> list[Row]:
    """The rows, kept for this visit as long as their files are in the table."""
    model = loader.wait().identity["sha256"]
    voice = _voice()
    kept: Mapping[tuple[str, str, str], Row] = st.session_state.get(_ROWS, {})
    here = {s.digest for s in sources}
    rows = {key: row for key, row in kept.items() if key[0] in here}
    place = st.empty()
    for i, source in enumerate(sources):
        key = (source.digest, model, voice)
        if key not in rows:
            told = f"{i + 1} of {len(sources)}: {display_name(source.name)}"
            place.progress(i / len(sources), text=told)
            rows[key] = _row_of(source, loader, _Line(place, i / len(sources), told))
            st.session_state[_ROWS] = dict(rows)
    place.empty()
    st.session_state[_ROWS], st.session_state[_COMPARED] = dict(rows), voice
    return [rows[s.digest, model, voice] for s in sources]


def outdated() -> bool:
    """Whether the table that was shown last compares with another ordinary voice than the one kept now."""
    return bool(st.session_state.get(_COMPARED, "") != _voice())


def _voice() -> str:
    voice = kept_voice()
    return "" if voice is None else voice.digest


@dataclass(frozen=True)
class _Line:
    """Tells of one file's analysis in the table's one line, see `analysis.Watcher`."""

    place: DeltaGenerator
    share: float
    told: str

    def __call__(self, step: str) -> None:
        self.place.progress(self.share, text=f"{self.told} · {STEPS.get(step, step)}…")

    def knows(self, duration: float, reads: Collection[Modality]) -> None:
        """The line has no room for it."""

    def found(self, prediction: Prediction) -> None:
        """The table shows whole answers."""


def _row_of(source: Source, loader: ModelLoader, progress: Watcher) -> Row:
    found = attempt(source, loader, progress)
    if isinstance(found, str):
        return Row(NOT_READ, reason=found)
    model = loader.wait()
    return row_of(model.fuse(compared(found.observation, model)), found.observation.clip.notes)


def row_of(prediction: Prediction, notes: Sequence[str] = ()) -> Row:
    """A row of the table.

    Args:
        prediction: the answer with every modality on.
        notes: about the file.
    """
    if not prediction.used:
        return Row("Nothing to read", reason=sentence_case("; ".join(reasons(prediction))))
    name = emotion_name(prediction.label)
    return Row(
        f"Unsure, perhaps {name}" if prediction.unsure else name,
        prediction.label,
        prediction.probability,
        prediction.unsure,
        ", ".join(MODALITY_TITLES[m].lower() for m in prediction.used),
        " ".join(map(sentence_case, notes)),
    )


def _how_sure(row: Row) -> str:
    return "" if row.probability is None else f"{percent(row.probability)}, {certainty(row.probability)}"


def _as_csv(sources: Sequence[Source], rows: Sequence[Row]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "file": [s.name for s in sources],
            "emotion": [r.emotion for r in rows],
            "probability": [None if r.probability is None else round(r.probability, 4) for r in rows],
            "unsure": [r.unsure if r.emotion else None for r in rows],
            "read_from": [r.read_from for r in rows],
            "note": [r.reason or ("" if r.emotion else r.answer) for r in rows],
        }
    )
