"""Colours and symbols: fixed for the emotions that we know, different ones for any other class names."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from mmer_core.labels import EMOTIONS, Modality
from ui.theme import (
    EMOTION_COLOURS,
    EMOTION_SYMBOLS,
    MODALITY_COLOURS,
    emotion_colour,
    emotion_colours,
    emotion_name,
)

OWN = tuple(f"class {i}" for i in range(14))
SETS = {
    "four": EMOTIONS[:4],
    "seven": EMOTIONS,
    "eight": (*EMOTIONS, "calm"),
    "added by corpora": (*EMOTIONS, "boredom", "contempt", "frustration", "excitement"),
    "a person's own": ("very tired", "Glücklich", "joy", "so-so"),
    "many": (*EMOTIONS, *OWN),
}


def lab(colour: str) -> np.ndarray:
    """(3,) CIE Lab coordinates of "#RRGGBB" under D65; distances are close to what an eye sees."""
    rgb = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    linear = np.where(rgb > 0.04045, ((rgb + 0.055) / 1.055) ** 2.4, rgb / 12.92)
    matrix = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    x, y, z = np.cbrt(np.array(matrix) @ linear / [0.9505, 1, 1.089])
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("name", SETS)
def test_the_classes_of_a_model_are_told_apart(name):
    colours = emotion_colours(SETS[name])
    assert list(colours) == list(SETS[name])
    distances = [np.linalg.norm(lab(a) - lab(b)) for a, b in itertools.combinations(colours.values(), 2)]
    assert min(distances) > 12


def test_a_known_emotion_has_its_colour_in_any_company():
    for labels in SETS.values():
        for label in set(labels) & set(EMOTION_COLOURS):
            assert emotion_colour(label, labels) == EMOTION_COLOURS[label]
    assert emotion_colour("Joy", ["Joy", "Tired"]) == EMOTION_COLOURS["joy"]


def test_every_emotion_and_modality_has_a_colour_and_every_emotion_a_symbol():
    assert set(EMOTIONS) <= set(EMOTION_COLOURS) & set(EMOTION_SYMBOLS)
    assert set(MODALITY_COLOURS) == set(Modality)


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("joy", "😊 Joy"),
        ("calm", "😌 Calm"),
        ("very tired", "Very tired"),
        ("ADHD", "ADHD"),
        ("übel", "Übel"),
    ],
)
def test_names_begin_with_a_capital_and_have_a_symbol_only_where_there_is_one(label, name):
    assert emotion_name(label) == name
