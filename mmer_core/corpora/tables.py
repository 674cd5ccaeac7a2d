"""Tables as people save them: comma, semicolon, tab or bar between cells, any usual encoding and line end,
column names in any case. A row that does not fit its header is listed and left out; it never moves the cells
of others.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from mmer_core.corpora.delimited import SEPARATORS, beginning, fits, records
from mmer_core.corpora.manifest import CorpusError, Problem

if TYPE_CHECKING:
    import pandas as pd

#: Endings of files that are read as a table, and of those that say how to become one.
TABLE_SUFFIXES = (".csv", ".tsv", ".tab", ".txt")
WORKBOOK_SUFFIXES = (".xlsx", ".xls", ".xlsm", ".ods")
#: Other names of columns, used where the proper one is missing.
SYNONYMS: Mapping[str, tuple[str, ...]] = {
    "id": ("utterance_id", "clip_id", "utt_id", "sample_id"),
    "path": ("file", "filename", "file_name", "filepath", "file_path", "wav", "audio", "video"),
    "text": ("transcript", "transcription", "utterance", "sentence", "words"),
    "label": ("emotion", "class", "category"),
    "emotion": ("label", "class", "category"),
    "speaker": ("speaker_id", "subject", "actor", "group"),
}
_WORKBOOKS = (
    b"PK\x03\x04",
    b"\xd0\xcf\x11\xe0",
)  # .xlsx and .ods are zip archives, .xls is an older container
_MARKS = (
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
MOST_BYTES = 512 * 2**20  # of a table; the largest of a corpus has 20 MB
_WHOLE = re.compile(r"([+-]?\d+)\.0+")
_AGAIN = re.compile(r" \(\d+\)$")  # after the name of a column that is there already


@dataclass(frozen=True)
class Table:
    """A table as text.

    Attributes:
        file: where it came from, for messages.
        rows: the rows that fit the header, each cell a str without blanks around; the index is the line
            of the file on which the row begins.
        problems: the rows that do not fit; ids are "line 7".
    """

    file: Path
    rows: pd.DataFrame
    problems: tuple[Problem, ...] = ()

    def named(
        self,
        wanted: Collection[str],
        *,
        also: Iterable[str] = (),
        synonyms: Mapping[str, tuple[str, ...]] = SYNONYMS,
    ) -> Table:
        """Return the table with `wanted` columns under their proper names, whatever their case; a synonym is
        taken where the proper one is missing. Columns in `also` have their case mended, no more.

        Raises:
            CorpusError: two columns that mean the same, or a wanted one that is missing.
        """
        by_key: dict[str, list[str]] = {}
        for column in map(str, self.rows.columns):
            by_key.setdefault(column_key(_AGAIN.sub("", column)), []).append(column)
        found: dict[str, str] = {}
        for name in wanted:
            other = [c for key in synonyms.get(name, ()) if key not in wanted for c in by_key.get(key, [])]
            columns = by_key.get(column_key(name), []) or other
            if len(columns) > 1:
                raise CorpusError(
                    f"{self.file} has several columns that could be the {name}, {_listed(columns)}: keep "
                    f"one, and call it {name}"
                )
            if columns:
                found[columns[0]] = name
            else:
                called = f" (or {' or '.join(synonyms[name])})" if synonyms.get(name) else ""
                raise CorpusError(
                    f"{self.file} has no column {name!r}{called}: it needs the columns {', '.join(wanted)}, "
                    f"and has {_listed(list(self.rows.columns)) or 'none'}"
                )
        for name in also:
            columns = [c for c in by_key.get(column_key(name), []) if c not in found]
            if len(columns) == 1:
                found[columns[0]] = name
        return replace(self, rows=self.rows.rename(columns=found))

    def records(self) -> Iterator[tuple[int, dict[str, str]]]:
        """Yield (line of the file, {column: cell}) of each row."""
        for line, row in zip(self.rows.index, self.rows.to_dict("records"), strict=True):
            yield int(line), {str(k): v for k, v in row.items()}


def read_table(file: Path) -> Table:
    """Read a table as text, nothing guessed but its encoding and what stands between its cells.

    Raises:
        CorpusError: missing, empty, a workbook, or not a table.
    """
    try:
        with file.open("rb") as source:
            data = source.read(MOST_BYTES + 1)
    except OSError as error:
        raise CorpusError(f"{file} cannot be read ({error.strerror}): name an existing table") from error
    if len(data) > MOST_BYTES:
        raise CorpusError(f"{file} is larger than {MOST_BYTES >> 20} MB: leave out rows or columns")
    if data.startswith(_WORKBOOKS):
        raise CorpusError(
            f"{file} is a workbook of a spreadsheet program, not a text table: open it there, save the sheet "
            "as CSV (File, Save as), and name that file"
        )
    lines = list(io.StringIO(decoded(data), newline=""))
    try:
        start, separator = beginning(lines)
        header = next(csv.reader(iter(lines[start:]), delimiter=separator, skipinitialspace=True), None)
    except csv.Error as error:
        raise CorpusError(f"{file} is not a table ({error}): its first line names the columns") from error
    columns = _unique([cell.strip() for cell in header or ()])
    found = records(file, lines, start, separator, len(columns))
    if header is None or next(found, None) is None:  # nothing, or nothing but space of any kind
        raise CorpusError(f"{file} is empty and not a table: its first line names the columns")
    return _table(file, columns, found, separator)


def decoded(data: bytes) -> str:
    """The text of a file: UTF-8, UTF-16 or UTF-32 by its mark; without one UTF-16 if every second byte of its
    beginning is zero, else UTF-8, else Windows-1252.
    """
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return data.decode(encoding, errors="replace").removeprefix("\ufeff")
    head = data[:64]
    for first, encoding in ((1, "utf-16-le"), (0, "utf-16-be")):
        if len(head) >= 8 and not any(head[first::2]) and all(head[1 - first :: 2]):
            return data.decode(encoding, errors="replace")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("cp1252", errors="replace")


def column_key(name: str) -> str:
    """A column's name for comparison: "Speaker ID" and "speaker_id" are the same."""
    return re.sub(r"[\s\-_]+", "_", name.strip().lower())


