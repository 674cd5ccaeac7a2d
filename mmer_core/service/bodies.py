"""The body of a request as it comes in: bounded in bytes and time, whatever its headers promise."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import suppress

from fastapi import Request

from mmer_core.service.refusals import ClientLeft, Refusal
from mmer_core.service.settings import MEGABYTE

SLOWEST = 64 * 1024  # bytes a second that a client must send once the timeout is over
LINGER = 2.0  # seconds for which the rest of a refused body is read, so that the client hears why


async def read_body(request: Request, most: int, timeout: float) -> AsyncIterator[bytes]:
    """The body block by block.

    Args:
        request: whose body nobody has read yet.
        most: bytes.
        timeout: seconds for the body; a large one gets longer, as long as it comes in at `SLOWEST`.

    Raises:
        Refusal: it is larger (413), or comes too slowly (408).
        ClientLeft: the connection ended before the body did.
    """
    too_large = Refusal(
        413, f"the request is larger than {most / MEGABYTE:.0f} MB: send less at once, or cut or compress it"
    )
    promised = request.headers.get("content-length", "")
    if promised.isdigit() and int(promised) > most:
        raise too_large
    began, received, more = time.monotonic(), 0, True
    while more:
        left = timeout + received / SLOWEST - (time.monotonic() - began)
        try:
            message = await asyncio.wait_for(request.receive(), max(left, 0.0))
        except TimeoutError:
            raise Refusal(408, "the request came in too slowly: send it again over a faster line") from None
        if message["type"] == "http.disconnect":
            raise ClientLeft
        block, more = message.get("body", b""), message.get("more_body", False)
        received += len(block)
        request.state.whole = not more
        if received > most:
            raise too_large
        yield block


async def linger(request: Request) -> None:
    """Read on for a moment in a body that is refused: a connection that is closed on a client which still
    sends would take the answer with it.
    """
    waits = "100-continue" in request.headers.get("expect", "")
    if waits or getattr(request.state, "whole", False):
        return
    with suppress(TimeoutError):
        async with asyncio.timeout(LINGER):
            message = await request.receive()
            while message["type"] == "http.request" and message.get("more_body", False):
                message = await request.receive()


async def until_left(request: Request) -> None:
    """Return when the client closes the connection; its body must have been read."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
