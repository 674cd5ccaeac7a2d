"""Words by speech recognition, for corpora whose clips have no transcript."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from media_factory import picture_bytes, write_video

from mmer_core import corpora
from mmer_core.clip import SAMPLE_RATE
from mmer_core.config import ROOT
from mmer_core.corpora import Manifest
from mmer_core.crossval.cross_validation import cross_validate
from mmer_core.encoders.request import EncoderRequest
from mmer_core.evaluation.folds import FoldPlan
from mmer_core.features.corpus_table import feature_table
from mmer_core.features.extraction import ExtractionError, extract
from mmer_core.features.store import FeatureStore, StoreError
from mmer_core.inference.emotion_model import EmotionModel
from mmer_core.labels import Modality
from mmer_core.media import loading, speech
from mmer_core.training.config import TrainingConfig
from mmer_core.training.request import TrainRequest

TEXT = "bert:random_init=0"
ENCODERS = {"text": TEXT, "audio": "mel_cnn", "visual": "clip:random_init=0"}


@pytest.fixture
def recogniser(monkeypatch) -> list[str]:
    """The texts that a recogniser gave so far, which tells long sounds from short ones."""
    texts: list[str] = []

    def transcribe(waveform: np.ndarray, *_: object) -> speech.Transcript:
        texts.append("it took me long" if len(waveform) > 0.9 * SAMPLE_RATE else "that was short")
        return speech.Transcript(texts[-1], (), 0.0)

    monkeypatch.setattr(speech, "transcribe", transcribe)
    return texts


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Videos by label and without words, one of them silent, a picture, and a video whose words are known."""
    root = tmp_path_factory.mktemp("videos")
    for label in ("angry", "happy"):
        (root / label).mkdir()
    write_video(root / "angry" / "ann.mp4", seconds=0.6)
    write_video(root / "angry" / "mute.mp4", seconds=0.5, sound=False)
    write_video(root / "happy" / "ben.mp4", seconds=0.8)
    (root / "happy" / "ben.txt").write_text("what a lovely day")
    write_video(root / "happy" / "cy.mp4", seconds=1.0)
    (root / "happy" / "photo.png").write_bytes(picture_bytes("png"))
    return root


@pytest.fixture
def manifest(folder) -> Manifest:
    return corpora.read(f"folder:{folder}", speaker=r"\w+")


def reasons(column: tuple) -> dict[str, str]:
    return {Path(id).stem: reason for id, reason in column[2]}


def test_without_the_flag_an_utterance_without_words_is_absent_and_the_reason_names_the_flag(
    manifest, tmp_path, recogniser
):
    result = extract(manifest, {"text": TEXT}, store=tmp_path / "s")
    assert result.counts[TEXT] == {"encoded": 1, "absent": 4}
    assert result.transcribed == 0
    assert all("--transcribe" in problem.reason for problem in result.problems)
    assert recogniser == []


def test_words_are_recognised_where_none_were_given(manifest, tmp_path, recogniser):
    result = extract(manifest, {"text": TEXT}, store=tmp_path / "s", transcribe=True)
    assert result.counts[TEXT] == {"encoded": 3, "absent": 2}
    assert result.transcribed == 4
    assert recogniser == ["that was short", "it took me long"]
    column = FeatureStore(tmp_path / "s").column(TEXT, manifest, transcribe=True)
    assert (column[0].length > 0).tolist() == [Path(id).stem in ("ann", "ben", "cy") for id in manifest.ids]
    assert reasons(column) == {
        "mute": "text: no words: there is nothing to recognise, the clip has no sound",
        "photo": "text: no words: there is nothing to recognise, a picture has no sound",
    }


def test_features_are_those_of_the_recognised_words(manifest, tmp_path, recogniser):
    extract(manifest, {"text": TEXT}, store=tmp_path / "s", transcribe=True)
    column, _, _ = FeatureStore(tmp_path / "s").column(TEXT, manifest, transcribe=True)
    row = [Path(id).stem for id in manifest.ids].index("cy")
    expected = EncoderRequest.parse(TEXT).create().encode(loading.text_clip("it took me long"))
    np.testing.assert_allclose(column.padded(np.array([row]))[0][0], expected, atol=1e-6)


def test_the_record_says_what_was_recognised(manifest, tmp_path, recogniser):
    extract(manifest, {"text": TEXT}, store=tmp_path / "s", transcribe=True)
    store = FeatureStore(tmp_path / "s")
    assert (
        "words of 2 of 5 utterances recognised by Moonshine"
        in store.column(TEXT, manifest, transcribe=True)[1]
    )
    assert "recognised" not in store.column(TEXT, manifest)[1]


def test_another_encoder_and_another_corpus_need_not_recognise_again(manifest, tmp_path, recogniser, folder):
    extract(manifest, {"text": TEXT}, store=tmp_path / "s", transcribe=True)
    again = extract(manifest, {"text": "bert:random_init=1"}, store=tmp_path / "s", transcribe=True)
    (tmp_path / "copy" / "sad").mkdir(parents=True)
    shutil.copy(folder / "happy" / "cy.mp4", tmp_path / "copy" / "sad" / "renamed.mp4")
    other = extract(corpora.read(tmp_path / "copy"), {"text": TEXT}, store=tmp_path / "s", transcribe=True)
    assert again.counts["bert:random_init=1"] == {"encoded": 3, "absent": 2}
    assert other.counts[TEXT] == {"kept": 1}
    assert recogniser == ["that was short", "it took me long"]


