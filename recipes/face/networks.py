"""The face networks that are trained: what each starts from, and which of the others are its teachers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from recipes.face.training import FaceTraining

_DISTILLED: dict[str, Any] = {"distillation": 0.5, "label_smoothing": 0.0}


@dataclass(frozen=True)
class Epochs:
    """Of the trainings, in the order of `recipes`; each field is an option of the command line as well.

    Attributes:
        cycles: of the first network, in cycles.
        mobile: of the second, which starts from published weights.
        distilled: of the third, which starts there and has teachers.
        resnet: of the fourth, which starts from other published weights, in cycles.
        resnet_again: of the fourth once more, with teachers, in cycles.
        distilled_again: of the third once more, with more teachers, in cycles.
        resnet_distilled: of one more that starts as the fourth does and has teachers from the first epoch on.
    """

    cycles: tuple[int, ...] = FaceTraining.cycles
    mobile: tuple[int, ...] = (24,)
    distilled: tuple[int, ...] = (24,)
    resnet: tuple[int, ...] = (24, 24)
    resnet_again: tuple[int, ...] = (54, 20)
    distilled_again: tuple[int, ...] = (22, 32)
    resnet_distilled: tuple[int, ...] = (46,)


EPOCHS = Epochs()  # of the shipped model


@dataclass(frozen=True)
class Recipe:
    """One of the trainings.

    Attributes:
        title: its name in the table of what was tried.
        training: its settings.
        checkpoint: file name of its state.
        teachers: how many of the first trainings teach it: its soft labels are the mean of their networks'
            probabilities, without those that another of them continues.
        continues: title of the training whose network it begins with and replaces; "" for none.
        only_teaches: whether the shipped ensemble goes without it. The networks that learned from labels
            alone add nothing to the mean of those that have learned from them.
    """

    title: str
    training: FaceTraining
    checkpoint: str
    teachers: int = 0
    continues: str = ""
    only_teaches: bool = False


def recipes(seed: int, epochs: Epochs) -> list[Recipe]:
    """The trainings in their order; where a network has teachers, labels and soft labels count alike."""
    published = FaceTraining(
        network="mobile", frozen=3, learning_rate=1e-3, gentle_until=0.2, small_until=0.5
    )
    resnet = replace(published, network="resnet", seed=seed + 4, cycles=epochs.resnet)
    labels = Recipe(
        "labels alone",
        FaceTraining(seed=seed, cycles=epochs.cycles),
        "face_checkpoint.safetensors",
        only_teaches=True,
    )
    mobile = Recipe(
        "from published weights, labels",
        replace(published, seed=seed + 2, cycles=epochs.mobile),
        "face_mobile_checkpoint.safetensors",
        only_teaches=True,
    )
    distilled = Recipe(
        "from published weights, labels and soft labels of the two before it",
        replace(published, seed=seed + 3, cycles=epochs.distilled, **_DISTILLED),
        "face_distilled_checkpoint.safetensors",
        teachers=2,
    )
    dlib = Recipe("from dlib's weights, labels", resnet, "face_resnet_checkpoint.safetensors")
    return [
        labels,
        mobile,
        distilled,
        dlib,
        _continued(dlib, seed + 5, epochs.resnet_again, teachers=4),
        _continued(distilled, seed + 7, epochs.distilled_again, teachers=5),
        Recipe(
            "from dlib's weights, labels and soft labels of all four",
            replace(resnet, seed=seed + 8, cycles=epochs.resnet_distilled, **_DISTILLED),
            "face_resnet_distilled_checkpoint.safetensors",
            teachers=5,
        ),
    ]


def latest(chosen: Sequence[Recipe]) -> list[Recipe]:
    """Those whose network no other of them continues."""
    replaced = {recipe.continues for recipe in chosen}
    return [recipe for recipe in chosen if recipe.title not in replaced]


def shipped(chosen: Sequence[Recipe]) -> list[Recipe]:
    """Those whose networks make up the shipped ensemble."""
    return [recipe for recipe in latest(chosen) if not recipe.only_teaches]


def _continued(recipe: Recipe, seed: int, cycles: tuple[int, ...], teachers: int) -> Recipe:
    """A second training of a network, which is past its first steps, by better teachers than it had."""
    training = replace(
        recipe.training, seed=seed, cycles=cycles, learning_rate=6e-4, gentle_until=0.0, **_DISTILLED
    )
    return Recipe(
        f"{recipe.title}; then labels and soft labels of all four",
        training,
        recipe.checkpoint.replace("_checkpoint", "_again_checkpoint"),
        teachers,
        continues=recipe.title,
    )
