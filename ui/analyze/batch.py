"""Several files at once: a table that fills while they are read, of which one row is shown in full below, or
two side by side.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from mmer_core.batch import rows as batch_rows
from mmer_core.media.loading import display_name
from ui.analyze.batch_rows import NOT_READ, Row, is_stopped, rows_of, stop, voice_digest
from ui.analyze.source import Source, choose, chosen
from ui.analyze.strip import compare_with, compared_with
from ui.export import offer_table
from ui.models import ModelLoader
from ui.text import plain

if TYPE_CHECKING:
    import pandas as pd

READING, WAITING = "Reading", "Waiting"
_COMPARED, _SHOWN, _ROUND = "batch-compared", "batch-shown", "batch-round"
_TOLD = 5  # files whose reasons are told under the table
_TALLEST = 8  # rows that are seen without scrolling
_ROW = 35  # pixels


def show_table(sources: Sequence[Source], loader: ModelLoader) -> DeltaGenerator:
    """Show what has been read of the files; the selected row becomes the source that is shown.

    Returns:
        The place for `read_next` to say how far it is.

    Raises:
        ModelUnavailable: there is no model.
    """
    found = rows_of(sources, loader)
    st.session_state[_COMPARED] = voice_digest()
    st.markdown(f"#### {len(sources)} files", help="Select a row to see its answer in full below the table.")
    progress = st.empty()
    now, key = chosen(), _table_key()
    st.dataframe(
        _as_shown(sources, found, now),
        hide_index=True,
        height=_ROW * (min(len(sources), _TALLEST) + 1) + 3,
        key=key,
        on_select=lambda: _select(key, sources),
        selection_mode="single-row-required",
        selection_default={"selection": {"rows": [_index(now, sources) or 0], "columns": [], "cells": []}},
        column_config={
            "How sure": st.column_config.NumberColumn(format="%d%%"),
            "Note": st.column_config.TextColumn(width="large"),
        },
        placeholder="",
        alt="The files, each with its answer",
    )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        _offer_beside(sources, now)
        offer_table(_as_csv(sources, found, loader), "clips")
        if None in found:
            _offer_stop(sources)
    _show_unread(sources, found, now)
    return progress


def _as_shown(sources: Sequence[Source], found: Sequence[Row | None], now: Source | None) -> pd.DataFrame:
    """The table of the page; the file that is shown is read before the others."""
    import pandas as pd

    return pd.DataFrame(
        {
            "File": [display_name(s.name) for s in sources],
            "Answer": [
                r.answer if r is not None else READING if s == now else WAITING
                for s, r in zip(sources, found, strict=True)
            ],
            "How sure": pd.array([_percent(r) for r in found], "Int64"),
            "Note": ["" if r is None else r.reason for r in found],
        }
    )


def _percent(row: Row | None) -> int | None:
    return None if row is None or row.probability is None else round(100 * row.probability)


def _table_key() -> str:
    """Another table, selected as the page is, whenever something else than the table chose what is shown."""
    now = chosen()
    if st.session_state.get(_SHOWN) != now:
        st.session_state[_SHOWN] = now
        st.session_state[_ROUND] = st.session_state.get(_ROUND, 0) + 1
    return f"batch-{st.session_state[_ROUND]}"


def _select(key: str, sources: Sequence[Source]) -> None:
    rows = st.session_state[key]["selection"]["rows"]
    if rows and rows[0] < len(sources):
        choose(sources[rows[0]])
        st.session_state[_SHOWN] = sources[rows[0]]


def _index(source: Source | None, sources: Sequence[Source]) -> int | None:
    return next((i for i, s in enumerate(sources) if s == source), None)


def _offer_stop(sources: Sequence[Source]) -> None:
    stopped = is_stopped(sources)
    st.button(
        "Read the rest" if stopped else "Stop reading",
        icon=":material/play_arrow:" if stopped else ":material/stop:",
        key="batch-stop",
        on_click=stop,
        args=(None if stopped else sources,),
        help="Files that wait are read only when you select them, or when you go on.",
    )


def _offer_beside(sources: Sequence[Source], now: Source | None) -> None:
    """A list of the other files, of which one can be shown beside the selected one."""
    other = compared_with()
    offered = [i for i, s in enumerate(sources) if s != now]
    beside = _index(other, sources)
    key = f"beside-{_index(now, sources)}-{beside}"
    st.selectbox(
        "Show another beside it",
        offered,
        index=offered.index(beside) if beside in offered else None,
        format_func=lambda i: display_name(sources[i].name),
        key=key,
        on_change=lambda: _set_beside(key, sources),
        placeholder="Choose a file",
        help="The selected file and this one, side by side.",
    )


def _set_beside(key: str, sources: Sequence[Source]) -> None:
    picked = st.session_state[key]
    compare_with(None if picked is None else sources[picked])


def _show_unread(sources: Sequence[Source], found: Sequence[Row | None], selected: Source | None) -> None:
    """Why files could not be read, where the table has no room for it; the selected one is told below."""
    unread = [
        plain(r.reason)
        for s, r in zip(sources, found, strict=True)
        if r is not None and r.answer == NOT_READ and s != selected
    ]
    if len(unread) > _TOLD:
        unread[_TOLD:] = [f"{len(unread) - _TOLD} more could not be read: the table and the CSV say why."]
    if unread:
        st.error("\n\n".join(unread), icon=":material/error:")


def _as_csv(sources: Sequence[Source], found: Sequence[Row | None], loader: ModelLoader) -> pd.DataFrame:
    """The table that `mmer predict --out` writes, with the names of the files as paths."""
    model = loader.wait()
    rows = [
        {"path": s.name, "reason": "not read yet"} if r is None else {**r.full, "path": s.name}
        for s, r in zip(sources, found, strict=True)
    ]
    return batch_rows.frame_of(rows, batch_rows.table_columns(model.labels, model.modalities))


def outdated() -> bool:
    """Whether the table that was shown last compares with another ordinary voice than the one kept now."""
    return bool(st.session_state.get(_COMPARED, "") != voice_digest())
