"""The product of experts: prior correction, absent modalities, and what a single modality answers."""

import pytest
import torch

from mmer_core.features.batch import collate
from mmer_core.fusion.product import FrameLinear, ProductOfExperts
from mmer_core.labels import Modality, subsets

THREE = (Modality.TEXT, Modality.AUDIO, Modality.VISUAL)
DIMS = {Modality.TEXT: 3, Modality.AUDIO: 4, Modality.VISUAL: 5}


@pytest.fixture
def model():
    torch.manual_seed(0)
    product = ProductOfExperts({m: FrameLinear(d, 7) for m, d in DIMS.items()}, 7).eval()
    product.log_prior.copy_(torch.log_softmax(torch.randn(3, 7), dim=-1))
    product.temperature.copy_(torch.tensor([2.0, 0.5, 1.0]))
    product.weight.copy_(torch.rand(8, 3))
    for i in range(3):
        product.weight[1 << i] = 1.0
    return product


def batch(rows=4, frames=3):
    rng = torch.Generator().manual_seed(1)
    samples = [{m: torch.randn(frames if m is not Modality.TEXT else 1, d, generator=rng).numpy() for m, d in DIMS.items()} for _ in range(rows)]
    return collate(samples, DIMS)


def test_a_modality_alone_answers_its_own_calibrated_posterior(model):
    for i, modality in enumerate(THREE):
        output = model(batch().using({modality}))
        assert torch.allclose(output.logits, torch.log_softmax(output.opinions[modality] / model.temperature[i], dim=-1), atol=1e-6)


def test_nothing_present_answers_the_mean_log_prior(model):
    output = model(batch().using(()))
    expected = torch.log_softmax(model.log_prior.mean(dim=0), dim=-1)
    assert torch.allclose(output.logits, expected.expand(4, -1), atol=1e-6)
    assert (output.weights == 0).all()


@pytest.mark.parametrize("use", [s for s in subsets(THREE) if len(s) < 3])
def test_nan_in_an_absent_slot_changes_no_bit(model, use):
    clean = batch().using(use)
    dirty = batch().using(use)
    for modality in set(THREE) - set(use):
        dirty.x[modality].fill_(torch.nan)
    assert torch.equal(model(clean).logits, model(dirty).logits)


def test_bayes_rule_on_independent_experts():
    """Two experts that know the exact likelihoods give the exact posterior."""
    model = ProductOfExperts({m: FrameLinear(2, 2) for m in THREE[:2]}, 2).eval()
    prior = torch.tensor([0.8, 0.2])
    model.log_prior.copy_(prior.log().expand(2, -1))
    likelihood = {THREE[0]: torch.tensor([[0.3, 0.6]]), THREE[1]: torch.tensor([[0.5, 0.1]])}
    posteriors = {m: (v * prior).log() for m, v in likelihood.items()}
    logits, _ = model.combine(posteriors, torch.ones(1, 2, dtype=torch.bool))
    exact = prior * likelihood[THREE[0]] * likelihood[THREE[1]]
    assert torch.allclose(logits.exp(), exact / exact.sum(), atol=1e-6)


def test_padding_and_batch_order_do_not_matter(model):
    whole = batch(rows=3)
    order = torch.tensor([2, 0, 1])
    assert torch.allclose(model(whole).logits[order], model(whole.take(order)).logits, atol=1e-6)
    padded = batch(rows=3)
    for m in THREE:
        extra = torch.full((3, 2, DIMS[m]), 9.0)
        padded.x[m] = torch.cat([padded.x[m], extra], dim=1)
        padded.pad[m] = torch.cat([padded.pad[m], torch.ones(3, 2, dtype=torch.bool)], dim=1)
    assert torch.allclose(model(whole).logits, model(padded).logits, atol=1e-6)


def test_gradients_reach_every_present_expert(model):
    model(batch()).logits[:, 0].sum().backward()
    for modality in THREE:
        assert model.experts[modality.value].linear.weight.grad.abs().sum() > 0


def test_shares_sum_to_one(model):
    assert torch.allclose(model(batch()).weights.sum(dim=1), torch.ones(4))
