"""The shipped runs: evidence with predictions, figures and settings, whole and without weights."""

import pytest

from mmer_core.config import CHECKPOINTS, SHIPPED_RUNS
from mmer_core.crossval.study import make_experiments
from mmer_core.runs import validity
from mmer_core.runs.comparison import compare
from mmer_core.runs.modality_worth import losses, worth_sentence
from mmer_core.runs.run import CVRun, list_runs
from mmer_core.runs.subset_predictions import subset_predictions
from mmer_core.runs.utterances import requested
from mmer_core.training.request import TrainRequest

CLASSIFIERS = ("unimodal-audio", "unimodal-visual", "early", "late_vote", "late_mean", "late_weighted")
NAMES = (
    *(f"ravdess-{classes}-{name}" for classes in (4, 8) for name in CLASSIFIERS),
    *(
        f"ravdess-{classes}-{name}"
        for classes in (4, 8)
        for name in ("crossmodal", "ensemble", "mmb", "mmmla")
    ),
    *("ravdess-8-crossmodal-searched", "ravdess-8-visual-searched"),
    *("ravdess-8-early-mean-by-speaker", "ravdess-8-early-max-by-speaker"),
    *(f"ravdess-8-librosa-{name}" for name in ("unimodal-audio", "early", "late_weighted")),
    *(f"ravdess-8-lld-{pooling}" for pooling in ("attention", "average", "last", "cls")),
    *(f"meld-7-{name}" for name in ("unimodal-text", "unimodal-metadata", "early", "late_mean")),
    *(
        f"ravdess-7-words-{name}"
        for name in ("early", "late_mean", "unimodal-text", "unimodal-audio", "unimodal-visual")
    ),
)


def test_these_are_the_shipped_runs():
    assert {entry.path.name for entry in list_runs(SHIPPED_RUNS)} == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_shipped_run_is_whole(name):
    run = CVRun.open(SHIPPED_RUNS / name, verify=True)
    validity.check(run)
    validity.check_history(run, run.history)
    assert run.finished
    assert run.name == name
    assert not run.record["leaks"]
    assert set(run.folds["role"]) == {"train", "validation", "test"}
    assert all(row["n"] > 0 for row in run.metrics.values())


@pytest.mark.parametrize("name", NAMES)
def test_a_shipped_run_tells_how_to_repeat_it(name):
    record = CVRun.open(SHIPPED_RUNS / name).record
    request = TrainRequest.from_json(record["request"])
    assert record["command"].startswith("python -m mmer_core train ")
    assert request.training.to_json() == record["training"]
    (experiment,) = make_experiments(request, CVRun.open(SHIPPED_RUNS / name).modalities).values()
    assert experiment.fusion == record["fusion"]["name"]
    assert requested(record).spec.endswith(("data/ravdess", "data/meld", "ravdess_with_words.csv"))


def test_shipped_runs_hold_no_weights_and_are_light():
    assert not list(SHIPPED_RUNS.rglob("*.safetensors"))
    assert sum(path.stat().st_size for path in CHECKPOINTS.rglob("*") if path.is_file()) < 65e6


def test_a_shipped_run_of_words_voice_and_face_says_that_they_were_matched():
    run = CVRun.open(SHIPPED_RUNS / "ravdess-7-words-early")
    assert len(run.modalities) == 3
    assert "Matched by label" in run.record["notes"][0]
    assert run.record["leakage"]["verdict"] == "clean"
    assert worth_sentence(losses(subset_predictions(run))).startswith(
        "The voice matters most here: without it macro-F1 falls by 23.4 points (95 % CI 19.7 to 27.3)"
    )


def test_shipped_runs_compare():
    (pair,) = compare([SHIPPED_RUNS / "ravdess-8-early", SHIPPED_RUNS / "ravdess-8-late_vote"])
    assert pair.test.n == 1440
