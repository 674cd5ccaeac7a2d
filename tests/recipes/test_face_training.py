"""Training of one face network on a few synthetic pictures."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from recipes.face.evaluation import figures, flip_logits
from recipes.face.fer2013 import read_fer2013
from recipes.face.training import FaceBatches, FaceTraining, train_network


@pytest.fixture
def pictures(fer2013):
    return read_fer2013(fer2013 / "fer2013" / "train.npz").take(np.arange(32))


def train(pictures, checkpoint, **options):
    return train_network(FaceTraining(batch=16, **options), pictures, pictures, checkpoint)


class Stopped(Exception):
    pass


def stop(row):
    raise Stopped


@pytest.mark.parametrize(("network", "cycles"), [("residual", (2,)), ("mobile", (1, 1))])
def test_a_stopped_training_ends_as_an_uninterrupted_one(fer2013, tmp_path, network, cycles):
    """With real networks, whose layout in memory the fused optimizer takes for granted."""
    pictures = read_fer2013(fer2013 / "fer2013" / "train.npz").take(np.arange(4))
    config = FaceTraining(network=network, cycles=cycles, batch=2)
    whole, fitted = train_network(config, pictures, pictures, tmp_path / "a.safetensors")
    with pytest.raises(Stopped):
        train_network(config, pictures, pictures, tmp_path / "b.safetensors", progress=stop)
    resumed, again = train_network(config, pictures, pictures, tmp_path / "b.safetensors")
    assert fitted == again
    assert len(fitted.history) == 2
    for name, tensor in whole.state_dict().items():
        assert torch.equal(tensor, resumed.state_dict()[name]), name


def test_a_checkpoint_of_another_training_is_refused(pictures, tmp_path, tiny_faces):
    train(pictures, tmp_path / "a.safetensors", cycles=(1,))
    with pytest.raises(ValueError, match="other data or options: delete it or give another --work folder"):
        train(pictures, tmp_path / "a.safetensors", cycles=(2,))


def test_it_learns(pictures, tmp_path, tiny_faces):
    _, fitted = train(pictures, tmp_path / "a.safetensors", cycles=(12,), learning_rate=0.05, average=0.5)
    assert fitted.history[-1]["held_out_loss"] < fitted.history[0]["held_out_loss"]
    assert fitted.history[-1]["held_out_accuracy"] > 2 / 7


def test_the_learning_rate_rises_and_falls_in_every_cycle():
    config = FaceTraining(cycles=(10, 20))
    rates = [config.schedule.factor(e / 4) for e in range(4 * 30)]
    assert rates[0] == pytest.approx(0.05)
    assert max(rates[:40]) == pytest.approx(1, rel=0.01)
    assert max(rates[40:]) == pytest.approx(config.later_rate, rel=0.01)
    assert min(rates[36:40]) < 0.02
    assert rates[-1] < 0.02


def test_pictures_start_small_and_gently_and_are_mixed_after_that(pictures):
    batches = FaceBatches(pictures, FaceTraining(cycles=(10,), batch=16))
    epochs = [list(batches.epoch(number)) for number in (0, 5, 9)]
    assert [epoch[0].x.shape[-1] for epoch in epochs] == [40, 40, 48]
    assert len(batches) == len(epochs[0]) == 2
    mixed = [any((batch.target.amax(1) < 1).any() for batch in epoch) for epoch in epochs]
    assert mixed == [False, True, False]
    again = list(batches.epoch(5))
    assert all(torch.equal(a.x, b.x) for a, b in zip(epochs[1], again, strict=True))


def test_soft_labels_take_their_share_of_the_targets(pictures):
    soft = torch.full((32, 7), 1 / 7)
    batches = FaceBatches(pictures, FaceTraining(distillation=0.4), lambda: soft)
    targets = batches.targets()
    assert torch.allclose(targets.sum(1), torch.ones(32))
    assert torch.allclose(targets.gather(1, batches.y[:, None]), torch.tensor(0.6 + 0.4 / 7))
    with pytest.raises(ValueError, match=r"share of 0\.4 of the targets is a teacher's: give one"):
        FaceBatches(pictures, FaceTraining(distillation=0.4))


def test_the_loss_is_smoothed_cross_entropy(pictures, tiny_faces):
    batches = FaceBatches(pictures, FaceTraining(batch=16))
    batch = next(iter(batches.epoch(0)))
    logits = torch.randn(16, 7)
    expected = functional.cross_entropy(logits, batch.target * 0.9 + 0.1 / 7)
    assert torch.allclose(batches.loss(lambda x: logits, batch), expected)


def test_first_weights_are_those_given_where_there_is_no_checkpoint(pictures, tmp_path, tiny_faces):
    weights = {"conv.weight": torch.full((4, 1, 5, 5), 0.25)}
    config = FaceTraining(cycles=(1,), batch=16, frozen=1)
    network, _ = train_network(config, pictures, pictures, tmp_path / "a.safetensors", start=lambda: weights)
    assert torch.equal(network.conv.weight, weights["conv.weight"]), "a frozen kernel stays"
    train_network(
        config,
        pictures,
        pictures,
        tmp_path / "a.safetensors",
        start=lambda: pytest.fail("there is a checkpoint"),
    )


def test_figures_of_a_known_case():
    scores = figures(np.eye(7)[[0, 0, 1, 2]], np.array([0, 0, 0, 2]))
    assert scores["accuracy"] == 0.75
    assert scores["recall"] == {"neutral": pytest.approx(2 / 3), "disgust": 1}
    assert scores["ua"] == pytest.approx((2 / 3 + 1) / 2)


def test_flipping_a_picture_does_not_change_its_logits(pictures, tmp_path, tiny_faces):
    network, _ = train(pictures, tmp_path / "a.safetensors", cycles=(1,))
    images = pictures.images[:3]
    assert torch.allclose(flip_logits(network, images), flip_logits(network, images[:, :, ::-1]), atol=1e-5)
