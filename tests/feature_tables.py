"""Small synthetic corpora as feature tables: classes that can be learned, speakers, absent modalities,
sequences.
"""

import numpy as np

from mmer_core.features.table import FeatureTable, column_of
from mmer_core.labels import Modality

DIMS = {Modality.TEXT: 6, Modality.AUDIO: 5, Modality.VISUAL: 4}
LABELS = ("neutral", "anger", "joy")


def make_table(
    n=90, *, speakers=9, dims=DIMS, frames=1, absent=0.0, seed=0, labels=LABELS, sentiment=False
) -> FeatureTable:
    """`frames` > 1 gives sequences of 1 to `frames` frames; `absent` is the share of modalities that are
    missing, never all of an utterance.
    """
    rng = np.random.default_rng(seed)
    y = np.arange(n) % len(labels)
    gone = rng.random((n, len(dims))) < absent
    gone[np.arange(n), rng.integers(0, len(dims), n)] = False
    columns = {}
    for m, (modality, dim) in enumerate(dims.items()):
        centre = rng.normal(size=(len(labels), dim))
        rows = [centre[c] + rng.normal(size=(rng.integers(1, frames + 1), dim)) for c in y]
        columns[modality] = column_of(
            [None if gone[i, m] else row.astype(np.float32) for i, row in enumerate(rows)], dim
        )
    return FeatureTable(
        columns=columns,
        y=y.astype(np.int64),
        labels=tuple(labels),
        ids=np.array([f"u{i:04d}" for i in range(n)]),
        groups=np.array([f"s{(i // len(labels)) % speakers}" for i in range(n)]),
        sentiment=np.where(np.arange(n) % 5 == 0, -1, y % 2).astype(np.int64) if sentiment else None,
        sentiments=("negative", "positive") if sentiment else (),
    )
