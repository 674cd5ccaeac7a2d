"""Baselines of so many clips of a speaker: which clips they are made of, and what they are worth, on random
moments of frames.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from mmer_core.fusion.heads.mean import MeanNetwork
from mmer_core.inference.baseline import Baseline
from mmer_core.labels import EMOTIONS
from recipes.studies import baseline_curve
from recipes.studies.baseline_curve import (
    COUNTS,
    KINDS,
    Heard,
    LeftOutVoice,
    curve,
    drawn,
    read_against,
    table,
)
from recipes.voice.clips import VARIANTS, VoiceClip
from recipes.voice.speakers import Voices, average_speaker, read_voices
from recipes.voice.training import VoiceTraining, train

SPEAKERS, EACH, APART = 3, 6, 8.0
SPOKEN = ("neutral", "anger", "joy")
D = len(SPOKEN) + SPEAKERS


def made(corpus: str = "a", seed: int = 0, each: int = EACH) -> Voices:
    """Each emotion moves a feature of its own, and each speaker all of them by much more."""
    rng, clips, moments = np.random.default_rng(seed), [], []
    for k in range(SPEAKERS):
        voice = APART * rng.normal(size=D)
        for label in SPOKEN:
            for number in range(each):
                name = f"{corpus}-s{k}"
                clips.append(
                    VoiceClip(f"{name}-{label}-{number}", None, label, label, name, corpus, "none", None)
                )
                mean = voice + np.eye(D)[SPOKEN.index(label)] + 0.1 * rng.normal(size=D)
                moments.append(tuple(Baseline(80, mean, np.ones(D), 2.0) for _ in VARIANTS))
    return Voices(clips, moments)


def chosen(heard: Heard, count: int, row: int = 0, seed: int = 0) -> tuple[list[int], list[VoiceClip]]:
    voices = made()
    rng = np.random.default_rng(seed)
    rows = drawn(voices, voices.of_speakers(), row, heard, count=count, rng=rng)
    return list(rows), [voices.clips[i] for i in rows]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("count", [0, 1, 4])
def test_a_baseline_has_as_many_different_clips_as_were_asked_for(kind, count):
    rows, clips = chosen(KINDS[kind], count)
    assert len(rows) == count
    assert KINDS[kind].stranger or len(set(rows)) == count
    assert {clip.speaker for clip in clips} <= {f"a-s{k}" for k in range(SPEAKERS)}


def test_it_is_of_the_same_speaker_and_without_the_clip_itself():
    rows, clips = chosen(Heard(), 1000)
    assert sorted(rows) == list(range(1, EACH * len(SPOKEN)))
    assert {clip.speaker for clip in clips} == {"a-s0"}
    rows, _ = chosen(Heard(itself=True), 4)
    assert rows[0] == 0
    assert len(set(rows)) == 4


def test_it_is_neutral_or_of_the_emotion_that_is_asked_about_as_far_as_was_said():
    angry = EACH
    assert {clip.label for clip in chosen(Heard(neutral=True), 5, angry)[1]} == {"neutral"}
    for share, expected in ((0.0, 0), (0.5, 2), (1.0, 4)):
        _, clips = chosen(Heard(same=share), 4, angry)
        assert sum(clip.label == "anger" for clip in clips) == expected
    assert len(chosen(Heard(same=1.0), 1000, angry)[0]) == EACH - 1


def test_another_speaker_is_one_and_the_same():
    assert len({clip.speaker for clip in chosen(Heard(stranger=1.0), 10)[1]} - {"a-s0"}) == 1
    speakers = [clip.speaker for seed in range(30) for clip in chosen(Heard(stranger=0.3), 10, seed=seed)[1]]
    assert np.mean([speaker != "a-s0" for speaker in speakers]) == pytest.approx(0.3, abs=0.1)


def test_clips_are_read_as_elsewhere_and_the_baselines_seconds_are_told():
    voices = made()
    scaling, rng = average_speaker(voices), np.random.default_rng(0)
    means, seconds = read_against(voices, scaling, Heard(), 0, rng)
    np.testing.assert_allclose(means, read_voices(voices, scaling, "nothing", rng), rtol=1e-6)
    assert seconds == 0
    means, seconds = read_against(voices, scaling, Heard(itself=True), 1000, rng)
    np.testing.assert_allclose(means, read_voices(voices, scaling, "all", rng), rtol=1e-4, atol=1e-5)
    assert seconds == 2.0 * EACH * len(SPOKEN)
    ordinary, _ = read_against(voices, scaling, Heard(neutral=True), 1000, rng)
    others = [1, 2, 3, 4, 5]
    baseline = voices.pooled(others)
    used = scaling.towards(Baseline(baseline.rows, baseline.mean, baseline.variance, 0.0, ordinary=True))
    np.testing.assert_allclose(ordinary[0], (voices.moments[0][0].mean - used.mean) / used.sd, rtol=1e-5)


def by_the_largest(corpus: str, seed: int) -> LeftOutVoice:
    """A network that answers with the emotion whose feature is largest, given speakers that differ little."""
    average = average_speaker(made(seed=9))
    network = MeanNetwork(D, len(EMOTIONS), members=1, hidden=2).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
        for k, label in enumerate(SPOKEN):
            network.linear.weight[EMOTIONS.index(label), k] = 20.0
    scaling = average._replace(mean=np.zeros(D, np.float32), sd=np.ones(D, np.float32), rows=1.0)
    return LeftOutVoice(made(corpus, seed), network, scaling)


def test_more_of_a_speaker_is_worth_more_and_another_speaker_nothing():
    corpora = {name: by_the_largest(name, seed) for seed, name in enumerate("ab", start=1)}
    found = curve(corpora, {"own": Heard(), "another": KINDS["all of another speaker"]}, (1, 8))
    assert found["own"]["1"]["ua"] < found["own"]["8"]["ua"]
    assert found["nothing"]["0"]["ua"] < found["own"]["8"]["ua"]
    assert found["own"]["8"]["ua"] > 0.9
    assert found["another"]["8"]["ua"] < found["own"]["8"]["ua"] - 0.2
    assert found["own"]["8"]["seconds"] == 16
    written = table(found)
    assert "| baseline of | 1 (2 s) | 8 (16 s) |" in written
    assert f"| own | {found['own']['1']['ua']:.3f} | {found['own']['8']['ua']:.3f} |" in written
    assert f"nothing known: {found['nothing']['0']['ua']:.3f}" in written


def test_the_command_trains_without_each_corpus(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = [made(name, seed, 2) for seed, name in enumerate("abc")]
    moments = {clip.id: part for one in whole for clip, part in zip(one.clips, one.moments, strict=True)}
    learned = list[set[str]]()

    def spy(given: Voices, silent: Voices, config: VoiceTraining) -> Any:
        learned.append({clip.corpus for clip in given.clips})
        short = replace(config, members=1, hidden=2, iterations=2, epochs=1)
        return train(given, silent, short)

    monkeypatch.setattr(baseline_curve, "voice_clips", lambda data: [c for one in whole for c in one.clips])
    monkeypatch.setattr(baseline_curve, "sounds_without_voice", list)
    monkeypatch.setattr(baseline_curve, "fill_cache", lambda clips, cache: None)
    monkeypatch.setattr(baseline_curve, "cached_moments", lambda clips, cache: [moments[c.id] for c in clips])
    monkeypatch.setattr(baseline_curve, "train", spy)
    baseline_curve.main(["--data", str(tmp_path), "--work", str(tmp_path)])
    assert learned == [{"b", "c"}, {"a", "c"}, {"a", "b"}]
    found = json.loads((tmp_path / "voice_baselines.json").read_text(encoding="utf-8"))
    assert set(found) == {"nothing", *KINDS}
    assert list(found["as they come"]) == [str(count) for count in COUNTS]
    assert table(found) in capsys.readouterr().out
