"""Files, uploads and words become clips: every format, by content; upright, on one clock, at 16 kHz."""

import hashlib
import io
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction

import media_factory as make
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmer_core.config import Limits
from mmer_core.labels import Modality
from mmer_core.media.loading import MediaError, display_name, load_clip, load_upload, text_clip

pytestmark = pytest.mark.usefixtures("scratch")


@pytest.mark.parametrize("kind", make.VIDEO_CODECS)
def test_a_video_has_frames_and_sound_on_one_clock(tmp_path, kind):
    path = tmp_path / f"clip.{kind}"
    make.write_video(path)
    clip = load_clip(path)
    assert (clip.name, clip.kind, clip.text, clip.absent, clip.notes) == (
        f"clip.{kind}",
        "video",
        None,
        {},
        (),
    )
    assert clip.digest == hashlib.sha256(path.read_bytes()).hexdigest()
    assert clip.duration == pytest.approx(2, abs=0.2)
    assert clip.frames.shape == (8, make.HEIGHT, make.WIDTH, 3)
    assert clip.frames.dtype == np.uint8
    assert clip.times.dtype == np.float64
    np.testing.assert_allclose(clip.times, np.arange(8) / 4, atol=0.11)
    assert all(make.corner_colours(frame) == make.CORNERS for frame in clip.frames)
    assert clip.waveform.dtype == np.float32
    assert len(clip.waveform) == pytest.approx(32_000, abs=3_000)
    assert make.pitch(clip.waveform) == pytest.approx(make.TONE, abs=2)
    assert np.abs(clip.waveform).max() == pytest.approx(0.3, abs=0.05)


@pytest.mark.parametrize("codec", make.NEWER_CODECS)
def test_clips_of_newer_phones_and_browsers_open_alike(tmp_path, codec):
    path = tmp_path / f"clip.{make.NEWER_CODECS[codec][0]}"
    make.write_video(path, newer=codec)
    clip = load_clip(path)
    assert (clip.kind, clip.absent, clip.notes) == ("video", {}, ())
    assert clip.frames.shape == (8, make.HEIGHT, make.WIDTH, 3)
    assert clip.frames.dtype == np.uint8
    assert all(make.corner_colours(frame) == make.CORNERS for frame in clip.frames)
    assert make.pitch(clip.waveform) == pytest.approx(make.TONE, abs=2)


@pytest.mark.parametrize("kind", make.SOUND_CODECS)
def test_a_sound_has_a_waveform_and_says_that_it_is_one(tmp_path, kind):
    path = tmp_path / f"voice.{kind}"
    make.write_sound(path)
    clip = load_clip(path)
    assert (clip.kind, clip.frames, clip.times) == ("audio", None, None)
    assert clip.absent == {Modality.VISUAL: "this is a sound file"}
    assert clip.duration == len(clip.waveform) / 16_000 == pytest.approx(1, abs=0.1)
    assert make.pitch(clip.waveform) == pytest.approx(make.TONE, abs=3)
    assert clip.notes == ()


@pytest.mark.parametrize("kind", make.PICTURE_CODECS)
def test_a_picture_is_a_clip_of_one_frame(kind):
    clip = load_upload(make.picture_bytes(kind), f"face.{kind}")
    assert (clip.kind, clip.duration, clip.waveform) == ("picture", 0, None)
    assert clip.frames.shape == (1, make.HEIGHT, make.WIDTH, 3)
    assert clip.times.tolist() == [0]
    assert make.corner_colours(clip.frames[0]) == make.CORNERS
    assert clip.absent == {Modality.AUDIO: "a picture has no sound", Modality.TEXT: "a picture has no words"}


def test_content_decides_not_the_suffix(tmp_path):
    video, picture = tmp_path / "notes.txt", tmp_path / "song.mp3"
    make.write_video(video, kind="mp4", sound=False)
    picture.write_bytes(make.picture_bytes("png"))
    assert load_clip(video).kind == "video"
    assert load_clip(picture).kind == "picture"


def test_a_path_may_be_text(small_video):
    clip = load_clip(str(small_video))
    assert (clip.name, clip.digest) == (small_video.name, load_clip(small_video).digest)


def test_loading_twice_gives_the_same_numbers_also_side_by_side(small_video):
    with ThreadPoolExecutor(2) as pool:
        one, two = pool.map(load_clip, [small_video, small_video])
    np.testing.assert_array_equal(one.frames, two.frames)
    np.testing.assert_array_equal(one.times, two.times)
    np.testing.assert_array_equal(one.waveform, two.waveform)


