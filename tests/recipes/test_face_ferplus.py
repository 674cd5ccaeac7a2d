"""The votes on FER2013's pictures."""

import hashlib

import numpy as np
import pytest

from mmer_core.labels import EMOTIONS
from recipes.face.fer2013 import LabelledFaces
from recipes.face.ferplus import (
    CrowdVotes,
    VotedFaces,
    majority,
    one_by_one,
    read_left_out,
    read_voted,
    read_votes,
)

CLASSES = ["angry", "disgust", "fear", "happy", "sad", "surprise", "neutral"]  # in FER2013's order


def faces(pictures, labels=None):
    """Pictures that each show one grey, which stands for what they show."""
    images = np.repeat(np.array(pictures, dtype=np.uint8), 48 * 48).reshape(-1, 48, 48)
    digests = np.array([hashlib.sha256(image.tobytes()).hexdigest() for image in images])
    return LabelledFaces(images, np.array(labels or [0] * len(images)), digests)


def shares(*rows):
    """(N, C) of dictionaries."""
    return np.array([[row.get(name, 0) for name in EMOTIONS] for row in rows], dtype=np.float32)


def write_votes(path, soft, matched=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    matched = np.ones(len(soft), dtype=bool) if matched is None else np.array(matched)
    np.savez(path, soft7=np.array(soft, dtype=np.float16), matched=matched, classes=np.array(CLASSES))


def test_votes_are_in_our_order_and_none_where_nobody_voted_or_nothing_matched(tmp_path):
    soft = np.eye(7)
    soft[5] = 0
    write_votes(tmp_path / "votes.npz", soft, [True] * 6 + [False])
    seen = faces(range(7))
    found = read_votes(tmp_path / "votes.npz", seen).of(seen)
    names = [EMOTIONS[i] if row.any() else None for i, row in zip(found.argmax(1), found, strict=True)]
    assert names == ["anger", "disgust", "fear", "joy", "sadness", None, None]


def test_a_picture_that_stands_there_twice_has_the_mean_of_its_votes():
    votes = CrowdVotes(faces([1, 2, 1]), shares({"joy": 1}, {"fear": 1}, {"joy": 0.5, "neutral": 0.5}))
    found = votes.of(faces([2, 1, 9]))
    assert found[0].tolist() == shares({"fear": 1})[0].tolist()
    assert found[1] == pytest.approx(shares({"joy": 0.75, "neutral": 0.25})[0])
    assert not found[2].any(), "of a picture that is not among them nothing is known"


def test_pictures_without_votes_and_those_that_no_training_may_see_are_left_out(tmp_path):
    seen = faces([1, 2, 3, 2])
    np.save(tmp_path / "left_out.npy", np.array([False, True, False, False]))
    left_out = read_left_out(tmp_path / "left_out.npy", seen)
    votes = CrowdVotes(seen, shares({"joy": 1}, {"joy": 1}, {}, {"joy": 1}))
    kept = VotedFaces.of(seen, votes, left_out)
    assert kept.faces.images[:, 0, 0].tolist() == [1], "a repeat of a picture goes with it"
    assert kept.shares.tolist() == shares({"joy": 1}).tolist()
    assert VotedFaces.of(seen, votes).faces.images[:, 0, 0].tolist() == [1, 2, 2]


def test_rare_emotions_are_shown_twice():
    rows = shares({"joy": 1}, {"fear": 0.3, "sadness": 0.7}, {"disgust": 1}, {"fear": 0.2, "neutral": 0.8})
    repeated = VotedFaces(faces([1, 2, 3, 4]), rows).repeated()
    assert repeated.faces.images[:, 0, 0].tolist() == [1, 2, 2, 3, 3, 4]
    assert repeated.shares.shape == (6, 7)


def test_the_majority_is_shared_where_votes_tie():
    found = majority(shares({"joy": 0.5, "fear": 0.4999}, {"anger": 0.6, "joy": 0.4}, {}))
    assert [[EMOTIONS[i] for i in np.flatnonzero(row)] for row in found] == [["fear", "joy"], ["anger"], []]


def test_votes_one_by_one_are_as_many_as_their_share():
    logits = np.arange(14.0).reshape(2, 7)
    single, emotions = one_by_one(logits, shares({"joy": 0.7, "fear": 0.3}, {"anger": 1}))
    assert len(single) == len(emotions) == 20
    assert np.bincount(emotions, minlength=7).tolist() == [0, 10, 0, 3, 7, 0, 0]
    assert (single[emotions == EMOTIONS.index("anger")] == logits[1]).all()


def test_files_of_another_set_and_missing_ones_are_named(tmp_path):
    write_votes(tmp_path / "votes.npz", np.eye(7))
    np.save(tmp_path / "left_out.npy", np.zeros(5, dtype=bool))
    with pytest.raises(ValueError, match=r"votes\.npz has votes on 7 pictures, not on 3"):
        read_votes(tmp_path / "votes.npz", faces([1, 2, 3]))
    with pytest.raises(ValueError, match=r"left_out\.npy speaks of 5 pictures, not of 3"):
        read_left_out(tmp_path / "left_out.npy", faces([1, 2, 3]))
    with pytest.raises(FileNotFoundError, match=r"holds faces/ferplus/none\.npz with --data"):
        read_votes(tmp_path / "none.npz", faces([1]))


def test_the_three_parts_share_no_picture_and_are_those_of_the_first_training(fer2013, tmp_path):
    for name in ("train", "public_test"):
        write_votes(
            tmp_path / f"faces/ferplus/{name}_ferplus.npz",
            np.eye(7)[np.arange(84 if name == "train" else 28) % 7],
        )
    np.save(tmp_path / "faces/ferplus/leave_out_of_training.npy", np.arange(84) < 10)
    (tmp_path / "fer2013").symlink_to(fer2013 / "fer2013")
    parts = read_voted(tmp_path, seed=0)
    digests = [set(part.faces.digests) for part in parts]
    assert not digests[0] & digests[1] | digests[0] & digests[2] | digests[1] & digests[2]
    assert len(digests[0] | digests[1]) == 84 - 10
    assert len(parts[2]) == 28
    assert all((part.shares.argmax(1) == part.faces.labels).all() for part in parts)
