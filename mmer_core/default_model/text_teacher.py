"""What a larger network for words answers to MELD's training part, for a smaller one to learn from beside the labels (Hinton et al. 2015).

Pupils that are judged on the held-out dialogues learn from the large model's network as it was trained without these, pupils that are shipped from
the one that is shipped.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from mmer_core.default_model.text_corpora import Utterances
from mmer_core.default_model.text_trainer import TextTrainer
from mmer_core.labels import EMOTIONS

ANSWERS = "text_answers.parquet"
TRIAL_ANSWERS = "text_answers_trial.parquet"  # of the teacher that does not know the held-out dialogues
_COLUMNS = [f"p_{name}" for name in EMOTIONS]


def write_answers(path: Path, trainer: TextTrainer, part: Utterances) -> None:
    """Write a table: id, told (whether the turns before were read), p_<emotion>."""
    tables = []
    for told, before in ((False, None), (True, part.before())):
        probabilities = torch.softmax(torch.from_numpy(trainer.answer(part.texts, before)), dim=1).numpy()
        tables.append(pd.DataFrame({"id": part.ids, "told": told}).join(pd.DataFrame(probabilities, columns=_COLUMNS)))
    pd.concat(tables, ignore_index=True).to_parquet(path, index=False)


def read_answers(path: Path, part: Utterances) -> Tensor:
    """(2, N, C) float32 probabilities for the utterances of `part`: each alone, and behind the turns before it.

    Raises:
        FileNotFoundError: the teacher has not been trained.
        ValueError: it has not answered to one of the utterances.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing: run train-default --only large-text first, whose network teaches the default model's words")
    table = pd.read_parquet(path)
    rows = [table[table["told"] == told].set_index("id")[_COLUMNS].reindex(list(part.ids)).to_numpy(np.float32) for told in (False, True)]
    answers = torch.from_numpy(np.stack(rows))
    if not torch.isfinite(answers).all():
        raise ValueError(f"{path} lacks some of the utterances: delete its folder and run train-default --only large-text again")
    return answers
