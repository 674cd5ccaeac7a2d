"""The model that a run ends with: fitted on everything with what validation chose, calibrated out of fold."""

from __future__ import annotations

import csv
from dataclasses import replace

import numpy as np
import pytest
import studies
import torch
from feature_tables import DIMS, make_table

from mmer_core import fusion
from mmer_core.crossval import detectors, trainer
from mmer_core.crossval.cross_validation import cross_validate
from mmer_core.crossval.experiment import Experiment
from mmer_core.crossval.final_model import chosen_settings
from mmer_core.crossval.fold_loop import Run, train_runs
from mmer_core.evaluation.folds import FoldPlan
from mmer_core.features.preparation import normalised_by_group
from mmer_core.inference.emotion_model import EmotionModel
from mmer_core.labels import Modality, subset_name, subsets
from mmer_core.runs.run import CVRun
from mmer_core.training.config import TrainingConfig
from mmer_core.training.multitask import MultiTask
from mmer_core.training.request import TrainRequest
from mmer_core.uncertainty.calibration import calibrate

QUICK = TrainingConfig(epochs=3, batch_size=16, learning_rate=5e-3, refit=False)
MODALITIES = tuple(DIMS)
COMPUTED = {"encoder": "a test's", "options": {}, "fingerprint": "0" * 16}


def make_study(table=None, **plan):
    return studies.make_study(make_table(absent=0.1) if table is None else table, **plan)


def train(study, folder, experiment, **record):
    record = {
        "labels": list(study.table.labels),
        "corpus": {"name": "synthetic", "n": len(study.table)},
        "plan": {"kind": "group", "groups": "speaker"},
        "command": "",
        "seed": study.seed,
        **experiment.settings(),
        **record,
    }
    train_runs(study, [Run(experiment, folder, record)], lambda line: None)
    return CVRun.open(folder, verify=True)


def early(**settings):
    return Experiment("early", MODALITIES, training=replace(QUICK, **settings))


def fold_records(*folds):
    """fold.json of each fold: for each candidate its score, minus its loss, and its best epoch."""
    return [
        {"candidates": [{"score": [score, gain], "best_epoch": {"": epoch}} for score, gain, epoch in fold]}
        for fold in folds
    ]


@pytest.fixture(scope="module")
def study():
    return make_study()


@pytest.fixture(scope="module")
def run(study, tmp_path_factory):
    """Early fusion, trained."""
    return train(study, tmp_path_factory.mktemp("runs") / "run", early(epochs=8))


@pytest.mark.parametrize("name", fusion.names())
def test_every_network_ends_as_a_model_that_can_be_read_back(tmp_path, name):
    study = make_study(make_table(frames=3, absent=0.1))
    use = MODALITIES[:1] if name == "unimodal" else MODALITIES
    run = train(study, tmp_path / "run", Experiment(name, use, training=replace(QUICK, epochs=1)))
    model = EmotionModel.load(run.path)
    assert (model.name, model.labels, model.modalities) == ("run", study.table.labels, use)
    assert model.record["fusion"]["name"] == name
    assert set(model.calibration.temperatures) == {subset_name(s) for s in subsets(use)}
    assert all(
        subset["n"] for subset in model.record["card"]["figures"]["cross_validation"]["subsets"].values()
    )
    features = {m: np.zeros((2, DIMS[m]), dtype=np.float32) for m in use}
    scores = model.scorer.scores(features, [(), *subsets(use)])
    for subset in [(), *subsets(use)]:
        assert scores.of(subset).sum() == pytest.approx(1)


def test_it_is_fitted_on_all_utterances(study, run):
    model = EmotionModel.load(run.path)
    everyone = study.table.batch(np.arange(len(study.table)))
    for i, modality in enumerate(MODALITIES):
        there = everyone.present[:, i]
        torch.testing.assert_close(
            model.network.standardizers[modality].mean,
            everyone.x[modality][there, 0].mean(0),
            atol=1e-5,
            rtol=1e-5,
        )
    frequencies = np.bincount(study.table.y) / len(study.table)
    assert list(model.calibration.prior.values()) == pytest.approx(frequencies.tolist())


def test_it_takes_the_candidate_with_the_best_mean_score_and_the_median_epoch():
    searching = replace(early(), search={"learning_rate": [1e-4, 1e-3]})
    records = fold_records(
        [(0.5, -1.0, 9), (0.6, -1.0, 2)], [(0.9, -1.0, 9), (0.7, -1.0, 4)], [(0.5, -1.0, 9), (0.7, -1.0, 30)]
    )
    chosen, epochs = chosen_settings(searching, 0, records)
    assert (chosen.training.learning_rate, epochs) == (1e-3, {"": 4})
    equal = fold_records([(0.6, -1.0, 1), (0.6, -0.9, 2)])
    assert chosen_settings(searching, 0, equal)[0].training.learning_rate == 1e-3  # the lower loss
    same = fold_records([(0.6, -1.0, 1), (0.6, -1.0, 2)])
    assert chosen_settings(searching, 0, same)[0].training.learning_rate == 1e-4  # the first
    unknown = fold_records([(None, None, 3)], [(None, None, 3)])
    assert chosen_settings(early(), 0, unknown) == (early(), {"": 3})


