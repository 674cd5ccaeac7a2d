"""Training of the default model's face networks on FER2013.

Run it with `python -m mmer_core.default_model.face --data DIR --work DIR [--seed N] [--cycles N,N] [--mobile N] [--taught N] [--resnet N,N]
[--resnet-again N,N] [--taught-again N,N] [--resnet-taught N]`.

Training can be stopped at any time and goes on at the last whole epoch: the checkpoints in `WORK` hold all that it needs.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from sklearn.metrics import accuracy_score, f1_score, recall_score
from torch import Tensor
from torch.nn import functional

from mmer_core.calibration import answering_under, fit_temperature, halfway_to_equal
from mmer_core.default_model.face_published import STARTS
from mmer_core.default_model.face_recipes import EPOCHS, Epochs, Recipe, latest, recipes, shipped
from mmer_core.default_model.face_start import pretrained
from mmer_core.default_model.face_trainer import FaceTrainer, FaceTraining
from mmer_core.default_model.fer2013 import LabelledFaces, clean, hold_out, read_fer2013
from mmer_core.encoders.face_ensemble import FaceEnsemble, embed_pictures, load_network, save_network
from mmer_core.encoders.face_network import FaceReader
from mmer_core.encoders.spec import EncoderUnavailable
from mmer_core.labels import EMOTIONS

MEAN = "mean of those shipped"
Answers = tuple[np.ndarray, np.ndarray]  # logits (N, 7) float32 on the held-out pictures and on public_test


@torch.inference_mode()
def flip_logits(network: FaceReader | FaceEnsemble, images: np.ndarray) -> Tensor:
    """Logits (N, 7) float32 of uint8 pictures (N, 48, 48), mean of each picture and its mirror image."""
    network.eval()
    logits: Tensor = network.head(embed_pictures(network, images))
    return logits


def figures(logits: np.ndarray, labels: np.ndarray) -> dict[str, Any]:
    """Accuracy, unweighted accuracy (mean recall), macro and weighted F1 and the recall of each emotion, all in [0, 1]."""
    predicted = logits.argmax(1)
    classes = range(len(EMOTIONS))
    recalls = recall_score(labels, predicted, labels=classes, average=None, zero_division=0)
    return {
        "n": len(labels),
        "accuracy": float(accuracy_score(labels, predicted)),
        "ua": float(recalls.mean()),
        "macro_f1": float(f1_score(labels, predicted, labels=classes, average="macro", zero_division=0)),
        "weighted_f1": float(f1_score(labels, predicted, labels=classes, average="weighted", zero_division=0)),
        "recall": {name: float(value) for name, value in zip(EMOTIONS, recalls, strict=True)},
    }


def train_face(data: Path, work: Path, seed: int = 0, epochs: Epochs = EPOCHS) -> dict[str, Any]:
    """Train the networks of `recipes` on `data/fer2013/train.npz`, measure them once on `public_test.npz`, and write the results to `work`.

    What is shipped is the mean of those that no later training goes on from and that do more than teach, each at its own temperature. Writes
    face.safetensors (half precision), face.json (what this returns) and face_validation.parquet (test-time-flip logits of public_test). Every
    network is taken as its last epoch left it; temperatures are chosen on pictures held out of train.npz.

    Raises:
        FileNotFoundError: FER2013 is not in `data`.
        EncoderUnavailable: the weights that some of the networks start from are not in MMER_MODELS.
        ValueError: `work` holds a checkpoint of a training with other options.
    """
    work.mkdir(parents=True, exist_ok=True)
    public = read_fer2013(data / "fer2013" / "public_test.npz")
    pictures, held = hold_out(clean(read_fer2013(data / "fer2013" / "train.npz"), public), FaceTraining.held_out, seed)
    chosen = recipes(seed, epochs)
    for recipe in chosen:  # what cannot begin is said before the first network takes its hours
        if recipe.training.network in STARTS and not recipe.goes_on and not (work / recipe.checkpoint).is_file():
            STARTS[recipe.training.network].locate()
    trainers: list[FaceTrainer] = []
    trained: dict[str, _Trained] = {}
    for recipe in chosen:
        trainers.append(FaceTrainer(recipe.training, pictures, work / recipe.checkpoint))
        teachers = _together(trained, latest(chosen[: recipe.taught_by]), held) if recipe.taught_by else None
        start = trained[recipe.goes_on].network if recipe.goes_on else None
        network = _train_to_the_end(trainers[-1], pictures, held, teachers, start)
        trained[recipe.title] = _Trained(network, _answers(network, held, public))
    save_network(_together(trained, shipped(chosen), held), work / "face.safetensors")
    written = load_network(work / "face.safetensors")
    answers = {title: part.answers for title, part in trained.items()} | {MEAN: _answers(written, held, public)}
    _write_table(answers[MEAN][1], public, work / "face_validation.parquet")
    result = _report(written, trainers, answers[MEAN], held, public) | {"tried": _tried(answers, held, public)}
    (work / "face.json").write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    score = result["figures"]["public_test"]
    print(f"face: public_test accuracy {score['accuracy']:.4f}, UA {score['ua']:.4f}, weighted F1 {score['weighted_f1']:.4f}", flush=True)
    return result


@dataclass(frozen=True)
class _Trained:
    network: FaceReader
    answers: Answers


def _together(trained: Mapping[str, _Trained], chosen: Sequence[Recipe], held: LabelledFaces) -> FaceEnsemble:
    """The mean of these recipes' networks, each at the temperature that fits its answers to the held-out pictures."""
    parts = [trained[recipe.title] for recipe in chosen]
    return FaceEnsemble([part.network for part in parts], [fit_temperature(part.answers[0], held.labels) for part in parts])


