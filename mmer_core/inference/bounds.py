"""What the record of a model may state, checked before any memory is taken for it."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmer_core.labels import Modality

if TYPE_CHECKING:
    import torch

GIVEN = "given"  # in place of an encoder: features that came with the corpus
LARGEST = 2**16  # of any number, widths of features among them
ORDINARY = 2**28  # numbers of a network that is not worth a second thought


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
    return all(size <= LARGEST for size in _sizes(value))


def may_be_large(widths: Collection[int], options: Mapping[str, Any]) -> bool:
    """Whether a network of these features and options could take much memory: the widest features times the
    two largest numbers of its options, lengths of lists among them, are more than those of any of ours.
    """
    product = max(widths)
    for number in sorted(_sizes(options))[-2:]:
        product *= max(1, number)
    return product > ORDINARY


def _sizes(value: Any) -> Iterator[int]:
    """The numbers in a value, without their signs and rounded up, and the lengths, before what they hold; for
    one that is not finite, one that is too large.
    """
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        yield len(value)
        for item in value:
            yield from _sizes(item)
    elif isinstance(value, (int, float)):
        finite = isinstance(value, int) or math.isfinite(value)
        yield math.ceil(abs(value)) if finite else LARGEST + 1


def numbers_of(create: Callable[[], torch.nn.Module]) -> int | None:
    """How many numbers a network's file holds, found without taking memory for them; None where the network
    cannot be made so. Takes seconds, in which torch loads what it needs to compute without numbers.
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
