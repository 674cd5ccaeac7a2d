"""The recording as a video with boxes and captions drawn in, to take away: made when it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from ui.analyze.film_job import FilmJob
from ui.analyze.source import Source
from ui.export import offer_file
from ui.figure import percent
from ui.forgetting import counted, keeper
from ui.text import plain, sentence_case

if TYPE_CHECKING:
    from mmer_core.recordings import Recording

LONGEST = 3600.0  # seconds of a film that is made here: it passes through this server's memory
EVERY = 1.0  # seconds
TITLE = "Video with boxes and captions"
Called = tuple[Mapping[int, str], Mapping[int, str]]
_JOBS = "films"


@dataclass(frozen=True)
class _Order:
    """What is asked for; see `offer_film`."""

    source: Source
    make: Callable[[], Recording]
    names: Called
    key: str

    @property
    def job(self) -> FilmJob | None:
        """Its job, if it was begun with the same names and not cancelled."""
        names, job = _jobs().get(self.key, (self.names, None))
        return None if job is None or job.cancelled() or names != self.names else job

    def begin(self) -> None:
        """Begin; a film is large, so one at a time is kept."""
        for _, job in _jobs().values():
            job.cancel()
        _jobs().clear()
        _jobs()[self.key] = (self.names, FilmJob(self.source, self.make(), *self.names))


def _jobs() -> dict[str, tuple[Called, FilmJob]]:
    found: dict[str, tuple[Called, FilmJob]] = st.session_state.setdefault(_JOBS, {})
    return found


@keeper
def _forget() -> Sequence[str]:
    made = [job for _, job in _jobs().values() if not job.cancelled()]
    for job in made:
        job.forget()
    return [counted(len(made), "video")] if made else []


def offer_film(
    source: Source, make: Callable[[], Recording], seconds: float, names: Called, key: str
) -> None:
    """The button that makes the video; then how far it is, and then the button that saves it. The player is
    not loaded again for any of it.

    Args:
        source: that was read.
        make: gives what is drawn, when it is asked for.
        seconds: length of the recording.
        names: of speakers, and of people in view; with others the film is another.
        key: of what is drawn.
    """
    if seconds > LONGEST:
        st.caption(
            "A video with boxes and captions of more than an hour is made at the command line: "
            "`mmer predict FILE --utterances --out talk.mp4`."
        )
        return
    order = _Order(source, make, names, key)
    if order.job is not None and not order.job.ended:
        _followed(order)
    else:
        _show(order)


@st.fragment(run_every=EVERY)
def _followed(order: _Order) -> None:
    _show(order)


def _show(order: _Order) -> None:
    job, key = order.job, order.key
    if job is not None and not job.ended:
        st.progress(job.done, text=f"Making the video: {percent(job.done)}")
        st.button(
            "Cancel",
            key=f"film-cancel-{key}",
            icon=":material/close:",
            on_click=job.cancel,
            help="Stop; nothing is kept of it.",
        )
    elif job is not None and job.path is not None:
        _offer_made(job, job.path, key)
    else:
        if job is not None:
            st.error(plain(job.error), icon=":material/error:")
        st.button(
            TITLE,
            key=f"film-{key}",
            icon=":material/movie:",
            on_click=order.begin,
            help="Draws every face's box with its emotion, and captions, into a copy of the video. Takes "
            "about as long as the video itself.",
        )


def _offer_made(job: FilmJob, path: Path, key: str) -> None:
    offer_file(
        f"Save the {TITLE[0].lower()}{TITLE[1:]}",
        path.read_bytes,
        "boxes-and-captions.mp4",
        key=f"film-save-{key}",
        icon=":material/download:",
        help=f"MP4, {path.stat().st_size / 2**20:.1f} MB.",
    )
    for note in job.notes:
        st.caption(plain(sentence_case(note)))
