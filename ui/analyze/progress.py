"""The progress display of one analysis: what is being done now, and how long each step took."""

from __future__ import annotations

import time
from types import TracebackType
from typing import TYPE_CHECKING, Self

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from ui.text import STEPS, seconds

if TYPE_CHECKING:
    from streamlit.elements.lib.mutable_status_container import StatusContainer


class Progress:
    """Called with the name of each step as it starts; gone when the work is done (the times stay with the
    answer).
    """

    def __init__(self) -> None:
        self._place = st.empty()
        self._status: StatusContainer | None = None
        self._line: DeltaGenerator | None = None
        self._step = ""
        self._started = 0.0

    def __enter__(self) -> Self:
        return self

    def __call__(self, step: str) -> None:
        title = STEPS.get(step, step)
        if self._status is None:
            self._status = self._place.status(title, expanded=True)
        self._finish()
        self._status.update(label=f"{title}…")
        self._line = self._status.empty()
        self._line.markdown(f":material/pending: {title}…")
        self._step, self._started = title, time.perf_counter()

    def _finish(self) -> None:
        if self._line is not None:
            self._line.markdown(
                f":material/check: {self._step} · {seconds(time.perf_counter() - self._started)}"
            )

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._place.empty()
