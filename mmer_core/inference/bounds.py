"""What the record of a model may state, checked before any memory is taken for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmer_core.labels import Modality

if TYPE_CHECKING:
    import torch

GIVEN = "given"  # in place of an encoder: features that came with the corpus
LARGEST = 2**16  # of any number, widths of features among them


def is_sound(record: Mapping[str, Any], prior: Mapping[str, float]) -> bool:
    """Whether the parts of a model's record are of the right kind and fit each other.

    Args:
        record: with the sections that every record has.
        prior: {label: p} of its calibration.

    Raises:
        KeyError, TypeError, ValueError, AttributeError: a part is missing or of the wrong kind.
    """
    labels, fusion = record["labels"], record["fusion"]
    sound = (
        bool(record["modalities"])
        and are_names(labels)
        and len(labels) > 1
        and are_names(record.get("sentiments", []))
        and set(prior) in (set(), set(labels))
        and isinstance(record["name"], str)
        and isinstance(fusion["name"], str)
        and isinstance(fusion["options"], dict)
        and is_bounded(fusion["options"])
        and isinstance(record.get("files", {}), dict)
        and isinstance(record.get("card", {}), dict)
    )
    for name, entry in record["modalities"].items():
        Modality(name)
        sound &= isinstance(entry["dim"], int) and 0 < entry["dim"] <= LARGEST
        sound &= isinstance(entry["encoder"], str) and isinstance(entry.get("options", {}), dict)
        sound &= entry["encoder"] == GIVEN or isinstance(entry["fingerprint"], str)
    return sound


def are_names(values: Any) -> bool:
    """Whether a value is a list of different texts."""
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        return False
    return len(set(values)) == len(values)


def is_bounded(value: Any) -> bool:
    """Whether no number in a value, and no length, is larger than any network of ours needs."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return len(value) <= LARGEST and all(map(is_bounded, value))
    return not isinstance(value, (int, float)) or -LARGEST <= value <= LARGEST


def numbers_of(create: Callable[[], torch.nn.Module]) -> int | None:
    """How many numbers a network's file holds, found without taking memory for them; None where the network
    cannot be made so.
    """
    import torch

    try:
        with torch.device("meta"):
            return sum(tensor.numel() for tensor in create().state_dict().values())
    except NotImplementedError:  # of a plug-in that computes with its numbers as it is made
        return None


def does_not_fit(path: Path, name: str) -> str:
    """One sentence: the weights in a file are those of another network than the record names."""
    return (
        f"{path} does not fit the fusion network {name} that the record describes: copy the whole model "
        "folder again"
    )
