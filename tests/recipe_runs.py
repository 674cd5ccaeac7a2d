"""Short trainings of the recipes: small settings, tiny networks in the place of the real ones."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from mmer_core.checkpoint import sha256_of
from mmer_core.encoders.backends.face_ensemble import NETWORKS
from mmer_core.encoders.backends.face_network import FaceClassifier, standardised
from mmer_core.encoders.minilm import MiniLmEncoder
from mmer_core.labels import EMOTIONS
from recipes.face import train as face
from recipes.face.networks import Epochs
from recipes.face.published import STARTS
from recipes.voice import train as voice
from recipes.voice.clips import sounds_without_voice
from recipes.voice.training import VoiceTraining
from recipes.words import train as words
from recipes.words.recipes import TextTraining

SHORT_FACE = Epochs(
    cycles=(2,),
    mobile=(1,),
    distilled=(1,),
    resnet=(1, 1),
    resnet_again=(1,),
    distilled_again=(1, 1),
    resnet_distilled=(1,),
)
SHORT_TEXT = TextTraining(
    rank=2,
    first_epochs=1,
    epochs=2,
    distillation_epochs=2,
    replayed=0,
    rate=5e-3,
    batch=16,
    held_out=0.3,
    seeds=2,
    writes_soft_labels=True,
    recipes=TextTraining().recipes[2:3],
)
VOICE_TRAINING = VoiceTraining(members=1, hidden=8, iterations=5, epochs=1, batch=32)


class TinyFace(FaceClassifier):
    """A face network of one convolution."""

    def __init__(self, dropout: float = 0.0) -> None:
        super().__init__()
        self.dim = 4
        self.conv = nn.Conv2d(1, self.dim, 5, stride=4, bias=False)
        self.norm = nn.BatchNorm2d(self.dim)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(self.dim, len(EMOTIONS))

    def embed(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(self.norm(self.conv(standardised(x)))).float().mean((2, 3))


class TinyResidual(TinyFace):
    pass


class TinyMobile(TinyFace):
    pass


class TinyResnet(TinyFace):
    pass


def pretrained_tiny(name: str, faces: object) -> dict[str, torch.Tensor]:
    """In place of the published weights."""
    return {"conv.weight": torch.full((4, 1, 5, 5), 0.1 if name == "mobile" else -0.1)}


def use_published(folder: Path, patch: pytest.MonkeyPatch) -> None:
    patch.setenv("MMER_MODELS", str(folder))
    for name, start in STARTS.items():
        files = tuple(
            replace(f, sha256=sha256_of(folder / f.label), size=(folder / f.label).stat().st_size)
            for f in start.files
        )
        patch.setitem(STARTS, name, replace(start, files=files))


def use_tiny_faces(folder: Path, patch: pytest.MonkeyPatch) -> None:
    use_published(folder, patch)
    for name, kind in (("residual", TinyResidual), ("mobile", TinyMobile), ("resnet", TinyResnet)):
        patch.setitem(NETWORKS, name, kind)
    patch.setattr(face, "pretrained", pretrained_tiny)


_LOADED: list[nn.Module] = []  # MiniLM as it is published, cut to its first layer; read once in a process


def use_shallow_minilm(patch: pytest.MonkeyPatch) -> None:
    """MiniLM with one of its six layers: it learns the few utterances here as well."""
    if not _LOADED:
        network = MiniLmEncoder.load()
        network.encoder["layer"] = network.encoder["layer"][:1]
        _LOADED.append(network)
    patch.setattr(MiniLmEncoder, "load", lambda *_: copy.deepcopy(_LOADED[0]))


def train_shallow(data: Path, work: Path, options: TextTraining) -> None:
    with pytest.MonkeyPatch.context() as patch:
        use_shallow_minilm(patch)
        words.train_words(data, work, seed=3, options=options)


def use_few_sounds(patch: pytest.MonkeyPatch) -> None:
    """One synthetic sound, and a corpus of four utterances is measured already."""
    patch.setattr("recipes.voice.train.sounds_without_voice", lambda: sounds_without_voice(1))
    patch.setattr("recipes.left_out.corpora.FEWEST", 4)


def train_voice(data: Path, work: Path, seeds: int = 2) -> dict[str, Any]:
    return voice.train_voice(data, work, training=VOICE_TRAINING, processes=1, seeds=seeds)
