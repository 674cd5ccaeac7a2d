"""Training the voice network on a corpus of a few beeps: speakers stay apart, stopping and going on changes nothing."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from mmer_core.checkpoint import load_tensors
from mmer_core.clip import SAMPLE_RATE
from mmer_core.default_model import voice, voice_clips, voice_variations
from mmer_core.default_model.voice_training import VoiceTraining
from mmer_core.fusion.voice import VoiceNetwork
from mmer_core.labels import EMOTIONS

OPTIONS = {"dim": 16, "widths": [4, 8]}
TRAINING = VoiceTraining(epochs=2, batch=8)


def beep(path: Path, hertz: float, seconds: float = 0.4) -> None:
    time = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    rng = np.random.default_rng(int(hertz))
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, 0.1 * np.sin(2 * np.pi * hertz * time) + 0.001 * rng.standard_normal(len(time)), SAMPLE_RATE)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two actors of RAVDESS in two folds, four speakers of EMO-DB, TESS; the pitch says the emotion."""
    root = tmp_path_factory.mktemp("data")
    for actor in (1, 2):
        for emotion in range(1, 9):
            beep(root / "ravdess" / "audio" / f"03-01-{emotion:02d}-01-01-01-{actor:02d}.flac", 100 * emotion + actor)
    (root / "ravdess" / "folds.json").write_text(json.dumps({"folds": [[1], [2]]}))
    for speaker in ("03", "08", "10", "09"):
        for i, letter in enumerate("WFL"):
            beep(root / "emodb" / f"{speaker}a01{letter}a.flac", 150 + 100 * i + int(speaker))
    for i, emotion in enumerate(("angry", "sad")):
        beep(root / "tess" / emotion / f"YAF_back_{emotion}.flac", 300 + 100 * i)
    return root


@pytest.fixture(autouse=True)
def few_sounds_without_voice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(voice, "sounds_without_voice", lambda count=1: voice_clips.sounds_without_voice(1))


