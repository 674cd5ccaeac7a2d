import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from feature_tables import DIMS, make_table
from studies import make_study, record_of

from mmer_core.crossval import fold_loop, trainer
from mmer_core.crossval.experiment import Experiment, parts_of
from mmer_core.crossval.fold_loop import Run, check, train_runs
from mmer_core.labels import Modality, subset_name, subsets
from mmer_core.runs.run import CVRun
from mmer_core.training.config import TrainingConfig
from mmer_core.training.loop import TrainingError

QUICK = TrainingConfig(epochs=3, batch_size=16, learning_rate=5e-3, refit=False)
PLAIN = {"dropout": 0.0, "input_dropout": 0.0}  # dropout draws from another stream side by side
MODALITIES = tuple(DIMS)


def train(study, folder, *experiments, say=lambda line: None):
    runs = [Run(e, folder / f"run{i}", record_of(study, e)) for i, e in enumerate(experiments)]
    train_runs(study, runs, say)
    return [CVRun.open(folder / f"run{i}", verify=True) for i in range(len(runs))]


def early(**settings):
    return Experiment("early", MODALITIES, training=replace(QUICK, **settings))


@pytest.fixture(scope="module")
def study():
    return make_study(make_table(absent=0.1))


@pytest.fixture(scope="module")
def run(study, tmp_path_factory):
    """Early fusion, trained."""
    (found,) = train(study, tmp_path_factory.mktemp("runs"), early())
    return found


def test_every_utterance_is_predicted_once_for_every_subset(study, run):
    assert set(run.metrics) == {subset_name(s) for s in subsets(MODALITIES)}
    for subset in run.metrics:
        rows = run.predictions(subset)
        assert sorted(rows["id"]) == sorted(study.table.ids)
        np.testing.assert_allclose(rows[run.probability_columns].sum(axis=1), 1, atol=1e-5)
        truth = dict(zip(study.table.ids, study.table.y, strict=True))
        assert (rows["y_true"] == rows["id"].map(truth)).all()


def test_an_utterance_is_predicted_in_the_fold_that_tests_it(run):
    roles = run.folds.merge(run.predictions()[["id", "fold"]], on=["id", "fold"])
    assert set(roles["role"]) == {"test"}
    assert len(roles) == 90


def test_the_figures_are_those_of_the_predictions(run):
    rows = run.predictions()
    right = rows[run.probability_columns].to_numpy().argmax(axis=1) == rows["y_true"]
    metrics = run.metrics[run.full]
    assert metrics["accuracy"][0] == pytest.approx(right.mean(), abs=1e-6)
    assert metrics["folds"]["accuracy"]["each"] == pytest.approx(
        right.groupby(rows["fold"]).mean().tolist(), abs=1e-6
    )
    assert metrics["folds"]["accuracy"]["mean"] == pytest.approx(
        np.mean(metrics["folds"]["accuracy"]["each"]), abs=1e-6
    )
    assert metrics["accuracy"][1] <= metrics["accuracy"][0] <= metrics["accuracy"][2]
    assert run.confusion().sum() == 90
    assert sum(run.confusion(fold=k) for k in range(3)).tolist() == run.confusion().tolist()
    assert run.record["baselines"]["chance"] == pytest.approx(1 / 3, abs=1e-6)
    assert run.record["baselines"]["majority"]["accuracy"] == pytest.approx(1 / 3, abs=0.05)


def test_calibrated_probabilities_use_the_temperature_of_their_fold(run):
    raw, calibrated = (
        run.predictions(calibrated=c)[run.probability_columns].to_numpy() for c in (False, True)
    )
    temperature = np.array(run.record["temperatures"][run.full])[run.predictions()["fold"]]
    scaled = raw.astype(float) ** (1 / temperature[:, None])
    np.testing.assert_allclose(calibrated, scaled / scaled.sum(1, keepdims=True), atol=1e-5)


