"""Options described by annotations and docstrings, and their conversion from text."""

import argparse
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmer_core import corpora, encoders, fusion, options
from mmer_core.evaluation.folds import FoldPlan
from mmer_core.training.config import TrainingConfig


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


@dataclass(frozen=True)
class Wider(Sizes):
    """Another.

    Attributes:
        how: mean, max or none of them.
        seed: of the draw; none draws another each time.
        names: of the layers.
    """

    seed: int | None = None
    names: tuple[str, ...] = field(default_factory=lambda: ("a",))


class Network:
    """A network with a dataclass of options."""

    Options = Sizes


class Tool:
    """Something with arguments.

    Args:
        path: where it lies.
        rate: in hertz,
            of all things.

    Raises:
        ValueError: never: no option.
    """

    def __init__(self, folder, path: Path | None = None, *, rate: float = 1.5) -> None:
        self.path, self.rate = path, rate


class SubTool(Tool):
    """One that explains only what is new.

    Args:
        loud: whether it is.
    """

    def __init__(self, *, loud: bool = False, rate: float = 2.0) -> None:
        super().__init__("", rate=rate)
        self.loud = loud


def read(
    folder: Path,
    *,
    classes: Literal[4, 6] = 4,
    merged: bool = True,
    split: str,
    names: dict[str, list] | None = None,
) -> None:
    """Read.

    Args:
        folder: not an option, since it must be given in place.
        classes: how many.
    """


TARGETS = [Sizes, Wider, Network, Tool, SubTool, read, TrainingConfig, FoldPlan]


def parser_of(target):
    parser = argparse.ArgumentParser(exit_on_error=False)
    options.add_flags(parser, target)
    return parser


class TestDescription:
    def test_an_option_has_type_default_label_help_and_choices(self):
        hidden, how, deep = options.options_of(Sizes)
        assert (hidden.type, hidden.default) == (tuple[int, ...], (128, 64))
        assert hidden.help == "widths of the layers, 100 % of them."
        assert (how.label, how.flag, how.choices) == ("How", "--how", ("mean", "max"))
        assert (deep.default, deep.choices) == (False, ())

    def test_a_class_with_options_of_its_own_has_those(self):
        assert options.options_of(Network) == options.options_of(Sizes)

    def test_a_subclass_adds_to_the_help_of_its_base(self):
        found = {option.name: option for option in options.options_of(Wider)}
        assert found["hidden"].help.startswith("widths")
        assert found["how"].help == "mean, max or none of them."
        assert found["names"].default == ("a",)
        assert {o.name: o.help for o in options.options_of(SubTool)} == {
            "loud": "whether it is.",
            "rate": "in hertz, of all things.",
        }

    def test_arguments_that_must_be_given_in_place_are_no_options(self):
        assert [option.name for option in options.options_of(Tool)] == ["path", "rate"]
        assert [o.name for o in options.options_of(read)] == ["classes", "merged", "split", "names"]
        assert options.options_of(read)[2].default is options.REQUIRED
        assert options.options_of(read)[1].help == ""

    def test_choices_are_values(self):
        assert options.options_of(read)[0].choices == (4, 6)

    def test_some_may_be_left_out(self):
        assert [o.name for o in options.options_of(Sizes, leave_out=["how"])] == ["hidden", "deep"]

    @pytest.mark.parametrize(
        "target",
        [
            *(encoders.factory(name) for name in encoders.names()),
            *(fusion.factory(name) for name in fusion.names()),
            *(corpora.READERS.factory(name) for name in corpora.names()),
            TrainingConfig,
            FoldPlan,
        ],
        ids=lambda target: f"{target.__module__}.{target.__qualname__}",
    )
    def test_every_option_of_this_project_is_explained_and_can_be_written(self, target):
        for option in options.options_of(target):
            assert option.help, f"{option.name} is not explained"
            assert option.parse(options.text_of(option.default)) == option.default


