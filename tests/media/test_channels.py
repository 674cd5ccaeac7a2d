"""Sound that the plain mix of its channels or tracks would spoil."""

import io
from fractions import Fraction

import av
import media_factory as make
import numpy as np
import pytest

from mmer_core.media.decoder.channels import better_channel
from mmer_core.media.loading import load_clip, load_upload

pytestmark = pytest.mark.usefixtures("scratch")
RATE = 16_000


def voice(seconds: float = 1.0) -> np.ndarray:
    """(N,) float32 noise in bursts, which comes and goes like a voice."""
    time = np.arange(round(seconds * RATE)) / RATE
    noise = np.random.default_rng(0).normal(0, 0.1, len(time))
    return (noise * (np.sin(2 * np.pi * 3 * time) > 0)).astype(np.float32)


def hum(level: float) -> np.ndarray:
    return (level * np.sin(2 * np.pi * 50 * np.arange(RATE) / RATE)).astype(np.float32)


FLAT = np.full(RATE, 0.3, np.float32)


@pytest.mark.parametrize(
    "channels",
    [
        [voice(), -voice()],
        [voice(), voice() * 0],
        [voice(), FLAT],
        [voice(), hum(0.01)],
        [voice() + FLAT, voice() + FLAT],
        [voice(), -voice(), *[voice() * 0] * 4],
    ],
    ids=["out of phase", "one dead", "one constant", "one hums", "an offset", "six cancel"],
)
def test_it_sounds_like_the_clean_one(channels):
    samples = np.stack(channels, axis=1).astype(np.float32)
    waveform = load_upload(make.wav_bytes(samples, RATE), "x.wav").waveform
    assert np.abs(waveform[50:-50] - voice()[50:-50] + voice().mean()).max() < 0.01


@pytest.mark.parametrize(
    "other",
    [voice(), 0.05 * voice(), np.roll(voice(), 3000), hum(0.1)],
    ids=["same", "faint", "taking turns", "loud"],
)
def test_otherwise_the_channels_are_mixed(other):
    channels = np.stack([voice(), other])
    assert better_channel(channels, channels.mean(axis=0)) is None


def encoded(codec: str, container: str, rate: int, layout: str, tone: np.ndarray) -> bytes:
    """A file with the same tone in each channel of the layout."""
    buffer, count = io.BytesIO(), av.AudioLayout(layout).nb_channels
    with av.open(buffer, "w", format=container) as out:
        stream = out.add_stream(codec, rate=rate, layout=layout)
        packed = np.repeat(tone[:, None], count, axis=1)
        for start in range(0, len(tone), 1024):
            piece = np.ascontiguousarray(packed[start : start + 1024]).reshape(1, -1)
            frame = av.AudioFrame.from_ndarray(piece, format="flt", layout=layout)
            frame.sample_rate, frame.pts, frame.time_base = rate, start, Fraction(1, rate)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("codec", "container", "layout"),
    [
        ("pcm_s16le", "wav", "7.1"),
        ("pcm_f32le", "wav", "7.1"),
        ("flac", "flac", "7.1"),
        ("aac", "ipod", "7.1"),
        ("libopus", "ogg", "7.1"),
        ("pcm_s24le", "wav", "hexadecagonal"),
        ("pcm_f32le", "wav", "22.2"),
    ],
)
def test_surround_sound_is_heard(codec, container, layout):
    """PyAV counts a ninth plane in eight channels, and crashes when it reads it."""
    rate = 48_000
    clip = load_upload(encoded(codec, container, rate, layout, make.tone(0.5, rate)), "surround")
    assert make.pitch(clip.waveform) == pytest.approx(make.TONE, abs=4)
    assert np.abs(clip.waveform[2000:6000]).max() == pytest.approx(0.3, abs=0.05)


@pytest.mark.parametrize("channels", [8, 12])
def test_invalid_samples_of_many_channels_are_silence(channels):
    samples = np.repeat(make.tone(0.5)[:, None], channels, axis=1)
    samples[100:200] = np.nan
    clip = load_upload(make.wav_bytes(samples, RATE), "surround.wav")
    assert "the sound holds invalid samples; they were replaced by silence" in clip.notes
    assert make.pitch(clip.waveform) == pytest.approx(make.TONE, abs=4)


@pytest.mark.parametrize("dtype", [np.int16, np.float32])
def test_big_endian_wav_files_sound_like_the_others(dtype):
    samples = (voice() * (32767 if dtype == np.int16 else 1)).astype(dtype)[:, None]
    plain = make.wav_bytes(samples, RATE)
    numbers = np.frombuffer(plain[20:36], "<u2").byteswap()
    fields = plain[20:36]
    form = b"".join(
        fields[start:end][::-1] for start, end in ((0, 2), (2, 4), (4, 8), (8, 12), (12, 14), (14, 16))
    )
    assert len(numbers) == 8
    swapped = b"RIFX" + plain[4:8][::-1] + plain[8:16] + plain[16:20][::-1] + form
    swapped += plain[36:40] + plain[40:44][::-1] + samples.byteswap().tobytes()
    expected = load_upload(plain, "little.wav")
    clip = load_upload(swapped, "big.wav")
    assert clip.notes == expected.notes == ()
    np.testing.assert_array_equal(clip.waveform, expected.waveform)


def two_tracks(path, *levels: float) -> None:
    with av.open(str(path), "w") as container:
        tracks = [container.add_stream("flac", rate=RATE, layout="mono") for _ in levels]
        for number, (track, level) in enumerate(zip(tracks, levels, strict=True)):
            samples = (level * make.tone(1, RATE, 300 + 200 * number) * 32767).astype(np.int16)
            for start in range(0, RATE, 4000):
                frame = av.AudioFrame.from_ndarray(samples[None, start : start + 4000], "s16", "mono")
                frame.sample_rate, frame.pts, frame.time_base = RATE, start, Fraction(1, RATE)
                container.mux(track.encode(frame))
            container.mux(track.encode(None))


@pytest.mark.parametrize(
    ("levels", "pitch", "used"), [((0, 1), 500, "second"), ((1, 1), 300, "first"), ((0, 0, 1), 700, "third")]
)
def test_the_first_track_that_has_sound(tmp_path, levels, pitch, used):
    two_tracks(tmp_path / "game.mkv", *levels)
    clip = load_clip(tmp_path / "game.mkv")
    assert clip.notes == (f"the file has {len(levels)} sound tracks; the {used} was used",)
    assert make.pitch(clip.waveform) == pytest.approx(pitch, abs=2)


def test_silent_tracks_are_silence(tmp_path):
    two_tracks(tmp_path / "game.mkv", 0, 0)
    clip = load_clip(tmp_path / "game.mkv")
    assert clip.notes == ("the file has 2 sound tracks; the first was used",)
    assert len(clip.waveform) == RATE
    assert not clip.waveform.any()
