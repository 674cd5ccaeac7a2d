"""Reading one modality, pooling over time, shortening: the arithmetic, checked against NumPy."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from synthetic_features import DIMS, make_batch, padded

from mmer_core.features.batch import FeatureBatch, collate
from mmer_core.fusion.layers import ModalityFeatures, Standardizer, perceptron, pool, pooled_width, shorten
from mmer_core.labels import Modality

AUDIO = Modality.AUDIO
masks = arrays.arrays(bool, st.tuples(st.integers(1, 4), st.integers(1, 12)))


def inputs(valid, dim=3, seed=0):
    """Random frames where `valid`, zeros elsewhere."""
    valid = torch.from_numpy(valid)
    x = torch.randn(*valid.shape, dim, generator=torch.Generator().manual_seed(seed))
    return ModalityFeatures(torch.where(valid[..., None], x, 0.0), valid)


@settings(deadline=None)
@given(valid=masks)
def test_pooling_is_that_of_numpy_over_the_valid_frames(valid):
    e = inputs(valid)
    pooled = {how: pool(e.x, e.valid, how).numpy() for how in ("mean", "max", "stats")}
    for i, row in enumerate(valid):
        frames = e.x[i].numpy()[row] if row.any() else np.zeros((1, 3))
        np.testing.assert_allclose(pooled["mean"][i], frames.mean(0), atol=1e-6)
        np.testing.assert_allclose(pooled["max"][i], frames.max(0), atol=1e-6)
        np.testing.assert_allclose(
            pooled["stats"][i], np.concatenate([frames.mean(0), frames.std(0), frames.max(0)]), atol=1e-6
        )


@pytest.mark.parametrize("how", ["mean", "max", "stats"])
def test_pooling_has_finite_gradients_also_where_there_is_no_spread(how):
    x = torch.zeros(2, 4, 3, requires_grad=True)
    pool(x, torch.tensor([[True, True, False, False], [False] * 4]), how).sum().backward()
    assert x.grad.isfinite().all()
    assert pooled_width(3, how) == pool(x, torch.ones(2, 4, dtype=torch.bool), how).shape[1]


@settings(deadline=None)
@given(valid=masks, limit=st.integers(1, 14))
def test_shortening_keeps_order_and_averages_equal_stretches(valid, limit):
    e = inputs(valid)
    short = shorten(e, limit)
    assert short.x.shape[1] == min(limit, valid.shape[1])
    for i, row in enumerate(valid):
        frames = e.x[i].numpy()[row]
        stretches = (
            np.arange(len(frames)) * limit // max(len(frames), 1)
            if len(frames) > limit
            else np.arange(len(frames))
        )
        expected = [frames[stretches == k].mean(0) for k in sorted(set(stretches))]
        assert short.valid[i].sum() == len(expected)
        assert short.valid[i, : len(expected)].all()
        if expected:
            np.testing.assert_allclose(short.x[i, : len(expected)].numpy(), expected, atol=1e-6)
        assert (short.x[i][~short.valid[i]] == 0).all()


@pytest.mark.parametrize("pooling", [None, "mean", "max", "stats"])
def test_what_is_read_from_the_training_part_has_mean_0_and_spread_1(pooling):
    batch, reader = make_batch(50), Standardizer(AUDIO, DIMS[AUDIO], pooling)
    reader.fit(batch)
    e = reader(batch)
    frames = e.x[e.valid]
    spread = frames.std(0, correction=0)
    assert torch.allclose(frames.mean(0), torch.zeros(reader.width), atol=1e-5)
    assert torch.allclose(spread, torch.ones(reader.width), atol=1e-4)


@pytest.mark.parametrize("pooling", [None, "stats"])
def test_scaling_sees_only_frames_that_are_there(pooling):
    """Padding and absent utterances may hold anything."""
    batch = make_batch(20)
    present = batch.present.clone()
    present[::3] = False
    part = FeatureBatch(batch.x, batch.pad, present)
    garbage = padded(part, 4)
    garbage = FeatureBatch(
        {m: torch.where(present[:, :1, None], v, torch.inf) for m, v in garbage.x.items()},
        garbage.pad,
        present,
    )
    there, dirty = Standardizer(AUDIO, DIMS[AUDIO], pooling), Standardizer(AUDIO, DIMS[AUDIO], pooling)
    there.fit(part.take(present[:, 1].nonzero()[:, 0]))
    dirty.fit(garbage)
    assert torch.allclose(there.mean, dirty.mean)
    assert torch.allclose(there.sd, dirty.sd)


@settings(max_examples=20, deadline=None)
@given(cuts=st.lists(st.integers(1, 29), max_size=4, unique=True))
def test_scaling_fitted_in_pieces_is_scaling_fitted_at_once(cuts):
    batch, whole, pieces = make_batch(30), Standardizer(AUDIO, DIMS[AUDIO]), Standardizer(AUDIO, DIMS[AUDIO])
    whole.fit(batch)
    for part in torch.arange(30).tensor_split(sorted(cuts)):
        pieces.fit(batch.take(part))
    assert torch.allclose(whole.mean, pieces.mean, rtol=1e-5)
    assert torch.allclose(whole.sd, pieces.sd, rtol=1e-5)
    assert whole.count == pieces.count


def test_a_feature_that_never_varies_is_not_blown_up():
    samples = [{AUDIO: np.array([1.0, i], dtype=np.float32)} for i in range(5)]
    reader = Standardizer(AUDIO, 2)
    reader.fit(collate(samples, {AUDIO: 2}))
    read = reader(collate([{AUDIO: np.array([1.5, 2.0], dtype=np.float32)}], {AUDIO: 2}))
    assert read.x[0, 0].tolist() == pytest.approx([0.5, 0.0])


def test_a_modality_that_training_never_had_is_left_as_it_is():
    batch, reader = make_batch(), Standardizer(AUDIO, DIMS[AUDIO])
    reader.fit(batch.using(()))
    assert torch.equal(reader.mean, torch.zeros(DIMS[AUDIO]))
    assert torch.equal(reader.sd, torch.ones(DIMS[AUDIO]))


def test_features_that_are_not_numbers_are_refused_in_one_sentence():
    batch = make_batch()
    batch.x[AUDIO][0, 0, 0] = torch.nan
    with pytest.raises(ValueError, match="audio features are NaN or infinite: extract them again"):
        Standardizer(AUDIO, DIMS[AUDIO]).fit(batch)


def test_a_perceptron_ends_with_its_output():
    network = perceptron((5, 4, 3), 0.5)
    assert [type(layer).__name__ for layer in network] == ["Linear", "ReLU", "Dropout", "Linear"]
