"""The loop that trains everything, on a line that is fitted to points."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from mmer_core.training.config import TrainingConfig
from mmer_core.training.loop import BestEpoch, Loop, LoopConfig, TrainingError, WarmUpCosine
from mmer_core.training.optimization import make_optimizer, update_average
from mmer_core.training.state import read_state

CONFIG = LoopConfig(epochs=6, optimizer="adam", learning_rate=0.1)


class Points:
    """Twenty points on a line, in an order that follows from the epoch's number."""

    def __init__(self, size=5):
        x = torch.linspace(-1, 1, 20)[:, None]
        self.size, self.x, self.y = size, x, 3 * x - 1
        self.sizes = []

    def __len__(self):
        return math.ceil(20 / self.size)

    def epoch(self, number):
        torch.manual_seed(number)
        for rows in torch.randperm(20).split(self.size):
            self.sizes.append(len(rows))
            yield rows

    def loss(self, network, rows):
        return (network(self.x[rows]) - self.y[rows]).square().mean()


def line(dropout=0.0):
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(1, 4), nn.BatchNorm1d(4), nn.Dropout(dropout), nn.Linear(4, 1))


def loop_of(network, config=CONFIG, points=None, **options):
    points = points or Points()
    return Loop(network, points, points.loss, config, **options)


def weights(network):
    return {name: tensor.clone() for name, tensor in network.state_dict().items()}


def same(a, b):
    return all(torch.equal(a[name], b[name]) for name in a | b)


def test_it_learns_and_leaves_the_network_ready_for_use():
    network, points = line(), Points(size=8)
    network[1] = nn.Identity()
    fitted = loop_of(network, replace(CONFIG, epochs=40), points).run()
    assert fitted.history[-1]["train_loss"] < fitted.history[0]["train_loss"] / 20
    assert [row["epoch"] for row in fitted.history] == list(range(1, 41))
    assert (fitted.best_epoch, math.isnan(fitted.score)) == (40, True)
    assert not network.training
    assert fitted.seconds > 0
    assert points.sizes[:3] == [8, 8, 4]


def test_the_training_loss_is_the_mean_over_examples_whatever_the_size_of_a_batch():
    network, points = line(), Points(size=8)
    network[1] = nn.Identity()  # no statistics of batches
    expected = float(points.loss(network, torch.arange(20)).detach())
    fitted = loop_of(network, replace(CONFIG, epochs=1, learning_rate=1e-12), points).run()
    assert fitted.history[0]["train_loss"] == pytest.approx(expected, rel=1e-5)


def test_the_global_generator_is_left_as_it_was():
    loop = loop_of(line(dropout=0.5))
    state = torch.random.get_rng_state()
    loop.run()
    torch.testing.assert_close(state, torch.random.get_rng_state())


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"average": 0.9},
        {"plateau_factor": 0.5, "plateau_patience": 0},
        {"optimizer": "adamw", "decayed": "matrices", "weight_decay": 0.1},
    ],
    ids=lambda o: "+".join(o) or "plain",
)
@pytest.mark.parametrize("stop_after", [1, 4])
def test_a_stopped_training_ends_as_an_uninterrupted_one(tmp_path, options, stop_after):
    class Stopped(Exception):
        pass

    def train(path, stop=0):
        def progress(row):
            if row["epoch"] == stop:
                raise Stopped

        network = line(dropout=0.3)
        schedule = None if "plateau_factor" in options else WarmUpCosine((3, 3), later=0.5)
        best = BestEpoch(TrainingConfig(epochs=6, select_by="loss"))
        scores = iter([3.0, 1.0, 2.0, 2.0, 0.5, 2.0][0 if stop else known(path) :])
        loop = loop_of(
            network,
            replace(CONFIG, **options),
            schedule=schedule,
            best=best,
            validate=lambda _: {"validation_loss": next(scores)},
            checkpoint=path,
        )
        return weights(network), loop.run(progress), weights(network)

    def known(path):
        return len(read_state(path, "").history) if path.is_file() else 0

    _, fitted, whole = train(tmp_path / "whole.safetensors")
    with pytest.raises(Stopped):
        train(tmp_path / "stopped.safetensors", stop_after)
    _, again, resumed = train(tmp_path / "stopped.safetensors")
    assert fitted == again
    assert fitted.best_epoch == 5
    assert same(whole, resumed)


