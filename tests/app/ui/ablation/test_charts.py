"""Figures of what modalities are worth: lengths are the numbers given, text is legible, tables to take away
hold what is shown.
"""

import numpy as np
import pytest

from mmer_core.labels import Modality
from mmer_core.runs.ablation import Shares
from mmer_core.runs.robustness import Case, Robustness
from ui.ablation.charts import case_names, disagreement_bars, robustness_lines, subset_bars
from ui.ablation.share_charts import score_steps, share_table
from ui.ablation.tables import (
    case_rows,
    clip_rows,
    confusion_rows,
    recall_rows,
    robustness_rows,
    share_rows,
    subset_rows,
)
from ui.figure import gain, number, signed
from ui.theme import MODALITY_COLOURS, emotion_name

VOICE, FACE = Modality.AUDIO, Modality.VISUAL
LABELS = ("neutral", "joy", "fear")
SCORES = {"audio": [0.6, 0.5, 0.7], "visual": [0.4, 0.3, 0.5], "audio+visual": [0.75, None, None]}
SHARES = Shares(
    np.array(0.1),
    np.array(0.6),
    {VOICE: np.array(0.7), FACE: np.array(-0.2)},
    {VOICE: np.array(0.6), FACE: np.array(np.nan)},
    {VOICE: np.array(0.85), FACE: np.array(np.nan)},
)
START, TOTAL = np.array([0.5, 0.3, 0.2]), np.array([0.9, 0.1, 0.6])
PARTS = {VOICE: np.array([0.5, 0.0, 0.02]), FACE: np.array([-0.1, -0.2, 0.38])}
CASES = [
    Case("both right", 40, 0.4, 1.0),
    Case("only first right", 30, 0.3, 0.5),
    Case("only second right", 20, 0.2, 0.25),
    Case("same error", 0, 0.0, float("nan")),
    Case("different errors", 10, 0.1, 0.1),
]
CURVES = Robustness(
    np.array([0.0, 1.0]),
    {VOICE: np.array([0.8, 0.3]), FACE: np.array([0.8, 0.6])},
    np.array([0.8, 0.45]),
    np.array([0.8, 0.2]),
    np.array([0.8, 0.1]),
)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.121, "+12.1"), (-0.03, "−3.0"), (0.0, "0.0"), (0.0004, "0.0"), (-0.0004, "0.0"), (float("nan"), "–")],
)
def test_differences_are_signed(value, text):
    assert signed(value) == text


def test_an_interval_is_told_where_there_is_one():
    assert gain(0.121, 0.08, 0.163) == "+12.1 [+8.0, +16.3]"
    assert gain(0.121, -0.01, 0.2) == "+12.1 [−1.0, +20.0]"
    assert gain(0.121) == gain(0.121, float("nan"), float("nan")) == "+12.1"
    assert number(float("nan")) == "–"


def test_every_subset_is_a_bar_with_its_interval_and_the_chosen_one_stands_out():
    figure = subset_bars(SCORES, "visual", {"chance": 0.33, "majority": 0.4})
    bars = figure.data[0]
    assert list(bars.y) == ["Voice", "Face", "Voice + face"]
    assert list(bars.x) == [0.6, 0.4, 0.75]
    assert list(bars.error_x.array) == pytest.approx([0.1, 0.1, 0])
    assert list(bars.error_x.arrayminus) == pytest.approx([0.1, 0.1, 0])
    assert [o == 1 for o in bars.marker.opacity] == [False, True, False]
    assert figure.layout.yaxis.ticktext[1] == "<b>Face</b><br>40.0 [30.0, 50.0]"
    assert figure.layout.yaxis.ticktext[2] == "Voice + face<br>75.0"


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ({"chance": 0.125, "majority": 0.13}, ["chance 12.5, majority 13.0"]),
        ({"chance": 0.14, "majority": 0.47}, ["chance 14.0", "majority 47.0"]),
    ],
)
def test_reference_lines_are_named_and_names_do_not_lie_on_each_other(lines, said):
    figure = subset_bars(SCORES, "audio", lines)
    assert sorted(shape.x0 for shape in figure.layout.shapes) == sorted(lines.values())
    assert [a.text for a in figure.layout.annotations] == said


def test_steps_lead_from_the_start_to_the_score():
    bars = score_steps(SHARES, "Everything on").data[0]
    assert list(bars.y) == ["Majority class", "Voice", "Face", "Everything on"]
    starts, lengths = np.array(bars.base, float), np.array(bars.x, float)
    ends = starts + lengths
    assert starts == pytest.approx([0, 0.1, 0.8, 0])
    assert ends == pytest.approx([0.1, 0.8, 0.6, 0.6])
    assert list(bars.error_x.array) == pytest.approx([0, 0.15, 0, 0]), (
        "no whisker where the interval is unknown"
    )
    assert list(bars.marker.color)[1:3] == [MODALITY_COLOURS[VOICE], MODALITY_COLOURS[FACE]]


def test_a_row_of_the_share_table_reads_from_start_to_total():
    figure = share_table(LABELS, START, PARTS, TOTAL, names=("Prior", "Answer"))
    cells = figure.data[0]
    assert list(cells.x) == ["Prior", "Voice", "Face", "Answer"]
    assert list(cells.y) == [emotion_name(label) for label in LABELS]
    said = {
        (x, y): text
        for trace in figure.data[1:]
        for x, y, text in zip(trace.x, trace.y, trace.text, strict=True)
    }
    assert [said[c, emotion_name("neutral")] for c in cells.x] == ["50.0", "+50.0", "−10.0", "<b>90.0</b>"]
    assert len(said) == len(LABELS) * 4, "every cell says its figure once"
    assert cells.zmax == -cells.zmin == 0.5, "the strongest share has the full colour, gains and losses alike"


