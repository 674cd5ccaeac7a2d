"""The frame of every page: its title, a readable column, and the way in through app.py."""

from __future__ import annotations

import ipaddress
import os
import runpy
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import streamlit as st
from streamlit import delta_generator

from mmer_core.inference.memory import give_back
from ui.at_work import this_run
from ui.keeping import keep_nothing
from ui.theme import INK_ON_LIGHT

ROOT = Path(__file__).resolve().parent.parent  # the folder of app.py
PAGES = ROOT / "pages"
WIDTH = 1120  # pixels; lines and charts get no wider on a large screen
_ENTERED = "entered"
_PASSED_ON = {"forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip"}
_ADDRESSES = "addresses"


def enter() -> None:
    """Called by app.py on every run: this visit has the navigation bar, and what it leaves in memory or on
    disk goes soon after its page was closed.
    """
    # Streamlit would look through every module once for how it was started, .3 s of the first page
    delta_generator._use_warning_has_been_displayed = True
    keep_nothing()
    this_run()
    st.session_state[_ENTERED] = True


@contextmanager
def frame(title: str) -> Iterator[None]:
    """The body of one page, centred.

    A first visit by a deep link runs a page without app.py (Streamlit's older reading of a folder called
    pages). Then app.py is run from here, so that this visit has the navigation too; it runs the page again,
    and the half-entered run ends.
    """
    if _ENTERED not in st.session_state:
        runpy.run_path(str(ROOT / "app.py"))
        st.stop()
    st.set_page_config(page_title=f"{title} · Multimodal emotion recognition")
    st.html(ROOT / "ui" / "style.css")
    with st.container(horizontal_alignment="center"), st.container(width=WIDTH):
        try:
            yield
        finally:  # also when the page stops half-way
            addresses()[title] = {name: st.query_params.get_all(name) for name in st.query_params}
            give_back()  # of what the page was made from; some 100 MB after an answer


def addresses() -> dict[str, dict[str, list[str]]]:
    """{title of a page: what its address asked for when this visit last saw it}, such as the runs in view."""
    found: dict[str, dict[str, list[str]]] = st.session_state.setdefault(_ADDRESSES, {})
    return found


def trusted() -> bool:
    """Whether this visit may start processes and name folders of the machine that the app runs on.

    A visitor at that machine may; from another one, or through a proxy, only if whoever started the app set
    `MMER_TRUST_VISITORS`.
    """
    here = not isinstance(st.context.ip_address, str)  # no text for a visitor at this machine
    return (here and came_directly(st.context.headers)) or bool(os.environ.get("MMER_TRUST_VISITORS"))


def came_directly(headers: Mapping[str, str]) -> bool:
    """Whether a request was made to this machine by its own name, and no proxy says that it passed it on: who
    comes through one at this machine seems to be at this machine, too.
    """
    sent = {name.lower(): value for name, value in headers.items()}
    host = urlsplit(f"//{sent.get('host', 'localhost')}").hostname or ""
    return not _PASSED_ON & sent.keys() and (host == "localhost" or _is_loopback(host))


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def ink() -> str | None:
    """The colour of text in figures, for the theme this visit uses; None where the theme's own will do."""
    return INK_ON_LIGHT if st.context.theme.type == "light" else None
