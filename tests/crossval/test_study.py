"""From a request to what is trained, without training."""

import csv

import numpy as np
import pytest
from feature_tables import make_table

from mmer_core import corpora
from mmer_core.crossval.study import augmented, corpus_folds, in_order_of, make_experiments, make_study
from mmer_core.evaluation.folds import FoldPlan
from mmer_core.labels import Modality
from mmer_core.training.config import PRESETS
from mmer_core.training.request import TrainRequest

BOTH = (Modality.AUDIO, Modality.VISUAL)


def asked(**changes):
    return TrainRequest("m.csv", **changes)


def test_views_change_sound_and_pictures_only():
    encoders = {Modality.TEXT: "minilm", Modality.AUDIO: "mel_cnn", Modality.VISUAL: "given"}
    assert augmented(encoders, 2) == {**encoders, Modality.AUDIO: "mel_cnn:augment=2"}
    with pytest.raises(ValueError, match="cannot be augmented"):
        augmented({Modality.VISUAL: "given"}, 1)


def test_a_view_follows_the_table():
    table, view = make_table(n=12).take(np.array([3, 1, 7])), make_table(n=12)
    assert in_order_of(table, view).ids.tolist() == table.ids.tolist()
    with pytest.raises(ValueError, match="an augmented copy of u0007 could not be encoded"):
        in_order_of(table, view.take(np.arange(5)))


def test_one_experiment_for_each_network_and_for_each_modality_of_unimodal():
    request = asked(fusion=("unimodal", "early"), options={"projection": 8, "dropout": 0.1, "hidden": (16,)})
    with pytest.raises(ValueError, match="none of unimodal, early has an option 'projection'"):
        make_experiments(request, BOTH)
    found = make_experiments(
        asked(fusion=("unimodal", "early", "ensemble"), options={"projection": 8, "hidden": (16,)}), BOTH
    )
    assert {name: (e.fusion, e.modalities) for name, e in found.items()} == {
        "unimodal-audio": ("unimodal", (Modality.AUDIO,)),
        "unimodal-visual": ("unimodal", (Modality.VISUAL,)),
        "early": ("early", BOTH),
        "ensemble": ("ensemble", BOTH),
    }
    assert found["early"].options == {"hidden": (16,)}  # each network takes the options that it has
    assert found["ensemble"].options == {"projection": 8, "hidden": (16,)}


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_brings_options_which_those_of_the_request_change(preset):
    for fusion, options in PRESETS[preset].options.items():
        (found,) = make_experiments(asked(preset=preset, fusion=(fusion,)), BOTH[:1]).values()
        assert found.options == dict(options)
        name, value = next(iter(options.items()))
        (changed,) = make_experiments(
            asked(preset=preset, fusion=(fusion,), options={name: value}), BOTH[:1]
        ).values()
        assert changed.options == found.options


def test_values_of_a_search_are_those_of_its_network():
    request = asked(search={"learning_rate": [1e-3, 1e-4], "hidden": [[64, 32], [8]], "dropout": [0]})
    found = make_experiments(request, BOTH[:1])["early"]
    assert found.search == {"learning_rate": [1e-3, 1e-4], "hidden": [(64, 32), (8,)], "dropout": [0.0]}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"options": {"depth": 3}}, "none of early has an option 'depth'"),
        ({"search": {"depth": [3]}}, "none of early has an option 'depth'"),
        ({"options": {"hidden": "wide"}}, "hidden must be a list, not 'wide'"),
        ({"options": {"dropout": "half"}}, "dropout must be a number, not 'half'"),
        ({"search": {"epochs": [3, "many"]}}, "epochs must be a whole number, not 'many'"),
        ({"fusion": ("earliest",)}, "unknown fusion network 'earliest'"),
    ],
)
def test_wrong_options_are_one_sentence(changes, message):
    with pytest.raises(ValueError, match=message) as error:
        make_experiments(asked(**changes), BOTH[:1])
    assert "\n" not in str(error.value)


@pytest.fixture
def strangers(tmp_path):
    """A corpus of 30 utterances with features, none of whose speakers is known, but for three."""
    rng = np.random.default_rng(0)
    rows = []
    for i in range(30):
        np.save(tmp_path / f"a{i}.npy", rng.normal(size=(1, 4)).astype(np.float32))
        rows.append(
            {
                "id": f"u{i:02d}",
                "path": "",
                "text": "",
                "label": ("anger", "joy")[i % 2],
                "speaker": "known" if i < 3 else "",
                "audio_features": f"a{i}.npy",
            }
        )
    with (tmp_path / "m.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return corpora.read(tmp_path / "m.csv")


def test_random_folds_need_no_speaker(strangers, tmp_path):
    request = asked(plan=FoldPlan(kind="random", folds=3), out=str(tmp_path / "runs"))
    study = make_study(request, strangers)
    assert len(study.folds) == len(corpus_folds(request, strangers)) == 3
    assert len(np.unique(study.table.groups)) == 1 + 27  # each stranger is a group of its own
    for plan in (FoldPlan(folds=3), FoldPlan(kind="leave-one-out")):
        with pytest.raises(ValueError, match="the speaker is unknown for 27 of 30 utterances"):
            corpus_folds(asked(plan=plan), strangers)


def test_what_came_with_the_corpus_is_given_in_the_models_record(strangers, tmp_path):
    request = asked(plan=FoldPlan(kind="random", folds=3), out=str(tmp_path / "runs"))
    assert make_study(request, strangers).entries == {
        Modality.AUDIO: {"encoder": "given", "dim": 4, "source": "features of the corpus csv"}
    }
