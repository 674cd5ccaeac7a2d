"""The large model, put together of a small default one and words that a tiny network of MPNet's shape reads."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import save_file

from mmer_core import checkpoint, familiarity, shipped
from mmer_core.default_model import fusing
from mmer_core.default_model.bundle import bundle
from mmer_core.default_model.card import AGAINST
from mmer_core.default_model.large import bundle_large, compare
from mmer_core.default_model.text_corpora import read_goemotions, read_meld
from mmer_core.encoders import EncoderUnavailable, mpnet
from mmer_core.encoders.face_ensemble import FaceEnsemble, save_network
from mmer_core.encoders.face_network import FaceNetwork
from mmer_core.encoders.weights import HubFile, sha256_of
from mmer_core.familiarity import Familiarity
from mmer_core.labels import EMOTIONS, Modality
from mmer_core.media import text_clip
from mmer_core.predictor import Predictor

C = len(EMOTIONS)


def write_step(work: Path, step: str, dim: int, **report: object) -> None:
    """What a step of the training leaves: its record, and what it said about held-out inputs."""
    rng = np.random.default_rng(len(step))
    table = pd.DataFrame({"label": [EMOTIONS[i % C] for i in range(140)], "group": [f"g{i % 20}" for i in range(140)]})
    logits = rng.normal(size=(140, C)) + 2 * np.eye(C)[np.arange(140) % C]
    table[[f"logit_{name}" for name in EMOTIONS]] = logits
    table.to_parquet(work / f"{step}_validation.parquet")
    score = {"n": 140, "accuracy": 0.5, "ua": 0.5, "macro_f1": 0.5, "weighted_f1": 0.5}
    record = {
        "expert_options": {"dim": dim, "classes": C},
        "encoder_options": {},
        "data": [{"name": step, "n": 140, "licence": "none"}],
        "seed": 0,
        "prior": dict.fromkeys(EMOTIONS, 1 / C),
        "figures": {"held_out": score},
    }
    (work / f"{step}.json").write_text(json.dumps(record | report))


def write_words(work: Path, encoder: str, dim: int, seed: int) -> None:
    torch.manual_seed(seed)
    tensors = {"expert.layers.1.weight": torch.randn(C, dim), "expert.layers.1.bias": torch.zeros(C)}
    save_file(tensors, work / "text.safetensors")
    write_step(work, "text", dim, encoder=encoder, expert="words", encoder_options={"delta": "text.safetensors", "context": 8})


def known(dim: int) -> Familiarity:
    rng = np.random.default_rng(dim)
    return Familiarity.fit(rng.normal(size=(50, dim)).astype(np.float32), rng.normal(size=(20, dim)).astype(np.float32))


@pytest.fixture
def published(tmp_path, monkeypatch):
    """A tiny network in the place of MPNet, in MMER_MODELS."""
    path = tmp_path / "models" / "mpnet.safetensors"
    path.parent.mkdir()
    theirs = {ours: name for name, ours in mpnet._NAMES.items()}
    tensors = {}
    for name, tensor in mpnet.tiny_network(0).state_dict().items():
        tensors[next((name.replace(ours, published) for ours, published in theirs.items() if ours in name), name)] = tensor
    save_file(tensors, path)
    monkeypatch.setenv("MMER_MODELS", str(path.parent))
    monkeypatch.setattr(mpnet, "BASE", mpnet.TINY)
    file = HubFile("a/b", "0" * 40, "model.safetensors", sha256_of(path), path.stat().st_size)
    monkeypatch.setattr(mpnet, "MPNET_WEIGHTS", file)
    monkeypatch.setattr(mpnet.MpnetEncoder, "needs", (file,))
    return path


@pytest.fixture
def models(data, tmp_path, published, monkeypatch):
    """A small default model and the large one beside it: (work folder, default, large)."""
    monkeypatch.setattr(fusing, "DRAWS", 500)
    work = tmp_path / "work"
    (work / "large").mkdir(parents=True)
    torch.manual_seed(0)
    face = FaceEnsemble([FaceNetwork()])
    save_network(face, work / "face.safetensors")
    dim = face.head.in_features
    write_step(work, "face", dim, encoder="face_cnn", expert="frames", encoder_options={"weights": "face.safetensors"})
    save_file({"expert.linear.weight": torch.randn(C, 288), "expert.linear.bias": torch.zeros(C)}, work / "voice.safetensors")
    write_step(work, "voice", 288, encoder="voice_frames", expert="frames")
    write_words(work, "minilm", 384, seed=1)
    write_words(work / "large", "mpnet", mpnet.TINY.width, seed=2)
    familiarity.save(work, {Modality.TEXT: known(384), Modality.AUDIO: known(288), Modality.VISUAL: known(dim)})
    figures = {m.value: {"held out": {"n": 20, "called unlike": 0.0}} for m in (Modality.TEXT, Modality.AUDIO, Modality.VISUAL)}
    (work / "familiarity.json").write_text(json.dumps({"figures": figures}))
    default, large = tmp_path / "checkpoints" / "default", tmp_path / "checkpoints" / "large"
    bundle(work, default)
    bundle_large(data, work, large, default)
    return work, default, large


def test_it_brings_only_its_words_and_takes_the_rest_from_the_default_model(models):
    _, default, large = models
    record = checkpoint.read_record(large)
    assert record["name"] == "mmer-large"
    assert sorted(record["files"]) == ["familiarity.safetensors", "fusion.safetensors", "text.safetensors"]
    assert set(familiarity.load(large)) == {Modality.TEXT}
    predictor, other = Predictor.load(large), Predictor.load(default)
    assert predictor.encoders[Modality.TEXT].spec.name == "mpnet"
    assert predictor.encoders[Modality.VISUAL].spec == other.encoders[Modality.VISUAL].spec
    assert set(predictor.known) == set(Modality) - {Modality.METADATA}
    assert predictor.known[Modality.TEXT].mean.shape == (mpnet.TINY.width,)
    assert predictor.identity != other.identity
    answers = [p.fuse(p.observe(text_clip("I am so happy for you."))).probabilities for p in (predictor, other)]
    assert answers[0] != answers[1]


def test_its_card_says_what_it_gains(models, data):
    _, default, large = models
    gains = checkpoint.read_record(large)["figures"]["text"][AGAINST]
    assert set(gains) == {"alone", "in dialogue", "comments"}
    for row in gains.values():
        assert row["low"] <= row["weighted_f1"] <= row["high"]
        assert 0 <= row["p"] <= 1
        assert row["cross_entropy_low"] <= row["cross_entropy"] <= row["cross_entropy_high"]
    card = (large / "README.md").read_text()
    assert AGAINST in card
    assert "come from `../default`" in card
    assert "download model.safetensors" in card
    assert "## Needs" not in (default / "README.md").read_text()
    same = compare(Predictor.load(default), Predictor.load(default), read_meld(data / "meld", "dev"), read_goemotions(data / "goemotions", "test"))
    assert [row[key] for row in same.values() for key in ("weighted_f1", "cross_entropy")] == [0.0] * 6


def test_it_is_offered_where_its_weights_are_and_not_a_word_is_said_elsewhere(models, published, monkeypatch):
    _, default, large = models
    monkeypatch.setattr(shipped, "MODELS", {"default": default, "large": large})
    assert shipped.usable_models() == ("default", "large")
    published.unlink()
    assert shipped.usable_models() == ("default",)
    with pytest.raises(EncoderUnavailable, match=r"download model\.safetensors"):
        Predictor.load(large)


def test_it_is_not_offered_beside_another_default_model(models, monkeypatch):
    work, default, large = models
    monkeypatch.setattr(shipped, "MODELS", {"default": default, "large": large})
    write_words(work, "minilm", 384, seed=5)
    bundle(work, default)
    assert shipped.usable_models() == ("default",)
    with pytest.raises(checkpoint.CheckpointError, match="builds on another model"):
        Predictor.load(large)


def test_without_the_step_before_it_says_what_to_run(data, tmp_path, published):
    (tmp_path / "large").mkdir()
    with pytest.raises(FileNotFoundError, match=r"text\.json is missing: train the words before this step"):
        bundle_large(data, tmp_path, tmp_path / "out", tmp_path / "default")
