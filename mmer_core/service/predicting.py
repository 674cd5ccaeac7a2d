"""POST /v1/predict: a sentence, a clip, or a list of either, answered as `mmer predict --json` does."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from fastapi import Request

from mmer_core.inference.prediction import Prediction, listed
from mmer_core.media.loading import MediaError, text_clip
from mmer_core.service.asked import CLIP_PARTS, SentencesBody, clips_of, modalities, sentences_of
from mmer_core.service.bodies import read_body, until_left
from mmer_core.service.lanes import Full, Lane, Place
from mmer_core.service.refusals import ClientLeft, Refusal, later
from mmer_core.service.sentences import Sentence
from mmer_core.service.service import CLOSING, LOADING, Service
from mmer_core.service.settings import SENTENCES_BYTES
from mmer_core.service.uploads import read_form

BUSY = {
    "words": "too many sentences are waiting: try again later",
    "clips": "too many clips are waiting: try again later",
    "recordings": "another recording is being read: try again later",
}


def place_in(lane: Lane) -> Place:
    """A place in a lane.

    Raises:
        Refusal: 429, with the seconds after which to try again.
    """
    try:
        return lane.take()
    except Full as full:
        raise later(429, BUSY[lane.name], full.retry_after) from None


async def predict(service: Service, request: Request) -> Any:
    """The JSON to answer with.

    Raises:
        Refusal: nothing can be answered.
        ClientLeft: nobody waits for an answer any more.
    """
    _ = service.model  # refuses before anything is read
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/json":
        return await _sentences(service, request)
    if kind == "multipart/form-data":
        return await _clips(service, request)
    raise Refusal(415, "send sentences as application/json, or clips as multipart/form-data")


async def _sentences(service: Service, request: Request) -> Any:
    settings = service.settings
    place = place_in(service.words)
    try:
        most = min(settings.max_bytes, SENTENCES_BYTES)
        body = b"".join([block async for block in read_body(request, most, settings.timeout)])
        asked = sentences_of(body, settings.items)
        texts = [asked.text or ""] if asked.texts is None else asked.texts
        prepared = [_sentence(service, text, asked) for text in texts]
        futures = [service.submit_sentence(s) for s in prepared if isinstance(s, Sentence)]
        found = iter(await _results(service, request, place, futures))
    finally:
        place.leave()
    rows = [next(found) if isinstance(s, Sentence) else s for s in prepared]
    if asked.texts is None:
        return _one(rows[0])
    return [{"error": row} if isinstance(row, str) else row.to_json() for row in rows]


def _sentence(service: Service, text: str, asked: SentencesBody) -> Sentence | str:
    """The sentence, or why there is none."""
    model = service.model
    try:
        clip = text_clip(text, limits=service.settings.limits)
    except MediaError as error:
        service.metrics.refused.labels("text").inc()
        return str(error)
    return Sentence(clip.after(asked.before), modalities(asked.use, model))


async def _clips(service: Service, request: Request) -> Any:
    settings = service.settings
    place = place_in(service.clips)
    try:
        with tempfile.TemporaryDirectory(prefix="mmer-", ignore_cleanup_errors=True) as folder:
            began = time.monotonic()
            form = await read_form(
                request.headers["content-type"],
                read_body(request, settings.max_bytes, settings.timeout),
                Path(folder),
                CLIP_PARTS,
                settings.items,
            )
            service.metrics.stage("upload", time.monotonic() - began)
            clips = clips_of(form, service.model)
            known = {}
            if clips.baseline:
                (known,) = await _results(service, request, place, [service.submit_baseline(clips)])
            found = await _results(service, request, place, service.submit_clips(clips, known))
    finally:
        place.leave()
    if not clips.several:
        return _one(found[0])
    return [
        listed(upload.name, f"not read: {row}" if isinstance(row, str) else row)
        for upload, row in zip(clips.uploads, found, strict=True)
    ]


def _one(found: Prediction | str) -> dict[str, Any]:
    if isinstance(found, str):
        raise Refusal(422, found)
    return found.to_json()


async def _results(
    service: Service, request: Request, place: Place, futures: Sequence[Future[Any]]
) -> list[Any]:
    """What the workers find, in order; whatever ends the wait, what has not begun is cancelled."""
    for future in futures:
        place.hold(future)
    waited = [asyncio.ensure_future(asyncio.wrap_future(future)) for future in futures]
    if not waited:
        return []
    left = asyncio.ensure_future(until_left(request))
    everything = asyncio.ensure_future(asyncio.wait(waited))
    try:
        await asyncio.wait(
            {everything, left}, timeout=service.settings.timeout, return_when=asyncio.FIRST_COMPLETED
        )
        if everything.done():
            failures = [one.exception() for one in waited if not one.cancelled()]  # all are looked at
            for failure in filter(None, failures):
                raise failure
            return [_result(one) for one in waited]
        if left.done():
            raise ClientLeft
        raise later(
            503,
            f"the answer takes longer than {service.settings.timeout:g} s: send less at once, or try again "
            "later",
            service.clips.wait(),
        )
    finally:
        for task in (left, everything, *waited):
            task.cancel()


def _result(done: asyncio.Future[Any]) -> Any:
    if done.cancelled():
        raise later(503, CLOSING, LOADING)
    return done.result()