def train(data: Path, work: Path, **kw: object) -> dict[str, object]:
    work.mkdir(exist_ok=True)
    return voice.train_voice(data, work, training=TRAINING, options=OPTIONS, processes=1, seeds=2, **kw)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def trained(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    work = tmp_path_factory.mktemp("work")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(voice, "sounds_without_voice", lambda count=1: voice_clips.sounds_without_voice(1))
        train(data, work)
    return work


def test_the_corpora_give_labels_speakers_genders_and_folds(data: Path) -> None:
    clips = {c.id: c for c in voice_clips.voice_clips(data)}
    assert len(clips) == 16 + 8 + 2
    calm = clips["ravdess-01-02-01-01-01-02"]
    assert (calm.label, calm.source_label, calm.speaker, calm.gender, calm.fold) == ("neutral", "calm", "ravdess-02", "female", 1)
    assert (clips["emodb-03a01Fa"].label, clips["emodb-03a01Fa"].gender, clips["emodb-03a01Fa"].fold) == ("joy", "male", 0)
    assert clips["tess-angry-YAF_back_angry"].fold is None
    assert not any("L" in c.id for c in clips.values() if c.corpus == "emodb"), "boredom is none of our classes"


def test_no_speaker_is_in_two_folds(data: Path) -> None:
    folds: dict[str, set[int | None]] = {}
    for clip in voice_clips.voice_clips(data):
        folds.setdefault(clip.speaker, set()).add(clip.fold)
    assert all(len(f) == 1 for f in folds.values())


def test_a_fold_never_reads_the_speakers_it_is_tested_on(data: Path, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[set[str]] = []
    original = voice.cached_features

    def spy(clips: list[voice_clips.VoiceClip], cache: Path) -> object:
        seen.append({c.speaker for c in clips})
        return original(clips, cache)

    monkeypatch.setattr(voice, "cached_features", spy)
    job = voice.FoldJob(0, data, trained / "cache", tmp_path / "fold.safetensors", TRAINING, OPTIONS)
    voice.train_fold(job)
    learned, silent, tested = seen
    assert len(learned) == 4
    assert silent == {"nothing"}
    assert not learned & tested
    assert tested == {"ravdess-01", "emodb-03", "emodb-08"}


def test_what_is_written_can_be_built_and_checked(trained: Path) -> None:
    report = json.loads((trained / "voice.json").read_text())
    assert {"encoder", "encoder_options", "expert", "expert_options", "seed", "prior", "data", "figures", "command"} <= set(report)
    assert sum(report["prior"].values()) == pytest.approx(1)
    assert list(report["prior"]) == list(EMOTIONS)
    assert report["held_out_speakers"] == ["emodb-03", "emodb-08", "ravdess-01"]
    tensors = load_tensors(trained / "voice.safetensors")
    assert all(name.startswith("expert.") for name in tensors)
    network = VoiceNetwork(**report["expert_options"])
    network.load_state_dict({name.removeprefix("expert."): t for name, t in tensors.items()})


def test_held_out_predictions_cover_every_tested_speaker_once(data: Path, trained: Path) -> None:
    table = pd.read_parquet(trained / "voice_validation.parquet")
    tested = [c.id for c in voice_clips.voice_clips(data) if c.fold is not None]
    assert sorted(table["id"]) == sorted(tested)
    assert np.isfinite(table[[f"logit_{name}" for name in EMOTIONS]].to_numpy()).all()
    assert {"label", "group", "corpus", "gender"} <= set(table)


def test_the_figures_are_those_of_the_shipped_file(data: Path, trained: Path) -> None:
    report = json.loads((trained / "voice.json").read_text())
    network = VoiceNetwork(**report["expert_options"]).eval()
    tensors = load_tensors(trained / "voice.safetensors")
    network.load_state_dict({name.removeprefix("expert."): t for name, t in tensors.items()})
    clips = [c for c in voice_clips.voice_clips(data) if c.speaker == "ravdess-01"]
    features = [variants[0] for variants in voice_clips.cached_features(clips, trained / "cache")]
    predicted = voice.logits_of(network, features).argmax(axis=1)
    accuracy = np.mean([EMOTIONS[p] == c.label for p, c in zip(predicted, clips, strict=True)])
    assert report["figures"]["held_out"]["ravdess"]["as_recorded"]["accuracy"] == pytest.approx(accuracy, abs=1e-4)


def test_the_spread_is_that_of_the_seeds(trained: Path) -> None:
    report = json.loads((trained / "voice.json").read_text())
    row = report["figures"]["cross_validation, 2 seeds"]["ravdess"]["as_recorded"]
    alone = report["figures"]["cross_validation"]["ravdess"]["as_recorded"]["ua"]
    assert abs(row["ua_mean"] - alone) == pytest.approx(row["ua_sd"] / 2**0.5, abs=2e-4), "of two values, each is sd/√2 from the mean"
    assert len(list((trained / "voice_folds").iterdir())) == 2 * 2 + 2, "two folds with two seeds, and two corpora left out"
    assert voice.spread([pd.DataFrame()]) == {}


def test_a_corpus_that_is_left_out_is_left_out_whole(data: Path, trained: Path) -> None:
    clips = voice_clips.voice_clips(data)
    job = voice.FoldJob("emodb", data, trained / "cache", trained / "unused", TRAINING, OPTIONS)
    assert {c.corpus for c in clips if job.tests(c)} == {"emodb"}
    assert {c.corpus for c in clips if not job.tests(c)} == {"ravdess", "tess"}


def test_answers_come_with_their_distance_and_the_report_with_a_caution(trained: Path) -> None:
    report = json.loads((trained / "voice.json").read_text())
    assert report["caution"] >= 0
    assert set(report["figures"]["corpora_not_heard"]) == {"ravdess", "emodb"}
    assert report["figures"]["corpora_not_heard"]["ravdess"]["n"] == 16
    distance = pd.read_parquet(trained / "voice_validation.parquet")["distance"]
    assert (distance > 0).all()
    assert distance.nunique() > 10


def test_stopped_and_resumed_gives_the_same_weights(data: Path, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    encode, fold, calls = voice_clips._encode, voice.train_fold, []

    def stop_while_encoding(job: object) -> None:
        if len(calls) == 20:
            raise KeyboardInterrupt
        calls.append(job)
        encode(job)  # type: ignore[arg-type]

    def stop_at_the_second_fold(job: voice.FoldJob) -> float:
        if job.fold == 1:
            raise KeyboardInterrupt
        return fold(job)

    for place, name, stop in ((voice_clips, "_encode", stop_while_encoding), (voice, "train_fold", stop_at_the_second_fold)):
        with monkeypatch.context() as patch:
            patch.setattr(place, name, stop)
            with pytest.raises(KeyboardInterrupt):
                train(data, tmp_path)
    assert not (tmp_path / "voice.json").exists()
    train(data, tmp_path)
    expected, found = load_tensors(trained / "voice.safetensors"), load_tensors(tmp_path / "voice.safetensors")
    assert all((expected[name] == found[name]).all() for name in expected)
    first, second = (pd.read_parquet(w / "voice_validation.parquet") for w in (trained, tmp_path))
    pd.testing.assert_frame_equal(first, second)


def test_other_settings_do_not_reuse_finished_folds(data: Path, trained: Path) -> None:
    clips = voice_clips.voice_clips(data)
    jobs = [voice._jobs([0], clips, data, trained, training=VoiceTraining(epochs=e), options=OPTIONS)[0].file for e in (2, 3)]
    assert jobs[0] != jobs[1]


def test_a_missing_corpus_is_named(data: Path, tmp_path: Path) -> None:
    (tmp_path / "ravdess").symlink_to(data / "ravdess")
    with pytest.raises(ValueError, match="emodb"):
        train(tmp_path, tmp_path / "work")


# Variations


@pytest.fixture
def sound() -> np.ndarray:
    time = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    return (0.1 * np.sin(2 * np.pi * 300 * time) * (time > 0.2)).astype(np.float32)


@pytest.mark.parametrize("variation", voice_variations.VARIATIONS, ids=lambda v: v.__name__)
def test_a_variation_is_another_sound_of_about_the_same_length_and_repeats_with_its_seed(variation: object, sound: np.ndarray) -> None:
    first, again = (variation(sound, np.random.default_rng(5)) for _ in range(2))  # type: ignore[operator]
    np.testing.assert_array_equal(first, again)
    assert first.dtype == np.float32
    assert np.isfinite(first).all()
    assert 0.8 < len(first) / len(sound) < 1.25
    assert len(first) != len(sound) or np.abs(first - sound).max() > 1e-3


def test_noise_has_the_asked_distance(sound: np.ndarray) -> None:
    noise = voice_variations.with_noise(sound, np.random.default_rng(0), 20.0) - sound
    level = 10 * np.log10(np.square(sound[SAMPLE_RATE // 2 :]).mean() / np.square(noise).mean())
    assert level == pytest.approx(20.0, abs=0.5)


def test_the_codec_keeps_the_sound_in_place(sound: np.ndarray) -> None:
    coded = voice_variations.opus(sound, 32_000)
    assert abs(len(coded) - len(sound)) < 400
    length = min(len(coded), len(sound))
    envelope = [_envelope(s[:length]) for s in (sound, coded)]
    assert np.corrcoef(*envelope)[0, 1] > 0.95


def _envelope(sound: np.ndarray) -> np.ndarray:
    return np.abs(sound[: len(sound) // 400 * 400]).reshape(-1, 400).mean(axis=1)


def test_made_up_sounds_differ_and_are_audible() -> None:
    sounds = [voice_clips.waveform_of(c, 0) for c in voice_clips.sounds_without_voice(3)]
    assert all(2 <= len(s) / SAMPLE_RATE <= 6 and 0.05 < np.abs(s).max() <= 0.1 for s in sounds)
    assert len({len(s) for s in sounds}) == 3


def test_a_file_at_another_rate_is_refused(tmp_path: Path, data: Path) -> None:
    file = tmp_path / "fast.flac"
    soundfile.write(file, np.zeros(1000), 44_100)
    clip = voice_clips.VoiceClip("x", file, "joy", "joy", "a", "ravdess", "male", 0)
    with pytest.raises(ValueError, match="not 16 kHz mono"):
        voice_clips.waveform_of(clip, 0)
