"""The routes."""

from __future__ import annotations

import hmac
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Request, Response
from fastapi.openapi.utils import get_openapi
from fastapi.responses import JSONResponse, StreamingResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from mmer_core import __version__
from mmer_core.inference.card import PROHIBITED
from mmer_core.recordings.pieces import MOST_SECONDS
from mmer_core.runs.defects import log_defect
from mmer_core.service import predicting, recordings, schema
from mmer_core.service.bodies import linger
from mmer_core.service.headers import SAFE
from mmer_core.service.refusals import ClientLeft, Refusal
from mmer_core.service.service import Service

DESCRIPTION = (
    "Says which emotion a clip or a sentence shows, and what words, voice and face each contributed. It "
    "reads how an emotion is shown; it does not know what a person feels. Nothing that is sent is kept.\n\n"
    "**Not for:**\n\n" + "\n".join(f"- {use}" for use in PROHIBITED)
)
DEFECT = "the request failed because of a defect in the program: report it, and try another"
PLAIN = {404: "there is nothing at this address: see /openapi.json", 405: "this address takes another method"}
Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
log = logging.getLogger(__name__)
bearer = HTTPBearer(auto_error=False)


def create_app(service: Service, failed: Callable[[], None] = lambda: None) -> FastAPI:
    """The application; it starts loading the model when it starts, and closes the service when it ends.

    Args:
        service: that answers.
        failed: called if the model cannot be loaded.
    """

    @asynccontextmanager
    async def life(_: FastAPI) -> AsyncIterator[None]:
        service.start(failed)
        yield
        service.close()

    app = FastAPI(
        title="Multimodal emotion recognition",
        description=DESCRIPTION,
        version=__version__,
        lifespan=life,
        docs_url=None,  # its page loads scripts from another host
        redoc_url=None,
    )
    _add_handlers(app)
    _add_health(app, service)
    _add_answers(app, service)
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign]
    app.add_middleware(_Counting, service=service)
    return app


def _add_answers(app: FastAPI, service: Service) -> None:
    """What needs the token, where there is one."""

    async def known(shown: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]) -> None:
        token = service.settings.token
        given = "" if shown is None else shown.credentials
        if token and not hmac.compare_digest(given.encode(), token.encode()):
            raise Refusal(
                401,
                "the token is missing or wrong: send it as Authorization: Bearer TOKEN",
                {"WWW-Authenticate": "Bearer"},
            )

    only = [Depends(known)]

    @app.post(
        "/v1/predict",
        dependencies=only,
        responses=schema.PREDICT_RESPONSES,
        openapi_extra={"requestBody": schema.PREDICT_BODY},
    )
    async def predict(request: Request) -> Response:
        """The emotion in a clip, a sentence, or a list of either."""
        return JSONResponse(await predicting.predict(service, request))

    @app.post(
        "/v1/recordings",
        dependencies=only,
        responses=schema.RECORDING_RESPONSES,
        openapi_extra={"requestBody": schema.RECORDING_BODY},
    )
    async def read_recording(request: Request) -> Response:
        """The utterances of a recording of up to three hours, each as soon as it is read."""
        lines = await recordings.read(service, request)
        return StreamingResponse(lines, media_type="application/x-ndjson")

    @app.get("/v1/model", dependencies=only, responses=schema.refusals(401, 503))
    async def model() -> dict[str, Any]:
        """The model's classes, modalities and card, what it is not for, and the limits of this service."""
        return about(service)

    @app.get("/metrics", dependencies=only, response_class=Response, responses=schema.refusals(401))
    async def metrics() -> Response:
        """Figures for Prometheus."""
        return Response(service.metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")


def _add_health(app: FastAPI, service: Service) -> None:
    @app.get("/healthz")
    async def alive() -> dict[str, str]:
        """The process answers."""
        return {"status": "alive"}

    @app.get("/readyz", responses=schema.refusals(503))
    async def ready() -> dict[str, str]:
        """The model is loaded."""
        _ = service.model
        return {"status": "ready"}


def about(service: Service) -> dict[str, Any]:
    """The model and the limits, as JSON.

    Raises:
        Refusal: the model is not loaded yet.
    """
    model, settings = service.model, service.settings
    return {
        **model.identity,
        "version": model.record.get("version", ""),
        "licence": model.record.get("licence", ""),
        "labels": list(model.labels),
        "modalities": [m.value for m in model.modalities],
        "languages": list(model.languages),
        "unsure_below": model.unsure_below,
        "coverage": model.coverage,
        "takes_baseline": [m.value for m in model.takes_baseline],
        "reads_dialogue": model.reads_dialogue,
        "not_for": list(PROHIBITED),
        "limits": {
            "max_bytes": settings.max_bytes,
            "items": settings.items,
            "queue": settings.queue,
            "timeout": settings.timeout,
            "recording_seconds": MOST_SECONDS,
            "clip": asdict(settings.limits),
        },
        "card": model.record.get("card", {}),
    }


def _add_handlers(app: FastAPI) -> None:
    """Failures are one sentence under "error"."""

    @app.exception_handler(Refusal)
    async def refused(request: Request, refusal: Refusal) -> Response:
        await linger(request)
        return JSONResponse({"error": refusal.sentence}, refusal.status, refusal.headers)

    @app.exception_handler(ClientLeft)
    async def left(request: Request, _: ClientLeft) -> Response:
        return Response(status_code=499)  # nobody reads it; the figures count it

    @app.exception_handler(404)
    @app.exception_handler(405)
    async def unknown(request: Request, error: Exception) -> Response:
        status = int(getattr(error, "status_code", 404))
        return JSONResponse({"error": PLAIN[status]}, status, getattr(error, "headers", None))


def _openapi(app: FastAPI) -> dict[str, Any]:
    """The schema, with the parts of answers that no route declares."""
    if app.openapi_schema is None:
        found = get_openapi(
            title=app.title, version=app.version, description=app.description, routes=app.routes
        )
        found["components"] = {**found.get("components", {}), "schemas": schema.components()}
        app.openapi_schema = found
    return app.openapi_schema


class _Counting:
    """Counts requests by route and status, and their seconds; an unexpected error becomes one sentence. Every
    answer gets the headers that keep a browser from making anything of it.
    """

    def __init__(self, app: Any, service: Service) -> None:
        self._app, self._metrics = app, service.metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = time.monotonic(), 0

        async def counted(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), *SAFE]}
            await send(message)

        try:
            await self._app(scope, receive, counted)
        except Exception as error:  # noqa: BLE001  a defect; its message may hold a client's words
            log_defect(log, "a request failed", error)
            if not status:
                await JSONResponse({"error": DEFECT}, 500)(scope, receive, counted)
        finally:
            route = getattr(scope.get("route"), "path", "other")
            self._metrics.requests.labels(route, str(status)).inc()
            if route.startswith("/v1/"):
                self._metrics.stage("total", time.monotonic() - began)
