"""POST /v1/predict answers as `mmer predict --json` does, and refuses in one sentence."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import media_factory as make
import pytest

from mmer_core.cli import main
from mmer_core.inference.emotion_model import EmotionModel
from mmer_core.labels import Modality
from mmer_core.media.loading import MediaError, load_clip
from mmer_core.service import service as services
from tiny_model import make_clip


@pytest.fixture
def printed(model, monkeypatch, capsys):
    """A function that runs `mmer predict --json` with the same model and returns what it printed."""
    monkeypatch.setattr(EmotionModel, "load", classmethod(lambda cls, *_: model))

    def run(*arguments):
        main.main(["predict", "--json", *map(str, arguments)])
        return json.loads(capsys.readouterr().out)

    return run


@pytest.fixture
def decoded(monkeypatch):
    """Files are not decoded: any is a made-up clip, but "bad" cannot be read. Returns what was asked."""
    asked = []

    def load(path, *, name, text, limits):
        asked.append({"path": path, "name": name, "text": text, "content": path.read_bytes()})
        if asked[-1]["content"] == b"bad":
            raise MediaError(f"{name} is damaged: record it again")
        return make_clip(len(asked[-1]["content"]), text=text or "I am glad")

    monkeypatch.setattr(services, "load_clip", load)
    return asked


def timeless(answer):
    """Without seconds, which differ."""
    return {name: value for name, value in answer.items() if name != "timings"}


def test_a_sentence_is_answered_as_the_command_prints_it(client, printed):
    answer = client.post("/v1/predict", json={"text": "what a day", "before": ["Hello."], "use": "words"})
    assert answer.status_code == 200
    expected = printed(
        "--text", "what a day", "--before", "Hello.", "--without", "voice", "--without", "face"
    )
    assert timeless(answer.json()) == timeless(expected)


def test_a_list_of_sentences_is_a_list_with_a_reason_where_one_cannot_be_read(client, printed):
    rows = client.post("/v1/predict", json={"texts": ["what a day", "  ", "go away"]}).json()
    assert [timeless(rows[i]) for i in (0, 2)] == [
        timeless(printed("--text", text)) for text in ("what a day", "go away")
    ]
    assert rows[1] == {"error": "there is no text: type what was said"}


def test_files_are_decoded_and_answered_as_the_command_prints_them(client, printed, tmp_path):
    sound, broken = tmp_path / "tone.wav", tmp_path / "broken.wav"
    make.write_sound(sound)
    broken.write_bytes(b"RIFF nothing else")
    rows = client.post(
        "/v1/predict", files=[("files", (p.name, p.read_bytes())) for p in (sound, broken)]
    ).json()
    expected = printed(sound, broken)
    names = [{**row, "path": name} for row, name in zip(expected, ("tone.wav", "broken.wav"), strict=True)]
    assert list(map(timeless, rows)) == list(map(timeless, names))
    assert rows[0]["timings"]["decode"] > 0


def test_one_file_that_cannot_be_read_is_a_sentence(client, tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("no clip")
    answer = client.post("/v1/predict", files={"file": ("notes.txt", path.read_bytes())})
    with pytest.raises(MediaError) as reason:
        load_clip(path)
    assert (answer.status_code, answer.json()) == (422, {"error": str(reason.value)})


def test_words_turns_and_modalities_go_with_a_clip(client, decoded, model):
    answer = client.post(
        "/v1/predict",
        files={"file": ("a.wav", b"sound")},
        data={"text": "Oh.", "before": ["I lost my job.", "Today."], "use": "text,voice"},
    ).json()
    assert decoded[0]["text"] == "Oh."
    assert model.encoders[Modality.TEXT].clip.dialogue.previous == ("I lost my job.", "Today.")
    assert set(answer["subsets"]) == {"text", "audio", "text+audio"}
    assert answer["modalities"]["visual"]["reason"] == "switched off"


def test_a_baseline_is_used_or_refused_in_a_sentence(client, decoded, model, monkeypatch):
    files = [("file", ("a.wav", b"sound")), ("baseline", ("usual.wav", b"usual"))]
    refused = client.post("/v1/predict", files=files)
    assert refused.status_code == 422
    assert "tiny compares nobody with how they usually sound" in refused.json()["error"]
    seen = []

    def baseline(paths):
        seen.extend(path.read_bytes() for path in paths)
        return {Modality.AUDIO: "how they usually sound"}

    monkeypatch.setattr(model, "baseline", baseline)
    monkeypatch.setattr(model, "with_baseline", lambda found, known: seen.append(known) or found)
    assert client.post("/v1/predict", files=files).status_code == 200
    assert seen == [b"usual", {Modality.AUDIO: "how they usually sound"}]


def test_the_name_of_a_file_is_shown_and_never_a_path(client, decoded, scratch):
    name = "../../etc/passwd"
    rows = client.post("/v1/predict", files=[("files", (name, b"bad"))]).json()
    assert rows == [
        {"path": ".._.._etc_passwd", "error": "not read: .._.._etc_passwd is damaged: record it again"}
    ]
    path = decoded[0]["path"]
    assert path.name == "0"
    assert path.parent.parent == scratch
    assert not path.exists()


def refused(answer, status: int, part: str) -> None:
    assert answer.status_code == status, answer.text
    assert list(answer.json()) == ["error"]
    assert part in answer.json()["error"]
    assert "\n" not in answer.json()["error"]


@pytest.mark.parametrize(
    ("body", "status", "part"),
    [
        ({}, 422, 'give either "text" or "texts"'),
        ({"text": "a", "texts": ["b"]}, 422, "either"),
        ({"texts": []}, 422, "send 1 to 3"),
        ({"texts": ["a"] * 4}, 413, "send 1 to 3"),
        ({"text": 5}, 422, "does not fit at text"),
        ({"text": "a", "colour": "red"}, 422, "does not fit at colour"),
        ({"text": "a", "use": "smell"}, 422, "use names a modality that does not exist"),
        ({"text": "a", "use": ["metadata"]}, 422, "let use name one of them"),
        ({"text": "   "}, 422, "there is no text"),
    ],
)
def test_sentences_that_do_not_fit(serve, body, status, part):
    refused(serve(items=3)[1].post("/v1/predict", json=body), status, part)


FORM = {"content-type": "multipart/form-data; boundary=x"}
PART = b'--x\r\nContent-Disposition: form-data; name="%s"%s\r\n\r\nsound\r\n'


@pytest.mark.parametrize(
    ("headers", "content", "status", "part"),
    [
        ({"content-type": "text/plain"}, b"hello", 415, "application/json"),
        ({"content-type": "application/json"}, b"{", 422, "does not fit"),
        ({"content-type": "multipart/form-data"}, b"", 422, "cannot be read"),
        (FORM, b"--y\r\n", 422, "cannot be read"),
        (FORM, PART % (b"file", b'; filename="a"'), 422, "cannot be read"),  # it breaks off
        (FORM, PART % (b"colour", b"") + b"--x--\r\n", 422, "part that is not known"),
        (FORM, PART % (b"use", b"") + b"--x--\r\n", 422, "nothing to analyse"),
        (FORM, PART % (b"before", b"") * 65 + b"--x--\r\n", 422, "more than 64 parts"),
        (FORM, PART % (b"files", b'; filename="a"') * 4 + b"--x--\r\n", 413, "more than 3 files"),
        (FORM, PART % (b"file", b'; filename="a"') * 2 + b"--x--\r\n", 422, "one clip as the part file"),
    ],
)
def test_requests_that_do_not_fit(serve, headers, content, status, part):
    refused(serve(items=3)[1].post("/v1/predict", headers=headers, content=content), status, part)


@pytest.mark.parametrize("promised", [True, False])
def test_a_request_that_is_too_large_is_refused_whatever_it_promises(serve, decoded, promised):
    _, client = serve(max_bytes=1000)
    body = PART % (b"file", b'; filename="a"') + b"x" * 2000 + b"\r\n--x--\r\n"
    content = body if promised else iter([body[:500], body[500:]])
    refused(client.post("/v1/predict", headers=FORM, content=content), 413, "larger than 0 MB")
    assert decoded == []


def test_a_full_temporary_folder_is_said(serve, monkeypatch):
    import errno

    from mmer_core.service import uploads

    def full(self, data, start, end):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(uploads._Reading, "_data", full)
    answer = serve()[1].post("/v1/predict", files={"file": ("a.wav", b"sound")})
    refused(answer, 503, "temporary folder of the service is full")
    assert answer.headers["retry-after"] == "60"


def test_a_defect_is_a_sentence_and_its_message_is_not_logged(client, model, monkeypatch, caplog):
    def broken(observation, use):
        raise RuntimeError(observation.clip.text)

    monkeypatch.setattr(model, "fuse", broken)
    refused(client.post("/v1/predict", json={"text": "what a secret"}), 500, "defect in the program")
    assert "RuntimeError" in caplog.text
    assert "secret" not in caplog.text
    monkeypatch.undo()


def test_a_full_queue_refuses_with_the_seconds_to_wait(serve, slow_words, wait_for, figures):
    _, client = serve(queue=2)
    with ThreadPoolExecutor(3) as pool:
        waiting = [pool.submit(client.post, "/v1/predict", json={"text": f"sentence {i}"}) for i in range(3)]
        wait_for(lambda: figures(client)['mmer_in_hand{lane="words"}'] == 3)
        one_more = client.post("/v1/predict", json={"text": "one more"})
        refused(one_more, 429, "too many sentences are waiting")
        assert int(one_more.headers["retry-after"]) >= 1
        slow_words.release.set()
        assert [future.result().status_code for future in waiting] == [200] * 3
    found = figures(client)
    assert found['mmer_rejected_total{lane="words"}'] == 1
    wait_for(lambda: figures(client)['mmer_in_hand{lane="words"}'] == 0)
    assert client.post("/v1/predict", json={"text": "one more"}).status_code == 200


def test_clips_and_sentences_do_not_wait_for_each_other(serve, slow_words, decoded):
    _, client = serve(queue=1, workers=1)
    with ThreadPoolExecutor(1) as pool:
        held = pool.submit(client.post, "/v1/predict", json={"text": "held"})
        assert slow_words.begun.wait(60)
        clip = client.post("/v1/predict", files={"file": ("a.wav", b"sound")}, data={"use": "voice"})
        assert clip.status_code == 200
        slow_words.release.set()
        assert held.result().status_code == 200


def test_an_answer_that_takes_too_long_is_given_up(serve, slow_words, wait_for, figures):
    _, client = serve(timeout=0.05)
    answer = client.post("/v1/predict", json={"text": "held"})
    refused(answer, 503, "takes longer than 0.05 s")
    assert figures(client)['mmer_in_hand{lane="words"}'] == 1  # its work is still in hand
    slow_words.release.set()
    wait_for(lambda: figures(client)['mmer_in_hand{lane="words"}'] == 0)


def test_closing_finishes_what_runs_and_refuses_what_waits(serve, slow_words, wait_for, figures):
    service, client = serve()
    with ThreadPoolExecutor(2) as pool:
        running = pool.submit(client.post, "/v1/predict", json={"text": "running"})
        assert slow_words.begun.wait(60)
        waiting = pool.submit(client.post, "/v1/predict", json={"text": "waiting"})
        wait_for(lambda: figures(client)['mmer_in_hand{lane="words"}'] == 2)
        service.close()
        slow_words.release.set()
        assert running.result().status_code == 200
        refused(waiting.result(), 503, "shutting down")
    refused(client.post("/v1/predict", json={"text": "late"}), 503, "shutting down")
    refused(client.get("/readyz"), 503, "shutting down")
    assert client.get("/healthz").status_code == 200


def test_sentences_that_arrive_together_are_read_together(serve, slow_words, wait_for, figures, printed):
    _, client = serve(queue=16)
    texts = [f"sentence number {i}" for i in range(8)]
    with ThreadPoolExecutor(9) as pool:
        first = pool.submit(client.post, "/v1/predict", json={"text": "first"})
        assert slow_words.begun.wait(60)
        others = [pool.submit(client.post, "/v1/predict", json={"text": text}) for text in texts]
        wait_for(lambda: figures(client)['mmer_in_hand{lane="words"}'] == 9)
        slow_words.release.set()
        found = [future.result().json() for future in others]
        assert first.result().status_code == 200
    assert [len(batch) for batch in slow_words.batches] == [1, 8]
    assert sorted(slow_words.batches[1]) == texts
    assert list(map(timeless, found)) == [timeless(printed("--text", text)) for text in texts]
