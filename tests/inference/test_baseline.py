"""Comparing a speaker with how they usually sound: moments, shrinkage, and that nothing else changes."""

import json
from dataclasses import replace

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from mmer_core import fusion
from mmer_core.cli.predict import describe
from mmer_core.inference import speaker, storage
from mmer_core.inference import windows as timelines
from mmer_core.inference.answer import AVERAGE, AVERAGE_SPEAKER
from mmer_core.inference.baseline import Baseline
from mmer_core.inference.scoring import FRAME_ROWS, VECTOR_ROWS, InputScaling, with_rows
from mmer_core.inference.windows import score_windows
from mmer_core.labels import Modality, subsets
from mmer_core.media.loading import MediaError
from mmer_core.uncertainty.out_of_distribution import MahalanobisDetector
from tiny_model import DIM, THREE, TinyEncoder, make_clip, make_model

MEAN, SD = np.linspace(-0.2, 0.3, DIM, dtype=np.float32), np.linspace(0.5, 2.0, DIM, dtype=np.float32)
AVERAGE_VOICE = {Modality.AUDIO: InputScaling(MEAN, SD, 10.0)}
OTHER = {Modality.AUDIO: Baseline(40, np.full(DIM, 0.4), np.full(DIM, 0.3), 12.0)}


def make(name="early", scaling=AVERAGE_VOICE, **parts):
    return make_model(name, input_scaling=scaling, **parts)


def rows(count, seed=0):
    return np.random.default_rng(seed).normal(0.4, 0.7, (count, DIM)).astype(np.float32)


def test_moments_are_those_of_all_rows_however_they_come():
    parts = [rows(3), rows(1, 1), rows(200, 2) + 1000]
    whole = np.concatenate(parts).astype(np.float64)
    together = Baseline.of(parts, 6.0)
    summed = Baseline.of(parts[:1], 1.0) + Baseline.of(parts[1:2], 2.0) + Baseline.of(parts[2:], 3.0)
    for found in (together, summed):
        assert (found.rows, found.seconds) == (204, 6.0)
        np.testing.assert_allclose(found.mean, whole.mean(0))
        np.testing.assert_allclose(found.variance, whole.var(0))
    assert str(together) == "6 s of the speaker's own voice"
    assert together.fingerprint == Baseline.of(parts, 6.0).fingerprint
    assert together.fingerprint != Baseline.of(parts[:2], 6.0).fingerprint


def test_rows_that_are_not_finite_are_left_out_and_nothing_else_is_no_baseline():
    broken = rows(4)
    broken[1, 2], broken[3, 0] = np.nan, np.inf
    assert Baseline.of([broken], 1.0).rows == 2
    for nothing in ([], [np.full((2, DIM), np.nan)]):
        with pytest.raises(ValueError, match="no features to make a baseline from"):
            Baseline.of(nothing, 1.0)


def test_shrinkage_is_the_weighted_mean_of_both_and_grows_with_the_rows():
    for count in (1, 30):
        own = Baseline.of([rows(count)], 1.0)
        found = InputScaling(MEAN, SD, 10.0).towards(own)
        np.testing.assert_allclose(found.mean, (count * own.mean + 10 * MEAN) / (count + 10), rtol=1e-5)
        np.testing.assert_allclose(found.sd**2, (count * own.variance + 10 * SD**2) / (count + 10), rtol=1e-5)
        assert found.rows == count + 10
    far = [
        np.abs(InputScaling(MEAN, SD, 10.0).towards(replace(own, rows=count)).mean - own.mean).max()
        for count in (1, 10, 100, 10_000)
    ]
    assert far == sorted(far, reverse=True)
    assert far[-1] < 1e-3


@pytest.mark.parametrize("rows_of_average", [0.0, 10.0])
def test_a_feature_that_never_moved_gives_finite_numbers(rows_of_average):
    still = Baseline.of([np.ones((5, DIM), np.float32)], 1.0)
    found = InputScaling(MEAN, SD, rows_of_average)(rows(3), still)
    assert np.isfinite(found).all()
    assert found.dtype == np.float32


@pytest.mark.parametrize("name", fusion.names())
def test_without_a_baseline_nothing_changes_and_the_average_speakers_changes_nothing(name):
    model = make(name)
    seen = model.observe(make_clip())
    before = model.fuse(seen)
    assert model.fuse(model.with_baseline(seen, {})).probabilities == before.probabilities
    average = {Modality.AUDIO: Baseline(500, MEAN.astype(float), SD.astype(float) ** 2, 10.0)}
    same = model.fuse(model.with_baseline(seen, average))
    assert same.probabilities == pytest.approx(before.probabilities, abs=1e-5)


