"""The headline of an answer: unsure first where it is, plain where it is not, and nothing in a warning
becomes markup.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mmer_core.inference.prediction import Prediction, UnimodalPrediction
from mmer_core.inference.timeline import Timeline
from mmer_core.labels import EMOTIONS, Modality
from ui.headline import changes_html, headline, headline_html, short_answer, unsure_sentence, warnings_html
from ui.text import CERTAINTY
from ui.theme import EMOTION_COLOURS, OUTLINE

JOY = {e: 0.41 if e == "joy" else 0.59 / 6 for e in EMOTIONS}
SURE = Prediction("joy", 0.41, JOY, {Modality.TEXT: UnimodalPrediction(True, None, JOY, 1.0)}, {}, {})
UNSURE = replace(SURE, unsure_below=0.49, coverage=0.8)


def test_a_plain_answer_is_named_on_its_colour():
    found = headline(SURE)
    assert (found.title, found.colour, found.lead) == ("😊 Joy", EMOTION_COLOURS["joy"], "41%")
    assert "unsure" not in headline_html(SURE).lower()


def test_an_unsure_answer_is_neutral_and_says_why():
    found = headline(UNSURE)
    assert (found.title, found.colour, found.lead) == ("Unsure", OUTLINE, "Most likely 😊 Joy, 41%")
    assert (
        found.sentences[0]
        == "Below 49%, an answer is called unsure; 80% of the answers to held-out data reach that and "
        "are given plainly."
    )
    assert unsure_sentence(replace(UNSURE, coverage=0.0)) == "Below 49%, an answer is called unsure."
    assert short_answer("joy", 0.41, True) == "Unsure, perhaps 😊 Joy 41%"


def test_degrees_of_certainty_do_not_speak_of_unsure():
    assert not any("unsure" in words for _, words in CERTAINTY)


def test_a_clip_that_changes_is_told_so_under_its_answer():
    edges = np.arange(9.0)
    rows = np.array(
        [[0.41 if e == name else 0.59 / 6 for e in EMOTIONS] for name in ["joy"] * 4 + ["fear"] * 4]
    )
    turning = Timeline(edges[:-1], edges[1:], edges, EMOTIONS, {Modality.VISUAL: rows}, rows, {})
    assert "joy (0 to 4 s, 41%), then fear (4 to 8 s, 41%)" in changes_html(turning)
    assert changes_html(replace(turning, unsure_below=0.49)) == "", "nothing is sure, so nothing changes"


def test_warnings_are_text():
    assert warnings_html(SURE, "a hint") == ""
    html = warnings_html(replace(SURE, warnings=("<b>odd</b>",)), "a hint")
    assert "&lt;b&gt;odd" in html
    assert "a hint" in html
