"""The linear baseline: good enough to be worth beating, and chosen without the test part."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from feature_tables import LABELS, make_table

from mmer_core import metrics
from mmer_core.crossval import baseline
from mmer_core.crossval.baseline import LinearBaselines, compare_with, linear_baseline, pooled_features
from mmer_core.evaluation.folds import FoldPlan, make_folds
from mmer_core.labels import Modality


def folds_of(table, **plan):
    plan = FoldPlan(**{"folds": 3, **plan})
    return make_folds(plan, y=table.y, groups=table.groups, labels=table.labels)


def fitted(table, **plan):
    return linear_baseline(table, folds_of(table, **plan), table.modalities)


def accuracy(predictions, labels=LABELS):
    predicted = predictions[[f"p_{label}" for label in labels]].to_numpy().argmax(axis=1)
    confusion = metrics.confusion_matrix(predictions["y_true"].to_numpy(), predicted, len(labels))
    return metrics.scores(confusion)["accuracy"]


def certainty(predictions):
    """Mean probability of the true class."""
    probabilities = predictions[[f"p_{label}" for label in LABELS]].to_numpy()
    return probabilities[np.arange(len(predictions)), predictions["y_true"]].mean()


@pytest.mark.parametrize("frames", [1, 6])
@pytest.mark.parametrize("absent", [0.0, 0.3])
@pytest.mark.parametrize("labels", [LABELS, LABELS[:2]], ids=len)
def test_it_learns_what_is_linear(frames, absent, labels):
    table = make_table(frames=frames, absent=absent, labels=labels)
    found = fitted(table)
    assert accuracy(found.predictions, labels) > 1 / len(labels) + 0.25
    assert sorted(found.predictions["id"]) == sorted(table.ids)
    probabilities = found.predictions[[f"p_{label}" for label in labels]].to_numpy()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0, atol=1e-5)
    assert set(found.chosen) <= set(baseline.CONSTANTS)


def test_noise_teaches_nothing():
    table = make_table(n=300, speakers=20)
    noise = replace(table, y=np.random.default_rng(1).permutation(table.y))
    assert accuracy(fitted(noise).predictions) < 0.45


def test_the_same_seed_gives_the_same_predictions():
    one, two = (fitted(make_table(absent=0.2)) for _ in range(2))
    pd.testing.assert_frame_equal(one.predictions, two.predictions)
    assert one.chosen == two.chosen


@pytest.mark.parametrize("what", ["features", "labels"])
def test_the_test_part_neither_chooses_nor_fits(what):
    """Poison one fold's test part: its constant must stay, and the predictions of clean utterances too."""
    table = make_table(frames=3)
    fold = folds_of(table)[0]
    poisoned = make_table(frames=3)
    if what == "labels":
        poisoned = replace(poisoned, y=table.y.copy())
        poisoned.y[fold.test] = 0
    else:
        for column in poisoned.columns.values():
            column.frames[column.indices(fold.test[1:])] = 1e6
    before, after = (linear_baseline(t, [fold], t.modalities) for t in (table, poisoned))
    assert before.chosen == after.chosen
    columns = [f"p_{label}" for label in LABELS]
    clean = slice(None) if what == "labels" else slice(0, 1)
    pd.testing.assert_frame_equal(
        before.predictions[columns].iloc[clean], after.predictions[columns].iloc[clean]
    )


def test_the_validation_part_chooses_and_then_trains_only_where_the_run_is_refitted():
    table = make_table()
    (fold, *_) = folds_of(table)
    poisoned = replace(table, y=table.y.copy())
    poisoned.y[fold.validation] = (poisoned.y[fold.validation] + 1) % 3
    kept = replace(fold, validation=fold.validation[:0])
    plain = linear_baseline(table, [kept], table.modalities)
    assert plain.chosen == [baseline.WITHOUT_VALIDATION]
    refitted, not_refitted = (
        linear_baseline(poisoned, [fold], table.modalities, refit=refit) for refit in (True, False)
    )
    assert refitted.chosen == not_refitted.chosen
    assert certainty(refitted.predictions) < certainty(not_refitted.predictions)


def test_an_absent_modality_is_the_training_mean():
    table = make_table(absent=0.4)
    absent = table.columns[Modality.TEXT].length == 0
    mean = table.columns[Modality.TEXT].frames.copy()
    scaled = baseline._standardised(*pooled_features(table, [Modality.TEXT]), np.arange(60))
    assert (scaled[absent] == 0).all()
    np.testing.assert_allclose(scaled[:60][~absent[:60]].mean(axis=0), 0.0, atol=1e-5)
    assert np.array_equal(mean, table.columns[Modality.TEXT].frames)


def test_sequences_give_mean_and_spread_whatever_the_size_of_the_pieces(monkeypatch):
    table = make_table(frames=7, absent=0.2)
    column = table.columns[Modality.AUDIO]
    whole = pooled_features(table, [Modality.AUDIO])[0][Modality.AUDIO]
    monkeypatch.setattr(baseline, "FRAMES_AT_ONCE", 16)
    np.testing.assert_array_equal(pooled_features(table, [Modality.AUDIO])[0][Modality.AUDIO], whole)
    for i in np.flatnonzero(column.length):
        frames = column.frames[column.start[i] : column.start[i] + column.length[i]]
        expected = np.concatenate([frames.mean(axis=0), frames.std(axis=0)])
        np.testing.assert_allclose(whole[i], expected, atol=1e-5)


def test_runs_with_the_same_modalities_share_it(monkeypatch):
    table = make_table()
    shared = LinearBaselines(table, folds_of(table))
    both = [Modality.AUDIO, Modality.TEXT]
    assert shared.get(both) is shared.get(both[::-1])
    assert shared.get(both) is not shared.get(both, refit=False)
    assert shared.get(both) is not shared.get([Modality.TEXT])


def test_a_run_is_compared_utterance_by_utterance():
    table = make_table()
    found = fitted(table)
    group_of = dict(zip(table.ids.tolist(), table.groups.tolist(), strict=True))
    itself = compare_with(found, found.predictions.sample(frac=1, random_state=0), group_of, LABELS)
    assert itself["accuracy"][0] == pytest.approx(accuracy(found.predictions))
    assert itself["paired"]["difference"] == [0.0, 0.0, 0.0]
    assert (itself["paired"]["only_first"], itself["paired"]["only_second"]) == (0, 0)
    perfect = found.predictions.copy()
    for c, label in enumerate(LABELS):
        perfect[f"p_{label}"] = (perfect["y_true"] == c).astype(float)
    better = compare_with(found, perfect, group_of, LABELS)["paired"]
    assert better["second"] == 1.0
    assert better["difference"][0] == pytest.approx(1 - itself["accuracy"][0])
    assert better["only_second"] == round(len(table) * (1 - itself["accuracy"][0]))
    assert json.loads(json.dumps(itself))["chosen"] == found.chosen
