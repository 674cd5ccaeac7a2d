"""The clips of this visit: a strip to go back to, kept over page switches and a reload of the page.

A reload starts a new session in Streamlit, which forgets everything. A random name, which the browser keeps
for this tab alone, leads from the new session to the clips of the old one. They are held by that session
alone and go with it, two minutes after its page was closed; only large files are written to disk, see
`kept_file`.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from weakref import WeakValueDictionary

import streamlit as st

from ui.analyze.analysis import Analysis, analyses
from ui.analyze.files import drop_files, files
from ui.analyze.recording_job import JOBS, RecordingJob
from ui.analyze.source import Source, choose, chosen
from ui.at_work import person
from ui.forgetting import counted, keeper
from ui.keeping import end_closed

LONGEST_STRIP = 8  # clips
LARGEST_STRIP = 100_000_000  # bytes in memory of all clips together
LARGEST_ON_DISK = 8 * 2**30  # bytes of large files
_VISIT, _KEY = "visit", "remember"
_REMEMBER = st.components.v2.component(
    "mmer_remember",
    html="<span></span>",
    js="""const PLACE = "mmer-visit";
export default ({ data, setTriggerValue }) => {
  const before = sessionStorage.getItem(PLACE);
  if (data.fresh && before && before !== data.name) setTriggerValue("before", before);
  else sessionStorage.setItem(PLACE, data.name);
  const shown = window.mmerShown;
  if (shown !== undefined && shown !== data.shown)
    document.querySelector("[data-testid=stMain]")?.scrollTo({ top: 0 });
  window.mmerShown = data.shown;
}""",
)


@dataclass(eq=False)
class Visit:
    """
    Attributes:
        name: random; the browser's tab keeps it.
        sources: the clips of this visit, newest first.
        shown: the one that was shown last.
        analyses: as `analysis.analyses`.
        fresh: the tab was not yet asked whether it showed another visit before.
        session: Streamlit's name for it.
        before: sessions of the tab before it was reloaded, which hold the same clips for a while.
    """

    name: str
    sources: list[Source] = field(default_factory=list)
    shown: Source | None = None
    analyses: dict[tuple[str, str], Analysis] = field(default_factory=dict)
    fresh: bool = True
    session: str = field(default_factory=person)
    before: tuple[str, ...] = ()


_visits: WeakValueDictionary[str, Visit] = WeakValueDictionary()


def visit() -> Visit:
    """The visit of this session."""
    if _VISIT not in st.session_state:
        own = Visit(secrets.token_urlsafe(24), analyses=analyses())
        _visits[own.name] = own
        st.session_state[_VISIT] = own
    found: Visit = st.session_state[_VISIT]
    return found


def go_on_with(name: str) -> None:
    """Take over the clips of the visit of this name, if its session is still there; its window, if it is
    still open, keeps its own.
    """
    own, before = visit(), _visits.get(name)
    own.fresh = False
    if before is not None and before is not own:
        own.name, own.sources, own.shown = before.name, list(before.sources), before.shown
        own.analyses.update(before.analyses)
        own.before = (*before.before, before.session)
        _visits[own.name] = own
        choose(own.shown)


def remember() -> None:
    """Note what is shown, in the strip and for a reload; the page begins at its top when that is new."""
    own, now = visit(), chosen()
    own.shown = now
    if now is not None:
        own.sources = [now, *(s for s in own.sources if s.digest != now.digest)][:LONGEST_STRIP]
        while len(own.sources) > 1 and _is_too_much(own.sources):
            own.sources.pop()
    _REMEMBER(
        data={"name": own.name, "fresh": own.fresh, "shown": "" if now is None else now.digest},
        key=_KEY,
        on_before_change=_reloaded,
    )


def _is_too_much(sources: Sequence[Source]) -> bool:
    """Whether their files take too much room; stretches of one file have it in common."""
    memory = {id(s.data): len(s.data) for s in sources if s.data is not None}
    disk = {id(s.file): s.file.size for s in sources if s.file is not None}
    return sum(memory.values()) > LARGEST_STRIP or sum(disk.values()) > LARGEST_ON_DISK


def _reloaded() -> None:
    before = st.session_state[_KEY].before
    if before and chosen() is None:
        go_on_with(str(before))
    visit().fresh = False


@keeper
def forget() -> Sequence[str]:
    """Drop every clip of this visit and whatever was made of it."""
    own = visit()
    given = [*own.sources, *files(), *filter(None, (chosen(),))]
    jobs: dict[str, RecordingJob] = st.session_state.pop(JOBS, {})
    for job in jobs.values():
        job.forget()
    for source in (*given, *(analysis.source for analysis in own.analyses.values())):
        if source.file is not None:
            source.file.remove()
    own.sources.clear()
    own.analyses.clear()
    own.shown = None
    drop_files()
    choose(None)
    end_closed(own.before)
    told = [counted(len({source.digest for source in given}), "clip")] if given else []
    return [*told, counted(len(jobs), "recording that was read whole")] if jobs else told
