"""Recognisers of speech by their names, each loaded once, and which one is used where none is asked for."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from functools import cache

from mmer_core.media import whisper_files
from mmer_core.media.moonshine import Moonshine
from mmer_core.media.recognised import Recogniser, SpeechUnavailable
from mmer_core.media.whisper import WhisperBase

DEFAULT, WHISPER = "moonshine", "whisper-base"
VARIABLE = "MMER_WORDS_FROM"
#: Name to title, the default one first.
RECOGNISERS = {DEFAULT: Moonshine.title, WHISPER: WhisperBase.title}
_LOADERS: Mapping[str, Callable[[], Recogniser]] = {
    DEFAULT: Moonshine,
    WHISPER: WhisperBase.load,
}


class UnknownRecogniser(ValueError):
    """No recogniser has this name; the message lists those that there are."""


_lock = threading.Lock()


def recogniser(name: str = DEFAULT) -> Recogniser:
    """A recogniser, loaded at the first call.

    Raises:
        SpeechUnavailable: a package or the weights are missing, or the library cannot be loaded.
        UnknownRecogniser: an unknown name.
    """
    check_name(name)
    with _lock:  # two first calls at once would load it twice
        return _loaded(name)


def check_name(name: str) -> None:
    """Raise UnknownRecogniser unless there is a recogniser of this name."""
    if name not in RECOGNISERS:
        raise UnknownRecogniser(f"no recogniser is called {name}: choose one of {', '.join(RECOGNISERS)}")


def words_from() -> str:
    """The name that the variable `MMER_WORDS_FROM` gives, or the default one.

    Raises:
        UnknownRecogniser: it names none.
    """
    named = os.environ.get(VARIABLE) or DEFAULT
    try:
        check_name(named)
    except UnknownRecogniser as error:
        raise UnknownRecogniser(f"{VARIABLE}: {error}") from None
    return named


def check_usable(name: str) -> None:
    """Raise SpeechUnavailable, with what to do, if a recogniser beside the default one lacks a part on this
    machine; loads nothing.
    """
    reason = whisper_files.missing() if name == WHISPER else None
    if reason is not None:
        raise SpeechUnavailable(reason)


def usable_recognisers() -> tuple[str, ...]:
    """Names of those whose parts are all on this machine, the default one first; asks no network and loads
    nothing. The default one is always named, so that what is wrong with it is said where it is used.
    """
    return tuple(name for name in RECOGNISERS if name != WHISPER or whisper_files.missing() is None)


@cache
def _loaded(name: str) -> Recogniser:
    return _LOADERS[name]()
