"""Clip -> Prediction: toggles, absence with reasons, contributions, rewording."""

import json
from dataclasses import replace

import numpy as np
import pytest

from mmer_core.clip import Dialogue
from mmer_core.commands.predict import describe
from mmer_core.encoders.text import FOREIGN_PIECES, MiniLmEncoder
from mmer_core.familiarity import Familiarity
from mmer_core.labels import EMOTIONS, Modality, subset_name, subsets
from tiny_predictor import make_clip, make_predictor

THREE = (Modality.TEXT, Modality.AUDIO, Modality.VISUAL)


@pytest.fixture
def predictor():
    return make_predictor()


def test_all_present(predictor):
    prediction = predictor.fuse(predictor.observe(make_clip()))
    assert prediction.label in EMOTIONS
    assert prediction.probabilities[prediction.label] == prediction.probability == max(prediction.probabilities.values())
    assert sum(prediction.probabilities.values()) == pytest.approx(1)
    assert prediction.used == THREE
    assert list(prediction.subsets) == [subset_name(s) for s in subsets(THREE)]
    assert prediction.subsets["text+audio+visual"] == prediction.probabilities


@pytest.mark.parametrize("use", list(subsets(THREE)), ids=subset_name)
def test_every_toggle_answers_and_contributions_sum_up(predictor, use):
    observation = predictor.observe(make_clip())
    prediction = predictor.fuse(observation, use)
    assert prediction.used == use
    prior = predictor.fuse(observation, ()).probabilities[prediction.label]
    assert sum(prediction.contributions.values()) == pytest.approx(prediction.probability - prior, abs=1e-6)
    for modality in set(THREE) - set(use):
        assert prediction.contributions[modality] == 0
        assert prediction.modalities[modality].reason == "switched off"
        assert prediction.modalities[modality].probabilities is None


def test_toggles_run_no_encoder(predictor):
    observation = predictor.observe(make_clip())
    before = {m: e.calls for m, e in predictor.encoders.items()}
    for use in subsets(THREE):
        predictor.fuse(observation, use)
    assert {m: e.calls for m, e in predictor.encoders.items()} == before


def test_what_is_absent_says_why(predictor):
    prediction = predictor.fuse(predictor.observe(make_clip(sound=False, faces=0)))
    assert prediction.used == (Modality.TEXT,)
    assert prediction.modalities[Modality.VISUAL].reason == "no face in 4 of 4 frames"
    assert prediction.modalities[Modality.AUDIO].reason == "the clip has no sound"
    assert any("one modality alone" in note for note in prediction.notes)


def test_nothing_present_is_the_prior_with_a_note(predictor):
    prediction = predictor.fuse(predictor.observe(make_clip(text=None, sound=False, faces=0)))
    assert prediction.used == ()
    assert sum(prediction.probabilities.values()) == pytest.approx(1)
    assert any("Nothing to go by" in note for note in prediction.notes)


def test_a_subset_answers_as_if_the_rest_were_missing(predictor):
    whole = predictor.observe(make_clip())
    without_sound = predictor.observe(make_clip(sound=False))
    switched_off = predictor.fuse(whole, (Modality.TEXT, Modality.VISUAL)).probabilities
    assert predictor.fuse(without_sound).probabilities == pytest.approx(switched_off)


def test_rewording_runs_the_text_encoder_only(predictor):
    observation = predictor.observe(make_clip())
    before = {m: e.calls for m, e in predictor.encoders.items()}
    changed = predictor.reword(observation, "zzz zzz")
    assert {m: predictor.encoders[m].calls - before[m] for m in THREE} == {Modality.TEXT: 1, Modality.AUDIO: 0, Modality.VISUAL: 0}
    assert predictor.fuse(changed).probabilities != predictor.fuse(observation).probabilities
    back = predictor.reword(changed, "I am glad")
    assert predictor.fuse(back).probabilities == predictor.fuse(observation).probabilities


def test_words_can_be_put_behind_what_was_said_before(predictor):
    observation = predictor.observe(make_clip())
    behind = predictor.reword(observation, "I am glad", ("Did you get it?", "  ", "They called."))
    assert behind.clip.dialogue == Dialogue(2, 3, 1.0, ("Did you get it?", "They called."))
    assert predictor.reword(behind, "I am sad").clip.dialogue == behind.clip.dialogue
    assert predictor.reword(behind, "I am glad", ()).clip.dialogue.previous == ()
    assert predictor.reword(observation, "I am glad", ()).clip.dialogue is None
    assert not predictor.reads_dialogue


def test_rewording_to_nothing_leaves_no_words(predictor):
    changed = predictor.reword(predictor.observe(make_clip()), "   ")
    assert predictor.fuse(changed).modalities[Modality.TEXT].reason == "no words: nothing was said or typed"


def test_two_people_are_said(predictor):
    clip = make_clip()
    clip = replace(clip, faces=replace(clip.faces, people=2, rule="the largest face was followed"))
    assert any("2 faces" in note and "the largest face was followed" in note for note in predictor.fuse(predictor.observe(clip)).notes)