class TestWhatIsMissing:
    def test_video_without_sound(self, tmp_path):
        make.write_video(tmp_path / "silent.mp4", sound=False)
        clip = load_clip(tmp_path / "silent.mp4")
        assert clip.kind == "video"
        assert clip.waveform is None
        assert clip.absent == {Modality.AUDIO: "the clip has no sound"}

    def test_video_container_with_sound_alone(self, tmp_path):
        make.write_video(tmp_path / "call.webm", picture=False)
        clip = load_clip(tmp_path / "call.webm")
        assert clip.kind == "audio"
        assert clip.absent == {Modality.VISUAL: "this is a sound file"}

    def test_one_frame(self, tmp_path):
        make.write_video(tmp_path / "blink.mp4", sound=False, times=[0.0])
        clip = load_clip(tmp_path / "blink.mp4")
        assert (clip.kind, len(clip.frames), clip.times.tolist()) == ("video", 1, [0])

    @pytest.mark.parametrize("kind", ["mp3", "m4a", "flac"])
    def test_cover_art_is_no_picture(self, tmp_path, kind):
        path = tmp_path / f"song.{kind}"
        make.write_sound(path, cover=True)
        clip = load_clip(path)
        assert (clip.kind, clip.frames) == ("audio", None)
        assert make.pitch(clip.waveform) == pytest.approx(make.TONE, abs=3)

    def test_silence_stays_a_waveform(self):
        clip = load_upload(make.wav_bytes(np.zeros((16_000, 1), np.int16), 16_000), "quiet.wav")
        assert len(clip.waveform) == 16_000
        assert not clip.waveform.any()


class TestPictures:
    @pytest.mark.parametrize("orientation", range(1, 9))
    def test_photographs_are_turned_upright(self, orientation):
        stored = make.stored_as(make.corners(), orientation)
        clip = load_upload(make.with_exif(make.picture_bytes("jpg", stored), orientation), "photo.jpg")
        assert clip.frames.shape == (1, make.HEIGHT, make.WIDTH, 3)
        assert make.corner_colours(clip.frames[0]) == make.CORNERS

    @pytest.mark.parametrize(
        ("matrix", "turn"), [((1, 0, 0, 1), 0), ((0, 1, -1, 0), -1), ((-1, 0, 0, -1), 2), ((0, -1, 1, 0), 1)]
    )
    def test_phone_videos_are_turned_upright(self, tmp_path, matrix, turn):
        path = tmp_path / "phone.mp4"
        make.write_video(path, sound=False, seconds=0.5)
        make.turn_mp4(path, matrix)
        frame = load_clip(path).frames[0]
        expected = np.rot90(make.corners(), turn)
        assert frame.shape == expected.shape
        assert make.corner_colours(frame) == make.corner_colours(expected)

    @pytest.mark.parametrize("kind", ["jpg", "png"])
    def test_brightness_is_kept(self, kind):
        """Full-range and studio-range video must not be mixed up: it shifts every grey by up to 16 steps."""
        for grey in (0, 60, 128, 200, 255):
            clip = load_upload(make.picture_bytes(kind, np.full((48, 64, 3), grey, np.uint8)), "grey")
            assert np.abs(clip.frames.astype(int) - grey).max() <= 2

    def test_transparency_shows_white(self):
        pixels = np.zeros((8, 8, 4), np.uint8)
        pixels[:4] = (10, 20, 30, 255)
        frame = load_upload(make.picture_bytes("png", pixels, "rgba"), "logo.png").frames[0]
        assert (frame[:4] == (10, 20, 30)).all()
        assert (frame[4:] == 255).all()

    def test_large_pictures_are_scaled_small_ones_are_not(self):
        large = load_upload(
            make.picture_bytes("jpg", make.corners(1600, 400)), "wide.jpg", limits=Limits(picture_side=320)
        )
        assert large.frames.shape == (1, 80, 320, 3)
        assert make.corner_colours(large.frames[0]) == make.CORNERS
        assert load_upload(make.picture_bytes("png", make.corners(20, 10)), "icon.png").frames.shape == (
            1,
            10,
            20,
            3,
        )

    def test_a_line_keeps_at_least_one_pixel(self):
        assert load_upload(make.picture_bytes("png", make.corners(9000, 2)), "line.png").frames.shape == (
            1,
            1,
            4096,
            3,
        )

    def test_pixels_that_are_not_square_are_made_so(self, tmp_path):
        make.write_video(tmp_path / "dv.mp4", sound=False, seconds=0.3, aspect=Fraction(2, 1))
        assert load_clip(tmp_path / "dv.mp4").frames.shape[1:3] == (make.HEIGHT, 2 * make.WIDTH)

    def test_a_change_of_size_on_the_way_keeps_shape_and_proportions(self, tmp_path):
        make.write_resized_video(tmp_path / "call.mkv", [(64, 48), (48, 64), (128, 96)])
        frames = load_clip(tmp_path / "call.mkv").frames
        assert frames.shape == (3, 48, 64, 3)
        assert make.corner_colours(frames[1][:, 14:50]) == make.CORNERS
        assert not frames[1][:, :12].any()
        assert make.corner_colours(frames[2]) == make.CORNERS


