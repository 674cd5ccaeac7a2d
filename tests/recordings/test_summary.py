"""A recording in short."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mmer_core.recordings import Recording, Utterance
from mmer_core.recordings.summary import summarise, turning_points


def test_shares_moments_and_disagreements(recording):
    summary = summarise(recording)
    assert summary.seconds == pytest.approx(13.0)
    assert list(summary.shares) == ["sadness", "joy", "anger"]
    assert sum(summary.shares.values()) == pytest.approx(1, abs=1e-3)
    assert summary.by_speaker == {0: {"joy": 1.0}, 1: {"anger": 1.0}}
    assert summary.moments["sadness"] == ((10.0, 19.5, 0.7),)
    (apart,) = summary.disagreements
    assert (apart.start, apart.says) == (2.25, {"Words": "joy", "Voice": "anger"})
    assert summary.sentences[0] == "3 utterances in 0:13.0 of speech or faces; 1 of them unsure."
    assert "Speaker 1: joy 100%." in summary.sentences
    assert (
        "Words, voice and face disagree once, first at 0:02.3: words joy, voice anger." in summary.sentences
    )
    assert summary.to_json()["turning_points"] == ()


def test_turning_points_last(answer):
    labels = ["joy", "joy", "anger", "joy", "sadness", "sadness", "sadness", "joy", "joy"]
    utterances = [Utterance(i, i + 1.0, prediction=answer(label)) for i, label in enumerate(labels)]
    found = [(t.at, t.before, t.after) for t in turning_points(utterances)]
    assert found == [(4, "joy", "sadness"), (7, "sadness", "joy")]
    unsure = replace(utterances[5].prediction, probability=0.1)
    utterances[5] = replace(utterances[5], prediction=unsure)
    assert len(turning_points(utterances)) == 2


def test_nothing_was_found():
    summary = summarise(Recording("a.wav", 0, 5, ()))
    assert summary.sentences == ("Nothing could be read: nobody speaks, and no face is in view.",)
