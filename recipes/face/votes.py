"""The second training of the face networks, by the votes of ten people on each picture instead of one label:
the labels of FER2013 are what a picture was searched for, and in a third of them most people see another
emotion.
"""

from __future__ import annotations

import copy
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from mmer_core.encoders.backends.face_convolution import PretrainedFaceClassifier
from mmer_core.encoders.backends.face_ensemble import NETWORKS, FaceEnsemble, load_network, save_network
from mmer_core.encoders.backends.face_network import FaceClassifier
from mmer_core.json_files import write_json
from mmer_core.training.history import Fitted
from mmer_core.uncertainty.calibration import fit_temperature
from recipes import left_out
from recipes.face.evaluation import flip_logits
from recipes.face.fer2013 import read_fer2013
from recipes.face.ferplus import VotedFaces, one_by_one, read_voted
from recipes.face.photographs import FOLDER as PHOTOGRAPHS
from recipes.face.photographs import read_photographs, write_strangers
from recipes.face.training import FaceTraining, train_network
from recipes.face.votes_report import Parts, report
from recipes.left_out import LeftOut

SHARE = 0.8  # of the votes in the targets; FER2013's label is the rest
BY_LABELS = "face_labels"  # in the work folder: the network and report of the step before
_SMALLEST = 1e-3  # deviation of a channel; what varies less is left as it is


@dataclass(frozen=True)
class Epochs:
    """Of the second training, by the kind of network."""

    resnet: int = 5
    mobile: int = 4


EPOCHS = Epochs()  # of the shipped model


@dataclass(frozen=True)
class Member:
    """A network, the settings it was trained with, and how that went."""

    network: FaceClassifier
    training: FaceTraining
    fitted: Fitted


def train_face_votes(data: Path, work: Path, seed: int = 0, epochs: Epochs = EPOCHS) -> dict[str, Any]:
    """Train the networks that the step `face` left in `work` on from there, by the votes, and measure them
    beside those before.

    Replaces face.safetensors, face.json (what this returns) and face_validation.parquet, and writes the
    logits on the photographs: face_strangers.parquet, and face_strangers_before.parquet of the networks
    before. These stay in face_labels.safetensors. Neither public_test nor the photographs are learned from.

    Raises:
        FileNotFoundError: FER2013, FER+ or the photographs are not in `data`.
        ValueError: the step `face` has not been run, or `work` holds a checkpoint with other options.
    """
    recorded = _set_aside(work)
    before = load_network(work / f"{BY_LABELS}.safetensors")
    pictures, held_out, public = read_voted(data, seed)
    photographs = read_photographs(data / PHOTOGRAPHS, work / "face_photographs.npz")
    chosen = [settings(kind_of(m), seed + 20 + i, epochs) for i, m in enumerate(before.networks())]
    members = train_members(before.networks(), chosen, (pictures.repeated(), held_out), work)
    save_network(ensemble([member.network for member in members], held_out), work / "face.safetensors")
    written = load_network(work / "face.safetensors")  # figures are those of the file
    labelled = read_fer2013(data / "fer2013" / "public_test.npz")
    parts = Parts(pictures, held_out, public, labelled, photographs)
    logits = parts.logits(written)
    write_vote_by_vote(logits.labelled, parts, work / "face_validation.parquet")
    write_strangers(logits.photographs, photographs, work / "face_strangers.parquet")
    logits_before = parts.logits(before)
    write_strangers(logits_before.photographs, photographs, work / "face_strangers_before.parquet")
    result = report(recorded, parts, logits, logits_before, SHARE)
    result |= {
        "dim": written.dim,
        "parameters": sum(p.numel() for p in written.parameters()),
        "seconds": recorded["seconds"] + round(sum(member.fitted.seconds for member in members)),
        "networks": [*recorded["networks"], *(_record(member) for member in members)],
        "command": f"{recorded['command']}; then python -m recipes --only face-votes --data DIR --work DIR "
        f"--seed {seed}",
    }
    write_json(work / "face.json", result)
    return result


def write_vote_by_vote(logits: np.ndarray, parts: Parts, path: Path) -> None:
    """Write the logits (N, C) on public_test once for each vote of a picture, for the fusion: a person alone,
    as the one who asks, sees what the majority sees in seven cases of ten.
    """
    shares, groups = parts.public.shares, parts.labelled.digests[parts.voted]
    single, votes = one_by_one(logits[parts.voted], shares)
    rows, _ = one_by_one(np.arange(len(groups))[:, None], shares)
    left_out.write(path, {"FER2013 public test, vote by vote": LeftOut(single, votes, groups[rows[:, 0]])})


