"""`mmer predict CLIP --start S --end S`: the answer to a stretch of a clip."""

from __future__ import annotations

import json

import media_factory as make
import pytest

from mmer_core.cli import main
from mmer_core.inference.emotion_model import EmotionModel
from mmer_core.media import loading
from tiny_model import make_clip, make_model


@pytest.fixture(autouse=True)
def tiny(monkeypatch):
    model = make_model()
    monkeypatch.setattr(EmotionModel, "load", classmethod(lambda cls, *_: model))


def test_a_stretch_is_answered(monkeypatch, capsys):
    asked = {}

    def load(path, **options):
        asked.update(options)
        return make_clip(text="what a day")

    monkeypatch.setattr(loading, "load_clip", load)
    assert main.main(["predict", "talk.mp4", "--start", "1:05", "--end", "70.5", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["label"]
    assert (asked["start"], asked["end"]) == (65.0, 70.5)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--start", "9"], "talk.wav has nothing after 0:09.0"),
        (["--start", "1", "--end", "1"], "is no stretch of time"),
        (["other.wav", "--start", "1"], "are for one clip"),
    ],
)
def test_what_cannot_be_is_one_sentence(tmp_path, capsys, more, said):
    make.write_sound(tmp_path / "talk.wav", seconds=2.0)
    assert main.main(["predict", str(tmp_path / "talk.wav"), *more]) == 1
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


def test_words_alone_have_no_stretch(capsys):
    assert main.main(["predict", "--text", "hello", "--end", "3"]) == 1
    assert "are for a clip" in capsys.readouterr().err
