"""A stretch of a file: decoded like a clip of its own, and cut out as a file for a player."""

from __future__ import annotations

import hashlib
import io

import av
import media_factory as make
import numpy as np
import pytest

from mmer_core.config import Limits
from mmer_core.media import decoding, excerpt, loading
from mmer_core.media.excerpt import cut_excerpt
from mmer_core.media.file_checks import in_bytes
from mmer_core.media.loading import MediaError, load_clip, load_upload, stretch_digest

LIMITS = Limits()


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    """Six seconds."""
    path = tmp_path_factory.mktemp("stretch") / "talk.mp4"
    make.write_video(path, seconds=6.0)
    return path


def test_a_stretch_is_a_clip_of_its_own(video):
    whole, part = load_clip(video), load_clip(video, start=2.0, end=4.5)
    assert part.duration == pytest.approx(2.5, abs=0.11)
    assert len(part.waveform) == pytest.approx(2.5 * 16_000, abs=400)
    assert part.times[0] == pytest.approx(0.0, abs=0.11), "times are counted from its own start"
    assert part.start == 2.0
    assert part.whole == pytest.approx(6.0, abs=0.2)
    assert part.notes[0] == "this is the stretch from 0:02.0 to 0:04.5 of the file"
    assert whole.start == whole.whole == 0.0
    assert np.abs(part.frames[0].astype(int) - whole.frames[8].astype(int)).mean() < 8, "frames at 2 s"


def test_its_digest_is_that_of_nothing_else(video):
    sha256 = hashlib.sha256(video.read_bytes()).hexdigest()
    whole, part = load_clip(video), load_clip(video, start=2.0, end=4.0)
    others = {load_clip(video, start=2.0, end=4.1).digest, load_clip(video, start=2.0).digest}
    assert whole.digest == sha256
    assert part.digest == stretch_digest(sha256, 2.0, 4.0)
    assert len({whole.digest, part.digest, *others}) == 4


def test_a_known_digest_is_not_computed_again(video, monkeypatch):
    monkeypatch.setattr(hashlib, "file_digest", None)
    assert load_clip(video, digest="known").digest == "known"
    assert load_clip(video, start=1.0, end=2.0, digest="known").digest == stretch_digest("known", 1.0, 2.0)


def test_an_upload_is_cut_like_a_file(video):
    sent = load_upload(video.read_bytes(), "../x.mp4", start=1.0, end=2.0)
    assert sent.digest == load_clip(video, start=1.0, end=2.0).digest
    assert sent.name == ".._x.mp4"


def test_a_stretch_longer_than_a_clip_is_used_up_to_there(video):
    part = load_clip(video, start=1.0, limits=Limits(max_seconds=2.0))
    assert part.duration == pytest.approx(2.0, abs=0.11)
    assert part.notes == (
        "this is the stretch from 0:01.0 to 0:03.0 of the file",
        "only the first 2 s of the stretch were used",
    )
    longer = load_clip(video, limits=Limits(max_seconds=2.0))
    assert longer.whole == pytest.approx(6.0, abs=0.2), "the header's length is known"


@pytest.mark.parametrize(("start", "end"), [(-1.0, 2.0), (3.0, 3.0), (3.0, 1.0)])
def test_no_stretch_of_time(video, start, end):
    with pytest.raises(ValueError, match="is no stretch of time"):
        load_clip(video, start=start, end=end)


def test_what_has_no_such_stretch_is_one_sentence(tmp_path, video):
    with pytest.raises(MediaError, match=r"talk\.mp4 has nothing after 0:30\.0, it ends at 0:06") as after:
        load_clip(video, start=30.0)
    assert "\n" not in str(after.value)
    picture = tmp_path / "a.png"
    picture.write_bytes(make.picture_bytes("png"))
    with pytest.raises(MediaError, match="is a picture, which has no stretch"):
        load_clip(picture, start=1.0)
    broken = tmp_path / "a.mp4"
    broken.write_bytes(b"no video at all")
    with pytest.raises(MediaError, match="is not a video"):
        load_clip(broken, start=1.0)


