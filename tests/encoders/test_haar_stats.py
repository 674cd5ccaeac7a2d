"""Grey values and edges of faces that a Haar cascade finds."""

import numpy as np
import pytest

from mmer_core import encoders
from mmer_core.clip import Absent, Clip
from mmer_core.encoders import EncoderUnavailable, haar_stats


def test_only_frames_with_a_face_have_a_row(face_picture):
    frames = np.stack([face_picture(), np.full((240, 320, 3), 90, np.uint8), face_picture(size=180)])
    assert encoders.create("haar_stats").encode(Clip("a", "", "video", frames=frames)).shape == (
        2,
        len(haar_stats.COLUMNS),
    )


def test_no_face_is_absent():
    with pytest.raises(Absent, match="no frontal face in 2 of 2 frames"):
        encoders.create("haar_stats").encode(
            Clip("a", "", "video", frames=np.full((2, 120, 160, 3), 90, np.uint8))
        )


def test_the_largest_face_is_taken(face_picture):
    both = np.concatenate([face_picture(size=80, width=160), face_picture(size=180, width=240)], axis=1)
    face = encoders.create("haar_stats").largest_face(both)
    assert face.shape[0] > 120


def test_pixel_statistics_and_edges_of_a_known_picture():
    face = np.zeros((64, 64), np.uint8)
    face[:, 32:] = 200
    row = dict(zip(haar_stats.COLUMNS, haar_stats.face_features(face), strict=True))
    assert (row["mean"], row["sd"], row["min"], row["max"]) == (100, 100, 0, 200)
    cells = np.array([[row[f"edges_{r}_{c}"] for c in range(4)] for r in range(4)])
    assert row["edges"] == pytest.approx(cells.mean())
    assert (cells[:, [0, 3]] == 0).all()  # the only edge runs down the middle
    assert cells[:, 1:3].sum(axis=1).min() > 0


def test_an_opencv_without_cascades_is_one_sentence(monkeypatch):
    monkeypatch.setattr(haar_stats.cv2.data, "haarcascades", "/nowhere/")
    with pytest.raises(EncoderUnavailable, match="run pip install opencv-python=="):
        encoders.create("haar_stats")
