"""POST /v1/recordings sends utterances as they are read, and stops when nobody listens."""

from __future__ import annotations

import json
import socket
import threading
import time

import media_factory as make
import numpy as np
import pytest
from loud_spans import loud_spans

from mmer_core.labels import Modality
from mmer_core.recordings import Utterance, read_recording
from mmer_core.recordings.speaking import Listener
from mmer_core.recordings.summary import summarise
from mmer_core.service import recordings

RATE = 16_000
SPOKEN = [(0.5, 1.5), (2.5, 3.9), (4.7, 5.9)]  # seconds


@pytest.fixture(autouse=True)
def heard(monkeypatch):
    """Loud is spoken."""
    monkeypatch.setattr(Listener, "voices", lambda self, waveform: loud_spans(waveform))
    monkeypatch.setattr(Listener, "words", lambda self, waveform, spans: (["I am glad"] * len(spans), ""))


@pytest.fixture
def talk(tmp_path):
    sound = np.zeros(round(6.5 * RATE), np.int16)
    for start, end in SPOKEN:
        first, last = round(start * RATE), round(end * RATE)
        sound[first:last] = 9_000 * np.sin(np.arange(last - first) / 5)
    path = tmp_path / "talk.wav"
    path.write_bytes(make.wav_bytes(sound[:, None], RATE))
    return path


def lines(answer) -> list[dict]:
    assert answer.headers["content-type"] == "application/x-ndjson"
    return [json.loads(line) for line in answer.text.splitlines()]


def timeless(utterance):
    return {**utterance, "prediction": {**utterance["prediction"], "timings": {}}}


def test_utterances_come_as_lines_and_at_last_the_summary(client, talk, model):
    found = lines(client.post("/v1/recordings", files={"file": ("../talk.wav", talk.read_bytes())}))
    assert {line["event"] for line in found[:-1]} == {"progress", "utterance"}
    expected = read_recording(talk, model)
    told = [line for line in found if line["event"] == "utterance"]
    assert [timeless(line) for line in told] == [
        {"event": "utterance", **timeless(u.to_json())} for u in expected.utterances
    ]
    assert len(told) == len(SPOKEN)
    last = found[-1]
    assert last["event"] == "summary"
    assert (last["file"], last["complete"], last["end"]) == (".._talk.wav", True, expected.end)
    assert last["summary"] == json.loads(json.dumps(summarise(expected).to_json()))


def test_the_first_utterance_is_sent_before_the_last_is_read(client, talk, monkeypatch):
    """The reading goes on only when the first line has arrived."""
    arrived = threading.Event()

    def read(path, model, *, found, stop, **options):
        found(Utterance(0.0, 1.0, words="first"))
        assert arrived.wait(60)
        found(Utterance(1.0, 2.0, words="second"))
        return read_recording(path, model, stop=stop, **options)

    monkeypatch.setattr(recordings, "read_recording", read)
    server, address = start(client.app, monkeypatch)
    with connected(address, talk.read_bytes()) as connection:
        text = received_until(b"first", connection)
        assert b"second" not in text
        arrived.set()
        assert b"second" in received_until(b"summary", connection)
    server.should_exit = True


def received_until(mark: bytes, connection: socket.socket) -> bytes:
    """What comes over a connection up to a mark in it."""
    text = b""
    while mark not in text:
        block = connection.recv(65536)
        assert block, f"the connection ended with {text[-300:]!r}"
        text += block
    return text


def start(app, monkeypatch):
    """The application behind a real server in a thread, and its address."""
    import uvicorn

    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off"))
    threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True).start()
    return server, listening.getsockname()


