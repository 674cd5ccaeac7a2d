"""What a model sees of a corpus: standardised evidence of any utterances, with no more in memory than is needed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from mmer_core.features.table import FeatureColumn, FeatureTable
from mmer_core.fusion.layers import Evidence, Reader, pool
from mmer_core.labels import Modality
from mmer_core.training.config import TrainingConfig
from mmer_core.training.multitask import MultiTask, Network

ROWS_AT_ONCE = 1024  # utterances read or predicted together; sequences: fewer, see `chunks`
KEEP_BYTES = 2**29  # standardised vectors up to this size stay in memory during one training; larger ones are read batch by batch
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


def readers_of(model: Network) -> list[Reader]:
    """Every standardisation in a model."""
    return [module for module in model.modules() if isinstance(module, Reader)]


def pooled_once(table: FeatureTable, model: Network, config: TrainingConfig) -> FeatureTable:
    """The table with each sequence already pooled, if all that the model reads is one mean or maximum over time anyway; else the same table.

    The pooled vector of a vector is itself, so the model is none the wiser, and long sequences are read once instead of in every fold.
    """
    poolings = {reader.pooling for reader in readers_of(model)}
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
        columns[modality] = FeatureColumn(frames, np.arange(len(table)), (table.columns[modality].length > 0).astype(np.int64))
    return replace(table, columns=columns)


class EvidenceSource:
    """Standardised evidence of any utterances for one model. What has a fixed size is read once and kept where that is small; the rest as needed."""

    def __init__(self, model: Network, table: FeatureTable, rows: np.ndarray) -> None:
        self.model, self.table = model, table
        network = model.network if isinstance(model, MultiTask) else model
        size = network.evidence_size or (sum(network.dims.values()) if table.vectors else None)
        self._kept: dict[Modality, Evidence] | None = None
        if size is not None and 4 * len(rows) * size <= KEEP_BYTES:
            pieces = [model.read(table.batch(piece)) for piece in chunks(table, rows)]
            self._kept = {m: Evidence(torch.cat([p[m].x for p in pieces]), torch.cat([p[m].valid for p in pieces])) for m in model.modalities}
            self._position = torch.zeros(len(table), dtype=torch.int64)
            self._position[torch.from_numpy(rows)] = torch.arange(len(rows))

    def take(self, rows: Tensor) -> dict[Modality, Evidence]:
        """Evidence of the utterances at `rows`, (n,) int64 positions in the table."""
        if self._kept is None:
            return self.model.read(self.table.batch(rows))
        return {m: e.take(self._position[rows]) for m, e in self._kept.items()}


@torch.inference_mode()
def logits_of(model: Network, source: EvidenceSource, rows: Tensor, subsets: Sequence[Sequence[Modality]] | None = None) -> Tensor:
    """(n, C) float32 logits in use (no dropout); with `subsets`, (S, n, C): one answer for each set of modalities that is switched on."""
    model.eval()
    wanted = [None] if subsets is None else list(subsets)
    answers: list[list[Tensor]] = [[] for _ in wanted]
    for piece in chunks(source.table, rows.numpy()):
        evidence = source.take(torch.from_numpy(piece))
        for answer, use in zip(answers, wanted, strict=True):
            switched = evidence if use is None else {m: e.keep(torch.full((len(piece),), m in use)) for m, e in evidence.items()}
            answer.append(model.decide(switched).logits.float())
    logits = torch.stack([torch.cat(a) if a else torch.zeros(0, model.classes) for a in answers])
    return logits[0] if subsets is None else logits
