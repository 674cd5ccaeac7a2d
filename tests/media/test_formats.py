"""The list of what is read is true."""

import io
from fractions import Fraction

import av
import media_factory as make
import numpy as np
import pytest

from mmer_core.media import formats
from mmer_core.media.loading import load_upload

pytestmark = pytest.mark.usefixtures("scratch")
RATE = 44_100
SOUNDS = {
    **{".aiff": ("aiff", "pcm_s16be"), ".au": ("au", "pcm_s16be"), ".caf": ("caf", "pcm_s16be")},
    **{".wma": ("asf", "wmav2"), ".aac": ("adts", "aac")},
}
VIDEOS = {
    ".flv": ("flv", "flv", "libmp3lame"),
    ".ts": ("mpegts", "libx264", "aac"),
    ".wmv": ("asf", "wmv2", "wmav2"),
}


def recording(muxer: str, video: str | None, audio: str) -> bytes:
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=muxer) as container:
        picture = video and container.add_stream(video, rate=10, width=64, height=48, pix_fmt="yuv420p")
        sound = container.add_stream(audio, rate=RATE, layout="mono")
        sound.bit_rate = 64_000
        for number in range(10 if picture else 0):
            frame = av.VideoFrame.from_ndarray(make.corners(), format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 10)
            container.mux(picture.encode(frame))
        if picture:
            container.mux(picture.encode(None))
        make._encode_sound(container, sound, make.tone(1, RATE))
    return buffer.getvalue()


@pytest.mark.parametrize("suffix", [*SOUNDS, *VIDEOS])
def test_less_common_files_are_read(suffix):
    muxer, *codecs = SOUNDS.get(suffix) or VIDEOS[suffix]
    video, audio = (None, *codecs)[-2:]
    clip = load_upload(recording(muxer, video, audio), f"x{suffix}")
    assert clip.duration == pytest.approx(1, abs=0.06)
    assert clip.notes == ()
    assert make.pitch(clip.waveform) == pytest.approx(make.TONE, abs=3)
    assert (clip.frames is not None) == (suffix in formats.VIDEO_SUFFIXES)
    if clip.frames is not None:
        np.testing.assert_allclose(clip.times, [0, 0.3, 0.5, 0.8], atol=0.06)


def test_suffixes_are_listed_once_and_in_small_letters():
    listed = formats.MEDIA_SUFFIXES
    assert len(set(listed)) == len(listed)
    assert all(suffix.startswith(".") and suffix == suffix.lower() for suffix in listed)
    assert set(SOUNDS) <= set(formats.AUDIO_SUFFIXES)
