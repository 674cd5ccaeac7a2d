"""The shipped product of experts, fitted to what its experts say of corpora that they have not seen."""

import numpy as np
import pytest
import torch

from mmer_core.fusion.product import ProductOfExperts
from mmer_core.labels import EMOTIONS, Modality
from mmer_core.uncertainty.calibration import halfway_to_equal, log_softmax
from mmer_core.uncertainty.selective_prediction import COVERAGE
from recipes import left_out
from recipes.bundle.held_out import HeldOut, matched_draws
from recipes.bundle.product import FittedProduct
from recipes.left_out import Answering, LeftOut

C = len(EMOTIONS)
EVEN = np.full(C, 1 / C)
SKEWED = np.array([0.52, 0.08, 0.08, 0.08, 0.08, 0.08, 0.08])


def product(*modalities, seed=0):
    """An untrained one: only the raw logits of its experts are asked for."""
    return FittedProduct(ProductOfExperts(dict.fromkeys(modalities, 2), C), seed, draws=4000)


def corpus(seed, skill, n=700, sharpness=1.0, classes=range(C)):
    """An expert that is right as often as `skill` makes it; `sharpness` > 1 makes it overconfident without
    changing its ranking.
    """
    rng = np.random.default_rng(seed)
    labels = np.array(classes)[rng.integers(0, len(classes), n)]
    logits = rng.normal(size=(n, C)) + skill * np.eye(C)[labels]
    return LeftOut(
        (logits * skill * sharpness).astype(np.float32), labels, np.array([f"g{i % 20}" for i in range(n)])
    )


def held_out(seed, skill, n=700, sharpness=1.0):
    """One such corpus."""
    return HeldOut({"one": corpus(seed, skill, n, sharpness)}, {})


def marked(value, labels):
    """A corpus whose logits are all `value`, to see from which one is drawn."""
    labels = np.asarray(labels)
    return LeftOut(
        np.full((len(labels), C), value, np.float32), labels, np.array([f"g{i}" for i in range(len(labels))])
    )


@pytest.mark.parametrize("sharpness", [0.5, 1.0, 3.0])
def test_temperature_undoes_overconfidence(sharpness):
    # With unit normal noise and a mean shift of s on the true class, the exact posterior has logits s·x:
    # temperature = sharpness.
    fitted = product(Modality.TEXT)
    fitted.fit({Modality.TEXT: held_out(0, 1.5, 20_000, sharpness)}, {Modality.TEXT: EVEN})
    assert fitted.network.temperature.item() == pytest.approx(sharpness, rel=0.05)


def test_the_temperature_of_an_expert_is_that_of_its_corpora_each_counted_alike():
    parts = [corpus(0, 1.3, 300, 3.0), corpus(1, 1.3, 3000), corpus(2, 1.3, 100, 0.5, classes=(1, 2))]
    fitted = product(Modality.TEXT)
    held = HeldOut({"small": parts[0], "large": parts[1]}, {"lent": parts[2]})
    fitted.fit({Modality.TEXT: held}, {Modality.TEXT: SKEWED}, {Modality.TEXT: EVEN})
    temperature = left_out.fit_temperature(parts, SKEWED, EVEN)
    assert fitted.network.temperature.item() == pytest.approx(temperature, rel=1e-6)
    found = fitted.log_probabilities({Modality.TEXT: torch.from_numpy(parts[0].logits)}, (Modality.TEXT,))
    answers = Answering(temperature, SKEWED, EVEN).logits(parts[0].logits)
    np.testing.assert_allclose(found, log_softmax(answers), atol=1e-4)


def test_draws_match_labels_and_follow_the_prior():
    parts = {m: held_out(i, 5.0) for i, m in enumerate((Modality.TEXT, Modality.AUDIO))}
    prior = np.array([0.4, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1])
    drawn, labels = matched_draws(parts, prior, 4000, seed=0)
    assert np.bincount(labels, minlength=C) / 4000 == pytest.approx(prior, abs=0.03)
    for logits in drawn.values():
        assert (logits.argmax(dim=1) == labels).float().mean() > 0.9


def test_a_class_without_utterances_is_named():
    lacking = HeldOut({"one": corpus(0, 1.0, classes=(0, 1, 2, 4, 5, 6))}, {})
    with pytest.raises(ValueError, match="no fear"):
        matched_draws({Modality.AUDIO: lacking}, np.full(C, 1 / C), 100, seed=0)


