"""Who still has work under way in a thread. Whoever ended it can wait until it has really ended: until then
files of it lie in the temporary folder.
"""

from __future__ import annotations

import threading
import time
from weakref import WeakKeyDictionary

from streamlit.runtime.scriptrunner import get_script_run_ctx

_lock = threading.Lock()
_whose: WeakKeyDictionary[threading.Thread, str] = WeakKeyDictionary()


def person() -> str:
    """Whose page this runs for: the name of the session; "" outside of pages."""
    context = get_script_run_ctx(suppress_warning=True)
    return "" if context is None else context.session_id


def begin(thread: threading.Thread) -> None:
    """Start a thread that works for the person of this page."""
    with _lock:
        _whose[thread] = person()
        thread.start()


def this_run() -> None:
    """Note the thread of this run of a page, too: what it is about to do ends some time after the next run
    began.
    """
    with _lock:
        _whose[threading.current_thread()] = person()


def ended(seconds: float) -> bool:
    """Whether all work for the person of this page has ended, at the latest after these seconds; this thread
    does not count.
    """
    until = time.monotonic() + seconds
    with _lock:
        threads = [t for t, whose in _whose.items() if whose == person()]
    threads = [t for t in threads if t is not threading.current_thread()]
    for thread in threads:
        thread.join(max(until - time.monotonic(), 0.0))
    return not any(thread.is_alive() for thread in threads)
