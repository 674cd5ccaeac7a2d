"""Corpora that were left out of training whole, with what a network says of them: tables, and what can be
measured of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from mmer_core.labels import EMOTIONS

FEWEST = 20  # utterances from which a corpus says anything
_LOGITS = [f"logit_{name}" for name in EMOTIONS]


@dataclass(frozen=True)
class LeftOut:
    """The raw logits of a network that had not learned this corpus: (N, C) float32, class indices (N,), and
    groups (N,) str, the speakers or dialogues.
    """

    logits: np.ndarray
    labels: np.ndarray
    groups: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, rows: np.ndarray) -> LeftOut:
        """The utterances at these positions, int or bool."""
        return LeftOut(self.logits[rows], self.labels[rows], self.groups[rows])


def write(path: Path, corpora: Mapping[str, LeftOut], ids: Mapping[str, Sequence[str]] | None = None) -> None:
    """Write a table: id where `ids` has them for each corpus, corpus, label, group, logit_<emotion>."""
    tables = []
    for name, part in corpora.items():
        labels = [EMOTIONS[i] for i in part.labels]
        table = pd.DataFrame({"corpus": name, "label": labels, "group": part.groups})
        if ids is not None:
            table.insert(0, "id", list(ids[name]))
        table[_LOGITS] = part.logits.astype(np.float32)
        tables.append(table)
    pd.concat(tables, ignore_index=True).to_parquet(path, index=False)


def read(path: Path) -> dict[str, LeftOut]:
    """{corpus: its utterances} of a table that has at least the columns that `write` writes; one without a
    column corpus is of one, named as the file.

    Raises:
        FileNotFoundError: the step that writes it has not been run.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing: run python -m recipes before this step")
    table = pd.read_parquet(path)
    if "corpus" not in table:
        table = table.assign(corpus=path.stem)
    found = {}
    for name, rows in table.groupby("corpus", sort=False):
        labels = rows["label"].map(EMOTIONS.index).to_numpy()
        found[str(name)] = LeftOut(
            rows[_LOGITS].to_numpy(np.float32), labels, rows["group"].astype(str).to_numpy()
        )
    return found


def usable(corpora: Mapping[str, LeftOut]) -> tuple[dict[str, LeftOut], dict[str, str]]:
    """Corpora that can be measured, and {corpus: what is left out of it, and why}.

    A corpus of fewer than `FEWEST` utterances or of one emotion is left out whole; so are the utterances of
    an emotion that only one corpus has, since without it nothing names that emotion. Without speakers it
    stays, and that is said.
    """
    kept, reasons = dict[str, LeftOut](), dict[str, str]()
    classes = {name: set(part.labels.tolist()) for name, part in corpora.items()}
    for name, whole in corpora.items():
        part, said = whole, list[str]()
        elsewhere = set().union(*(own for other, own in classes.items() if other != name))
        if len(corpora) > 1 and (alone := sorted(classes[name] - elsewhere)):
            part = part.take(~np.isin(part.labels, alone))
            said.append(f"{', '.join(EMOTIONS[i] for i in alone)}, as no other corpus has it")
        if len(part) < FEWEST:
            reasons[name] = f"all of it: {len(part)} utterances are too few, at least {FEWEST} are needed"
            continue
        if len(set(part.labels.tolist())) < 2:
            reasons[name] = f"all of it: it has one emotion, {EMOTIONS[int(part.labels[0])]}, only"
            continue
        kept[name] = part
        if len(set(part.groups.tolist())) < 2:
            said.append("nothing, but it tells no speakers apart: no interval can be given")
        if said:
            reasons[name] = "; ".join(said)
    return kept, reasons