def test_a_finished_training_is_not_trained_again(tmp_path):
    path = tmp_path / "a.safetensors"
    first, second = line(), line()
    fitted = loop_of(first, checkpoint=path).run()
    points = Points()
    points.epoch = lambda number: pytest.fail("it had ended")
    again = loop_of(second, points=points, checkpoint=path).run()
    assert fitted == again
    assert again.seconds == fitted.seconds
    assert same(weights(first), weights(second))


def test_the_checkpoint_of_another_training_is_refused(tmp_path):
    path = tmp_path / "a.safetensors"
    loop_of(line(), checkpoint=path, identity="one").run()
    with pytest.raises(ValueError, match="other data or options: delete it or give another --work folder"):
        loop_of(line(), checkpoint=path, identity="other").run()


def test_nothing_is_left_beside_the_checkpoint(tmp_path):
    loop_of(line(), checkpoint=tmp_path / "a.safetensors").run()
    assert [path.name for path in tmp_path.iterdir()] == ["a.safetensors"]


def test_the_average_lies_between_the_weights_and_keeps_whole_numbers():
    network, averaged = line(), line()
    start = weights(averaged)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(1)
        network[1].num_batches_tracked += 5
    update_average(averaged, network, decay=0.75, step=10**6)
    assert torch.allclose(averaged[0].weight, start["0.weight"] + 0.25)
    assert averaged[1].num_batches_tracked == 5
    update_average(averaged, network, decay=0.999, step=0)
    assert torch.allclose(averaged[0].weight, start["0.weight"] + 0.25 + 0.9 * 0.75), (
        "fast in the first steps"
    )


def test_the_averaged_weights_are_validated_and_kept():
    network, seen = line(), []
    loop = loop_of(network, replace(CONFIG, average=0.5), validate=lambda n: seen.append(n) or {})
    loop.run()
    assert all(one is loop.averaged for one in seen)
    assert same(weights(network), weights(loop.averaged))


def test_a_later_cycle_starts_from_the_averaged_weights_with_a_fresh_optimizer():
    network, points = line(), Points()
    loop = loop_of(
        network, replace(CONFIG, epochs=2, average=0.9), points, schedule=WarmUpCosine((1, 1), warm_up=0.0)
    )
    found = []

    def epoch(number):
        found.append((same(weights(network), weights(loop.averaged)), len(loop.optimizer.state)))
        return Points.epoch(points, number)

    points.epoch = epoch
    loop.run()
    assert found == [(True, 0), (True, 0)]


def test_the_schedule_sets_the_rate_of_every_step():
    rates, points = [], Points()
    loop = loop_of(
        line(), replace(CONFIG, epochs=2), points, schedule=WarmUpCosine((2,), warm_up=0.25, start=0.1)
    )

    def loss(network, rows):
        rates.append(loop.optimizer.param_groups[0]["lr"])
        return points.loss(network, rows)

    loop.loss = loss
    loop.run()
    assert rates[:3] == pytest.approx([0.01, 0.055, 0.1])
    assert rates[2:] == sorted(rates[2:], reverse=True)
    assert rates[5] == pytest.approx(0.05)


def test_weight_decay_can_leave_out_biases_and_norms():
    network = line()
    config = replace(CONFIG, weight_decay=0.1, decayed="matrices")
    groups = make_optimizer(network, config).param_groups
    assert [group["weight_decay"] for group in groups] == [0.1, 0]
    assert all(p.ndim > 1 for p in groups[0]["params"])
    assert sum(len(group["params"]) for group in groups) == len(list(network.parameters()))
    (every,) = make_optimizer(network, replace(config, decayed="all")).param_groups
    assert every["weight_decay"] == 0.1


