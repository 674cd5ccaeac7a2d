"""A training request says the same as JSON, as flags and in Python, and refuses what no training can be made
of in one sentence.
"""

import json
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmer_core.evaluation.folds import FoldPlan
from mmer_core.features.table import GIVEN
from mmer_core.labels import Modality
from mmer_core.training.config import PRESETS, TrainingConfig
from mmer_core.training.request import TrainRequest

words = st.text("abcxyz-_./ 0123456789=:{}ä'\"", min_size=1, max_size=12).filter(lambda t: t.strip(" "))
names = st.text("abcxyz_", min_size=1, max_size=8)
positive = st.floats(1e-9, 1e3, exclude_min=True)
shares = st.floats(0, 1, exclude_max=True)
whole = st.integers(0, 50)

trainings = st.builds(
    TrainingConfig,
    optimizer=st.sampled_from(["adam", "adamw"]),
    learning_rate=positive,
    weight_decay=st.floats(0, 1),
    batch_size=st.integers(1, 512),
    epochs=st.integers(1, 200),
    patience=whole,
    select_by=st.sampled_from(["accuracy", "ua", "loss"]),
    refit=st.booleans(),
    label_smoothing=shares,
    modality_dropout=shares,
    spec_augment=st.booleans(),
    precision=st.sampled_from(["float32", "bfloat16"]),
)
plans = st.builds(
    FoldPlan,
    kind=st.sampled_from(["group", "official", "leave-one-out", "random"]),
    groups=st.sampled_from(["speaker", "session", "dialogue"]),
    folds=st.integers(2, 30),
    repeat=st.integers(1, 5),
    validation=shares,
    seed=st.integers(0, 2**31),
)
options = st.fixed_dictionaries(
    {},
    optional={
        "pooling": st.sampled_from(["mean", "max", "stats"]),
        "hidden": st.lists(st.integers(1, 512), min_size=1, max_size=3),
        "dropout": shares,
    },
)
searches = st.fixed_dictionaries(
    {},
    optional={
        "learning_rate": st.lists(positive, min_size=1, max_size=3),
        "hidden": st.lists(st.lists(st.integers(1, 64), min_size=1, max_size=2), min_size=1, max_size=3),
        "select_by": st.lists(st.sampled_from(["ua", "loss"]), min_size=1, max_size=2),
        "refit": st.lists(st.booleans(), min_size=1, max_size=2),
    },
)
encoders = st.dictionaries(
    st.sampled_from([*Modality, "voice", "Face"]),
    st.sampled_from([GIVEN, "minilm", "bert:sequence=yes", "clip:look=face:random_init=0"]),
    max_size=3,
)


@st.composite
def requests(draw):
    changes = draw(
        st.fixed_dictionaries(
            {},
            optional={
                "encoders": encoders,
                "fusion": st.sampled_from([("early",), ("unimodal", "late_mean"), ("early", "early")]),
                "options": options,
                "search": searches,
                "trials": whole,
                "preset": st.sampled_from(list(PRESETS)),
                "training": trainings,
                "views": whole,
                "damaged": st.sampled_from(["absent", "drop", "refuse"]),
                "speaker_normalise": st.booleans(),
                "transcribe": st.booleans(),
                "store": words,
                "out": words,
                "name": words,
                "one_by_one": st.booleans(),
                "device": st.sampled_from(["auto", "cpu", "cuda", "mps"]),
            },
        )
    )
    plan = draw(plans)
    if draw(st.booleans()):
        changes |= {"plan": plan}
    else:
        kept = {"groups": plan.groups, "validation": plan.validation, "seed": plan.seed}
        changes |= {"plan": FoldPlan(kind="given", **kept), "folds_file": f"{draw(names)}.csv"}
    corpus, corpus_options = draw(
        st.sampled_from([("ravdess:/no/where", {"classes": 4}), ("clips.csv", {}), ("-odd name/clips", {})])
    )
    return TrainRequest(corpus, corpus_options, **changes)


