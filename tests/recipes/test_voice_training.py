"""The voices that the recipe's networks learn from, and their loss, on random moments of frames."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from mmer_core.inference.baseline import Baseline
from mmer_core.inference.scoring import InputScaling
from mmer_core.labels import EMOTIONS
from recipes.voice.clips import NOT_SPEECH, VARIANTS, VoiceClip
from recipes.voice.speakers import Voices, average_speaker, read_voices
from recipes.voice.training import (
    VIEWS,
    Examples,
    VoiceTraining,
    corpus_weights,
    examples_of,
    known_emotions,
    train,
)

D, C = 6, len(EMOTIONS)
SHORT = VoiceTraining(members=2, hidden=4, iterations=10, epochs=2, batch=16)
#: {corpus: (speakers, emotions, clips of each)}
SMALL = {"a": (2, ("neutral", "anger", "joy"), 3), "b": (1, ("neutral", "anger"), 2), "c": (3, ("joy",), 1)}


def clip(corpus: str, speaker: str, label: str | None, number: int) -> VoiceClip:
    name = f"{corpus}-{speaker}-{label}-{number}"
    return VoiceClip(name, None, label, label or "", f"{corpus}-{speaker}", corpus, "none", None)


def moments(rng: np.random.Generator, mean: np.ndarray) -> tuple[Baseline, ...]:
    """Of each variant."""
    return tuple(Baseline(40, mean + 0.3 * rng.normal(size=D), rng.uniform(0.5, 2, D), 1.0) for _ in VARIANTS)


def voices(corpora: dict[str, tuple[int, tuple[str, ...], int]] | None = None, seed: int = 0) -> Voices:
    """Each emotion moves one feature, each speaker all of them."""
    rng, clips, found = np.random.default_rng(seed), [], []
    for corpus, (speakers, emotions, count) in (corpora or SMALL).items():
        for k in range(speakers):
            own = rng.normal(size=D)
            for label in emotions:
                for number in range(count):
                    clips.append(clip(corpus, f"s{k}", label, number))
                    found.append(moments(rng, own + 3 * np.eye(D)[EMOTIONS.index(label) % D]))
    return Voices(clips, found)


def silence(count: int = 4) -> Voices:
    rng = np.random.default_rng(9)
    parts = [moments(rng, np.zeros(D)) for _ in range(count)]
    return Voices([clip(NOT_SPEECH, "x", None, i) for i in range(count)], parts)


def changed(whole: Voices, row: int) -> Voices:
    """With another recording at this position, whose other variants stay as they are."""
    parts = list(whole.moments)
    recorded, *others = parts[row]
    parts[row] = (replace(recorded, mean=recorded.mean + 50), *others)
    return Voices(whole.clips, parts)


def read(whole: Voices, known: str) -> np.ndarray:
    return read_voices(whole, average_speaker(voices()), known, np.random.default_rng(3), variant=1)


def test_each_corpus_counts_alike_and_in_it_each_emotion():
    corpora, labels = ["a"] * 6 + ["b"] * 3, [0, 0, 0, 0, 1, 2, 3, 3, 4]
    weights = corpus_weights(corpora, labels)
    assert weights.sum() == pytest.approx(1)
    assert weights[:6].sum() == pytest.approx(0.5)
    assert [weights[:4].sum(), weights[4], weights[5]] == pytest.approx([1 / 6] * 3)
    assert [weights[6:8].sum(), weights[8]] == pytest.approx([1 / 4] * 2)
    known = known_emotions(corpora, labels)
    assert known[0].tolist() == known[5].tolist() == [True] * 3 + [False] * 4
    assert np.flatnonzero(known[8]).tolist() == [3, 4]


def test_the_views_of_the_examples_keep_these_weights_and_sounds_without_a_voice_are_even():
    whole, quiet = voices(), silence()
    examples = examples_of(whole, quiet, average_speaker(whole), SHORT)
    count = len(VIEWS) * len(whole)
    assert examples.x.shape == (count + len(VARIANTS) * len(quiet), D)
    share = examples.weight / examples.weight.sum()
    assert share[count:].sum().item() == pytest.approx(SHORT.silent, abs=1e-6)
    corpora = np.tile([c.corpus for c in whole.clips], len(VIEWS))
    of_each = [share[:count][torch.from_numpy(corpora == name)].sum().item() for name in SMALL]
    assert of_each == pytest.approx([(1 - SHORT.silent) / 3] * 3, abs=1e-6)
    assert torch.allclose(examples.target.sum(1), torch.ones(len(examples.x)))
    assert torch.allclose(examples.target[count:], torch.full((len(VARIANTS) * len(quiet), C), 1 / C))
    assert examples.known[count:].all()
    labels = [EMOTIONS.index(c.label) for c in whole.clips]
    assert examples.target[: len(whole)].argmax(1).tolist() == labels
    assert not (examples.target[~examples.known] > 0).any()


@pytest.mark.parametrize("counts", [0.0, 0.5, 2.0])
def test_the_recordings_over_a_telephone_count_as_the_settings_say(counts):
    whole, quiet = voices(), silence()
    examples = examples_of(whole, quiet, average_speaker(whole), replace(SHORT, narrow_band=counts))
    each = examples.weight[: len(VIEWS) * len(whole)].reshape(len(VIEWS), len(whole)).sum(1)
    narrow = [VARIANTS[variant] == "narrow_band" for _, variant in VIEWS]
    assert sum(narrow) == 1
    expected = np.where(narrow, counts, 1.0)
    np.testing.assert_allclose(each / each.sum(), expected / expected.sum(), rtol=1e-5)
    of_silence = examples.weight[len(VIEWS) * len(whole) :].sum() / examples.weight.sum()
    assert of_silence.item() == pytest.approx(SHORT.silent, abs=1e-6)
    read_over_it = examples.x[narrow.index(True) * len(whole)]
    average = average_speaker(whole)
    telephone = whole.moments[0][VARIANTS.index("narrow_band")].mean
    np.testing.assert_allclose(read_over_it, (telephone - average.mean) / average.sd, rtol=1e-5)


def test_an_emotion_that_a_corpus_lacks_is_no_evidence():
    known = torch.tensor([[True] * 3 + [False] * 4, [True] * C])
    examples = Examples(torch.zeros(2, D), torch.eye(C)[[1, 1]], known, torch.tensor([1.5, 0.5]))
    logits = torch.randn(3, 2, C, requires_grad=True)
    loss = examples.loss(logits, slice(None), smoothing=0.1)
    (gradient,) = torch.autograd.grad(loss, logits)
    assert (gradient[:, 0, 3:] == 0).all()
    assert (gradient[:, 0, :3].abs() > 0).all()
    assert (gradient[:, 1].abs() > 0).all()
    other = logits.detach().clone()
    other[:, 0, 3:] += 20
    assert examples.loss(other, slice(None), 0.1).item() == pytest.approx(loss.item(), abs=1e-6)
    only = examples.loss(logits[0, :1], torch.tensor([0]), 0.0)
    plain = -1.5 * logits[0, 0, :3].log_softmax(0)[1]
    assert only.item() == pytest.approx(plain.item(), rel=1e-5)


def test_smoothing_is_over_the_emotions_of_the_corpus():
    known = torch.tensor([[True, True, False, False, False, False, False]])
    examples = Examples(torch.zeros(1, D), torch.eye(C)[[0]], known, torch.ones(1))
    best = torch.tensor([[0.9, 0.1, 1, 1, 1, 1, 1]]).log().requires_grad_()
    (gradient,) = torch.autograd.grad(examples.loss(best, slice(None), smoothing=0.2), best)
    assert gradient.abs().max() < 1e-6


def test_the_same_seed_gives_the_same_weights_and_it_learns():
    whole, quiet = voices({"a": (3, EMOTIONS[:4], 6), "b": (3, EMOTIONS[1:6], 5)}), silence()
    config = replace(SHORT, epochs=8, hidden=16, batch=64)
    states = [train(voices(), quiet, c)[0].state_dict() for c in (SHORT, SHORT, replace(SHORT, seed=1))]
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    assert any(not torch.equal(states[0][name], states[2][name]) for name in states[0])
    network, scaling = train(whole, quiet, config)
    assert not network.training
    labels = np.array([EMOTIONS.index(c.label) for c in whole.clips])
    with torch.inference_mode():
        for known in ("nothing", "ordinary", "all"):
            means = read_voices(whole, scaling, known, np.random.default_rng(0))
            right = network.answer(torch.from_numpy(means)).argmax(1).numpy() == labels
            assert right.mean() > 0.8, known
        quiet_answers = network.answer(torch.from_numpy(read(quiet, "nothing"))).softmax(1)
    assert quiet_answers.max() < 0.9


class TestTheAverageSpeaker:
    def test_each_corpus_counts_alike_and_in_it_each_speaker(self):
        whole = voices()
        means: dict[str, list[np.ndarray]] = {}
        for rows in whole.of_speakers().values():
            means.setdefault(whole.clips[rows[0]].corpus, []).append(whole.pooled(rows).mean)
        expected = np.mean([np.mean(part, axis=0) for part in means.values()], axis=0)
        found = average_speaker(whole)
        np.testing.assert_allclose(found.mean, expected, rtol=1e-5)
        again = whole.take([*range(len(whole)), *(i for i, c in enumerate(whole.clips) if c.corpus == "a")])
        np.testing.assert_allclose(average_speaker(again).mean, found.mean, rtol=1e-5)
        assert all(part.dtype == np.float32 for part in (found.mean, found.sd, found.ordinary_mean))

    def test_ordinary_speech_differs_by_the_mean_over_the_corpora_that_have_it(self):
        whole = voices()
        apart: dict[str, list[np.ndarray]] = {}
        for rows in whole.of_speakers().values():
            if calm := whole.ordinary(rows):
                difference = whole.pooled(calm).mean - whole.pooled(rows).mean
                apart.setdefault(whole.clips[rows[0]].corpus, []).append(difference)
        assert set(apart) == {"a", "b"}, "nobody in c speaks neutrally"
        found = average_speaker(whole)
        expected = np.mean([np.mean(part, axis=0) for part in apart.values()], axis=0)
        np.testing.assert_allclose(found.ordinary_mean - found.mean, expected, atol=1e-5)

    def test_without_neutral_speech_it_is_not_known(self):
        found = average_speaker(voices({"c": SMALL["c"], "d": (2, ("anger", "joy"), 2)}))
        assert found.ordinary_mean is found.ordinary_sd is None
        assert average_speaker(voices({"e": (2, ("neutral",), 3)})).ordinary_mean is None


class TestWhatIsKnownOfASpeaker:
    def test_nothing_is_the_average_speaker(self):
        whole = voices()
        scaling = average_speaker(whole)
        found = read_voices(whole, scaling, "nothing", np.random.default_rng(0))
        expected = (whole.moments[4][0].mean - scaling.mean) / scaling.sd
        np.testing.assert_allclose(found[4], expected, rtol=1e-5)

    @pytest.mark.parametrize("known", ["some", "ordinary"])
    def test_the_recording_itself_is_never_used(self, known):
        whole = voices()
        for row in range(len(whole)):
            before, after = read(whole, known), read(changed(whole, row), known)
            np.testing.assert_array_equal(after[row], before[row])

    def test_ordinary_uses_neutral_clips_of_the_same_speaker_alone(self):
        whole = voices()
        neutral = next(i for i, c in enumerate(whole.clips) if c.label == "neutral")
        loud = next(i for i, c in enumerate(whole.clips) if c.label == "anger")
        before = read(whole, "ordinary")
        np.testing.assert_array_equal(read(changed(whole, loud), "ordinary"), before)
        moved = (read(changed(whole, neutral), "ordinary") != before).any(axis=1)
        speaker = [c.speaker == whole.clips[neutral].speaker for c in whole.clips]
        assert moved.any()
        assert not moved[~np.array(speaker)].any()

    def test_all_counts_every_clip_of_the_speaker(self):
        whole = voices()
        moved = (read(changed(whole, 0), "all") != read(whole, "all")).any(axis=1)
        assert moved.tolist() == [c.speaker == whole.clips[0].speaker for c in whole.clips]

    @pytest.mark.parametrize("known", ["some", "ordinary"])
    def test_a_speaker_without_other_clips_is_read_as_nobody_knows_them(self, known):
        whole = voices({"a": (2, ("neutral", "anger"), 1), "c": SMALL["c"]})
        single = [i for i, c in enumerate(whole.clips) if c.corpus == "c"]
        np.testing.assert_array_equal(read(whole, known)[single], read(whole, "nothing")[single])

    def test_knowing_all_clips_takes_the_speaker_out(self):
        rng = np.random.default_rng(1)
        far = [moments(rng, np.full(D, 20.0)) for _ in range(30)]
        whole = Voices([clip("a", "s", EMOTIONS[i % 3], i) for i in range(30)], far)
        average = InputScaling(np.zeros(D, np.float32), np.ones(D, np.float32), 0.0)
        found = read_voices(whole, average, "all", rng)
        assert np.abs(found.mean(axis=0)).max() < 1e-5
        assert np.abs(read_voices(whole, average, "nothing", rng)).min() > 15
