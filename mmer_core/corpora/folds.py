"""Given folds: which utterances are tested together."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pandas as pd

from mmer_core.corpora.files import read_table
from mmer_core.corpora.manifest import CorpusError, Manifest


def read_folds(file: Path, manifest: Manifest) -> pd.Series:
    """Folds from a file.

    Args:
        file: a CSV with the columns id and fold, or JSON `{"folds": [[speaker, ...], ...]}` that lists the
            speakers tested in each fold (numbers match with or without leading zeros).
        manifest: the utterances that need a fold; others in the file are passed over.

    Returns:
        (N,) str in the manifest's order, index the ids.

    Raises:
        CorpusError: not such a file, an utterance without a fold or with two, or fewer than two folds.
    """
    if file.suffix.lower() == ".json":
        of_speaker = _speakers(file)
        folds = {
            id: of_speaker.get(_plain(g))
            for id, g in zip(manifest.ids, manifest.groups("speaker"), strict=True)
        }
    else:
        folds = dict(_rows(file))
    without = [id for id in manifest.ids if not folds.get(id)]
    if without:
        raise CorpusError(
            f"{file} gives no fold for {len(without)} of {len(manifest)} utterances (first: "
            f"{without[0]}): add them"
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
    text = str(speaker).strip()
    return text.lstrip("0") or "0" if text.isdigit() else text


def _speakers(file: Path) -> dict[str, str]:
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
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


def _rows(file: Path) -> list[tuple[str, str]]:
    table = read_table(file)
    missing = [c for c in ("id", "fold") if c not in table]
    if missing:
        raise CorpusError(f"{file} has no column {missing[0]!r}: folds are given as id, fold")
    pairs = table[["id", "fold"]].apply(lambda column: column.str.strip()).drop_duplicates()
    twice = pairs["id"][pairs["id"].duplicated()]
    if len(twice):
        raise CorpusError(f"{file} gives {twice.iloc[0]!r} two different folds: keep one")
    return list(pairs.itertuples(index=False, name=None))
