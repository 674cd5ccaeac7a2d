"""The files of a model: its record and card, the network, the detectors, and those of its encoders."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from mmer_core import checkpoint
from mmer_core.checkpoint import CheckpointError
from mmer_core.inference.bounds import does_not_fit
from mmer_core.inference.card import write_card
from mmer_core.inference.memory import give_back
from mmer_core.inference.record import FUSION_FILE, GIVEN, build_encoder, build_network
from mmer_core.inference.scoring import InputScaling
from mmer_core.labels import Modality
from mmer_core.training.multitask import Network
from mmer_core.uncertainty import out_of_distribution
from mmer_core.uncertainty.out_of_distribution import MahalanobisDetector

if TYPE_CHECKING:
    from mmer_core.inference.emotion_model import EmotionModel

SCALING = "input_scaling."  # prefix of the tensors that are not the network's


def read(
    folder: Path, record: Mapping[str, Any], device: str, wanted: Collection[Modality] | None = None
) -> dict[str, Any]:
    """The parts of a model, as the arguments of `EmotionModel`.

    Args:
        folder: of the model.
        record: see `inference.record`.
        device: where it computes.
        wanted: modalities whose encoders are loaded, those of them that it has; by default all.

    Raises:
        CheckpointError, EncoderUnavailable: see `EmotionModel.load`.
    """
    network, input_scaling = read_network(folder, record)
    built = [m for m in network.modalities if record["modalities"][m.value]["encoder"] != GIVEN]
    built = [m for m in built if wanted is None or m in wanted]
    with ThreadPoolExecutor(len(built) or 1, thread_name_prefix="loading") as side_by_side:
        found = side_by_side.map(lambda m: build_encoder(folder, record, m, device), built)
        encoders = dict(zip(built, found, strict=True))
    parts = {
        "network": network,
        "encoders": encoders,
        "record": record,
        "detectors": read_detectors(folder, record),
        "input_scaling": input_scaling,
    }
    give_back()
    return parts


def read_network(folder: Path, record: Mapping[str, Any]) -> tuple[Network, dict[Modality, InputScaling]]:
    """The trained network, and by what its inputs are scaled before it.

    Raises:
        CheckpointError: the weights are missing or do not fit the record.
    """
    path = folder / FUSION_FILE
    if FUSION_FILE not in record.get("files", {}):
        raise CheckpointError(f"{folder} lacks {FUSION_FILE}: copy the whole model folder again")
    tensors = checkpoint.load_tensors(path)
    scaling = {name: tensors.pop(name) for name in list(tensors) if name.startswith(SCALING)}
    prior = next((t for name, t in tensors.items() if name in ("log_prior", "network.log_prior")), None)
    numbers = sum(tensor.numel() for tensor in tensors.values())
    network = build_network(folder, record, 0 if prior is None else prior.numel(), numbers)
    try:
        network.load_state_dict(tensors)
    except RuntimeError as error:
        raise CheckpointError(does_not_fit(path, record["fusion"]["name"])) from error
    named = {name.removeprefix(SCALING).rpartition(".")[0] for name in scaling}
    try:
        return network, {Modality(m): _scaling(scaling, m) for m in sorted(named)}
    except (ValueError, TypeError, IndexError) as error:  # of no modality, or not the parts of a scaling
        raise checkpoint.damaged(path, error) from error


def _scaling(tensors: Mapping[str, Tensor], modality: str) -> InputScaling:
    """The scaling of a modality; older files do not say how many rows it counts as."""
    prefix = f"{SCALING}{modality}."
    own = {name: tensor.numpy() for name, tensor in tensors.items() if name.startswith(prefix)}
    found: dict[str, Any] = {name.removeprefix(prefix): values for name, values in own.items()}
    rows = found.pop("rows", None)
    return InputScaling(**found, rows=None if rows is None else float(rows.reshape(-1)[0]))


def scaling_tensors(scaling: Mapping[Modality, InputScaling]) -> dict[str, Tensor]:
    """The tensors of scalings, beside those of the network in its file."""
    return {
        f"{SCALING}{modality}.{name}": torch.as_tensor(np.atleast_1d(value), dtype=torch.float32)
        for modality, one in scaling.items()
        for name, value in one._asdict().items()
        if value is not None
    }


def read_detectors(folder: Path, record: Mapping[str, Any]) -> dict[Modality, MahalanobisDetector]:
    """The out-of-distribution detectors of a model, those of the model that it builds on included."""
    base = checkpoint.base_of(folder, record)
    inherited = out_of_distribution.load(base) if base else {}
    own = out_of_distribution.FILE in record["files"]
    return inherited | (out_of_distribution.load(folder) if own else {})


def write(model: EmotionModel, folder: Path) -> None:
    """Write all files of a model to `folder`, model.json last."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors: dict[str, Tensor] = dict(model.network.state_dict())
    tensors |= scaling_tensors(model.input_scaling)
    checkpoint.save_tensors(folder / FUSION_FILE, tensors)
    files = [FUSION_FILE]
    if model.detectors:
        files.append(out_of_distribution.save(folder, model.detectors))
    record = {k: v for k, v in model.record.items() if k not in ("schema", "files", "base")}
    record["modalities"] = {}
    for name, entry in model.record["modalities"].items():
        options = dict(entry.get("options", {}))
        for option in checkpoint.FILE_OPTIONS:
            if options.get(option):
                options[option] = _copied(_source(model, options[option]), folder, name, files)
                files.append(options[option])
        record["modalities"][name] = {**entry, "options": options} if options else dict(entry)
    checkpoint.write_record(folder, record, files)
    write_card(folder, checkpoint.read_record(folder))


def _source(model: EmotionModel, named: str) -> Path:
    """Where an encoder's file lies: beside the model, or where the path says."""
    inside = model.folder is not None and Path(named).name == named
    return checkpoint.find_file(model.folder, model.record, named) if model.folder and inside else Path(named)


def _copied(source: Path, folder: Path, modality: str, taken: Collection[str]) -> str:
    """The name in `folder` of a copy of a file."""
    name = f"{modality}-{source.name}" if source.name in taken else source.name
    if source.resolve() != (folder / name).resolve():
        shutil.copyfile(source, folder / name)
    return name
