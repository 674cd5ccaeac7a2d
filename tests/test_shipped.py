"""What the repository ships is whole, states its facts, and opens."""

import json

import pytest

from mmer_core import checkpoint
from mmer_core.config import CHECKPOINTS, DEFAULT_CHECKPOINT, LARGE_CHECKPOINT
from mmer_core.default_model.card import AGAINST
from mmer_core.labels import EMOTIONS, Modality
from mmer_core.media import text_clip
from mmer_core.predictor import Predictor
from mmer_core.runs.run import CVRun, list_runs

RUNS = CHECKPOINTS / "runs"


def test_the_model_is_whole_and_states_its_data_licence_and_figures():
    record = checkpoint.read_record(DEFAULT_CHECKPOINT)
    assert record["labels"] == list(EMOTIONS)
    assert record["licence"]
    for name, entry in record["modalities"].items():
        assert all(source["licence"] and source["n"] > 0 for source in entry["data"])
        assert record["figures"][name]


def test_the_models_are_small():
    assert sum(f.stat().st_size for folder in (DEFAULT_CHECKPOINT, LARGE_CHECKPOINT) for f in folder.iterdir()) < 60e6


def test_the_large_model_fits_the_default_one_and_is_worth_its_size():
    record = checkpoint.read_record(LARGE_CHECKPOINT)
    assert record["base"]["folder"] == DEFAULT_CHECKPOINT.name
    assert record["needs"]
    gains = record["figures"]["text"][AGAINST]
    better = [gains[way]["cross_entropy_high"] < 0 for way in ("alone", "in dialogue")]
    assert all(better), "its probabilities are better than the default model's by more than chance, for dialogues"
    assert "comments" in gains, "it says how it does where it may be worse"


def test_the_voice_is_softened_as_its_record_says_and_better_calibrated_for_it():
    record = checkpoint.read_record(DEFAULT_CHECKPOINT)
    known = Predictor.load().known
    assert {m.value: pytest.approx(one.caution, abs=1e-4) for m, one in known.items()} == record["fusion"]["cautions"]
    assert known[Modality.AUDIO].caution > 0
    for figures in record["figures"]["audio"]["corpora_not_heard"].values():
        assert figures["ece_with_caution"] < figures["ece"]
        assert figures["cross_entropy_with_caution"] < figures["cross_entropy"]


def test_the_model_reads_words_as_an_answer_to_what_was_said_before():
    predictor = Predictor.load()
    alone = predictor.observe(text_clip("Oh."))
    behind = predictor.reword(alone, "Oh.", ("I lost my job.", "My dog died as well."))
    assert predictor.reads_dialogue
    assert predictor.fuse(behind).probabilities["sadness"] > predictor.fuse(alone).probabilities["sadness"]


@pytest.mark.parametrize(("emoji", "emotion"), [("😂", "joy"), ("😢", "sadness"), ("😱", "fear"), ("😡", "anger")])
def test_the_model_reads_emoji(emoji, emotion):
    predictor = Predictor.load()
    without, with_it = (predictor.fuse(predictor.observe(text_clip(f"I got a letter from them today{end}"))) for end in ("", f" {emoji}"))
    assert with_it.probabilities[emotion] > 1.2 * without.probabilities[emotion]


S0 = ("unimodal-audio", "unimodal-visual", "early", "late_vote", "late_mean", "late_weighted")
SHIPPED = (
    *(f"ravdess-{classes}-s0-{name}" for classes in (4, 8) for name in S0),
    *("ravdess-4-crossmodal", "ravdess-8-crossmodal", "ravdess-8-crossmodal-searched", "ravdess-8-visual-searched"),
    *("ravdess-8-s1-early-mean", "ravdess-8-s1-early-max"),
    *("ravdess-4-s4-ensemble", "ravdess-8-s4-ensemble"),
    *(f"ravdess-8-s2-{name}" for name in ("unimodal-audio", "early", "late_weighted")),
    *("ravdess-4-s3-mmb", "ravdess-4-s3-mmmla"),
    *(f"ravdess-8-s3-{name}" for name in ("mmb", "mmmla", "audio-attention", "audio-average", "audio-last", "audio-cls")),
    *(f"meld-7-{name}" for name in ("unimodal-text", "unimodal-metadata", "early", "late_mean")),
)


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_run_is_whole_and_tells_how_to_repeat_it(name):
    run = CVRun.open(RUNS / name, verify=True)
    assert run.finished
    record = json.loads((RUNS / name / "run.json").read_text(encoding="utf-8"))
    assert record["command"].startswith("python -m mmer_core train ")
    assert not record["leaks"]
    assert all(row["n"] > 0 for row in run.metrics.values())


def test_shipped_runs_are_listed():
    assert set(SHIPPED) <= {entry.path.name for entry in list_runs(RUNS)}
