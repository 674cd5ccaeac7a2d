"""The model of one fold on disk: model.json and safetensors, and back."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmer_core import fusion
from mmer_core.checkpoint import CheckpointError, load_tensors, read_record
from mmer_core.features.table import FeatureTable
from mmer_core.labels import Modality
from mmer_core.training.multitask import MultiTask, Network

WEIGHTS = "model.safetensors"


def describe(model: Network, table: FeatureTable, name: str) -> dict[str, Any]:
    """The part of model.json from which `load` builds the network again."""
    network = model.network if isinstance(model, MultiTask) else model
    return {
        "kind": "fold",
        "fusion": {"name": name, "options": network.options.to_json()},
        "dims": {str(m): d for m, d in network.dims.items()},
        "labels": list(table.labels),
        "sentiments": list(table.sentiments) if isinstance(model, MultiTask) else [],
        "sentiment_weight": model.weight if isinstance(model, MultiTask) else 0.0,
        "features": {str(m): table.sources.get(m, "") for m in network.modalities},
    }


def load(folder: Path) -> tuple[Network, Mapping[str, Any]]:
    """The network of a fold, ready for use, and its record (labels, features, {subset: temperature}).

    Raises:
        CheckpointError: the folder has no such model, or its files do not fit together.
    """
    record = read_record(folder)
    try:
        dims = {Modality(m): int(d) for m, d in record["dims"].items()}
        classes, sentiments = len(record["labels"]), len(record["sentiments"])
        network = fusion.create(record["fusion"]["name"], dims=dims, classes=classes + sentiments, **record["fusion"]["options"])
        model = MultiTask(network, classes, record["sentiment_weight"]) if sentiments else network
        model.load_state_dict(load_tensors(folder / WEIGHTS))
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise CheckpointError(f"{folder} does not hold the model of a fold that this version can build: train it again") from error
    return model.eval(), record