class TestTime:
    def test_variable_frame_rate_keeps_its_times(self, tmp_path):
        times = [0.0, 0.3, 0.4, 1.7, 1.75, 3.0]
        make.write_video(tmp_path / "vfr.mkv", sound=False, times=times)
        clip = load_clip(tmp_path / "vfr.mkv")
        np.testing.assert_allclose(clip.times, [0.0, 0.3, 1.7, 1.75, 3.0], atol=0.002)

    def test_browser_recordings_without_duration(self):
        sink = make.OneWay()
        make.write_video(sink, kind="webm")
        clip = load_upload(bytes(sink.content), "webcam.webm")
        assert clip.duration == pytest.approx(2, abs=0.1)
        assert len(clip.frames) == 8
        assert clip.notes == ()

    def test_sampling_follows_the_limits(self, small_video):
        assert len(load_clip(small_video, limits=Limits(frames_per_second=2)).frames) == 4
        thin = load_clip(small_video, limits=Limits(max_frames=5))
        assert len(thin.frames) == 5
        np.testing.assert_allclose(np.diff(thin.times), 0.4, atol=0.11)

    def test_only_the_first_seconds_are_used_and_it_is_said(self, small_video):
        clip = load_clip(small_video, limits=Limits(max_seconds=1.5))
        assert clip.notes == ("only the first 1.5 s of this clip were used",)
        assert clip.duration == 1.5
        assert len(clip.waveform) == 24_000
        assert clip.times[-1] < 1.5

    def test_four_hours_of_sound(self, tmp_path):
        make.write_long_wav(tmp_path / "lecture.wav", hours=4)
        clip = load_clip(tmp_path / "lecture.wav")
        assert clip.duration == 60
        assert clip.notes == ("only the first 60 s of this clip were used",)

    def test_four_hours_of_video(self, tmp_path):
        make.write_video(tmp_path / "camera.mkv", sound=False, times=[60.0 * minute for minute in range(240)])
        clip = load_clip(tmp_path / "camera.mkv")
        assert clip.times.tolist() == [0]
        assert clip.notes == ("only the first 60 s of this clip were used",)

    def test_sound_that_starts_later_is_preceded_by_silence(self, tmp_path):
        make.write_video(tmp_path / "late.mkv", sound_delay=0.5)
        waveform = load_clip(tmp_path / "late.mkv").waveform
        assert not waveform[:7_500].any()
        assert np.abs(waveform[8_500:9_000]).max() > 0.2

    def test_sound_beyond_the_limit_is_absent_with_the_reason(self, tmp_path):
        make.write_video(tmp_path / "late.mkv", sound_delay=3.0)
        clip = load_clip(tmp_path / "late.mkv", limits=Limits(max_seconds=2.5))
        assert clip.absent == {Modality.AUDIO: "there is no sound in the first 2.5 s"}


