"""What a model's record may ask for; answering loads nothing that is only needed to find out."""

import json
import subprocess
import sys

import pytest

from mmer_core import fusion
from mmer_core.config import DEFAULT_CHECKPOINT, LARGE_CHECKPOINT
from mmer_core.inference.bounds import LARGEST, is_bounded, may_be_large, numbers_of
from mmer_core.labels import Modality

DIMS = {Modality.TEXT: 2048, Modality.AUDIO: 512}


def dims_of(name):
    return {Modality.TEXT: DIMS[Modality.TEXT]} if name == "unimodal" else DIMS


@pytest.mark.parametrize("name", fusion.names())
def test_every_network_with_its_own_options_is_ordinary(name):
    options = fusion.create(name, dims=dims_of(name), classes=7).options.to_json()
    assert not may_be_large(DIMS.values(), options)


@pytest.mark.parametrize("folder", [DEFAULT_CHECKPOINT, LARGE_CHECKPOINT])
def test_the_shipped_models_are_ordinary(folder):
    record = json.loads((folder / "model.json").read_text())
    assert not may_be_large([e["dim"] for e in record["modalities"].values()], record["fusion"]["options"])


@pytest.mark.parametrize(
    "options",
    [
        {"hidden": [60_000, 60_000]},
        {"hidden": [800] * 800},
        {"heads": {"audio": {"options": {"members": 9_000, "hidden": 60}}}},
    ],
)
def test_what_would_take_much_memory_is_looked_at_first(options):
    assert may_be_large([1536], options)


def test_numbers_are_counted_without_taking_memory():
    small = fusion.create("early", dims=DIMS, classes=7, hidden=(32,))
    expected = sum(tensor.numel() for tensor in small.state_dict().values())
    assert numbers_of(lambda: fusion.create("early", dims=DIMS, classes=7, hidden=(32,))) == expected
    assert numbers_of(lambda: fusion.create("early", dims=DIMS, classes=7, hidden=(60_000, 60_000))) > 3.6e9


def test_a_sentence_is_answered_without_what_takes_seconds_to_load():
    code = (
        "import sys; from mmer_core import load_model; load_model().predict(text='I am so happy');"
        "print(sorted({'pandas', 'sympy', 'torch._dynamo', 'librosa', 'transformers'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    "value", [LARGEST, -LARGEST, 0.5, True, None, "word" * LARGEST, [1] * LARGEST, {"a": [2]}]
)
def test_what_a_network_of_ours_needs_is_bounded(value):
    assert is_bounded({"option": [value]})


@pytest.mark.parametrize(
    "value",
    [LARGEST + 1, -LARGEST - 1, LARGEST + 0.5, 10**400, float("inf"), float("nan"), [1] * (LARGEST + 1)],
)
def test_what_none_needs_is_not(value):
    assert not is_bounded({"option": [value]})
