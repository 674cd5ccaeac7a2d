"""The face networks that the default model trains: what each starts from and learns from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from mmer_core.default_model.face_trainer import FaceTraining

_TAUGHT: dict[str, Any] = {"taught": 0.5, "label_smoothing": 0.0}


@dataclass(frozen=True)
class Epochs:
    """Of the trainings, in the order of `recipes`; each field is an option of the command line as well.

    Attributes:
        cycles: of the first network, in cycles.
        mobile: of the second, which starts from published weights.
        taught: of the third, which starts there and has teachers.
        resnet: of the fourth, which starts from other published weights, in cycles.
        resnet_again: of the fourth once more, with teachers, in cycles.
        taught_again: of the third once more, with more teachers, in cycles.
        resnet_taught: of one more that starts as the fourth does and has teachers from the first epoch on.
    """

    cycles: tuple[int, ...] = FaceTraining.cycles
    mobile: int = 24
    taught: int = 24
    resnet: tuple[int, ...] = (24, 24)
    resnet_again: tuple[int, ...] = (54, 20)
    taught_again: tuple[int, ...] = (22, 32)
    resnet_taught: int = 46


EPOCHS = Epochs()  # of the shipped model


@dataclass(frozen=True)
class Recipe:
    """One of the trainings.

    Attributes:
        title: what the table of what was tried calls it.
        training: its options.
        checkpoint: file name of its state.
        taught_by: how many of the first trainings teach it: the mean answer of their networks, less those that another of them goes on from.
        goes_on: title of the training whose network it begins with and takes the place of; "" for none.
        only_teaches: whether the shipped mean goes without it. The networks that learned from labels alone add nothing to the mean of those that
            have learned from them.
    """

    title: str
    training: FaceTraining
    checkpoint: str
    taught_by: int = 0
    goes_on: str = ""
    only_teaches: bool = False


def recipes(seed: int, epochs: Epochs) -> list[Recipe]:
    """The trainings in their order; a network learns from the labels and, where it is taught, as much from those before it."""
    published = FaceTraining(network="mobile", frozen=3, learning_rate=1e-3, gentle_until=0.2, small_until=0.5)
    resnet = replace(published, network="resnet", seed=seed + 4, cycles=epochs.resnet)
    firsts = [
        Recipe("labels alone", FaceTraining(seed=seed, cycles=epochs.cycles), "face_checkpoint.safetensors", only_teaches=True),
        Recipe(
            "from published weights, labels",
            replace(published, seed=seed + 2, cycles=(epochs.mobile,)),
            "face_mobile_checkpoint.safetensors",
            only_teaches=True,
        ),
        Recipe(
            "from published weights, labels and the answers of the two before it",
            replace(published, seed=seed + 3, cycles=(epochs.taught,), **_TAUGHT),
            "face_taught_checkpoint.safetensors",
            taught_by=2,
        ),
        Recipe("from dlib's weights, labels", resnet, "face_resnet_checkpoint.safetensors"),
    ]
    _, _, taught, dlib = firsts
    return [
        *firsts,
        _once_more(dlib, seed + 5, epochs.resnet_again, taught_by=4),
        _once_more(taught, seed + 7, epochs.taught_again, taught_by=5),
        Recipe(
            "from dlib's weights, labels and the answers of all four",
            replace(resnet, seed=seed + 8, cycles=(epochs.resnet_taught,), **_TAUGHT),
            "face_resnet_taught_checkpoint.safetensors",
            taught_by=5,
        ),
    ]


def latest(chosen: Sequence[Recipe]) -> list[Recipe]:
    """Those whose network no other of them goes on from."""
    replaced = {recipe.goes_on for recipe in chosen}
    return [recipe for recipe in chosen if recipe.title not in replaced]


def shipped(chosen: Sequence[Recipe]) -> list[Recipe]:
    """Those whose networks make up the shipped mean."""
    return [recipe for recipe in latest(chosen) if not recipe.only_teaches]


def _once_more(recipe: Recipe, seed: int, cycles: tuple[int, ...], taught_by: int) -> Recipe:
    """A second training of a network, which is past its first steps, by better teachers than it had."""
    training = replace(recipe.training, seed=seed, cycles=cycles, learning_rate=6e-4, gentle_until=0.0, **_TAUGHT)
    title = f"{recipe.title}; then labels and the answers of all four"
    return Recipe(title, training, recipe.checkpoint.replace("_checkpoint", "_again_checkpoint"), taught_by, goes_on=recipe.title)
