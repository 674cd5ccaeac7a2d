"""The state of one visit to the Live page, and the workers that read the browser's pictures and sound."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import streamlit as st

from ui.forgetting import counted, keeper
from ui.live.devices import NAMES, Device, fallback_sentence, refused_sentence

if TYPE_CHECKING:
    from mmer_core.inference.emotion_model import EmotionModel
    from mmer_core.inference.live import LiveWorkers, SessionTable
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
        devices: {kind: the device that streams, as far as the browser tells}.
        changing: another device was chosen, for which the connection is taken down and made anew.
        taken_down: the connection is down and can be forgotten.
        connection: number of the connection, from 0; each is an element of its own on the page.
        notice: a sentence on a device that was changed; "" for none.
        waiting_since: when the connection was last known to stand, or Start was pressed; `time.monotonic`.
        failure: why it ended by itself; "" if it did not.
        workers: read what comes in; None before the first start.
        sink: takes the sound off the connection.
        shown: the answer that the headline shows, which the picture repeats; None while there is none.
        table: of this visit's answers, empty unless somebody asked for it; None before the first start.
        saving: the rows of the table have been asked for and not sent; tables_saved: how often they were.
    """

    running: bool = False
    kinds: set[str] = field(default_factory=set)
    asked: frozenset[str] = frozenset()
    problems: dict[str, str] = field(default_factory=dict)
    devices: dict[str, Device] = field(default_factory=dict)
    changing: bool = False
    taken_down: bool = False
    connection: int = 0
    notice: str = ""
    waiting_since: float = 0.0
    failure: str = ""
    workers: LiveWorkers | None = None
    sink: Any = None
    shown: Prediction | None = None
    table: SessionTable | None = None
    saving: bool = False
    tables_saved: int = 0

    @property
    def streams(self) -> tuple[str, str]:
        """Keys of this connection and of the next one."""
        return f"live-stream-{self.connection}", f"live-stream-{self.connection + 1}"

    def take(self, event: Mapping[str, Any]) -> None:
        """Follow an event of the start button."""
        what, kind = event.get("what"), str(event.get("kind"))
        device = Device.from_event(event.get("device"))
        if what == "start":
            self._start(event)
        elif what == "stop":
            self._end()
        elif what == "lost" and self.running and kind in self.kinds:
            self.kinds.discard(kind)
            self.problems[kind] = "ended"
            if not self.kinds:
                self._end()
        elif what in ("change", "fallback") and self.running and kind in NAMES and device is not None:
            lost = what == "fallback"
            self.notice = fallback_sentence(kind, str(event.get("lost") or ""), device) if lost else ""
            self._change(kind, device)
        elif what == "refused" and self.running and kind in NAMES and device is not None:
            self.notice = refused_sentence(kind, device, str(event.get("error")))

    def _start(self, event: Mapping[str, Any]) -> None:
        self.problems = {k: str(e) for k, e in dict(event.get("problems") or {}).items() if k in NAMES}
        self.kinds = {k for k in event.get("found") or () if k in NAMES}
        self.asked = frozenset(self.kinds)
        found = {k: Device.from_event(d) for k, d in dict(event.get("devices") or {}).items()}
        self.devices = {k: d for k, d in found.items() if k in self.kinds and d is not None}
        missing = [k for k in event.get("missing") or () if k in self.devices]
        self.notice = " ".join(fallback_sentence(k, "", self.devices[k]) for k in missing)
        self.running, self.failure, self.waiting_since = bool(self.kinds), "", time.monotonic()
        self.changing = self.taken_down = False
        self.shown = None

    def _change(self, kind: str, device: Device) -> None:
        """Take another device, for which the connection is made anew."""
        self.devices[kind] = device
        self.problems.pop(kind, None)
        self.kinds.add(kind)
        self.asked = frozenset(self.kinds)
        self.changing, self.waiting_since = True, time.monotonic()

    def _end(self) -> None:
        """Nothing streams any more, and nothing is written to the table until it is asked for again."""
        self.running, self.changing, self.notice = False, False, ""
        if self.table is not None:
            self.table.recording = False

    def fail(self, sentence: str) -> None:
        """End by itself, saying why."""
        self._end()
        self.failure = sentence

    def prepare(self, model: EmotionModel) -> LiveWorkers:
        """The workers, made for this model at first."""
        from mmer_core.inference.live import LiveReader, LiveWorkers, SessionTable

        if self.table is None:
            zone = _zone(st.context.timezone)
            self.table = SessionTable(lambda: datetime.now(zone).astimezone(zone))
        if self.workers is None or self.workers.reader.model is not model:
            self.workers = LiveWorkers(LiveReader(model))
            self.workers.reader.table = self.table
        return self.workers


def live_visit() -> LiveVisit:
    """This visit's state."""
    visit: LiveVisit = st.session_state.setdefault(_VISIT, LiveVisit())
    return visit


@keeper
def _forget() -> Sequence[str]:
    visit: LiveVisit | None = st.session_state.get(_VISIT)
    if visit is None or visit.table is None:
        return []
    rows = visit.table.rows
    visit.table.clear()
    return [f"the table of the Live page ({counted(rows, 'row')})"] if rows else []


def _zone(name: str | None) -> ZoneInfo | None:
    """The visitor's time zone; None, that of this machine, where the browser names none that is known."""
    try:
        return ZoneInfo(name) if name else None
    except (ZoneInfoNotFoundError, ValueError):
        return None
