"""The voice recipe on corpora of a few beeps: speakers and corpora stay apart, stopping and going on changes
nothing.
"""

from __future__ import annotations

import json
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from recipe_runs import VOICE_TRAINING, train_voice, use_few_sounds

from mmer_core.checkpoint import load_tensors
from mmer_core.corpora import CorpusError
from mmer_core.fusion.heads.mean import MeanNetwork
from mmer_core.inference.scoring import InputScaling
from mmer_core.labels import EMOTIONS
from recipes import left_out
from recipes.voice import clips as voice_clips
from recipes.voice import folds
from recipes.voice.clips import VoiceClip, cached_moments, sounds_without_voice
from recipes.voice.figures import EQUAL, spread
from recipes.voice.folds import halves, logits_of, table_of
from recipes.voice.speakers import Voices, average_speaker
from recipes.voice.training import VoiceTraining, train

CORPORA = ("ravdess", "emodb", "tess", "ased", "nemo", "polish_words")


@pytest.fixture(autouse=True)
def few_sounds(monkeypatch: pytest.MonkeyPatch) -> None:
    use_few_sounds(monkeypatch)


@pytest.fixture
def clips(voices: Path) -> list[VoiceClip]:
    return voice_clips.voice_clips(voices)


@pytest.fixture
def report(trained_voice: Path) -> dict[str, Any]:
    return json.loads((trained_voice / "voice.json").read_text(encoding="utf-8"))


def cached(clips: list[VoiceClip], work: Path) -> Voices:
    return Voices(clips, cached_moments(clips, work / "cache"))


def shipped(work: Path, report: dict[str, Any]) -> tuple[MeanNetwork, InputScaling]:
    """The network and the average speaker of voice.safetensors."""
    tensors = load_tensors(work / "voice.safetensors")
    network = MeanNetwork(report["dim"], len(EMOTIONS), **report["head"]["options"]).eval()
    network.load_state_dict(
        {n.removeprefix("expert."): t for n, t in tensors.items() if n.startswith("expert.")}
    )
    scaling = {
        n.removeprefix("input_scaling.audio."): t.numpy()
        for n, t in tensors.items()
        if n.startswith("input_scaling.")
    }
    return network, InputScaling(**{**scaling, "rows": float(scaling["rows"][0])})


