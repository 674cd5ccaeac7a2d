"""What the voice encoder promises, on sounds whose pitch, level and length are known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from mmer_core.clip import SAMPLE_RATE, Absent, Clip
from mmer_core.encoders import ENCODERS, audio
from mmer_core.encoders.ort_outputs import with_outputs
from mmer_core.encoders.prosody import PROSODY, pitch, prosody
from mmer_core.encoders.spec import EncoderUnavailable, ModalityEncoder
from mmer_core.labels import Modality


def clip_of(waveform: np.ndarray | None, **fields: object) -> Clip:
    seconds = 0.0 if waveform is None else len(waveform) / SAMPLE_RATE
    return Clip("a clip", "0" * 64, "audio", seconds, waveform=waveform, **fields)  # type: ignore[arg-type]


def buzz(seconds: float, hertz: float | np.ndarray, amplitude: float = 0.1) -> np.ndarray:
    """A voice-like sound: twelve harmonics that fall off."""
    samples = int(seconds * SAMPLE_RATE)
    phase = 2 * np.pi * np.cumsum(np.broadcast_to(hertz, samples)) / SAMPLE_RATE
    return (amplitude * sum(np.sin(k * phase) / k for k in range(1, 13))).astype(np.float32)


def noise(seconds: float, amplitude: float = 0.1, seed: int = 0) -> np.ndarray:
    return (amplitude * np.random.default_rng(seed).standard_normal(int(seconds * SAMPLE_RATE))).astype(np.float32)


@pytest.fixture(scope="module")
def encoder() -> audio.VoiceFramesEncoder:
    return audio.VoiceFramesEncoder(threads=1)


def test_it_is_an_encoder_of_the_voice_with_a_full_record(encoder: audio.VoiceFramesEncoder) -> None:
    assert isinstance(encoder, ModalityEncoder)
    assert ENCODERS.factory(encoder.spec.name) is audio.VoiceFramesEncoder
    assert encoder.spec.modality is Modality.AUDIO
    assert encoder.spec.dim == audio.VOICE_DIM == 576 + 64 + len(PROSODY)
    assert encoder.spec.revision == audio.SPEECH_WEIGHTS.sha256
    assert encoder.spec.licence == "MIT"


@pytest.mark.parametrize("seconds", [0.25, 0.3, 1.0, 3.7])
def test_one_row_for_every_24_milliseconds(encoder: audio.VoiceFramesEncoder, seconds: float) -> None:
    features = encoder.encode(clip_of(buzz(seconds, 150)))
    assert features.dtype == np.float32
    assert features.shape == (audio.frame_count(int(seconds * SAMPLE_RATE)), audio.VOICE_DIM)
    assert abs(len(features) - seconds * audio.RATE) < 3
    assert np.isfinite(features).all()


def test_the_same_sound_gives_the_same_features(encoder: audio.VoiceFramesEncoder) -> None:
    sound = noise(1.0)
    np.testing.assert_array_equal(encoder.encode(clip_of(sound)), encoder.encode(clip_of(sound.copy())))


def test_the_level_of_the_recording_does_not_matter(encoder: audio.VoiceFramesEncoder) -> None:
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
    ids=["none", "empty", "digital silence", "below -70 dBFS", "not a number", "a tenth of a second", "one sample"],
)
def test_no_voice_is_absent_with_the_reason(encoder: audio.VoiceFramesEncoder, waveform: np.ndarray | None, reason: str) -> None:
    with pytest.raises(Absent) as caught:
        encoder.encode(clip_of(waveform))
    assert str(caught.value) == reason


def test_a_reason_known_from_decoding_is_kept(encoder: audio.VoiceFramesEncoder) -> None:
    with pytest.raises(Absent, match="a picture has no sound"):
        encoder.encode(clip_of(None, absent={Modality.AUDIO: "a picture has no sound"}))


def test_quiet_speech_is_heard(encoder: audio.VoiceFramesEncoder) -> None:
    assert len(encoder.encode(clip_of(buzz(1.0, 150, amplitude=0.002)))) > 0


def test_long_sound_is_encoded_in_chunks_that_join_without_a_seam(encoder: audio.VoiceFramesEncoder, monkeypatch: pytest.MonkeyPatch) -> None:
    wobble = 150 + 40 * np.sin(np.arange(8 * SAMPLE_RATE) / 3000)
    clip = clip_of(buzz(8.0, wobble) + noise(8.0, 0.01))
    whole = encoder.encode(clip)
    monkeypatch.setattr(audio, "_CHUNK", round(3 * audio.RATE))
    parts = encoder.encode(clip)
    assert parts.shape == whole.shape
    np.testing.assert_array_equal(parts[:, audio.SPEECH_DIM :], whole[:, audio.SPEECH_DIM :])
    speech, reference = parts[:, : audio.SPEECH_DIM], whole[:, : audio.SPEECH_DIM]
    likeness = (speech * reference).sum(1) / np.linalg.norm(speech, axis=1) / np.linalg.norm(reference, axis=1)
    assert likeness.min() > 0.8  # a frame shifted by one would fall below


def test_the_speech_layers_are_the_named_ones() -> None:
    original = audio.SPEECH_WEIGHTS.locate().read_bytes()
    options = onnxruntime.SessionOptions()
    options.add_session_config_entry("session.load_model_format", "ORT")
    feed = {"input_values": noise(1.0)[None], "attention_mask": np.ones((1, SAMPLE_RATE), np.int64)}
    plain = onnxruntime.InferenceSession(original, options).run(None, feed)[0]
    session = onnxruntime.InferenceSession(with_outputs(original, [*audio.SPEECH_LAYERS, "last_hidden_state"]), options)
    second, fourth, last = session.run(None, feed)
    np.testing.assert_array_equal(last, plain)
    assert second.shape == fourth.shape == last.shape
    assert not np.allclose(second, fourth)
    assert [output.name for output in session.get_outputs()] == [*audio.SPEECH_LAYERS, "last_hidden_state"]


def test_another_file_is_not_taken_for_a_model() -> None:
    with pytest.raises(ValueError, match=r"\.ort format"):
        with_outputs(b"not a model at all", ["x"])


def test_without_its_package_the_encoder_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MMER_MODELS", str(tmp_path))
    (tmp_path / "encoder_model.ort").write_bytes(b"something else")
    monkeypatch.setattr("mmer_core.encoders.weights.find_spec", lambda name: None)
    with pytest.raises(EncoderUnavailable, match=r"pip install moonshine-voice==0\.0\.73"):
        audio.VoiceFramesEncoder()


# The mel spectrogram


@pytest.mark.parametrize("hertz", [200, 1000, 4000])
def test_a_tone_stands_in_its_mel_band(hertz: int) -> None:
    time = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    mel = audio.log_mel((0.1 * np.sin(2 * np.pi * hertz * time)).astype(np.float32))
    assert mel.shape == (audio.frame_count(SAMPLE_RATE), 64)
    assert mel.dtype == np.float32
    centres = np.linspace(*(2595 * np.log10(1 + np.array([50, 7600]) / 700)), 66)[1:-1]
    expected = np.abs(centres - 2595 * np.log10(1 + hertz / 700)).argmin()
    assert (np.abs(mel.argmax(axis=1) - expected) <= 1).all()


def test_twice_the_amplitude_is_six_decibels_more() -> None:
    difference = audio.log_mel(noise(1.0, 0.2)) - audio.log_mel(noise(1.0, 0.1))
    np.testing.assert_allclose(difference, 20 * np.log10(2), atol=0.01)


def test_silence_is_the_floor_and_a_click_stands_where_it_is() -> None:
    sound = np.zeros(2 * SAMPLE_RATE, np.float32)
    np.testing.assert_allclose(audio.log_mel(sound), -80, atol=1e-3)
    sound[SAMPLE_RATE] = 1.0
    assert abs(audio.log_mel(sound).sum(axis=1).argmax() / audio.RATE - 1.0) < 0.05


def test_every_mel_filter_passes_something() -> None:
    assert (audio.mel_filters() >= 0).all()
    np.testing.assert_allclose(audio.mel_filters().sum(axis=0), 1.0, rtol=1e-5)


def test_a_sound_shorter_than_one_frame_is_refused_by_the_mel_spectrogram() -> None:
    with pytest.raises(ValueError, match="at least 895 samples"):
        audio.log_mel(np.zeros(800, np.float32))


# Pitch and prosody


@pytest.mark.parametrize("hertz", [70, 110, 220, 440, 580])
def test_the_pitch_of_a_steady_voice(hertz: int) -> None:
    found, voicing = pitch(buzz(1.0, hertz), audio.frame_centres(40))
    np.testing.assert_allclose(found[3:-3], hertz, rtol=0.01)
    assert (voicing[3:-3] > 0.9).all()


def test_the_pitch_follows_a_glide() -> None:
    glide = np.linspace(120, 360, 2 * SAMPLE_RATE)
    centres = audio.frame_centres(audio.frame_count(2 * SAMPLE_RATE))
    found, _ = pitch(buzz(2.0, glide), centres)
    np.testing.assert_allclose(found[3:-3], glide[centres][3:-3], rtol=0.04)


def test_noise_and_silence_are_not_voiced() -> None:
    centres = audio.frame_centres(40)
    assert np.median(pitch(noise(1.0), centres)[1]) < 0.4
    found, voicing = pitch(np.zeros(SAMPLE_RATE, np.float32), centres)
    assert np.isfinite(found).all()
    assert (voicing == 0).all()


def test_prosody_tells_a_dull_voice_from_a_hiss() -> None:
    centres = audio.frame_centres(40)
    voice, hiss = (dict(zip(PROSODY, prosody(s, centres)[5:-5].mean(axis=0), strict=True)) for s in (buzz(1.0, 120), noise(1.0)))
    assert voice["pitch"] == pytest.approx(np.log2(1.2), abs=0.02)
    assert voice["voicing"] > hiss["voicing"]
    assert voice["zero_crossings"] < hiss["zero_crossings"]
    assert voice["centroid"] < hiss["centroid"]
    assert voice["flatness"] < hiss["flatness"] - 10
    assert voice["alpha_ratio"] > 5 > hiss["alpha_ratio"]
    assert voice["hammarberg"] > hiss["hammarberg"]
    assert voice["h1_h2"] == pytest.approx(20 * np.log10(2), abs=1.5)
    assert hiss["level"] == pytest.approx(-20, abs=0.5)


def test_the_level_of_the_features_is_that_of_the_sounding_parts() -> None:
    speech = buzz(1.0, 150, amplitude=0.01)
    with_pause = np.concatenate([speech, np.zeros(3 * SAMPLE_RATE, np.float32)])
    alone, paused = audio.levelled(speech), audio.levelled(with_pause)
    np.testing.assert_allclose(paused[:SAMPLE_RATE], alone, atol=0.01)
    assert np.abs(audio.levelled(buzz(1.0, 150, amplitude=30.0))).max() <= 1.0