@pytest.mark.parametrize("side_by_side", [False, True])
def test_poisoned_test_labels_change_neither_selection_nor_weights(tmp_path, monkeypatch, side_by_side):
    """The test part of fold 0 is relabelled; everything fold 0 decides must stay, also which settings the
    search prefers.
    """
    study = make_study(side_by_side=side_by_side)
    y = study.table.y.copy()
    y[study.folds[0].test] = (y[study.folds[0].test] + 1) % 3
    poisoned = replace(study, table=replace(study.table, y=y))
    searching = replace(early(), search={"learning_rate": [1e-4, 5e-3], "hidden": [(8,), (16, 8)]})
    predict, models = fold_loop.selection.predict, []
    monkeypatch.setattr(
        fold_loop.selection,
        "predict",
        lambda choice, fold: models.append((fold.number, choice.model)) or predict(choice, fold),
    )
    runs = [train(s, tmp_path / name, searching)[0] for name, s in (("clean", study), ("poisoned", poisoned))]
    clean, other = (model.state_dict().values() for number, model in models if number == 0)
    assert all(torch.equal(a, b) for a, b in zip(clean, other, strict=True))
    assert runs[0].record["chosen"][0] == runs[1].record["chosen"][0]
    assert {s: t[0] for s, t in runs[0].record["temperatures"].items()} == {
        s: t[0] for s, t in runs[1].record["temperatures"].items()
    }
    first = [run.history[run.history["fold"] == 0].reset_index(drop=True) for run in runs]
    pd.testing.assert_frame_equal(*first)


@pytest.mark.parametrize("side_by_side", [False, True])
def test_a_killed_run_goes_on_and_ends_as_if_it_had_not_been(tmp_path, side_by_side):
    study = make_study(make_table(absent=0.1), side_by_side=side_by_side)
    experiments = [early(), Experiment("late_mean", MODALITIES, training=QUICK)]
    whole = train(study, tmp_path / "whole", *experiments)
    lines = []

    def killed_after_three_folds(line):
        lines.append(line)
        if len(lines) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(study, tmp_path / "cut", *experiments, say=killed_after_three_folds)
    left = CVRun.open(tmp_path / "cut" / "run0")
    assert (left.record["status"], left.record["metrics"]) == ("interrupted", {})
    resumed = train(study, tmp_path / "cut", *experiments, say=lines.append)
    assert len(lines) == 3 + 3 + 2  # folds, then the final models
    train(study, tmp_path / "cut", *experiments, say=lines.append)  # finished runs are left as they are
    assert len(lines) == 3 + 3 + 2
    for ours, theirs in zip(resumed, whole, strict=True):
        pd.testing.assert_frame_equal(ours.predictions(), theirs.predictions())
        pd.testing.assert_frame_equal(ours.history, theirs.history)
        assert ours.metrics == theirs.metrics
        assert "reason" not in ours.record
        assert [(run.model / "fusion.safetensors").read_bytes() for run in (ours, theirs)].count(
            (ours.model / "fusion.safetensors").read_bytes()
        ) == 2


def test_side_by_side_gives_the_same_run(tmp_path):
    table = make_table(frames=3, absent=0.1)
    experiments = [
        Experiment("early", MODALITIES, PLAIN, QUICK),
        *(Experiment("unimodal", (m,), PLAIN, QUICK) for m in MODALITIES),
        Experiment("late_vote", MODALITIES, PLAIN, QUICK),
    ]
    one, other = (
        train(make_study(table, side_by_side=s), tmp_path / str(s), *experiments) for s in (False, True)
    )
    for ours, theirs in zip(one, other, strict=True):
        for subset in ours.metrics:
            a, b = (run.predictions(subset)[run.probability_columns] for run in (ours, theirs))
            np.testing.assert_allclose(a, b, atol=1e-4)


