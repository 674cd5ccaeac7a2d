"""The service as a process or thread of its own: the example in the documents, health check, shutdown."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue

import httpx2
import pytest
from loud_spans import loud_spans

from mmer_core.checkpoint import CheckpointError
from mmer_core.recordings.speaking import Listener
from mmer_core.service.server import is_loopback, listen, read_token, serve, share_threads
from mmer_core.service.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = """
from mmer_core.service.server import serve
from mmer_core.service.settings import Settings
from tiny_model import make_model

model = make_model()
model.warm_up = lambda: None
serve(Settings(), lambda: model, port=0, started=lambda address: print(address, flush=True))
print("ended", flush=True)
"""


@pytest.fixture
def running(model, monkeypatch, wait_for):
    """A function that serves the tiny model from a thread, as a context with the address."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # put back afterwards
    monkeypatch.setenv("ORT_DISABLE_TELEMETRY", "1")

    @contextmanager
    def run(settings=None):
        address: SimpleQueue[str] = SimpleQueue()
        servers: SimpleQueue = SimpleQueue()
        options = {"port": 0, "started": address.put, "server_ready": servers.put}
        arguments = (settings or Settings(), lambda: model)
        thread = threading.Thread(target=serve, args=arguments, kwargs=options, daemon=True)
        thread.start()
        at, server = address.get(timeout=60), servers.get(timeout=60)
        wait_for(lambda: server.started)
        wait_for(lambda: httpx2.get(f"{at}/readyz").status_code == 200)
        yield at
        server.should_exit = True
        thread.join(60)
        assert not thread.is_alive()

    return run


def blocks(document: Path, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", document.read_text(encoding="utf-8"), flags=re.DOTALL)


def test_the_client_in_the_documents_runs(running, small_video, monkeypatch):
    monkeypatch.setattr(Listener, "voices", lambda self, waveform: loud_spans(waveform))
    monkeypatch.setattr(Listener, "words", lambda self, waveform, spans: (["hello"] * len(spans), ""))
    (example,) = blocks(ROOT / "docs" / "service.md", "python")
    with running() as address:
        assert example.count("http://127.0.0.1:8000") == 1
        code = example.replace("http://127.0.0.1:8000", address)
        run = subprocess.run(
            [sys.executable, "-c", code], cwd=small_video.parent, capture_output=True, text=True, check=False
        )
    assert run.returncode == 0, run.stderr
    lines = run.stdout.splitlines()
    assert "there is no text: type what was said" in lines
    assert "utterance hello" in lines
    assert lines[-1] == "summary True"


@pytest.mark.parametrize("path", ["/readyz", "/nothing"])
def test_the_health_check_of_the_image_tells_a_service_that_answers(running, path):
    checks = re.findall(r"urlopen\('(http://127.0.0.1:8000)(/readyz)'", (ROOT / "Dockerfile").read_text())
    assert checks == [("http://127.0.0.1:8000", "/readyz")]
    (code,) = re.findall(r'"(from urllib.request [^"]*8000[^"]*)"', (ROOT / "Dockerfile").read_text())
    with running() as address:
        code = code.replace("http://127.0.0.1:8000/readyz", f"{address}{path}")
        run = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True)
    assert (run.returncode == 0) == (path == "/readyz")


def test_a_token_is_asked_for_where_there_is_one(running):
    with running(Settings(token="a-long-secret-token")) as at:
        for path in ("/v1/model", "/metrics"):
            refused = httpx2.get(f"{at}{path}")
            assert (refused.status_code, refused.headers["www-authenticate"]) == (401, "Bearer")
            assert "token is missing or wrong" in refused.json()["error"]
            wrong = httpx2.get(f"{at}{path}", headers={"Authorization": "Bearer a-long-secret-tokem"})
            assert wrong.status_code == 401
            right = httpx2.get(f"{at}{path}", headers={"Authorization": "Bearer a-long-secret-token"})
            assert right.status_code == 200
        assert httpx2.post(f"{at}/v1/predict", json={"text": "hello"}).status_code == 401
        assert httpx2.get(f"{at}/healthz").status_code == 200