def test_each_part_of_a_late_network_is_trained_for_its_own_median_epoch(tmp_path, monkeypatch):
    fitted = []
    fit = trainer.loop.fit

    def noted(network, table, train, validation, config, **more):
        fitted.append((network.modalities, len(train), len(validation), config.epochs))
        return fit(network, table, train, validation, config, **more)

    monkeypatch.setattr(trainer.loop, "fit", noted)
    study = make_study(make_table())
    run = train(
        study, tmp_path / "run", Experiment("late_mean", MODALITIES, training=replace(QUICK, epochs=6))
    )
    last = fitted[-3:]
    assert [modalities for modalities, *_ in last] == [(m,) for m in MODALITIES]
    assert {(n, k) for _, n, k, _ in last} == {(len(study.table), 0)}
    for (modality,), _, _, epochs in last:
        best = [chosen["best_epoch"][modality] for chosen in run.record["chosen"]]
        assert epochs == round(np.median(best))


def test_temperatures_and_threshold_come_from_the_out_of_fold_predictions(run):
    calibration = EmotionModel.load(run.path).calibration
    rows = run.predictions()
    raw = rows[run.probability_columns].to_numpy(dtype=np.float64)
    truth = rows["y_true"].to_numpy()

    def loss(temperature):
        return -np.log(calibrate(raw, temperature)[np.arange(len(truth)), truth]).mean()

    temperature = calibration.temperatures[run.full]
    assert loss(temperature) <= min(loss(temperature * factor) for factor in (0.8, 1.0, 1.25)) + 1e-9
    plain = calibrate(raw, temperature).max(axis=1) >= calibration.unsure_below - 1e-6
    assert plain.mean() == pytest.approx(calibration.coverage, abs=0.02)


def test_the_card_says_what_the_threshold_does_on_folds_that_did_not_choose_it(run):
    card = EmotionModel.load(run.path).record["card"]
    row = card["figures"]["cross_validation"]["subsets"][run.full]
    assert 0 <= row["unsure"]["risk"] <= 1
    assert row["unsure"]["risk_of_all"] == pytest.approx(1 - run.metrics[run.full]["accuracy"][0], abs=1e-6)
    assert row["unsure"]["coverage"] == pytest.approx(0.8, abs=0.2)
    assert row["intervals"]["accuracy"] == run.metrics[run.full]["accuracy"][1:]
    assert card["data"]["text"][0]["name"] == "synthetic"


@pytest.mark.parametrize("leaks", [False, True])
def test_a_model_from_folds_that_leak_says_so(tmp_path, leaks):
    study = make_study(kind="random" if leaks else "group")
    card = EmotionModel.load(train(study, tmp_path / "run", early(), leaks=leaks).path).record["card"]
    assert card["figures"]["cross_validation"]["leaks"] is leaks
    assert any("same people on both sides" in sentence for sentence in card["limits"]) is leaks


def test_a_product_is_combined_by_what_fits_the_folds_predictions(tmp_path):
    study = make_study(make_table(n=180, absent=0.1))
    run = train(study, tmp_path / "run", Experiment("product", MODALITIES, training=replace(QUICK, epochs=6)))
    network = EmotionModel.load(run.path).network
    assert not torch.equal(network.temperature, torch.ones(3))
    assert bool((network.weight[-1] <= 1).all())
    assert not torch.equal(network.weight, torch.ones_like(network.weight))


def test_a_sentiment_head_is_part_of_the_model(tmp_path):
    study = make_study(make_table(sentiment=True))
    model = EmotionModel.load(train(study, tmp_path / "run", early(sentiment_weight=0.5)).path)
    assert isinstance(model.network, MultiTask)
    assert model.record["sentiments"] == ["negative", "positive"]
    assert model.labels == study.table.labels


def test_views_are_trained_on(tmp_path, monkeypatch):
    views = []
    fit = trainer.loop.fit
    monkeypatch.setattr(trainer.loop, "fit", lambda *a, **k: views.append(len(k["views"])) or fit(*a, **k))
    study = replace(make_study(), views=(make_table(absent=0.1, seed=1),))
    assert train(study, tmp_path / "run", early()).model is not None
    assert views == [1] * 4  # folds and final model


def test_a_single_clip_is_scaled_as_by_the_average_speaker(tmp_path, run):
    table = make_table(absent=0.1)
    study = make_study(normalised_by_group(table))
    model = EmotionModel.load(train(study, tmp_path / "run", early()).path)
    for modality in MODALITIES:
        there = table.columns[modality].length > 0
        x = table.columns[modality].padded(np.arange(len(table)))[0][:, 0]
        means = [x[there & (table.groups == g)].mean(axis=0) for g in np.unique(table.groups)]
        np.testing.assert_allclose(model.input_scaling[modality].mean, np.mean(means, axis=0), atol=1e-5)
    assert EmotionModel.load(run.path).input_scaling == {}


