"""A recording as it is after reading."""

from __future__ import annotations

import pytest

from mmer_core.inference.prediction import Prediction, UnimodalPrediction
from mmer_core.labels import EMOTIONS, Modality
from mmer_core.recordings import Recording, Utterance


def make_answer(label: str, probability: float = 0.7, **alone: str) -> Prediction:
    """A prediction; `alone` says what each modality finds by itself, at 80 %."""

    def spread(of: str, p: float) -> dict[str, float]:
        return {e: p if e == of else (1 - p) / (len(EMOTIONS) - 1) for e in EMOTIONS}

    modalities = {
        m: UnimodalPrediction(True, None, spread(alone[m.value], 0.8), 0.5)
        if m.value in alone
        else UnimodalPrediction(False, "nobody speaks")
        for m in (Modality.TEXT, Modality.AUDIO, Modality.VISUAL)
    }
    contributions = dict.fromkeys(modalities, 0.1)
    return Prediction(
        label, probability, spread(label, probability), modalities, {}, contributions, unsure_below=0.5
    )


@pytest.fixture
def answer():
    """Makes predictions."""
    return make_answer


@pytest.fixture
def recording() -> Recording:
    """Two speakers, a face without speech, and a stretch without an answer."""
    return Recording(
        name="talk.mp4",
        start=0.0,
        end=3725.0,
        utterances=(
            Utterance(
                0.5,
                2.25,
                0,
                False,
                'Well, "that" <b> & more --> über\nus.',
                True,
                make_answer("joy", text="joy"),
            ),
            Utterance(2.25, 4.0, 1, True, "", True, make_answer("anger", 0.4, text="joy", audio="anger")),
            Utterance(10.0, 19.5, None, False, "", False, make_answer("sadness", visual="sadness")),
            Utterance(3700.0, 3701.0, 0, False, "The end.", True, None, "words: none, voice: none"),
        ),
        notes=("the file breaks off after 1:02:05.0 of 2:00:00.0; what comes before was used",),
        labels=EMOTIONS,
        model={"name": "tiny", "sha256": "0"},
    )
