"""The answer over time: windows that slide, what is absent where, who disagrees, subtitles."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mmer_core import fusion
from mmer_core.clip import SAMPLE_RATE
from mmer_core.inference.observation import Observation
from mmer_core.inference.timeline import (
    CONFIDENT,
    Timeline,
    changes,
    changes_sentence,
    cues,
    disagreements,
    equal_stretches,
    subtitles,
)
from mmer_core.inference.window_features import sentences, window_features
from mmer_core.inference.windows import SHORTEST, STEP, WIDTH, fuse, length, score_windows
from mmer_core.labels import EMOTIONS, Modality
from mmer_core.media.speech import Segment, Transcript
from tiny_model import DIM, TinyEncoder, make_clip, make_model

RATE = 10.0  # feature frames per second


class TimedVoice(TinyEncoder):
    """The level of every tenth of a second, so that each window sounds like what is in it."""

    def __init__(self) -> None:
        super().__init__(Modality.AUDIO)
        self.spec = replace(self.spec, rate=RATE, timing="rate")

    def encode(self, clip):
        self.calls += 1
        blocks = clip.waveform[: len(clip.waveform) // 1600 * 1600].reshape(-1, 1600)
        return np.repeat(np.abs(blocks).mean(1, keepdims=True), DIM, axis=1).astype(np.float32)


def timed_model(name="product", **options):
    made = make_model(name, **options)
    if Modality.AUDIO in made.modalities:
        made.encoders[Modality.AUDIO] = TimedVoice()
    return made


@pytest.fixture
def model():
    return timed_model()


def observe(model, seconds: float = 8.0, **changes) -> Observation:
    """A clip with noise throughout, a face in its first half (4 a second), two sentences in its second."""
    clip = make_clip(faces=int(seconds * 2))
    rng = np.random.default_rng(1)
    sound = rng.uniform(-0.5, 0.5, round(seconds * SAMPLE_RATE)).astype(np.float32)
    clip = replace(clip, duration=seconds, waveform=sound, text="I am glad. You are not.", **changes)
    spoken = (Segment(seconds / 2, seconds, clip.text or ""),)
    return replace(model.observe(clip), transcribed=True, segments=spoken)


def probabilities(*names: str | None, p: float = 0.6) -> np.ndarray:
    """(W, C): `p` for the named emotion, the rest shared evenly; NaN for None."""
    rows = np.full((len(names), len(EMOTIONS)), (1 - p) / (len(EMOTIONS) - 1))
    for row, name in zip(rows, names, strict=True):
        row[:] = np.nan if name is None else row
        if name is not None:
            row[EMOTIONS.index(name)] = p
    return rows


def timeline(**rows: np.ndarray) -> Timeline:
    """A timeline of half-second columns from (W, C) rows by modality name; the first is also the fused
    answer.
    """
    unimodal = {Modality(name): values for name, values in rows.items()}
    first = next(iter(rows.values()))
    edges = np.arange(len(first) + 1) / 2
    reasons = {
        m: tuple("gone" if np.isnan(row).any() else None for row in values) for m, values in unimodal.items()
    }
    return Timeline(edges[:-1], edges[1:], edges, EMOTIONS, unimodal, first, reasons)


def test_windows_cover_the_clip_without_a_hole(model):
    windows = score_windows(model, observe(model))
    assert windows.starts[0] == 0
    assert windows.ends[-1] == pytest.approx(8.0)
    assert np.allclose(windows.ends - windows.starts, WIDTH)
    assert np.allclose(np.diff(windows.starts), STEP)
    made = fuse(model, windows)
    assert made.edges[0] == 0
    assert made.edges[-1] == made.duration == pytest.approx(8.0)
    assert (np.diff(made.edges) > 0).all()
    assert len(made) == 13


def test_a_clip_that_goes_from_one_emotion_to_another_is_told_apart_from_one_that_does_not():
    turning = timeline(visual=probabilities(*["sadness"] * 6, None, *["joy"] * 8))
    assert [(c.label, c.start, c.end) for c in changes(turning)] == [("sadness", 0, 3), ("joy", 3.5, 7.5)]
    assert (
        changes_sentence(turning) == "The emotion changes: sadness (0 to 3 s, 60%), then joy (4 to 8 s, 60%)."
    )
    steady = timeline(visual=probabilities(*["joy"] * 6, None, *["joy"] * 6))
    assert (changes(steady), changes_sentence(steady)) == ([], "")


def test_short_and_unsure_stretches_are_no_change():
    rows = np.concatenate(
        [
            probabilities(*["joy"] * 5),
            probabilities(*["fear"] * 3),
            probabilities(*["anger"] * 5, p=0.4),
            probabilities(*["joy"] * 5),
        ]
    )
    flickering = replace(timeline(visual=rows), unsure_below=0.47)
    assert changes(flickering) == []
    also_sad = replace(flickering, **{"fused": np.concatenate([rows[:13], probabilities(*["sadness"] * 5)])})
    assert [(c.label, c.start, c.end) for c in changes(also_sad)] == [("joy", 0, 2.5), ("sadness", 6.5, 9)]


def test_a_stretch_that_is_only_interrupted_counts_once_with_its_mean_probability():
    parts = [
        probabilities(*["joy"] * 4, p=0.9),
        probabilities("fear"),
        probabilities(*["joy"] * 12, p=0.5),
        probabilities(*["sadness"] * 4),
    ]
    joy, sadness = changes(timeline(visual=np.concatenate(parts)))
    assert (joy.start, joy.end, sadness.label) == (0, 8.5, "sadness")
    assert joy.probability == pytest.approx((2 * 0.9 + 6 * 0.5) / 8)


def test_a_sentence_holds_a_few_changes():
    many = timeline(visual=probabilities(*[name for name in ["joy", "fear"] * 4 for _ in range(4)]))
    assert changes_sentence(many).endswith("then fear (6 to 8 s, 60%), and 4 times more.")


def test_a_length_between_two_steps_ends_with_a_whole_window(model):
    windows = score_windows(model, observe(model, seconds=4.3))
    assert windows.ends[-1] == pytest.approx(4.3)
    assert windows.starts[-1] == pytest.approx(2.3)


def test_a_short_clip_has_no_timeline(model):
    with pytest.raises(ValueError, match=r"needs 3 s of clip, this one has 2\.0 s"):
        score_windows(model, observe(model, seconds=2.0))
    assert length(make_clip()) < SHORTEST


def test_pictures_and_text_have_no_length():
    assert length(replace(make_clip(), kind="picture", duration=9)) == 0
    assert length(replace(make_clip(), kind="text", duration=9)) == 0


def test_a_window_is_answered_as_that_part_of_the_clip(model):
    observation = observe(model)
    made = fuse(model, score_windows(model, observation))
    i = 2  # from 1 to 3 s
    faces = observation.clip.faces
    inside = (faces.times >= 1) & (faces.times < 3)
    part = replace(
        observation,
        features={
            Modality.AUDIO: observation.features[Modality.AUDIO][10:30],
            Modality.VISUAL: observation.features[Modality.VISUAL][inside],
        },
        absent={Modality.TEXT: "nobody speaks here"},
    )
    expected = model.fuse(part)
    assert made.fused[i] == pytest.approx([expected.probabilities[e] for e in EMOTIONS], abs=1e-5)
    for m in expected.used:
        assert made.unimodal[m][i] == pytest.approx(
            [expected.modalities[m].probabilities[e] for e in EMOTIONS], abs=1e-5
        )


def test_rows_are_probabilities_or_absent_with_a_reason(model):
    made = fuse(model, score_windows(model, observe(model)))
    for modality, rows in made.unimodal.items():
        for row, reason in zip(rows, made.reasons[modality], strict=True):
            assert np.isnan(row).all() if reason else row.sum() == pytest.approx(1)
    assert made.reasons[Modality.VISUAL][-1] == "no face here"
    assert made.reasons[Modality.VISUAL][0] is None
    assert made.reasons[Modality.TEXT][0] == "nobody speaks here"
    assert made.reasons[Modality.TEXT][-1] is None


def test_silence_is_a_gap_of_the_voice(model):
    observation = observe(model)
    quiet = observation.clip.waveform.copy()
    quiet[: 4 * SAMPLE_RATE] *= 1e-3
    made = fuse(
        model,
        score_windows(model, replace(observation, clip=replace(observation.clip, waveform=quiet))),
    )
    assert made.reasons[Modality.AUDIO][0] == "nothing to hear here"
    assert made.reasons[Modality.AUDIO][-1] is None


def test_what_the_clip_lacks_is_absent_throughout_for_the_clips_reason(model):
    observation = observe(model)
    features = {m: x for m, x in observation.features.items() if m is not Modality.VISUAL}
    made = fuse(
        model,
        score_windows(
            model,
            replace(observation, features=features, absent={Modality.VISUAL: "no face in 31 of 31 frames"}),
        ),
    )
    assert set(made.reasons[Modality.VISUAL]) == {"no face in 31 of 31 frames"}
    assert not np.isnan(made.fused).any()


@pytest.mark.parametrize("name", fusion.names())
def test_a_switch_only_looks_up(name, monkeypatch):
    model = timed_model(name)
    windows = score_windows(model, observe(model))
    calls = {m: e.calls for m, e in model.encoders.items()}
    monkeypatch.setattr(model.network, "forward", None)
    monkeypatch.setattr(model.network, "decide", None)
    everything = fuse(model, windows)
    there = ~np.isnan(everything.fused).any(axis=1)
    assert there.any()
    assert everything.fused[there].sum(axis=1) == pytest.approx(1)
    for modality in model.modalities:
        alone = fuse(model, windows, {modality})
        assert alone.fused == pytest.approx(everything.unimodal[modality], nan_ok=True)
        for other in set(model.modalities) - {modality}:
            assert set(alone.reasons[other]) == {"switched off"}
            assert np.isnan(alone.unimodal[other]).all()
    assert {m: e.calls for m, e in model.encoders.items()} == calls
    assert np.isnan(fuse(model, windows, ()).fused).all()


def test_a_timeline_has_the_models_own_classes():
    model = timed_model("early", labels=("calm", "angry", "sad", "happy"))
    made = fuse(model, score_windows(model, observe(model)))
    assert made.labels == model.labels
    assert made.fused.shape[1] == 4


def test_features_of_frames_are_cut_by_their_times(model):
    times = np.arange(16) / 2
    seen = observe(model, frames=np.zeros((16, 4, 4, 3), np.uint8), times=times)
    model.encoders[Modality.VISUAL].spec = replace(
        model.encoders[Modality.VISUAL].spec, timing="frames", needs_faces=False
    )
    rows = np.arange(16, dtype=np.float32)[:, None].repeat(DIM, 1)
    seen = replace(seen, features={**seen.features, Modality.VISUAL: rows})
    cut, reasons = window_features(model, seen, Modality.VISUAL, [(1.0, 3.0), (20.0, 22.0)], ())
    assert cut[0][:, 0].tolist() == [2, 3, 4, 5]
    assert (cut[1], reasons) == (None, [None, "no picture here"])


def test_only_sentences_are_encoded_again(model):
    observation = observe(model)
    before = {m: e.calls for m, e in model.encoders.items()}
    score_windows(model, observation)
    after = {m: e.calls - before[m] for m, e in model.encoders.items()}
    assert after == {Modality.TEXT: 2, Modality.AUDIO: 0, Modality.VISUAL: 0}


def test_sentences_share_a_stretch_of_speech_by_their_letters(model):
    first, second = sentences(observe(model), 8.0)
    assert (first.text, second.text) == ("I am glad.", "You are not.")
    assert first.start == 4.0
    assert first.end == second.start == pytest.approx(4 + 4 * 10 / 22)
    assert second.end == pytest.approx(8.0)


def test_corrected_words_share_the_time_of_all_speech(model):
    observation = model.reword(observe(model), "Just one. And two. And three.")
    assert observation.segments, "the times of speech stay"
    found = sentences(observation, 8.0)
    assert [s.text for s in found] == ["Just one.", "And two.", "And three."]
    assert (found[0].start, found[-1].end) == (4.0, pytest.approx(8.0))


def test_words_without_any_recognised_speech_stand_for_the_whole_clip(model):
    seen = observe(model)
    typed = replace(seen, transcribed=False, segments=(), clip=replace(seen.clip, text="Well"))
    (only,) = sentences(typed, 8.0)
    assert (only.start, only.end) == (0.0, 8.0)
    assert sentences(replace(seen, clip=replace(seen.clip, text=None)), 8.0) == ()


def test_the_predictor_keeps_the_times_of_speech(model, monkeypatch):
    import mmer_core.inference.observation

    said = Transcript("hello", (Segment(0.5, 0.9, "hello"),), 0.0)
    monkeypatch.setattr(mmer_core.inference.observation, "transcribe", lambda *_: said)
    observation = model.observe(make_clip(text=None))
    assert observation.transcribed
    assert observation.segments == said.segments


def test_disagreement_is_two_sure_labels_for_a_second_or_more():
    made = timeline(
        text=probabilities(*["joy"] * 6),
        audio=probabilities("anger", "anger", "anger", "joy", "anger", "joy"),
    )
    (stretch,) = disagreements(made)
    assert (stretch.start, stretch.end) == (0.0, 1.5)
    assert stretch.says == {
        Modality.TEXT: ("joy", pytest.approx(0.6)),
        Modality.AUDIO: ("anger", pytest.approx(0.6)),
    }


@pytest.mark.parametrize(
    "other",
    [probabilities(*["anger"] * 4, p=CONFIDENT - 0.01), probabilities(*[None] * 4)],
    ids=["unsure", "absent"],
)
def test_what_is_unsure_or_absent_does_not_disagree(other):
    assert disagreements(timeline(text=probabilities(*["joy"] * 4), audio=other)) == []


def test_subtitles_are_webvtt_with_gaps_left_out():
    made = timeline(audio=probabilities("joy", "joy", None, "anger"))
    assert [(c.start, c.end, c.label) for c in cues(made)] == [(0.0, 1.0, "joy"), (1.5, 2.0, "anger")]
    assert subtitles(made, {"anger": ":("}).splitlines() == [
        "WEBVTT",
        "",
        "00:00:00.000 --> 00:00:01.000",
        "joy 60%",
        "",
        "00:00:01.500 --> 00:00:02.000",
        ":( anger 60%",
    ]
    unsure = subtitles(replace(made, unsure_below=0.61)).splitlines()
    assert unsure[3] == "unsure, perhaps joy 60%"


def test_equal_neighbours_make_one_stretch():
    assert list(equal_stretches("aabcc")) == [(0, 2, "a"), (2, 3, "b"), (3, 5, "c")]
    assert list(equal_stretches([])) == []


def test_a_minute_is_117_windows(model):
    assert len(score_windows(model, observe(model, seconds=60.0)).starts) == 117


def test_windows_in_which_nothing_of_a_subset_is_present_are_not_a_number(model):
    windows = score_windows(model, observe(model))
    gone = np.array([reason is not None for reason in windows.reasons[Modality.VISUAL]])
    assert gone.any()
    assert np.isnan(windows.of({Modality.VISUAL})[gone]).all()
    assert not np.isnan(windows.of({Modality.VISUAL})[~gone]).any()
