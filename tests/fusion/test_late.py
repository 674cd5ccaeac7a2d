"""Late fusion: a classifier for each modality, trained apart, and the mean of their probabilities."""

import pytest
import torch
from synthetic_features import CLASSES, DIMS, make_batch, only

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
    sizes = [
        (layer.in_features, layer.out_features)
        for layer in model.modules()
        if isinstance(layer, torch.nn.Linear)
    ]
    assert sizes == [(768, 128), (128, 64), (64, 4), (2048, 128), (128, 64), (64, 4)]


@pytest.mark.parametrize("name", LATE)
def test_a_unimodal_prediction_reads_only_its_own_modality(name):
    model, batch = build(name), make_batch()
    together = model(batch)
    for modality in DIMS:
        alone = model(only(batch, {modality}))
        assert torch.equal(alone.unimodal[modality], together.unimodal[modality])
        assert torch.equal(alone.logits.argmax(1), alone.unimodal[modality].argmax(1))


def test_the_mean_is_that_of_the_probabilities_of_those_present():
    model, batch = build("late_mean"), make_batch()
    output = model(only(batch, {Modality.TEXT, Modality.VISUAL}))
    expected = (output.unimodal[Modality.TEXT].softmax(1) + output.unimodal[Modality.VISUAL].softmax(1)) / 2
    assert torch.allclose(output.logits.softmax(1), expected, atol=1e-6)
    assert torch.equal(output.weights[0], torch.tensor([0.5, 0.0, 0.5, 0.0]))


@pytest.mark.parametrize("name", ["late_vote", "late_mean"])
def test_the_classifiers_learn_apart(name):
    """The loss is the sum of the unimodal ones, so that no classifier leans on another."""
    model, batch = build(name), make_batch()
    output = model(batch)
    apart = sum(torch.nn.functional.cross_entropy(o, batch.y) for o in output.unimodal.values())
    assert torch.allclose(model.loss(output, batch.y), apart)


def test_a_mixture_is_stable_for_certain_predictions():
    unimodal = torch.tensor([[[1000.0, 0.0, -1000.0], [0.0, 1000.0, -1000.0]]])
    assert torch.allclose(
        log_mixture(unimodal, torch.tensor([[0.25, 0.75]])).softmax(1), torch.tensor([[0.25, 0.75, 0.0]])
    )
