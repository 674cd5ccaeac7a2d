"""Recurrent networks (MM-B, MMMLA): pooling, masking, attention over modalities."""

import pytest
import torch
from synthetic_features import CLASSES, DIMS, make_batch, only

from mmer_core import fusion
from mmer_core.fusion.layers import ModalityFeatures
from mmer_core.fusion.recurrent import Attention, RecurrentBranch, RecurrentOptions
from mmer_core.labels import Modality

POOLINGS = ("last", "average", "cls", "attention")


def states_by_hand(branch, x):
    """(1, T, 2 H) of the branch's LSTM on a sequence without padding."""
    return branch.lstm(x)[0]


@pytest.mark.parametrize("pooling", POOLINGS)
def test_pooling_takes_what_its_name_says(pooling):
    torch.manual_seed(0)
    branch, x = RecurrentBranch(4, RecurrentOptions(pooling=pooling, hidden=3)), torch.randn(1, 5, 4)
    states = states_by_hand(branch, x)
    padded = ModalityFeatures(torch.cat([x, torch.zeros(1, 2, 4)], 1), torch.arange(7)[None] < 5)
    expected = {
        "last": torch.cat(
            [states[:, -1, :3], states[:, 0, 3:]], 1
        ),  # where each direction has seen everything
        "average": states.mean(1),
        "cls": states[:, 0],
    }
    if pooling == "attention":
        expected["attention"] = branch.attention(states, torch.ones(1, 5, dtype=torch.bool))[0]
    assert torch.allclose(branch(padded), expected[pooling], atol=1e-6)


def test_attention_weighs_only_what_is_there():
    torch.manual_seed(0)
    attention, states = Attention(4), torch.randn(3, 5, 4)
    valid = torch.tensor([[True] * 5, [True, False, True, False, False], [False] * 5])
    mean, weights = attention(states, valid)
    assert torch.allclose(weights.sum(1), torch.tensor([1.0, 1.0, 0.0]))
    assert (weights[~valid] == 0).all()
    assert torch.equal(mean[2], torch.zeros(4))


def test_a_frame_that_is_missing_in_the_middle_is_as_if_it_were_cut_out():
    torch.manual_seed(0)
    branch, x = RecurrentBranch(4, RecurrentOptions(hidden=3)), torch.randn(1, 6, 4)
    keep = torch.tensor([[True, True, False, True, False, True]])
    holes = ModalityFeatures(torch.where(keep[..., None], x, 0.0), keep)
    cut = ModalityFeatures(x[:, keep[0]], torch.ones(1, 4, dtype=torch.bool))
    assert torch.allclose(branch(holes), branch(cut), atol=1e-6)


def test_the_baseline_concatenates_and_the_full_model_weighs():
    batch = make_batch()
    assert fusion.create("mmb", dims=DIMS, classes=CLASSES).classifier.in_features == len(DIMS) * (
        2 * 128 + 1
    )
    assert fusion.create("mmb", dims=DIMS, classes=CLASSES)(batch).weights is None
    weights = (
        fusion.create("mmmla", dims=DIMS, classes=CLASSES)
        .eval()(only(batch, {Modality.AUDIO, Modality.VISUAL}))
        .weights
    )
    assert torch.allclose(weights.sum(1), torch.ones(len(batch)))
    assert (weights[:, [0, 3]] == 0).all()
    assert (weights[:, 1:3] > 0).all()


def test_with_one_modality_it_is_the_unimodal_run():
    model = fusion.create("mmmla", dims={Modality.AUDIO: 4}, classes=CLASSES, pooling="last").eval()
    assert torch.equal(model(make_batch()).weights, torch.ones(6, 1))
