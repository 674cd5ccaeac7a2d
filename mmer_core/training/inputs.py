"""Standardised features of any utterances of a corpus, with no more of them in memory than is needed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from mmer_core.features.table import FeatureColumn, FeatureTable
from mmer_core.fusion.layers import ModalityFeatures, pool, standardizers_of
from mmer_core.labels import Modality
from mmer_core.training.config import TrainingConfig
from mmer_core.training.multitask import MultiTask, Network

ROWS_AT_ONCE = 1024  # utterances read or predicted together; sequences: fewer, see `chunks`
KEEP_BYTES = 2**29  # standardised features up to this size stay on the model's device during one training
FRAME_BYTES = 2**27  # size of one padded chunk of sequences


def chunks(table: FeatureTable, rows: np.ndarray) -> Iterator[np.ndarray]:
    """The rows in pieces that stay small in memory when padded."""
    longest = max((int(c.length[rows].max(initial=1)) * c.dim for c in table.columns.values()), default=1)
    size = int(np.clip(FRAME_BYTES // (4 * max(1, longest)), 1, ROWS_AT_ONCE))
    for begin in range(0, len(rows), size):
        yield rows[begin : begin + size]


def having(table: FeatureTable, rows: np.ndarray, modalities: Iterable[Modality]) -> np.ndarray:
    """The rows that have at least one of these modalities."""
    there = np.zeros(len(table), dtype=bool)
    for modality in modalities:
        there |= table.columns[modality].length > 0
    return rows[there[rows]]


def parts_having(
    table: FeatureTable, train: np.ndarray, validation: np.ndarray, modalities: Collection[Modality]
) -> tuple[np.ndarray, np.ndarray]:
    """The rows of the training and of the validation part that have at least one of these modalities.

    Raises:
        ValueError: no training row has any.
    """
    train, validation = having(table, train, modalities), having(table, validation, modalities)
    if not len(train):
        raise ValueError(
            f"no training utterance has {' or '.join(modalities)} features: check what was extracted"
        )
    return train, validation


def pooled_once(table: FeatureTable, model: Network, config: TrainingConfig) -> FeatureTable:
    """The table with each sequence already pooled, if all that the model reads is one mean or maximum over
    time anyway; else the same table.

    The pooled vector of a vector is itself, so the model reads the same, and long sequences are read once
    instead of in every fold.
    """
    poolings = {reader.pooling for reader in standardizers_of(model)}
    size = 4 * len(table) * sum(table.dims.values())
    if table.vectors or config.augments or size > KEEP_BYTES or poolings not in ({"mean"}, {"max"}):
        return table
    (how,) = poolings
    columns = {}
    for modality in table.modalities:
        frames = np.zeros((len(table), table.dims[modality]), dtype=np.float32)
        own = table.using([modality])
        for piece in chunks(own, np.arange(len(table))):
            batch = own.batch(piece)
            frames[piece] = pool(batch.x[modality], ~batch.pad[modality], how).numpy()  # type: ignore[arg-type]
        columns[modality] = FeatureColumn(
            frames, np.arange(len(table)), (table.columns[modality].length > 0).astype(np.int64)
        )
    return replace(table, columns=columns)


def device_of(model: Network) -> torch.device:
    """The device that a model lies on."""
    return next(model.buffers()).device


class InputSource:
    """Standardised features of any utterances for one model, on the model's device. Where they have a fixed
    size and are small they are read once and kept there; otherwise they are read as needed.

    Args:
        model: what reads them; on its device already.
        table: the corpus.
        rows: (n,) positions of the utterances that will be asked for.
    """

    def __init__(self, model: Network, table: FeatureTable, rows: np.ndarray) -> None:
        self.model, self.table = model, table
        self.device = device_of(model)
        self._kept: dict[Modality, ModalityFeatures] | None = None
        size = self._size(rows)
        if size is not None and 4 * len(rows) * size <= KEEP_BYTES:
            self._kept = self._read_all(rows)
            self._position = torch.zeros(len(table), dtype=torch.int64)
            self._position[torch.from_numpy(rows)] = torch.arange(len(rows))
            self._position = self._position.to(self.device)

    def take(self, rows: Tensor) -> dict[Modality, ModalityFeatures]:
        """Features of the utterances at `rows`, (n,) int64 positions in the table, on any device."""
        if self._kept is None:
            return self._read(rows.cpu().numpy())
        index = self._position[rows.to(self.device)]
        return {m: features.take(index) for m, features in self._kept.items()}

    def _size(self, rows: np.ndarray) -> int | None:
        """How many numbers the model reads of one utterance, at most; None where that follows the length of
        its sequences.
        """
        network = self.model.network if isinstance(self.model, MultiTask) else self.model
        if not self.table.vectors or not len(rows):
            return network.input_size
        return sum(features.x[0].numel() for features in self._read(rows[:1]).values())

    def _read(self, rows: np.ndarray) -> dict[Modality, ModalityFeatures]:
        return self.model.read(self.table.batch(rows).to(self.device))

    def _read_all(self, rows: np.ndarray) -> dict[Modality, ModalityFeatures]:
        pieces = [self._read(piece) for piece in chunks(self.table, rows)]
        return {m: _joined([piece[m] for piece in pieces]) for m in self.model.modalities}


def _joined(pieces: Sequence[ModalityFeatures]) -> ModalityFeatures:
    """The utterances of all pieces, padded to the longest of them."""
    longest = max((piece.x.shape[1] for piece in pieces), default=1)
    rest = [longest - piece.x.shape[1] for piece in pieces]
    return ModalityFeatures(
        torch.cat([F.pad(p.x, (0, 0, 0, r)) for p, r in zip(pieces, rest, strict=True)]),
        torch.cat([F.pad(p.valid, (0, r)) for p, r in zip(pieces, rest, strict=True)]),
    )


@torch.inference_mode()
def logits_of(
    model: Network, source: InputSource, rows: Tensor, subsets: Sequence[Sequence[Modality]] | None = None
) -> Tensor:
    """(n, C) float32 logits in evaluation mode, on the processor; with `subsets`, (S, n, C): one answer for
    each set of modalities that is switched on.
    """
    model.eval()
    pieces = [torch.zeros(1 if subsets is None else len(subsets), 0, model.classes)]
    for piece in chunks(source.table, rows.cpu().numpy()):
        inputs = source.take(torch.from_numpy(piece))
        if subsets is None:
            found = model.decide(inputs).logits[None]
        else:
            found = model.subset_outputs(inputs, subsets).logits
        pieces.append(found.float().cpu())
    logits = torch.cat(pieces, dim=1)
    return logits[0] if subsets is None else logits
