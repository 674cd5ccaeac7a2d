"""The further stage of the shipped words, from a model's folder to the files of its step."""

import json
import shutil
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from recipe_data import PHRASES
from safetensors.torch import load_file, save_file

from mmer_core.encoders.backends.phrases import Phrases
from mmer_core.labels import EMOTIONS
from recipes.words import __main__ as command_line
from recipes.words import more_stages
from recipes.words.corpora import Utterances
from recipes.words.more import train_more_words
from recipes.words.more_corpora import SOURCES
from recipes.words.more_stages import NEW_SHARES, MoreTraining
from recipes.words.more_trials import choose_shares
from recipes.words.network import HEAD_PREFIX, between
from recipes.words.phrases import join
from recipes.words.recipes import TextTraining
from recipes.words.shipped import ShippedWords, apart
from recipes.words.strangers import Read

pytestmark = pytest.mark.usefixtures("shallow_minilm")
SHORT = MoreTraining(epochs=1, trial_epochs=1, trial_share=1.0, rate=1e-3, held_out=0.3)


@pytest.fixture
def base(trained_words, tmp_path):
    """A model folder with the words of a short training."""
    folder = tmp_path / "model"
    folder.mkdir()
    shutil.copy(trained_words / "text.safetensors", folder)
    head = load_file(trained_words / "text.safetensors")
    named = {k.replace(HEAD_PREFIX, "classifiers.text."): t for k, t in head.items() if "expert" in k}
    save_file(named, folder / "fusion.safetensors")
    fusion = {"temperatures": {"text": 0.9}, "priors": {"text": dict.fromkeys(EMOTIONS, 1 / 7)}}
    (folder / "model.json").write_text(json.dumps({"card": {"fusion": fusion}}), encoding="utf-8")
    return folder


@pytest.fixture
def seen(monkeypatch):
    """The corpora of each training, in their order."""
    found, real = [], more_stages.MixtureBatches

    def note(classifier, parts, **options):
        found.append({id_.split("/")[0] for part in parts for id_ in part.utterances.ids})
        return real(classifier, parts, **options)

    monkeypatch.setattr(more_stages, "MixtureBatches", note)
    return found


@pytest.fixture
def data(texts, tmp_path):
    """Also the four more corpora, without one emotion each."""
    folder = tmp_path / "data"
    shutil.copytree(texts, folder)
    for i, source in enumerate(SOURCES.values()):
        rows = [f"{PHRASES[e][i % 3]}\t{e}\t-\ten" for e in EMOTIONS if e != EMOTIONS[i]]
        path = folder / source.path
        path.parent.mkdir(parents=True)
        path.write_text("text\tlabel7\toriginal_label\tlanguage\n" + "\n".join(rows), encoding="utf-8")
    return folder


def test_it_goes_on_from_the_shipped_words_and_writes_what_the_bundle_reads(data, base, tmp_path, seen):
    work = tmp_path / "work"
    report = train_more_words(data, work, seed=1, base=base, options=SHORT)
    assert json.loads((work / "text.json").read_text(encoding="utf-8")) == report
    assert seen == [  # trials do not see what they are measured on
        {"meld", "goemotions", "semeval2018", "tweeteval", "emotion_stimulus"},
        {"meld", "goemotions", "xed"},
        {"meld", "goemotions", *SOURCES},
    ]
    assert [part["n"] for part in report["data"]] == [63, 7, 6, 6, 6, 6]
    assert report["figures"]["MELD dev in its dialogues"]["weighted_f1"] > 0.9
    assert report["figures"]["GoEmotions test"]["n"] == 7
    assert sum(report["answer_prior"].values()) == pytest.approx(1)
    assert "left_out_cross_entropy" in report["tried"][0]
    before, after = (pd.read_parquet(work / f"text_strangers{suffix}.parquet") for suffix in ("_before", ""))
    assert before["corpus"].value_counts().to_dict() == dict.fromkeys(SOURCES, 6)
    assert sorted(before["id"]) == sorted(after["id"])
    assert np.isfinite(after.iloc[:, 4:].to_numpy(float)).all()
    tensors = load_file(work / "text.safetensors")
    shipped = load_file(base / "text.safetensors")
    assert {k: (t.shape, t.dtype) for k, t in tensors.items()} == {
        k: (t.shape, t.dtype) for k, t in shipped.items()
    }
    validation = pd.read_parquet(work / "text_validation.parquet")
    assert list(validation.columns) == ["id", "label", "group", *(f"logit_{e}" for e in EMOTIONS)]