def connected(address, content: bytes) -> socket.socket:
    """A connection that has sent a recording."""
    body = (
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n%s\r\n--x--\r\n'
        % content
    )
    connection = socket.create_connection(address, timeout=60)
    head = (
        "POST /v1/recordings HTTP/1.1\r\nHost: here\r\nContent-Type: multipart/form-data; boundary=x\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    connection.sendall(head.encode() + body)
    return connection


@pytest.mark.parametrize("told", [True, False])
@pytest.mark.usefixtures("scratch")  # which is empty at the end
def test_a_client_that_leaves_ends_the_reading_in_the_middle_of_a_step(
    client, monkeypatch, wait_for, figures, told
):
    """The step would never end by itself."""
    begun, ended = threading.Event(), []

    def read(path, model, *, found, stop, **options):
        if told:
            found(Utterance(0.0, 1.0, words="first"))
        begun.set()
        try:
            while True:
                time.sleep(0.01)
        finally:
            ended.append(stop())

    monkeypatch.setattr(recordings, "read_recording", read)
    server, address = start(client.app, monkeypatch)
    connection = connected(address, b"sound")
    assert begun.wait(60)
    assert figures(client)['mmer_in_hand{lane="recordings"}'] == 1
    connection.close()
    wait_for(lambda: ended == [True])
    wait_for(lambda: figures(client)['mmer_in_hand{lane="recordings"}'] == 0)
    server.should_exit = True


def test_one_recording_at_a_time(client, talk, monkeypatch, wait_for, figures):
    begun, go_on = threading.Event(), threading.Event()

    def read(path, model, *, found, stop, **options):
        begun.set()
        assert go_on.wait(60)
        return read_recording(path, model, found=found, stop=stop, **options)

    monkeypatch.setattr(recordings, "read_recording", read)
    files = {"file": ("talk.wav", talk.read_bytes())}
    first = []
    thread = threading.Thread(target=lambda: first.append(client.post("/v1/recordings", files=files)))
    thread.start()
    assert begun.wait(60)
    second = client.post("/v1/recordings", files=files)
    assert (second.status_code, second.json()["error"]) == (
        429,
        "another recording is being read: try again later",
    )
    assert int(second.headers["retry-after"]) >= 1
    go_on.set()
    thread.join()
    assert lines(first[0])[-1]["complete"]


def test_closing_ends_a_reading_with_what_was_read(serve, talk, monkeypatch):
    service, client = serve()

    def read(path, model, *, found, stop, **options):
        service.close()
        return read_recording(path, model, found=found, stop=stop, **options)

    monkeypatch.setattr(recordings, "read_recording", read)
    found = lines(client.post("/v1/recordings", files={"file": ("talk.wav", talk.read_bytes())}))
    assert [line["event"] for line in found].count("utterance") == 1
    assert not found[-1]["complete"]
    assert "shut down before the end" in found[-1]["notes"][-1]


@pytest.mark.parametrize(
    ("content", "data", "part"),
    [
        (make.picture_bytes("png"), {}, "the recording is a picture, which has no utterances"),
        (b"text", {}, "the recording is not a video, sound or picture"),
        (b"", {}, "the recording is empty"),
        (b"sound", {"start": "soon"}, "start is no time"),
        (b"sound", {"start": "5", "end": "4"}, "from 5 to 4 s is no stretch of time"),
        (b"sound", {"speakers": "perhaps"}, "speakers is neither true nor false"),
        (b"sound", {"use": "smell"}, "use names a modality that does not exist"),
    ],
)
def test_what_cannot_be_read_is_a_sentence(client, content, data, part):
    answer = client.post("/v1/recordings", files={"file": ("a.bin", content)}, data=data)
    assert answer.status_code == 422
    assert part in answer.json()["error"]


def test_options_reach_the_reading(client, monkeypatch):
    asked = {}

    def read(path, model, **options):
        asked.update(options)
        raise ValueError("enough")

    monkeypatch.setattr(recordings, "read_recording", read)
    data = {"start": "1.5", "end": "4", "use": "voice", "speakers": "true"}
    answer = client.post("/v1/recordings", files={"file": ("a.wav", b"sound")}, data=data)
    assert answer.json() == {"error": "enough"}
    assert (asked["start"], asked["end"], asked["use"]) == (1.5, 4.0, (Modality.AUDIO,))
    assert asked["speakers"] is recordings._listening


def test_a_defect_while_lines_are_sent_is_the_last_line(client, monkeypatch, caplog):
    def read(path, model, *, found, **options):
        found(Utterance(0.0, 1.0, words="a secret"))
        raise RuntimeError("".join(["sec", "ret"]))

    monkeypatch.setattr(recordings, "read_recording", read)
    found = lines(client.post("/v1/recordings", files={"file": ("a.wav", b"sound")}))
    assert [line["event"] for line in found] == ["utterance", "error"]
    assert "defect in the program" in found[-1]["error"]
    assert "secret" not in caplog.text
