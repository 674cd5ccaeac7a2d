import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmer_core.clip import SAMPLE_RATE, Clip, FaceTrack
from mmer_core.media import augmentation


def tone(frequency=440.0, seconds=1.0):
    return (0.5 * np.sin(2 * np.pi * frequency * np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE)).astype(
        np.float32
    )


def loudest(waveform):
    """The frequency with the most energy, Hz."""
    return np.argmax(np.abs(np.fft.rfft(waveform * np.hanning(len(waveform))))) * SAMPLE_RATE / len(waveform)


def test_noise_has_the_asked_ratio():
    sound = tone()
    noisy = augmentation.add_noise(sound, 15.0, np.random.default_rng(0))
    ratio = 10 * np.log10(np.mean(sound**2) / np.mean((noisy - sound) ** 2))
    assert ratio == pytest.approx(15.0, abs=0.3)
    assert not augmentation.add_noise(np.zeros(100, dtype=np.float32), 15.0, np.random.default_rng(0)).any()


def test_stretching_changes_the_length_and_not_the_pitch():
    fast = augmentation.time_stretch(tone(), 1.1)
    assert len(fast) == pytest.approx(SAMPLE_RATE / 1.1, rel=0.02)
    assert loudest(fast) == pytest.approx(440, rel=0.02)


def test_shifting_changes_the_pitch_and_not_the_length():
    high = augmentation.pitch_shift(tone(), 2.0, SAMPLE_RATE)
    assert len(high) == SAMPLE_RATE
    assert loudest(high) == pytest.approx(440 * 2 ** (2 / 12), rel=0.02)


def test_frames_keep_their_shape_and_are_all_changed_alike():
    frames = np.tile(np.random.default_rng(0).integers(0, 255, (1, 24, 32, 3), dtype=np.uint8), (3, 1, 1, 1))
    for change in (augmentation.random_crop, augmentation.colour_jitter):
        changed = change(frames, 0.5, np.random.default_rng(1))
        assert (changed.shape, changed.dtype) == (frames.shape, np.uint8)
        assert (changed == changed[0]).all()
        assert (changed != frames).any()


def test_no_jitter_changes_nothing():
    frames = np.random.default_rng(0).integers(0, 255, (2, 8, 8, 3), dtype=np.uint8)
    assert (
        np.abs(augmentation.colour_jitter(frames, 0.0, np.random.default_rng(0)).astype(int) - frames).max()
        <= 1
    )


@given(st.integers(1, 50), st.floats(0, 1))
def test_sampled_frames_are_in_order_and_never_none(count, share):
    rows = augmentation.sample_frames(count, share, np.random.default_rng(0))
    assert len(rows) == max(1, round(count * share))
    assert (np.diff(rows) > 0).all()


def test_a_changed_clip_is_another_clip_and_repeats_with_its_seed():
    frames = np.random.default_rng(0).integers(0, 255, (6, 16, 16, 3), dtype=np.uint8)
    clip = Clip("a", "digest", "video", 1.0, frames, np.arange(6) / 6, tone(), "hello")
    one, again, other = (augmentation.augment_clip(clip, np.random.default_rng(seed)) for seed in (0, 0, 1))
    assert one.digest == again.digest != other.digest != clip.digest
    assert np.array_equal(one.waveform, again.waveform)
    assert not np.array_equal(one.waveform[:1000], clip.waveform[:1000])
    assert len(one.frames) == len(one.times) <= 6
    assert one.text == "hello"
    silent = augmentation.augment_clip(Clip("t", "d", "text", text="hi"), np.random.default_rng(0))
    assert silent.waveform is None
    assert silent.frames is None


def test_where_faces_were_found_the_boxes_still_fit():
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 255, (6, 16, 16, 3), dtype=np.uint8)
    n = np.arange(5)
    faces = FaceTrack(
        n / 6,
        n,
        rng.random((5, 4)),
        rng.random((5, 5, 2)),
        np.ones(5),
        rng.integers(0, 255, (5, 8, 8, 3), dtype=np.uint8),
        6,
        1,
        "rule",
    )
    clip = Clip("a", "digest", "video", 1.0, frames, np.arange(6) / 6, faces=faces)
    changed = augmentation.augment_clip(clip, np.random.default_rng(1))
    assert (
        changed.frames.shape == frames.shape
    )  # no frame is cropped or left out: boxes and frame numbers hold
    kept = changed.faces.frames
    assert len(changed.faces) == len(changed.faces.crops) == len(kept)
    np.testing.assert_array_equal(changed.faces.boxes, faces.boxes[kept])
    assert not np.array_equal(changed.faces.crops, faces.crops[kept])
