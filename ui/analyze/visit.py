"""The clips of this visit: a strip to go back to, kept over page switches and a reload of the page.

A reload starts a new session in Streamlit, which forgets everything. A cookie with a random name, which lasts
as long as the browser is open, leads from the new session to the clips of the old one. They are held by that
session alone and go with it, two minutes after its page was closed; nothing is written to disk.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from weakref import WeakValueDictionary

import streamlit as st

from ui.analyze.analysis import Analysis, Source, analyses, choose, chosen

LONGEST_STRIP = 8  # clips
LARGEST_STRIP = 300_000_000  # bytes of all clips together
_VISIT, _COOKIE = "visit", "mmer_visit"
_SAME_SITE = "; path=/; SameSite=Strict"
_REMEMBER = st.components.v2.component(
    "mmer_remember",
    html="<span></span>",
    js="""let shown;
export default ({ data }) => {
  const secure = location.protocol === "https:" ? "; Secure" : "";
  document.cookie = data.cookie + secure;
  if (shown !== undefined && shown !== data.shown)
    document.querySelector("[data-testid=stMain]")?.scrollTo({ top: 0 });
  shown = data.shown;
}""",
)


@dataclass(eq=False)
class Visit:
    """
    Attributes:
        name: random; the cookie holds it.
        sources: the clips of this visit, newest first.
        shown: the one that was shown last.
        analyses: as `analysis.analyses`.
    """

    name: str
    sources: list[Source] = field(default_factory=list)
    shown: Source | None = None
    analyses: dict[tuple[str, str], Analysis] = field(default_factory=dict)


_visits: WeakValueDictionary[str, Visit] = WeakValueDictionary()


def visit() -> Visit:
    """The visit of this session; after a reload with the clips of the one before it."""
    if _VISIT not in st.session_state:
        name = st.context.cookies.get(_COOKIE, "")
        before = _visits.get(name)
        own = Visit(name or secrets.token_urlsafe(24), analyses=analyses())
        if before is not None:
            own.sources, own.shown = list(before.sources), before.shown
            own.analyses.update(before.analyses)
            choose(own.shown)
        _visits[own.name] = own
        st.session_state[_VISIT] = own
    found: Visit = st.session_state[_VISIT]
    return found


def remember() -> None:
    """Note what is shown, in the strip and for a reload; the page begins at its top when that is new."""
    own, now = visit(), chosen()
    own.shown = now
    if now is not None:
        own.sources = [now, *(s for s in own.sources if s.digest != now.digest)][:LONGEST_STRIP]
        while len(own.sources) > 1 and sum(len(s.data or b"") for s in own.sources) > LARGEST_STRIP:
            own.sources.pop()
    shown = "" if now is None else now.digest
    _REMEMBER(data={"cookie": f"{_COOKIE}={own.name}{_SAME_SITE}", "shown": shown}, key="remember")


def forget() -> None:
    """Drop every clip of this visit and whatever was made of it."""
    own = visit()
    own.sources.clear()
    own.analyses.clear()
    own.shown = None
    choose(None)
