"""The curves of a training, from progress.json."""

import pytest

from mmer_core.labels import Modality
from ui.theme import MODALITY_COLOURS
from ui.train.charts import MEASURES, curves_chart, describe, worth_showing


def rows(*scores: float | None) -> list[dict[str, float | None]]:
    return [
        {
            "epoch": float(i + 1),
            "validation_accuracy": score,
            "validation_loss": 1.0 / (i + 1),
            "train_loss": 0.5,
        }
        for i, score in enumerate(scores)
    ]


WHOLE = {"0": rows(0.2, 0.4, 0.6), "1": rows(0.4, 0.6)}
LATE = {"0 audio": rows(0.2, 0.4), "0 text": rows(0.3, 0.5)}


def test_one_thin_line_for_each_fold_and_a_thick_mean():
    thin_first, thin_second, thick = curves_chart(WHOLE, "validation_accuracy").data
    assert list(thin_first.y) == [20, 40, 60]
    assert list(thin_second.x) == [1, 2]
    assert list(thick.y) == pytest.approx([30, 50, 60])
    assert thick.line.width > thin_first.line.width
    assert "fold 2" in thin_second.hovertemplate


def test_the_mean_ends_where_fewer_than_half_of_the_folds_train():
    curves = {**WHOLE, "2": rows(0.1)}
    assert list(curves_chart(curves, "validation_accuracy").data[-1].x) == [1, 2]


def test_late_models_have_the_colours_of_their_modalities():
    figure = curves_chart(LATE, "validation_loss", ink="#123456")
    assert {trace.line.color for trace in figure.data} == {
        MODALITY_COLOURS[Modality.AUDIO],
        MODALITY_COLOURS[Modality.TEXT],
    }
    assert [a.text for a in figure.layout.annotations] == ["Voice", "Words"]
    assert list(figure.data[0].y) == [1, 0.5], "a loss is no percentage"


def test_what_is_not_known_yet_leaves_a_gap_and_no_error():
    curves = {"0": rows(None, 0.5)}
    assert list(curves_chart(curves, "validation_accuracy").data[0].x) == [2]
    for measure in MEASURES:
        assert len(curves_chart({"0": []}, measure).data) == 2
        assert "nothing yet" in describe({"0": []}, measure)


def test_in_words():
    assert (
        describe(WHOLE, "validation_accuracy")
        == "Accuracy on the validation part, % by epoch. 60 at epoch 3, mean of 2 folds."
    )
    assert "Voice: 40 at epoch 2" in describe(LATE, "validation_accuracy")


@pytest.mark.parametrize(
    ("curves", "worth"),
    [(None, False), ({}, False), ({"0": rows(0.1)}, False), (WHOLE, True), ("damaged", False)],
)
def test_whether_there_is_anything_to_draw(curves, worth):
    assert worth_showing(curves) is worth
