"""A face is found however the picture was turned, and its crop is upright. With YuNet on a real face."""

from dataclasses import replace
from functools import cache

import cv2
import numpy as np
import pytest

from mmer_core.clip import Clip
from mmer_core.config import ROOT
from mmer_core.media.faces import find_faces
from mmer_core.media.loading import load_clip
from mmer_core.media.upright import best_quarter, slant
from mmer_core.media.yunet import yunet


@cache
def portrait() -> np.ndarray:
    """The main face of the sample with its surroundings, (240, 240, 3)."""
    clip = find_faces(load_clip(ROOT / "samples" / "speech.mp4"))
    assert clip.frames is not None
    assert clip.faces is not None
    box = clip.faces.boxes[0]
    centre, reach = (box[:2] + box[2:]) / 2, float(box[3] - box[1])
    x, y = np.maximum(centre - reach, 0).astype(int)
    part = clip.frames[clip.faces.frames[0]][y : y + int(2 * reach), x : x + int(2 * reach)]
    return cv2.resize(part, (240, 240), interpolation=cv2.INTER_CUBIC)


def picture(degrees: float) -> Clip:
    turn = cv2.getRotationMatrix2D((120, 120), degrees, 0.9)
    turned = cv2.warpAffine(portrait(), turn, (240, 240), borderMode=cv2.BORDER_REPLICATE)
    return Clip("p", "", "picture", frames=turned[None], times=np.zeros(1))


def alike(a: np.ndarray, b: np.ndarray) -> float:
    """Correlation of two crops."""
    return float(np.corrcoef(a.astype(float).ravel(), b.astype(float).ravel())[0, 1])


@pytest.mark.parametrize("degrees", [0, 30, 60, 90, 135, 180, 200, 225, 270, 315])
def test_a_turned_face_is_read_upright(degrees):
    upright = find_faces(picture(0)).faces
    turned = find_faces(picture(degrees)).faces
    assert turned is not None
    assert alike(turned.crops[0], upright.crops[0]) > 0.85


def test_a_film_on_its_head_is_read_upright():
    frames = np.stack([portrait()] * 5)
    film = Clip("v", "", "video", frames=frames, times=np.arange(5) / 4)
    upright = find_faces(film).faces
    fallen = find_faces(replace(film, frames=np.ascontiguousarray(frames[:, ::-1, ::-1]))).faces
    assert len(fallen) == 5
    assert all(alike(a, b) > 0.85 for a, b in zip(fallen.crops, upright.crops, strict=True))


def test_a_face_of_48_pixels_in_twelve_megapixels_is_found():
    small = cv2.resize(portrait(), (96, 96), interpolation=cv2.INTER_AREA)
    large = np.full((1, 3000, 4000, 3), 90, dtype=np.uint8)
    large[0, 1200:1296, 2000:2096] = small
    faces = find_faces(Clip("p", "", "picture", frames=large, times=np.zeros(1))).faces
    assert 2000 <= faces.boxes[0, 0] < faces.boxes[0, 2] <= 2096


def test_the_slant_is_that_of_the_eyes():
    (face,) = yunet()(picture(25).frames[0], 40)
    assert slant(face) == pytest.approx(-25, abs=10)
    unknown = replace(face, landmarks=np.full((5, 2), np.nan, np.float32))
    assert slant(unknown) == 0


def test_another_direction_must_be_clearly_surer():
    def with_score(score: float):
        return [replace(yunet()(portrait(), 40)[0], score=score)]

    assert best_quarter([with_score(0.90), [], with_score(0.91), []]) == 0
    assert best_quarter([with_score(0.85), [], with_score(0.93), []]) == 2
    assert best_quarter([[], with_score(0.8), [], []]) == 1
    assert best_quarter([[], [], [], []]) == 0
