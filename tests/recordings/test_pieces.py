"""Pieces of a long file are what the whole file has there, in any container, and no larger than asked."""

from __future__ import annotations

import sys
from dataclasses import replace

import av
import media_factory as make
import numpy as np
import pytest

from mmer_core.clip import SAMPLE_RATE
from mmer_core.config import Limits
from mmer_core.media.loading import MediaError, load_clip
from mmer_core.recordings.pieces import LIMITS, read_piece, sound_pieces

SHORT = replace(LIMITS, max_seconds=2.0)
WHOLE = Limits(max_seconds=30, max_frames=400)


@pytest.fixture
def rising(monkeypatch):
    """A tone that rises, so that every moment sounds different."""

    def tone(seconds: float, rate: int = 16_000) -> np.ndarray:
        t = np.arange(round(seconds * rate)) / rate
        return (0.3 * np.sin(2 * np.pi * (200 * t + 5 * t**2))).astype(np.float32)

    monkeypatch.setattr(make, "tone", tone)


@pytest.mark.parametrize("kind", ["mp4", "mkv"])
def test_pieces_are_what_the_whole_has_there(rising, tmp_path, kind):
    path = tmp_path / f"a.{kind}"
    make.write_video(path, seconds=6)
    whole = load_clip(path, limits=WHOLE)
    for start in (2.0, 3.3):
        piece = read_piece(path, start, SHORT)
        clip, first = piece.clip, round(start * SAMPLE_RATE)
        assert (len(clip.waveform), piece.more, piece.damaged) == (2 * SAMPLE_RATE, True, False)
        assert clip.waveform == pytest.approx(whole.waveform[first : first + len(clip.waveform)], abs=2e-3)
        nearest = np.abs(whole.times[:, None] - (clip.times + start)).argmin(axis=0)
        shared = np.abs(whole.times[nearest] - (clip.times + start)) < 0.01
        assert shared[1:].all() or start == 3.3
        assert np.abs(whole.frames[nearest[shared]].astype(int) - clip.frames[shared]).mean() < 1


def test_consecutive_pieces_make_the_whole_sound(rising, tmp_path):
    make.write_sound(tmp_path / "a.mp3", seconds=3.5)
    whole, parts, start, more = load_clip(tmp_path / "a.mp3", limits=WHOLE), [], 0.0, True
    while more:
        piece = read_piece(tmp_path / "a.mp3", start, SHORT)
        parts.append(piece.clip.waveform)
        start, more = piece.end, piece.more
    assert np.concatenate(parts) == pytest.approx(whole.waveform, abs=2e-3)


def test_sound_that_starts_late_and_pictures_that_end_early(tmp_path):
    make.write_video(tmp_path / "a.mp4", seconds=3, sound_delay=2.5)
    first, middle, last = (read_piece(tmp_path / "a.mp4", start, SHORT) for start in (0.0, 2.0, 4.0))
    assert (first.clip.waveform, first.more) == (None, True)
    assert np.abs(middle.clip.waveform[: SAMPLE_RATE // 3]).max() < 0.01
    assert np.abs(middle.clip.waveform[SAMPLE_RATE:]).max() > 0.2
    assert (last.clip.frames, last.more) == (None, False)
    assert last.clip.duration == pytest.approx(1.5, abs=0.1)


@pytest.mark.parametrize("part", ["sound", "picture"])
def test_a_file_without_sound_or_picture(tmp_path, part):
    make.write_video(tmp_path / "a.mp4", seconds=4, **{part: False})
    clip = read_piece(tmp_path / "a.mp4", 2.0, SHORT).clip
    assert (clip.waveform is None, clip.frames is None) == (part == "sound", part == "picture")
    assert clip.duration == pytest.approx(2.0, abs=0.1)


def test_pictures_at_uneven_times(tmp_path):
    make.write_video(tmp_path / "a.mp4", seconds=6, times=[0, 0.1, 2.7, 2.8, 3.9, 5.5])
    assert read_piece(tmp_path / "a.mp4", 2.0, SHORT).clip.times == pytest.approx(
        [0, 0.7, 0.8, 1.9], abs=0.01
    )


def test_all_pieces_have_the_same_sound_track(tmp_path):
    """The second track is silent after two seconds, when the first is not."""
    loud, path = make.tone(2.0), tmp_path / "game.mkv"
    sounds = [np.concatenate([0 * loud, loud]), np.concatenate([loud, 0 * loud])]
    with av.open(str(path), "w", format="matroska") as container:
        tracks = [container.add_stream("flac", rate=SAMPLE_RATE, layout="mono") for _ in sounds]
        for track, samples in zip(tracks, sounds, strict=True):
            make._encode_sound(container, track, samples)
    second = replace(LIMITS, max_seconds=0.9)
    first = read_piece(path, 0.0, second)
    assert (first.track, np.abs(first.clip.waveform).max() > 0.2) == (2, True)
    assert np.abs(read_piece(path, 2.6, second, first.track).clip.waveform).max() < 0.01
    assert read_piece(path, 2.6, second).track == 1


def test_a_file_that_is_cut_off_is_damaged_there(tmp_path):
    path = tmp_path / "a.mkv"
    make.write_video(path, seconds=6)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    whole, broken = read_piece(path, 0.0, SHORT), read_piece(path, 2.0, SHORT)
    assert (whole.damaged, broken.damaged) == (False, True)
    assert 0 < broken.clip.duration < 2


def test_a_piece_of_three_hours_is_small_and_quickly_found(tmp_path):
    make.write_long_wav(tmp_path / "long.wav", hours=3)
    piece = read_piece(tmp_path / "long.wav", 2.9 * 3600, SHORT)
    assert (len(piece.clip.waveform), piece.length) == (2 * SAMPLE_RATE, pytest.approx(3 * 3600))
    first = next(sound_pieces(tmp_path / "long.wav", 3 * 3600 - 7.0, 1e9))
    assert len(first.clip.waveform) == 7 * SAMPLE_RATE


@pytest.mark.skipif(sys.platform == "win32", reason="no signals")
def test_a_process_that_crashes_costs_the_rest_of_its_piece(tmp_path, decoder_that):
    make.write_video(tmp_path / "a.mp4", seconds=4)
    decoder_that(make.CRASH_AFTER_THREE_PICTURES)
    piece = read_piece(tmp_path / "a.mp4", 1.0, SHORT)
    assert (piece.damaged, piece.more, len(piece.clip.frames)) == (True, True, 3)
    assert piece.clip.duration == pytest.approx(2.0, abs=0.01)
    decoder_that("os.kill(os.getpid(), signal.SIGSEGV)")
    assert read_piece(tmp_path / "a.mp4", 1.0, SHORT).clip.duration == 0
    with pytest.raises(MediaError, match="damaged or incomplete"):
        read_piece(tmp_path / "a.mp4", 0.0, SHORT)


def test_what_is_no_recording(tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"no film at all")
    (tmp_path / "a.png").write_bytes(make.picture_bytes("png"))
    with pytest.raises(MediaError, match="not a video"):
        read_piece(tmp_path / "a.mp4", 0.0)
    with pytest.raises(MediaError, match="has no utterances"):
        read_piece(tmp_path / "a.png", 0.0)
    with pytest.raises(MediaError, match="cannot be found"):
        read_piece(tmp_path / "none.mp4", 0.0)