def test_draws_come_from_each_corpus_that_has_the_class_about_as_often():
    held = HeldOut(
        {
            "large": marked(1, [0] * 5000 + [1] * 30),
            "small": marked(2, [0] * 50),
            "other": marked(3, [1] * 30),
        },
        {"lent": marked(4, [2] * 40)},
    )
    rng = np.random.default_rng(0)
    shares = {
        c: {v: float((held.draw(c, 4000, rng)[:, 0] == v).mean()) for v in (1, 2, 3, 4)} for c in range(3)
    }
    assert shares[0] == pytest.approx({1: 0.5, 2: 0.5, 3: 0, 4: 0}, abs=0.03)
    assert shares[1] == pytest.approx({1: 0.5, 2: 0, 3: 0.5, 4: 0}, abs=0.03)
    assert shares[2] == {1: 0, 2: 0, 3: 0, 4: 1}, "what no left-out corpus has is lent"


def test_a_corpus_with_few_of_a_class_does_not_stand_for_it():
    held = HeldOut({"many": marked(1, [0] * 20), "few": marked(2, [0] * 19 + [1] * 3)}, {})
    rng = np.random.default_rng(0)
    assert (held.draw(0, 100, rng) == 1).all()
    assert (held.draw(1, 100, rng) == 2).all(), "unless nothing else does"


def test_halves_share_no_group():
    whole = HeldOut({"a": corpus(0, 1.0), "b": corpus(1, 1.0, 350)}, {"c": corpus(2, 1.0, 140)})
    first, second = whole.halves(seed=3)
    for name, parts in {**whole.corpora, **whole.lent}.items():
        one, two = ({**half.corpora, **half.lent}[name] for half in (first, second))
        assert not set(one.groups) & set(two.groups)
        assert len(one) + len(two) == len(parts)
        assert 0.35 < len(one) / len(parts) < 0.65
    assert set(first.lent) == set(second.lent) == {"c"}


def test_a_corpus_of_one_speaker_is_in_one_half():
    alone = corpus(0, 1.0)
    alone = LeftOut(alone.logits, alone.labels, np.full(len(alone), "s"))
    first, second = HeldOut({"a": corpus(1, 1.0), "alone": alone}, {}).halves(seed=0)
    assert [set(half.corpora) for half in (first, second)] == [{"a"}, {"a", "alone"}]


def test_fused_beats_the_best_expert_and_is_calibrated():
    modalities = (Modality.TEXT, Modality.AUDIO, Modality.VISUAL)
    fitted = product(*modalities)
    known, unknown = (
        {m: held_out(seed + i, 1.3, 3000, sharpness=1 + i) for i, m in enumerate(modalities)}
        for seed in (0, 10)
    )
    fitted.fit(known, dict.fromkeys(modalities, EVEN))
    result = fitted.scores(unknown, 0.5)
    best_single = max(result[m.value]["accuracy"] for m in modalities)
    assert result["text+audio+visual"]["accuracy"] > best_single + 0.1
    assert all(row["ece"] < 0.05 for row in result.values())


def test_the_threshold_leaves_out_the_stated_share_and_lowers_the_risk():
    modalities = (Modality.TEXT, Modality.AUDIO)
    known, unknown = (
        {m: held_out(seed + i, 1.3, 3000) for i, m in enumerate(modalities)} for seed in (0, 10)
    )
    fitted = product(*modalities)
    fitted.fit(known, dict.fromkeys(modalities, EVEN))
    result = fitted.scores(unknown, fitted.unsure_below(known))
    for modality in modalities:
        unsure = result[modality.value]["unsure"]
        assert unsure["coverage"] == pytest.approx(COVERAGE, abs=0.05)
        assert unsure["risk"] < unsure["risk_of_all"]
    coverage, risk = zip(*result["text+audio"]["risk_curve"], strict=True)
    assert coverage[-1] == 1
    assert risk[-1] == pytest.approx(result["text+audio"]["unsure"]["risk_of_all"], abs=1e-3)


