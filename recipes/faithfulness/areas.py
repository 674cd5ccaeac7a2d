"""Deletion and insertion tests of the explanations of held-out clips, against random orders that no
explanation has seen.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np

from mmer_core.clip import Clip
from mmer_core.encoders.base import ModalityEncoder
from mmer_core.evaluation.statistics import mean_interval
from mmer_core.explanation.deletion import STEPS, deletion, gains
from mmer_core.explanation.face import CHECK_STEPS, map_game, occlusion_map, picture_reader
from mmer_core.explanation.game import Game, drawn_orders, spread
from mmer_core.explanation.share import ShareOf, contributions
from mmer_core.explanation.sound import explain_sound, sound_game
from mmer_core.explanation.words import explain_words, word_game
from mmer_core.inference.emotion_model import EmotionModel
from mmer_core.labels import Modality
from recipes.faithfulness.clips import HeldOut

_PAIRS = 4  # of random orders
_SEED = 12_345  # of these orders; explanations draw theirs from another


@dataclass(frozen=True)
class Areas:
    """The tests of one clip: areas between the curves, in probability, and whether its own test passed."""

    deletion: float
    insertion: float
    telling: bool


def areas_of(held: HeldOut, count: int) -> list[Areas]:
    """The tests of the first `count` clips that have parts to be ordered."""
    found = (areas(held.model, clip, held.modality) for clip in held.clips)
    return list(islice((one for one in found if one is not None), count))


def areas(model: EmotionModel, clip: Clip, modality: Modality) -> Areas | None:
    """The tests of one clip for the predicted emotion; None where there is nothing to order."""
    observation = model.observe(clip, use=[modality])
    if modality not in observation.features:
        return None
    label = model.labels.index(model.fuse(observation, [modality]).label)
    _, total = contributions(model, observation, (modality,), label)
    share = ShareOf(model, observation, (modality,), label, modality)
    game, points, steps = _PARTS[modality](model.encoders[modality], share, total[modality], observation.clip)
    if game.count < 2:
        return None
    orders = drawn_orders(game.count, _PAIRS, _SEED)
    telling = deletion(game, points, orders, steps).telling
    return Areas(*gains(game, points, orders, steps), telling)


def _words(
    encoder: ModalityEncoder, share: ShareOf, total: float, clip: Clip
) -> tuple[Game, np.ndarray, int]:
    """What the words add, their points, and the steps of the curves."""
    words = explain_words(encoder, share, total, clip, 0).words
    game = word_game(encoder, share, total, clip, [(word.start, word.end) for word in words])
    return game, np.array([word.points for word in words]), STEPS


def _moments(
    encoder: ModalityEncoder, share: ShareOf, total: float, clip: Clip
) -> tuple[Game, np.ndarray, int]:
    moments = explain_sound(encoder, share, total, clip, 0).moments
    return sound_game(encoder, share, total, clip)[1], np.array([m.points for m in moments]), STEPS


def _cells(
    encoder: ModalityEncoder, share: ShareOf, total: float, clip: Clip
) -> tuple[Game, np.ndarray, int]:
    """Of a clip that is one picture of a face."""
    assert clip.faces is not None
    picture, read = clip.faces.crops[0], picture_reader(encoder, clip)
    cells = spread(occlusion_map(picture, read, share), total)
    return map_game(picture, read, share), cells.ravel(), CHECK_STEPS


_PARTS = {Modality.TEXT: _words, Modality.AUDIO: _moments, Modality.VISUAL: _cells}


def summarised(values: Iterable[float]) -> dict[str, float]:
    """The mean over N clips and its 95 % interval, by the bootstrap over clips."""
    sample = np.array(list(values))
    interval = mean_interval(sample, np.arange(len(sample)))
    return {
        "area": round(interval.value, 4),
        "low": round(interval.low, 4),
        "high": round(interval.high, 4),
    }


def report(held: HeldOut, found: list[Areas]) -> dict[str, Any]:
    """The entry of a modality in the file beside the model."""
    return {
        "corpus": held.corpus,
        "n": len(found),
        "encoder": held.model.record["modalities"][held.modality.value]["fingerprint"],
        "deletion": summarised(one.deletion for one in found),
        "insertion": summarised(one.insertion for one in found),
        "telling": round(float(np.mean([one.telling for one in found])), 4),
    }
