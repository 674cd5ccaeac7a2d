"""The schema is valid, says what the service is not for, and describes what really comes; figures and the
model are as they should be.
"""

from __future__ import annotations

import pytest
from openapi_spec_validator import validate

from mmer_core.inference.card import PROHIBITED
from mmer_core.labels import EMOTIONS
from mmer_core.service import schema
from mmer_core.service import service as services
from mmer_core.service.metrics import STAGES
from tiny_model import make_clip


@pytest.fixture
def described(client):
    return client.get("/openapi.json").json()


def test_the_schema_is_valid_and_names_every_route(described):
    validate(described)
    assert set(described["paths"]) == {
        "/v1/predict",
        "/v1/recordings",
        "/v1/model",
        "/metrics",
        "/healthz",
        "/readyz",
    }
    for use in PROHIBITED:
        assert use in described["info"]["description"]
    assert described["components"]["securitySchemes"]


def test_no_page_loads_scripts_from_elsewhere(client):
    assert [client.get(path).status_code for path in ("/docs", "/redoc")] == [404, 404]


def test_answers_are_as_described(client, monkeypatch):
    """The models of the schema know no other fields."""
    monkeypatch.setattr(services, "load_clip", lambda path, **_: make_clip())
    schema.Answer.model_validate(client.post("/v1/predict", json={"text": "hello"}).json(), strict=True)
    row, nothing = client.post("/v1/predict", json={"texts": ["hello", ""]}).json()
    schema.Answer.model_validate(row, strict=True)
    schema.Unread.model_validate(nothing, strict=True)
    (clip,) = client.post("/v1/predict", files=[("files", ("a.mp4", b"x"))]).json()
    schema.ListedAnswer.model_validate(clip, strict=True)
    problem = client.post("/v1/predict", json={})
    schema.Problem.model_validate(problem.json(), strict=True)


def test_every_status_that_comes_is_described(client, described):
    documented = described["paths"]["/v1/predict"]["post"]["responses"]
    assert {"200", *map(str, schema.REFUSED)} == set(documented)
    for status in (client.post("/v1/predict", json={}), client.post("/v1/predict", content=b"")):
        assert str(status.status_code) in documented


def test_the_model_is_described_with_the_limits(serve):
    _, client = serve(queue=3, max_bytes=5_000_000)
    found = client.get("/v1/model").json()
    assert found["labels"] == list(EMOTIONS)
    assert found["modalities"] == ["text", "audio", "visual"]
    assert found["not_for"] == list(PROHIBITED)
    assert found["limits"]["queue"] == 3
    assert found["limits"]["max_bytes"] == found["limits"]["clip"]["max_bytes"] == 5_000_000
    assert "token" not in client.get("/v1/model").text


def test_figures_count_without_names_or_words(client, figures, monkeypatch):
    client.post("/v1/predict", json={"texts": ["a secret", ""]})
    client.post("/v1/predict", files={"file": ("secret.wav", b"no sound")})
    client.get("/secret")
    found = figures(client)
    assert found['mmer_requests_total{route="/v1/predict",status="200"}'] == 1
    assert found['mmer_requests_total{route="/v1/predict",status="422"}'] == 1
    assert found['mmer_requests_total{route="other",status="404"}'] == 1
    assert found['mmer_refused_total{kind="text"}'] == found['mmer_refused_total{kind="file"}'] == 1
    assert found["mmer_batch_sentences_count"] == found["mmer_batch_sentences_sum"] == 1
    assert found['mmer_stage_seconds_count{stage="text"}'] == 1
    assert found['mmer_stage_seconds_count{stage="total"}'] == 2
    assert found["mmer_ready"] == 1
    text = client.get("/metrics").text
    assert "secret" not in text
    assert {line.split('stage="')[1].split('"')[0] for line in text.splitlines() if 'stage="' in line} <= {
        *STAGES
    }


def test_before_the_model_is_loaded_the_service_lives_but_is_not_ready(model):
    import threading

    from starlette.testclient import TestClient

    from mmer_core.service.app import create_app
    from mmer_core.service.service import Service
    from mmer_core.service.settings import Settings

    release = threading.Event()

    def load():
        assert release.wait(60)
        return model

    service = Service(Settings(), load)
    with TestClient(create_app(service)) as client:
        assert client.get("/healthz").status_code == 200
        for answer in (client.get("/readyz"), client.post("/v1/predict", json={"text": "hello"})):
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
            assert "being loaded" in answer.json()["error"]
        release.set()
    service.join()
