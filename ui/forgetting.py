"""Forget everything now: what a visit holds goes at once, in memory and on disk, and the page says what it
was.

Whoever keeps something that a person gave tells so here, and lets go of it when asked.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st
from streamlit.runtime.caching import clear_session_data_cache, clear_session_resource_cache
from streamlit.runtime.scriptrunner import get_script_run_ctx

from ui.at_work import ended
from ui.keeping import drop_unused
from ui.text import listed, plain, sentence_case

#: Settings that say nothing of a person; all else in the state of a session is forgotten.
KEPT = ("entered", "addresses", "model-folder", "words-from")
WAIT = 5.0  # seconds that work which was ended has to let go of its files
SOON = "What is being read at this moment goes when the step in hand has ended."
_TOLD = "forgotten"
NOTHING = "There was nothing to forget."
_keepers: list[Callable[[], Sequence[str]]] = []


def keeper(forget: Callable[[], Sequence[str]]) -> Callable[[], Sequence[str]]:
    """Register what forgets one kind of thing and returns what it was, in a few words each: "2 clips"."""
    _keepers.append(forget)
    return forget


def forget_everything() -> None:
    """Forget all that this visit holds; `show_forgotten` then says what it was."""
    gone = [what for forget in _keepers for what in forget()]
    for key in [str(key) for key in st.session_state if key not in KEPT]:
        del st.session_state[key]
    _forget_in_streamlit()
    all_ended = ended(WAIT)
    drop_unused()
    st.session_state[_TOLD] = sentence_of(gone) if all_ended else f"{sentence_of(gone)} {SOON}"


def sentence_of(gone: Sequence[str]) -> str:
    """What went, in one sentence."""
    if not gone:
        return NOTHING
    return f"{sentence_case(listed(gone)).removesuffix('.')}: forgotten, in memory and on disk."


def counted(number: int, thing: str) -> str:
    """So many things: "2 clips", "1 recording that was read whole"."""
    noun, _, rest = thing.partition(" ")
    return f"{number} {noun}{'' if number == 1 else 's'}{' ' if rest else ''}{rest}"


def show_forgotten() -> None:
    """What went, in the run after `forget_everything`."""
    if told := st.session_state.pop(_TOLD, ""):
        st.success(plain(told), icon=":material/check:")


def forget_button(label: str, key: str, *, quiet: bool = False) -> None:
    """The button that forgets everything."""
    st.button(
        label,
        icon=":material/delete_forever:",
        type="tertiary" if quiet else "secondary",
        key=key,
        on_click=forget_everything,
        help="Removes every clip and recording of this visit at once, the answers, tables and names of "
        "speakers made from them, and their temporary files.",
    )


def _forget_in_streamlit() -> None:
    """Uploads that Streamlit holds, and what was computed for this session alone."""
    context = get_script_run_ctx()
    if context is not None:
        context.uploaded_file_mgr.remove_session_files(context.session_id)
        clear_session_data_cache(context.session_id)
        clear_session_resource_cache(context.session_id)