def _train_to_the_end(
    trainer: FaceTrainer, pictures: LabelledFaces, held: LabelledFaces, teachers: FaceEnsemble | None, start: FaceReader | None
) -> FaceReader:
    """Train from the last checkpoint on; a network that goes on begins with what `start` has learned."""
    config = trainer.config
    if trainer.resume():
        print(f"face: going on after epoch {len(trainer.history)}", flush=True)
    elif start:
        trainer.go_on_from(start)
    elif config.network in STARTS:
        trainer.begin_from(pretrained(config.network, pictures))
    if config.taught and teachers and len(trainer.history) < config.epochs:
        trainer.learn_from(flip_logits(teachers, pictures.images).softmax(1))
    while len(trainer.history) < config.epochs:
        _run_epoch(trainer, held)
    return trainer.averaged


def _run_epoch(trainer: FaceTrainer, held: LabelledFaces) -> None:
    start = time.monotonic()
    loss = trainer.train_epoch()
    logits = flip_logits(trainer.averaged, held.images)
    labels = torch.from_numpy(held.labels)
    accuracy = (logits.argmax(1) == labels).float().mean().item()
    row = {"loss": loss, "held_out_loss": functional.cross_entropy(logits, labels).item(), "held_out_accuracy": accuracy}
    trainer.history.append(row | {"seconds": time.monotonic() - start})
    trainer.save()
    numbers = ", ".join(f"{name.replace('_', ' ')} {value:.3f}" for name, value in row.items())
    print(f"face: epoch {len(trainer.history)}/{trainer.config.epochs}: {numbers}, {trainer.history[-1]['seconds']:.0f} s", flush=True)


def _answers(network: FaceReader | FaceEnsemble, held: LabelledFaces, public: LabelledFaces) -> Answers:
    """Logits (N, 7) float32 on the held-out pictures and on public_test."""
    return flip_logits(network, held.images).numpy(), flip_logits(network, public.images).numpy()


def _tried(answers: Mapping[str, Answers], held: LabelledFaces, public: LabelledFaces) -> list[dict[str, Any]]:
    """Accuracy of each before the class frequencies are weighed and cross-entropy at its best temperature: on the held-out pictures, which choose,
    and on public_test, which does not."""
    rows = []
    for name, both in answers.items():
        row: dict[str, Any] = {"recipe": name}
        for part, logits, faces in zip(("held_out", "public_test"), both, (held, public), strict=True):
            row[part] = round(figures(logits, faces.labels)["accuracy"], 4)
            calibrated = torch.from_numpy(logits / fit_temperature(logits, faces.labels))
            row[f"{part}_cross_entropy"] = round(functional.cross_entropy(calibrated, torch.from_numpy(faces.labels)).item(), 4)
        rows.append(row)
    return rows


