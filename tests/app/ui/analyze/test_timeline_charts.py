"""The timeline's figure, table and words say what the timeline says."""

from __future__ import annotations

import numpy as np
import pytest

from mmer_core.inference.timeline import Stretch, Timeline
from mmer_core.labels import EMOTIONS, Modality
from ui.analyze.timeline_charts import (
    LEFT,
    describe_timeline,
    shown_emotions,
    stretch_sentence,
    timeline_figure,
    timeline_table,
)
from ui.theme import EMOTION_COLOURS, OUTLINE


def row(name: str | None, p: float = 0.7) -> list[float]:
    if name is None:
        return [np.nan] * len(EMOTIONS)
    return [p if e == name else (1 - p) / (len(EMOTIONS) - 1) for e in EMOTIONS]


@pytest.fixture
def timeline() -> Timeline:
    """Three windows; the face is absent in the last."""
    voice, face = (
        np.array([row("joy"), row("joy", 0.5), row("anger")]),
        np.array([row("fear"), row("fear"), row(None)]),
    )
    return Timeline(
        starts=np.array([0.0, 0.5, 1.0]),
        ends=np.array([2.0, 2.5, 3.0]),
        edges=np.array([0.0, 1.25, 1.75, 3.0]),
        labels=EMOTIONS,
        unimodal={Modality.AUDIO: voice, Modality.VISUAL: face},
        fused=voice,
        reasons={Modality.AUDIO: (None, None, None), Modality.VISUAL: (None, None, "no face here")},
    )


def bars(timeline) -> dict:
    return {trace.name: trace for trace in timeline_figure(timeline).data if trace.type == "bar"}


def test_each_column_has_the_colour_of_its_emotion_and_the_height_of_its_probability(timeline):
    voice = bars(timeline)["Voice"]
    assert list(voice.marker.color) == [EMOTION_COLOURS[e] for e in ("joy", "joy", "anger")]
    assert voice.y[1] / voice.y[0] == pytest.approx(0.5 / 0.7)
    assert np.asarray(voice.x) - np.asarray(voice.width) / 2 == pytest.approx(timeline.edges[:-1])


def test_absence_is_a_thin_grey_line_with_its_reason(timeline):
    face = bars(timeline)["Face"]
    assert face.marker.color[2] == OUTLINE
    assert face.y[2] < 0.1
    assert face.customdata[2][1] == "no face here"


def test_rows_stand_apart_fused_on_top(timeline):
    made = bars(timeline)
    assert [made[name].base for name in ("Together", "Voice", "Face")] == [2, 1, 0]


def test_the_time_axis_is_the_clip_and_keeps_its_margin(timeline):
    layout = timeline_figure(timeline).layout
    assert tuple(layout.xaxis.range) == (0, 3.0)
    assert layout.margin.l == LEFT
    assert not layout.yaxis.automargin


def test_emotions_are_told_apart_without_colour(timeline):
    symbols = next(t for t in timeline_figure(timeline).data if t.name == "Voice, symbols")
    assert list(symbols.text) == ["😊", "😠"]


def test_the_legend_has_what_is_shown_in_the_fixed_order(timeline):
    assert shown_emotions(timeline) == ["anger", "fear", "joy"]


def test_the_table_has_every_window_and_probability(timeline):
    table = timeline_table(timeline)
    assert list(table["start_s"]) == [0.0, 0.5, 1.0]
    assert list(table["fused"]) == ["joy", "joy", "anger"]
    assert table["visual"].isna().tolist() == [False, False, True]
    assert table["visual_absent"][2] == "no face here"
    assert table[[f"p_{e}" for e in EMOTIONS]].sum(axis=1).to_numpy() == pytest.approx(1, abs=1e-3)


def test_words_for_those_who_do_not_see_the_figure(timeline):
    assert (
        describe_timeline(timeline)
        == "Emotion over time: 0:00.0 to 0:01.8 joy 60%; 0:01.8 to 0:03.0 anger 70%"
    )


def test_a_stretch_in_words():
    said = {Modality.TEXT: ("joy", 0.61), Modality.VISUAL: ("fear", 0.4)}
    assert stretch_sentence(Stretch(1.0, 2.0, said)) == "Words: joy 61%, face: fear 40%"