def test_a_subset_has_a_temperature_of_its_own():
    modalities = (Modality.TEXT, Modality.AUDIO)
    fitted = product(*modalities)
    fitted.fit({m: held_out(i, 1.0) for i, m in enumerate(modalities)}, dict.fromkeys(modalities, EVEN))
    assert set(fitted.temperatures) == {"text", "audio", "text+audio"}
    assert fitted.temperatures["text"] == 1
    unimodal = {m: torch.eye(C)[:1] * 3 for m in modalities}
    before = {s: fitted.log_probabilities(unimodal, s) for s in (modalities, modalities[:1])}
    fitted.temperatures["text+audio"] *= 4
    after = {s: fitted.log_probabilities(unimodal, s) for s in before}
    assert after[modalities][0, 0] < before[modalities][0, 0]
    assert (after[modalities[:1]] == before[modalities[:1]]).all()


def test_priors_are_kept_per_expert():
    modalities = (Modality.TEXT, Modality.AUDIO)
    fitted = product(*modalities)
    fitted.fit(
        {m: held_out(i, 1.0) for i, m in enumerate(modalities)},
        {Modality.TEXT: SKEWED, Modality.AUDIO: EVEN},
    )
    assert fitted.prior((Modality.TEXT,)) == pytest.approx(SKEWED, abs=1e-5)
    between = fitted.prior(modalities)
    assert 1 / C < between[0] < SKEWED[0]
    assert fitted.network.log_prior.exp().numpy() == pytest.approx(between, abs=1e-5)


def test_an_expert_that_answers_under_more_even_frequencies_finds_rare_classes_more_often():
    part = {Modality.TEXT: held_out(0, 1.0)}
    unimodal = {Modality.TEXT: torch.from_numpy(part[Modality.TEXT].corpora["one"].logits)}
    common = []
    for answered in (SKEWED, halfway_to_equal(SKEWED), EVEN):
        fitted = product(Modality.TEXT)
        fitted.fit(part, {Modality.TEXT: SKEWED}, {Modality.TEXT: answered})
        log_probabilities = fitted.log_probabilities(unimodal, (Modality.TEXT,))
        common.append((log_probabilities.argmax(1) == 0).sum())
        assert fitted.prior((Modality.TEXT,)) == pytest.approx(answered, abs=1e-5)
    assert common[0] > common[1] > common[2]


class TestReading:
    """The tables that a step leaves behind."""

    def test_left_out_corpora_are_read_and_lent_what_they_lack(self, tmp_path):
        strangers = {"a": corpus(0, 1.0, classes=(0, 1, 4)), "b": corpus(1, 1.0, classes=(0, 1, 4))}
        left_out.write(tmp_path / "x_strangers.parquet", strangers | {"few": corpus(2, 1.0, 7)})
        left_out.write(tmp_path / "x_validation.parquet", {"within": corpus(3, 1.0), "more": corpus(4, 1.0)})
        found = HeldOut.read(tmp_path, "x")
        assert list(found.corpora) == ["a", "b"], "those that can be measured"
        assert set(found.lent) == {"within", "more"}
        assert all(set(part.labels) == set(range(C)) for part in found.lent.values()), "whole"
        np.testing.assert_array_equal(found.corpora["b"].logits, strangers["b"].logits)

    def test_nothing_is_lent_where_nothing_lacks(self, tmp_path):
        left_out.write(tmp_path / "x_strangers.parquet", {"a": corpus(0, 1.0), "b": corpus(1, 1.0)})
        assert HeldOut.read(tmp_path, "x").lent == {}

    def test_without_left_out_corpora_others_of_the_training_data_stand_in(self, tmp_path):
        within = {"c": corpus(0, 1.0), "d": corpus(1, 1.0)}
        left_out.write(tmp_path / "x_validation.parquet", within)
        found = HeldOut.read(tmp_path, "x")
        assert (list(found.corpora), found.lent) == (["c", "d"], {})

    def test_a_class_that_nothing_has_is_named(self, tmp_path):
        part = {name: corpus(k, 1.0, classes=(0, 1, 2, 4, 5, 6)) for k, name in enumerate("ab")}
        left_out.write(tmp_path / "x_strangers.parquet", part)
        left_out.write(tmp_path / "x_validation.parquet", part)
        with pytest.raises(ValueError, match="have no fear: add such utterances"):
            HeldOut.read(tmp_path, "x")

    def test_a_step_that_has_not_been_run(self, tmp_path):
        with pytest.raises(FileNotFoundError, match=r"x_validation\.parquet is missing"):
            HeldOut.read(tmp_path, "x")