@given(requests())
def test_a_request_survives_json(request):
    assert TrainRequest.from_json(json.loads(json.dumps(request.to_json()))) == request


@given(requests())
def test_a_request_survives_flags(request):
    assert TrainRequest.from_flags(request.to_flags()) == request


@given(requests())
def test_json_of_flags_of_json_is_the_same(request):
    again = TrainRequest.from_flags(TrainRequest.from_json(request.to_json()).to_flags())
    assert again.to_json() == request.to_json()


def test_what_is_not_said_has_its_default():
    request = TrainRequest.from_json({"corpus": "clips.csv"})
    assert request == TrainRequest("clips.csv") == TrainRequest.from_flags(["--manifest", "clips.csv"])
    assert request.fusion == ("early",)
    assert request.training == PRESETS[request.preset].config()
    assert request.plan == FoldPlan()


@pytest.mark.parametrize("preset", PRESETS)
def test_settings_begin_with_the_preset_and_flags_change_them(preset):
    flags = ["--manifest", "m", "--preset", preset]
    assert TrainRequest.from_flags(flags).training == PRESETS[preset].config()
    assert TrainRequest.from_flags([*flags, "--epochs", "3"]).training == PRESETS[preset].config(epochs=3)
    assert TrainRequest.from_json(
        {"corpus": "m", "preset": preset, "training": {"epochs": 3}}
    ).training == PRESETS[preset].config(epochs=3)
    assert TrainRequest("m", preset=preset).training == PRESETS[preset].config()


@pytest.mark.parametrize(
    ("flags", "plan"),
    [
        ([], FoldPlan()),
        (
            ["--folds", "3", "--groups", "dialogue", "--repeat", "2", "--seed", "7"],
            FoldPlan(folds=3, groups="dialogue", repeat=2, seed=7),
        ),
        (["--folds", "folds.csv", "--validation", "0.3"], FoldPlan(kind="given", validation=0.3)),
        (["--folds-kind", "leave-one-out"], FoldPlan(kind="leave-one-out")),
    ],
)
def test_folds(flags, plan):
    assert TrainRequest.from_flags(["--manifest", "m.csv", *flags]).plan == plan


