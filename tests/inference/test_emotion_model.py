"""Clip -> Prediction: toggles, absence with reasons, contributions, rewording; for every fusion network."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from pretend_device import move, pretended_device

from mmer_core import fusion
from mmer_core.checkpoint import CheckpointError
from mmer_core.cli.predict import describe
from mmer_core.clip import Dialogue
from mmer_core.features.batch import collate
from mmer_core.inference import observation
from mmer_core.inference.answer import AVERAGE_SPEAKER
from mmer_core.inference.emotion_model import EmotionModel
from mmer_core.inference.observation import Observation
from mmer_core.inference.prediction import Prediction
from mmer_core.inference.scoring import InputScaling
from mmer_core.labels import EMOTIONS, Modality, subset_name, subsets
from mmer_core.media.speech import Transcript
from mmer_core.training.multitask import MultiTask
from mmer_core.uncertainty.out_of_distribution import MahalanobisDetector
from tiny_model import DIM, THREE, make_clip, make_model, make_network


@pytest.fixture
def model():
    return make_model()


each_network = pytest.mark.parametrize("name", fusion.names())


@each_network
def test_every_network_answers_every_toggle_and_contributions_sum_up(name):
    model = make_model(name)
    observation = model.observe(make_clip())
    for use in subsets(model.modalities):
        prediction = model.fuse(observation, use)
        assert prediction.used == use
        assert sum(prediction.probabilities.values()) == pytest.approx(1)
        prior = model.fuse(observation, ()).probabilities[prediction.label]
        assert sum(prediction.contributions.values()) == pytest.approx(
            prediction.probability - prior, abs=1e-6
        )
        shares = [own.weight for own in prediction.modalities.values()]
        assert all(share >= 0 for share in shares)
        assert sum(shares) == pytest.approx(1)
        for modality in use:
            assert prediction.modalities[modality].probabilities == prediction.subsets[modality.value]


@each_network
def test_every_network_answers_at_the_temperature_of_what_is_present(name):
    model = make_model(name)
    observation = model.observe(make_clip(sound=False))
    dims = dict.fromkeys(model.modalities, DIM)
    batch = collate([observation.features], dims)
    for use in subsets(model.modalities):
        present = tuple(m for m in use if m is not Modality.AUDIO)
        found = model.fuse(observation, use)
        if present:
            logits = model.network(batch.using(use)).logits[0].double().detach()
            expected = (logits / model.calibration.temperatures[subset_name(present)]).softmax(0).numpy()
        else:
            expected = list(model.calibration.prior.values())
        assert list(found.probabilities.values()) == pytest.approx(list(expected), abs=1e-6)


@each_network
def test_every_network_gives_its_prior_and_a_note_where_nothing_is_present(name):
    model = make_model(name)
    prediction = model.predict(make_clip(text=None, sound=False, faces=0))
    assert prediction.used == ()
    assert prediction.probabilities == pytest.approx(model.calibration.prior, abs=1e-6)
    assert any("Nothing to go by" in note for note in prediction.notes)


@each_network
def test_whatever_is_absent_or_not_a_number_does_not_reach_the_answer(name):
    model = make_model(name)
    whole = model.observe(make_clip())
    for absent in model.modalities:
        broken = replace(whole, features={**whole.features, absent: np.full((1, DIM), np.nan)})
        rest = [m for m in model.modalities if m is not absent]
        without = replace(whole, features={m: whole.features[m] for m in rest})
        expected = model.fuse(without).probabilities
        assert model.fuse(broken, rest).probabilities == pytest.approx(expected, abs=1e-6)


@each_network
@pytest.mark.parametrize(("threshold", "unsure"), [(0.0, False), (1.01, True)])
def test_an_answer_below_the_models_threshold_is_unsure(name, threshold, unsure):
    model = make_model(name, calibration={"unsure_below": threshold, "coverage": 0.8})
    prediction = model.predict(make_clip())
    assert prediction.unsure is prediction.to_json()["unsure"] is unsure
    assert prediction.coverage == model.coverage == 0.8
    assert describe(prediction).startswith("unsure, perhaps ") is unsure


@each_network
@pytest.mark.parametrize("labels", [("calm", "angry", "sad", "happy"), tuple(f"class {i}" for i in range(8))])
def test_a_model_answers_in_its_own_classes(name, labels):
    prediction = make_model(name, labels=labels).predict(make_clip())
    assert prediction.label in labels
    assert tuple(prediction.probabilities) == labels
    assert all(tuple(p) == labels for p in prediction.subsets.values())


@each_network
def test_every_network_answers_the_same_on_another_device(name, monkeypatch):
    model = make_model(name, detectors={Modality.TEXT: detector(slope=0.5)})
    seen = model.observe(make_clip(sound=False))
    expected = model.fuse(seen)
    with pretended_device(monkeypatch):
        move(model.network)
        found = model.fuse(replace(seen))
    assert found.probabilities == pytest.approx(expected.probabilities, abs=1e-6)
    for subset, probabilities in expected.subsets.items():
        assert found.subsets[subset] == pytest.approx(probabilities, abs=1e-6)


def test_a_network_without_weights_has_the_shares_of_its_contributions():
    prediction = make_model("early").predict(make_clip())
    sizes = {m: abs(value) for m, value in prediction.contributions.items()}
    for modality, own in prediction.modalities.items():
        assert own.weight == pytest.approx(sizes[modality] / sum(sizes.values()))


def test_a_network_with_weights_has_those_as_shares():
    model = make_model("late_weighted")
    model.network.preference.data = torch.tensor([0.0, 1.0, 2.0])
    prediction = model.predict(make_clip(faces=0))
    first, second = (prediction.modalities[m].weight for m in (Modality.TEXT, Modality.AUDIO))
    assert second / first == pytest.approx(np.e, rel=1e-5)


def test_predict_takes_a_file_a_text_or_a_clip(model, small_video, monkeypatch):
    monkeypatch.setattr(observation, "find_faces", lambda clip: replace(clip, faces=make_clip().faces))
    assert model.predict(str(small_video), text="hello").used == THREE
    assert model.predict(small_video, {Modality.TEXT}, text="hello").used == (Modality.TEXT,)
    assert model.predict(text="hello").used == (Modality.TEXT,)
    assert (
        model.predict(make_clip(), text="zzz").subsets["text"] != model.predict(make_clip()).subsets["text"]
    )
    with pytest.raises(ValueError, match="give a clip or a text"):
        model.predict()


class TestGivenFeatures:
    """Features that came with the corpus cannot be computed from a clip."""

    def test_the_other_modalities_answer_and_the_reason_is_said(self):
        model = make_model("early", without_encoder=[Modality.VISUAL])
        prediction = model.predict(make_clip())
        assert prediction.used == (Modality.TEXT, Modality.AUDIO)
        reason = prediction.modalities[Modality.VISUAL].reason
        assert reason == model.missing[Modality.VISUAL]
        assert "action units of a corpus" in reason
        assert "--encoders visual=" in reason

    def test_a_model_of_nothing_else_reads_no_clips(self):
        model = make_model("late_mean", without_encoder=THREE)
        with pytest.raises(CheckpointError, match=r"tiny reads no clips: .* came with the corpus") as caught:
            model.predict(make_clip())
        assert "\n" not in str(caught.value)


def test_features_are_scaled_as_in_training_with_a_note():
    mean, sd = np.full(DIM, 0.3, np.float32), np.full(DIM, 2.0, np.float32)
    plain, scaled = (
        make_model("early", input_scaling=scaling)
        for scaling in ({}, {Modality.AUDIO: InputScaling(mean, sd)})
    )
    seen = plain.observe(make_clip())
    by_hand = replace(
        seen, features={**seen.features, Modality.AUDIO: (seen.features[Modality.AUDIO] - mean) / sd}
    )
    prediction = scaled.fuse(seen)
    assert prediction.probabilities == pytest.approx(plain.fuse(by_hand).probabilities, abs=1e-6)
    assert AVERAGE_SPEAKER in prediction.notes
    assert AVERAGE_SPEAKER not in prediction.warnings
    assert AVERAGE_SPEAKER not in scaled.fuse(seen, {Modality.TEXT}).notes


def test_a_second_head_for_sentiments_does_not_show():
    network = MultiTask(make_network("early", 7 + 3), 7, 0.5)
    plain = make_model("early")
    record = {**plain.record, "sentiments": ["negative", "neutral", "positive"], "sentiment_weight": 0.5}
    model = EmotionModel(network, plain.encoders, record)
    prediction = model.predict(make_clip())
    assert tuple(prediction.probabilities) == EMOTIONS
    assert sum(prediction.probabilities.values()) == pytest.approx(1)


def test_all_present(model):
    prediction = model.fuse(model.observe(make_clip()))
    assert prediction.label in EMOTIONS
    assert (
        prediction.probabilities[prediction.label]
        == prediction.probability
        == max(prediction.probabilities.values())
    )
    assert sum(prediction.probabilities.values()) == pytest.approx(1)
    assert prediction.used == THREE
    assert list(prediction.subsets) == [subset_name(s) for s in subsets(THREE)]
    assert prediction.subsets["text+audio+visual"] == prediction.probabilities


@pytest.mark.parametrize("use", list(subsets(THREE)), ids=subset_name)
def test_what_is_switched_off_says_so_and_contributes_nothing(model, use):
    prediction = model.fuse(model.observe(make_clip()), use)
    for modality in set(THREE) - set(use):
        assert prediction.contributions[modality] == 0
        assert prediction.modalities[modality].reason == "switched off"
        assert prediction.modalities[modality].probabilities is None


def test_toggles_run_no_encoder(model):
    observation = model.observe(make_clip())
    before = {m: e.calls for m, e in model.encoders.items()}
    for use in subsets(THREE):
        model.fuse(observation, use)
    assert {m: e.calls for m, e in model.encoders.items()} == before


def test_what_is_absent_says_why(model):
    prediction = model.fuse(model.observe(make_clip(sound=False, faces=0)))
    assert prediction.used == (Modality.TEXT,)
    assert prediction.modalities[Modality.VISUAL].reason == "no face in 4 of 4 frames"
    assert prediction.modalities[Modality.AUDIO].reason == "the clip has no sound"
    assert any("one modality alone" in note for note in prediction.notes)


def test_a_subset_answers_as_if_the_rest_were_missing(model):
    whole = model.observe(make_clip())
    without_sound = model.observe(make_clip(sound=False))
    switched_off = model.fuse(whole, (Modality.TEXT, Modality.VISUAL)).probabilities
    assert model.fuse(without_sound).probabilities == pytest.approx(switched_off)


def test_rewording_runs_the_text_encoder_only(model):
    observation = model.observe(make_clip())
    before = {m: e.calls for m, e in model.encoders.items()}
    changed = model.reword(observation, "zzz zzz")
    assert {m: model.encoders[m].calls - before[m] for m in THREE} == {
        Modality.TEXT: 1,
        Modality.AUDIO: 0,
        Modality.VISUAL: 0,
    }
    assert model.fuse(changed).probabilities != model.fuse(observation).probabilities
    back = model.reword(changed, "I am glad")
    assert model.fuse(back).probabilities == model.fuse(observation).probabilities


def test_words_can_be_put_behind_what_was_said_before(model):
    observation = model.observe(make_clip())
    behind = model.reword(observation, "I am glad", ("Did you get it?", "  ", "They called."))
    assert behind.clip.dialogue == Dialogue(2, 3, 1.0, ("Did you get it?", "They called."))
    assert model.reword(behind, "I am sad").clip.dialogue == behind.clip.dialogue
    assert model.reword(behind, "I am glad", ()).clip.dialogue.previous == ()
    assert model.reword(observation, "I am glad", ()).clip.dialogue is None
    assert not model.reads_dialogue


def test_rewording_to_nothing_leaves_no_words(model):
    changed = model.reword(model.observe(make_clip()), "   ")
    assert model.fuse(changed).modalities[Modality.TEXT].reason == "no words: nothing was said or typed"


def test_two_people_are_said(model):
    clip = make_clip()
    clip = replace(clip, faces=replace(clip.faces, people=2, rule="the largest face was followed"))
    assert any(
        "2 faces" in note and "the largest face was followed" in note
        for note in model.fuse(model.observe(clip)).notes
    )


def test_steps_are_told_and_timed(model):
    steps = []
    observation = model.observe(make_clip(), progress=steps.append)
    assert steps == list(observation.timings) == ["text", "audio", "visual"]


def test_json_is_read_back(model):
    model.calibration = replace(model.calibration, unsure_below=0.4, coverage=0.8)
    told = model.fuse(model.observe(make_clip(sound=False))).to_json()
    again = Prediction.from_json(json.loads(json.dumps(told)))
    assert again.to_json() == told
    assert again.used == (Modality.TEXT, Modality.VISUAL)
    assert again.unsure == told["unsure"]


def test_what_is_read_first_is_told_while_the_rest_is_read(model):
    told: list[Observation] = []
    steps: list[str] = []
    whole = model.observe(make_clip(), progress=steps.append, found=told.append)
    assert [tuple(o.features) for o in told] == [(Modality.TEXT,), (Modality.TEXT, Modality.AUDIO)]
    assert model.fuse(told[0]).used == (Modality.TEXT,)
    assert model.fuse(told[1]).modalities[Modality.VISUAL].probabilities is None
    assert steps[-1] == "visual", "faces take longest, so they come last"
    assert list(whole.features) == [m for m in model.encoders if m in whole.features]


def test_json_has_the_promised_keys(model):
    data = json.loads(json.dumps(model.fuse(model.observe(make_clip(sound=False))).to_json()))
    promised = {
        "label",
        "probability",
        "probabilities",
        "modalities",
        "subsets",
        "contributions",
        "baseline",
        "notes",
        "timings",
        "model",
    }
    assert set(data) == promised | {"unsure", "unsure_below", "coverage", "warnings"}
    assert data["modalities"]["audio"] == {
        "present": False,
        "reason": "the clip has no sound",
        "probabilities": None,
        "weight": 0.0,
        "temperature": 1.0,
    }
    assert set(data["subsets"]) == {"text", "visual", "text+visual"}
    assert set(data["model"]) == {"name", "sha256"}


def detector(mean=0.0, limit=1e9, slope=0.0) -> MahalanobisDetector:
    return MahalanobisDetector(np.full(DIM, mean), np.ones(DIM), np.eye(DIM), limit, slope)


def test_what_is_unlike_the_training_data_is_said_of_the_modality_it_concerns():
    near, far = (make_model(detectors={Modality.AUDIO: detector(limit=limit)}) for limit in (1e9, 1e-9))
    observation = near.observe(make_clip())
    assert not any("unlike" in note for note in near.fuse(observation).notes)
    (warning,) = far.fuse(observation).warnings
    assert warning.startswith("This sound is unlike the recordings used in training")
    assert warning in far.fuse(observation).notes
    assert not any("unlike" in note for note in far.fuse(observation, {Modality.VISUAL}).notes)


@each_network
def test_the_farther_from_the_training_data_the_less_certain(name):
    plain = make_model(name)
    observation = plain.observe(make_clip())
    far = plain.modalities[-1]
    known = detector(observation.features[far].mean() + 50, slope=0.5)
    model = make_model(name, detectors={far: known})
    before, after = plain.fuse(observation), model.fuse(observation)
    own = after.modalities[far]
    assert own.temperature == pytest.approx(known.distance_temperature(observation.features[far])) != 1
    assert own.label == before.modalities[far].label
    even = 1 / len(EMOTIONS)
    assert even < max(after.subsets[far.value].values()) < max(before.subsets[far.value].values())
    assert f"temperature {own.temperature:.1f} as it is unlike the training data" in describe(after)
    for subset, probabilities in before.subsets.items():
        if far.value not in subset.split("+"):
            assert after.subsets[subset] == pytest.approx(probabilities)
    assert all(own.temperature == 1 for m, own in after.modalities.items() if m is not far)
    unscaled = make_model(name, detectors={far: detector()}).fuse(observation)
    assert unscaled.probabilities == pytest.approx(before.probabilities, abs=1e-6)


def test_another_face_can_be_followed_and_only_the_face_changes(model):
    clip = make_clip()
    other = replace(
        clip.faces,
        crops=255 - clip.faces.crops,
        rule="face 2 of 2, counted from the left, was followed",
        people=2,
    )
    observation = model.observe(replace(clip, people=(replace(clip.faces, people=2), other)))
    second = model.follow(observation, 1)
    assert not np.array_equal(second.features[Modality.VISUAL], observation.features[Modality.VISUAL])
    assert second.features[Modality.AUDIO] is observation.features[Modality.AUDIO]
    assert any("face 2 of 2" in note for note in model.fuse(second).notes)
    np.testing.assert_array_equal(
        model.follow(second, 0).features[Modality.VISUAL], observation.features[Modality.VISUAL]
    )
    with pytest.raises(ValueError, match="2 can be chosen"):
        model.follow(observation, 2)


def english_model() -> EmotionModel:
    """A model that learned from English words."""
    model = make_model()
    model.record["modalities"]["text"]["language"] = "en"
    return model


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("Ich bin heute so traurig", "the words look German; only English is read"),
        ("asdf qwer zxcv", "the words are not English, or no words at all; only English is read"),
        ("?!", "there are no words, only marks"),
    ],
)
def test_words_that_a_model_of_english_cannot_read_are_left_out_with_the_reason(words, reason):
    model = english_model()
    observation = model.observe(make_clip(text=words))
    prediction = model.fuse(observation)
    assert Modality.TEXT not in prediction.used
    assert prediction.modalities[Modality.TEXT].reason == reason
    assert f"The words were left out: {reason}." in prediction.warnings
    corrected = model.reword(observation, "I am so sad today")
    assert Modality.TEXT in model.fuse(corrected).used
    assert corrected.left_out == ""


def test_a_model_of_another_language_reads_its_words():
    model = make_model()
    assert Modality.TEXT in model.fuse(model.observe(make_clip(text="Ich bin heute so traurig"))).used


def test_foreign_speech_is_not_believed_and_the_answer_says_so(monkeypatch):
    left_out = "the speech does not sound like English"
    heard = Transcript("", (), 0.1, left_out)
    monkeypatch.setattr(observation, "transcribe", lambda *_: heard)
    model = english_model()
    found = model.observe(make_clip(text=None))
    assert found.absent[Modality.TEXT] == left_out
    assert any(left_out in warning for warning in model.fuse(found).warnings)
