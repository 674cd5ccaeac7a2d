"""The face networks that the default model trains: what each starts from and learns from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from mmer_core.default_model.face_trainer import FaceTraining


@dataclass(frozen=True)
class Epochs:
    """Of the trainings, in the order of `recipes`; each field is an option of the command line as well.

    Attributes:
        cycles: of the first network, in cycles.
        mobile: of the second, which starts from published weights.
        taught: of the third, which starts there and has teachers.
        resnet: of the fourth, which starts from other published weights, in cycles.
        again: of the fourth once more, with teachers, in cycles.
    """

    cycles: tuple[int, ...] = FaceTraining.cycles
    mobile: int = 24
    taught: int = 24
    resnet: tuple[int, ...] = (24, 24)
    again: tuple[int, ...] = (54, 20)


EPOCHS = Epochs()  # of the shipped model


@dataclass(frozen=True)
class Recipe:
    """One of the trainings.

    Attributes:
        title: what the table of what was tried calls it.
        training: its options.
        checkpoint: file name of its state.
        goes_on: title of the training whose network it begins with and takes the place of; "" for none.
    """

    title: str
    training: FaceTraining
    checkpoint: str
    goes_on: str = ""


def recipes(seed: int, epochs: Epochs) -> list[Recipe]:
    """The trainings in their order.

    A network that is taught learns from the labels and from the mean answer of those before it that go on from none.
    """
    published = FaceTraining(network="mobile", frozen=3, learning_rate=1e-3, gentle_until=0.2, small_until=0.5)
    resnet = replace(published, network="resnet", seed=seed + 4, cycles=epochs.resnet)
    taught: dict[str, Any] = {"taught": 0.5, "label_smoothing": 0.0}
    fourth = "from dlib's weights, labels"
    return [
        Recipe("labels alone", FaceTraining(seed=seed, cycles=epochs.cycles), "face_checkpoint.safetensors"),
        Recipe("from published weights, labels", replace(published, seed=seed + 2, cycles=(epochs.mobile,)), "face_mobile_checkpoint.safetensors"),
        Recipe(
            "from published weights, labels and the answers of the two before it",
            replace(published, seed=seed + 3, cycles=(epochs.taught,), **taught),
            "face_taught_checkpoint.safetensors",
        ),
        Recipe(fourth, resnet, "face_resnet_checkpoint.safetensors"),
        Recipe(
            f"{fourth}; then labels and the answers of all four",
            replace(resnet, seed=seed + 5, cycles=epochs.again, learning_rate=6e-4, gentle_until=0.0, **taught),
            "face_again_checkpoint.safetensors",
            goes_on=fourth,
        ),
    ]