def test_detectors_know_what_an_encoder_gave_and_flag_what_is_far_from_it(run):
    study = make_study(make_table(n=300, frames=3))
    entry = {**COMPUTED, "dim": DIMS[Modality.AUDIO]}
    study = replace(study, entries={Modality.AUDIO: entry})
    found, figures, notes = detectors.fit(study, (Modality.AUDIO,), {})
    detector = found[Modality.AUDIO]
    vectors = detectors.clip_means(study.table.columns[Modality.AUDIO])
    each = [detector.score(vector[None]) for vector in vectors]
    np.testing.assert_allclose(detector.distances(vectors) / detector.limit, each, rtol=1e-3, atol=1e-3)
    assert np.mean(np.array(each) > 1) < 0.05
    assert detector.score(vectors[:1] + 100) > 1
    assert figures["audio"]["utterances of folds left out"]["flagged"] == pytest.approx(0.01, abs=0.01)
    assert notes == []
    assert EmotionModel.load(run.path).detectors == {}  # features that came with the corpus have none


def test_what_detectors_leave_out_to_save_time_is_said(monkeypatch):
    monkeypatch.setattr(detectors, "ROWS_AT_MOST", 40)
    monkeypatch.setattr(detectors, "FOLDS_AT_MOST", 2)
    _, figures, notes = detectors.fit(make_study(), (Modality.AUDIO,), {})
    assert figures["audio"]["utterances of folds left out"]["n"] < 90
    assert "fitted on 40 utterances, drawn from 90" in notes[0]
    assert "measured on 2 of 3 folds" in notes[1]


def test_clip_means_are_those_of_the_frames():
    column = make_table(frames=4, absent=0.3).columns[Modality.AUDIO]
    means = detectors.clip_means(column)
    for row in range(len(means)):
        frames = column.frames[column.start[row] :][: column.length[row]]
        expected = frames.mean(axis=0) if len(frames) else np.zeros(column.dim)
        np.testing.assert_allclose(means[row], expected, atol=1e-5)


def test_a_run_interrupted_at_the_final_model_goes_on_there(tmp_path, monkeypatch):
    study = make_study()
    whole = train(study, tmp_path / "whole", early())
    write = EmotionModel.save

    def killed(model, folder):
        write(model, folder)
        raise KeyboardInterrupt

    monkeypatch.setattr(EmotionModel, "save", killed)
    with pytest.raises(KeyboardInterrupt):
        train(study, tmp_path / "run", early())
    left = CVRun.open(tmp_path / "run")
    assert (left.record["status"], left.model) == ("interrupted", None)
    monkeypatch.undo()
    monkeypatch.setattr(trainer.loop, "fit", _only_once(trainer.loop.fit))
    run = train(study, tmp_path / "run", early())
    assert run.finished
    assert run.metrics == whole.metrics
    assert (run.model / "fusion.safetensors").read_bytes() == (
        whole.model / "fusion.safetensors"
    ).read_bytes()


def _only_once(fit):
    """`fit`, which is called for the final model and for no fold."""
    calls = []

    def called(network, table, train, *more, **options):
        calls.append(len(train))
        assert calls == [len(table)]
        return fit(network, table, train, *more, **options)

    return called


WORDS = {"joy": "what a lovely sunny day", "anger": "go away now you fool"}


@pytest.fixture
def sentences(tmp_path):
    """24 sentences of two moods, by four speakers, and their features of a tiny random text encoder."""
    from mmer_core import corpora
    from mmer_core.features.extraction import extract

    rows = [
        {"id": f"u{i:02d}", "path": "", "text": f"{WORDS[label]} {i}", "label": label, "speaker": f"s{i % 4}"}
        for i in range(24)
        for label in [("joy", "anger")[i // 4 % 2]]
    ]
    with (tmp_path / "m.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    extract(corpora.read(tmp_path / "m.csv"), {"text": "bert:random_init=0"}, store=tmp_path / "store")
    return tmp_path


def test_a_model_whose_features_an_encoder_computes_reads_a_clip(sentences):
    request = TrainRequest(
        str(sentences / "m.csv"),
        encoders={"text": "bert:random_init=0"},
        training=replace(QUICK, epochs=20),
        plan=FoldPlan(folds=2),
        store=str(sentences / "store"),
        out=str(sentences / "runs"),
        device="cpu",
    )
    lines = []
    (run,) = cross_validate(request, say=lines.append)
    assert "fitted on all 24 utterances" in lines[-1]
    model = EmotionModel.load(run.path, device="cpu")
    assert model.record["modalities"]["text"]["encoder"] == "bert"
    assert set(model.detectors) == {Modality.TEXT}
    for label, words in WORDS.items():
        answer = model.predict(text=words)
        assert answer.label == label
        assert set(answer.probabilities) == set(WORDS)
