"""`mmer explain`: what it prints, and its JSON."""

import json

import pytest

from mmer_core.cli import main
from mmer_core.inference.emotion_model import EmotionModel
from mmer_core.media import loading
from tiny_model import make_clip, make_model

TEXT = "I cannot believe what you did"


@pytest.fixture(autouse=True)
def tiny(monkeypatch):
    model = make_model()
    monkeypatch.setattr(EmotionModel, "load", classmethod(lambda cls, *_: model))
    return model


def test_words_stand_with_their_points(capsys):
    assert main.main(["explain", "--text", TEXT]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].startswith("Mostly the words")
    points = [float(line.split()[0]) for line in lines if line.strip().split(" ")[-1] in TEXT.split()]
    (share,) = (float(line.split()[2]) for line in lines if line.startswith("Words (text): "))
    assert len(points) == 6
    assert sum(points) == pytest.approx(share, abs=0.4)  # each is rounded to .1
    assert "Voice (audio): not explained: only words were given" in lines


def test_json_of_a_clip_and_another_emotion(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(loading, "load_clip", lambda *_, **__: make_clip())
    monkeypatch.setattr("mmer_core.inference.observation.load_clip", lambda *_, **__: make_clip())
    assert (
        main.main(["explain", str(tmp_path / "clip.mp4"), "--label", "anger", "--use", "voice", "--json"])
        == 0
    )
    found = json.loads(capsys.readouterr().out)
    assert found["label"] == "anger"
    assert found["words"] is None
    assert found["reasons"]["text"] == "switched off"
    moments = found["sound"]["moments"]
    assert sum(m["points"] for m in moments) == pytest.approx(found["sound"]["share"], abs=1e-5)


def test_a_clip_is_told_by_moments_and_pictures(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr("mmer_core.inference.observation.load_clip", lambda *_, **__: make_clip())
    assert main.main(["explain", str(tmp_path / "clip.mp4")]) == 0
    out = capsys.readouterr().out
    assert "Face (visual): " in out
    assert " s" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [([], "nothing to explain: name a clip or give --text"), (["--text", "so", "--label", "envy"], "envy")],
)
def test_wrong_use_is_one_sentence(arguments, message, capsys):
    assert main.main(["explain", *arguments]) == 1
    assert message in capsys.readouterr().err