def test_a_late_vote_is_the_vote_of_the_unimodal_runs(tmp_path):
    table = make_table(n=120)
    experiments = [
        *(Experiment("unimodal", (m,), training=QUICK) for m in MODALITIES),
        Experiment("late_vote", MODALITIES, training=QUICK),
    ]
    *alone, late = train(make_study(table), tmp_path, *experiments)
    votes = np.stack([run.predictions()[run.probability_columns].to_numpy().argmax(axis=1) for run in alone])
    counts = np.stack([(votes == c).sum(axis=0) for c in range(3)], axis=1)
    assert (
        late.predictions()[late.probability_columns].to_numpy().argmax(axis=1) == counts.argmax(axis=1)
    ).all()
    for run, modality in zip(alone, MODALITIES, strict=True):
        mine, theirs = (
            r.predictions(str(modality))[r.probability_columns].to_numpy().argmax(axis=1) for r in (run, late)
        )
        assert (mine == theirs).all()


def test_parts_that_runs_share_are_trained_once(tmp_path, monkeypatch):
    trained = []
    fit = trainer.loop.fit
    monkeypatch.setattr(trainer.loop, "fit", lambda *a, **k: trained.append(a[0]) or fit(*a, **k))
    experiments = [
        *(Experiment(name, MODALITIES, training=QUICK) for name in ("late_vote", "late_mean", "product")),
        Experiment("unimodal", (Modality.TEXT,), training=QUICK),
    ]
    train(make_study(), tmp_path, *experiments)
    folds, final = 3 * 3, 3  # folds x modalities, and those fitted on everything
    assert len(trained) == folds + final


def test_the_search_keeps_what_the_validation_part_prefers(tmp_path):
    searching = replace(early(epochs=6), search={"learning_rate": [1e-6, 5e-3]})
    (run,) = train(make_study(), tmp_path, searching)
    assert {chosen["training"]["learning_rate"] for chosen in run.record["chosen"]} == {5e-3}
    assert run.record["search"] == {"grid": {"learning_rate": [1e-6, 5e-3]}, "trials": 0}


def test_random_trials_are_a_part_of_the_grid_and_repeat():
    searching = replace(
        early(), search={"learning_rate": [1e-4, 1e-3, 1e-2], "hidden": [(8,), (16,)]}, trials=3
    )
    assert searching.candidates(1) == searching.candidates(1)
    everything = replace(searching, trials=0).candidates(1)
    assert len(everything) == 6
    assert all(candidate in everything for candidate in searching.candidates(1))
    assert len(searching.candidates(1)) == 3


def test_repeats_predict_everything_again(tmp_path):
    (run,) = train(make_study(repeat=2), tmp_path, early())
    assert run.predictions()["id"].value_counts().unique().tolist() == [2]
    assert sorted(run.predictions()["fold"].unique()) == list(range(6))


@pytest.mark.parametrize("fusion", ["early", "late_mean", "product"])
def test_refitting_trains_on_the_validation_part_too_and_still_not_on_the_test_part(
    tmp_path, monkeypatch, fusion
):
    study = make_study()
    predict, models = fold_loop.selection.predict, []
    monkeypatch.setattr(
        fold_loop.selection,
        "predict",
        lambda choice, fold: models.append(choice.model) or predict(choice, fold),
    )
    plain, refit = (
        train(
            study, tmp_path / str(again), Experiment(fusion, MODALITIES, training=replace(QUICK, refit=again))
        )[0]
        for again in (False, True)
    )
    assert plain.record["temperatures"] == refit.record["temperatures"]
    assert [c["best_epoch"] for c in plain.record["chosen"]] == [
        c["best_epoch"] for c in refit.record["chosen"]
    ]
    once, again = models[0], models[3]
    fold = study.folds[0]
    both = study.table.batch(np.concatenate([fold.train, fold.validation]))
    for modality in MODALITIES:
        torch.testing.assert_close(
            again.standardizers[modality].mean, both.x[modality][:, 0].mean(0), atol=1e-5, rtol=1e-5
        )
    if (
        fusion == "product"
    ):  # what combines the experts was fitted on the validation part, by the first training
        torch.testing.assert_close(once.weight, again.weight)
        torch.testing.assert_close(once.temperature, again.temperature)
        assert not torch.equal(once.temperature, torch.ones(3))