class TestText:
    @pytest.mark.parametrize(
        ("target", "name", "text", "value"),
        [
            (Sizes, "hidden", "32, 16", (32, 16)),
            (Sizes, "hidden", "", ()),
            (Sizes, "how", "max", "max"),
            (Sizes, "deep", "Yes", True),
            (Sizes, "deep", "0", False),
            (Wider, "seed", "none", None),
            (Wider, "seed", "7", 7),
            (Tool, "path", "a/b", Path("a/b")),
            (Tool, "path", "None", None),
            (Tool, "rate", "1e-3", 0.001),
            (read, "split", " train ", "train"),
            (read, "classes", "6", 6),
            (read, "names", '{"a": [1]}', {"a": [1]}),
        ],
    )
    def test_a_text_becomes_a_value_of_the_options_type(self, target, name, text, value):
        assert options.parse_value(target, name, text) == value

    @given(
        st.builds(
            Wider,
            hidden=st.lists(st.integers()).map(tuple),
            how=st.sampled_from(["mean", "max"]),
            deep=st.booleans(),
            seed=st.none() | st.integers(),
        )
    )
    def test_values_survive_their_text(self, value):
        for option in options.options_of(Wider):
            given = getattr(value, option.name)
            assert option.parse(options.text_of(given)) == given

    @given(st.floats(allow_nan=False))
    def test_numbers_survive_their_text(self, number):
        assert options.parse_value(Tool, "rate", options.text_of(number)) == number

    def test_pairs_are_converted_and_a_bare_switch_means_yes(self):
        assert options.parse_pairs(Sizes, ["how=max", "hidden=8", "deep"]) == {
            "how": "max",
            "hidden": (8,),
            "deep": True,
        }
        assert options.parse_pairs(Wider, ["seed=none"]) == {"seed": None}

    @pytest.mark.parametrize(
        ("target", "pair", "message"),
        [
            (Sizes, "how=median", "how cannot be 'median': choose one of mean, max"),
            (Sizes, "depth=3", "Sizes has no option 'depth': known are hidden, how, deep"),
            (Sizes, "depth", "Sizes has no option 'depth': known are hidden, how, deep"),
            (Sizes, "hidden=wide", "hidden is a whole number, not 'wide'"),
            (Sizes, "deep=perhaps", "deep is yes or no, not 'perhaps'"),
            (Sizes, "how", "'how' says no value: write NAME=VALUE"),
            (Tool, "rate=fast", "rate is a number, not 'fast'"),
            (Wider, "seed=x", "seed is a whole number, not 'x'"),
            (read, "classes=5", "classes cannot be '5': choose one of 4, 6"),
            (read, "names=a", "names is a JSON object, not 'a'"),
            (read, "names=[]", r"names is a JSON object, not '\[\]'"),
        ],
    )
    def test_wrong_pairs_are_one_sentence(self, target, pair, message):
        with pytest.raises(ValueError, match=f"^{message}$"):
            options.parse_pairs(target, [pair])

    def test_a_sentence_names_the_owner(self):
        with pytest.raises(ValueError, match=r"^the option how of the sizes cannot be 'x'"):
            options.parse_pairs(Sizes, ["how=x"], "the sizes")
        with pytest.raises(ValueError, match=r"^the sizes has no option 'x'"):
            options.parse_pairs(Sizes, ["x=1"], "the sizes")


class TestFlags:
    @pytest.mark.parametrize("target", TARGETS)
    def test_every_option_is_a_flag_with_help(self, target):
        text = " ".join(parser_of(target).format_help().split())
        for option in options.options_of(target):
            assert option.flag in text
            assert option.help[:30] in text

    def test_only_flags_that_were_set_are_given(self):
        args = parser_of(Sizes).parse_args(["--hidden", "32,16", "--deep", "yes"])
        assert Sizes(**options.given(args, Sizes)) == Sizes(hidden=(32, 16), deep=True)

    def test_flags_set_the_same_values_again(self):
        config = TrainingConfig(optimizer="adamw", learning_rate=3e-4, spec_augment=True, epochs=7)
        flags = [
            part
            for option in options.options_of(TrainingConfig)
            for part in (option.flag, options.text_of(getattr(config, option.name)))
        ]
        assert options.given(parser_of(TrainingConfig).parse_args(flags), TrainingConfig) == config.to_json()

    @pytest.mark.parametrize("flags", [["--how", "median"], ["--hidden", "wide"]])
    def test_a_wrong_value_is_refused(self, flags):
        with pytest.raises(argparse.ArgumentError, match=r"median|wide"):
            parser_of(Sizes).parse_args(flags)