def test_what_is_left_out_is_never_learned_from(
    voices: Path, trained_voice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither by the network nor by the average speaker, and a corpus is left out whole."""
    learned, read = list[list[VoiceClip]](), list[list[VoiceClip]]()
    averages, used = list[InputScaling](), list[InputScaling]()

    def spy_train(voices: Voices, silent: Voices, config: VoiceTraining) -> tuple[MeanNetwork, InputScaling]:
        network, scaling = train(voices, silent, config)
        learned.append(list(voices.clips))
        averages.append(average_speaker(voices))
        return network, scaling

    def spy_table(network: MeanNetwork, scaling: InputScaling, voices: Voices) -> pd.DataFrame:
        read.append(list(voices.clips))
        used.append(scaling)
        return table_of(network, scaling, voices)

    monkeypatch.setattr(folds, "train", spy_train)
    monkeypatch.setattr(folds, "table_of", spy_table)
    (tmp_path / "cache").symlink_to(trained_voice / "cache")
    train_voice(voices, tmp_path, seeds=1)
    speakers = [({c.speaker for c in a}, {c.speaker for c in b}) for a, b in zip(learned, read, strict=True)]
    assert not any(known & tested for known, tested in speakers)
    assert speakers[0][1] == {"ravdess-01", "emodb-03", "emodb-08"}
    assert {"tess-OAF", "ased-g01s01", "nemo-KZ1"} < speakers[0][0], "they are learned from in every fold"
    assert [{c.corpus for c in part} for part in read[2:]] == [{name} for name in CORPORA]
    for known, chosen in zip(averages, used, strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(known, chosen, strict=True))
    assert [{c.corpus for c in part} for part in learned[2:]] == [set(CORPORA) - {name} for name in CORPORA]


def test_the_report_says_how_to_build_it(trained_voice: Path, report: dict[str, Any]) -> None:
    assert report["prior"] == pytest.approx(dict.fromkeys(EMOTIONS, 1 / 7))
    assert report["head"] == {"name": "mean", "options": {"members": 1, "hidden": 8}}
    assert report["command"].endswith("--only voice --seed 0")
    assert [row["n"] for row in report["data"]] == [16, 8, 6, 6, 10, 2]
    assert all(row["licence"] for row in report["data"])
    network, scaling = shipped(trained_voice, report)
    assert all(p.equal(p.half().float()) for p in network.parameters()), "as exact as half precision is"
    assert scaling.rows == 400
    assert all(
        np.isfinite(part).all() and part.shape == (report["dim"],)
        for part in (scaling.mean, scaling.sd, scaling.ordinary_mean, scaling.ordinary_sd)
    )
    assert VoiceTraining(**report["training"]) == VOICE_TRAINING


def test_predictions_cover_every_unheard_speaker_and_every_corpus_once(
    clips: list[VoiceClip], trained_voice: Path
) -> None:
    table = pd.read_parquet(trained_voice / "voice_validation.parquet")
    assert sorted(table["id"]) == sorted(c.id for c in clips if c.fold is not None)
    assert np.isfinite(table[[f"logit_{name}" for name in EMOTIONS]].to_numpy()).all()
    assert {"label", "group", "corpus", "gender", "fold"} <= set(table)
    strangers = left_out.read(trained_voice / "voice_strangers.parquet")
    assert {name: len(part) for name, part in strangers.items()} == Counter(c.corpus for c in clips)
    assert set(strangers["nemo"].groups) == {"nemo-EB0", "nemo-KZ1"}
    assert all(np.isfinite(part.logits).all() for part in strangers.values())


def test_the_figures_are_those_of_the_shipped_file(trained_voice: Path, report: dict[str, Any]) -> None:
    network, scaling = shipped(trained_voice, report)
    table = table_of(network, scaling, cached(sounds_without_voice(1), trained_voice))
    logits = logits_of(table).astype(float)
    highest = np.exp(logits - np.log(np.exp(logits).sum(1, keepdims=True))).max()
    stated = report["figures"]["sounds_without_voice"]
    assert stated == {
        "n": 1,
        "mean_highest_probability": pytest.approx(highest, abs=1e-4),
        "largest": pytest.approx(highest, abs=1e-4),
    }


def test_networks_that_are_measured_have_the_precision_of_those_that_are_shipped(
    clips: list[VoiceClip], trained_voice: Path
) -> None:
    voices, silent = cached(clips, trained_voice), cached(sounds_without_voice(1), trained_voice)
    out = [clip.fold == 1 for clip in clips]
    network, scaling = train(voices.take(i for i, o in enumerate(out) if not o), silent, VOICE_TRAINING)
    tested = voices.take(i for i, o in enumerate(out) if o)
    exact = logits_of(table_of(network, scaling, tested))
    shipped = logits_of(table_of(halves(network), scaling, tested))
    found = folds.read_apart(voices, silent, out, VOICE_TRAINING)
    np.testing.assert_array_equal(logits_of(found), shipped)
    assert not np.array_equal(exact, shipped)


def test_the_figures_of_strangers_are_those_of_the_table(trained_voice: Path, report: dict[str, Any]) -> None:
    read = left_out.read(trained_voice / "voice_strangers.parquet")
    assert report["strangers"]["nothing"] == left_out.strangers(read, EQUAL, EQUAL)
    assert set(report["strangers"]) == {
        *("nothing", "varied", "narrow_band", "ordinary", "own_clips", "left_out")
    }
    assert set(report["strangers"]["nothing"]) == {*CORPORA, "mean"} - {"polish_words"}
    assert report["strangers"]["left_out"] == {
        "ravdess": "disgust, as no other corpus has it",
        "polish_words": "all of it: 2 utterances are too few, at least 4 are needed",
    }
    validation = pd.read_parquet(trained_voice / "voice_validation.parquet")
    actors = validation[validation["corpus"] == "ravdess"]
    right = np.mean(actors["label"].map(EMOTIONS.index) == logits_of(actors).argmax(1))
    stated = report["figures"]["cross_validation"]["ravdess"]["as_recorded"]["accuracy"]
    assert stated == pytest.approx(right, abs=1e-4)


def test_the_spread_is_that_of_the_seeds(report: dict[str, Any]) -> None:
    row = report["figures"]["cross_validation, 2 seeds"]["ravdess"]["varied"]
    alone = report["figures"]["cross_validation"]["ravdess"]["varied"]["ua"]
    # of two values, each is sd/√2 from the mean
    assert abs(row["ua_mean"] - alone) == pytest.approx(row["ua_sd"] / 2**0.5, abs=2e-4)
    assert spread([pd.DataFrame()]) == {}


def test_stopped_and_resumed_it_encodes_only_what_is_missing_and_gives_the_same_weights(
    voices: Path, trained_voice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = shutil.copytree(trained_voice / "cache", tmp_path / "cache")
    lost = sorted(cache.rglob("*.npy"))[::20]
    for file in lost:
        file.unlink()
    encoded: list[Path] = []
    encode = voice_clips._encode

    def stop_at_the_third(job: tuple[VoiceClip, int, Path]) -> None:
        if len(encoded) == 2:
            raise KeyboardInterrupt
        encoded.append(job[2])
        encode(job)

    with monkeypatch.context() as patch:
        patch.setattr(voice_clips, "_encode", stop_at_the_third)
        with pytest.raises(KeyboardInterrupt):
            train_voice(voices, tmp_path, seeds=1)
    assert not (tmp_path / "voice.json").exists()
    monkeypatch.setattr(voice_clips, "_encode", lambda job: (encoded.append(job[2]), encode(job)))
    train_voice(voices, tmp_path, seeds=1)
    assert sorted(encoded) == lost
    assert not list(cache.rglob("*.part"))
    expected, found = (load_tensors(w / "voice.safetensors") for w in (trained_voice, tmp_path))
    assert all((expected[name] == found[name]).all() for name in expected)
    for name in ("voice_validation", "voice_strangers"):
        first, second = (pd.read_parquet(w / f"{name}.parquet") for w in (trained_voice, tmp_path))
        pd.testing.assert_frame_equal(first, second)


@pytest.mark.parametrize("missing", ["emodb", "voices/nemo_polish"])
def test_a_missing_corpus_is_named(voices: Path, tmp_path: Path, missing: str) -> None:
    data = shutil.copytree(voices, tmp_path / "data")
    shutil.rmtree(data / missing)
    with pytest.raises(CorpusError, match=missing):
        train_voice(data, tmp_path / "work")
