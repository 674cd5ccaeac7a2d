"""The recipe of the shipped face networks on FER2013; stopped, it goes on at the last whole epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from mmer_core.encoders.backends.face_ensemble import FaceEnsemble, load_network, save_network
from mmer_core.encoders.backends.face_network import FaceClassifier
from mmer_core.json_files import write_json
from mmer_core.labels import EMOTIONS
from mmer_core.training.history import Fitted
from mmer_core.uncertainty.calibration import answering_under, fit_temperature, halfway_to_equal
from recipes.face.evaluation import Logits, figures, flip_logits, logits_of, tried, write_table
from recipes.face.fer2013 import LabelledFaces, clean, hold_out, read_fer2013
from recipes.face.networks import EPOCHS, Epochs, Recipe, latest, recipes, shipped
from recipes.face.pretrained import pretrained
from recipes.face.published import STARTS
from recipes.face.training import FaceTraining, train_network

MEAN = "mean of those shipped"


@dataclass(frozen=True)
class Trained:
    """One network, how its training went, and its logits on the pictures that it did not learn."""

    network: FaceClassifier
    fitted: Fitted
    logits: Logits


def train_face(data: Path, work: Path, seed: int = 0, epochs: Epochs = EPOCHS) -> dict[str, Any]:
    """Train the networks of `recipes` on `data/fer2013/train.npz`, measure them once on `public_test.npz`,
    and write the results to `work`.

    Shipped is the ensemble of those that no later training continues and that do more than teach, each at its
    own temperature. Writes face.safetensors (half precision), face.json (what this returns) and
    face_validation.parquet (test-time-flip logits of public_test). Every network is taken as its last epoch
    left it; temperatures are chosen on pictures held out of train.npz.

    Raises:
        FileNotFoundError: FER2013 is not in `data`.
        EncoderUnavailable: the weights that some of the networks start from are not in MMER_MODELS.
        ValueError: `work` holds a checkpoint of a training with other options.
    """
    work.mkdir(parents=True, exist_ok=True)
    public = read_fer2013(data / "fer2013" / "public_test.npz")
    pictures, held_out = hold_out(
        clean(read_fer2013(data / "fer2013" / "train.npz"), public), FaceTraining.held_out, seed
    )
    chosen = recipes(seed, epochs)
    _require_published(chosen, work)
    trained: dict[str, Trained] = {}
    for recipe in chosen:
        teachers = latest(chosen[: recipe.teachers])
        network, fitted = _train(recipe, work, (pictures, held_out), trained, teachers)
        trained[recipe.title] = Trained(network, fitted, logits_of(network, held_out, public))
    save_network(ensemble(trained, shipped(chosen), held_out), work / "face.safetensors")
    written = load_network(work / "face.safetensors")  # figures are those of the file
    logits = logits_of(written, held_out, public)
    write_table(logits.public_test, public, work / "face_validation.parquet")
    report = _report(written, chosen, trained, logits, (pictures, held_out, public))
    each = {title: part.logits for title, part in trained.items()}
    report["tried"] = tried(each | {MEAN: logits}, held_out, public)
    write_json(work / "face.json", report)
    score = report["figures"]["public_test"]
    print(f"face: public_test accuracy {score['accuracy']:.4f}, UA {score['ua']:.4f}", flush=True)
    return report


def _require_published(chosen: Sequence[Recipe], work: Path) -> None:
    """Raise EncoderUnavailable for missing published weights before the first network takes its hours."""
    for recipe in chosen:
        kind = recipe.training.network
        if kind in STARTS and not recipe.continues and not (work / recipe.checkpoint).is_file():
            STARTS[kind].locate()


def ensemble(
    trained: Mapping[str, Trained], chosen: Sequence[Recipe], held_out: LabelledFaces
) -> FaceEnsemble:
    """The mean of these recipes' networks, each at the temperature that fits its logits on the held-out
    pictures.
    """
    parts = [trained[recipe.title] for recipe in chosen]
    temperatures = [fit_temperature(part.logits.held_out, held_out.labels) for part in parts]
    return FaceEnsemble([part.network for part in parts], temperatures)


def _train(
    recipe: Recipe,
    work: Path,
    faces: tuple[LabelledFaces, LabelledFaces],
    trained: Mapping[str, Trained],
    teachers: Sequence[Recipe],
) -> tuple[FaceClassifier, Fitted]:
    """Train one network; its teachers and its first weights are those trained before it."""
    pictures, held_out = faces
    kind = recipe.training.network

    def start() -> Mapping[str, Tensor]:
        if recipe.continues:
            return trained[recipe.continues].network.state_dict()
        return pretrained(kind, pictures) if kind in STARTS else {}

    def teacher() -> Tensor:
        return flip_logits(ensemble(trained, teachers, held_out), pictures.images).softmax(1)

    def progress(row: Mapping[str, Any]) -> None:
        numbers = ", ".join(f"{name.replace('_', ' ')} {value:.3g}" for name, value in row.items())
        print(f"face: {recipe.title}: {numbers}", flush=True)

    return train_network(
        recipe.training,
        pictures,
        held_out,
        work / recipe.checkpoint,
        start=start,
        teacher=teacher,
        progress=progress,
    )


def _report(
    network: FaceEnsemble,
    chosen: Sequence[Recipe],
    trained: Mapping[str, Trained],
    logits: Logits,
    faces: tuple[LabelledFaces, LabelledFaces, LabelledFaces],
) -> dict[str, Any]:
    """The record of the weights as they were written: how to build the encoder, its data, its figures."""
    pictures, held_out, public = faces
    temperature = fit_temperature(logits.held_out, held_out.labels)
    prior = np.bincount(pictures.labels, minlength=len(EMOTIONS)) / len(pictures)
    answered = halfway_to_equal(prior)  # people show faces at other frequencies than FER2013
    parts = {"public_test": (logits.public_test, public), "held_out": (logits.held_out, held_out)}
    seed = chosen[0].training.seed
    epochs = " ".join(
        f"--{field.name.replace('_', '-')} {','.join(map(str, recipe.training.cycles))}"
        for field, recipe in zip(fields(Epochs), chosen, strict=True)
    )
    return {
        "encoder": "face_cnn",
        "encoder_options": {"weights": "face.safetensors"},
        "head": {"name": "frames", "options": {}},
        "dim": network.dim,
        "data": [
            {"name": "FER2013 (train)", "n": len(pictures), "licence": "research use"},
            *(start.data for start in STARTS.values()),
        ],
        "prior": {name: float(value) for name, value in zip(EMOTIONS, prior, strict=True)},
        "figures": {
            name: figures(answering_under(z, temperature, prior, answered), part.labels)
            for name, (z, part) in parts.items()
        },
        "temperature": temperature,
        "answer_prior": {name: float(value) for name, value in zip(EMOTIONS, answered, strict=True)},
        "selection": "temperatures on a part of train.npz; blank pictures, repeats and pictures of "
        "public_test left out of training",
        "parameters": sum(p.numel() for p in network.parameters()),
        "seconds": round(sum(part.fitted.seconds for part in trained.values())),
        "seed": seed,
        "networks": [
            {
                "options": {**recipe.training.to_json(), "cycles": list(recipe.training.cycles)},
                "epochs": recipe.training.schedule.epochs,
                "history": list(trained[recipe.title].fitted.history),
            }
            for recipe in chosen
        ],
        "command": f"python -m recipes.face --data DIR --work DIR --seed {seed} {epochs}",
    }
