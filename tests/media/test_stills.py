"""Photographs and moving pictures, as Pillow reads them in the decoding process."""

import media_factory as make
import numpy as np
import pillow_heif
import pytest
from PIL import Image

from mmer_core.config import Limits
from mmer_core.labels import Modality
from mmer_core.media.loading import MediaError, load_upload

pytestmark = pytest.mark.usefixtures("scratch")
pillow_heif.register_heif_opener()


def exif(orientation: int) -> bytes:
    block = Image.Exif()
    block[0x0112] = orientation
    return block.tobytes()


@pytest.mark.parametrize("kind", ["AVIF", "HEIF"])
@pytest.mark.parametrize("orientation", [1, 6, 7])
def test_photographs_of_newer_phones_are_read_upright(kind, orientation):
    """Both state a turn twice: in EXIF and in a box of their own. It is made once."""
    stored = Image.fromarray(make.stored_as(make.corners(128, 96), orientation))
    clip = load_upload(make.saved(stored, kind, exif=exif(orientation)), "IMG_1.HEIC")
    assert (clip.kind, clip.frames.shape, clip.notes) == ("picture", (1, 96, 128, 3), ())
    assert make.corner_colours(clip.frames[0]) == make.CORNERS


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
@pytest.mark.parametrize("orientation", [3, 5, 8])
def test_exif_turns_other_pictures_too(kind, orientation):
    stored = Image.fromarray(make.stored_as(make.corners(), orientation))
    profile = b"not a profile that anything can use"
    content = make.saved(stored, kind, exif=exif(orientation), icc_profile=profile)
    frames = load_upload(content, "photo").frames
    assert frames.shape == (1, make.HEIGHT, make.WIDTH, 3)
    assert make.corner_colours(frames[0]) == make.CORNERS


def grey16() -> Image.Image:
    return Image.fromarray(np.full((8, 8), 128 << 8, np.uint16))


@pytest.mark.parametrize(
    ("image", "kind", "colour"),
    [
        (Image.new("CMYK", (8, 8), (0, 255, 255, 0)), "JPEG", (254, 0, 0)),
        (grey16(), "PNG", (128, 128, 128)),
        (Image.new("LA", (8, 8), (0, 0)), "PNG", (255, 255, 255)),
        (Image.new("1", (8, 8), 1), "PNG", (255, 255, 255)),
        (Image.new("RGB", (8, 8), (9, 99, 199)).quantize(4), "PNG", (9, 99, 199)),
    ],
    ids=["CMYK", "16 bits", "grey with alpha", "1 bit", "palette"],
)
def test_any_kind_of_pixel(image, kind, colour):
    frame = load_upload(make.saved(image, kind), "a.png").frames[0]
    assert np.abs(frame.astype(int) - colour).max() <= 2


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "AVIF"])
def test_moving_pictures_are_short_videos(kind):
    first = Image.fromarray(make.corners())
    more = [Image.fromarray(make.corners(tint=tint)) for tint in (40, 80)]
    content = make.saved(first, kind, save_all=True, append_images=more, duration=400)
    clip = load_upload(content, "wave.gif")
    assert (clip.kind, clip.waveform, clip.notes) == ("video", None, ())
    assert clip.absent == {Modality.AUDIO: "the clip has no sound"}
    np.testing.assert_allclose(clip.times, [0, 0.4, 0.8], atol=0.01)
    assert clip.duration == pytest.approx(1.2, abs=0.01)
    assert all(make.corner_colours(frame) == make.CORNERS for frame in clip.frames)


def test_long_animations_are_thinned_and_cut():
    pictures = [Image.fromarray(make.corners(tint=2 * number)) for number in range(40)]
    content = make.saved(pictures[0], "GIF", save_all=True, append_images=pictures[1:], duration=100)
    clip = load_upload(content, "long.gif", limits=Limits(max_seconds=2.0, max_frames=5))
    assert clip.notes == ("only the first 2 s of this clip were used",)
    np.testing.assert_allclose(clip.times, [0, 0.4, 0.8, 1.2, 1.6], atol=0.01)


def test_several_views_of_one_moment_are_a_picture():
    more = [Image.fromarray(make.corners(32, 24))]
    content = make.saved(Image.fromarray(make.corners()), "MPO", save_all=True, append_images=more)
    assert load_upload(content, "3d.jpg").kind == "picture"


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "BMP"])
def test_a_picture_that_is_cut_off_is_read_as_far_as_it_goes(kind):
    noise = np.random.default_rng(0).integers(0, 255, (200, 200, 3), np.uint8)
    content = make.saved(Image.fromarray(noise), kind)
    clip = load_upload(content[: len(content) * 2 // 3], "cut")
    assert clip.notes == ("the picture is cut off or damaged; what is there was used",)
    read = slice(120, None) if kind == "BMP" else slice(80)  # BMP begins at the bottom
    assert np.abs(clip.frames[0, read].astype(int) - noise[read]).mean() < 60


def test_a_jpeg_without_an_end_is_noticed():
    content = make.saved(Image.fromarray(make.corners()), "JPEG")
    assert content.endswith(b"\xff\xd9")
    assert load_upload(content[:-2] + bytes(2), "a.jpg").notes == (
        "the picture is cut off or damaged; what is there was used",
    )


@pytest.mark.parametrize("kind", ["GIF", "BMP", "WEBP", "AVIF", "HEIF"])
def test_pixels_are_limited_in_every_format(kind):
    content = make.saved(Image.fromarray(make.corners(400, 200)), kind)
    with pytest.raises(MediaError, match=r"has 400 x 200 pixels, the limit is 0\.05 million"):
        load_upload(content, "a.jpg", limits=Limits(max_pixels=50_000))


def test_a_photograph_keeps_the_pixels_of_small_faces():
    frames = load_upload(make.saved(Image.new("RGB", (4200, 1000)), "JPEG"), "group.jpg").frames
    assert frames.shape == (1, 975, 4096, 3)
