"""Shapley values of parts, effects spread to a sum, and the deletion test, on values known beforehand."""

import numpy as np
import pytest

from mmer_core.explanation.deletion import deletion, gains
from mmer_core.explanation.game import EXACT, Game, drawn_orders, shapley, spread

WEIGHTS = np.array([0.3, -0.1, 0.0, 0.2, 0.05, -0.02, 0.01, 0.15])


def additive(count: int) -> Game:
    """Each part adds its own weight."""
    return Game(count, lambda masks: masks @ WEIGHTS[:count])


def meeting(count: int) -> Game:
    """The first two parts add 1 together and nothing alone."""
    return Game(count, lambda masks: (masks[:, 0] & masks[:, 1]).astype(float))


@pytest.mark.parametrize("count", [1, 3, EXACT, 8])
def test_parts_that_add_up_get_what_they_add(count):
    points = shapley(additive(count), drawn_orders(count, 3, seed=0))
    assert points == pytest.approx(WEIGHTS[:count])


def test_parts_that_count_only_together_share_it():
    assert shapley(meeting(4), drawn_orders(4, 3, seed=0)) == pytest.approx([0.5, 0.5, 0, 0])


@pytest.mark.parametrize("count", [3, 8])
def test_shapley_values_sum_to_the_whole_whatever_the_value(count):
    drawn = np.random.default_rng(1).random(2**count)
    game = Game(count, lambda masks: drawn[masks @ (1 << np.arange(count))])
    points = shapley(game, drawn_orders(count, 3, seed=2))
    assert points.sum() == pytest.approx(drawn[-1] - drawn[0])


def test_each_set_is_asked_once():
    asked = []

    def value(masks):
        asked.extend(map(bytes, masks))
        return masks.sum(axis=1)

    game = Game(5, value, whole=5.0, nothing=0.0)
    for _ in range(2):
        shapley(game, drawn_orders(5, 3, seed=0))
        game.effects()
    assert len(asked) == len(set(asked)) == 2**5 - 2


def test_orders_come_with_their_reverse():
    orders = drawn_orders(7, 4, seed=3)
    assert orders.shape == (8, 7)
    assert (np.sort(orders, axis=1) == np.arange(7)).all()
    assert (orders[4:] == orders[:4, ::-1]).all()


@pytest.mark.parametrize(
    ("effects", "total"),
    [([0.1, 0.3], 0.8), ([0.1, -0.3, 0.0], 0.4), ([1.0, 2.0], -1.0), ([0.0, 0.0], 0.5), ([0.2, -0.2], 0.1)],
)
def test_effects_are_spread_to_the_sum(effects, total):
    found = spread(np.array(effects), total)
    assert found.sum() == pytest.approx(total)


def test_spreading_scales_effects_of_one_sign_and_leaves_nothing_at_nothing():
    assert spread(np.array([0.1, 0.3]), 0.8) == pytest.approx([0.2, 0.6])
    assert spread(np.array([0.1, 0.0, 0.3]), 0.2)[1] == 0
    assert spread(np.zeros((2, 2)), 1.0) == pytest.approx(np.full((2, 2), 0.25))


def test_true_points_pass_the_deletion_test_and_reversed_ones_fail():
    game, orders = additive(8), drawn_orders(8, 5, seed=0)
    right, wrong = deletion(game, WEIGHTS, orders), deletion(game, -WEIGHTS, orders)
    assert right.telling
    assert right.area > 0.05
    assert not right.reason
    assert not wrong.telling
    assert wrong.area == pytest.approx(-right.area, abs=0.03)
    assert wrong.reason
    assert np.mean(right.random) == pytest.approx(0)


def test_points_where_no_part_matters_do_not_pass():
    game = Game(8, lambda masks: masks.any(axis=1).astype(float))
    check = deletion(game, WEIGHTS, drawn_orders(8, 5, seed=0))
    assert not check.telling
    assert "no part of it matters" in check.reason


def test_one_part_alone_needs_no_test():
    assert deletion(additive(1), np.array([0.3]), drawn_orders(1, 3, seed=0)).telling


def test_what_is_best_gains_in_both_directions():
    game, orders = additive(8), drawn_orders(8, 5, seed=0)
    assert min(gains(game, WEIGHTS, orders)) > 0
    assert max(gains(game, -WEIGHTS, orders)) < 0
