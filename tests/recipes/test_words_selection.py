"""The choice of a text recipe, from scores given here."""

from dataclasses import replace

import pytest
import torch

from recipes.words import selection
from recipes.words.distillation import SOFT_LABELS, TRIAL_SOFT_LABELS
from recipes.words.recipes import IN_DIALOGUE, RECIPES, TextTraining
from recipes.words.selection import HALF_REPLAY, REPLAY, Choice, choose
from recipes.words.train import member

OPTIONS = TextTraining(recipes=tuple(RECIPES)[:3], replayed=5)
ALONE = "adapters, MELD alone"
BETTER = {ALONE: 2.0, "adapters, GoEmotions then MELD": 2.1, IN_DIALOGUE: 2.3}
_BIAS = "expert.layers.1.bias"


class Stages:
    """Notes what it is asked to train; with replay the result is 2, the rest 0."""

    def __init__(self):
        self.asked = []

    def run(self, name, recipe, corpus, seed, soft_labels=SOFT_LABELS, *, replay=False):
        self.asked.append((name, recipe, corpus, seed, soft_labels, replay))
        return {_BIAS: torch.full((7,), 2.0 * replay)}


class Suite:
    """Gives each recipe the score it has in a table."""

    def __init__(self, totals):
        self.totals = totals

    def row(self, recipe, predictor, in_dialogue=False):
        return {"recipe": recipe, "in_dialogue": in_dialogue}

    def total(self, row):
        return self.totals[row["recipe"]]


@pytest.fixture(autouse=True)
def no_networks(monkeypatch):
    monkeypatch.setattr(selection, "baselines", lambda *_: [{"recipe": "frozen"}])
    network = type("Network", (), {"predict": None})
    monkeypatch.setattr(selection, "classifier_of", lambda options, tensors: network)


@pytest.mark.parametrize(
    ("replay", "half", "chosen", "kinds", "weight"),
    [
        (2.1, 2.2, "", (False,), 0.0),
        (2.5, 2.4, REPLAY, (True,), 2.0),
        (2.4, 2.5, HALF_REPLAY, (False, True), 1.0),
        (2.3, 2.3, "", (False,), 0.0),  # what is no better is not worth twice the training
    ],
)
def test_the_best_kind_of_replay_is_chosen(replay, half, chosen, kinds, weight):
    suite = Suite(BETTER | {f"{IN_DIALOGUE}{REPLAY}": replay, f"{IN_DIALOGUE}{HALF_REPLAY}": half})
    choice = choose(OPTIONS, Stages(), "learn", suite, seed=4)
    assert (choice.name, choice.recipe, choice.replay) == (f"{IN_DIALOGUE}{chosen}", IN_DIALOGUE, kinds)
    assert torch.equal(choice.trial[_BIAS], torch.full((7,), weight))
    assert [row["recipe"] for row in choice.tried] == [
        "frozen",
        *BETTER,
        f"{IN_DIALOGUE}{REPLAY}",
        f"{IN_DIALOGUE}{HALF_REPLAY}",
    ]


def test_only_the_best_recipe_has_replay_and_trials_see_only_what_is_to_learn():
    stages = Stages()
    totals = BETTER | {ALONE: 2.9, f"{ALONE}{REPLAY}": 2.8, f"{ALONE}{HALF_REPLAY}": 2.7}
    assert choose(OPTIONS, stages, "learn", Suite(totals), seed=4).name == ALONE
    assert [(name, replay) for name, *_, replay in stages.asked] == [
        *((name, False) for name in BETTER),
        (f"{ALONE}{REPLAY}", True),
    ]
    assert {(corpus, seed, labels) for _, _, corpus, seed, labels, _ in stages.asked} == {
        ("learn", 4, TRIAL_SOFT_LABELS)
    }


def test_without_replayed_comments_no_replay_is_tried():
    choice = choose(replace(OPTIONS, replayed=0), Stages(), "learn", Suite(BETTER), seed=4)
    assert (choice.name, choice.replay) == (IN_DIALOGUE, (False,))
    assert len(choice.tried) == 1 + len(BETTER)


@pytest.mark.parametrize(("kinds", "weight"), [((False,), 0.0), ((False, True), 1.0), ((True,), 2.0)])
def test_what_is_shipped_is_trained_as_what_was_chosen(kinds, weight):
    stages = Stages()
    trained = member(Choice("chosen", IN_DIALOGUE, kinds, {}, []), stages, "all", seed=1)
    assert torch.equal(trained[_BIAS], torch.full((7,), weight))
    assert [replay for *_, replay in stages.asked] == list(kinds)
    assert {(recipe, corpus, seed, labels) for _, recipe, corpus, seed, labels, _ in stages.asked} == {
        (RECIPES[IN_DIALOGUE], "all", 1, SOFT_LABELS)
    }
    assert len({name for name, *_ in stages.asked}) == len(kinds)  # their checkpoints are told apart by name
