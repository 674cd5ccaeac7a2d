"""The public API: what `mmer_core` exports, and a clip read with a few lines."""

import inspect

import pytest

import mmer_core
from mmer_core import EmotionModel, Prediction, TrainRequest


@pytest.mark.parametrize("name", mmer_core.__all__)
def test_what_is_exported_has_a_docstring_and_is_listed(name):
    exported = getattr(mmer_core, name)
    assert inspect.getdoc(exported)
    assert name in dir(mmer_core)


def test_other_names_do_not_exist():
    with pytest.raises(AttributeError, match="has no attribute 'predict'"):
        mmer_core.predict  # noqa: B018


def test_a_text_and_a_file_are_read_with_a_few_lines(small_video, monkeypatch):
    from mmer_core.inference import emotion_model
    from tiny_model import make_model

    monkeypatch.setattr(emotion_model.EmotionModel, "load", classmethod(lambda cls, *_: make_model()))
    model = mmer_core.load_model()
    assert isinstance(model, EmotionModel)
    assert isinstance(model.predict(text="what a day"), Prediction)
    clip = mmer_core.load_clip(str(small_video), text="what a day")
    assert model.predict(clip).to_json()["label"] in model.labels


def test_a_request_takes_the_corpus_first():
    assert TrainRequest("folder:/clips").corpus == "folder:/clips"
