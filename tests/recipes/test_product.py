"""The shipped product of experts, fitted to held-out logits on label-matched draws."""

import numpy as np
import pandas as pd
import pytest
import torch

from mmer_core.fusion.product import ProductOfExperts
from mmer_core.labels import EMOTIONS, Modality
from mmer_core.uncertainty.calibration import fit_temperature, halfway_to_equal
from mmer_core.uncertainty.selective_prediction import COVERAGE
from recipes.bundle.held_out import HeldOut, matched_draws
from recipes.bundle.product import FittedProduct

C = len(EMOTIONS)
EVEN = np.full(C, 1 / C)
SKEWED = np.array([0.52, 0.08, 0.08, 0.08, 0.08, 0.08, 0.08])


def product(*modalities, seed=0):
    """An untrained one: only the raw logits of its experts are asked for."""
    return FittedProduct(ProductOfExperts(dict.fromkeys(modalities, 2), C), seed, draws=4000)


def held_out(seed, skill, n=700, sharpness=1.0):
    """An expert that is right as often as `skill` makes it; `sharpness` > 1 makes it overconfident without
    changing its ranking.
    """
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, C, n)
    logits = rng.normal(size=(n, C)) + skill * np.eye(C)[labels]
    return HeldOut(
        (logits * skill * sharpness).astype(np.float32), labels, np.array([f"g{i % 20}" for i in range(n)])
    )


@pytest.mark.parametrize("sharpness", [0.5, 1.0, 3.0])
def test_temperature_undoes_overconfidence(sharpness):
    # With unit normal noise and a mean shift of s on the true class, the exact posterior has logits s·x:
    # temperature = sharpness.
    part = held_out(0, skill=1.5, n=20_000, sharpness=sharpness)
    assert fit_temperature(part.logits, part.labels) == pytest.approx(sharpness, rel=0.05)


def test_draws_match_labels_and_follow_the_prior():
    parts = {m: held_out(i, 5.0) for i, m in enumerate((Modality.TEXT, Modality.AUDIO))}
    prior = np.array([0.4, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1])
    drawn, labels = matched_draws(parts, prior, 4000, seed=0)
    assert np.bincount(labels, minlength=C) / 4000 == pytest.approx(prior, abs=0.03)
    for logits in drawn.values():
        assert (logits.argmax(dim=1) == labels).float().mean() > 0.9


def test_a_class_without_utterances_is_named():
    part = held_out(0, 1.0)
    lacking = HeldOut(
        part.logits[part.labels != 3], part.labels[part.labels != 3], part.groups[part.labels != 3]
    )
    with pytest.raises(ValueError, match="no fear"):
        matched_draws({Modality.AUDIO: lacking}, np.full(C, 1 / C), 100, seed=0)


def test_halves_share_no_group():
    first, second = held_out(0, 1.0).halves(seed=3)
    assert not set(first.groups) & set(second.groups)
    assert len(first.labels) + len(second.labels) == 700
    assert 250 < len(first.labels) < 450


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
    unimodal = {Modality.TEXT: torch.from_numpy(part[Modality.TEXT].logits)}
    common = []
    for answered in (SKEWED, halfway_to_equal(SKEWED), EVEN):
        fitted = product(Modality.TEXT)
        fitted.fit(part, {Modality.TEXT: SKEWED}, {Modality.TEXT: answered})
        log_probabilities = fitted.log_probabilities(unimodal, (Modality.TEXT,))
        common.append((log_probabilities.argmax(1) == 0).sum())
        assert fitted.prior((Modality.TEXT,)) == pytest.approx(answered, abs=1e-5)
    assert common[0] > common[1] > common[2]


def test_reads_the_table_that_a_step_writes(tmp_path):
    table = pd.DataFrame(
        {"id": ["a", "b"], "label": ["joy", "fear"], "group": ["s1", "s2"]}
        | {f"logit_{n}": [0.5, float(i)] for i, n in enumerate(EMOTIONS)}
    )
    table.to_parquet(tmp_path / "x.parquet")
    part = HeldOut.read(tmp_path / "x.parquet")
    assert part.labels.tolist() == [EMOTIONS.index("joy"), EMOTIONS.index("fear")]
    assert torch.equal(torch.from_numpy(part.logits[1]), torch.arange(C, dtype=torch.float32))
    table.assign(distance=[1.0, 3.0]).to_parquet(tmp_path / "x.parquet")
    scaled = HeldOut.read(tmp_path / "x.parquet", temperature_slope=0.5)
    assert scaled.logits.tolist() == [part.logits[0].tolist(), (part.logits[1] / 2).tolist()], (
        "1 + 0.5 · (3 - 1) = 2"
    )
