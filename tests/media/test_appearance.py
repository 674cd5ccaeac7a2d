"""A face is known again, another is not; by the shipped network, on the clip that comes with the app."""

import hashlib

import numpy as np
import pytest

from mmer_core.config import ROOT
from mmer_core.media.appearance import DIM, SAME, SIDE, TEMPLATE, WEIGHTS, aligned, sface
from mmer_core.media.face_crops import Detection
from mmer_core.media.loading import load_clip
from mmer_core.media.yunet import yunet

UNKNOWN = np.full((5, 2), np.nan, np.float32)


def test_landmarks_come_where_the_network_expects_them():
    frame = np.zeros((300, 300, 3), np.uint8)
    turn = 1.7 * np.exp(0.3j)
    points = np.array([complex(*p) for p in TEMPLATE]) * turn + (60 + 20j)
    landmarks = np.stack([points.real, points.imag], 1).astype(np.float32)
    for x, y in landmarks.round().astype(int):
        frame[y - 2 : y + 3, x - 2 : x + 3] = 255
    picture = aligned(frame, Detection(np.array([60, 20, 240, 240], np.float32), landmarks, 1.0))
    assert picture.shape == (SIDE, SIDE, 3)
    for x, y in TEMPLATE.round().astype(int):
        assert picture[y - 1 : y + 2, x - 1 : x + 2].mean() > 100


def test_without_landmarks_the_box_is_taken():
    frame = np.zeros((100, 100, 3), np.uint8)
    frame[20:60, 30:70] = 200
    picture = aligned(frame, Detection(np.array([30, 20, 70, 60], np.float32), UNKNOWN, 1.0))
    assert picture[10:-10, 10:-10].min() == 200


@pytest.fixture(scope="module")
def people():
    """Two people in two pictures of the sample, from the left: (picture, person) their appearance."""
    clip = load_clip(ROOT / "samples" / "speech.mp4")
    vectors = []
    for i in (2, len(clip.frames) // 2):
        faces = sorted(yunet()(clip.frames[i], 24), key=lambda f: -f.score)[:2]
        vectors.append([sface()(clip.frames[i], f) for f in sorted(faces, key=lambda f: float(f.centre[0]))])
    return np.array(vectors)


def test_the_same_person_is_known_again_and_another_is_not(people):
    assert people.shape == (2, 2, DIM)
    assert np.linalg.norm(people, axis=-1) == pytest.approx(1.0, abs=1e-5)
    assert min(people[0, k] @ people[1, k] for k in (0, 1)) > SAME
    assert max(people[i, 0] @ people[j, 1] for i in (0, 1) for j in (0, 1)) < SAME


def test_the_weights_are_those_that_the_readme_names():
    digest = hashlib.sha256(WEIGHTS.read_bytes()).hexdigest()
    assert digest in (WEIGHTS.parent / "README.md").read_text(encoding="utf-8")