def whole(text: str) -> str:
    """A whole number that was written as 3.0, as 3; any other text as it is."""
    match = _WHOLE.fullmatch(text)
    return match[1] if match else text


def _table(
    file: Path, columns: list[str], found: Iterable[tuple[int, list[str] | None]], separator: str
) -> Table:
    """The rows that fit the header, and the problems of the others."""
    import pandas as pd

    width, word = len(columns), SEPARATORS.get(separator, repr(separator))
    rows: list[list[str]] = []
    index: list[int] = []
    problems: list[Problem] = []
    for line, cells in found:
        if cells is None:
            reason = "a quotation mark is not closed: close or remove it"
        elif not fits(cells, width):
            reason = (
                f"it has {_cells(len(cells))} and the header has {width}: put quotation marks around a cell "
                f"with a {word} in it, or add the cells that are missing"
            )
        else:
            rows.append([cell.strip() for cell in cells[:width]])
            index.append(line)
            continue
        problems.append(Problem(f"line {line}", reason))
    if problems and not rows:
        raise CorpusError(
            f"{file} is not a table whose rows fit its header: {problems[0].id}: {problems[0].reason}"
        )
    frame = pd.DataFrame(rows, columns=columns, index=index, dtype=str)
    return Table(file, frame[[c for c in columns if c]], tuple(problems))


def _cells(count: int) -> str:
    return "1 cell" if count == 1 else f"{count} cells"


def _unique(names: list[str]) -> list[str]:
    """Names of columns without blank ones at the end; of equal ones, the later are numbered ("text (2)")."""
    while names and not names[-1]:
        names = names[:-1]
    seen: dict[str, int] = {}
    found = []
    for name in names:
        again = seen[name] = seen.get(name, 0) + 1
        found.append(f"{name} ({again})" if name and again > 1 else name)
    return found


def _listed(columns: Collection[str]) -> str:
    return ", ".join(repr(str(c)) for c in columns)
