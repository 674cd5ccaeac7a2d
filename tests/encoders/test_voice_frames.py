"""The voice encoder, on sounds whose level and length are known."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from mmer_core.clip import SAMPLE_RATE, Absent, Clip
from mmer_core.encoders import ENCODERS, voice_frames
from mmer_core.encoders.backends.ort_outputs import with_outputs
from mmer_core.encoders.backends.prosody import PROSODY
from mmer_core.encoders.base import EncoderUnavailable, ModalityEncoder
from mmer_core.labels import Modality
from mmer_core.media.voice_activity import AROUND


def clip_of(waveform: np.ndarray | None, **fields: object) -> Clip:
    seconds = 0.0 if waveform is None else len(waveform) / SAMPLE_RATE
    return Clip("a clip", "0" * 64, "audio", seconds, waveform=waveform, **fields)  # type: ignore[arg-type]


def buzz(seconds: float, hertz: float | np.ndarray, amplitude: float = 0.1) -> np.ndarray:
    """A voice-like sound: twelve harmonics that fall off."""
    samples = int(seconds * SAMPLE_RATE)
    phase = 2 * np.pi * np.cumsum(np.broadcast_to(hertz, samples)) / SAMPLE_RATE
    return (amplitude * sum(np.sin(k * phase) / k for k in range(1, 13))).astype(np.float32)


def noise(seconds: float, amplitude: float = 0.1, seed: int = 0) -> np.ndarray:
    return (amplitude * np.random.default_rng(seed).standard_normal(int(seconds * SAMPLE_RATE))).astype(
        np.float32
    )


@pytest.fixture(scope="module")
def encoder() -> voice_frames.VoiceFramesEncoder:
    return voice_frames.VoiceFramesEncoder(threads=1)


def test_it_is_an_encoder_of_the_voice_with_a_full_record(encoder: voice_frames.VoiceFramesEncoder) -> None:
    assert isinstance(encoder, ModalityEncoder)
    assert ENCODERS.factory(encoder.spec.name) is voice_frames.VoiceFramesEncoder
    assert encoder.spec.modality is Modality.AUDIO
    assert encoder.spec.dim == voice_frames.VOICE_DIM == 576 + 64 + len(PROSODY)
    assert encoder.spec.revision == voice_frames.SPEECH_WEIGHTS.sha256
    assert encoder.spec.licence == "MIT"


@pytest.mark.parametrize("seconds", [0.25, 0.3, 1.0, 3.7])
def test_one_row_for_every_24_milliseconds(encoder: voice_frames.VoiceFramesEncoder, seconds: float) -> None:
    """Of the sound and a quarter of a second on both sides."""
    features = encoder.encode(clip_of(buzz(seconds, 150), voices=()))
    assert features.dtype == np.float32
    assert abs(len(features) - (seconds + 2 * AROUND) * voice_frames.RATE) < 3
    assert features.shape[1] == voice_frames.VOICE_DIM
    assert np.isfinite(features).all()


def test_the_same_sound_gives_the_same_features(encoder: voice_frames.VoiceFramesEncoder) -> None:
    sound = noise(1.0)
    np.testing.assert_array_equal(encoder.encode(clip_of(sound)), encoder.encode(clip_of(sound.copy())))


def test_the_level_of_the_recording_does_not_matter(encoder: voice_frames.VoiceFramesEncoder) -> None:
    sound = buzz(1.0, 180, amplitude=0.05)
    quiet, loud = encoder.encode(clip_of(sound * 0.1)), encoder.encode(clip_of(sound * 3))
    assert np.abs(quiet - loud).mean() < 0.01 * np.abs(loud).mean()


@pytest.mark.parametrize(
    ("waveform", "reason"),
    [
        (None, "the clip has no sound"),
        (np.zeros(0, np.float32), "the clip has no sound"),
        (np.zeros(SAMPLE_RATE, np.float32), "the sound is silent"),
        (noise(1.0, amplitude=0.0001), "the sound is silent"),
        (np.full(SAMPLE_RATE, np.nan, np.float32), "the sound is silent"),
        (buzz(0.1, 150), "only 0.1 s of sound"),
        (np.ones(1, np.float32), "only 0.01 s of sound"),
    ],
    ids=[
        "none",
        "empty",
        "digital silence",
        "below -70 dBFS",
        "not a number",
        "a tenth of a second",
        "one sample",
    ],
)
def test_no_voice_is_absent_with_the_reason(
    encoder: voice_frames.VoiceFramesEncoder, waveform: np.ndarray | None, reason: str
) -> None:
    with pytest.raises(Absent) as caught:
        encoder.encode(clip_of(waveform))
    assert str(caught.value) == reason


def test_a_reason_known_from_decoding_is_kept(encoder: voice_frames.VoiceFramesEncoder) -> None:
    with pytest.raises(Absent, match="a picture has no sound"):
        encoder.encode(clip_of(None, absent={Modality.AUDIO: "a picture has no sound"}))


def test_quiet_speech_is_encoded(encoder: voice_frames.VoiceFramesEncoder) -> None:
    assert len(encoder.encode(clip_of(buzz(1.0, 150, amplitude=0.002)))) > 0


def test_long_sound_is_encoded_in_chunks_that_join_without_a_seam(
    encoder: voice_frames.VoiceFramesEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    wobble = 150 + 40 * np.sin(np.arange(8 * SAMPLE_RATE) / 3000)
    clip = clip_of(buzz(8.0, wobble) + noise(8.0, 0.01))
    whole = encoder.encode(clip)
    monkeypatch.setattr(voice_frames, "_CHUNK", round(3 * voice_frames.RATE))
    parts = encoder.encode(clip)
    assert parts.shape == whole.shape
    np.testing.assert_array_equal(parts[:, voice_frames.SPEECH_DIM :], whole[:, voice_frames.SPEECH_DIM :])
    speech, reference = parts[:, : voice_frames.SPEECH_DIM], whole[:, : voice_frames.SPEECH_DIM]
    likeness = (
        (speech * reference).sum(1) / np.linalg.norm(speech, axis=1) / np.linalg.norm(reference, axis=1)
    )
    assert likeness.min() > 0.8  # a frame shifted by one would fall below


def test_the_speech_layers_are_the_named_ones() -> None:
    original = voice_frames.SPEECH_WEIGHTS.locate().read_bytes()
    options = onnxruntime.SessionOptions()
    options.add_session_config_entry("session.load_model_format", "ORT")
    feed = {"input_values": noise(1.0)[None], "attention_mask": np.ones((1, SAMPLE_RATE), np.int64)}
    plain = onnxruntime.InferenceSession(original, options).run(None, feed)[0]
    session = onnxruntime.InferenceSession(
        with_outputs(original, [*voice_frames.SPEECH_LAYERS, "last_hidden_state"]), options
    )
    second, fourth, last = session.run(None, feed)
    np.testing.assert_array_equal(last, plain)
    assert second.shape == fourth.shape == last.shape
    assert not np.allclose(second, fourth)
    assert [output.name for output in session.get_outputs()] == [
        *voice_frames.SPEECH_LAYERS,
        "last_hidden_state",
    ]


def test_another_file_is_not_taken_for_a_model() -> None:
    with pytest.raises(ValueError, match=r"\.ort format"):
        with_outputs(b"not a model at all", ["x"])


def test_without_its_package_the_encoder_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MMER_MODELS", str(tmp_path))
    (tmp_path / "encoder_model.ort").write_bytes(b"something else")
    monkeypatch.setattr("mmer_core.encoders.weights.find_spec", lambda name: None)
    with pytest.raises(EncoderUnavailable, match=r"pip install moonshine-voice==0\.0\.73"):
        voice_frames.VoiceFramesEncoder()


def test_it_loads_neither_librosa_nor_numba() -> None:
    code = (
        "import sys, numpy as np; from mmer_core.encoders.voice_frames import VoiceFramesEncoder as E; "
        "E().encode_waveform(np.sin(np.arange(8000.0)).astype(np.float32)); "
        "print({'librosa', 'numba', 'transformers', 'sklearn'} & set(sys.modules))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "set()"
