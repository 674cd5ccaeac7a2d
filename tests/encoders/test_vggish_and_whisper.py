"""VGGish and Whisper's encoder: front ends, rows in time, published checkpoints read."""

from functools import partial

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from mmer_core.clip import SAMPLE_RATE, Clip
from mmer_core.encoders import EncoderUnavailable, vggish, whisper
from mmer_core.encoders.mel import mel_filters, spectra
from mmer_core.encoders.vggish import VggishEncoder, VggishNetwork, patches
from mmer_core.encoders.weights import HubFile, sha256_of
from mmer_core.encoders.whisper import WhisperEncoder


def sound(waveform):
    return Clip("a", "0" * 64, "audio", len(waveform) / SAMPLE_RATE, waveform=waveform)


def tone(hertz, seconds=1.0):
    return (0.1 * np.sin(2 * np.pi * hertz * np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE)).astype(np.float32)


class TestMel:
    def test_a_tone_lies_in_the_band_around_it(self):
        edges = 700 * (np.exp(np.linspace(*(1127 * np.log(1 + np.array([125, 7500]) / 700)), 66) / 1127) - 1)
        for band in (10, 30, 60):
            mel = spectra(tone(edges[band + 1]), 400, 160, 512) @ mel_filters(64, 125.0, 7500.0, 512)
            assert (mel.argmax(axis=1) == band).all()

    def test_bands_are_triangles_of_height_one_without_the_constant(self):
        filters = mel_filters(40, 0.0, 8000.0, 1024)
        assert filters.shape == (513, 40)
        assert filters.min() == 0
        assert filters.max() <= 1
        assert filters[:, 20:].max(axis=0).min() > 0.8
        assert not filters[0].any()
        hertz = np.fft.rfftfreq(1024, 1 / 16000)
        inside = filters[(hertz > 100) & (hertz < 7000)]
        np.testing.assert_allclose(inside.sum(axis=1), 1, atol=1e-5)  # neighbours share what lies between them

    @pytest.mark.parametrize(("samples", "frames"), [(100, 1), (400, 1), (559, 1), (560, 2), (16_000, 98)])
    def test_number_of_frames(self, samples, frames):
        assert spectra(np.ones(samples, np.float32), 400, 160, 512).shape == (frames, 257)


class TestVggish:
    @pytest.mark.parametrize(("seconds", "rows"), [(0.3, 1), (0.975, 1), (1.92, 1), (1.94, 2), (10.0, 10)])
    def test_one_row_for_each_whole_096_seconds(self, seconds, rows, voice):
        assert VggishEncoder(random_init=0).encode(sound(voice(seconds))).shape == (rows, 128)

    def test_smaller_steps_overlap(self, voice):
        waveform = voice(2.0)
        once, twice = VggishEncoder(random_init=0), VggishEncoder(random_init=0, step=0.48)
        assert len(once.encode(sound(waveform))) == 2
        rows = twice.encode(sound(waveform))
        assert len(rows) == 3
        np.testing.assert_allclose(rows[::2], once.encode(sound(waveform)), atol=1e-5)
        assert twice.spec.rate == pytest.approx(1 / 0.48)

    def test_the_front_end_is_the_published_one(self):
        silence = patches(np.zeros(SAMPLE_RATE, np.float32))
        np.testing.assert_allclose(silence, np.log(0.01), rtol=1e-5)
        assert patches(tone(1000)).shape == (1, 96, 64)
        assert patches(tone(1000)).dtype == np.float32

    def test_the_network_has_the_published_size(self):
        with torch.device("meta"):
            network = VggishNetwork()
        assert sum(p.numel() for p in network.parameters()) == 72_141_184
        assert network.state_dict()["embeddings.0.weight"].shape == (4096, 512 * 6 * 4)

    def test_converted_weights_are_read_and_recorded(self, tmp_path, monkeypatch, voice):
        small = VggishEncoder(random_init=5)
        path = tmp_path / "deep" / "vggish.safetensors"
        path.parent.mkdir()
        save_file(small.network.state_dict(), path)
        monkeypatch.setenv("MMER_MODELS", str(tmp_path))
        monkeypatch.setattr(vggish, "VggishNetwork", partial(VggishNetwork, (4, 4, 8, 8, 8, 8), 32))
        encoder = VggishEncoder()
        assert encoder.spec.revision == sha256_of(path)
        np.testing.assert_array_equal(encoder.encode(sound(voice(1.0))), small.encode(sound(voice(1.0))))

    def test_a_damaged_file_is_one_sentence(self, tmp_path, monkeypatch):
        (tmp_path / "vggish.safetensors").write_bytes(b"no tensors")
        monkeypatch.setenv("MMER_MODELS", str(tmp_path))
        with pytest.raises(EncoderUnavailable, match=r"^vggish\.safetensors does not hold VGGish's weights: download https://"):
            VggishEncoder()

    def test_a_step_of_nothing_is_refused(self):
        with pytest.raises(ValueError, match="steps of 0 s"):
            VggishEncoder(step=0, random_init=0)


class TestWhisper:
    @pytest.mark.parametrize(("seconds", "rows"), [(0.3, 15), (1.0, 50), (31.0, 1550)])
    def test_one_row_per_20_milliseconds_of_sound(self, seconds, rows, voice):
        assert WhisperEncoder(random_init=0).encode(sound(voice(seconds))).shape == (rows, 32)

    def test_the_encoder_is_read_from_the_whole_checkpoint(self, tmp_path, monkeypatch, voice):
        encoder = WhisperEncoder(random_init=4)
        tensors = {f"model.encoder.{k}": v.clone() for k, v in encoder.network.state_dict().items()} | {
            "model.decoder.embed_tokens.weight": torch.zeros(2, 2)
        }
        path = tmp_path / "model.safetensors"
        save_file(tensors, path)
        monkeypatch.setenv("MMER_MODELS", str(tmp_path))
        monkeypatch.setattr(
            whisper, "WHISPER_WEIGHTS", HubFile("openai/whisper-base", "0" * 40, "model.safetensors", sha256_of(path), path.stat().st_size)
        )
        monkeypatch.setattr(whisper, "_BASE", whisper._TINY)
        np.testing.assert_array_equal(WhisperEncoder().encode(sound(voice(0.5))), encoder.encode(sound(voice(0.5))))