@pytest.mark.parametrize("name", fusion.names())
def test_the_baseline_stands_in_for_the_average_speaker_in_every_network(name):
    model = make(name)
    seen = model.observe(make_clip())
    moved = make(name, {Modality.AUDIO: AVERAGE_VOICE[Modality.AUDIO].towards(OTHER[Modality.AUDIO])})
    compared = model.with_baseline(seen, OTHER)
    assert compared.features is seen.features
    expected = moved.fuse(seen).subsets
    for subset, probabilities in model.fuse(compared).subsets.items():
        assert probabilities == pytest.approx(expected[subset], abs=1e-6)
    chosen = list(subsets(model.modalities))
    np.testing.assert_allclose(
        model.subset_probabilities(compared, chosen), moved.subset_probabilities(seen, chosen), atol=1e-6
    )


def test_only_what_is_standardised_and_there_is_compared():
    model = make()
    assert model.takes_baseline == (Modality.AUDIO,)
    everything = dict.fromkeys(Modality, OTHER[Modality.AUDIO])
    without = model.observe(make_clip(sound=False))
    compared = model.with_baseline(without, everything)
    assert set(compared.baseline) == {Modality.AUDIO}
    assert model.fuse(compared).probabilities == model.fuse(without).probabilities
    assert model.fuse(compared).baseline == ""
    seen = model.observe(make_clip())
    words = model.fuse(model.with_baseline(seen, everything), {Modality.TEXT})
    assert words.probabilities == model.fuse(seen, {Modality.TEXT}).probabilities
    assert make(scaling={}).takes_baseline == ()
    assert make("late_mean", without_encoder=[Modality.AUDIO]).takes_baseline == ()


def test_detectors_read_features_as_they_are():
    far, one = np.full(DIM, 50, np.float32), np.ones(DIM, np.float32)
    known = MahalanobisDetector(far, one, np.eye(DIM, dtype=np.float32), 0.1, 0.5)
    model = make(detectors={Modality.AUDIO: known})
    seen = model.observe(make_clip())
    plain, compared = model.fuse(seen), model.fuse(model.with_baseline(seen, OTHER))
    own = compared.modalities[Modality.AUDIO]
    assert own.temperature == plain.modalities[Modality.AUDIO].temperature != 1
    assert compared.warnings == plain.warnings != ()


def test_the_answer_says_what_the_voice_was_compared_with_and_does_not_warn():
    model = make()
    seen = model.observe(make_clip())
    average, own = model.fuse(seen), model.fuse(model.with_baseline(seen, OTHER))
    assert average.baseline == average.to_json()["baseline"] == AVERAGE
    assert AVERAGE_SPEAKER in average.notes
    assert AVERAGE_SPEAKER not in average.warnings
    assert "(--baseline FILE)." in describe(average)
    assert own.baseline == "12 s of the speaker's own voice"
    assert "The voice was read against 12 s of the speaker's own voice." in own.notes
    assert AVERAGE_SPEAKER not in own.notes
    assert make(scaling={}).fuse(seen).baseline == ""
    two = make(scaling=dict.fromkeys((Modality.TEXT, Modality.AUDIO), AVERAGE_VOICE[Modality.AUDIO]))
    assert two.fuse(seen).baseline == AVERAGE
    assert (
        two.fuse(two.with_baseline(seen, OTHER)).baseline
        == f"words: {AVERAGE}, voice: 12 s of the speaker's own voice"
    )


def test_a_baseline_is_made_of_clips_and_used_by_predict():
    model = make()
    usual = [make_clip(seed, text="") for seed in (1, 2, 3)]
    baseline = model.baseline(usual)
    features = [model.observe(clip).features[Modality.AUDIO] for clip in usual]
    assert set(baseline) == {Modality.AUDIO}
    np.testing.assert_allclose(baseline[Modality.AUDIO].mean, np.concatenate(features).mean(0), rtol=1e-6)
    assert (baseline[Modality.AUDIO].rows, baseline[Modality.AUDIO].seconds) == (3, 3.0)
    found = model.predict(make_clip(), baseline=baseline)
    assert found.baseline == "3 s of the speaker's own voice"
    assert found.probabilities != model.predict(make_clip()).probabilities
    assert found.probabilities[found.label] == found.probability
    before = {m: model.encoders[m].calls for m in (Modality.TEXT, Modality.VISUAL)}
    model.baseline(usual)
    assert {m: model.encoders[m].calls for m in (Modality.TEXT, Modality.VISUAL)} == before