def test_a_head_is_taken_apart_as_it_was_joined():
    head = {
        f"{HEAD_PREFIX}layers.1.weight": torch.randn(7, 384),
        f"{HEAD_PREFIX}layers.1.bias": torch.randn(7),
    }
    joined = join(head, Phrases(np.zeros((9, 7), np.float32), np.zeros(7, np.float32)), 0.3)
    network, share = apart(*(joined[f"{HEAD_PREFIX}layers.1.{name}"] for name in ("weight", "bias")))
    assert share == pytest.approx(0.3, abs=1e-5)
    assert all(torch.allclose(t, head[HEAD_PREFIX + name], atol=1e-5) for name, t in network.items())


def test_the_shipped_words_answer_as_the_model_does(base):
    shipped = ShippedWords.read(base)
    options = replace(TextTraining(), rank=2)
    logits = shipped.logits(
        shipped.classifier(options), ["I miss her so much.", "The table is in the kitchen."]
    )
    assert [EMOTIONS[i] for i in logits.argmax(1)] == ["sadness", "neutral"]
    assert np.allclose(shipped.answers(logits, np.full(7, 1 / 7)), logits / 0.9)


@pytest.mark.parametrize("name", ["model.json", "fusion.safetensors"])
def test_a_folder_without_a_model_is_named(base, name):
    (base / name).unlink()
    with pytest.raises(FileNotFoundError, match=f"{name} is missing: --base names"):
        ShippedWords.read(base)


def test_the_way_from_the_shipped_words_is_walked_in_part():
    first, second = {"a": torch.zeros(2), "b": torch.ones(2)}, {"a": torch.ones(2), "b": torch.ones(2)}
    found = between(first, second, 0.25)
    assert torch.equal(found["a"], torch.full((2,), 0.25))
    assert torch.equal(found["b"], torch.ones(2))


def test_the_command_line_goes_on_from_the_model_that_is_named(tmp_path, monkeypatch, capsys):
    found = []
    monkeypatch.setattr(command_line, "train_more_words", lambda *arguments: found.append(arguments))
    folders = ["--data", str(tmp_path), "--work", str(tmp_path / "work")]
    command_line.main([*folders, "--more", "--base", str(tmp_path / "model"), "--seed", "3"])
    assert found == [(tmp_path, tmp_path / "work", 3, tmp_path / "model")]
    with pytest.raises(SystemExit):
        command_line.main([*folders, "--more", "--large"])
    assert "not allowed with argument" in capsys.readouterr().err


def test_shares_are_those_with_the_least_cross_entropy_on_what_was_left_out():
    random = np.random.default_rng(0)
    labels = random.integers(0, 7, 700)
    ids = tuple(map(str, range(700)))
    part = Utterances(ids, ids, labels, ids)
    good, noise = 2.0 * np.eye(7)[labels], random.normal(0, 2, (700, 7))
    trial = SimpleNamespace(
        network={share: {"a": Read(part, noise + (share == 0.5) * good)} for share in NEW_SHARES},
        phrases={"a": Read(part, good - noise)},
    )
    found = choose_shares([trial], np.full(7, 1 / 7))
    assert (found.new, found.phrases) == (0.5, 0.5)
    assert len(found.tried) == 1 + 2 * len(NEW_SHARES)
