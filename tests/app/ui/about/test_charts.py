"""The About page's charts show what the model's card holds."""

from __future__ import annotations

import pytest

from mmer_core.checkpoint import read_record
from mmer_core.config import DEFAULT_CHECKPOINT
from mmer_core.labels import Modality
from ui.about.charts import class_bars, class_figures, subset_bars
from ui.theme import EMOTION_COLOURS, MODALITY_COLOURS, OUTLINE

CARD = {
    "figures": {
        "text": {"dev": {"n": 10, "f1": {"joy": 0.5, "anger": 0.25}}},
        "audio": {
            "cross_validation": {
                "emodb": {"as_recorded": {"n": 4, "ua": 0.1}, "recall": {"joy": 0.1}},
                "ravdess": {
                    "as_recorded": {"n": 1440, "ua": 0.2},
                    "in_a_room": {"n": 7},
                    "recall": {"joy": 0.2, "fear": 0.3},
                },
            }
        },
        "visual": {"n": 3},
        "fused": {"subsets": {"text+audio": {"ua": 0.9}, "text": {"ua": 0.4}, "audio": {"ua": 0.8}}},
    },
}


def test_each_modality_shows_its_measurement_with_the_most_emotions():
    text, audio = class_figures(CARD)
    assert (text.modality, text.measure, text.n) == (Modality.TEXT, "f1", 10)
    assert (audio.modality, audio.measure, audio.n) == (Modality.AUDIO, "recall", 1440)
    assert audio.values == {"joy": 0.2, "fear": 0.3}
    assert audio.caption == "Found (recall), cross-validation by speaker, RAVDESS, n = 1,440"


def test_bars_are_per_cent_in_the_emotions_colours():
    (bar,) = class_bars(class_figures(CARD)[1]).data
    assert list(bar.x) == pytest.approx([20, 30])
    assert list(bar.marker.color) == [EMOTION_COLOURS["joy"], EMOTION_COLOURS["fear"]]
    assert list(bar.text) == ["20.0 %", "30.0 %"]


def test_subsets_come_singles_first_in_the_modalities_colours():
    (bar,) = subset_bars(CARD).data
    assert list(bar.y) == ["Words", "Voice", "Words + voice"]
    assert list(bar.marker.color) == [
        MODALITY_COLOURS[Modality.TEXT],
        MODALITY_COLOURS[Modality.AUDIO],
        OUTLINE,
    ]


def test_cross_validated_figures_are_drawn_too():
    subsets = {"audio": {"ua": 0.5}, "text": {"ua": 0.7}}
    (bar,) = subset_bars({"figures": {"cross_validation": {"subsets": subsets}}}).data
    assert list(bar.x) == pytest.approx([50, 70])


def test_the_shipped_record_has_figures_for_every_modality():
    record = read_record(DEFAULT_CHECKPOINT)
    found = class_figures(record["card"])
    assert [f.modality.value for f in found] == list(record["modalities"])
    assert all(f.n > 0 and f.values for f in found)
