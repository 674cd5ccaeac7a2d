"""The state of one visit to the Live page, and the workers that read the browser's pictures and sound."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import streamlit as st

from ui.live.devices import NAMES

if TYPE_CHECKING:
    from mmer_core.inference.emotion_model import EmotionModel
    from mmer_core.inference.live import LiveWorkers
    from mmer_core.inference.prediction import Prediction

_VISIT = "live-visit"


@dataclass
class LiveVisit:
    """
    Attributes:
        running: Start was pressed, and Stop was not.
        kinds: that stream, of "video" and "audio".
        asked: the kinds that streamed at the start. The connection is made for these and stays so when one
            is taken away: to make it anew could fail.
        problems: {kind: the browser's name for the error} of those that do not.
        waiting_since: when the connection was last known to stand, or Start was pressed; `time.monotonic`.
        failure: why it ended by itself; "" if it did not.
        workers: read what comes in; None before the first start.
        sink: takes the sound off the connection.
        shown: the answer that the headline shows, which the picture repeats; None while there is none.
    """

    running: bool = False
    kinds: set[str] = field(default_factory=set)
    asked: frozenset[str] = frozenset()
    problems: dict[str, str] = field(default_factory=dict)
    waiting_since: float = 0.0
    failure: str = ""
    workers: LiveWorkers | None = None
    sink: Any = None
    shown: Prediction | None = None

    def take(self, event: Mapping[str, Any]) -> None:
        """Follow an event of the start button."""
        what = event.get("what")
        if what == "start":
            self.problems = {k: str(e) for k, e in dict(event.get("problems") or {}).items() if k in NAMES}
            self.kinds = {k for k in event.get("found") or () if k in NAMES}
            self.asked = frozenset(self.kinds)
            self.running, self.failure, self.waiting_since = bool(self.kinds), "", time.monotonic()
            self.shown = None
        elif what == "stop":
            self.running = False
        elif what == "lost" and self.running and event.get("kind") in self.kinds:
            self.kinds.discard(event["kind"])
            self.problems[event["kind"]] = "ended"
            self.running = bool(self.kinds)

    def fail(self, sentence: str) -> None:
        """End by itself, saying why."""
        self.running, self.failure = False, sentence

    def prepare(self, model: EmotionModel) -> LiveWorkers:
        """The workers, made for this model at first."""
        from mmer_core.inference.live import LiveReader, LiveWorkers

        if self.workers is None or self.workers.reader.model is not model:
            self.workers = LiveWorkers(LiveReader(model))
        return self.workers


def live_visit() -> LiveVisit:
    """This visit's state."""
    visit: LiveVisit = st.session_state.setdefault(_VISIT, LiveVisit())
    return visit
