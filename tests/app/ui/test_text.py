"""Sentences about an answer say what the numbers say, and no more."""

from dataclasses import replace

import pytest

from mmer_core.inference.prediction import Prediction, UnimodalPrediction
from mmer_core.labels import EMOTIONS, Modality
from tiny_model import make_clip, make_model
from ui.text import STEPS, agreement_sentence, certainty, contribution_sentence, margin_sentence, seconds


def probabilities(**given: float) -> dict[str, float]:
    """The given ones; the rest of the mass spread over the other emotions."""
    rest = (1 - sum(given.values())) / (len(EMOTIONS) - len(given))
    return {e: given.get(e, rest) for e in EMOTIONS}


def prediction(**labels: str) -> Prediction:
    """An answer in which each modality (by name) is sure of a label; the first one's label wins."""
    modalities = {m: UnimodalPrediction(False, "switched off") for m in list(Modality)[:3]}
    for name, label in labels.items():
        modalities[Modality(name)] = UnimodalPrediction(
            True, None, probabilities(**{label: 0.8}), 1 / len(labels)
        )
    final = probabilities(**{next(iter(labels.values()), "neutral"): 0.6})
    winner = max(final, key=final.__getitem__)
    return Prediction(
        winner,
        final[winner],
        final,
        modalities,
        {},
        {Modality.TEXT: 0.12, Modality.AUDIO: -0.01, Modality.VISUAL: 0.0},
    )


def test_certainty_falls_with_the_probability():
    words = [certainty(p) for p in (0.95, 0.75, 0.55, 0.4, 0.2, 0.0)]
    assert words[0] == "almost certain"
    assert words[-1] == words[-2] == "little more than a guess"
    assert len(set(words)) == 5


@pytest.mark.parametrize(
    ("first", "second", "start"),
    [
        (0.8, 0.1, "Clearly ahead of fear (10%)"),
        (0.5, 0.3, "Ahead of fear (30%), but"),
        (0.4, 0.35, "A close call: fear"),
    ],
)
def test_the_margin_is_stated_as_it_is(first, second, start):
    assert margin_sentence(probabilities(joy=first, fear=second)).startswith(start)


@pytest.mark.parametrize(
    ("labels", "sentence"),
    [
        ({"text": "joy", "audio": "joy", "visual": "joy"}, "Words, voice and face agree on joy."),
        ({"text": "joy", "audio": "fear", "visual": "joy"}, "Words and face say joy, voice says fear."),
        ({"text": "joy", "audio": "fear"}, "Words say joy, voice says fear."),
        ({"visual": "joy"}, ""),
        ({}, ""),
    ],
)
def test_the_modalities_are_grouped_by_their_emotion(labels, sentence):
    assert agreement_sentence(prediction(**labels)) == sentence


def test_contributions_have_a_direction():
    answer = prediction(text="joy", audio="joy", visual="joy")
    assert (
        contribution_sentence(answer, Modality.TEXT)
        == "Raised joy by 12 points; counted for 33% of the answer."
    )
    assert (
        contribution_sentence(answer, Modality.AUDIO)
        == "Lowered joy by 1 point; counted for 33% of the answer."
    )
    assert (
        contribution_sentence(answer, Modality.VISUAL)
        == "Left joy where it was; counted for 33% of the answer."
    )
    answer.modalities[Modality.AUDIO] = replace(answer.modalities[Modality.AUDIO], temperature=1.4)
    assert contribution_sentence(answer, Modality.AUDIO).endswith(
        "answer. Made less certain: it is unlike the training recordings."
    )


@pytest.mark.parametrize(
    ("value", "text"), [(0.0004, "1 ms"), (0.012, "12 ms"), (0.25, "0.25 s"), (2.34, "2.3 s")]
)
def test_durations(value, text):
    assert seconds(value) == text


def test_every_step_of_the_predictor_has_a_title():
    steps: list[str] = []
    clip = make_clip()
    make_model().observe(clip, progress=steps.append)
    assert steps
    assert set(steps) | {"faces", "speech"} <= set(STEPS)
