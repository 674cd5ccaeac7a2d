"""The progress of one analysis: the step that runs, the time left, what was found so far, and Cancel."""

from __future__ import annotations

import time
from collections.abc import Collection
from html import escape
from types import TracebackType
from typing import Self

import streamlit as st

from mmer_core.inference.prediction import Prediction
from mmer_core.labels import Modality
from ui.analyze.source import choose
from ui.headline import modality_html, own_answer
from ui.text import STEPS, place_in_line, seconds

#: Seconds of each step: a part that every clip costs, and one for each second of it. Measured on two cores;
#: `_Costs` replaces them by what this machine takes.
_COSTS: dict[str, tuple[float, float]] = {
    "models": (5.0, 0.0),
    "read": (0.5, 0.03),
    "speech": (0.2, 0.08),
    "text": (0.1, 0.0),
    "audio": (0.1, 0.03),
    "faces": (0.2, 0.3),
    "visual": (0.1, 0.1),
    "metadata": (0.0, 0.0),
}
_NEEDS = {"speech": (Modality.TEXT, Modality.AUDIO), "faces": (Modality.VISUAL,)}
_UNKNOWN = 10.0  # seconds that a clip is taken to last before it has been read


@st.cache_resource(show_spinner=False)
def _pace() -> dict[str, float]:
    """{step: how many times as long as expected it took last on this machine}, for all visits."""
    return {}


class Progress:
    """Is told how an analysis goes on, see `watcher.Watcher`; gone when the work is done (the times stay
    with the answer).
    """

    def __init__(self) -> None:
        self._place: st.delta_generator.DeltaGenerator | None = None
        self._steps = [s for s in _COSTS if s != "metadata"]
        self._duration = _UNKNOWN
        self._done: dict[str, float] = {}
        self._so_far: Prediction | None = None
        self._step, self._started = "", 0.0
        self._lines: st.delta_generator.DeltaGenerator | None = None

    def __enter__(self) -> Self:
        return self

    def __call__(self, step: str) -> None:
        self._begin()
        self._finish()
        self._step, self._started = step, time.perf_counter()
        self._show()

    def waits(self, number: int, seconds: float) -> None:
        """Show the place in the line of those who wait; a step that came before is over."""
        lines = self._begin()
        self._finish()
        self._step = ""
        lines.html(
            '<div class="mmer-progress" role="status">'
            f"<p><strong>{escape(place_in_line(number, seconds))}</strong></p>"
            "<small>Others came before you. Yours begins by itself: stay on this page.</small></div>"
        )

    def _begin(self) -> st.delta_generator.DeltaGenerator:
        """The place of the lines, with the button below them."""
        if self._lines is None:
            self._place = st.empty()
            box = self._place.container(border=True, key="progress")
            with box:
                self._lines = st.empty()
                st.button(
                    "Cancel",
                    key="cancel",
                    icon=":material/close:",
                    on_click=choose,
                    args=(None,),
                    help="Stop reading this clip.",
                )
        return self._lines

    def knows(self, duration: float, reads: Collection[Modality]) -> None:
        """The clip is this long, and the model reads these modalities."""
        self._duration = duration
        self._steps = [
            s for s in _COSTS if any(m in reads for m in _NEEDS.get(s, ())) or s in (*reads, "models", "read")
        ]

    def found(self, prediction: Prediction) -> None:
        """Show what the first modalities say, while the others are read."""
        self._so_far = prediction
        self._show()

    def _expected(self, step: str) -> float:
        fixed, per_second = _COSTS.get(step, (0.2, 0.0))
        return (fixed + per_second * self._duration) * _pace().get(step, 1.0)

    def _finish(self) -> None:
        if self._step:
            took = time.perf_counter() - self._started
            self._done[self._step] = took
            if self._step != "read":  # its length is known only afterwards
                fixed, per_second = _COSTS.get(self._step, (0.2, 0.0))
                _pace()[self._step] = min(
                    max(took / max(fixed + per_second * self._duration, 0.05), 0.2), 5.0
                )

    def _show(self) -> None:
        now = self._expected(self._step)
        waiting = [s for s in self._steps if s not in {*self._done, self._step, "models"}]
        left = now + sum(map(self._expected, waiting))
        past = sum(self._done.values())
        start, end = (100 * part / max(past + left, 0.1) for part in (past, past + now))
        title = STEPS.get(self._step, self._step)
        steps = " · ".join(f"✓ {STEPS.get(s, s)}, {seconds(t)}" for s, t in self._done.items())
        assert self._lines is not None
        self._lines.html(
            f'<div class="mmer-progress" role="status"><p><strong>{escape(title)}…</strong> '
            f"about {max(1, round(left))} s left</p>"
            f'<div class="line"><i style="--from:{start:.0f}%;--to:{end:.0f}%;--for:{now:.1f}s"></i></div>'
            f"<small>{escape(steps)}</small>{self._said()}</div>"
        )

    def _said(self) -> str:
        """What has been read so far, one line a modality."""
        if self._so_far is None:
            return ""
        own = self._so_far.modalities
        return "".join(
            modality_html(m, f"<span>{escape(own_answer(own[m]))}</span>") for m in self._so_far.used
        )

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._finish()
        if self._place is not None:
            self._place.empty()
