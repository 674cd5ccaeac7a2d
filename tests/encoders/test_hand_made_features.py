"""Features without pretrained weights, on inputs whose answers are known."""

from dataclasses import replace

import numpy as np
import pytest

from mmer_core import encoders
from mmer_core.clip import SAMPLE_RATE, Absent, Clip, Dialogue
from mmer_core.encoders import EncoderUnavailable, haar, librosa_stats, lld
from mmer_core.encoders.prosody import PROSODY


def sound(waveform):
    return Clip("a", "0" * 64, "audio", len(waveform) / SAMPLE_RATE, waveform=waveform)


def tone(hertz, seconds=1.0):
    return (0.1 * np.sin(2 * np.pi * hertz * np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE)).astype(np.float32)


class TestHaarStats:
    def test_only_frames_with_a_face_have_a_row(self, face_picture):
        frames = np.stack([face_picture(), np.full((240, 320, 3), 90, np.uint8), face_picture(size=180)])
        assert encoders.create("haar_stats").encode(Clip("a", "", "video", frames=frames)).shape == (2, len(haar.COLUMNS))

    def test_no_face_is_absent(self):
        with pytest.raises(Absent, match="no frontal face in 2 of 2 frames"):
            encoders.create("haar_stats").encode(Clip("a", "", "video", frames=np.full((2, 120, 160, 3), 90, np.uint8)))

    def test_the_largest_face_is_taken(self, face_picture):
        both = np.concatenate([face_picture(size=80, width=160), face_picture(size=180, width=240)], axis=1)
        face = encoders.create("haar_stats").largest_face(both)
        assert face.shape[0] > 120

    def test_pixel_statistics_and_edges_of_a_known_picture(self):
        face = np.zeros((64, 64), np.uint8)
        face[:, 32:] = 200
        row = dict(zip(haar.COLUMNS, haar.face_features(face), strict=True))
        assert (row["mean"], row["sd"], row["min"], row["max"]) == (100, 100, 0, 200)
        cells = np.array([[row[f"edges_{r}_{c}"] for c in range(4)] for r in range(4)])
        assert row["edges"] == pytest.approx(cells.mean())
        assert (cells[:, [0, 3]] == 0).all()  # the only edge runs down the middle
        assert cells[:, 1:3].sum(axis=1).min() > 0

    def test_an_opencv_without_cascades_is_one_sentence(self, monkeypatch):
        monkeypatch.setattr(haar.cv2.data, "haarcascades", "/nowhere/")
        with pytest.raises(EncoderUnavailable, match="run pip install opencv-python=="):
            encoders.create("haar_stats")


class TestLibrosaStats:
    def test_a_tone_has_its_crossings_and_centroid(self):
        row = dict(zip(librosa_stats.COLUMNS, encoders.create("librosa_stats").encode(sound(tone(1000)))[0], strict=True))
        assert row["zero_crossing_rate_max"] == pytest.approx(2 * 1000 / SAMPLE_RATE, abs=0.002)
        assert row["spectral_centroid_mean"] == pytest.approx(1000, abs=60)
        for descriptor in librosa_stats.DESCRIPTORS:
            assert row[f"{descriptor}_min"] <= row[f"{descriptor}_mean"] <= row[f"{descriptor}_max"]
            assert row[f"{descriptor}_sd"] >= 0

    def test_it_has_the_88_columns_of_s2(self):
        assert len(set(librosa_stats.COLUMNS)) == 22 * 4 == 88


class TestMelCnn:
    @pytest.mark.parametrize(("seconds", "rows"), [(0.3, 8), (3.0, 92), (9.0, 92)])
    def test_the_first_three_seconds(self, seconds, rows, voice):
        features = encoders.create("mel_cnn").encode(sound(voice(seconds)))
        assert features.shape == (rows, 40)
        np.testing.assert_array_equal(features, encoders.create("mel_cnn").encode(sound(voice(min(seconds, 3.0)))))

    def test_all_of_the_sound_if_asked(self, voice):
        assert len(encoders.create("mel_cnn", seconds=0).encode(sound(voice(9.0)))) == 280

    def test_ten_times_the_amplitude_is_20_db(self):
        quiet, loud = (encoders.create("mel_cnn").encode(sound(gain * tone(1000))) for gain in (0.1, 1))
        assert loud.max() - quiet.max() == pytest.approx(20, abs=0.01)
        assert (loud.argmax(axis=1) == loud.argmax(axis=1)[0]).all()

    def test_less_than_one_frame_is_refused(self):
        with pytest.raises(ValueError, match=r"mel_cnn cannot read 0\.01 s"):
            encoders.create("mel_cnn", seconds=0.01)


class TestLld:
    def test_pitch_mel_and_cepstrum_share_their_frames(self, voice):
        features = encoders.create("lld").encode(sound(voice(1.0, 200)))
        assert features.shape[1] == len(PROSODY) + lld.COEFFICIENTS + lld.MELS == 94
        assert np.median(features[:, PROSODY.index("pitch")]) == pytest.approx(1.0, abs=0.02)  # an octave above 100 Hz
        mel, first = features[:, -lld.MELS :], features[:, len(PROSODY)]
        np.testing.assert_allclose(first, mel.sum(axis=1) / np.sqrt(lld.MELS), rtol=1e-4)

    def test_a_missing_opensmile_is_one_sentence(self, monkeypatch):
        monkeypatch.setattr(lld, "find_spec", lambda name: None)
        with pytest.raises(EncoderUnavailable, match=r"^the package opensmile is not installed: run pip install opensmile==\S+ if its licence"):
            encoders.create("opensmile_lld")


class TestDialogue:
    @pytest.mark.parametrize(
        ("place", "row"),
        [
            (Dialogue(0, 5, 1.5), [1.5, 0, 0]),
            (Dialogue(4, 5, 0.0), [0, 4, 1]),
            (Dialogue(1, 5, 2.0, ("hi",)), [2, 1, 0.25]),
            (Dialogue(0, 1, 1.0), [1, 0, 0]),
        ],
    )
    def test_duration_position_and_relative_position(self, place, row, clip_of):
        features = encoders.create("dialogue").encode(replace(clip_of(), dialogue=place))
        np.testing.assert_allclose(features, [row])
