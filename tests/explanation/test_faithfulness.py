"""What was measured of explanations is read from beside the model, and decides what may be shown."""

import json

import pytest

from mmer_core.config import DEFAULT_CHECKPOINT
from mmer_core.explanation import measured, shown, withheld
from mmer_core.explanation.faithfulness import FILE, SCHEMA, read
from mmer_core.labels import Modality
from tiny_model import make_model

FIRM, CHANCE = {"area": 0.1, "low": 0.08, "high": 0.12}, {"area": 0.01, "low": -0.01, "high": 0.03}


def entry(model, modality, deletion=FIRM, insertion=FIRM, encoder=None):
    fingerprint = encoder or model.record["modalities"][modality.value]["fingerprint"]
    tests = {"deletion": deletion, "insertion": insertion}
    return {"corpus": "some clips", "n": 50, "encoder": fingerprint, "telling": 0.9, **tests}


@pytest.fixture
def model(tmp_path):
    model = make_model(folder=tmp_path)
    entries = {
        "text": entry(model, Modality.TEXT),
        "audio": entry(model, Modality.AUDIO, deletion=CHANCE, encoder="another"),
    }
    (tmp_path / FILE).write_text(json.dumps({"schema": SCHEMA, "modalities": entries}), encoding="utf-8")
    return model


def test_what_is_better_than_random_is_shown(model):
    assert shown(model, Modality.TEXT)
    assert measured(model, Modality.TEXT).deletion == (0.1, 0.08, 0.12)
    assert measured(model, Modality.TEXT).current


def test_what_may_be_random_is_withheld_with_its_reason(model):
    assert not shown(model, Modality.AUDIO)
    assert withheld(model, Modality.AUDIO).startswith("on 50 held-out clips (some clips) parts of the voice")
    assert not measured(model, Modality.AUDIO).current


def test_what_was_not_measured_is_left_to_the_check_of_each_answer(model):
    assert measured(model, Modality.VISUAL) is None
    assert shown(model, Modality.VISUAL)
    assert shown(make_model(), Modality.TEXT)


def test_a_file_of_another_schema_says_nothing(tmp_path):
    (tmp_path / FILE).write_text('{"schema": 0, "modalities": {"text": {}}}', encoding="utf-8")
    assert read(tmp_path, {"modalities": {}}) == {}


def test_the_shipped_model_was_measured():
    record = json.loads((DEFAULT_CHECKPOINT / "model.json").read_text(encoding="utf-8"))
    found = read(DEFAULT_CHECKPOINT, record)
    assert found
    assert all(one.n >= 50 for one in found.values())
