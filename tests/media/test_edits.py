"""Edited clips: what lies outside of the part that a player shows counts for nothing. And large ones: their
frames share a budget of bytes, and are in memory while they are looked at.
"""

import mmap
import sys

import av
import media_factory as make
import numpy as np
import pytest

from mmer_core.config import Limits
from mmer_core.media.decoder.budget import kept_side, most_bytes
from mmer_core.media.decoder.pictures import display_matrix
from mmer_core.media.decoder.sandbox import available
from mmer_core.media.loading import load_clip

pytestmark = pytest.mark.usefixtures("scratch")


def white(clip) -> np.ndarray:
    """(T,) brightness of the corner that tells which frame was stored there."""
    return clip.frames[:, -5, -5].mean(axis=-1)


@pytest.mark.parametrize(("start", "end", "tint"), [(1.0, 3.0, 70), (0.0, 1.5, 0)])
def test_a_trimmed_video_is_as_long_as_it_plays(tmp_path, start, end, tint):
    path = tmp_path / "trim.mp4"
    make.write_video(path, seconds=4)
    make.trim_mp4(path, start, end)
    clip = load_clip(path, limits=Limits(max_seconds=3.0))
    assert clip.duration == pytest.approx(end - start, abs=0.07)
    assert (clip.times[0], clip.notes) == (0, ())
    assert white(clip)[0] == pytest.approx(255 - tint, abs=3)
    assert np.abs(clip.waveform[1000:2000]).max() > 0.2


def test_a_trimmed_sound(tmp_path):
    path = tmp_path / "trim.m4a"
    make.write_sound(path, seconds=3)
    make.trim_mp4(path, 1, 2)
    clip = load_clip(path, limits=Limits(max_seconds=1.5))
    assert (clip.duration, clip.notes) == (pytest.approx(1, abs=0.07), ())
    assert np.abs(clip.waveform[:500]).max() > 0.2


def test_an_edit_that_delays_the_sound(tmp_path):
    make.write_video(tmp_path / "late.mp4", sound_delay=0.5)
    clip = load_clip(tmp_path / "late.mp4")
    assert clip.times[0] == 0
    assert np.abs(clip.waveform[:7_500]).max() < 0.01
    assert np.abs(clip.waveform[8_500:9_000]).max() > 0.2


@pytest.mark.parametrize(
    ("size", "frames", "side"),
    [((1920, 1080), 60, 1280), ((1920, 1080), 120, 916), ((480, 640), 120, 793), ((999, 999), 1e9, 687)],
)
def test_frames_share_the_bytes(size, frames, side):
    assert kept_side(size, frames, Limits()) == side


def test_frames_are_never_small_for_the_bytes_alone():
    limits = Limits(frame_bytes=1)
    assert kept_side((1920, 1080), 120, limits) == 640
    assert most_bytes(limits) >= 120 * 640 * 640 * 3


def test_large_frames_are_kept_large(tmp_path):
    make.write_video(tmp_path / "hd.mp4", seconds=0.3, size=(1600, 900), sound=False)
    assert load_clip(tmp_path / "hd.mp4").frames.shape[1:] == (720, 1280, 3)


@pytest.mark.skipif("seccomp" not in available(), reason="frames are read at once without seccomp")
def test_frames_stay_in_the_file_until_they_are_looked_at(tmp_path, scratch):
    make.write_video(tmp_path / "clip.mp4", seconds=0.3)
    base = load_clip(tmp_path / "clip.mp4").frames
    while isinstance(base, np.ndarray):
        base = base.base
    assert isinstance(base, mmap.mmap)
    assert list(scratch.iterdir()) == [], "and the file has no name any more"


def test_a_decoded_frame_is_freed_when_nobody_holds_it(tmp_path):
    make.write_video(tmp_path / "clip.mp4", seconds=0.3)
    with av.open(tmp_path / "clip.mp4") as container:
        frame = next(container.decode(video=0))
    held = sys.getrefcount(frame)
    assert display_matrix(frame) == (1, 0, 0, 1)
    assert sys.getrefcount(frame) == held
