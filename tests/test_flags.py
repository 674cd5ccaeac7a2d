import argparse
from dataclasses import dataclass
from typing import Literal

import pytest

from mmer_core import flags
from mmer_core.folds import FoldPlan
from mmer_core.training.config import PRESETS, TrainingConfig


@dataclass(frozen=True)
class Sizes:
    """An example.

    Attributes:
        hidden: widths of the
            layers, 100 % of them.
        how: mean or max.
        deep: whether it is.
    """

    hidden: tuple[int, ...] = (128, 64)
    how: Literal["mean", "max"] = "mean"
    deep: bool = False


def parser_of(kind):
    parser = argparse.ArgumentParser(exit_on_error=False)
    flags.add_flags(parser, kind)
    return parser


@pytest.mark.parametrize("kind", [TrainingConfig, FoldPlan, Sizes])
def test_every_field_is_a_flag_with_help(kind):
    helped = flags.attribute_help(kind)
    assert set(helped) == set(kind.__dataclass_fields__)
    text = parser_of(kind).format_help()
    assert all(f"--{name.replace('_', '-')}" in text for name in helped)


def test_help_is_the_docstring_on_one_line():
    assert flags.attribute_help(Sizes)["hidden"] == "widths of the layers, 100 % of them."


def test_only_flags_that_were_set_are_given():
    args = parser_of(Sizes).parse_args(["--hidden", "32,16", "--deep", "yes"])
    assert Sizes(**flags.given(args, Sizes)) == Sizes(hidden=(32, 16), deep=True)


def test_a_command_line_sets_the_same_values_again():
    config = TrainingConfig(optimizer="adamw", learning_rate=3e-4, spec_augment=True, epochs=7)
    args = parser_of(TrainingConfig).parse_args(flags.command_line(config.to_json()))
    assert TrainingConfig(**flags.given(args, TrainingConfig)) == config


def test_pairs_are_converted_to_the_type_of_their_field():
    assert flags.parse_pairs(Sizes, ["how=max", "hidden=8"]) == {"how": "max", "hidden": (8,)}


@pytest.mark.parametrize(
    ("pair", "message"),
    [
        ("how=median", "how cannot be 'median': choose one of mean, max"),
        ("depth=3", "Sizes has no option 'depth': known are hidden, how, deep"),
        ("hidden=wide", "hidden is a whole number, not 'wide'"),
        ("deep=perhaps", "deep is yes or no"),
        ("how", "'how' says no value"),
    ],
)
def test_wrong_pairs_are_said_in_one_sentence(pair, message):
    with pytest.raises(ValueError, match=message):
        flags.parse_pairs(Sizes, [pair])


@pytest.mark.parametrize("name", PRESETS)
def test_presets_are_valid_settings(name):
    assert TrainingConfig.from_json(TrainingConfig(**PRESETS[name]).to_json()) == TrainingConfig(**PRESETS[name])


@pytest.mark.parametrize(
    ("name", "value"), [("learning_rate", 0), ("learning_rate", float("nan")), ("epochs", 0), ("modality_dropout", 1.0), ("clip_norm", -1)]
)
def test_impossible_settings_are_refused(name, value):
    with pytest.raises(ValueError, match=name):
        TrainingConfig(**{name: value})
