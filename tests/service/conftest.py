"""A service with a tiny model, and a client in the same process."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest
from starlette.testclient import TestClient

from mmer_core.inference import observation
from mmer_core.labels import Modality
from mmer_core.media.speech import Transcript
from mmer_core.service.app import create_app
from mmer_core.service.service import Service
from mmer_core.service.settings import Settings
from tiny_model import make_model


@pytest.fixture
def model(monkeypatch):
    """A tiny model that is warm; nobody is heard in sounds."""
    made = make_model()
    made.warm_up = lambda: None
    monkeypatch.setattr(observation, "transcribe", lambda waveform, *_: Transcript("", (), 0.0))
    monkeypatch.setattr(observation, "with_voices", lambda clip: clip)
    return made


@pytest.fixture
def serve(model, scratch):
    """A function that starts a service with these settings and returns it with its client; nothing may be
    left in the temporary folder.
    """
    opened = []

    def start(**settings) -> tuple[Service, TestClient]:
        service = Service(Settings(**{"window": 0.0, **settings}), lambda: model)
        client = TestClient(create_app(service))
        client.__enter__()
        opened.append((service, client))
        wait_for(lambda: service.ready)
        return service, client

    yield start
    for service, client in opened:
        client.__exit__(None, None, None)
        service.join()


@pytest.fixture
def client(serve) -> TestClient:
    return serve()[1]


@pytest.fixture
def slow_words(model):
    """The model's text encoder, which waits for `release` and says when it is at work."""
    encoder = SlowEncoder(model.encoders[Modality.TEXT])
    model.encoders[Modality.TEXT] = encoder
    yield encoder
    encoder.release.set()


class SlowEncoder:
    """An encoder of many texts at once.

    Attributes:
        batches: the texts of each call.
        begun: set when a call has begun.
        release: until it is set, calls wait.
    """

    def __init__(self, inner) -> None:
        self.spec, self._inner = inner.spec, inner
        self.batches: list[list[str]] = []
        self.begun, self.release = threading.Event(), threading.Event()

    def encode(self, clip):
        self._wait([clip.text])
        return self._inner.encode(clip)

    def encode_texts(self, texts, previous=None):
        from mmer_core.media.loading import text_clip

        self._wait(list(texts))
        return [self._inner.encode(text_clip(text)) for text in texts]

    def _wait(self, texts) -> None:
        self.batches.append(texts)
        self.begun.set()
        assert self.release.wait(60)


def wait_for(happened: Callable[[], bool]) -> None:
    """Return when it has happened; fail if it does not."""
    end = time.monotonic() + 60
    while not happened():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.005)


@pytest.fixture(name="wait_for")
def waiting():
    return wait_for


def figures(client: TestClient) -> dict[str, float]:
    """{name with labels: value} of /metrics."""
    lines = client.get("/metrics").text.splitlines()
    return {name: float(value) for name, value in (x.rsplit(" ", 1) for x in lines if x[0] != "#")}


@pytest.fixture(name="figures")
def reading_figures():
    return figures