class TestSound:
    @staticmethod
    def load(samples, rate=16_000):
        return load_upload(make.wav_bytes(samples, rate), "x.wav")

    def test_96_khz_in_six_channels(self):
        samples = (make.tone(0.5, 96_000)[:, None] * np.ones(6) * 32767).astype(np.int16)
        clip = self.load(samples, 96_000)
        assert len(clip.waveform) == pytest.approx(8_000, abs=20)
        assert make.pitch(clip.waveform) == pytest.approx(make.TONE, abs=3)

    @pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int32, np.float32, np.float64])
    @pytest.mark.parametrize("channels", [1, 2, 24])
    def test_the_same_sound_is_as_loud_in_any_sample_type_and_number_of_channels(self, channels, dtype):
        samples = make.tone(0.2)[:, None] * np.ones(channels)
        if dtype == np.uint8:
            samples = (samples * 127 + 128).round()
        elif np.dtype(dtype).kind == "i":
            samples = samples * np.iinfo(dtype).max
        waveform = self.load(samples.astype(dtype)).waveform
        assert np.abs(waveform).max() == pytest.approx(0.3, abs=0.01)

    def test_invalid_samples_become_silence(self):
        samples = make.tone(0.5)[:, None].copy()
        samples[100:110], samples[500] = np.nan, np.inf
        clip = self.load(samples)
        assert np.isfinite(clip.waveform).all()
        assert np.abs(clip.waveform).max() < 0.4
        assert clip.notes == ("the sound holds invalid samples; they were replaced by silence",)

    def test_too_loud_samples_are_limited(self):
        assert np.abs(self.load(np.full((1600, 2), 1e38, np.float32)).waveform).max() <= 1

    @pytest.mark.parametrize("rate", [1_000, 192_000])
    def test_uncommon_rates(self, rate):
        assert make.pitch(self.load(make.tone(1, rate, 200)[:, None], rate).waveform) == pytest.approx(
            200, abs=2
        )

    @pytest.mark.parametrize("rate", [3, 2**31 - 1])
    def test_impossible_rates_are_named(self, rate):
        with pytest.raises(
            MediaError, match=rf"^x\.wav cannot be used because the sound's rate of {rate} Hz cannot be used"
        ):
            self.load(make.tone(0.1)[:, None], rate)


class TestWords:
    def test_text_alone(self):
        clip = text_clip("  Grüße \n")
        assert (clip.kind, clip.text, clip.frames, clip.waveform) == ("text", "Grüße", None, None)
        assert clip.digest == hashlib.sha256("Grüße".encode()).hexdigest()
        assert set(clip.absent) == {Modality.AUDIO, Modality.VISUAL}

    @pytest.mark.parametrize("blank", ["", "  \n\t"])
    def test_no_text_is_an_error_that_says_what_to_do(self, blank):
        with pytest.raises(MediaError, match="type what was said"):
            text_clip(blank)

    def test_endless_text_is_cut_with_a_note(self):
        clip = text_clip("word " * 100_000)
        assert len(clip.text) == 20_000
        assert clip.notes == ("only the first 20,000 characters of the text were used",)

    def test_broken_characters_do_not_stop_it(self):
        assert text_clip("a\ud800b").text == "a?b"

    def test_given_words_go_with_the_clip(self, small_video):
        assert load_clip(small_video, text=" Hello ").text == "Hello"
        assert load_clip(small_video, text="  ").text is None
        assert Modality.TEXT not in load_upload(make.picture_bytes("png"), "a.png", text="A caption").absent


class TestUploads:
    @pytest.mark.parametrize("wrap", [bytes, bytearray, memoryview, io.BytesIO])
    def test_bytes_and_files_alike(self, small_video, wrap):
        content = small_video.read_bytes()
        clip = load_upload(wrap(content), "clip.mp4")
        assert clip.digest == hashlib.sha256(content).hexdigest()
        assert len(clip.frames) == 8

    def test_a_file_is_read_from_its_start(self):
        data = io.BytesIO(make.picture_bytes("png"))
        data.seek(20)
        assert load_upload(data, "a.png").kind == "picture"

    @pytest.mark.parametrize(
        "name", ["../../etc/passwd", "a/b\\c.mp4", "/absolute.png", "nul\0.png", "", "x" * 5_000 + ".png"]
    )
    def test_names_are_shown_and_never_used(self, tmp_path, scratch, name):
        clip = load_upload(make.picture_bytes("png"), name)
        assert clip.kind == "picture"
        assert len(clip.name) <= 80
        assert not set("/\\\0") & set(clip.name)


@given(st.text(st.characters(exclude_categories=[]), max_size=300))
def test_a_shown_name_is_short_printable_and_no_path(name):
    shown = display_name(name)
    assert 0 < len(shown) <= 80
    assert shown.isprintable()
    assert not set("/\\") & set(shown)


@pytest.mark.parametrize(
    ("name", "shown"),
    [("clip.mp4", "clip.mp4"), ("../a.mp4", ".._a.mp4"), ("a\nb\u202egpj.exe", "a_b_gpj.exe"), (" ", "clip")],
)
def test_shown_names(name, shown):
    assert display_name(name) == shown


def test_a_long_name_keeps_its_end():
    assert display_name("x" * 200 + ".mp4").endswith(".mp4")
