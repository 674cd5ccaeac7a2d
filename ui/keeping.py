"""Nothing of a visit stays: it ends soon after its page was closed, and with it its clips and files.

Streamlit keeps the state of a closed page for two minutes, for a connection that comes back, and then until
somebody else's page is closed, which may be never. Here it goes in time.
"""

from __future__ import annotations

import gc
import logging
import threading
import time
from collections.abc import Collection
from dataclasses import dataclass

from streamlit.runtime import Runtime
from streamlit.runtime.app_session import AppSession
from streamlit.runtime.scriptrunner import get_script_run_ctx

from mmer_core.config import runs_folder
from mmer_core.media.private_folder import work_in_private_folder

GRACE = 100.0  # seconds after a page was closed in which a connection may come back; Streamlit allows 120
EVERY = 5.0  # seconds between two looks
_lock = threading.Lock()
_open: dict[str, _Page] = {}  # by the name of the session
log = logging.getLogger(__name__)


@dataclass
class _Page:
    """
    Attributes:
        session: Streamlit's.
        at: when it was last known to be open; `time.monotonic`.
    """

    session: AppSession
    at: float


def keep_nothing() -> None:
    """Called on every run of the app: this process writes in its private folder, and the session of this run
    is ended when its page is closed.
    """
    context = get_script_run_ctx()
    session = None if context is None or not Runtime.exists() else _session(context.session_id)
    if session is None:
        return
    with _lock:
        first = not _open
        _open[session.id] = _Page(session, time.monotonic())
    if first:
        _begin()


def is_open() -> bool:
    """Whether the page of this run is still open; its run goes on for a while when it was closed."""
    context = get_script_run_ctx(suppress_warning=True)
    if context is None or not Runtime.exists():
        return True
    return bool(Runtime.instance().is_active_session(context.session_id))


def _session(name: str) -> AppSession | None:
    return Runtime.instance().get_app_session(name)


def _begin() -> None:
    try:
        work_in_private_folder()
    except OSError as error:
        log.warning(
            "no private temporary folder (%s): files that are kept for a visit need one", error.strerror
        )
    threading.Thread(target=_watch, name="closed-pages", daemon=True).start()


def _watch() -> None:
    """Until no page is known any more."""
    from mmer_core.runs.uploaded_corpora import remove_orphans

    remove_orphans(runs_folder())
    while True:
        time.sleep(EVERY)
        closed = closed_by(time.monotonic())
        for session in closed:
            _end(session)
        if closed:
            drop_unused()
        del closed
        with _lock:
            if not _open:
                return


def closed_by(now: float) -> list[AppSession]:
    """The sessions whose pages were closed longer ago than `GRACE`; they are not listed again.

    Args:
        now: `time.monotonic`.
    """
    runtime = Runtime.instance()
    with _lock:
        for name, page in _open.items():
            if runtime.is_active_session(name):
                page.at = now
        closed = [name for name, page in _open.items() if now - page.at > GRACE]
        return [_open.pop(name).session for name in closed]


def end_closed(names: Collection[str]) -> None:
    """End those sessions of these names now whose pages are closed.

    Args:
        names: of sessions.
    """
    with _lock:
        known = [name for name in names if name in _open]
        closed = [name for name in known if not Runtime.instance().is_active_session(name)]
        sessions = [_open.pop(name).session for name in closed]
    for session in sessions:
        _end(session)


def _end(session: AppSession) -> None:
    """End a session and empty it, in Streamlit's own thread. Streamlit itself goes on holding the last one
    that was closed, in a variable of its main loop.
    """
    runtime, done = Runtime.instance(), threading.Event()

    def end() -> None:
        try:
            runtime.close_session(session.id)
            empty(session)
        finally:
            done.set()

    runtime._get_async_objs().eventloop.call_soon_threadsafe(end)
    done.wait(EVERY)


def empty(session: AppSession) -> None:
    """Let go what a session that was ended holds of its person: the state, the pieces of pages that renew
    themselves, and what the browser sent.
    """
    session.session_state.clear()
    session._fragment_storage.clear()
    session._client_state.Clear()
    session._scriptrunner = None


def drop_unused() -> None:
    """Collect what nothing holds any more, also what was there when a model was loaded, which the collector
    is told to leave alone (see `ui.models.load_model`).
    """
    gc.unfreeze()
    gc.collect()
    gc.freeze()
