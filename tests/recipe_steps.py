"""The files of all steps in small, with random weights, for the bundle of a model."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from encoders.published import publish
from safetensors.torch import save_file

from mmer_core.encoders import mpnet
from mmer_core.encoders.backends.bert_network import BertNetwork
from mmer_core.encoders.backends.face_ensemble import FaceEnsemble, save_network
from mmer_core.encoders.backends.face_network import FaceNetwork
from mmer_core.encoders.mpnet import MpnetEncoder
from mmer_core.fusion.heads.mean import MeanNetwork
from mmer_core.inference.scoring import InputScaling
from mmer_core.inference.storage import scaling_tensors
from mmer_core.labels import EMOTIONS, Modality
from mmer_core.uncertainty import out_of_distribution
from mmer_core.uncertainty.out_of_distribution import MahalanobisDetector
from recipes import left_out
from recipes.left_out import LeftOut

C = len(EMOTIONS)
VOICE_DIM = 650
EVEN = np.full(C, 1 / C)
MEAN_HEAD = {"members": 2, "hidden": 4}


def corpus(seed: int, n: int = 140) -> LeftOut:
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % C
    logits = rng.normal(size=(n, C)) + 2 * np.eye(C)[labels]
    return LeftOut(logits.astype(np.float32), labels, np.array([f"g{i // C}" for i in range(n)]))


def write_step(work: Path, name: str, dim: int, head: str, **report: object) -> None:
    """The files of a step: its report, and its logits on held-out inputs and on corpora left out."""
    left_out.write(work / f"{name}_validation.parquet", {name: corpus(len(name))})
    if work.name != "large":  # which leaves out none
        apart = {"first": corpus(len(name) + 10), "second": corpus(len(name) + 20, 210)}
        left_out.write(work / f"{name}_strangers.parquet", apart)
    record = {
        "dim": dim,
        "head": {"name": head, "options": MEAN_HEAD if head == "mean" else {}},
        "encoder_options": {},
        "data": [{"name": name, "n": 140, "licence": "none"}],
        "seed": 0,
        "prior": dict.fromkeys(EMOTIONS, 1 / C),
        "figures": {
            "held_out": {"n": 140, **dict.fromkeys(("accuracy", "ua", "macro_f1", "weighted_f1"), 0.5)}
        },
        "tried": [{"recipe": f"{name} | plain", "held_out": 0.6125}],
    }
    (work / f"{name}.json").write_text(json.dumps(record | report))


def write_words(work: Path, encoder: str, dim: int, seed: int) -> None:
    torch.manual_seed(seed)
    tensors = {"expert.layers.1.weight": torch.randn(C, dim), "expert.layers.1.bias": torch.zeros(C)}
    save_file(tensors, work / "text.safetensors")
    options = {"delta": "text.safetensors", "context": 8}
    write_step(work, "text", dim, "words", encoder=encoder, encoder_options=options)


def detector(dim: int) -> MahalanobisDetector:
    rng = np.random.default_rng(dim)
    return MahalanobisDetector.fit(*(rng.normal(size=(n, dim)).astype(np.float32) for n in (50, 20)))


def write_steps(work: Path) -> None:
    """The files of all steps."""
    (work / "large").mkdir(parents=True)
    torch.manual_seed(0)
    face = FaceEnsemble([FaceNetwork()])
    save_network(face, work / "face.safetensors")
    weights = {"weights": "face.safetensors"}
    write_step(work, "face", face.dim, "frames", encoder="face_cnn", encoder_options=weights)
    expert = MeanNetwork(VOICE_DIM, C, **MEAN_HEAD)
    expert.mean.normal_()
    scaling = InputScaling(*torch.rand(2, VOICE_DIM).numpy(), 400.0, *torch.rand(2, VOICE_DIM).numpy())
    voice = {f"expert.{name}": tensor for name, tensor in expert.state_dict().items()}
    save_file(voice | scaling_tensors({Modality.AUDIO: scaling}), work / "voice.safetensors")
    known = {
        name: left_out.strangers({"a": corpus(k), "b": corpus(k + 1)}, EVEN, EVEN)
        for k, name in enumerate(("nothing", "ordinary"))
    }
    write_step(
        work, "voice", VOICE_DIM, "mean", encoder="voice_frames", strangers=known | {"left_out": {"c": "few"}}
    )
    write_words(work, "minilm", 384, seed=1)
    write_words(work / "large", "mpnet", mpnet.TINY.width, seed=2)
    dims = {Modality.TEXT: 384, Modality.AUDIO: VOICE_DIM, Modality.VISUAL: face.dim}
    out_of_distribution.save(work, {m: detector(dim) for m, dim in dims.items()})
    figures = {m.value: {"held out": {"n": 20, "flagged": 0.0}} for m in dims}
    (work / "out_of_distribution.json").write_text(json.dumps({"figures": figures}))


def use_small_mpnet(folder: Path, patch: pytest.MonkeyPatch) -> None:
    """A tiny network in the place of MPNet, in MMER_MODELS."""
    torch.manual_seed(0)
    tensors = {}
    for name, tensor in BertNetwork(mpnet.TINY).state_dict().items():
        theirs = next((theirs for theirs, ours in mpnet._NAMES.items() if ours in name), "")
        tensors[name.replace(mpnet._NAMES[theirs], theirs) if theirs else name] = tensor
    folder.mkdir(exist_ok=True)
    publish(tensors, folder, patch, MpnetEncoder)
    patch.setattr(MpnetEncoder, "needs", (MpnetEncoder.weights,))
