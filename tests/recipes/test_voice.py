"""The voice recipe on a corpus of a few beeps: speakers stay apart, stopping and going on changes nothing."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from recipe_runs import VOICE_OPTIONS, VOICE_TRAINING, train_voice, use_one_sound

from mmer_core.checkpoint import load_tensors
from mmer_core.fusion.heads.voice import VoiceNetwork
from mmer_core.labels import EMOTIONS
from recipes.voice import clips as voice_clips
from recipes.voice import folds, train
from recipes.voice.clips import VoiceClip, cached_features
from recipes.voice.figures import spread
from recipes.voice.folds import FoldJob, fold_jobs, train_fold
from recipes.voice.training import VoiceTraining, logits_of


@pytest.fixture(autouse=True)
def one_sound(monkeypatch: pytest.MonkeyPatch) -> None:
    use_one_sound(monkeypatch)


@pytest.fixture
def clips(voices: Path) -> list[VoiceClip]:
    return voice_clips.voice_clips(voices)


@pytest.fixture
def report(trained_voice: Path) -> dict:
    return json.loads((trained_voice / "voice.json").read_text(encoding="utf-8"))


def test_the_corpora_give_labels_speakers_genders_and_folds(clips: list[VoiceClip]) -> None:
    by_id = {c.id: c for c in clips}
    assert len(by_id) == 16 + 8 + 2
    calm = by_id["ravdess-01-02-01-01-01-02"]
    assert (calm.label, calm.source_label, calm.speaker) == ("neutral", "calm", "ravdess-02")
    assert (calm.gender, calm.fold) == ("female", 1)
    german = by_id["emodb-03a01Fa"]
    assert (german.label, german.gender, german.fold) == ("joy", "male", 0)
    assert by_id["tess-angry-YAF_back_angry"].fold is None
    assert not any("L" in c.id for c in clips if c.corpus == "emodb"), "boredom is none of our classes"


def test_no_speaker_is_in_two_folds(clips: list[VoiceClip]) -> None:
    of: dict[str, set[int | None]] = {}
    for clip in clips:
        of.setdefault(clip.speaker, set()).add(clip.fold)
    assert all(len(f) == 1 for f in of.values())


def test_a_fold_never_learns_from_the_speakers_it_is_tested_on(
    voices: Path, trained_voice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[set[str]] = []

    def spy(clips: list[VoiceClip], cache: Path) -> object:
        seen.append({c.speaker for c in clips})
        return cached_features(clips, cache)

    monkeypatch.setattr(folds, "cached_features", spy)
    file = tmp_path / "fold.safetensors"
    train_fold(FoldJob(0, voices, trained_voice / "cache", file, VOICE_TRAINING, VOICE_OPTIONS))
    learned, silent, tested = seen
    assert len(learned) == 4
    assert silent == {"nothing"}
    assert not learned & tested
    assert tested == {"ravdess-01", "emodb-03", "emodb-08"}
    assert not list(tmp_path.glob("*.part"))


def test_the_report_says_how_to_build_it(trained_voice: Path, report: dict) -> None:
    assert report["prior"] == pytest.approx(dict.fromkeys(EMOTIONS, 1 / 7))
    assert report["held_out_speakers"] == ["emodb-03", "emodb-08", "ravdess-01"]
    assert report["command"].endswith("--only voice --seed 0")
    tensors = load_tensors(trained_voice / "voice.safetensors")
    assert all(name.startswith("expert.") for name in tensors)
    network = VoiceNetwork(**report["head"]["options"])
    assert sum(network.sizes) == report["dim"]
    network.load_state_dict({name.removeprefix("expert."): t for name, t in tensors.items()})


def test_held_out_predictions_cover_every_tested_speaker_once(
    clips: list[VoiceClip], trained_voice: Path
) -> None:
    table = pd.read_parquet(trained_voice / "voice_validation.parquet")
    assert sorted(table["id"]) == sorted(c.id for c in clips if c.fold is not None)
    assert np.isfinite(table[[f"logit_{name}" for name in EMOTIONS]].to_numpy()).all()
    assert {"label", "group", "corpus", "gender"} <= set(table)
    assert (table["distance"] > 0).all()
    assert table["distance"].nunique() > 10


def test_the_figures_are_those_of_the_shipped_file(
    clips: list[VoiceClip], trained_voice: Path, report: dict
) -> None:
    network = VoiceNetwork(**report["head"]["options"]).eval()
    tensors = load_tensors(trained_voice / "voice.safetensors")
    network.load_state_dict({name.removeprefix("expert."): t for name, t in tensors.items()})
    tested = [c for c in clips if c.speaker == "ravdess-01"]
    features = [variants[0] for variants in cached_features(tested, trained_voice / "cache")]
    predicted = logits_of(network, features).argmax(axis=1)
    accuracy = np.mean([EMOTIONS[p] == c.label for p, c in zip(predicted, tested, strict=True)])
    stated = report["figures"]["held_out"]["ravdess"]["as_recorded"]["accuracy"]
    assert stated == pytest.approx(accuracy, abs=1e-4)


def test_the_spread_is_that_of_the_seeds(trained_voice: Path, report: dict) -> None:
    row = report["figures"]["cross_validation, 2 seeds"]["ravdess"]["as_recorded"]
    alone = report["figures"]["cross_validation"]["ravdess"]["as_recorded"]["ua"]
    # of two values, each is sd/√2 from the mean
    assert abs(row["ua_mean"] - alone) == pytest.approx(row["ua_sd"] / 2**0.5, abs=2e-4)
    assert len(list((trained_voice / "voice_folds").iterdir())) == 2 * 2 + 2, (
        "two folds with two seeds, and two corpora left out"
    )
    assert spread([pd.DataFrame()]) == {}


def test_a_corpus_that_is_left_out_is_left_out_whole(clips: list[VoiceClip], tmp_path: Path) -> None:
    job = FoldJob("emodb", tmp_path, tmp_path, tmp_path / "unused", VOICE_TRAINING, VOICE_OPTIONS)
    assert {c.corpus for c in clips if job.tests(c)} == {"emodb"}
    assert {c.corpus for c in clips if not job.tests(c)} == {"ravdess", "tess"}


def test_the_report_has_a_temperature_slope_and_figures_of_unseen_corpora(report: dict) -> None:
    assert report["temperature_slope"] >= 0
    assert set(report["figures"]["unseen_corpora"]) == {"ravdess", "emodb"}
    assert report["figures"]["unseen_corpora"]["ravdess"]["n"] == 16


def test_features_that_are_cached_are_not_computed_again(
    clips: list[VoiceClip], trained_voice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = shutil.copytree(trained_voice / "cache", tmp_path / "cache")
    lost = sorted(cache.rglob("*.npy"))[:3]
    for file in lost:
        file.unlink()
    computed = []

    def stand_in(job: tuple[VoiceClip, int, Path]) -> None:
        computed.append(job[2])
        np.save(job[2], np.zeros((1, 1)))

    monkeypatch.setattr(voice_clips, "_encode", stand_in)
    voice_clips.fill_cache([*clips, *voice_clips.sounds_without_voice(1)], cache, processes=1)
    assert sorted(computed) == lost


def test_stopped_at_a_fold_and_resumed_it_gives_the_same_weights(
    voices: Path, trained_voice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(trained_voice / "cache", tmp_path / "cache")

    def stop_at_the_second_fold(job: FoldJob) -> float:
        if job.fold == 1:
            raise KeyboardInterrupt
        return train_fold(job)

    with monkeypatch.context() as patch:
        patch.setattr(train, "train_fold", stop_at_the_second_fold)
        with pytest.raises(KeyboardInterrupt):
            train_voice(voices, tmp_path, seeds=1)
    assert not (tmp_path / "voice.json").exists()
    train_voice(voices, tmp_path, seeds=1)
    expected, found = (load_tensors(w / "voice.safetensors") for w in (trained_voice, tmp_path))
    assert all((expected[name] == found[name]).all() for name in expected)
    first, second = (pd.read_parquet(w / "voice_validation.parquet") for w in (trained_voice, tmp_path))
    pd.testing.assert_frame_equal(first, second)


def test_other_settings_do_not_reuse_finished_folds(clips: list[VoiceClip], tmp_path: Path) -> None:
    files = {
        fold_jobs([0], clips, tmp_path, tmp_path, training=VoiceTraining(epochs=e), options=VOICE_OPTIONS)[
            0
        ].file
        for e in (2, 3)
    }
    assert len(files) == 2


def test_a_missing_corpus_is_named(voices: Path, tmp_path: Path) -> None:
    (tmp_path / "ravdess").symlink_to(voices / "ravdess")
    with pytest.raises(ValueError, match="emodb"):
        train_voice(tmp_path, tmp_path / "work")
