"""The head on the mean of the frames, on random vectors."""

from __future__ import annotations

import pytest
import torch

from mmer_core.fusion import heads
from mmer_core.fusion.heads.mean import MeanNetwork

DIM, C = 8, 7


@pytest.fixture
def network() -> MeanNetwork:
    torch.manual_seed(0)
    network = MeanNetwork(DIM, C, members=3, hidden=5).eval()
    network.mean.normal_()
    network.std.uniform_(0.5, 2.0)
    return network


def no_pad(x: torch.Tensor) -> torch.Tensor:
    return torch.zeros(x.shape[:2], dtype=torch.bool)


@pytest.mark.parametrize("filler", [0.0, 1e30, torch.nan, torch.inf])
def test_padding_may_hold_anything(network, filler):
    x = torch.randn(2, 5, DIM)
    pad = torch.tensor([[False] * 5, [False, False, True, True, True]])
    expected = torch.cat([network(x[:1], no_pad(x[:1])), network(x[1:, :2], no_pad(x[1:, :2]))])
    x[pad] = filler
    torch.testing.assert_close(network(x, pad), expected)


def test_nothing_but_padding_is_finite(network):
    pad = torch.ones(1, 3, dtype=torch.bool)
    found = network(torch.full((1, 3, DIM), torch.nan), pad)
    assert found.isfinite().all()
    torch.testing.assert_close(found, network.answer(torch.zeros(1, DIM)))


def test_the_frames_may_come_in_any_order_and_number(network):
    x = torch.randn(2, 6, DIM)
    expected = network(x, no_pad(x))
    torch.testing.assert_close(network(x.flip(1), no_pad(x)), expected)
    twice = torch.cat([x, x], dim=1)
    torch.testing.assert_close(network(twice, no_pad(twice)), expected)
    torch.testing.assert_close(network.answer(x.mean(1)), expected)
    torch.testing.assert_close(network(x[1:], no_pad(x[1:]))[0], expected[1])


def test_a_third_of_the_answer_is_the_linear_ones_and_the_rest_the_mean_of_the_members(network):
    means = torch.randn(4, DIM)
    x = ((means - network.mean) / network.std).clamp(-3, 3)
    members = [
        second(torch.nn.functional.gelu(first(x)))
        for first, second in zip(network.first, network.second, strict=True)
    ]
    apart = torch.stack([m.log_softmax(-1) for m in members]).mean(0)
    expected = network.linear(x).log_softmax(-1) / 3 + 2 * apart / 3
    torch.testing.assert_close(network.answer(means), expected)
    assert network.members(x).shape == (3, 4, C)


def test_gradients_reach_every_parameter_and_no_padding(network):
    x = torch.randn(2, 4, DIM, requires_grad=True)
    pad = torch.tensor([[False] * 4, [False, True, True, True]])
    network(x, pad)[:, 1].sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in network.parameters())
    assert (x.grad[pad] == 0).all()
    assert (x.grad[~pad].abs().sum(-1) > 0).all()


def test_dropout_is_of_training_alone(network):
    x = torch.randn(1, 3, DIM)
    assert torch.equal(network(x, no_pad(x)), network(x, no_pad(x)))
    network.train()
    assert not torch.equal(network(x, no_pad(x)), network(x, no_pad(x)))


def test_it_is_built_by_its_name_and_refuses_unknown_options():
    made = heads.create("mean", DIM, C, members=2, hidden=3)
    assert isinstance(made, MeanNetwork)
    assert [tuple(layer.weight.shape) for layer in made.first] == [(3, DIM)] * 2
    names = set(made.state_dict())
    assert {"mean", "std", "linear.weight", "first.1.bias", "second.1.weight"} <= names
    with pytest.raises(ValueError, match="the head mean cannot be built with these options"):
        heads.create("mean", DIM, C, widths=[3])


@torch.no_grad()
def test_a_feature_that_lies_far_outside_the_training_data_does_not_decide_alone(network):
    far = torch.zeros(1, 1, DIM)
    far[0, 0, 0] = network.mean[0] + 3 * network.std[0]
    farther = far.clone()
    farther[0, 0, 0] += 100
    pad = torch.zeros(1, 1, dtype=torch.bool)
    torch.testing.assert_close(network(far, pad), network(farther, pad))
