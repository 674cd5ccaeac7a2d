"""POST /v1/recordings: the utterances of a recording as lines of JSON, each sent as soon as it is read."""

from __future__ import annotations

import asyncio
import json
import logging
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastapi import Request

from mmer_core.media.loading import MediaError
from mmer_core.recordings import Progress, Recording, Utterance, read_recording
from mmer_core.recordings.summary import summarise
from mmer_core.runs.defects import log_defect
from mmer_core.service.asked import RECORDING_PARTS, Stretch, recording_of
from mmer_core.service.bodies import read_body, until_left
from mmer_core.service.interruption import InterruptibleThread
from mmer_core.service.predicting import place_in
from mmer_core.service.refusals import ClientLeft, Refusal
from mmer_core.service.service import Service
from mmer_core.service.uploads import read_form

if TYPE_CHECKING:
    from mmer_core.recordings.speakers import Listening

GRACE = 0.3  # seconds in which a reading may end by itself when its client has left
SHOWN = "the recording"  # the name of the file on our disk, as sentences name it
FAILED = "the recording could not be read because of a defect in the program: report it, and try another"
CLOSED = "the service was shut down before the end of the recording"
Event = dict[str, Any]
log = logging.getLogger(__name__)


class RecordingReading:
    """One recording that is being read, in a thread of its own.

    Args:
        service: that reads.
        asked: what to read.
        ended: called when the reading is over, in its thread or another.
    """

    def __init__(self, service: Service, asked: Stretch, ended: Callable[[], None]) -> None:
        self._service, self._asked, self._ended = service, asked, ended
        self._model = service.model
        self._loop = asyncio.get_running_loop()
        self._events: asyncio.Queue[Event | None] = asyncio.Queue()
        self._stopped = threading.Event()
        self._thread = InterruptibleThread(self._run, "mmer-recording")
        service.readings.add(self)
        self._thread.start()

    async def next(self) -> Event | None:
        """The next event; None after the last one."""
        return await self._events.get()

    def stop(self) -> None:
        """End after the present utterance, with a summary of what was read."""
        self._stopped.set()

    def abandon(self) -> None:
        """End soon: nobody listens."""
        self.stop()
        threading.Thread(target=self._abandon, name="mmer-abandon", daemon=True).start()

    def _abandon(self) -> None:
        self._thread.interrupt(GRACE)
        self._over()

    def join(self) -> None:
        """Wait for the end."""
        self._thread.join()

    def _over(self) -> None:
        self._service.readings.discard(self)
        self._ended()

    def _tell(self, event: Event | None) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody listens any more
            self._loop.call_soon_threadsafe(self._events.put_nowait, event)

    def _run(self) -> None:
        began = time.monotonic()
        try:
            recording = read_recording(
                self._asked.upload.path,
                self._model,
                start=self._asked.start,
                end=self._asked.end,
                use=self._asked.use,
                speakers=_listening if self._asked.speakers else None,
                progress=self._progress,
                found=self._found,
                stop=self._stopped.is_set,
            )
            self._tell(self._summary(recording))
        except (MediaError, ValueError) as error:
            self._service.metrics.refused.labels("recording").inc()
            self._tell({"event": "error", "error": str(error)})
        except Exception as error:  # noqa: BLE001  told to the client in one sentence
            log_defect(log, "a recording could not be read", error)
            self._tell({"event": "error", "error": FAILED, "defect": True})
        finally:
            self._service.recordings.took(time.monotonic() - began)
            self._over()
            self._tell(None)

    def _progress(self, progress: Progress) -> None:
        self._tell({"event": "progress", **asdict(progress)})

    def _found(self, utterance: Utterance) -> None:
        self._service.metrics.utterances.inc()
        self._tell({"event": "utterance", **utterance.to_json()})

    def _summary(self, recording: Recording) -> Event:
        notes = (*recording.notes, *([CLOSED] if self._service.closing and not recording.complete else []))
        found = replace(recording, name=self._asked.upload.name, notes=notes).to_json()
        if not self._asked.speakers:  # they are as they were told; speakers are known at the end only
            del found["utterances"]
        return {"event": "summary", **found, "summary": summarise(recording).to_json()}


def _listening() -> Listening:
    """What tells speakers apart while a recording is read.

    Raises:
        ValueError: its weights are not on this machine.
    """
    from mmer_core.media.speakers import SpeakerStream, WeightsUnavailable

    try:
        return SpeakerStream()
    except WeightsUnavailable as error:
        raise ValueError(f"{error}; leave speakers out to read without") from error


async def read(service: Service, request: Request) -> AsyncIterator[bytes]:
    """The lines to answer with, when the recording has been received and something was read in it.

    Raises:
        Refusal: nothing can be read.
        ClientLeft: nobody waits for an answer any more.
    """
    _ = service.model  # refuses before anything is read
    settings = service.settings
    place = place_in(service.recordings)
    folder = tempfile.TemporaryDirectory(prefix="mmer-", ignore_cleanup_errors=True)

    def ended() -> None:
        folder.cleanup()
        place.leave()

    try:
        form = await read_form(
            request.headers.get("content-type", ""),
            read_body(request, settings.max_bytes, settings.timeout),
            Path(folder.name),
            RECORDING_PARTS,
            1,
        )
        asked = recording_of(form, service.model)
        path = asked.upload.path.rename(Path(folder.name) / SHOWN)
        asked = replace(asked, upload=replace(asked.upload, path=path))
        reading = RecordingReading(service, asked, ended)
    except BaseException:
        ended()
        raise
    first = await _first(reading, request)
    return _lines(reading, first)


async def _first(reading: RecordingReading, request: Request) -> Event | None:
    """The first event, which says whether anything can be read at all."""
    waited = asyncio.ensure_future(reading.next())
    left = asyncio.ensure_future(until_left(request))
    try:
        await asyncio.wait({waited, left}, return_when=asyncio.FIRST_COMPLETED)
        if not waited.done():
            raise ClientLeft
        event = waited.result()
        if event is not None and event["event"] == "error":
            raise Refusal(500 if "defect" in event else 422, event["error"])
        return event
    except BaseException:
        reading.abandon()
        raise
    finally:
        waited.cancel()
        left.cancel()


async def _lines(reading: RecordingReading, event: Event | None) -> AsyncIterator[bytes]:
    """The events as lines; a client that leaves ends the reading."""
    try:
        while event is not None:
            yield json.dumps(event, ensure_ascii=False, allow_nan=False).encode() + b"\n"
            event = await reading.next()
    finally:
        reading.abandon()