@pytest.mark.parametrize("side_by_side", [False, True])
def test_progress_is_told_by_fold_and_epoch(tmp_path, side_by_side):
    lines = []
    (run,) = train(make_study(side_by_side=side_by_side), tmp_path, early(patience=0), say=lines.append)
    assert [line.split(":")[1].strip() for line in lines] == [
        "fold 1 of 3",
        "fold 2 of 3",
        "fold 3 of 3",
        "fitted on all 90 utterances",
    ]
    assert {name: run.progress[name] for name in ("status", "step", "done", "folds", "share")} == {
        "status": "finished",
        "step": "final model",
        "done": 3,
        "folds": 3,
        "share": 1.0,
    }
    history = run.history
    assert history.groupby("fold")["best"].sum().tolist() == [1, 1, 1]
    for fold, rows in history.groupby("fold"):
        assert [row["train_loss"] for row in run.progress["curves"][str(fold)]] == pytest.approx(
            rows["train_loss"].tolist(), abs=1e-5
        )
    assert {"train_loss", "validation_loss", "validation_accuracy", "validation_ua", "learning_rate"} < set(
        history.columns
    )


def test_a_failed_training_is_marked_with_its_reason(tmp_path):
    study = make_study()
    experiment = early(learning_rate=1e30)
    with pytest.raises(TrainingError, match="lower --learning-rate"):
        train(study, tmp_path, experiment)
    run = CVRun.open(tmp_path / "run0")
    assert run.record["status"] == "failed"
    assert "lower --learning-rate" in run.record["reason"]


def test_wrong_settings_are_told_before_anything_is_written():
    study = make_study()
    with pytest.raises(ValueError, match="no option"):
        check(study, Experiment("early", MODALITIES, {"depth": 3}))
    with pytest.raises(ValueError, match="set --validation above 0"):
        check(make_study(validation=0.0), replace(early(), search={"learning_rate": [1e-3, 1e-2]}))


@pytest.mark.parametrize("fusion", ["late_mean", "late_vote", "product"])
def test_the_parts_of_a_late_network_are_the_unimodal_classifiers(fusion):
    late = Experiment(fusion, MODALITIES, {"hidden": (8,)}, QUICK)
    assert (
        parts_of(late, 1)["audio"]
        == parts_of(Experiment("unimodal", (Modality.AUDIO,), {"hidden": (8,)}, QUICK), 1)[""]
    )
    assert list(parts_of(early(), 0)) == [""]


def test_a_network_with_options_of_its_own_is_trained_as_one():
    heads = {"audio": {"name": "frames"}}
    parts = parts_of(Experiment("product", MODALITIES, {"heads": heads}, QUICK), 0)
    assert list(parts) == [""]
    assert len({parts[""]: 1}) == 1  # it can be looked up, whatever its options are


def test_no_weights_of_folds_are_kept(run):
    files = {str(p.relative_to(run.path)) for p in run.path.rglob("*") if p.is_file() and p.name != ".lock"}
    assert files == {
        "run.json",
        "progress.json",
        "folds.parquet",
        "predictions.parquet",
        "history.parquet",
        "baseline.parquet",
        "model/model.json",
        "model/fusion.safetensors",
        "model/README.md",
    }
    assert set(run.record["files"]) == {name for name in files if name.endswith(".parquet")}
    json.loads(
        (run.path / "run.json").read_text(), parse_constant=lambda text: pytest.fail(f"{text} is no JSON")
    )


def test_while_training_a_fold_is_kept_without_weights(tmp_path):
    def killed(line):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(make_study(), tmp_path, early(), say=killed)
    assert {p.name for p in (tmp_path / "run0" / "fold_0").iterdir()} == {
        "fold.json",
        "predictions.parquet",
        "history.parquet",
    }


def test_a_linear_baseline_stands_beside_the_run(study, run):
    linear = run.record["baselines"]["linear"]
    rows = pd.read_parquet(run.path / "baseline.parquet")
    assert sorted(rows["id"]) == sorted(study.table.ids)
    right = rows[run.probability_columns].to_numpy().argmax(axis=1) == rows["y_true"]
    assert linear["accuracy"][0] == pytest.approx(right.mean(), abs=1e-6)
    assert linear["paired"]["second"] == pytest.approx(run.metrics[run.full]["accuracy"][0], abs=1e-6)
