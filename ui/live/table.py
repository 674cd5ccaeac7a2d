"""The session's table: asked for, watched, taken away and forgotten."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from mmer_core.inference.live import SessionTable
from ui.live.visit import LiveVisit

EVERY = 1.0  # seconds
_ON = "live-table"
PRIVACY = (
    "A row for each answer, at most four a second: when, which person, which emotion, and the words that "
    "were heard. No picture and no sound. The table is held in the memory of the machine that runs this "
    "app, for your visit only, and goes when you press Forget or leave."
)


_CSS = """
div { display: flex; flex-wrap: wrap; gap: 0.5rem 1rem; }
button {
  min-height: 2.5rem; padding: 0.25rem 0.75rem; font: inherit; font-family: var(--st-font);
  color: var(--st-text-color); background: var(--st-background-color); cursor: pointer;
  border: 1px solid var(--st-border-color); border-radius: var(--st-base-radius);
}
button:focus-visible { outline: 3px solid var(--st-primary-color); outline-offset: 2px; }
"""
_BUTTONS = st.components.v2.component(
    "mmer_live_table",
    html="""
    <div>
      <button type="button" title="The rows so far, as CSV for a spreadsheet.">Download the table</button>
      <button type="button" title="Take every row out of memory.">Forget the table</button>
    </div>
    """,
    css=_CSS,
    js=(Path(__file__).parent / "table.js").read_text(encoding="utf-8"),
)


def show_table(visit: LiveVisit) -> None:
    """A switch while something streams; a download and a way to forget from then on."""
    table = visit.table
    if table is None:
        return
    if visit.running:
        st.toggle(
            "Keep a table of this session",
            value=table.recording,
            key=_ON,
            on_change=_switch,
            args=(table,),
            help=PRIVACY,
        )
        if table.recording:
            st.caption(PRIVACY)
    if not (table.recording or table.rows):
        return
    with st.container():
        st.fragment(_show_state, run_every=EVERY if visit.running else None)(table)
    _offer(visit, table)


def _switch(table: SessionTable) -> None:
    """Begin or end the table, before the page is run: one that was ended and at once forgotten must not get a
    row in between.
    """
    table.recording = bool(st.session_state[_ON])


def _offer(visit: LiveVisit, table: SessionTable) -> None:
    """Buttons that save the rows so far and that forget them."""
    key = "live-table-buttons"

    def take() -> None:
        if st.session_state[key].asked == "forget":
            if _ON in st.session_state:  # both may come at once, in either order
                _switch(table)
            table.clear()
        else:
            visit.tables_saved += 1
            visit.saving = True

    rows = table.csv().decode() if visit.saving else ""
    data = {"rows": rows, "name": "live-session.csv", "number": visit.tables_saved if visit.saving else 0}
    visit.saving = False
    _BUTTONS(key=key, data=data, on_asked_change=take)


def _show_state(table: SessionTable) -> None:
    st.markdown(state_sentence(table))


def state_sentence(table: SessionTable) -> str:
    """How much the table holds, and that it takes no more where it is full."""
    minutes, seconds = divmod(round(table.seconds), 60)
    hours, minutes = divmod(minutes, 60)
    span = f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
    held = f"{table.rows:,} {'row' if table.rows == 1 else 'rows'} over {span}"
    if table.full:
        return f"{held}. The table is full: download it, then forget it to go on."
    return f"{held}." if table.recording else f"{held}, not going on."
