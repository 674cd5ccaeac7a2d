"""The table of a corpus: one row for each utterance that can be used, and the list of those that cannot, with
the reason.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from mmer_core.clip import Dialogue
from mmer_core.corpora.classes import classes_of
from mmer_core.labels import EMOTIONS, Modality

if TYPE_CHECKING:
    import pandas as pd

#: Units that a split can keep apart, and their columns.
GroupUnit = Literal["speaker", "session", "dialogue"]
GROUP_COLUMNS: dict[str, str] = {"speaker": "group", "session": "session", "dialogue": "dialogue"}

#: Columns that locate features that came with the corpus (see `feature_files`).
FEATURE_COLUMNS: dict[Modality, str] = {
    m: f"{m}_features" for m in (Modality.TEXT, Modality.AUDIO, Modality.VISUAL)
}

#: A further column, where a corpus has the sound of its videos in files of their own: the path of that file.
SOUND_COLUMN = "sound_path"

#: Every column a manifest has, with the value that means "unknown"; a corpus may add more (sentiment,
#: intensity...).
COLUMNS: dict[str, str | int | float] = {
    "id": "",
    "path": "",
    "text": "",
    "label": "",
    "group": "",
    "session": "",
    "dialogue": "",
    "utterance": -1,
    "turns": -1,
    "start": float("nan"),
    "end": float("nan"),
    "split": "",
    **dict.fromkeys(FEATURE_COLUMNS.values(), ""),
}


class CorpusError(ValueError):
    """A corpus, manifest or split that cannot be used; the message is one sentence that says where and what
    to do.
    """


class EmptyCorpus(CorpusError):
    """Nothing in a corpus can be used."""


class Problem(NamedTuple):
    """A row or file that is missing, damaged or contradictory."""

    id: str
    reason: str


@dataclass(frozen=True)
class Utterance:
    """One row of a manifest, ready to be decoded.

    Attributes:
        id: unique in the corpus.
        label: one of the manifest's labels.
        path: the media file, or None.
        sound: the file of its sound alone, where the corpus has one beside the video; else None.
        text: the words, or None.
        group: the speaker; "" if unknown.
        dialogue: its place in a conversation, or None.
        features: {modality: locator} of features that came with the corpus; read them with `FeatureFiles`.
    """

    id: str
    label: str
    path: Path | None
    text: str | None
    group: str
    dialogue: Dialogue | None
    features: dict[Modality, str]
    sound: Path | None = None

    def recording(self, modality: Modality) -> Path | None:
        """The file that a modality is read from: the video for faces, else the sound if there is one."""
        return self.path if modality is Modality.VISUAL or self.sound is None else self.sound


@dataclass(frozen=True)
class Manifest:
    """A corpus as a table.

    Attributes:
        table: one row per usable utterance, index 0..N-1, at least the columns of `COLUMNS`. `path` is
            relative to `root`, with forward slashes; `group` is the speaker; `utterance` the 0-based position
            in the dialogue and `turns` the dialogue's length, both counting turns that are not in the table;
            `start` and `end` are seconds in the recording that the clip is a part of; `split` is the official
            one.
        labels: the classes, in the order of their index.
        root: the folder that all paths stay inside.
        corpus: name of the reader ("ravdess").
        problems: rows that were missing, damaged or left out, with the reason; ids that are still in the
            table lost only a part.
        notes: sentences about the whole corpus (utterances of other classes that were left out...).
    """

    table: pd.DataFrame
    labels: tuple[str, ...]
    root: Path
    corpus: str = ""
    problems: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = field(default=())

    def __post_init__(self) -> None:
        missing = [c for c in COLUMNS if c not in self.table]
        if missing:
            raise CorpusError(
                f"a manifest needs the column {missing[0]}: this table has "
                f"{', '.join(map(str, self.table.columns))}"
            )
        unknown = sorted(set(self.table["label"]) - set(self.labels))
        if unknown:
            raise CorpusError(
                f"the label {unknown[0]!r} is not one of the manifest's classes {', '.join(self.labels)}"
            )
        twice = self.table["id"][self.table["id"].duplicated()]
        if len(twice):
            raise CorpusError(f"the id {twice.iloc[0]!r} stands on two rows: ids must be unique")

    def __len__(self) -> int:
        return len(self.table)

    @property
    def y(self) -> np.ndarray:
        """(N,) int64 class indices."""
        return (
            self.table["label"]
            .map({label: i for i, label in enumerate(self.labels)})
            .to_numpy(dtype=np.int64)
        )

    @property
    def ids(self) -> list[str]:
        """The ids of the rows, in order."""
        return self.table["id"].tolist()

    @property
    def skipped(self) -> tuple[Problem, ...]:
        """The problems whose row is not in the table."""
        kept = set(self.table["id"])
        return tuple(p for p in self.problems if p.id not in kept)

    def groups(self, unit: str = "speaker", *, required: bool = True) -> np.ndarray:
        """(N,) str: the speaker, session or dialogue of each utterance.

        Args:
            unit: "speaker", "session" or "dialogue".
            required: refuse utterances whose group is unknown; else each is a group of its own.

        Raises:
            CorpusError: another unit, or utterances whose group is unknown.
        """
        if unit not in GROUP_COLUMNS:
            raise CorpusError(f"cannot group by {unit!r}: choose one of {', '.join(GROUP_COLUMNS)}")
        values = self.table[GROUP_COLUMNS[unit]]
        unknown = self.table["id"][values == ""]
        if len(unknown) and not required:
            values = values.where(values != "", "utterance " + self.table["id"])
        elif len(unknown):
            raise CorpusError(
                f"the {unit} is unknown for {len(unknown)} of {len(self)} utterances (first: "
                f"{unknown.iloc[0]}): "
                f"fill it in or group by another of {', '.join(GROUP_COLUMNS)}"
            )
        return values.to_numpy(dtype=str)

    def take(self, rows: Sequence[int] | np.ndarray) -> Manifest:
        """The same corpus with only these rows ((n,) int positions or (N,) bool), in order; classes stay."""
        index = np.asarray(rows)
        index = np.flatnonzero(index) if index.dtype == bool else index.astype(np.int64)
        return replace(self, table=self.table.iloc[index].reset_index(drop=True))

    def has_features(self, modality: Modality) -> bool:
        """Whether the corpus brought features of this modality for any utterance."""
        return modality in FEATURE_COLUMNS and bool((self.table[FEATURE_COLUMNS[modality]] != "").any())

    def utterances(self) -> Iterator[Utterance]:
        """The rows, in order. `Dialogue.previous` holds the earlier turns that are in the table and have
        words.
        """
        dialogues = self._dialogues
        for position, row in enumerate(self.table.to_dict("records")):
            yield Utterance(
                id=row["id"],
                label=row["label"],
                path=self.root / row["path"] if row["path"] else None,
                text=row["text"] or None,
                group=row["group"],
                dialogue=dialogues.get(position),
                features={m: row[c] for m, c in FEATURE_COLUMNS.items() if row[c]},
                sound=self.root / row[SOUND_COLUMN] if row.get(SOUND_COLUMN) else None,
            )

    @cached_property
    def _dialogues(self) -> dict[int, Dialogue]:
        """{row: dialogue} for the rows that belong to one."""
        known = self.table[(self.table["dialogue"] != "") & (self.table["utterance"] >= 0)]
        found: dict[int, Dialogue] = {}
        for _, turns in known.groupby("dialogue", sort=False):
            previous: list[str] = []
            for row in turns.sort_values("utterance", kind="stable").itertuples():
                seconds = row.end - row.start
                length = max(row.turns, row.utterance + 1)
                found[row.Index] = Dialogue(
                    int(row.utterance), int(length), float(seconds) if seconds > 0 else 0.0, tuple(previous)
                )
                if row.text:
                    previous.append(row.text)
        return found

    @cached_property
    def fingerprint(self) -> str:
        """sha256 of the rows and the classes, 64 hex digits; the folder they lie in, further files of the
        same sound, problems and notes do not count.
        """
        columns = sorted(str(c) for c in self.table.columns if c != SOUND_COLUMN)
        content = self.table[columns].to_csv(index=False, lineterminator="\n")
        return hashlib.sha256("\x1f".join([*self.labels, content]).encode()).hexdigest()

    def save(self, file: Path) -> None:
        """Write the rows as our own CSV (see `corpora.csv`), which `corpora.read` reads back to the same
        table.

        Raises:
            CorpusError: `file` lies where its paths would have to leave its folder.
        """
        folder = file.resolve().parent
        root = self.root.resolve()
        if not root.is_relative_to(folder):
            raise CorpusError(
                f"{file} cannot be written there because a manifest's paths stay inside its folder: "
                f"put it in {root} or a folder above"
            )
        prefix = root.relative_to(folder).as_posix()
        table = self.table.rename(columns={"group": "speaker"})
        if prefix != ".":
            for column in table.columns.intersection(["path", SOUND_COLUMN, *FEATURE_COLUMNS.values()]):
                table[column] = [f"{prefix}/{value}" if value else "" for value in table[column]]
        optional = {c: unknown for c, unknown in COLUMNS.items() if c not in ("id", "path", "text", "label")}
        unused = [c for c, unknown in optional.items() if c in table and _all_unknown(table[c], unknown)]
        table = table.drop(columns=unused)
        if self.labels != classes_of(self.table["label"]) or not set(self.labels) <= set(EMOTIONS):
            table["classes"] = "|".join(self.labels)
        table.to_csv(file, index=False, lineterminator="\n")


def _all_unknown(values: pd.Series, unknown: str | int | float) -> bool:
    return bool((values.isna() if isinstance(unknown, float) else values == unknown).all())
