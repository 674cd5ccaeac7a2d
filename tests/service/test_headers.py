"""Whatever the service answers, a browser makes nothing of it and nobody keeps it."""

from __future__ import annotations

import pytest

from mmer_core.service.headers import SAFE


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/healthz", 200),
        ("GET", "/metrics", 200),
        ("GET", "/openapi.json", 200),
        ("GET", "/nowhere", 404),
        ("GET", "/v1/predict", 405),
        ("POST", "/v1/predict", 415),
    ],
)
def test_every_answer_has_the_headers(client, method, path, status):
    answer = client.request(method, path, content=b"<b>" if method == "POST" else None)
    assert answer.status_code == status
    assert {name.decode(): value.decode() for name, value in SAFE}.items() <= dict(answer.headers).items()


def test_a_defect_has_them_too(client, monkeypatch):
    def fail(*_, **__):
        raise RuntimeError("a marked message")

    monkeypatch.setattr("mmer_core.service.predicting.predict", fail)
    answer = client.post("/v1/predict", json={"text": "x"})
    assert answer.status_code == 500
    assert answer.headers["x-content-type-options"] == "nosniff"
