"""The face networks that the default model trains: what each starts from and learns from."""

from __future__ import annotations

from dataclasses import dataclass, replace

from mmer_core.default_model.face_trainer import FaceTraining


@dataclass(frozen=True)
class Epochs:
    """Of the first network, in cycles; of the second, which starts from published weights; of the third, which starts there and has teachers; of the
    fourth, which starts from other published weights, in cycles."""

    cycles: tuple[int, ...] = FaceTraining.cycles
    mobile: int = 24
    taught: int = 24
    resnet: tuple[int, ...] = (24, 24)


EPOCHS = Epochs()  # of the shipped model


@dataclass(frozen=True)
class Recipe:
    """One of the networks: what the table of what was tried calls it, its options, the name of its checkpoint."""

    title: str
    training: FaceTraining
    checkpoint: str


def recipes(seed: int, epochs: Epochs) -> list[Recipe]:
    """The networks in the order of their training. One that is taught learns from the labels and from the mean answer of those before it."""
    published = FaceTraining(network="mobile", frozen=3, learning_rate=1e-3, gentle_until=0.2, small_until=0.5)
    return [
        Recipe("labels alone", FaceTraining(seed=seed, cycles=epochs.cycles), "face_checkpoint.safetensors"),
        Recipe("from published weights, labels", replace(published, seed=seed + 2, cycles=(epochs.mobile,)), "face_mobile_checkpoint.safetensors"),
        Recipe(
            "from published weights, labels and the answers of the two before it",
            replace(published, seed=seed + 3, cycles=(epochs.taught,), taught=0.5, label_smoothing=0.0),
            "face_taught_checkpoint.safetensors",
        ),
        Recipe(
            "from dlib's weights, labels",
            replace(published, network="resnet", seed=seed + 4, cycles=epochs.resnet),
            "face_resnet_checkpoint.safetensors",
        ),
    ]
