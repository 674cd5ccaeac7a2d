"""What is chosen for words, from scores given here; how the scores come about is tested elsewhere."""

from dataclasses import replace

import pytest
import torch

from mmer_core.default_model import text_choice
from mmer_core.default_model.text import _member
from mmer_core.default_model.text_choice import HALF_REHEARSING, REHEARSING, Choice, choose
from mmer_core.default_model.text_recipes import IN_DIALOGUE, RECIPES, TextTraining
from mmer_core.default_model.text_teacher import ANSWERS, TRIAL_ANSWERS

OPTIONS = TextTraining(recipes=tuple(RECIPES)[:3], rehearsed=5)
ALONE = "adapters, MELD alone"
BETTER = {ALONE: 2.0, "adapters, GoEmotions then MELD": 2.1, IN_DIALOGUE: 2.3}
_BIAS = "expert.layers.1.bias"


class Stages:
    """Notes what it is asked to train; what rehearses is 2, the rest 0."""

    def __init__(self):
        self.asked = []

    def run(self, name, recipe, corpus, seed, answers=ANSWERS, *, rehearsing=False):
        self.asked.append((name, recipe, corpus, seed, answers, rehearsing))
        return {_BIAS: torch.full((7,), 2.0 * rehearsing)}


class Exam:
    """Gives each recipe the score it has in a table."""

    def __init__(self, totals):
        self.totals = totals

    def row(self, recipe, judge, in_dialogue=False):
        return {"recipe": recipe, "in_dialogue": in_dialogue}

    def total(self, row):
        return self.totals[row["recipe"]]


@pytest.fixture(autouse=True)
def no_networks(monkeypatch):
    monkeypatch.setattr(text_choice, "_frozen", lambda *_: [{"recipe": "frozen"}])
    monkeypatch.setattr(text_choice, "holding", lambda options, tensors: type("Network", (), {"answer": None}))


@pytest.mark.parametrize(
    ("rehearsing", "half", "chosen", "kinds", "weight"),
    [
        (2.1, 2.2, "", (False,), 0.0),
        (2.5, 2.4, REHEARSING, (True,), 2.0),
        (2.4, 2.5, HALF_REHEARSING, (False, True), 1.0),
        (2.3, 2.3, "", (False,), 0.0),  # what is no better is not worth twice the training
    ],
)
def test_the_best_way_to_rehearse_is_chosen(rehearsing, half, chosen, kinds, weight):
    stages = Stages()
    exam = Exam(BETTER | {f"{IN_DIALOGUE}{REHEARSING}": rehearsing, f"{IN_DIALOGUE}{HALF_REHEARSING}": half})
    choice = choose(OPTIONS, stages, "learn", exam, seed=4)
    assert (choice.name, choice.recipe, choice.rehearsing) == (f"{IN_DIALOGUE}{chosen}", IN_DIALOGUE, kinds)
    assert torch.equal(choice.trial[_BIAS], torch.full((7,), weight))
    assert [row["recipe"] for row in choice.tried] == ["frozen", *BETTER, f"{IN_DIALOGUE}{REHEARSING}", f"{IN_DIALOGUE}{HALF_REHEARSING}"]


def test_only_the_best_recipe_rehearses_and_trials_see_only_what_is_to_learn():
    stages = Stages()
    totals = BETTER | {ALONE: 2.9, f"{ALONE}{REHEARSING}": 2.8, f"{ALONE}{HALF_REHEARSING}": 2.7}
    assert choose(OPTIONS, stages, "learn", Exam(totals), seed=4).name == ALONE
    assert [(name, rehearsing) for name, *_, rehearsing in stages.asked] == [*((name, False) for name in BETTER), (f"{ALONE}{REHEARSING}", True)]
    assert {(corpus, seed, answers) for _, _, corpus, seed, answers, _ in stages.asked} == {("learn", 4, TRIAL_ANSWERS)}


def test_without_rehearsal_nothing_of_it_is_tried():
    choice = choose(replace(OPTIONS, rehearsed=0), Stages(), "learn", Exam(BETTER), seed=4)
    assert (choice.name, choice.rehearsing) == (IN_DIALOGUE, (False,))
    assert len(choice.tried) == 1 + len(BETTER)


@pytest.mark.parametrize(("kinds", "weight"), [((False,), 0.0), ((False, True), 1.0), ((True,), 2.0)])
def test_what_is_shipped_is_trained_as_what_was_chosen(kinds, weight):
    stages = Stages()
    member = _member(Choice("chosen", IN_DIALOGUE, kinds, {}, []), stages, "all", seed=1)
    assert torch.equal(member[_BIAS], torch.full((7,), weight))
    assert [rehearsing for *_, rehearsing in stages.asked] == list(kinds)
    assert {(recipe, corpus, seed, answers) for _, recipe, corpus, seed, answers, _ in stages.asked} == {(RECIPES[IN_DIALOGUE], "all", 1, ANSWERS)}
    assert len({name for name, *_ in stages.asked}) == len(kinds)  # their checkpoints are told apart by name
