"""FER+, the votes of ten people on each picture of FER2013 (Barsoum et al. 2016): reading them, and finding
those of a picture.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mmer_core.labels import EMOTIONS, canonical_label
from recipes.face.fer2013 import LabelledFaces, clean, hold_out, read_fer2013
from recipes.face.training import FaceTraining

FOLDER = "faces/ferplus"  # in the folder of --data
_VOTERS = 10  # for each picture
_ROUNDED = 1e-3  # the shares lie in the file in half precision; those this close are equal
_RARE = ("disgust", "fear")  # 5 % of all votes
_RARELY = 0.3  # share of the votes from which a picture of a rare emotion is shown twice in an epoch


class CrowdVotes:
    """The votes on the pictures of one part of FER2013.

    Args:
        faces: that part, as it lies in its file.
        shares: (N, C) how many of the voters chose each emotion, rows summing to 1, or to 0 where nobody
            chose one of them.
    """

    def __init__(self, faces: LabelledFaces, shares: np.ndarray) -> None:
        self.digests, row = np.unique(faces.digests, return_inverse=True)
        total = np.zeros((len(self.digests), len(EMOTIONS)))
        np.add.at(total, row, shares)
        sums = total.sum(1, keepdims=True)
        self._shares = np.divide(total, sums, out=np.zeros_like(total), where=sums > 0).astype(np.float32)

    def of(self, faces: LabelledFaces) -> np.ndarray:
        """(N, C) float32: the shares of the votes on these pictures, the mean over the rows of a picture that
        stands there repeatedly; 0 where nobody voted, or the picture is not of this part.
        """
        at = np.searchsorted(self.digests, faces.digests).clip(max=len(self.digests) - 1)
        known = self.digests[at] == faces.digests
        return np.asarray(self._shares[at] * known[:, None], dtype=np.float32)


@dataclass(frozen=True)
class VotedFaces:
    """Pictures and the votes on them, without those on which nobody voted.

    Attributes:
        faces: N pictures.
        shares: (N, C) float32, see `CrowdVotes.of`; rows sum to 1.
    """

    faces: LabelledFaces
    shares: np.ndarray

    def __len__(self) -> int:
        return len(self.faces)

    @classmethod
    def of(cls, faces: LabelledFaces, votes: CrowdVotes, left_out: np.ndarray | None = None) -> VotedFaces:
        """Those of the pictures on which somebody voted and whose digest is not among `left_out`."""
        shares = votes.of(faces)
        kept = shares.sum(1) > 0
        if left_out is not None:
            kept &= ~np.isin(faces.digests, left_out)
        return cls(faces.take(kept), shares[kept])

    def repeated(self) -> VotedFaces:
        """Those with rare emotions stand there twice."""
        rare = self.shares[:, [EMOTIONS.index(name) for name in _RARE]].max(1) >= _RARELY
        rows = np.repeat(np.arange(len(self)), 1 + rare)
        return VotedFaces(self.faces.take(rows), self.shares[rows])


def read_votes(path: Path, faces: LabelledFaces) -> CrowdVotes:
    """Read the votes on one part of FER2013 from an npz file with `soft7` (N, 7), `matched` (N,) and
    `classes`, in the order of that part.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it holds votes on another number of pictures.
    """
    _require(path)
    with np.load(path, allow_pickle=False) as table:
        soft, matched, classes = table["soft7"].astype(np.float32), table["matched"], table["classes"]
    if len(soft) != len(faces):
        raise ValueError(
            f"{path} has votes on {len(soft)} pictures, not on {len(faces)}: take both of one set"
        )
    emotions = [canonical_label(str(name)) for name in classes]
    shares = soft[:, [emotions.index(name) for name in EMOTIONS]] * matched[:, None]
    return CrowdVotes(faces, shares)


def read_left_out(path: Path, faces: LabelledFaces) -> np.ndarray:
    """Digests of the pictures that no training may see, from an npy file with a bool for each of `faces`.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it speaks of another number of pictures.
    """
    _require(path)
    mask = np.load(path, allow_pickle=False)
    if mask.shape != (len(faces),):
        raise ValueError(f"{path} speaks of {mask.size} pictures, not of {len(faces)}: take both of one set")
    return np.unique(faces.digests[mask.astype(bool)])


def read_voted(data: Path, seed: int) -> tuple[VotedFaces, VotedFaces, VotedFaces]:
    """Training pictures, held-out ones and public_test.

    The pictures are held out as in the training from labels, so that networks which come from it have not
    learned them.

    Raises:
        FileNotFoundError: FER2013 or FER+ is not in `data`.
    """
    public = read_fer2013(data / "fer2013" / "public_test.npz")
    whole = read_fer2013(data / "fer2013" / "train.npz")
    votes = read_votes(data / FOLDER / "train_ferplus.npz", whole)
    left_out = read_left_out(data / FOLDER / "leave_out_of_training.npy", whole)
    pictures, held_out = hold_out(clean(whole, public), FaceTraining.held_out, seed)
    return (
        VotedFaces.of(pictures, votes, left_out),
        VotedFaces.of(held_out, votes, left_out),
        VotedFaces.of(public, read_votes(data / FOLDER / "public_test_ferplus.npz", public)),
    )


def majority(shares: np.ndarray) -> np.ndarray:
    """(N, C) bool: the emotions with the most votes, several where they tie; none where nobody voted."""
    most = shares.max(axis=1, keepdims=True)
    return np.asarray((shares > most - _ROUNDED) & (most > 0))


def one_by_one(logits: np.ndarray, shares: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The logits (N, C) once for each tenth of the votes, (M, C), and the emotion of that vote, (M,): what is
    fitted to these is fitted to the votes as they are spread, not to their majority.
    """
    count = np.rint(shares * _VOTERS).astype(np.int64)
    picture, emotion = np.nonzero(count)
    times = count[picture, emotion]
    return np.repeat(logits[picture], times, axis=0), np.repeat(emotion, times)


def _require(path: Path) -> None:
    if not path.is_file():
        raise FileNotFoundError(
            f"{path} is missing: give the folder that holds {FOLDER}/{path.name} with --data"
        )
