"""Our own manifest: a table with the columns id, path, text, label, speaker, and any others.

What stands between the cells, the encoding and the case of the columns' names do not matter, and a few other
names are known (see `tables`).

`path` is relative to the manifest (or to `root`); path or text may be empty, not both. Columns named as in
`manifest.COLUMNS` (dialogue, utterance, start, end, split, audio_features...) mean what they mean there;
unknown columns are kept. Labels are mapped to ours (happy -> joy) unless the column `classes` names a class
set of its own, its members joined by `|`, as `Manifest.save` writes it ("neutral|calm|...").
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmer_core.corpora import READERS
from mmer_core.corpora.classes import class_label
from mmer_core.corpora.collector import Collector
from mmer_core.corpora.feature_files import INSIDE
from mmer_core.corpora.files import folder_of, member_name, relative_path
from mmer_core.corpora.manifest import COLUMNS, FEATURE_COLUMNS, SOUND_COLUMN, CorpusError, Manifest
from mmer_core.corpora.tables import SYNONYMS, Table, column_key, read_table, whole
from mmer_core.labels import EMOTIONS

if TYPE_CHECKING:
    import pandas as pd

REQUIRED = ("id", "path", "text", "label", "speaker")
_KNOWN = (*COLUMNS, SOUND_COLUMN, "classes")
_GROUPS = ("dialogue", "session")  # names, which a program may have taken for numbers
_READ_APART = {*REQUIRED, "group", "classes", SOUND_COLUMN, *FEATURE_COLUMNS.values()}


@READERS.register(
    "csv",
    title="A table of your own clips (CSV)",
    description="a CSV with the columns id, path, text, label and speaker",
    path="table",
    order=10,
)
def read(file: Path, *, root: str = "", labels: str = "") -> Manifest:
    """Read a manifest file.

    A row whose file is missing, or whose label is unknown, is left out and listed with the reason.

    Args:
        file: the CSV.
        root: the folder that paths are relative to; default the manifest's own.
        labels: the classes in order, joined by commas; default those that occur. Rows of other classes are
            left out.
    """
    import pandas as pd

    table = _named(read_table(file))
    columns = table.rows
    own = next((tuple(v.split("|")) for v in columns.get("classes", pd.Series(dtype=str)) if v), ())
    wanted = tuple(part.strip() for part in labels.split(",")) if labels else own
    rows = Collector("csv", folder_of(Path(root).expanduser() if root else file.parent))
    rows.take_problems(table.problems)
    for number, row in table.records():
        _add(rows, row, number, wanted)
    return rows.manifest(wanted)


def _named(table: Table) -> Table:
    """The table with our names for its columns. `utterance` is a number here, the words where there are no
    others; and beside a `Dialogue_ID`, `Utterance_ID` is a place in the dialogue, not an id.
    """
    keys = {column_key(str(c)): c for c in table.rows.columns}
    synonyms = dict(SYNONYMS)
    if "dialogue_id" in keys:
        synonyms["id"] = tuple(name for name in synonyms["id"] if name != "utterance_id")
    words = "utterance" in keys and not _numbers(table.rows[keys["utterance"]])
    if not words:
        synonyms["text"] = tuple(name for name in synonyms["text"] if name != "utterance")
    elif "text" in keys:
        raise CorpusError(
            f"{table.file} has two columns of words, {keys['text']!r} and {keys['utterance']!r}, and "
            "the latter should be the position in the dialogue: remove or rename one"
        )
    return table.named(REQUIRED, also=_KNOWN, synonyms=synonyms)


def _numbers(column: pd.Series) -> bool:
    """Whether any cell is a number, or all are blank."""
    import pandas as pd

    filled = column[column != ""]
    return not len(filled) or bool(pd.to_numeric(filled, errors="coerce").notna().any())


def _add(rows: Collector, row: dict[str, str], number: int, classes: tuple[str, ...]) -> None:
    """Check one line of the file and take it."""
    id = row["id"] or f"line {number}"
    if not row["id"]:
        rows.problem(id, "the id is empty")
        return
    label = row["label"].lower() if row["label"].lower() in classes else class_label(row["label"])
    if not label or (classes and label not in classes):
        known = f"use one of {', '.join(classes or EMOTIONS)}"
        rows.problem(
            id, f"unknown label {row['label']!r}: {known}" if row["label"] else f"the label is empty: {known}"
        )
        return
    path = rows.media(id, row["path"]) if row["path"] else ""
    if row["path"] and not path:
        return
    try:
        values = {key: _typed(key, value) for key, value in row.items() if key and key not in _READ_APART}
        features = {c: _locator(rows, row[c]) for c in FEATURE_COLUMNS.values() if row.get(c)}
        if row.get(SOUND_COLUMN):
            features[SOUND_COLUMN] = rows.media(id, row[SOUND_COLUMN])
    except ValueError as error:
        rows.problem(id, str(error))
        return
    rows.add(id, label, path=path, text=row["text"], group=whole(row["speaker"]), **values, **features)


def _typed(column: str, value: str) -> Any:
    """A cell as the type its column has."""
    unknown = COLUMNS.get(column, "")
    if isinstance(unknown, str):
        return whole(value) if column in _GROUPS else value
    try:
        return type(unknown)(whole(value)) if value else unknown
    except ValueError as error:
        raise ValueError(f"{column} is {value!r}, not a number") from error


def _locator(rows: Collector, locator: str) -> str:
    """A feature locator whose both halves stay where they belong; raises ValueError."""
    container, _, member = locator.partition(INSIDE)
    container = relative_path(rows.root, container)
    return container + INSIDE + member_name(member) if member else container
