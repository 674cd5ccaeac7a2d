"""Features of a whole corpus, indexed by utterance and not loaded: the input of training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from mmer_core.labels import Modality, in_order

if TYPE_CHECKING:
    import torch

    from mmer_core.features.batch import FeatureBatch

#: In place of an encoder's name: the features that came with the corpus.
GIVEN = "given"
FRAMES_AT_ONCE = 65_536  # frames read together when a whole column is read; bounds memory


@dataclass(frozen=True)
class Scaling:
    """Standardisation by group, applied when features are read.

    Attributes:
        group: (N,) int64, the group of each utterance.
        mean: (G, D) float32.
        sd: (G, D) float32, above 0.
    """

    group: np.ndarray
    mean: np.ndarray
    sd: np.ndarray


@dataclass(frozen=True)
class FeatureColumn:
    """One modality of N utterances: all frames in one array, and where each utterance's frames are.

    Attributes:
        frames: (F, D) float16 or float32, in memory or memory-mapped; utterances may share rows.
        start: (N,) int64, first frame of each utterance.
        length: (N,) int64, number of frames; 0 where the utterance lacks the modality.
        scaling: what brings every group to mean 0 and standard deviation 1, or None.
    """

    frames: np.ndarray
    start: np.ndarray
    length: np.ndarray
    scaling: Scaling | None = None

    def __post_init__(self) -> None:
        if self.frames.ndim != 2 or self.start.shape != self.length.shape:
            raise ValueError(
                "features must be (F, D) with one start and one length each, not "
                f"{self.frames.shape}, {self.start.shape}, {self.length.shape}"
            )
        if len(self.start) and (
            self.start.min() < 0
            or self.length.min() < 0
            or (self.start + self.length).max() > len(self.frames)
        ):
            raise ValueError(
                f"an utterance points outside the {len(self.frames)} frames of its features: extract "
                "the features again"
            )

    @property
    def dim(self) -> int:
        """D, the width of the features."""
        return int(self.frames.shape[1])

    def take(self, rows: np.ndarray) -> FeatureColumn:
        """The utterances at `rows`, (n,) int64; no frame is copied."""
        scaling = None if self.scaling is None else replace(self.scaling, group=self.scaling.group[rows])
        return replace(self, start=self.start[rows], length=self.length[rows], scaling=scaling)

    def padded(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(n, T, D) float32 and (n, T) bool padding mask of the utterances at `rows`; T is the longest of
        them, at least 1.
        """
        length = self.length[rows]
        longest = max(1, int(length.max(initial=0)))
        pad = np.arange(longest) >= length[:, None]
        found = np.asarray(self.frames[self.indices(rows)], dtype=np.float32)
        if self.scaling is not None:
            group = np.repeat(self.scaling.group[rows], length)
            found = (found - self.scaling.mean[group]) / self.scaling.sd[group]
        if not pad.any():
            return found.reshape(len(rows), longest, self.dim), pad
        x = np.zeros((len(rows), longest, self.dim), dtype=np.float32)
        x[~pad] = found
        return x, pad

    def indices(self, rows: np.ndarray) -> np.ndarray:
        """(sum of lengths,) int64: positions of the frames of these utterances, one after the other."""
        length = self.length[rows]
        ends = np.cumsum(length)
        return (
            np.arange(ends[-1] if len(ends) else 0)
            - np.repeat(ends - length, length)
            + np.repeat(self.start[rows], length)
        )

    def damaged(self) -> np.ndarray:
        """(N,) bool: utterances with NaN or infinity among their features; reads the column once, piece by
        piece.
        """
        bad = np.zeros(len(self.frames) + 1, dtype=np.int32)  # running count of bad frames
        for begin in range(0, len(self.frames), FRAMES_AT_ONCE):
            piece = np.asarray(self.frames[begin : begin + FRAMES_AT_ONCE])
            bad[begin + 1 : begin + 1 + len(piece)] = ~np.isfinite(piece).all(axis=1)
        np.cumsum(bad, out=bad)
        return bad[self.start + self.length] > bad[self.start]


def column_of(rows: Sequence[np.ndarray | None] | np.ndarray, dim: int | None = None) -> FeatureColumn:
    """A column from one array, (T, D) or (D,), for each utterance; None where it lacks the modality. An (N,
    D) array is taken as it is.

    Raises:
        ValueError: widths differ, or nothing says how wide the features are.
    """
    if isinstance(rows, np.ndarray):
        return FeatureColumn(rows, np.arange(len(rows)), np.ones(len(rows), dtype=np.int64))
    arrays = [None if row is None or not len(row) else np.atleast_2d(row) for row in rows]
    found = [a for a in arrays if a is not None]
    widths = sorted({a.shape[1] for a in found} | ({dim} if dim else set()))
    if len(widths) != 1:
        raise ValueError(
            f"features of one modality must have one width, not {widths or 'none at all'}: use one "
            "encoder for the whole corpus"
        )
    length = np.array([0 if a is None else len(a) for a in arrays], dtype=np.int64)
    frames = (
        np.concatenate([a.astype(np.float32, copy=False) for a in found])
        if found
        else np.zeros((0, widths[0]), dtype=np.float32)
    )
    start = np.concatenate([[0], np.cumsum(length)[:-1]]) if len(length) else length
    return FeatureColumn(frames, start.astype(np.int64), length)


