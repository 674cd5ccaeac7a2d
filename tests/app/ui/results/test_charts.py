"""Figures of runs: what they draw is what the numbers say."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mmer_core import metrics
from ui.figure import score
from ui.results.calibration_charts import reliability_diagram
from ui.results.charts import ScoreRow, class_scores, probability_bars, score_rows
from ui.results.confusion_charts import NORMS, confusion_difference, confusion_matrix, normalised
from ui.results.fold_charts import FOLD_COLOURS, fold_scores, training_curves
from ui.theme import EMOTION_COLOURS

LABELS = ("neutral", "anger", "joy")
COUNTS = np.array([[8, 2, 0], [1, 9, 10], [0, 0, 0]])  # joy never occurs


def texts(figure):
    """{(true, predicted): what stands in the cell}."""
    return {
        (y, x): t
        for trace in figure.data
        if trace.name in ("plain", "white")
        for x, y, t in zip(trace.x, trace.y, trace.text, strict=True)
    }


def cells(figure):
    return next(t for t in figure.data if t.name == "cells")


def test_shares_are_of_the_true_or_of_the_predicted_class():
    np.testing.assert_allclose(normalised(COUNTS, "true")[1], [0.05, 0.45, 0.5])
    np.testing.assert_allclose(normalised(COUNTS, "predicted")[:, 1], [2 / 11, 9 / 11, 0])
    assert np.isnan(normalised(COUNTS, "true")[2]).all()
    np.testing.assert_array_equal(normalised(COUNTS, "counts"), COUNTS)


@pytest.mark.parametrize(
    ("norm", "shown"),
    [
        ("counts", {(0, 0): "8", (1, 2): "10", (0, 2): "·", (2, 2): "·"}),
        ("true", {(0, 0): "80.0", (1, 2): "50.0", (2, 2): ""}),
        ("predicted", {(0, 0): "88.9", (1, 2): "100.0"}),
    ],
)
def test_cells_say_counts_or_percent(norm, shown):
    said = texts(confusion_matrix(COUNTS, LABELS, norm))
    assert len(said) == 9
    assert {cell: said[cell] for cell in shown} == shown


def test_every_cell_can_be_clicked_and_knows_its_classes():
    targets = cells(confusion_matrix(COUNTS, LABELS))
    assert len(targets.x) == 9
    for x, y, (true, predicted) in zip(targets.x, targets.y, targets.customdata, strict=True):
        assert (y, x) == (true, predicted)
    tip = targets.hovertext[1 * 3 + 2]
    assert "<b>Anger</b> read as <b>Joy</b>" in tip
    assert "10 clips" in tip
    assert "50.0 % of anger" in tip


def test_right_answers_and_confusions_are_two_colours():
    right, wrong = (t for t in confusion_matrix(COUNTS, LABELS).data if t.type == "heatmap")
    assert np.isnan(np.array(right.z, dtype=float)[~np.eye(3, dtype=bool)]).all()
    assert np.isnan(np.diag(np.array(wrong.z, dtype=float))).all()
    assert right.colorscale != wrong.colorscale


def test_the_cell_that_is_looked_at_is_framed():
    assert not confusion_matrix(COUNTS, LABELS).layout.shapes
    (frame,) = confusion_matrix(COUNTS, LABELS, marked=(1, 2)).layout.shapes
    assert (frame.x0 + frame.x1, frame.y0 + frame.y1) == (4, 2)  # column 2, row 1


def test_rows_run_from_the_top():
    low, high = confusion_matrix(COUNTS, LABELS).layout.yaxis.range
    assert low > high


def test_text_colour_goes_to_faint_cells_and_axes_only():
    figure = confusion_matrix(COUNTS, LABELS, ink="#123456")
    white, plain = (next(t for t in figure.data if t.name == n) for n in ("white", "plain"))
    assert (white.textfont.color, plain.textfont.color) == ("#FFFFFF", "#123456")
    assert figure.layout.xaxis.tickfont.color == figure.layout.yaxis.title.font.color == "#123456"


def test_a_difference_is_blue_where_it_is_better():
    first, second = np.array([[5, 5], [5, 5]]), np.array([[8, 2], [6, 4]])
    figure = confusion_difference(first, second, ("anger", "joy"))
    assert texts(figure) == {(0, 0): "+30.0", (0, 1): "−30.0", (1, 0): "+10.0", (1, 1): "−10.0"}
    better, worse = (~np.isnan(np.array(t.z, dtype=float)) for t in figure.data if t.type == "heatmap")
    np.testing.assert_array_equal(better, [[True, True], [False, False]])
    np.testing.assert_array_equal(worse, ~better)


def test_no_difference_is_no_colour():
    figure = confusion_difference(COUNTS, COUNTS, LABELS)
    assert set(texts(figure).values()) == {"·"}
    assert all(
        np.nanmax(np.array(t.z, dtype=float), initial=0) == 0 for t in figure.data if t.type == "heatmap"
    )


def test_every_way_of_reading_a_matrix_has_a_name():
    assert list(NORMS) == ["counts", "true", "predicted"]


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ((0.769, 0.712, 0.83), "76.9 [71.2, 83.0]"),
        ((0.5, None, None), "50.0"),
        ((None, None, None), "–"),
        ((float("nan"),) * 3, "–"),
    ],
)
def test_a_score_is_said_with_its_interval(value, said):
    assert score(value) == said


def test_runs_have_intervals_and_what_they_are_measured_against_has_a_line():
    rows = [
        ScoreRow("a", 0.8, 0.7, 0.85),
        ScoreRow("b", 0.6),
        ScoreRow("Published", 0.9, kind="model"),
        ScoreRow("Chance", 0.125, kind="baseline"),
    ]
    figure = score_rows(rows, "accuracy")
    runs = figure.data[0]
    assert list(runs.y) == ["a", "b"]
    np.testing.assert_allclose(runs.x, [80, 60])
    np.testing.assert_allclose(runs.error_x.array, [5, 0])
    np.testing.assert_allclose(runs.error_x.arrayminus, [10, 0])
    assert [t.name for t in figure.data[1:]] == ["model", "baseline"]
    assert [s.x0 for s in figure.layout.shapes] == [90, 12.5]
    assert list(figure.layout.yaxis.categoryarray) == [
        "Chance",
        "Published",
        "b",
        "a",
    ]  # drawn from the bottom
    assert any("80.0 [70.0, 85.0]" in t for t in figure.layout.yaxis.ticktext)


def test_long_names_are_broken_and_nothing_is_left_out():
    name = "a-very-long-name-of-a-run-that-nobody-would-want-to-type-8"
    (label,) = score_rows([ScoreRow(name, 0.5)], "ua").layout.yaxis.ticktext
    *lines, figures = label.split("<br>")
    assert "".join(lines) == name
    assert len(lines) == 2
    assert figures == "<b>50.0</b>"


def test_each_emotion_is_a_bar_in_its_colour():
    figure = class_scores(COUNTS, LABELS)
    bars, precision, recall = figure.data
    table = metrics.per_class(COUNTS)
    np.testing.assert_allclose(bars.x, 100 * table["f1"])
    np.testing.assert_allclose(precision.x, 100 * table["precision"])
    np.testing.assert_allclose(recall.x, 100 * table["recall"])
    assert list(bars.marker.color) == [EMOTION_COLOURS[label] for label in LABELS]


def test_folds_are_points_and_their_mean_a_mark():
    folds = {"accuracy": {"each": [0.5, 0.75], "mean": 0.625}, "ua": {"each": [0.25, None], "mean": None}}
    figure = fold_scores(folds)
    first, second, mean = figure.data
    assert (list(first.x), list(second.x), list(mean.x)) == ([50.0, 25.0], [75.0, None], [62.5, None])
    assert first.marker.color != second.marker.color


def history(**columns):
    table = pd.DataFrame(
        {
            "fold": [0, 0, 1, 1],
            "epoch": [1, 2, 1, 2],
            "train_loss": [4.0, 3, 2, 1],
            "validation_loss": [5.0, 4, 3, 2],
        }
    )
    return table.assign(best=[False, True, True, False], **columns)


def test_training_and_validation_loss_look_different_and_the_chosen_epoch_is_marked():
    figure = training_curves(history(validation_accuracy=[0.1, 0.2, 0.3, 0.4]))
    lines = [t for t in figure.data if t.mode == "lines"]
    assert [t.line.dash for t in lines] == ["dot", "solid", "solid"] * 2
    assert [list(t.y) for t in lines[:3]] == [[4, 3], [5, 4], [10, 20]]  # the validation accuracy in percent
    stars = [t for t in figure.data if t.mode == "markers"]
    assert [list(t.x) for t in stars] == [[2], [2], [1], [1]]
    assert lines[0].line.color == lines[1].line.color == FOLD_COLOURS[0]


def test_a_history_without_scores_or_choice_is_drawn_all_the_same():
    figure = training_curves(history().drop(columns=["best", "train_loss"]))
    assert [list(t.y) for t in figure.data] == [[5, 4], [3, 2]]


def test_reliability_leaves_empty_bins_out():
    probabilities = np.array([[0.95, 0.05], [0.9, 0.1], [0.6, 0.4]])
    table = metrics.reliability(probabilities, np.array([0, 1, 0]))
    _, before, bars, after, _ = reliability_diagram(table, table).data
    np.testing.assert_allclose(before.x, [60, 90, 95])
    np.testing.assert_allclose(before.y, [100, 0, 100])
    assert sum(bars.y) == 3
    assert before.line.color != after.line.color


def test_a_clip_names_what_was_shown():
    figure = probability_bars({"joy": 0.25, "anger": 0.75}, "joy")
    assert [y.endswith("(shown)") for y in figure.data[0].y] == [True, False]
    assert list(figure.data[0].text) == ["25.0 %", "75.0 %"]
