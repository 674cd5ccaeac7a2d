"""Given folds: which utterances are tested together."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmer_core.corpora.manifest import CorpusError, Manifest, Problem
from mmer_core.corpora.tables import read_table, whole
from mmer_core.json_files import read_json

if TYPE_CHECKING:
    import pandas as pd


def read_folds(file: Path, manifest: Manifest) -> pd.Series:
    """Folds from a file.

    Args:
        file: a table with the columns id and fold, or JSON `{"folds": [[speaker, ...], ...]}` that lists the
            speakers tested in each fold (numbers match with or without leading zeros).
        manifest: the utterances that need a fold; others in the file are passed over.

    Returns:
        (N,) str in the manifest's order, index the ids.

    Raises:
        CorpusError: not such a file, an utterance without a fold or with two, or fewer than two folds.
    """
    import pandas as pd

    left_out: tuple[Problem, ...] = ()
    if file.suffix.lower() == ".json":
        of_speaker = _speakers(file)
        folds = {
            id: of_speaker.get(_plain(g), "")
            for id, g in zip(manifest.ids, manifest.groups("speaker"), strict=True)
        }
    else:
        folds, left_out = _rows(file, set(manifest.ids))
    without = [id for id in manifest.ids if not folds.get(id)]
    if without:
        first = f"; {left_out[0].id} of it was left out because {left_out[0].reason}" if left_out else ""
        raise CorpusError(
            f"{file} gives no fold for {len(without)} of {len(manifest)} utterances (first: "
            f"{without[0]}): add them{first}"
        )
    chosen = pd.Series([folds[id] for id in manifest.ids], index=manifest.ids, dtype=str)
    if chosen.nunique() < 2:
        raise CorpusError(f"{file} puts everything into one fold: at least two are needed")
    return chosen


def fold_order(folds: pd.Series) -> list[str]:
    """The folds' names, numbers in the order of their value ("2" before "10")."""
    return sorted(
        map(str, folds.unique()),
        key=lambda f: [(0, int(p), "") if p.isdigit() else (1, 0, p) for p in re.findall(r"\d+|\D+", f)],
    )


def _plain(speaker: Any) -> str:
    text = whole(str(speaker).strip())
    return text.lstrip("0") or "0" if text.isdigit() else text


def _speakers(file: Path) -> dict[str, str]:
    try:
        data = read_json(file)
        lists = [[_plain(s) for s in speakers] for speakers in data["folds"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CorpusError(
            f"{file} is not a list of folds: write "
            f'{{"folds": [[speakers of fold 0], [speakers of fold 1], ...]}}'
        ) from error
    of_speaker: dict[str, str] = {}
    for fold, speakers in enumerate(lists):
        for speaker in speakers:
            if of_speaker.setdefault(speaker, str(fold)) != str(fold):
                raise CorpusError(
                    f"{file} puts the speaker {speaker} into the folds {of_speaker[speaker]} and "
                    f"{fold}: keep one"
                )
    return of_speaker


def _rows(file: Path, ids: set[str]) -> tuple[dict[str, str], tuple[Problem, ...]]:
    """{id: fold}, and the lines that could not be read. An id that is none of `ids` as it stands is also
    looked for as a whole number (3.0 for 3).
    """
    table = read_table(file).named(("id", "fold"))
    folds: dict[str, str] = {}
    whole_ids = {whole(id): id for id in ids}
    for _, row in table.records():
        id, fold = row["id"], whole(row["fold"])
        id = id if id in ids else whole_ids.get(whole(id), id)
        if folds.setdefault(id, fold) != fold:
            raise CorpusError(f"{file} gives {id!r} two different folds: keep one")
    return folds, table.problems