def test_a_file_is_read_and_other_flags_change_it(tmp_path):
    file = tmp_path / "request.json"
    request = TrainRequest(
        "ravdess:/no/where",
        {"classes": 4},
        {"audio": "mel_cnn"},
        preset="ensemble",
        plan=FoldPlan(folds=7),
        options={"hidden": (16,)},
        name="mine",
    )
    file.write_text(json.dumps(request.to_json()))
    assert TrainRequest.from_flags(["--request", str(file)]) == request
    changed = TrainRequest.from_flags(
        ["--request", str(file), "--epochs", "2", "--seed", "5", "--name", "other", "--option", "dropout=0.1"]
    )
    assert changed.training == PRESETS["ensemble"].config(epochs=2)
    assert changed.plan == FoldPlan(folds=7, seed=5)
    assert (changed.name, changed.options) == ("other", {"hidden": (16,), "dropout": 0.1})
    assert changed.corpus_options == {"classes": 4}
    assert (
        TrainRequest.from_flags(["--request", str(file), "--preset", "default"]).training == TrainingConfig()
    )
    assert TrainRequest.from_flags(["--request", str(file), "--folds", "f.csv"]).plan.kind == "given"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({}, "names no corpus"),
        ([], "must be a JSON object"),
        ({"corpus": "m", "fussion": ["early"]}, "has no field 'fussion': known are corpus"),
        ({"corpus": "m", "training": {"epoch": 3}}, "training has no field 'epoch'"),
        ({"corpus": "m", "plan": {"fold": 3}}, "plan has no field 'fold'"),
        ({"corpus": "m", "training": 3}, "training must be a JSON object"),
        (
            {"corpus": "m", "training": {"learning_rate": "fast"}},
            "learning_rate must be a number, not 'fast'",
        ),
        ({"corpus": "m", "training": {"epochs": 2.5}}, "epochs must be a whole number"),
        ({"corpus": "m", "training": {"epochs": True}}, "epochs must be a whole number"),
        ({"corpus": "m", "training": {"learning_rate": 0}}, "learning_rate must be above 0"),
        ({"corpus": "m", "training": {"optimizer": "sgd"}}, "optimizer cannot be 'sgd': choose one of adam"),
        ({"corpus": "m", "plan": {"kind": "odd"}}, "kind cannot be 'odd'"),
        ({"corpus": "m", "plan": {"kind": "given"}}, "given folds need a file"),
        ({"corpus": "m", "folds_file": "f.csv", "plan": {"kind": "random"}}, "leave one of them out"),
        ({"corpus": "m", "folds_file": "5", "plan": {"kind": "given"}}, "reads as a number of folds"),
        ({"corpus": "m", "fusion": []}, "no fusion network is named"),
        ({"corpus": "m", "fusion": "early"}, "fusion must be a list"),
        ({"corpus": "m", "fusion": [3]}, r"fusion\[0\] must be a text"),
        ({"corpus": "m", "encoders": {"smell": "nose"}}, "unknown modality 'smell'"),
        ({"corpus": "m", "encoders": {"text": ""}}, "is no encoder for text"),
        ({"corpus": "m", "encoders": ["minilm"]}, "encoders must be an object"),
        ({"corpus": "m", "search": {"dropout": []}}, "the search of dropout has no values"),
        ({"corpus": "m", "search": {"dropout": 0.5}}, "must be a list"),
        ({"corpus": "m", "trials": -1}, "trials must not be negative"),
        ({"corpus": "m", "preset": "best"}, "unknown preset 'best'"),
        ({"corpus": "m", "device": "tpu"}, "device cannot be 'tpu': choose one of auto"),
        ({"corpus": "m", "views": None}, "views must be a whole number"),
    ],
)
def test_wrong_json_is_one_sentence(data, message):
    with pytest.raises(ValueError, match=message) as error:
        TrainRequest.from_json(data)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ([], "names no corpus"),
        (["--manifest", "m", "--bogus"], "unrecognized arguments: --bogus"),
        (["--manifest", "m", "--epochs", "many"], "epochs is a whole number, not 'many'"),
        (["--manifest", "m", "--option", "depth=3"], "none of early has an option 'depth'"),
        (["--manifest", "m", "--search", "depth=3"], "none of early has an option 'depth'"),
        (["--manifest", "m", "--fusion", "earliest", "--option", "a=1"], "unknown fusion network 'earliest'"),
        (["--manifest", "m", "--encoders", "text"], "--encoders 'text' names no encoder"),
        (["--manifest", "m", "--folds", "f.csv", "--folds-kind", "random"], "leave one of them out"),
        (["--manifest", "ravdess:/m", "--corpus-option", "depth=4"], "no option 'depth'"),
        (["--request", "nowhere.json"], "nowhere.json cannot be read as a training request"),
    ],
)
def test_wrong_flags_are_one_sentence(flags, message):
    with pytest.raises(ValueError, match=message) as error:
        TrainRequest.from_flags(flags)
    assert "\n" not in str(error.value)


def test_the_command_repeats_the_request_into_a_folder_of_its_own():
    request = TrainRequest("m.csv", out="runs", name="mine", one_by_one=True)
    assert request.command[:4] == ("python", "-m", "mmer_core", "train")
    assert TrainRequest.from_flags(request.command[4:]) == TrainRequest("m.csv", one_by_one=True)


def test_a_request_loads_no_heavy_library():
    run = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", "from mmer_core.training.request import TrainRequest"],
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = {line.rsplit("|", 1)[-1].strip().split(".")[0] for line in run.stderr.splitlines()}
    assert not loaded & {"torch", "sklearn", "pandas", "scipy"}
