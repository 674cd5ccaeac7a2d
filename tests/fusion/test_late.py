"""Late fusion: votes, mean probabilities, learned weights."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from synthetic_features import CLASSES, DIMS, make_batch, only, separable_batch

from mmer_core import fusion
from mmer_core.fusion.late import log_mixture
from mmer_core.labels import Modality

LATE = ("late_vote", "late_mean", "late_weighted")


def build(name, **options):
    torch.manual_seed(0)
    return fusion.create(name, dims=DIMS, classes=CLASSES, **options).eval()


@pytest.mark.parametrize("name", LATE)
def test_a_classifier_of_the_published_sizes_for_each_modality(name):
    model = fusion.create(name, dims={Modality.TEXT: 768, Modality.VISUAL: 2048}, classes=4)
    sizes = [(layer.in_features, layer.out_features) for layer in model.modules() if isinstance(layer, torch.nn.Linear)]
    assert sizes == [(768, 128), (128, 64), (64, 4), (2048, 128), (128, 64), (64, 4)]


@pytest.mark.parametrize("name", LATE)
def test_an_opinion_hears_only_its_own_modality(name):
    model, batch = build(name), make_batch()
    together = model(batch)
    for modality in DIMS:
        alone = model(only(batch, {modality}))
        assert torch.equal(alone.opinions[modality], together.opinions[modality])
        assert torch.equal(alone.logits.argmax(1), alone.opinions[modality].argmax(1))


def votes_of(*classes):
    """(1, M, C) opinions that vote so."""
    return 5.0 * torch.nn.functional.one_hot(torch.tensor([classes]), CLASSES).float()


def decide(classes, present=None):
    model = build("late_vote")
    shares = model.shares(torch.tensor([present or [True] * len(classes)]))
    return model.combine(votes_of(*classes), shares)


@pytest.mark.parametrize(("votes", "winner"), [((3, 3, 1), 3), ((6, 2, 2), 2), ((5, 1, 3), 1), ((6, 2), 2), ((4, 4, 0, 0), 0), ((5,), 5)], ids=str)
def test_the_majority_wins_and_a_tie_goes_to_the_lowest_class(votes, winner):
    assert decide(votes).argmax(1).item() == winner


@settings(deadline=None)
@given(votes=st.lists(st.integers(0, CLASSES - 1), min_size=1, max_size=4), data=st.data())
def test_only_present_modalities_vote(votes, data):
    present = data.draw(st.lists(st.booleans(), min_size=len(votes), max_size=len(votes)).filter(any))
    cast = [v for v, p in zip(votes, present, strict=True) if p]
    expected = min(set(cast), key=lambda c: (-cast.count(c), c))
    assert decide(votes, present).argmax(1).item() == expected


def test_votes_become_probabilities_with_half_a_vote_for_every_class():
    probabilities = decide((2, 2, 4)).softmax(1)[0]
    assert probabilities[2] == pytest.approx(2.5 / 6.5, abs=1e-3)
    assert probabilities[4] == pytest.approx(1.5 / 6.5, abs=1e-3)
    assert probabilities[0] == pytest.approx(0.5 / 6.5, abs=1e-3)


def test_the_mean_is_that_of_the_probabilities_of_those_present():
    model, batch = build("late_mean"), make_batch()
    output = model(only(batch, {Modality.TEXT, Modality.VISUAL}))
    expected = (output.opinions[Modality.TEXT].softmax(1) + output.opinions[Modality.VISUAL].softmax(1)) / 2
    assert torch.allclose(output.logits.softmax(1), expected, atol=1e-6)
    assert torch.equal(output.weights[0], torch.tensor([0.5, 0.0, 0.5, 0.0]))


def test_learned_weights_are_shared_out_among_those_present():
    model, batch = build("late_weighted"), make_batch()
    with torch.no_grad():
        model.preference.copy_(torch.tensor([1.0, 2.0, 3.0, 4.0]).log())
    assert torch.allclose(model(batch).weights[0], torch.tensor([0.1, 0.2, 0.3, 0.4]))
    assert torch.allclose(model(only(batch, {Modality.TEXT, Modality.VISUAL})).weights[0], torch.tensor([0.25, 0.0, 0.75, 0.0]))


def test_the_weight_goes_to_the_modality_that_knows():
    """Three of four modalities are noise: training must find the fourth."""
    torch.manual_seed(0)
    batch = separable_batch()
    for modality in (Modality.TEXT, Modality.AUDIO, Modality.METADATA):
        batch.x[modality].normal_()
    model = build("late_weighted", hidden=()).train()
    model.fit_scaling(batch)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.03)
    for _ in range(60):
        optimizer.zero_grad()
        model.loss(model(batch), batch.y).backward()
        optimizer.step()
    assert model(batch).weights[0].argmax().item() == 2


@pytest.mark.parametrize("name", ["late_vote", "late_mean"])
def test_the_classifiers_learn_apart(name):
    """The loss is the sum of the unimodal ones, so that no classifier leans on another."""
    model, batch = build(name), make_batch()
    output = model(batch)
    apart = sum(torch.nn.functional.cross_entropy(o, batch.y) for o in output.opinions.values())
    assert torch.allclose(model.loss(output, batch.y), apart)


def test_a_mixture_is_stable_for_certain_opinions():
    opinions = torch.tensor([[[1000.0, 0.0, -1000.0], [0.0, 1000.0, -1000.0]]])
    assert torch.allclose(log_mixture(opinions, torch.tensor([[0.25, 0.75]])).softmax(1), torch.tensor([[0.25, 0.75, 0.0]]))
