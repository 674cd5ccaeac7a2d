"""Figures of one answer: every class is there, lengths are the numbers given, both grounds are legible."""

import numpy as np
import pytest

from mmer_core.labels import EMOTIONS, Modality
from ui.analyze.charts import contribution_steps, describe, emotion_bars, sound_picture, unimodal_bars
from ui.figure import percent, points
from ui.theme import EMOTION_COLOURS, INK_ON_LIGHT, MODALITY_COLOURS, OTHER_COLOURS, OUTLINE, emotion_name

WHITE, DARK = "#FFFFFF", "#12141A"
PROBABILITIES = dict(zip(EMOTIONS, (0.05, 0.1, 0.15, 0.02, 0.5, 0.08, 0.1), strict=True))


def contrast(one: str, other: str) -> float:
    """WCAG 2 contrast ratio of two colours."""

    def luminance(colour: str) -> float:
        values = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
        linear = np.where(values <= 0.03928, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
        return float(linear @ [0.2126, 0.7152, 0.0722])

    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_emotion_bars_show_every_class_in_the_fixed_order():
    bars = emotion_bars(PROBABILITIES).data[0]
    assert list(bars.y) == [emotion_name(e) for e in EMOTIONS]
    assert list(bars.x) == [PROBABILITIES[e] for e in EMOTIONS]
    assert sum(bars.x) == pytest.approx(1)
    assert list(bars.marker.color) == [EMOTION_COLOURS[e] for e in EMOTIONS]


def test_each_name_carries_its_figure():
    axis = emotion_bars(PROBABILITIES).layout.yaxis
    assert (
        dict(zip(axis.tickvals, axis.ticktext, strict=True))[emotion_name("joy")]
        == f"{emotion_name('joy')}  <b>50%</b>"
    )


def test_only_the_winner_is_at_full_strength():
    opacity = emotion_bars(PROBABILITIES).data[0].marker.opacity
    assert [e for e, o in zip(EMOTIONS, opacity, strict=True) if o == 1] == ["joy"]


def test_a_reference_is_drawn_beside_the_answer():
    reference = dict.fromkeys(EMOTIONS, 1 / 7)
    assert len(emotion_bars(PROBABILITIES).data) == 1
    ticks = emotion_bars(PROBABILITIES, reference).data[1]
    assert list(ticks.x) == list(reference.values())


@pytest.mark.parametrize(
    "labels", [("calm", "tense"), EMOTIONS[:4], (*EMOTIONS, "calm"), tuple("abcdefghijkl")]
)
def test_the_bars_are_those_of_the_model(labels):
    """Any classes in any number, in the model's order and each in a colour of its own."""
    given = {label: (i + 1) / sum(range(len(labels) + 1)) for i, label in enumerate(labels)}
    bars = emotion_bars(given, given).data[0]
    assert list(bars.y) == [emotion_name(label) for label in labels]
    assert list(bars.x) == list(given.values())
    assert len(set(bars.marker.color)) == len(labels)
    assert list(unimodal_bars(given).data[0].y) == [e.capitalize() for e in reversed(labels[-3:])]


def test_unimodal_bars_show_the_strongest_first():
    bars = unimodal_bars(PROBABILITIES).data[0]
    assert list(bars.y) == ["Joy", "Disgust", "Anger"]
    assert list(bars.x) == sorted(bars.x, reverse=True)


@pytest.mark.parametrize("shares", [(0.3, -0.12, 0.05), (-0.02, 0.0, 0.4), (0.1,), ()])
def test_contribution_steps_lead_from_prior_to_answer(shares):
    contributions = dict(zip(Modality, shares, strict=False))
    bars = contribution_steps(contributions, 0.5, "#123456").data[0]
    starts, lengths = np.array(bars.base, float), np.array(bars.x, float)
    assert lengths[0] == pytest.approx(0.5 - sum(shares)), "the first bar is the prior"
    assert lengths[-1] == 0.5
    assert starts[0] == starts[-1] == 0
    ends = starts + lengths
    assert starts[1:-1] == pytest.approx(ends[:-2]), "each step starts where the one before ends"
    assert ends[-2] == pytest.approx(0.5), "the last step ends at the answer"
    assert list(bars.marker.color)[1:] == [*(MODALITY_COLOURS[m] for m in contributions), "#123456"]


@pytest.mark.parametrize("samples", [1600, 16_000, 960_000])
def test_a_sound_picture_stays_small_and_keeps_its_time(samples):
    waveform = np.sin(np.arange(samples) * 0.05).astype(np.float32)
    figure = sound_picture(
        waveform, np.random.default_rng(0).normal(size=(max(4, samples // 384), 64)).astype(np.float32)
    )
    wave, picture = figure.data
    assert max(wave.x) == pytest.approx(samples / 16_000)
    assert max(wave.y) <= 1
    assert min(wave.y) >= -1
    assert len(wave.x) <= 600
    assert picture.z.shape[0] == 64
    assert picture.z.shape[1] <= 240
    assert picture.z.dtype == np.uint8


def test_silence_looks_silent():
    """The noise of a converter, 1 dB here, must not be blown up into a picture."""
    noise = np.random.default_rng(0).normal(-80, 1, (40, 64)).astype(np.float32)
    assert sound_picture(np.zeros(16_000, np.float32), noise).data[1].z.max() < 80
    assert sound_picture(np.zeros(1600, np.float32), np.full((4, 64), -80.0, np.float32)).data[1].z.max() == 0


def test_bars_stand_out_from_both_grounds():
    for ground in (WHITE, DARK):
        assert contrast(OUTLINE, ground) >= 3
    for colour in (*EMOTION_COLOURS.values(), *OTHER_COLOURS, *MODALITY_COLOURS.values()):
        assert min(contrast(colour, WHITE), contrast(colour, DARK)) >= 1.9


def test_ink_is_legible():
    assert contrast(INK_ON_LIGHT, WHITE) >= 4.5
    assert contrast(INK_ON_LIGHT, DARK) >= 3


FIGURES = {
    "emotions": lambda ink: emotion_bars(PROBABILITIES, PROBABILITIES, ink),
    "unimodal": lambda ink: unimodal_bars(PROBABILITIES, ink=ink),
    "steps": lambda ink: contribution_steps({Modality.TEXT: 0.1}, 0.5, "#E0A800", ink),
    "sound": lambda ink: sound_picture(np.zeros(1600, np.float32), np.zeros((4, 64), np.float32), ink),
}


@pytest.mark.parametrize("name", FIGURES)
def test_figures_leave_the_ground_to_the_page_and_the_finger_to_the_scroll(name):
    figure = FIGURES[name](None)
    assert figure.layout.paper_bgcolor == figure.layout.plot_bgcolor == "rgba(0,0,0,0)"
    assert figure.layout.dragmode is False
    assert all(axis.fixedrange for axis in (*figure.select_xaxes(), *figure.select_yaxes()))


@pytest.mark.parametrize("name", FIGURES)
def test_ink_colours_all_text(name):
    figure = FIGURES[name]("#123456")
    assert {axis.tickfont.color for axis in (*figure.select_xaxes(), *figure.select_yaxes())} == {"#123456"}
    texts = [
        trace.textfont.color
        for trace in figure.data
        if trace.type in ("bar", "scatter") and trace.text is not None
    ]
    assert set(texts) <= {"#123456"}


def test_the_theme_decides_without_ink():
    assert unimodal_bars(PROBABILITIES).data[0].textfont.color is None
    assert emotion_bars(PROBABILITIES).layout.yaxis.tickfont.color is None


@pytest.mark.parametrize(
    ("probability", "text"),
    [(0, "0%"), (0.001, "<1%"), (0.014, "1%"), (0.615, "62%"), (0.994, "99%"), (0.9999, ">99%"), (1, "100%")],
)
def test_percent_never_rounds_to_certainty(probability, text):
    assert percent(probability) == text


@pytest.mark.parametrize(
    ("share", "text"),
    [(0.123, "+12 points"), (-0.031, "−3 points"), (0.011, "+1 point"), (0.001, "±0 points")],
)
def test_points_are_signed(share, text):
    assert points(share) == text


def test_the_bars_in_words():
    assert describe(PROBABILITIES).startswith("Probability of each emotion: joy 50%, disgust 15%")