def test_steps_are_told_and_timed(predictor):
    steps = []
    observation = predictor.observe(make_clip(), progress=steps.append)
    assert steps == list(observation.timings) == ["text", "audio", "visual"]


def test_json_has_the_promised_keys(predictor):
    data = json.loads(json.dumps(predictor.fuse(predictor.observe(make_clip(sound=False))).to_json()))
    promised = {"label", "probability", "probabilities", "modalities", "subsets", "contributions", "notes", "timings", "model"}
    assert set(data) == promised | {"unsure", "unsure_below"}
    assert data["modalities"]["audio"] == {"present": False, "reason": "the clip has no sound", "probabilities": None, "weight": 0.0, "softened": 1.0}
    assert set(data["subsets"]) == {"text", "visual", "text+visual"}
    assert set(data["model"]) == {"name", "sha256"}


@pytest.mark.parametrize(("threshold", "unsure"), [(0.0, False), (1.01, True)])
def test_an_answer_below_the_models_threshold_is_unsure(predictor, threshold, unsure):
    predictor.record["fusion"] = {"unsure_below": threshold}
    prediction = predictor.fuse(predictor.observe(make_clip()))
    assert prediction.unsure is unsure
    assert prediction.to_json()["unsure"] is unsure
    assert describe(prediction).startswith("unsure, perhaps ") is unsure


def test_what_is_unlike_the_training_data_is_said_of_the_modality_it_concerns(predictor):
    observation = predictor.observe(make_clip())
    dim = observation.features[Modality.AUDIO].shape[1]
    near = Familiarity(np.zeros(dim), np.ones(dim), np.eye(dim), limit=1e9)
    far = replace(near, limit=1e-9)
    predictor.known = {Modality.AUDIO: near}
    assert not any("unlike" in note for note in predictor.fuse(observation).notes)
    predictor.known = {Modality.AUDIO: far}
    assert [note for note in predictor.fuse(observation).notes if note.startswith("The sound is unlike those the model learned from")]
    assert not any("unlike" in note for note in predictor.fuse(observation, {Modality.VISUAL}).notes)
    answer = predictor.fuse(observation)
    assert len(answer.warnings) == 1
    assert answer.warnings[0] in answer.notes


def test_a_modality_that_is_unlike_its_training_data_speaks_more_softly_and_the_others_as_before(predictor):
    observation = predictor.observe(make_clip())
    before = predictor.fuse(observation)
    dim = observation.features[Modality.AUDIO].shape[1]
    near = Familiarity(observation.features[Modality.AUDIO].mean(0) + 3, np.ones(dim), np.eye(dim), limit=1e9)  # at a distance of 3
    predictor.known = {Modality.AUDIO: replace(near, caution=0.5)}
    after = predictor.fuse(observation)
    assert after.modalities[Modality.AUDIO].softened == pytest.approx(2)
    assert after.modalities[Modality.AUDIO].label == before.modalities[Modality.AUDIO].label
    assert max(after.subsets["audio"].values()) < max(before.subsets["audio"].values())
    assert after.subsets["text+visual"] == before.subsets["text+visual"]
    assert after.modalities[Modality.TEXT].softened == 1
    assert "softened 2.0-fold as it is unlike the training data" in describe(after)
    assert "softened" not in describe(before)
    predictor.known = {Modality.AUDIO: near}
    assert predictor.fuse(observation).subsets == before.subsets


@pytest.mark.parametrize(
    ("words", "foreign"),
    [
        ("Das schwarze Stück Papier befindet sich da oben", True),
        ("Questo è terribile, non ci posso credere", True),
        ("I can't believe you came all this way to see me!", False),
        ("Photosynthesis converts light energy into chemical energy.", False),
        ("Jawohl!", False),
        ("Oh no you did not 😬🙄🥴🤪🧐", False),
    ],
)
def test_words_of_another_language_are_noticed(words, foreign):
    encoder = MiniLmEncoder()
    assert (encoder.pieces_per_word(words) > FOREIGN_PIECES) is foreign


def test_another_face_can_be_followed_and_only_the_face_changes(predictor):
    clip = make_clip()
    other = replace(clip.faces, crops=255 - clip.faces.crops, rule="face 2 of 2, counted from the left, was followed", people=2)
    observation = predictor.observe(replace(clip, people=(replace(clip.faces, people=2), other)))
    second = predictor.follow(observation, 1)
    assert not np.array_equal(second.features[Modality.VISUAL], observation.features[Modality.VISUAL])
    assert second.features[Modality.AUDIO] is observation.features[Modality.AUDIO]
    assert any("face 2 of 2" in note for note in predictor.fuse(second).notes)
    np.testing.assert_array_equal(predictor.follow(second, 0).features[Modality.VISUAL], observation.features[Modality.VISUAL])
    with pytest.raises(ValueError, match="2 can be chosen"):
        predictor.follow(observation, 2)
