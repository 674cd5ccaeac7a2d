"""FER2013 for the face recipe, and what training does to its pictures."""

import hashlib

import numpy as np
import pytest
import torch

from mmer_core.labels import EMOTIONS
from recipes.face.augmentation import augment
from recipes.face.fer2013 import LabelledFaces, clean, hold_out, read_fer2013


def labelled(images, labels):
    return LabelledFaces(
        images, np.array(labels), np.array([hashlib.sha256(image.tobytes()).hexdigest() for image in images])
    )


def test_labels_are_in_our_order(fer2013):
    faces = read_fer2013(fer2013 / "fer2013" / "train.npz")
    assert [EMOTIONS[i] for i in faces.labels[:7]] == [
        "anger",
        "disgust",
        "fear",
        "joy",
        "sadness",
        "surprise",
        "neutral",
    ]
    assert faces.images.shape == (84, 48, 48)


def test_a_missing_part_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"train\.npz is missing: give the folder .* with --data"):
        read_fer2013(tmp_path / "fer2013" / "train.npz")


def test_blank_repeated_and_tested_pictures_are_left_out():
    noise = np.random.default_rng(0).integers(0, 256, (4, 48, 48), dtype=np.uint8)
    images = np.stack([noise[0], noise[0], noise[0], noise[1], noise[2], np.zeros_like(noise[0])])
    kept = clean(labelled(images, [1, 1, 2, 3, 4, 5]), exclude=labelled(noise[2:3], [4]))
    assert sorted(kept.labels.tolist()) == [1, 2, 3]  # the first picture stays once under each of its labels


def test_the_held_out_part_is_stratified_and_shares_no_picture():
    noise = np.random.default_rng(0).integers(0, 256, (200, 48, 48), dtype=np.uint8)
    images = np.concatenate([noise, noise[:50]])
    faces = labelled(images, np.concatenate([np.arange(200) % 7, np.arange(50) % 7]))
    training, held = hold_out(faces, 0.2, seed=1)
    assert len(training) + len(held) == 250
    assert not set(training.digests) & set(held.digests)
    assert np.bincount(held.labels, minlength=7).min() >= 4
    assert (hold_out(faces, 0.2, seed=1)[1].digests == held.digests).all()
    assert set(hold_out(faces, 0.2, seed=2)[1].digests) != set(held.digests)


@pytest.mark.parametrize("side", [40, 48])
def test_augmented_pictures_stay_pictures(side):
    x = torch.rand(64, 1, 48, 48)
    given = x.clone()
    seen = augment(x, side, 1.0, torch.Generator().manual_seed(0))
    assert seen.shape == (64, 1, side, side)
    assert seen.min() >= 0
    assert seen.max() <= 1
    assert torch.equal(x, given)
    assert torch.equal(seen, augment(x, side, 1.0, torch.Generator().manual_seed(0)))
    assert not torch.equal(seen, augment(x, side, 1.0, torch.Generator().manual_seed(1)))


def test_without_strength_pictures_are_only_mirrored():
    x = torch.rand(32, 1, 48, 48)
    seen = augment(x, 48, 0.0, torch.Generator().manual_seed(0))
    as_is = torch.isclose(seen, x, atol=1e-4).all(dim=(1, 2, 3))
    mirrored = torch.isclose(seen, x.flip(3), atol=1e-4).all(dim=(1, 2, 3))
    assert (as_is ^ mirrored).all()
    assert 0 < as_is.sum() < 32