def test_clips_in_which_nobody_speaks_are_refused_in_one_sentence():
    model = make()
    with pytest.raises(
        MediaError, match=r"nobody is heard in clip\.mp4 \(the clip has no sound\): give about"
    ):
        model.baseline(make_clip(sound=False))
    with pytest.raises(MediaError, match=r"only 1\.0 s of voice are heard in clip\.mp4, 2 s are needed"):
        model.baseline([make_clip()])
    with pytest.raises(MediaError, match="nobody is heard in no clip"):
        model.baseline([])
    with pytest.raises(ValueError, match="tiny compares nobody with how they usually sound"):
        make(scaling={}).baseline(make_clip())


@pytest.mark.parametrize(
    ("voices", "seconds"),
    [(((0.2, 1.2), (1.5, 3.0)), 2.5), ((), None)],
    ids=["somebody", "nobody"],
)
def test_only_voices_count_where_the_encoder_reads_speech(voices, seconds):
    encoder = TinyEncoder(Modality.AUDIO)
    encoder.spec = replace(encoder.spec, spoken_part=True)
    clip = replace(make_clip(), waveform=np.tile(make_clip().waveform, 4), duration=4.0, voices=voices)
    if seconds is None:
        with pytest.raises(MediaError, match="nobody is heard"):
            speaker.speaker_baseline(clip, {Modality.AUDIO: encoder})
    else:
        found = speaker.speaker_baseline(clip, {Modality.AUDIO: encoder})
        assert found[Modality.AUDIO].seconds == pytest.approx(seconds)


def test_a_baseline_of_another_model_is_refused():
    model = make()
    wide = Baseline.of([np.ones((2, DIM + 1))], 3.0)
    with pytest.raises(ValueError, match=f"has {DIM + 1} features, the model reads {DIM}: make it with this"):
        model.with_baseline(model.observe(make_clip()), {Modality.AUDIO: wide})


def test_words_can_be_edited_and_the_baseline_stays():
    model = make()
    seen = model.with_baseline(model.observe(make_clip()), OTHER)
    assert model.reword(seen, "other words").baseline == OTHER
    assert model.with_baseline(seen, {}).baseline == {}


def test_windows_are_compared_as_well():
    model = make()
    clip = replace(make_clip(), duration=5.0, waveform=np.tile(make_clip().waveform, 5))
    seen = model.observe(clip)
    plain = score_windows(model, seen)
    compared = score_windows(model, model.with_baseline(seen, OTHER))
    moved = make(scaling={Modality.AUDIO: AVERAGE_VOICE[Modality.AUDIO].towards(OTHER[Modality.AUDIO])})
    expected = score_windows(moved, seen)
    for subset, found in compared.probabilities.items():
        np.testing.assert_allclose(found, expected.probabilities[subset], atol=1e-6)
    assert not np.allclose(compared.of({Modality.AUDIO}), plain.of({Modality.AUDIO}), atol=1e-4)
    assert timelines.fuse(model, compared).fused.shape == plain.of(THREE).shape


def test_each_sample_of_a_batch_has_its_own_baseline():
    model = make()
    seen = model.observe(make_clip())
    chosen = [(Modality.AUDIO,), THREE]
    found = model.scorer.probabilities([seen.features] * 2, chosen, [{}, OTHER])
    plain = model.subset_probabilities(seen, chosen)
    compared = model.subset_probabilities(model.with_baseline(seen, OTHER), chosen)
    np.testing.assert_allclose(found[:, 0], plain, atol=1e-6)
    np.testing.assert_allclose(found[:, 1], compared, atol=1e-6)


