"""Soft labels of a larger text network for MELD's training part, from which a smaller one learns beside the
labels (Hinton et al. 2015).

Students that are compared on the held-out dialogues learn from the large model's network as it was trained
without these, students that are shipped from the one that is shipped.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from mmer_core.labels import EMOTIONS
from recipes.words.corpora import Utterances
from recipes.words.network import TextClassifier

SOFT_LABELS = "text_soft_labels.parquet"
TRIAL_SOFT_LABELS = "text_soft_labels_trial.parquet"  # of the teacher without the held-out dialogues
_COLUMNS = [f"p_{name}" for name in EMOTIONS]


def write_soft_labels(path: Path, teacher: TextClassifier, part: Utterances) -> None:
    """Write a table: id, in_dialogue (whether the turns before were read), p_<emotion>."""
    tables = []
    for in_dialogue, context in ((False, None), (True, part.contexts())):
        probabilities = torch.softmax(torch.from_numpy(teacher.predict(part.texts, context)), dim=1).numpy()
        rows = pd.DataFrame({"id": part.ids, "in_dialogue": in_dialogue})
        tables.append(rows.join(pd.DataFrame(probabilities, columns=_COLUMNS)))
    pd.concat(tables, ignore_index=True).to_parquet(path, index=False)


def read_soft_labels(path: Path, part: Utterances) -> Tensor:
    """(2, N, C) float32 probabilities for the utterances of `part`: each alone, and behind the turns before
    it.

    Raises:
        FileNotFoundError: the teacher has not been trained.
        ValueError: it has not read one of the utterances.
    """
    if not path.is_file():
        raise FileNotFoundError(
            f"{path} is missing: run python -m recipes --only large-words first, whose network is the "
            "teacher of the default model's words"
        )
    table = pd.read_parquet(path)
    rows = [
        table[table["in_dialogue"] == chosen]
        .set_index("id")[_COLUMNS]
        .reindex(list(part.ids))
        .to_numpy(np.float32)
        for chosen in (False, True)
    ]
    soft_labels = torch.from_numpy(np.stack(rows))
    if not torch.isfinite(soft_labels).all():
        raise ValueError(
            f"{path} lacks some of the utterances: delete its folder and run python -m recipes --only "
            "large-words again"
        )
    return soft_labels
