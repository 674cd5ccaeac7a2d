"""The recogniser that a model hears words with."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from mmer_core.checkpoint import fingerprint
from mmer_core.media.recogniser import DEFAULT, check_name

if TYPE_CHECKING:
    from mmer_core.inference.emotion_model import EmotionModel


def hearing_with(model: EmotionModel, words_from: str) -> EmotionModel:
    """The same model, its parts shared, with another recogniser of speech.

    Args:
        model: that answers.
        words_from: name of the recogniser.

    Raises:
        UnknownRecogniser: there is none of this name.
    """
    check_name(words_from)
    other = copy.copy(model)
    other.words_from, other._answers = words_from, WeakKeyDictionary()
    other.__dict__.pop("identity", None)  # kept of the first one
    return other


def identity(record: Mapping[str, Any], words_from: str) -> dict[str, str]:
    """Name and sha256 of a model. With another recogniser than the default one that is named too, and the
    sha256 is of both: they may answer differently.
    """
    sha256 = fingerprint(record)
    if words_from == DEFAULT:
        return {"name": record["name"], "sha256": sha256}
    both = fingerprint({"model": sha256, "words_from": words_from})
    return {"name": record["name"], "sha256": both, "words_from": words_from}