def test_a_large_file_is_never_in_memory(tmp_path, monkeypatch):
    """A recording behind two gigabytes of nothing, which take no room on the disk."""
    video = tmp_path / "large.mp4"
    make.write_video(video, seconds=1.0, sound=False)
    content = video.read_bytes()
    with video.open("r+b") as file:  # at the end, as a free atom of 64-bit size
        file.seek(len(content))
        size = 2 * 2**30 - len(content)
        file.write(b"\0\0\0\1free" + size.to_bytes(8, "big"))
        file.truncate(2 * 2**30)
    monkeypatch.setattr(loading.Path, "read_bytes", None)
    assert load_clip(video, digest="known").frames is not None
    with pytest.raises(MediaError, match=r"has 2 GB, the limit is 200 MB: cut or compress it"):
        load_clip(video, limits=Limits(max_bytes=200 * 2**20))


def test_a_picture_that_would_fill_the_memory_is_refused(tmp_path):
    picture = tmp_path / "a.png"
    picture.write_bytes(make.picture_bytes("png") + bytes(2000))
    with pytest.raises(MediaError, match="is a picture of more than 0 MB: make it smaller"):
        load_clip(picture, limits=Limits(held_bytes=1000))


def test_sizes_for_people():
    assert [in_bytes(n * 2**20) for n in (5, 700, 1024, 2048, 1536)] == [
        "5 MB",
        "700 MB",
        "1 GB",
        "2 GB",
        "1.5 GB",
    ]


def decoded_times(content: bytes, kind: str) -> list[float]:
    with av.open(io.BytesIO(content)) as container:
        return [float(f.pts * f.time_base) for f in container.decode(getattr(container.streams, kind)[0])]


def test_an_excerpt_begins_where_it_was_asked_for(video):
    found = cut_excerpt(video, 2.35, 4.0, LIMITS)
    assert found.kind == "mp4"
    assert (found.start, found.end) == (2.35, pytest.approx(4.0, abs=0.11))
    pictures = decoded_times(found.content, "video")
    assert pictures[0] == pytest.approx(0.05, abs=0.06), "what is only decoded with it is hidden"
    assert pictures[-1] == pytest.approx(1.55, abs=0.11)
    assert decoded_times(found.content, "audio")[0] == pytest.approx(0.0, abs=0.1)


def test_an_excerpt_of_a_webm_says_from_where_it_can_be_decoded(tmp_path):
    path = tmp_path / "talk.webm"
    make.write_video(path, seconds=3.0)
    found = cut_excerpt(path, 1.5, 2.5, LIMITS)
    assert found.kind == "webm"
    assert 0 <= found.start <= 1.5
    assert decoded_times(found.content, "video")[0] == pytest.approx(0.0, abs=0.05)


def test_an_excerpt_of_a_sound(tmp_path):
    path = tmp_path / "tone.wav"
    make.write_sound(path, seconds=3.0)
    found = cut_excerpt(path, 1.0, 2.0, LIMITS)
    assert found.kind == "wav"
    assert decoded_times(found.content, "audio")[-1] < 1.2


def test_an_excerpt_ends_where_it_would_be_too_large(video):
    found = cut_excerpt(video, 0.0, 6.0, LIMITS, most=2_000)
    assert found.end < 6.0
    assert decoded_times(found.content, "video")


@pytest.mark.parametrize(
    "content", [b"no video at all", make.picture_bytes("png"), b""], ids=["text", "picture", "empty"]
)
def test_what_cannot_be_cut_has_no_excerpt(tmp_path, content):
    path = tmp_path / "x"
    path.write_bytes(content)
    assert cut_excerpt(path, 0.0, 1.0, LIMITS) is None


def test_nothing_after_the_end_has_no_excerpt(video):
    assert cut_excerpt(video, 60.0, 70.0, LIMITS) is None


def test_a_report_that_does_not_hold_together_is_not_believed(video, monkeypatch):
    def lie(command, source, folder, limits, **_):
        (folder / "out").write_bytes(b"x")
        (folder / "report").write_text('{"kind": "mp4", "start": 5, "end": 1}')
        return 0

    monkeypatch.setattr(decoding, "run_limited", lie)
    assert excerpt.cut_excerpt(video, 0.0, 1.0, LIMITS) is None
