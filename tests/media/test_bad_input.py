"""Whatever a file is or pretends to be: a clip from what is there, or one sentence; soon; and nothing is left
behind.
"""

import os
import random
import struct
import subprocess
import sys
import time

import av
import media_factory as make
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mmer_core.config import ROOT, Limits
from mmer_core.labels import Modality
from mmer_core.media import decoding, loading
from mmer_core.media.loading import MediaError, load_clip, load_upload

pytestmark = pytest.mark.usefixtures("scratch")
posix = pytest.mark.skipif(os.name != "posix", reason="needs POSIX resource limits")


def sentence(error: pytest.ExceptionInfo[MediaError]) -> str:
    """The message, checked to be one line that a person can read."""
    message = str(error.value)
    assert "\n" not in message
    assert len(message) < 250
    assert "Traceback" not in message
    assert "Errno" not in message
    return message


class TestNoMediaAtAll:
    @pytest.mark.parametrize(
        ("name", "content"),
        [
            ("notes.mp4", b"Dear diary, this is not a film.\n" * 50),
            ("random.mp4", random.Random(1).randbytes(20_000)),
            ("zeros.avi", bytes(20_000)),
            ("one.jpg", b"\xff"),
            ("page.png", b"<!doctype html><html><body>404</body></html>"),
            ("drawing.jpg", b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'),
            ("words.srt", b"1\n00:00:00,000 --> 00:00:01,000\nHello\n"),
        ],
    )
    def test_other_files_are_named_with_what_would_do(self, name, content):
        with pytest.raises(MediaError) as error:
            load_upload(content, name)
        assert sentence(error).startswith(
            f"{name} is not a video, sound or picture that can be read: use mp4, mov,"
        )

    def test_an_empty_file(self, tmp_path):
        (tmp_path / "clip.mp4").touch()
        for load in (lambda: load_clip(tmp_path / "clip.mp4"), lambda: load_upload(b"", "clip.mp4")):
            with pytest.raises(MediaError, match=r"^clip\.mp4 is empty: choose another file$"):
                load()

    def test_no_file(self, tmp_path):
        with pytest.raises(MediaError, match=r"^gone\.mp4 cannot be found: check the path$"):
            load_clip(tmp_path / "gone.mp4")
        with pytest.raises(MediaError, match=r"is a folder: choose a file$"):
            load_clip(tmp_path)

    def test_a_file_that_goes_away_meanwhile(self, small_video, monkeypatch):
        monkeypatch.setattr(loading, "check_file", lambda path, *_: path.unlink())
        with pytest.raises(
            MediaError, match=r"^clip\.mp4 cannot be read \(No such file or directory\): check the file"
        ):
            load_clip(small_video)

    @posix
    def test_a_pipe_does_not_block(self, tmp_path):
        os.mkfifo(tmp_path / "pipe.mp4")
        with pytest.raises(MediaError, match="not an ordinary file"):
            load_clip(tmp_path / "pipe.mp4")

    def test_too_many_bytes(self, small_video):
        limits = Limits(max_bytes=1000)
        with pytest.raises(MediaError, match="the limit is 0 MB"):
            load_clip(small_video, limits=limits)
        with pytest.raises(MediaError, match=r"^a\.mp4 is larger than 0 MB"):
            load_upload(small_video.read_bytes(), "a.mp4", limits=limits)

    def test_a_damaged_heic_photograph(self):
        box = struct.pack(">I", 24) + b"ftypheic" + bytes(4) + b"mif1heic"
        with pytest.raises(MediaError) as error:
            load_upload(box + bytes(500), "IMG_1.HEIC")
        assert sentence(error).startswith("IMG_1.HEIC is damaged or incomplete")

    def test_a_wav_file_without_samples(self):
        with pytest.raises(MediaError) as error:
            load_upload(make.wav_bytes(np.zeros((0, 1), np.int16), 16_000), "a.wav")
        assert sentence(error) == "a.wav cannot be used because it holds no sound: choose another file"

    def test_names_in_messages_are_harmless(self):
        with pytest.raises(MediaError) as error:
            load_upload(b"x" * 100, "../../a\n\x1b[31m\u202eb" + "c" * 500 + ".mp4")
        assert sentence(error).startswith(".._.._a__[31m_b")


class TestFilesThatLeadElsewhere:
    """Formats that open further files or connections are not read, whatever the file is called."""

    @pytest.mark.parametrize(
        "template",
        [
            "#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\nfile://{path}\n#EXT-X-ENDLIST\n",
            "ffconcat version 1.0\nfile '{path}'\nduration 2\n",
            '<?xml version="1.0"?><MPD '
            'xmlns="urn:mpeg:dash:schema:mpd:2011"><Period><AdaptationSet><Representation><BaseURL>{path}</BaseURL>'
            "</Representation></AdaptationSet></Period></MPD>",
            "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 9 RTP/AVP "
            "96\na=rtpmap:96 H264/90000\n",
        ],
        ids=["hls", "concat", "dash", "sdp"],
    )
    @pytest.mark.parametrize("name", ["clip.mp4", "list.m3u8"])
    def test_refused(self, tmp_path, small_video, template, name):
        path = tmp_path / f"x-{name}"
        path.write_text(template.format(path=small_video))
        with pytest.raises(MediaError, match="is not a video, sound or picture that can be read"):
            load_clip(path)

    @posix
    def test_the_decoding_process_can_open_no_file_and_no_connection(self):
        code = (
            "import socket; from mmer_core.config import Limits; from "
            "mmer_core.media.decoder.__main__ import restrict; restrict(Limits())\n"
            "refused = 0\n"
            "for attempt in (lambda: open('/etc/hosts'), lambda: open('new', 'w'), socket.socket):\n"
            "    try: attempt()\n"
            "    except OSError: refused += 1\n"
            "raise SystemExit(refused)"
        )
        assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 3


class TestTruncated:
    @pytest.mark.parametrize("share", [0.35, 0.6, 0.9])
    def test_a_cut_mp4_gives_what_is_there(self, small_video, share):
        content = small_video.read_bytes()
        clip = load_upload(content[: int(len(content) * share)], "clip.mp4")
        assert 0 < len(clip.frames) < 9
        assert 0 < len(clip.waveform) < 33_000
        assert make.corner_colours(clip.frames[0]) == make.CORNERS
        if share < 0.9:
            assert len(clip.notes) == 1
            assert clip.notes[0].startswith("the file ends after ")

    @pytest.mark.parametrize("kind", ["mkv", "webm"])
    def test_a_cut_matroska_gives_what_is_there(self, tmp_path, kind):
        make.write_video(tmp_path / f"a.{kind}")
        content = (tmp_path / f"a.{kind}").read_bytes()
        clip = load_upload(content[: len(content) // 2], f"a.{kind}")
        assert 0 < clip.duration < 1.6
        assert clip.notes[0].startswith("the file ends after ")

    def test_a_recording_cut_off_before_its_index(self, tmp_path):
        """Phones write the index of an mp4 last; without it nothing can be found."""
        make.write_video(tmp_path / "a.mp4")
        content = (tmp_path / "a.mp4").read_bytes()
        with pytest.raises(
            MediaError, match=r"^a\.mp4 is damaged or incomplete and nothing in it can be read"
        ):
            load_upload(content[: len(content) // 2], "a.mp4")

    @pytest.mark.parametrize("size", [1, 40, 400, 406, 700, 1500])
    def test_cut_inside_the_header_or_the_first_frame(self, small_video, size):
        """Such files have no codec parameters; decoding them anyway crashed PyAV (issue 2344)."""
        clip_or_sentence(small_video.read_bytes()[:size])

    @pytest.mark.parametrize("kind", ["jpg", "png"])
    def test_a_cut_picture(self, kind):
        content = make.picture_bytes(kind, make.corners(200, 100))
        clip = clip_or_sentence(content[: len(content) // 2], f"a.{kind}")
        assert clip is None or clip.frames.shape == (1, 100, 200, 3)

    def test_a_cut_sound(self, tmp_path):
        make.write_sound(tmp_path / "a.flac", seconds=4)
        content = (tmp_path / "a.flac").read_bytes()
        clip = load_upload(content[: len(content) // 2], "a.flac")
        assert 1 < clip.duration < 3
        assert clip.notes[0].startswith("the file ends after ")

    def test_a_hole_in_the_middle_is_survived_and_said(self, tmp_path):
        make.write_video(tmp_path / "a.mp4", seconds=4)
        content = bytearray((tmp_path / "a.mp4").read_bytes())
        with av.open(str(tmp_path / "a.mp4")) as container:
            packets = [packet for packet in container.demux(video=0) if packet.size]
        for packet in packets[10:20]:
            content[packet.pos : packet.pos + 4] = b"\xff\xff\xff\xff"
        clip = load_upload(content, "a.mp4")
        assert make.corner_colours(clip.frames[0]) == make.CORNERS
        assert clip.times[-1] > 3
        assert len(clip.waveform) > 60_000
        assert len(clip.notes) == 1
        assert clip.notes[0].startswith("parts of the picture are damaged, the first at ")
        assert clip.notes[0].endswith(" s; what could be read was used")


class TestTooMuch:
    def test_a_small_file_that_announces_a_huge_picture(self):
        with pytest.raises(
            MediaError,
            match=r"^bomb\.png has 60000 x 60000 pixels, the limit is 50 million: make it smaller$",
        ):
            load_upload(make.png_bomb(60_000, 60_000), "bomb.png")

    @pytest.mark.parametrize("kind", ["jpg", "png"])
    def test_a_picture_over_the_limit(self, kind):
        with pytest.raises(MediaError, match=r"has 400 x 200 pixels, the limit is 0\.05 million"):
            load_upload(
                make.picture_bytes(kind, make.corners(400, 200)),
                f"a.{kind}",
                limits=Limits(max_pixels=50_000),
            )

    def test_a_video_over_the_limit_keeps_its_sound(self, small_video):
        clip = load_clip(small_video, limits=Limits(max_pixels=2_000))
        assert clip.frames is None
        assert clip.absent == {
            Modality.VISUAL: "the picture of 64 x 48 pixels is over the limit of 0.002 million"
        }
        assert make.pitch(clip.waveform) == pytest.approx(make.TONE, abs=3)


class TestWhenDecodingGoesWrong:
    """The decoding process is replaced by one that fails in a given way."""

    def test_a_crash_leaves_what_came_before_it(self, small_video, decoder_that):
        decoder_that(make.CRASH_AFTER_THREE_PICTURES)
        clip = load_clip(small_video)
        assert len(clip.frames) == len(clip.times) == 3
        assert make.pitch(clip.waveform) == pytest.approx(make.TONE, abs=2)
        assert clip.notes == (
            f"the file is damaged after {clip.times[-1]:.1f} s; what comes before was used",
        )

    def test_a_crash_at_once_is_one_sentence(self, small_video, decoder_that):
        decoder_that("os.kill(os.getpid(), signal.SIGSEGV)")
        with pytest.raises(MediaError) as error:
            load_clip(small_video)
        assert sentence(error).startswith("clip.mp4 is damaged or incomplete")

    @posix
    def test_memory_is_limited(self, small_video, decoder_that):
        decoder_that("""
from mmer_core.media.decoder.pictures import Pictures
def grab(self, frame, at):
    bytearray(2**30)
    os._exit(0)
Pictures._write = grab
run()
""")
        clip = load_clip(small_video, limits=Limits(memory=2**30))
        assert clip.absent == {Modality.VISUAL: "the picture is damaged"}
        assert clip.waveform is not None

    def test_an_endless_loop_is_ended(self, small_video, decoder_that):
        decoder_that("while True: time.sleep(1)")
        with pytest.raises(MediaError, match=r"^clip\.mp4 could not be decoded within 0\.5 s: cut it"):
            load_clip(small_video, limits=Limits(wall_seconds=0.5))

    @pytest.mark.long
    @posix
    def test_what_the_process_started_ends_with_it(self, tmp_path, small_video, decoder_that):
        mark = tmp_path / "pid"
        decoder_that(f"""
import subprocess
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
open({str(mark)!r}, "w").write(str(child.pid))
time.sleep(600)
""")
        with pytest.raises(MediaError):
            load_clip(small_video, limits=Limits(wall_seconds=5))
        assert mark.exists(), "the script did not get far enough"
        end = time.monotonic() + 10
        while is_running(int(mark.read_text())):
            assert time.monotonic() < end, "the child's own child is still running"
            time.sleep(0.05)

    def test_running_out_of_time_keeps_what_is_done(self, small_video, decoder_that):
        decoder_that("""
from mmer_core.media.decoder.recording import Budget
calls = 0
def spent(self):
    global calls
    calls += 1
    return calls > 60
Budget.spent = spent
run()
""")
        clip = load_clip(small_video)
        assert clip.frames is not None
        assert clip.notes[0].startswith("decoding took too long: only the first ")

    def test_a_full_disk_is_said(self, small_video, decoder_that):
        decoder_that("""
from mmer_core.media.decoder.sound import Sound
def write(self, samples):
    raise OSError(errno.ENOSPC, "No space left on device")
Sound._write = write
run()
""")
        with pytest.raises(
            MediaError, match="the temporary folder is full: free some space there or set TMPDIR"
        ):
            load_clip(small_video)

    def test_no_temporary_folder_is_said(self, small_video, monkeypatch, tmp_path):
        monkeypatch.setattr(loading.tempfile, "tempdir", str(tmp_path / "gone"))
        with pytest.raises(MediaError, match="the temporary folder cannot be used"):
            load_clip(small_video)

    @pytest.mark.parametrize(
        "report",
        [
            '{"event": "shape", "height": 1000000, "width": 1000000}\n{"event": "frame", "time": 0}',
            '{"event": "shape", "height": -1, "width": 5}\n{"event": "frame", "time": 0}',
            '{"event": "shape", "height": 1e400, "width": 5}\n{"event": "frame", "time": 0}',
            '{"event": "shape", "height": 4, "width": 4}\n{"event": "frame", "time": NaN}',
            '{"event": "shape", "height": 4, "width": 4}\n{"event": "frame", "time": 5}\n{"event": '
            '"frame", "time": 1}',
            '{"event": "shape", "height": 4, "width": 4}\n{"event": "frame", "time": 1e9}',
            '{"event": "sound", "offset": "soon", "until": 1}',
            '{"event": "absent", "part": "visual", "reason": "{detail.__class__}", "detail": ""}',
            '{"event": "kind", "kind": "virus"}',
            "[1, 2]",
            "{",
            "\x00",
        ],
    )
    def test_a_report_that_cannot_be_true_is_not_believed(self, small_video, decoder_that, report):
        body = report + '\n{"event": "done"}\n'
        decoder_that(
            "open(sys.argv[2], 'wb').write(bytes(1000)); open(sys.argv[3], 'wb').write(bytes(400)); "
            f"open(sys.argv[4], 'w').write({body!r})"
        )
        with pytest.raises(MediaError) as error:
            load_clip(small_video)
        sentence(error)

    @pytest.mark.parametrize("value", ["float('nan')", "float('inf')", "1e30"])
    def test_samples_that_cannot_be_true_are_not_believed(self, small_video, decoder_that, value):
        decoder_that(
            f"import struct; open(sys.argv[3], 'wb').write(struct.pack('f', {value}) * 100); "
            "open(sys.argv[4], 'w').write('')"
        )
        with pytest.raises(MediaError):
            load_clip(small_video)

    def test_an_interruption_ends_the_process_and_clears_up(self, small_video, decoder_that, monkeypatch):
        decoder_that("time.sleep(600)")

        def interrupt(*_):
            raise KeyboardInterrupt

        monkeypatch.setattr(decoding.hashlib, "file_digest", interrupt)
        with pytest.raises(KeyboardInterrupt):
            load_clip(small_video)


def is_running(process: int) -> bool:
    """Whether there is such a process, other than one that has ended and only waits to be collected."""
    listed = subprocess.run(
        ["ps", "-o", "stat=", "-p", str(process)], capture_output=True, text=True, check=False
    ).stdout.strip()
    return bool(listed) and not listed.startswith("Z")


def clip_or_sentence(content, name="clip.mp4", **options):
    """The result for a damaged file: a clip that holds together, or None after one proper sentence."""
    try:
        clip = load_upload(content, name, **options)
    except MediaError as error:
        message = str(error)
        assert message.startswith(f"{name} "), message
        assert "\n" not in message
        return None
    assert clip.frames is not None or clip.waveform is not None
    if clip.frames is not None:
        assert len(clip.frames) == len(clip.times) > 0
    if clip.waveform is not None:
        assert np.isfinite(clip.waveform).all()
        assert np.abs(clip.waveform).max(initial=0) <= 1
    return clip


@pytest.fixture(scope="module")
def tiny_files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tiny")
    make.write_video(folder / "a.mp4", seconds=0.5, options={"movflags": "faststart"})
    make.write_video(folder / "a.webm", seconds=0.5)
    make.write_sound(folder / "a.wav", seconds=0.2)
    (folder / "a.jpg").write_bytes(make.picture_bytes("jpg"))
    return [path.read_bytes() for path in sorted(folder.iterdir())]


@settings(
    max_examples=15,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    which=st.integers(0, 3),
    flips=st.lists(
        st.tuples(st.floats(0, 1, exclude_max=True), st.integers(1, 255)), min_size=1, max_size=40
    ),
)
def test_flipped_bytes_give_a_clip_or_a_sentence(tiny_files, scratch, which, flips):
    content = bytearray(tiny_files[which])
    for place, change in flips:
        content[int(place * len(content))] ^= change
    clip_or_sentence(content, limits=Limits(wall_seconds=10))
    assert list(scratch.iterdir()) == []