def test_pages_of_other_sites_get_no_leave_to_read(running):
    with running() as at:
        asked = {"Origin": "https://example.org", "Access-Control-Request-Method": "POST"}
        answers = [
            httpx2.options(f"{at}/v1/predict", headers=asked),
            httpx2.post(f"{at}/v1/predict", json={"text": "hello"}, headers={"Origin": asked["Origin"]}),
        ]
    assert not [name for answer in answers for name in answer.headers if name.startswith("access-control")]


def test_a_refused_upload_hears_why_though_it_was_not_read(running):
    """The body is larger than what sockets hold, so the client is still sending when it is refused."""
    with running(Settings(max_bytes=1000)) as at:
        answer = httpx2.post(f"{at}/v1/predict", files={"file": ("a.wav", bytes(20_000_000))})
    assert (answer.status_code, "too" in answer.text or "larger" in answer.text) == (413, True)


def test_a_signal_ends_the_process_in_good_order(tmp_path):
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")])}
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT], stdout=subprocess.PIPE, text=True, env=environment, cwd=tmp_path
    )
    try:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        assert httpx2.get(f"{address}/healthz", timeout=60).json() == {"status": "alive"}
        process.send_signal(signal.SIGTERM)
        rest, _ = process.communicate(timeout=60)
    finally:
        process.kill()
    assert (process.returncode, rest.strip()) == (0, "ended")


def test_a_model_that_cannot_be_loaded_ends_the_service_with_the_reason(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("ORT_DISABLE_TELEMETRY", "1")

    def load():
        raise CheckpointError("there is no model in folder: train one")

    # in a thread: an event loop may run in this one, that of a browser test before
    with ThreadPoolExecutor(1) as apart, pytest.raises(CheckpointError, match="train one"):
        apart.submit(serve, Settings(), load, port=0, started=lambda _: None).result()


def test_an_address_that_is_taken_is_a_sentence():
    with listen("127.0.0.1", 0) as taken:
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ValueError, match=rf"port {port} at 127.0.0.1 cannot be used .*--port"):
            listen("127.0.0.1", port)
    with pytest.raises(ValueError, match=r"at nowhere\.local cannot be used"):
        listen("nowhere.local", 0)


@pytest.mark.parametrize(("given", "workers", "each"), [("4", 2, "2"), ("2", 8, "1"), ("", 2, "1")])
def test_threads_are_shared_among_the_workers(monkeypatch, given, workers, each):
    monkeypatch.setenv("OMP_NUM_THREADS", given)
    share_threads(workers)
    assert os.environ["OMP_NUM_THREADS"] == each


def test_the_runtime_of_the_networks_reports_to_nobody(tmp_path):
    """It writes the number of its session into the temporary folder before it reports."""
    code = (
        "from mmer_core.service.server import ask_no_network; ask_no_network(); import onnxruntime; "
        "onnxruntime.InferenceSession(__import__('sys').argv[1])"
    )
    weights = ROOT / "mmer_core" / "media" / "weights" / "face_detection_yunet_2023mar_int8bq.onnx"
    quiet = ("ORT_DISABLE_TELEMETRY", "CI")  # either keeps it from reporting
    environment = {k: v for k, v in os.environ.items() if k not in quiet}
    environment |= {"TMPDIR": str(tmp_path), "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", code, weights], check=True, env=environment, cwd=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_which_addresses_are_this_machine_alone():
    assert all(map(is_loopback, ("127.0.0.1", "127.3.2.1", "::1", "localhost")))
    assert not any(map(is_loopback, ("0.0.0.0", "::", "192.168.0.4", "example.org")))


def test_a_token_file_holds_one_long_word(tmp_path):
    path = tmp_path / "token.txt"
    path.write_text("abcdefgh01234567\n")
    assert read_token(path) == "abcdefgh01234567"
    for content in ("short", "two words in one token", "", "ü" * 20):
        path.write_text(content)
        with pytest.raises(ValueError, match="holds no token"):
            read_token(path)
    with pytest.raises(ValueError, match="cannot be read"):
        read_token(tmp_path / "missing.txt")
