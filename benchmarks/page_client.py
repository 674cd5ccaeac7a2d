"""A person at the app's pages, without a browser: Streamlit's own protocol over its web socket."""

from __future__ import annotations

import asyncio
import json
import time
import urllib.request
from collections.abc import Callable
from typing import Self

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.Element_pb2 import Element
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState
from websockets.asyncio.client import ClientConnection, connect

TIMEOUT = 600.0  # seconds without anything from the server
EARLY = ForwardMsg.FINISHED_EARLY_FOR_RERUN  # another run follows at once
UPLOADER = "Upload a clip, or several"  # its label on the page


class Person:
    """One open page.

    Attributes:
        answer: the probabilities that the page shows last, as (C,) floats; empty for none.
        toggles: {label: id} of the switches on the page.
        waited: the largest place in the line that the page told.
    """

    def __init__(self, port: int) -> None:
        self._host = f"localhost:{port}"
        self._socket: ClientConnection
        self._states: dict[str, WidgetState] = {}
        self._uploader = self._page = self._clip = ""
        self._named = False
        self._running = False
        self.answer: tuple[float, ...] = ()
        self.toggles: dict[str, str] = {}
        self.waited = 0
        self.html: list[str] = []

    async def __aenter__(self) -> Self:
        address = f"ws://{self._host}/_stcore/stream"
        self._socket = await connect(address, subprotocols=["streamlit"], max_size=None)  # type: ignore[list-item]
        await self.run()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._socket.close()

    async def run(self, page: str | None = None) -> None:
        """Run the page anew, another one if it is named, until its end."""
        await self.ask(page)
        await self.until(lambda: False)

    async def ask(self, page: str | None = None) -> None:
        """Ask for a run of the page, and do not wait for it."""
        message = BackMsg()
        message.rerun_script.widget_states.widgets.extend(self._states.values())
        if page is not None:
            message.rerun_script.page_name = page
            self._states, self.toggles = {}, {}
        else:
            message.rerun_script.page_script_hash = self._page
        self.html = []
        self._running = False
        await self._socket.send(message.SerializeToString())

    async def until(self, seen: Callable[[], bool]) -> float:
        """Take what comes until `seen`, or until the run has ended; returns the seconds."""
        began = time.monotonic()
        while not seen():
            message = ForwardMsg()
            received = await asyncio.wait_for(self._socket.recv(), TIMEOUT)
            message.ParseFromString(received)  # type: ignore[arg-type]
            kind = message.WhichOneof("type")
            if kind == "new_session":
                self._running, self._page = True, message.new_session.page_script_hash
                self.answer, self._named = (), False  # each run of the page shows all anew
            elif kind == "delta" and message.delta.WhichOneof("type") == "new_element":
                self._take(message.delta.new_element)
            elif kind == "file_urls_response":
                self._urls = message.file_urls_response.file_urls[0]
                return time.monotonic() - began
            elif kind == "script_finished" and self._running and message.script_finished != EARLY:
                break
        return time.monotonic() - began

    def _take(self, element: Element) -> None:
        kind = element.WhichOneof("type")
        if kind == "markdown" and self._clip and self._clip in element.markdown.body:
            self._named = True
        if kind == "file_uploader" and element.file_uploader.label == UPLOADER:
            self._uploader = element.file_uploader.id
        elif kind == "checkbox":
            self.toggles[element.checkbox.label] = element.checkbox.id
        elif kind == "html":
            self.html.append(element.html.body)
            words = element.html.body.partition("You are ")[2].split()
            if words[:1] == ["next"] or words[:1] == ["number"]:
                self.waited = max(self.waited, 1 if words[0] == "next" else int(words[1]))
        elif kind == "plotly_chart" and element.plotly_chart.id.endswith("-emotions"):
            self.answer = tuple(json.loads(element.plotly_chart.spec)["data"][0]["x"])

    async def give(self, name: str, content: bytes) -> None:
        """Choose a file in the uploader; the page begins to run.

        Args:
            name: of the file; its stem, of letters and digits, tells its answer from that of another.
            content: of the file.
        """
        message = BackMsg()
        message.file_urls_request.request_id = "clip"
        message.file_urls_request.file_names.append(name)
        await self._socket.send(message.SerializeToString())
        await self.until(lambda: False)
        urls = self._urls
        request = urllib.request.Request(
            f"http://{self._host}{urls.upload_url}", data=_form(name, content), method="PUT"
        )
        request.add_header("Content-Type", f"multipart/form-data; boundary={_BOUNDARY}")
        await asyncio.to_thread(lambda: urllib.request.urlopen(request, timeout=TIMEOUT).read())
        state = WidgetState(id=self._uploader)
        file = state.file_uploader_state_value.uploaded_file_info.add()
        file.name, file.size, file.file_id = name, len(content), urls.file_id
        file.file_urls.CopyFrom(urls)
        self._states = {self._uploader: state}
        self.answer, self.toggles = (), {}
        self._clip, self._named = name.partition(".")[0], False
        await self.ask()

    async def answered(self) -> float:
        """Wait for the answer; the seconds."""
        seconds = await self.until(lambda: bool(self.answer) and self._named)
        if not self.answer:
            raise RuntimeError(f"the page ended without an answer: {self.html}")
        return seconds

    async def switch(self, label: str, on: bool) -> None:
        """Move a switch of the page, and wait for the end of the run."""
        self._states[label] = WidgetState(id=self.toggles[label], bool_value=on)
        await self.run()


_BOUNDARY = "a-clip-of-a-person"


def _form(name: str, content: bytes) -> bytes:
    head = f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"; filename="{name}"\r\n\r\n'
    return head.encode() + content + f"\r\n--{_BOUNDARY}--\r\n".encode()