def _write_table(logits: np.ndarray, public: LabelledFaces, path: Path) -> None:
    """The logits on public_test, from which the fusion is fitted."""
    table = pd.DataFrame({"id": [f"fer2013/public_test/{i}" for i in range(len(public))], "label": [EMOTIONS[i] for i in public.labels]})
    table["group"] = [digest[:16] for digest in public.digests]
    for column, name in enumerate(EMOTIONS):
        table[f"logit_{name}"] = logits[:, column]
    table.to_parquet(path, index=False)


def _report(network: FaceEnsemble, trainers: Sequence[FaceTrainer], answers: Answers, held: LabelledFaces, public: LabelledFaces) -> dict[str, Any]:
    """The record of the weights as they were written."""
    held_logits, logits = answers
    labels = trainers[0].y.numpy()
    temperature = fit_temperature(held_logits, held.labels)
    prior = np.bincount(labels, minlength=len(EMOTIONS)) / len(labels)
    answered = halfway_to_equal(prior)  # people show faces at other frequencies than FER2013
    scored = {"public_test": (logits, public), "held_out": (held_logits, held)}
    options = [field.name.replace("_", "-") for field in fields(Epochs)]
    epochs = " ".join(f"--{name} {','.join(map(str, trainer.config.cycles))}" for name, trainer in zip(options, trainers, strict=True))
    return {
        "encoder": "face_cnn",
        "encoder_options": {"weights": "face.safetensors"},
        "expert": "frames",
        "expert_options": {"dim": network.dim, "classes": len(EMOTIONS)},
        "data": [{"name": "FER2013 (train)", "n": len(labels), "licence": "research use"}, *(start.data for start in STARTS.values())],
        "prior": {name: float(value) for name, value in zip(EMOTIONS, prior, strict=True)},
        "figures": {name: figures(answering_under(z, temperature, prior, answered), part.labels) for name, (z, part) in scored.items()},
        "temperature": temperature,
        "answer_prior": {name: float(value) for name, value in zip(EMOTIONS, answered, strict=True)},
        "selection": "temperatures on a part of train.npz; blank pictures, repeats and pictures of public_test left out of training",
        "parameters": sum(p.numel() for p in network.parameters()),
        "seconds": round(sum(row["seconds"] for trainer in trainers for row in trainer.history)),
        "seed": trainers[0].config.seed,
        "networks": [_record(trainer) for trainer in trainers],
        "command": f"python -m mmer_core.default_model.face --data DIR --work DIR --seed {trainers[0].config.seed} {epochs}",
    }


def _record(trainer: FaceTrainer) -> dict[str, Any]:
    """One network's options and how its training went."""
    return {
        "options": trainer.config.to_json() | {"cycles": list(trainer.config.cycles)},
        "epochs": trainer.config.epochs,
        "history": trainer.history,
    }


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(n) for n in text.split(","))


def main() -> None:
    """The command line of this training."""
    parser = argparse.ArgumentParser(description="Train the default model's face network on FER2013.")
    parser.add_argument("--data", type=Path, required=True, help="folder that holds fer2013/train.npz and fer2013/public_test.npz")
    parser.add_argument("--work", type=Path, required=True, help="folder for the checkpoint and the results")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cycles", type=_numbers, default=EPOCHS.cycles, metavar="N,N", help="epochs of each cycle of the first network")
    parser.add_argument("--mobile", type=int, default=EPOCHS.mobile, metavar="N", help="epochs of the second network, from published weights")
    parser.add_argument("--taught", type=int, default=EPOCHS.taught, metavar="N", help="epochs of the third, which the other two teach as well")
    parser.add_argument("--resnet", type=_numbers, default=EPOCHS.resnet, metavar="N,N", help="of the fourth, from other published weights")
    parser.add_argument(
        "--resnet-again", type=_numbers, default=EPOCHS.resnet_again, metavar="N,N", help="of the fourth once more, with four teachers"
    )
    parser.add_argument(
        "--taught-again", type=_numbers, default=EPOCHS.taught_again, metavar="N,N", help="of the third once more, with four teachers"
    )
    parser.add_argument("--resnet-taught", type=int, default=EPOCHS.resnet_taught, metavar="N", help="of another like the fourth, with four teachers")
    options = parser.parse_args()
    epochs = Epochs(**{field.name: getattr(options, field.name) for field in fields(Epochs)})
    try:
        train_face(options.data, options.work, options.seed, epochs)
    except (EncoderUnavailable, FileNotFoundError, ValueError) as error:
        parser.exit(2, f"{error}\n")


if __name__ == "__main__":
    main()
