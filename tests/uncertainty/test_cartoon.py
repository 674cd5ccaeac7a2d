"""The detector of drawn faces tells them from photographs."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mmer_core.labels import Modality
from mmer_core.uncertainty.cartoon import CARTOON_ABOVE, even_share, is_cartoon
from tiny_model import make_clip, make_model

SIDE = 112


def cartoon(skin=(250, 205, 160)):
    """A face of plain colours and sharp lines."""
    picture = np.full((SIDE, SIDE, 3), (120, 190, 240), np.uint8)
    cv2.ellipse(picture, (56, 60), (40, 48), 0, 0, 360, skin, -1)
    cv2.ellipse(picture, (56, 26), (42, 22), 0, 180, 360, (60, 40, 20), -1)
    for x in (40, 72):
        cv2.circle(picture, (x, 52), 7, (255, 255, 255), -1)
        cv2.circle(picture, (x, 52), 3, (20, 20, 20), -1)
    cv2.ellipse(picture, (56, 82), (16, 8), 0, 0, 180, (180, 40, 50), -1)
    return picture


def photograph(seed=0):
    """The same with shades and the grain of a camera."""
    rng = np.random.default_rng(seed)
    shade = np.linspace(0.6, 1.1, SIDE)[None, :, None] * np.linspace(1.1, 0.8, SIDE)[:, None, None]
    return (cartoon() * shade + rng.normal(0, 3, (SIDE, SIDE, 3))).clip(0, 255).astype(np.uint8)


def test_a_drawing_is_told_from_a_photograph():
    assert is_cartoon(cartoon()[None])
    assert not is_cartoon(photograph()[None])


def test_a_drawing_stays_one_after_jpeg():
    coded = cv2.imencode(".jpg", cartoon(), [cv2.IMWRITE_JPEG_QUALITY, 75])[1]
    assert is_cartoon(cv2.imdecode(coded, cv2.IMREAD_COLOR)[None])


@pytest.mark.parametrize("strength", [1.0, 0.5, 0.3])
def test_contrast_changes_neither(strength):
    assert is_cartoon((cartoon() * strength).astype(np.uint8)[None])
    assert not is_cartoon((photograph() * strength).astype(np.uint8)[None])


def test_most_crops_decide():
    drawn, real = cartoon(), photograph()
    assert is_cartoon(np.stack([drawn] * 20 + [real] * 10))
    assert not is_cartoon(np.stack([drawn] * 10 + [real] * 20))


@given(hnp.arrays(np.uint8, (16, 16, 3), elements=st.integers(0, 255)))
def test_the_share_is_one(crop):
    assert 0 <= even_share(crop) <= 1


@pytest.mark.parametrize("level", [0, 90, 255])
def test_a_picture_that_shows_nothing_is_no_drawing(level):
    assert even_share(np.full((SIDE, SIDE, 3), level, np.uint8)) == 0
    nearly = np.full((SIDE, SIDE, 3), level, np.uint8)
    nearly[::2] = abs(level - 12)
    assert even_share(nearly) < CARTOON_ABOVE


@pytest.mark.parametrize(("crop", "said"), [(cartoon(), True), (photograph(), False)])
def test_a_person_is_told_that_the_face_is_drawn(crop, said):
    clip = make_clip()
    clip = replace(clip, faces=replace(clip.faces, crops=np.stack([crop] * 3)))
    model = make_model()
    seen = model.observe(clip)
    assert (
        any(warning.startswith("The face looks drawn or rendered") for warning in model.fuse(seen).warnings)
        is said
    )
    assert not any(
        "drawn" in warning for warning in model.fuse(seen, {Modality.TEXT, Modality.AUDIO}).warnings
    )
