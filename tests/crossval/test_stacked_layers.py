"""Classifiers advanced together give the values and gradients that each gives alone."""

import pytest
import torch
from torch import nn
from torch.nn.utils import parameters_to_vector

from mmer_core.crossval.stacked_layers import StackedLayers, draw_mask
from mmer_core.fusion.layers import perceptron

NETWORKS, BATCH = 3, 6


def stacked(widths, dropout=0.0, **options):
    torch.manual_seed(0)
    classifiers = [perceptron(widths, dropout) for _ in range(NETWORKS)]
    return classifiers, StackedLayers(classifiers, **options)


def alone(classifier, x, masks):
    """Logits by PyTorch's own layers, with these masks in place of dropout."""
    hidden = iter(masks)
    for layer in classifier:
        x = x * next(hidden) if isinstance(layer, nn.Dropout) else layer(x)
    return x


@pytest.mark.parametrize("widths", [(5, 3), (7, 8, 3), (7, 8, 4, 3)], ids=str)
@pytest.mark.parametrize("dropout", [0.0, 0.4, 1.0])
def test_values_and_gradients_are_those_of_autograd(widths, dropout):
    classifiers, layers = stacked(widths, dropout)
    draws = torch.Generator().manual_seed(1)
    x, change = torch.randn(NETWORKS, BATCH, widths[0]), torch.randn(NETWORKS, BATCH, widths[-1])
    masks = layers.masks(BATCH, draws)
    expected = []
    for k, classifier in enumerate(classifiers):
        own = [torch.ones(()) if mask is None else mask[k] for mask in masks]
        logits = alone(classifier, x[k], own)
        gradients = torch.autograd.grad(logits, list(classifier.parameters()), change[k])
        expected.append((logits.detach(), parameters_to_vector(gradients)))
    values = layers.forward(x, masks)
    torch.testing.assert_close(values[-1], torch.stack([logits for logits, _ in expected]))
    layers.backward(values, change)
    torch.testing.assert_close(torch.stack(layers.gradients), torch.stack([g for _, g in expected]))


def test_the_classifiers_see_the_weights_of_the_stack():
    classifiers, layers = stacked((4, 5, 2))
    layers.parameters[1] += 1
    assert torch.equal(parameters_to_vector(classifiers[1].parameters()), layers.parameters[1])


def test_products_in_bfloat16_are_near_and_weights_stay_float32():
    _, exact = stacked((40, 16, 3))
    _, half = stacked((40, 16, 3), half=True)
    x = torch.randn(NETWORKS, BATCH, 40)
    for layers in (exact, half):
        layers.backward(layers.forward(x, [None]), torch.ones(NETWORKS, BATCH, 3))
    for near, own in zip(half.gradients, exact.gradients, strict=True):
        assert near.dtype == torch.float32
        assert 0 < float((near - own).abs().max()) < 0.05 * float(own.abs().max())


@pytest.mark.parametrize("p", [0.0, 0.1, 0.5, 0.95, 1.0])
@pytest.mark.parametrize("shape", [(3, 333), (64, 500)], ids=str)
def test_a_mask_hides_that_share_and_keeps_the_mean(p, shape):
    mask = draw_mask(torch.empty(200, *shape), p, torch.Generator().manual_seed(2))
    assert float((mask == 0).float().mean()) == pytest.approx(p, abs=0.005)
    kept = [] if p == 1 else [1 / (1 - p)]
    assert mask.unique().tolist() == pytest.approx([0.0, *kept] if p else kept)


def test_what_a_mask_hides_is_drawn_for_each_place():
    mask = draw_mask(torch.empty(4000, 8), 0.5, torch.Generator().manual_seed(3)) / 2
    assert torch.corrcoef(mask.T).fill_diagonal_(0).abs().max() < 0.06
