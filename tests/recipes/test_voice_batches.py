"""Batches and loss of the voice network, variations of recordings, and synthetic sounds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from mmer_core.clip import SAMPLE_RATE
from mmer_core.fusion.heads.voice import VoiceNetwork
from recipes.voice import augmentation
from recipes.voice.clips import VoiceClip, sounds_without_voice, waveform_of
from recipes.voice.folds import targets_of
from recipes.voice.training import VoiceBatches, VoiceExamples, VoiceTraining, train

DIM = 576 + 64 + 10


@pytest.fixture
def examples() -> VoiceExamples:
    """Twelve utterances of two variants, whose level tells the class."""
    rng = np.random.default_rng(0)
    features = [
        [(rng.normal(size=(rng.integers(8, 20), DIM)) + i % 3).astype(np.float16) for _ in range(2)]
        for i in range(12)
    ]
    targets = torch.eye(7)[torch.arange(12) % 3]
    return VoiceExamples(features, targets)


def network() -> VoiceNetwork:
    torch.manual_seed(0)
    return VoiceNetwork(dim=8, widths=[4])


def test_an_epoch_shows_every_utterance_once_in_batches_of_like_length(examples: VoiceExamples) -> None:
    batches = VoiceBatches(examples, network(), VoiceTraining(batch=4))
    epoch = list(batches.epoch(0))
    assert len(epoch) == len(batches) == 3
    assert torch.stack([b.target.sum(0) for b in epoch]).sum(0).tolist() == [4, 4, 4, 0, 0, 0, 0]
    for batch in epoch:
        lengths = (~batch.pad).sum(1)
        assert batch.x.shape[1] == lengths.max()
        assert (lengths >= 6).all(), "at least three quarters of eight frames"
        assert (batch.x[batch.pad] == 0).all()


def test_a_hidden_band_and_stretch_hold_the_mean(examples: VoiceExamples) -> None:
    model = network()
    model.mean.fill_(99.0)
    config = VoiceTraining(batch=12, mask_frames=4, mask_mels=12)
    (batch,) = VoiceBatches(examples, model, config).epoch(0)
    hidden = batch.x == 99
    assert hidden.any()
    assert hidden[:, :, 576 : 576 + 64].float().mean() > hidden[:, :, :576].float().mean()


def test_it_learns_and_the_same_seed_gives_the_same_weights(examples: VoiceExamples) -> None:
    first, again, other, trained = network(), network(), network(), network()
    for model, seed in ((first, 0), (again, 0), (other, 1)):
        train(model, examples, VoiceTraining(seed=seed, epochs=1, batch=4))
    states = [model.state_dict() for model in (first, again, other)]
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    assert any(not torch.equal(states[0][name], states[2][name]) for name in states[0])
    train(trained, examples, VoiceTraining(epochs=20, batch=4, learning_rate=1e-2, average=0.8))
    assert not trained.training
    rows = [torch.from_numpy(f[0].astype(np.float32))[None] for f in examples.features]
    with torch.inference_mode():
        logits = torch.cat([trained(x, torch.zeros(x.shape[:2], dtype=torch.bool)) for x in rows])
    assert (logits.argmax(1) == examples.targets.argmax(1)).float().mean() > 0.8


def test_sounds_without_a_voice_have_no_label() -> None:
    targets = targets_of(sounds_without_voice(2))
    assert torch.allclose(targets, torch.full((2, 7), 1 / 7))


@pytest.fixture
def sound() -> np.ndarray:
    time = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    return (0.1 * np.sin(2 * np.pi * 300 * time) * (time > 0.2)).astype(np.float32)


@pytest.mark.parametrize("variation", augmentation.VARIATIONS, ids=lambda v: v.__name__)
def test_a_variation_is_another_sound_of_about_the_same_length_and_repeats_with_its_seed(
    variation: Callable[[np.ndarray, np.random.Generator], np.ndarray], sound: np.ndarray
) -> None:
    first, again = (variation(sound, np.random.default_rng(5)) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert first.dtype == np.float32
    assert np.isfinite(first).all()
    assert 0.8 < len(first) / len(sound) < 1.25
    assert len(first) != len(sound) or np.abs(first - sound).max() > 1e-3


def test_noise_has_the_asked_distance(sound: np.ndarray) -> None:
    noise = augmentation.with_noise(sound, np.random.default_rng(0), 20.0) - sound
    level = 10 * np.log10(np.square(sound[SAMPLE_RATE // 2 :]).mean() / np.square(noise).mean())
    assert level == pytest.approx(20.0, abs=0.5)


def test_the_codec_keeps_the_sound_in_place(sound: np.ndarray) -> None:
    coded = augmentation.opus(sound, 32_000)
    assert abs(len(coded) - len(sound)) < 400
    length = min(len(coded), len(sound))
    envelopes = [
        np.abs(s[: length // 400 * 400]).reshape(-1, 400).mean(axis=1)
        for s in (sound[:length], coded[:length])
    ]
    assert np.corrcoef(*envelopes)[0, 1] > 0.95


def test_synthetic_sounds_differ_and_are_audible() -> None:
    sounds = [waveform_of(c, 0) for c in sounds_without_voice(3)]
    assert all(2 <= len(s) / SAMPLE_RATE <= 6 and 0.05 < np.abs(s).max() <= 0.1 for s in sounds)
    assert len({len(s) for s in sounds}) == 3


def test_a_file_at_another_rate_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "fast.flac"
    soundfile.write(file, np.zeros(1000), 44_100)
    clip = VoiceClip("x", file, "joy", "joy", "a", "ravdess", "male", 0)
    with pytest.raises(ValueError, match="not 16 kHz mono"):
        waveform_of(clip, 0)