def settings(kind: str, seed: int, epochs: Epochs = EPOCHS) -> FaceTraining:
    """Of the second training of one kind of network."""
    return FaceTraining(
        network=kind,
        frozen=3,
        seed=seed,
        cycles=(getattr(epochs, kind),),
        learning_rate=6e-4,
        gentle_until=0.0,
        small_until=0.7,
        label_smoothing=0.0,
        distillation=SHARE,
        side_light=0.15,
    )


def train_members(
    networks: Sequence[FaceClassifier],
    chosen: Sequence[FaceTraining],
    faces: tuple[VotedFaces, VotedFaces],
    work: Path,
) -> list[Member]:
    """Train each network on from the weights it has; stopped, this goes on at the last whole epoch.

    Args:
        networks: where they start.
        chosen: the settings of each.
        faces: those to learn from, and those held out.
        work: where the checkpoints lie.
    """
    return [
        _train(network, training, faces, work / f"face_votes_{place}_checkpoint.safetensors")
        for place, (network, training) in enumerate(zip(networks, chosen, strict=True), start=1)
    ]


def ensemble(networks: Sequence[FaceClassifier], held_out: VotedFaces) -> FaceEnsemble:
    """The mean of these networks, each at the temperature that fits the votes on the held-out pictures."""
    temperatures = [
        fit_temperature(*one_by_one(flip_logits(network, held_out.faces.images).numpy(), held_out.shares))
        for network in networks
    ]
    return FaceEnsemble(networks, temperatures)


def kind_of(member: nn.Module) -> str:
    """Its name among `face_ensemble.NETWORKS`."""
    return next(name for name, kind in NETWORKS.items() if isinstance(member, kind))


def _train(
    start: FaceClassifier, training: FaceTraining, faces: tuple[VotedFaces, VotedFaces], checkpoint: Path
) -> Member:
    pictures, held_out = faces

    def progress(row: Mapping[str, Any]) -> None:
        numbers = ", ".join(f"{name.replace('_', ' ')} {value:.3g}" for name, value in row.items())
        print(f"face-votes: {checkpoint.stem}: {numbers}", flush=True)

    network, fitted = train_network(
        training,
        pictures.faces,
        held_out.faces,
        checkpoint,
        start=lambda: _trainable(start),
        teacher=lambda: torch.from_numpy(pictures.shares),
        truth=torch.from_numpy(held_out.shares),
        progress=progress,
    )
    return Member(network, training, fitted)


def _trainable(member: FaceClassifier) -> dict[str, Tensor]:
    """The state of a network that computes the same, with kernels as large as training leaves them: in a file
    the largest number of each is 1, and steps of a given size would change them less.
    """
    member = copy.deepcopy(member)
    if isinstance(member, PretrainedFaceClassifier):
        for layer in member.convolutions():
            variance: Tensor = layer.norm.state_dict()["running_var"]
            layer.rescale(variance.sqrt().clamp(min=_SMALLEST))
    return dict(member.state_dict())


def _set_aside(work: Path) -> dict[str, Any]:
    """The report of the step before, whose network and report are kept beside those of this one."""
    network, record, kept = work / "face.safetensors", work / "face.json", work / f"{BY_LABELS}.json"
    if not (network.is_file() and record.is_file()):
        raise ValueError(f"{network} or {record.name} is missing: run python -m recipes --only face first")
    text = record.read_bytes()
    # A step writes its report last: where that is the kept one, the network beside it may be new already.
    if "votes" not in json.loads(text) and not (kept.is_file() and kept.read_bytes() == text):
        for checkpoint in work.glob("face_votes_*_checkpoint.safetensors"):
            checkpoint.unlink()  # of a training that went on from other networks
        shutil.copyfile(network, work / f"{BY_LABELS}.safetensors")
        shutil.copyfile(record, kept)
    return dict(json.loads(kept.read_text(encoding="utf-8")))


def _record(member: Member) -> dict[str, Any]:
    options = {**member.training.to_json(), "cycles": list(member.training.cycles)}
    return {
        "options": options,
        "epochs": member.training.schedule.epochs,
        "history": list(member.fitted.history),
    }
