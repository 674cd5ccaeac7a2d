"""The headline of an answer: unsure first where it is, plain where it is not, and nothing in a warning
becomes markup.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from mmer_core.inference.prediction import Prediction, UnimodalPrediction
from mmer_core.inference.timeline import Cue
from mmer_core.labels import EMOTIONS, Modality
from ui.headline import headline, headline_html, short_answer, unsure_sentence, warnings_html
from ui.text import CERTAINTY, PERHAPS, adjective
from ui.theme import EMOTION_COLOURS, OUTLINE

JOY = {e: 0.41 if e == "joy" else 0.59 / 6 for e in EMOTIONS}
SURE = Prediction("joy", 0.41, JOY, {Modality.TEXT: UnimodalPrediction(True, None, JOY, 1.0)}, {}, {})
UNSURE = replace(SURE, unsure_below=0.49, coverage=0.8)


def both(text: str, audio: str) -> Prediction:
    """An answer whose words and voice are sure of one emotion each."""
    own = {
        Modality.TEXT: UnimodalPrediction(True, None, {e: float(e == text) for e in EMOTIONS}, 0.3),
        Modality.AUDIO: UnimodalPrediction(True, None, {e: float(e == audio) for e in EMOTIONS}, 0.7),
    }
    return Prediction("joy", 0.62, JOY | {"joy": 0.62}, own, {}, {})


def test_a_plain_answer_is_named_on_its_colour():
    found = headline(SURE)
    assert (found.title, found.colour) == ("😊 Joy", EMOTION_COLOURS["joy"])
    assert found.lead == "Reads happy: perhaps joy, 41%."
    assert "unsure" not in headline_html(SURE).lower()


def test_the_answer_is_a_sentence_that_a_person_would_say():
    assert headline(both("anger", "joy")).lead == "Reads angry, sounds happy: probably joy, 62%."
    assert headline(both("joy", "joy")).lead == "Reads and sounds happy: probably joy, 62%."
    assert (
        headline(both("joy", "joy")).sentences[-1]
        == "The voice counted for 70% of the answer, the words for 30%."
    )


def test_an_unsure_answer_is_neutral_and_says_why():
    found = headline(UNSURE)
    assert (found.title, found.colour) == ("No clear emotion", OUTLINE)
    assert found.lead == "Reads happy. Closest: 😊 Joy (41%)."
    assert found.sentences[0] == "We call anything below 49% unsure; in our tests 4 answers in 5 were above."
    assert unsure_sentence(replace(UNSURE, coverage=0.9)).endswith("9 answers in 10 were above.")
    assert unsure_sentence(replace(UNSURE, coverage=0.0)) == "We call anything below 49% unsure."
    assert short_answer("joy", 0.41, True) == "Unsure, perhaps 😊 Joy 41%"


def test_a_modality_that_hardly_leans_is_not_named():
    flat = dict.fromkeys(EMOTIONS, 1 / 7)
    guess = replace(SURE, modalities={Modality.TEXT: UnimodalPrediction(True, None, flat, 1.0)})
    assert headline(guess).lead == "Perhaps joy, 41%."


def test_degrees_of_certainty_do_not_speak_of_unsure():
    assert not any("unsure" in words for _, words in (*CERTAINTY, *PERHAPS))


@pytest.mark.parametrize("label", [*EMOTIONS, "boredom", "very tired"])
def test_every_class_has_an_adjective(label):
    assert adjective(label)


def test_of_a_clip_that_changes_the_sequence_leads():
    changing = [Cue(0.0, 4.0, "joy", 0.41), Cue(4.0, 8.0, "fear", 0.6)]
    found = headline(SURE, changing)
    assert (found.title, found.colour) == ("😊 Joy → 😨 Fear", EMOTION_COLOURS["fear"])
    assert found.lead == "Happy from 0 to 4 s (41%), then afraid from 4 to 8 s (60%)."
    assert found.sentences == ("Over the whole clip: perhaps joy, 41%.",)
    assert "no emotion is clear; closest is joy, 41%" in headline(UNSURE, changing).sentences[0]
    many = [Cue(i, i + 1.0, ("joy", "fear")[i % 2], 0.5) for i in range(6)]
    assert headline(SURE, many).title.endswith("→ …")
    assert "and 2 more changes" in headline(SURE, many).lead


def test_with_nothing_on_it_says_what_the_figures_are():
    found = headline(replace(SURE, modalities={}))
    assert found.lead == "Most frequent in training: joy, 41%."
    assert found.colour == OUTLINE


def test_warnings_are_text():
    assert warnings_html(SURE, "a hint") == ""
    html = warnings_html(replace(SURE, warnings=("<b>odd</b>",)), "a hint")
    assert "&lt;b&gt;odd" in html
    assert "a hint" in html
