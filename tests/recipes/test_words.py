"""The text recipe from MELD and GoEmotions to the files of its step."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from recipe_runs import SHORT_TEXT
from safetensors.torch import load_file

from mmer_core.clip import Clip
from mmer_core.encoders.minilm import MiniLmEncoder
from mmer_core.fusion.heads.words import WordsNetwork
from mmer_core.labels import EMOTIONS
from recipes.words.corpora import read_meld
from recipes.words.distillation import SOFT_LABELS, TRIAL_SOFT_LABELS, read_soft_labels
from recipes.words.phrases import SHARES
from recipes.words.recipes import IN_DIALOGUE, TextTraining
from recipes.words.train import train_words

pytestmark = pytest.mark.usefixtures("shallow_minilm")
STUDENT = replace(SHORT_TEXT, recipes=TextTraining().recipes[3:], seeds=1, writes_soft_labels=False)


@pytest.fixture
def report(trained_words):
    return json.loads((trained_words / "text.json").read_text(encoding="utf-8"))


def test_it_learns_and_reports_what_was_tried(report):
    scores = report["figures"]["MELD dev"]
    assert scores["n"] == 21
    assert scores["weighted_f1"] > 0.9  # the development part repeats the training part here
    assert set(scores["f1"]) == set(EMOTIONS)
    assert report["phrases_share"] in SHARES
    assert [row["recipe"] for row in report["tried"]] == [
        "frozen, logistic regression",
        "frozen, logistic regression, half without punctuation",
        IN_DIALOGUE,
        "phrases alone",
        f"{report['recipe']}, beside phrases",
    ]
    measured = {"held_out", "held_out_bare", "dev", "dev_bare", "comments"}
    assert all(measured < set(row) for row in report["tried"])
    assert all(
        "held_out_in_dialogue" in row for row in report["tried"] if row["recipe"].startswith("adapters")
    )
    assert {"weighted_f1_mean", "weighted_f1_sd", "weighted_f1_bare_mean"} <= set(
        report["figures"]["MELD dev, 2 seeds one by one"]
    )
    assert report["figures"]["GoEmotions test"]["n"] == 7
    assert report["prior"] == pytest.approx(dict.fromkeys(EMOTIONS, 1 / 7), abs=1e-5)
    assert (report["seed"], report["options"]["rank"]) == (3, 2)
    assert report["command"].endswith("--only words --seed 3")


def test_the_written_weights_give_the_written_logits(trained_words, report):
    options = report["encoder_options"]
    encoder = MiniLmEncoder(**{k: trained_words / v if k == "delta" else v for k, v in options.items()})
    head = WordsNetwork(report["dim"], len(EMOTIONS)).eval()
    tensors = load_file(trained_words / "text.safetensors")
    assert {t.dtype for t in tensors.values()} == {torch.float16}
    head.load_state_dict(
        {k.removeprefix("expert."): v.float() for k, v in tensors.items() if k.startswith("expert.")}
    )
    table = pd.read_parquet(trained_words / "text_validation.parquet")
    assert list(table.columns) == ["id", "label", "group", *(f"logit_{name}" for name in EMOTIONS)]
    row = table.iloc[5]
    x = torch.from_numpy(encoder.encode(Clip("", "", "text", text="I miss her so much.")))[None]
    with torch.inference_mode():
        logits = head(x, torch.zeros(1, 1, dtype=torch.bool))[0].numpy()
    assert row["label"] == "sadness"
    assert np.allclose(logits, row[[f"logit_{name}" for name in EMOTIONS]].to_numpy(float), atol=1e-3)


@pytest.mark.long
def test_a_finished_recipe_gives_the_same_files_again(texts, trained_words, report, tmp_path):
    """Every stage is found finished; the rest follows from the same weights."""
    work = shutil.copytree(trained_words, tmp_path / "work")
    assert train_words(texts, work, seed=3, options=SHORT_TEXT) == report
    expected, again = (load_file(folder / "text.safetensors") for folder in (trained_words, work))
    assert all(torch.equal(expected[name], again[name]) for name in expected)


def test_the_state_of_another_training_is_refused(texts, trained_words, tmp_path):
    work = shutil.copytree(trained_words, tmp_path / "work")
    with pytest.raises(ValueError, match="belongs to a training with other data or options: delete it"):
        train_words(texts, work, seed=4, options=SHORT_TEXT)


def test_a_teacher_reads_every_utterance_alone_and_in_its_dialogue(texts, trained_words):
    meld = read_meld(texts / "meld", "train")
    soft_labels = read_soft_labels(trained_words / SOFT_LABELS, meld)
    assert soft_labels.shape == (2, 63, 7)
    assert torch.allclose(soft_labels.sum(-1), torch.ones(2, 63), atol=1e-5)
    assert not torch.allclose(soft_labels[0], soft_labels[1], atol=1e-3)
    trial = read_soft_labels(trained_words / TRIAL_SOFT_LABELS, meld)
    assert not torch.allclose(trial, soft_labels, atol=1e-3), "another network, with less data"
    backwards = meld.take(np.arange(62, -1, -1))
    assert torch.equal(read_soft_labels(trained_words / SOFT_LABELS, backwards), soft_labels.flip(1))
    with pytest.raises(ValueError, match="lacks some of the utterances"):
        read_soft_labels(trained_words / SOFT_LABELS, read_meld(texts / "meld", "dev"))


@pytest.mark.long
def test_a_student_learns_from_the_soft_labels(texts, trained_words, tmp_path):
    shutil.copytree(trained_words, tmp_path / "large")
    report = train_words(texts, tmp_path, seed=3, options=STUDENT)
    assert report["recipe"] == f"{IN_DIALOGUE}, distilled from MPNet"
    assert report["figures"]["MELD dev"]["weighted_f1"] > 0.6


def test_without_soft_labels_one_sentence_says_what_to_do(texts, tmp_path):
    expected = r"text_soft_labels_trial\.parquet is missing: run python -m recipes --only large-words first"
    with pytest.raises(FileNotFoundError, match=expected):
        train_words(texts, tmp_path, seed=3, options=STUDENT)