@dataclass(frozen=True)
class FeatureTable:
    """N utterances: features, classes, and what keeps them apart.

    Attributes:
        columns: features by modality; each (N utterances).
        y: (N,) int64 class indices.
        labels: C class names, in the order of their index.
        ids: (N,) str, unique.
        groups: (N,) str: the speaker, session or dialogue that must not be on both sides of a fold.
        split: (N,) str, the official split ("train", "dev", "test"), or None.
        sentiment: (N,) int64 class indices of a second label, -1 where unknown, or None.
        sentiments: names of those classes.
        sources: {modality: what made the features}, for the record of a run.
        problems: (id, reason) of utterances or parts that were left out.
    """

    columns: Mapping[Modality, FeatureColumn]
    y: np.ndarray
    labels: tuple[str, ...]
    ids: np.ndarray
    groups: np.ndarray
    split: np.ndarray | None = None
    sentiment: np.ndarray | None = None
    sentiments: tuple[str, ...] = ()
    sources: Mapping[Modality, str] = field(default_factory=dict)
    problems: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        n = len(self.y)
        sizes = {str(m): len(c.start) for m, c in self.columns.items()} | {
            "ids": len(self.ids),
            "groups": len(self.groups),
        }
        for name, size in sizes.items():
            if size != n:
                raise ValueError(
                    f"{name} has {size} rows and the labels have {n}: a feature table needs one of "
                    "each for every utterance"
                )
        if n and (self.y.min() < 0 or self.y.max() >= len(self.labels)):
            raise ValueError(
                f"a class index lies outside the {len(self.labels)} labels {', '.join(self.labels)}"
            )

    def __len__(self) -> int:
        return len(self.y)

    @property
    def modalities(self) -> tuple[Modality, ...]:
        """Modalities of the table, in the fixed order."""
        return in_order(self.columns)

    @property
    def dims(self) -> dict[Modality, int]:
        """D of every modality, in order."""
        return {m: self.columns[m].dim for m in self.modalities}

    @property
    def present(self) -> np.ndarray:
        """(N, M) bool, columns in the order of `modalities`."""
        return np.stack([self.columns[m].length > 0 for m in self.modalities], axis=1)

    @property
    def vectors(self) -> bool:
        """Whether every utterance has at most one frame in every modality."""
        return all(c.length.max(initial=0) <= 1 for c in self.columns.values())

    def batch(self, rows: np.ndarray | torch.Tensor) -> FeatureBatch:
        """The utterances at `rows`, (n,) int64, as tensors; each modality is padded to the longest of them
        and no further.
        """
        import torch

        from mmer_core.features.batch import FeatureBatch

        rows = np.asarray(rows)
        arrays = {m: self.columns[m].padded(rows) for m in self.modalities}
        return FeatureBatch(
            x={m: torch.from_numpy(x) for m, (x, _) in arrays.items()},
            pad={m: torch.from_numpy(pad) for m, (_, pad) in arrays.items()},
            present=torch.from_numpy(
                np.stack([self.columns[m].length[rows] > 0 for m in self.modalities], axis=1)
            ),
            y=torch.from_numpy(self.y[rows]),
        )

    def take(self, rows: np.ndarray) -> FeatureTable:
        """The utterances at `rows`: (n,) positions or (N,) bool; features stay where they are."""
        rows = np.flatnonzero(rows) if rows.dtype == bool else rows
        return replace(
            self,
            columns={m: c.take(rows) for m, c in self.columns.items()},
            y=self.y[rows],
            ids=self.ids[rows],
            groups=self.groups[rows],
            split=None if self.split is None else self.split[rows],
            sentiment=None if self.sentiment is None else self.sentiment[rows],
        )

    def using(self, modalities: Sequence[Modality]) -> FeatureTable:
        """The same utterances with only these modalities.

        Raises:
            ValueError: a modality that the table does not have.
        """
        lacking = [m for m in modalities if m not in self.columns]
        if lacking:
            raise ValueError(
                f"there are no {lacking[0]} features: the table has {', '.join(self.modalities)}"
            )
        return replace(self, columns={m: self.columns[m] for m in in_order(modalities)})
