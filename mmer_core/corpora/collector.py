"""Collector of rows that can be used and of problems with the others, which every reader fills."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from mmer_core.corpora.classes import classes_of
from mmer_core.corpora.files import relative_path, unreadable
from mmer_core.corpora.manifest import COLUMNS, FEATURE_COLUMNS, Manifest, Problem


class Collector:
    """Gathers the rows of one corpus and makes the Manifest."""

    def __init__(self, corpus: str, root: Path) -> None:
        self.corpus = corpus
        self.root = root.resolve()
        self.problems: list[Problem] = []
        self.notes: list[str] = []
        self._rows: list[dict[str, Any]] = []
        self._ids: set[str] = set()
        self._told: set[str] = set()  # ids with a problem

    def problem(self, id: str, reason: str) -> None:
        """Note why a row, or a part of it, cannot be used."""
        self.problems.append(Problem(id, reason))
        self._told.add(id)

    def take_problems(self, problems: Iterable[Problem], of: str = "") -> None:
        """Note the problems of a table; `of` says which, where a corpus has several."""
        for problem in problems:
            self.problem(f"{of} {problem.id}".strip(), problem.reason)

    def media(self, id: str, path: str | Path) -> str:
        """The checked path for the row `id`, or "" after noting why the file cannot be used; a path in a
        table is relative to the root.
        """
        try:
            relative = relative_path(self.root, str(path))
        except ValueError as error:
            self.problem(id, str(error))
            return ""
        reason = unreadable(self.root / relative)
        if reason:
            self.problem(id, reason)
            return ""
        return relative

    def add(self, id: str, label: str, **values: Any) -> bool:
        """Take one row; `values` are further columns. False, with a problem noted, if the id is taken or
        nothing is there to work with.
        """
        if id in self._ids:
            self.problem(f"{id} (again)", "an earlier row has the same id: give each row its own")
            return False
        if not any(values.get(c) for c in ("path", "text", *FEATURE_COLUMNS.values())):
            if id not in self._told:
                self.problem(id, "it has neither a file nor words")
            return False
        self._ids.add(id)
        self._rows.append({"id": id, "label": label, **values})
        return True

    @property
    def ids(self) -> frozenset[str]:
        """The ids of the rows taken so far."""
        return frozenset(self._ids)

    def __len__(self) -> int:
        return len(self._rows)

    def manifest(self, labels: Sequence[str] = ()) -> Manifest:
        """The corpus read so far; without `labels`, the classes that occur."""
        import pandas as pd

        table = pd.DataFrame(self._rows)
        for column, unknown in COLUMNS.items():
            if column not in table:
                table[column] = unknown
            table[column] = table[column].fillna(unknown).astype(type(unknown))
        extra = [c for c in table.columns if c not in COLUMNS]
        for column in extra:
            table[column] = table[column].fillna("").astype(str)
        classes = tuple(labels) or classes_of(table["label"])
        return Manifest(
            table[[*COLUMNS, *extra]],
            classes,
            self.root,
            self.corpus,
            tuple(self.problems),
            tuple(self.notes),
        )