def test_frozen_parameters_stay():
    network = line()
    network[0].requires_grad_(False)
    before = weights(network)
    loop_of(network, replace(CONFIG, optimizer="adamw", weight_decay=0.5)).run()
    after = weights(network)
    assert torch.equal(before["0.weight"], after["0.weight"])
    assert not torch.equal(before["3.weight"], after["3.weight"])


def test_gradients_are_clipped_before_the_step():
    network, points = line(), Points()
    norms = []
    loop = loop_of(network, replace(CONFIG, epochs=1, clip_norm=0.01), points)
    loop.optimizer.register_step_pre_hook(
        lambda *_: norms.append(nn.utils.get_total_norm([p.grad for p in network.parameters()]))
    )
    loop.run()
    assert max(norms) < 0.0101


def test_a_loss_that_runs_away_is_said():
    with pytest.raises(
        TrainingError, match=r"NaN or infinite in epoch 1: lower --learning-rate \(now 1e\+30\)"
    ):
        loop_of(line(), replace(CONFIG, learning_rate=1e30)).run()


class TestBestEpoch:
    def test_patience_ends_training(self):
        best = BestEpoch(TrainingConfig(patience=2, epochs=50, select_by="accuracy"))
        kept = []
        for epoch, score in enumerate([0.5, 0.6, 0.6, 0.55, 0.9], start=1):
            row = {"epoch": epoch, "validation_loss": 1.0, "validation_accuracy": score}
            kept.append(best.improves(row))
            if best.over(epoch):
                break
        assert (kept, best.epoch) == ([True, True, False, False], 2)

    def test_without_patience_all_epochs_are_trained(self):
        best = BestEpoch(TrainingConfig(patience=0, epochs=4))
        best.improves({"epoch": 1, "validation_loss": 1.0, "validation_accuracy": 0.5})
        assert [best.over(epoch) for epoch in (1, 3, 4)] == [False, False, True]

    def test_equal_scores_are_decided_by_the_loss(self):
        best = BestEpoch(TrainingConfig())
        losses = {1: 1.0, 2: 0.9, 3: 0.95}
        rows = [
            {"epoch": e, "validation_loss": loss, "validation_accuracy": 0.5} for e, loss in losses.items()
        ]
        assert [best.improves(row) for row in rows] == [True, True, False]

    def test_the_kept_weights_are_those_of_the_best_epoch(self):
        network, seen = line(), []
        scores = iter([2.0, 1.0, 3.0])

        def validate(current):
            seen.append(weights(current))
            return {"validation_loss": next(scores)}

        best = BestEpoch(TrainingConfig(epochs=3, patience=0, select_by="loss"))
        fitted = loop_of(network, replace(CONFIG, epochs=3), validate=validate, best=best).run()
        assert (fitted.best_epoch, fitted.score) == (2, -1.0)
        assert same(weights(network), seen[1])


class TestSchedule:
    def test_it_rises_in_a_line_and_falls_as_a_cosine(self):
        schedule = WarmUpCosine((10,), warm_up=0.2, start=0.5)
        assert [schedule.factor(e) for e in (0, 1, 2, 6)] == pytest.approx([0.5, 0.75, 1.0, 0.5])
        assert schedule.factor(9.99) < 0.001

    def test_later_cycles_have_peaks_of_their_own(self):
        schedule = WarmUpCosine((4, 8), warm_up=0.25, later=0.6)
        assert (schedule.epochs, schedule.factor(1), schedule.factor(6)) == (12, 1.0, pytest.approx(0.6))
        assert [e for e in range(12) if schedule.restarts_at(e)] == [4]
        assert schedule.place(6) == (1, 0.25)

    def test_there_is_nothing_after_its_end(self):
        with pytest.raises(ValueError, match="the schedule has 30 epochs, so there is no point 30 in it"):
            WarmUpCosine((10, 20)).place(30)


def test_settings_round_trip_through_json():
    config = LoopConfig(epochs=3, precision="fastest", decayed="matrices")
    assert LoopConfig.from_json(config.to_json()) == config
    assert np.isfinite(config.learning_rate)
