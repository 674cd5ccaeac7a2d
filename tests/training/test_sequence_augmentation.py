import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmer_core.features.batch import collate
from mmer_core.labels import Modality
from mmer_core.training import augmentation


def sequences(lengths, dim=20, seed=0):
    rng = np.random.default_rng(seed)
    return collate([{Modality.AUDIO: rng.normal(size=(t, dim))} for t in lengths], {Modality.AUDIO: dim})


def test_spec_augment_hides_stretches_and_bands_behind_the_mean():
    batch = sequences([40, 25])
    x, pad = batch.x[Modality.AUDIO], batch.pad[Modality.AUDIO]
    changed = augmentation.spec_augment(x, pad, torch.Generator().manual_seed(3))
    touched = changed != x
    assert 0 < touched.float().mean() < 0.7
    assert not touched[pad].any()
    for row in range(2):
        mean = x[row][~pad[row]].mean(0)
        expected = mean.expand_as(x[row])[touched[row]]
        torch.testing.assert_close(changed[row][touched[row]], expected, atol=1e-5, rtol=1e-5)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(1, 9), min_size=1, max_size=5), st.floats(0, 0.99), st.integers(0, 1000))
def test_dropping_frames_never_drops_an_utterance(lengths, share, seed):
    pad = sequences(lengths).pad[Modality.AUDIO]
    hidden = augmentation.drop_frames(pad, share, torch.Generator().manual_seed(seed))
    assert (hidden | ~pad | pad).all()
    assert (pad <= hidden).all()
    assert (~hidden).any(1).all()


def test_the_asked_share_of_frames_is_dropped():
    pad = torch.zeros(50, 200, dtype=torch.bool)
    hidden = augmentation.drop_frames(pad, 0.3, torch.Generator().manual_seed(0))
    assert hidden.float().mean() == pytest.approx(0.3, abs=0.02)


def test_vectors_are_left_alone():
    batch = collate([{Modality.TEXT: np.ones(4)}] * 3, {Modality.TEXT: 4})
    changed = augmentation.augment_batch(batch, torch.Generator(), spec=True, temporal=0.5)
    assert torch.equal(changed.x[Modality.TEXT], batch.x[Modality.TEXT])
    assert torch.equal(changed.pad[Modality.TEXT], batch.pad[Modality.TEXT])