def test_intervals_of_the_share_table_are_told_when_pointed_at():
    ends = {m: (v - 0.1, v + 0.1) for m, v in PARTS.items()}
    figure = share_table(LABELS, START, PARTS, TOTAL, names=("Guess", "All on"), intervals=ends)
    assert figure.data[0].customdata[0][1] == "+50.0 [+40.0, +60.0]"


def test_a_class_that_never_occurs_leaves_its_row_empty():
    nan = np.array([np.nan])
    figure = share_table(("joy",), nan, {VOICE: nan, FACE: nan}, nan, names=("Guess", "All on"))
    assert {text for trace in figure.data[1:] for text in trace.text} == {"–", "<b>–</b>"}


def test_text_on_tinted_cells_is_legible_on_both_grounds():
    light, dark = (
        share_table(LABELS, START, PARTS, TOTAL, names=("a", "b"), ink=ink) for ink in ("#5F6573", None)
    )
    assert all(colour.startswith("rgb(") for _, colour in light.data[0].colorscale), (
        "opaque, so that dark text stays legible on any ground"
    )
    assert all(colour.startswith("rgba(") for _, colour in dark.data[0].colorscale)
    assert {t.textfont.color for t in light.data[1:]} == {"#FFFFFF", "#1C1F26", "#5F6573"}
    assert {t.textfont.color for t in dark.data[1:]} == {"#FFFFFF", None}


def test_cases_are_as_long_as_their_share_and_solid_where_the_fused_answer_is_right():
    figure = disagreement_bars(CASES, VOICE, FACE)
    solid, pale = figure.data
    assert list(solid.y) == [
        "Both right",
        "Only voice right",
        "Only face right",
        "Both wrong, same answer",
        "Both wrong, differently",
    ]
    assert list(solid.x) == pytest.approx([0.4, 0.15, 0.05, 0, 0.01])
    assert np.array(solid.x) + np.array(pale.x) == pytest.approx([c.share for c in CASES])
    assert solid.marker.color[1:3] == (MODALITY_COLOURS[VOICE], MODALITY_COLOURS[FACE])
    assert solid.customdata[3] == "no clip"


def test_robustness_has_a_curve_for_every_way_of_missing():
    figure = robustness_lines(CURVES, 0.1)
    names = [line.name for line in figure.data]
    assert names == [
        "Voice missing",
        "Face missing",
        "One at random missing",
        "The worst one missing",
        "Each missing independently",
    ]
    assert len({(line.line.color, line.line.dash) for line in figure.data}) == len(names), (
        "told apart without reading the colour alone"
    )
    assert list(figure.data[0].y) == [0.8, 0.3]
    assert figure.layout.shapes[0].y0 == 0.1


FIGURES = {
    "subsets": lambda ink: subset_bars(SCORES, "audio", {"chance": 0.3}, ink),
    "steps": lambda ink: score_steps(SHARES, "All", ink=ink),
    "shares": lambda ink: share_table(LABELS, START, PARTS, TOTAL, names=("a", "b"), ink=ink),
    "cases": lambda ink: disagreement_bars(CASES, VOICE, FACE, ink),
    "robustness": lambda ink: robustness_lines(CURVES, 0.1, ink),
}


@pytest.mark.parametrize("name", FIGURES)
@pytest.mark.parametrize("ink", [None, "#123456"])
def test_figures_suit_any_ground_and_leave_the_finger_to_the_scroll(name, ink):
    figure = FIGURES[name](ink)
    assert figure.layout.paper_bgcolor == figure.layout.plot_bgcolor == "rgba(0,0,0,0)"
    assert all(axis.fixedrange for axis in (*figure.select_xaxes(), *figure.select_yaxes()))
    assert {axis.tickfont.color for axis in (*figure.select_xaxes(), *figure.select_yaxes())} == {ink}
    assert {a.font.color for a in figure.layout.annotations} <= {ink}


def test_tables_hold_what_the_figures_show():
    rows = subset_rows({name: {"ua": score} for name, score in SCORES.items()})
    assert rows.columns.tolist() == ["subset", "ua", "ua_low", "ua_high"]
    assert rows.ua.tolist() == [0.6, 0.4, 0.75]
    parts = share_rows(SHARES).set_index("part")["share"]
    assert parts["none"] + parts["audio"] + parts["visual"] == pytest.approx(parts["total"])
    recalls = recall_rows(Shares(START, TOTAL, PARTS, PARTS, PARTS), LABELS)
    assert (recalls["none"] + recalls["audio"] + recalls["visual"]).tolist() == pytest.approx(TOTAL.tolist())
    assert case_rows(CASES, case_names(VOICE, FACE)).n.sum() == 100
    assert robustness_rows(CURVES).without_audio.tolist() == [0.8, 0.3]
    clip = clip_rows(LABELS, START, PARTS, TOTAL)
    assert (clip.prior + clip.audio + clip.visual).tolist() == pytest.approx(clip.answer.tolist())
    assert confusion_rows(np.eye(3, dtype=int), LABELS).columns.tolist() == ["shown", *LABELS]
