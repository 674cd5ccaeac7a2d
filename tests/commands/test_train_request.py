"""From flags to what is trained, without training."""

import argparse

import numpy as np
import pytest
from feature_tables import make_table

from mmer_core.commands import train
from mmer_core.commands.train_request import augmented, fold_plan, in_order_of, make_experiments, parse_encoders
from mmer_core.folds import FoldPlan
from mmer_core.labels import Modality


def parsed(*flags):
    parser = argparse.ArgumentParser()
    train.add_arguments(parser)
    return parser.parse_args(["--manifest", "m.csv", *flags])


def test_encoders_may_have_options():
    assert parse_encoders("text=bert:sequence=yes, face=clip:look=face") == {Modality.TEXT: "bert:sequence=yes", Modality.VISUAL: "clip:look=face"}


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


@pytest.mark.parametrize(
    ("flags", "plan"),
    [
        ([], FoldPlan()),
        (["--folds", "3", "--groups", "dialogue", "--repeat", "2", "--seed", "7"], FoldPlan(folds=3, groups="dialogue", repeat=2, seed=7)),
        (["--folds", "folds.csv", "--validation", "0.3"], FoldPlan(kind="given", validation=0.3)),
        (["--folds-kind", "leave-one-out"], FoldPlan(kind="leave-one-out")),
    ],
)
def test_folds(flags, plan):
    assert fold_plan(parsed(*flags)) == plan


def test_a_file_of_folds_leaves_no_choice_of_kind():
    with pytest.raises(ValueError, match="leave one of them out"):
        fold_plan(parsed("--folds", "folds.csv", "--folds-kind", "random"))


def test_one_experiment_for_each_model_and_for_each_modality_of_unimodal():
    both = (Modality.AUDIO, Modality.VISUAL)
    found = make_experiments(parsed("--fusion", "unimodal,early", "--option", "input_dropout=0.2", "--option", "dropout=0.1"), both)
    assert {name: (e.fusion, e.modalities) for name, e in found.items()} == {
        "unimodal-audio": ("unimodal", (Modality.AUDIO,)),
        "unimodal-visual": ("unimodal", (Modality.VISUAL,)),
        "early": ("early", both),
    }
    assert found["unimodal-audio"].options == {"dropout": 0.1}  # each model takes the options that it has
    assert found["early"].options == {"dropout": 0.1, "input_dropout": 0.2}


def test_flags_change_the_preset():
    training = make_experiments(parsed("--preset", "s4", "--epochs", "3"), (Modality.AUDIO,))["early"].training
    assert (training.optimizer, training.learning_rate, training.epochs) == ("adamw", 1e-4, 3)


def test_values_to_search():
    found = make_experiments(
        parsed("--search", "learning_rate=1e-3,1e-4", "--search", "hidden=64,32|8", "--search", "pooling=mean,max"), (Modality.AUDIO,)
    )
    assert found["early"].search == {"learning_rate": [1e-3, 1e-4], "hidden": [(64, 32), (8,)], "pooling": ["mean", "max"]}