def test_known_transcripts_are_read_without_decoding(manifest, tmp_path, recogniser, monkeypatch):
    extract(manifest, {"text": TEXT}, store=tmp_path / "s", transcribe=True)
    monkeypatch.setattr(loading, "load_clip", lambda *_, **__: pytest.fail("a file was decoded"))
    extract(manifest, {"text": "bert:random_init=1"}, store=tmp_path / "s", transcribe=True)


def test_a_table_must_have_been_extracted_with_the_flag(manifest, tmp_path, recogniser):
    extract(manifest, {"text": TEXT}, store=tmp_path / "s")
    with pytest.raises(StoreError, match="run the extract command with --transcribe"):
        FeatureStore(tmp_path / "s").column(TEXT, manifest, transcribe=True)


def test_words_voice_and_face_of_a_folder_of_videos_become_one_table(manifest, tmp_path, recogniser):
    extract(manifest, ENCODERS, store=tmp_path / "s", transcribe=True)
    table = feature_table(
        manifest,
        {Modality(m): encoder for m, encoder in ENCODERS.items()},
        store=FeatureStore(tmp_path / "s"),
        transcribe=True,
    )
    assert table.modalities == (Modality.TEXT, Modality.AUDIO, Modality.VISUAL)
    complete = [Path(id).stem for id, here in zip(table.ids, table.present, strict=True) if here.all()]
    assert complete == ["ann", "ben", "cy"]


@pytest.mark.parametrize("error", [speech.SpeechUnavailable("no recogniser: type"), RuntimeError("odd\nend")])
def test_a_recogniser_that_fails_on_a_clip_fails_only_its_words(manifest, tmp_path, monkeypatch, error):
    def fail(_waveform: np.ndarray) -> None:
        raise error

    monkeypatch.setattr(speech, "transcribe", fail)
    result = extract(manifest, {"text": TEXT, "audio": "mel_cnn"}, store=tmp_path / "s", transcribe=True)
    assert result.counts[TEXT] == {"encoded": 1, "absent": 2, "failed": 2}
    assert result.counts["mel_cnn"]["encoded"] == 3
    failed = {p.reason for p in result.problems if p.kind == "failed"}
    assert failed <= {"no recogniser: type", "speech recognition failed on it (RuntimeError: odd)"}


def test_without_a_recogniser_nothing_is_begun(manifest, tmp_path, monkeypatch):
    def missing() -> None:
        raise speech.SpeechUnavailable("the recogniser is missing: install it")

    monkeypatch.setattr(speech, "check_installed", missing)
    with pytest.raises(ExtractionError, match="the recogniser is missing"):
        extract(manifest, {"text": TEXT}, store=tmp_path / "s", transcribe=True)
    assert not (tmp_path / "s").exists()
    extract(manifest, {"audio": "mel_cnn"}, store=tmp_path / "s", transcribe=True)


def test_the_shipped_recogniser_writes_down_a_real_clip(tmp_path):
    (tmp_path / "happy").mkdir()
    shutil.copy(ROOT / "samples" / "speech.mp4", tmp_path / "happy" / "speech.mp4")
    result = extract(corpora.read(tmp_path), {"text": TEXT}, store=tmp_path / "s", transcribe=True)
    assert result.counts[TEXT] == {"encoded": 1}


def test_a_model_of_words_voice_and_face_is_trained_from_a_folder_of_videos(
    tmp_path, recogniser, monkeypatch
):
    for i in range(8):
        label = ("angry", "happy")[i % 2]
        (tmp_path / "clips" / label).mkdir(parents=True, exist_ok=True)
        write_video(tmp_path / "clips" / label / f"{i}.mp4", seconds=0.4 + 0.1 * i)
    extract(corpora.read(tmp_path / "clips"), ENCODERS, store=tmp_path / "s", transcribe=True)
    request = TrainRequest(
        corpus=str(tmp_path / "clips"),
        encoders=ENCODERS,
        plan=FoldPlan(kind="random", folds=2, validation=0.5),
        training=TrainingConfig(epochs=2),
        transcribe=True,
        store=str(tmp_path / "s"),
        out=str(tmp_path / "runs"),
        name="videos",
    )
    (run,) = cross_validate(request, say=lambda line: None)
    assert run.record["leakage"]["verdict"] == "cannot tell"
    assert "utterances recognised by Moonshine" in run.record["features"]["text"]["encoder"]
    monkeypatch.setattr("mmer_core.inference.observation.transcribe", speech.transcribe)
    prediction = EmotionModel.load(tmp_path / "runs" / "videos").predict(
        tmp_path / "clips" / "happy" / "7.mp4"
    )
    assert set(prediction.probabilities) == {"anger", "joy"}
    assert all(part.present for part in prediction.modalities.values())
    assert recogniser.count("it took me long") > 1