class TestOrdinarySpeech:
    """A speaker's neutral speech stands for all that they say, by the difference in the average speaker."""

    CALM, CALM_SD = MEAN - np.linspace(0.1, 0.5, DIM, dtype=np.float32), SD * np.float32(0.5)
    KNOWN = InputScaling(MEAN, SD, 10.0, CALM, CALM_SD)

    def ordinary(self, mean, sd, count=40):
        return Baseline(count, mean.astype(float), np.square(sd, dtype=float), 5.0, ordinary=True)

    @pytest.mark.parametrize("count", [1, 10_000])
    def test_the_average_speakers_ordinary_speech_is_the_average_speaker(self, count):
        found = self.KNOWN.towards(self.ordinary(self.CALM, self.CALM_SD, count))
        np.testing.assert_allclose(found.mean, MEAN, atol=1e-5)
        np.testing.assert_allclose(found.sd, SD, rtol=1e-5)
        assert found.rows == 10 + count

    def test_a_speaker_is_as_far_from_the_average_as_their_ordinary_speech(self):
        found = self.KNOWN.towards(self.ordinary(self.CALM + 0.7, 2 * self.CALM_SD))
        np.testing.assert_allclose(found.mean, MEAN + 0.7 * 40 / 50, rtol=1e-5)
        np.testing.assert_allclose(found.sd**2, SD**2 * (4 * 40 + 10) / 50, rtol=1e-5)

    def test_it_is_the_same_for_the_features(self):
        own = self.ordinary(self.CALM + 0.7, self.CALM_SD)
        np.testing.assert_array_equal(self.KNOWN(rows(3), own), self.KNOWN.towards(own)(rows(3)))

    def test_speech_that_is_not_ordinary_stands_for_itself(self):
        own, average = self.ordinary(self.CALM, self.CALM_SD), InputScaling(MEAN, SD, 10.0)
        for scaling, baseline in ((self.KNOWN, replace(own, ordinary=False)), (average, own)):
            found = scaling.towards(baseline)
            np.testing.assert_allclose(found.mean, (40 * own.mean + 10 * MEAN) / 50, rtol=1e-5)
            np.testing.assert_allclose(found.sd**2, (40 * own.variance + 10 * SD**2) / 50, rtol=1e-5)

    def test_it_is_told_from_other_speech(self):
        made = Baseline.of([rows(5)], 2.0, ordinary=True)
        assert made.ordinary
        assert not Baseline.of([rows(5)], 2.0).ordinary
        assert made.fingerprint != Baseline.of([rows(5)], 2.0).fingerprint
        assert (made + made).ordinary
        assert not (made + Baseline.of([rows(5)], 2.0)).ordinary

    def test_it_is_kept_in_the_file(self, tmp_path):
        make(scaling={Modality.AUDIO: self.KNOWN}).save(tmp_path)
        record = json.loads((tmp_path / "model.json").read_text())
        _, scaling = storage.read_network(tmp_path, record)
        for found, expected in zip(scaling[Modality.AUDIO], self.KNOWN, strict=True):
            np.testing.assert_array_equal(found, expected)
        assert scaling[Modality.AUDIO].ordinary_sd.dtype == np.float32
        make().save(tmp_path / "without")
        record = json.loads((tmp_path / "without" / "model.json").read_text())
        _, scaling = storage.read_network(tmp_path / "without", record)
        assert scaling[Modality.AUDIO].ordinary_mean is scaling[Modality.AUDIO].ordinary_sd is None

    def test_a_model_answers_by_it(self):
        model, seen = make(scaling={Modality.AUDIO: self.KNOWN}), make().observe(make_clip())
        average = self.ordinary(self.CALM, self.CALM_SD)
        same = model.fuse(model.with_baseline(seen, {Modality.AUDIO: average}))
        assert same.probabilities == pytest.approx(model.fuse(seen).probabilities, abs=1e-5)
        other = model.fuse(model.with_baseline(seen, {Modality.AUDIO: replace(average, ordinary=False)}))
        assert other.probabilities != pytest.approx(same.probabilities, abs=1e-4)


class TestRows:
    """How many rows the average speaker counts as."""

    def test_a_model_that_does_not_say_has_the_default_of_its_encoder(self):
        frames = TinyEncoder(Modality.AUDIO)
        frames.spec = replace(frames.spec, rate=40.0, timing="rate")
        scaling = {m: InputScaling(MEAN, SD) for m in THREE}
        found = with_rows(scaling, {Modality.AUDIO: frames, Modality.TEXT: TinyEncoder(Modality.TEXT)})
        assert [found[m].rows for m in THREE] == [VECTOR_ROWS, FRAME_ROWS, VECTOR_ROWS]
        assert with_rows(AVERAGE_VOICE, {Modality.AUDIO: frames}) == AVERAGE_VOICE

    def test_it_is_kept_in_the_file_and_older_files_stay_readable(self, tmp_path):
        model = make()
        model.save(tmp_path)
        record = json.loads((tmp_path / "model.json").read_text())
        _, scaling = storage.read_network(tmp_path, record)
        assert scaling[Modality.AUDIO].rows == 10.0
        np.testing.assert_array_equal(scaling[Modality.AUDIO].mean, MEAN)
        tensors = load_file(tmp_path / "fusion.safetensors")
        del tensors["input_scaling.audio.rows"]
        save_file(tensors, tmp_path / "fusion.safetensors")
        _, scaling = storage.read_network(tmp_path, record)
        assert scaling[Modality.AUDIO].rows is None
        assert make(scaling=scaling).input_scaling[Modality.AUDIO].rows == VECTOR_ROWS
