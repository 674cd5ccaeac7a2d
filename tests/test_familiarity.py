"""What is unlike the training data is told from what is like it."""

from dataclasses import replace

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from mmer_core import familiarity
from mmer_core.familiarity import HELD_OUT_WITHIN, USUAL, Familiarity, softening
from mmer_core.labels import Modality


def correlated(n, seed, dim=12):
    """Vectors whose directions differ a hundredfold in spread."""
    mixing = np.random.default_rng(99).normal(size=(dim, dim)) * np.logspace(-1, 1, dim)
    return (np.random.default_rng(seed).normal(size=(n, dim)) @ mixing + 5).astype(np.float32)


@pytest.fixture(scope="module")
def known():
    return Familiarity.fit(correlated(800, 0), correlated(400, 1))


def beyond(known, vectors):
    return np.mean([known.strangeness(x[None]) > 1 for x in vectors])


def test_training_inputs_lie_at_a_distance_of_about_one(known):
    assert np.mean([known.distance(x[None]) for x in correlated(300, 0)]) == pytest.approx(1, abs=0.1)


def test_few_inputs_of_the_same_kind_lie_beyond_the_limit(known):
    assert beyond(known, correlated(1000, 2)) == pytest.approx(1 - HELD_OUT_WITHIN, abs=0.02)


def test_another_kind_lies_beyond_it_though_no_single_feature_is_extreme(known):
    like = correlated(1000, 3)
    unlike = np.stack([np.random.default_rng(i).permutation(column) for i, column in enumerate(like.T)], axis=1)  # correlations broken
    assert beyond(known, unlike) > 0.8
    assert unlike.max() <= like.max()


def test_a_clip_is_judged_by_its_mean_over_time(known):
    frames = correlated(5, 4)
    assert known.distance(frames) == pytest.approx(known.distance(frames.mean(axis=0, keepdims=True)))


def test_answers_are_softened_beyond_the_usual_distance_and_only_there(known):
    near, far = correlated(1, 0), correlated(1, 2) + 100
    cautious = replace(known, caution=0.5)
    assert known.softening(far) == 1, "no caution is known"
    assert cautious.softening(far) == pytest.approx(1 + 0.5 * (known.distance(far) - USUAL))
    inside = near if known.distance(near) < USUAL else known.mean[None]
    assert cautious.softening(inside) == 1
    assert softening(np.array([0.2, 1.0, 1.5, 3.0]), 2.0).tolist() == [1, 1, 2, 5]


def test_it_is_the_same_after_it_was_saved(known, tmp_path):
    assert familiarity.load(tmp_path) == {}
    name = familiarity.save(tmp_path, {Modality.AUDIO: replace(known, caution=0.25), Modality.TEXT: known})
    assert (tmp_path / name).is_file()
    again = familiarity.load(tmp_path)
    assert list(again) == [Modality.AUDIO, Modality.TEXT]
    assert (again[Modality.AUDIO].caution, again[Modality.TEXT].caution) == (0.25, 0)
    for x in correlated(20, 5):
        assert again[Modality.TEXT].strangeness(x[None]) == pytest.approx(known.strangeness(x[None]), rel=0.01)


def test_a_file_from_before_there_was_a_caution_is_read(known, tmp_path):
    name = familiarity.save(tmp_path, {Modality.AUDIO: replace(known, caution=0.25)})
    older = {k: v for k, v in load_file(tmp_path / name).items() if not k.endswith(".caution")}
    save_file(older, tmp_path / name)
    assert familiarity.load(tmp_path)[Modality.AUDIO].caution == 0
