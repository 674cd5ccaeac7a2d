"""A corpus that somebody sent: a zip archive with clips in folders named for their labels, or with a table
and the clips that it names; or a table alone. It becomes a manifest of our own in a private folder.

No name that was sent is used as a path: clips are written as 0001.wav, 0002.mp4..., and the manifest says
which is which.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, BinaryIO

from mmer_core.corpora.archive import DEFAULT_LIMITS, MEGABYTE, ArchiveLimits, ReceivedArchive
from mmer_core.corpora.classes import class_label
from mmer_core.corpora.files import MEDIA_SUFFIXES, member_name
from mmer_core.corpora.folder import speaker_in, speaker_pattern
from mmer_core.corpora.manifest import FEATURE_COLUMNS, SOUND_COLUMN, CorpusError, Problem
from mmer_core.corpora.tables import SYNONYMS, column_key, decoded, read_table
from mmer_core.labels import EMOTIONS

if TYPE_CHECKING:
    import pandas as pd

MANIFEST, CLIPS = "manifest.csv", "clips"
TABLES = (".csv", ".tsv")
TABLE_BYTES = 20 * MEGABYTE
WORDS_BYTES = MEGABYTE
#: A table to fill in: every column that a manifest needs, and one line for each way to use it.
TEMPLATE = """\
id,path,text,label,speaker
clip-1,clips/anna_01.mp4,I did not expect that at all.,surprise,anna
clip-2,clips/ben_01.wav,,anger,ben
sentence-1,,What a lovely day!,joy,anna
"""
_NEEDED = ("id", "path", "text", "speaker")  # empty where a table has no such column


@dataclass(frozen=True)
class Uploaded:
    """A corpus that was received.

    Attributes:
        manifest: our table of it, for `corpora.read`.
        problems: files and rows that were left out, with the reason.
    """

    manifest: Path
    problems: tuple[Problem, ...]


def receive_archive(
    source: BinaryIO, name: str, folder: Path, *, speaker: str = "", limits: ArchiveLimits = DEFAULT_LIMITS
) -> Uploaded:
    """Unpack an archive of clips.

    Args:
        source: the zip archive.
        name: to call it by.
        folder: empty and private; clips and manifest are written there.
        speaker: where clips lie in folders by label, a regular expression searched in their names, as in
            `corpora.folder`.
        limits: what is refused.

    Raises:
        CorpusError: nothing in it can be used, or it goes beyond the limits; one sentence says what to do.
    """
    with ReceivedArchive(source, name, limits) as archive:
        tables = [n for n in archive.names if PurePosixPath(n).suffix.lower() in TABLES]
        table = _first_table(archive, sorted(tables, key=_depth), folder)
        if table is not None:
            rows = _by_table(archive, *table, folder)
        else:
            rows = _by_folder(archive, folder, tables, speaker)
        return _finish(rows, folder, archive.problems)


def receive_table(data: bytes, name: str, folder: Path) -> Uploaded:
    """A table alone; its paths are relative to a folder that the reader is told (option root).

    Raises:
        CorpusError: too large, or without labels.
    """
    if len(data) > TABLE_BYTES:
        raise CorpusError(f"{name} is larger than {TABLE_BYTES // MEGABYTE} MB: send it in parts")
    rows, problems = _table(data, name, folder)
    return _finish(rows, folder, problems)


def _depth(name: str) -> tuple[int, str]:
    return name.count("/"), name


def _finish(rows: pd.DataFrame, folder: Path, problems: Sequence[Problem]) -> Uploaded:
    rows.to_csv(folder / MANIFEST, index=False)
    return Uploaded(folder / MANIFEST, tuple(problems))


def _table(data: bytes, name: str, folder: Path) -> tuple[pd.DataFrame, list[Problem]]:
    """The rows of a table, with all columns that a manifest needs, and its lines that cannot be read.

    Raises:
        CorpusError: no table, or no column of labels.
    """
    file = folder / f"received{'.tsv' if name.lower().endswith('.tsv') else '.csv'}"
    file.write_bytes(data)
    try:
        read = read_table(file)
    except CorpusError as error:
        raise CorpusError(str(error).replace(str(file), name)) from error
    finally:
        file.unlink(missing_ok=True)
    rows = read.rows.rename(
        columns=lambda c: _column(str(c), set(map(column_key, map(str, read.rows.columns))))
    )
    if "label" not in rows:
        raise CorpusError(
            f"{name} has no column of labels: name one of its columns label, or start from the template"
        )
    if "path" not in rows and "text" not in rows:
        raise CorpusError(
            f"{name} has neither a column path nor a column text: add one, or start from the template"
        )
    for column in _NEEDED:
        if column not in rows:
            rows[column] = ""
    names = [id or path for id, path in zip(rows["id"], rows["path"], strict=True)]
    rows["id"] = [n or f"line {line}" for n, line in zip(names, read.rows.index, strict=True)]
    return rows, list(read.problems)


def _column(column: str, there: set[str]) -> str:
    """The proper name of a column: that for which it is another name, where the proper one is missing."""
    key = column_key(column)
    if key in ("label", *_NEEDED):
        return key
    for name in ("label", *_NEEDED):
        first = next((s for s in SYNONYMS[name] if s in there), None)
        if name not in there and key == first:
            return name
    return column


def _first_table(
    archive: ReceivedArchive, names: Sequence[str], folder: Path
) -> tuple[str, pd.DataFrame] | None:
    """The first of these tables that is one of labelled clips or words: its name and its rows; lines of it
    that cannot be read are put among the archive's problems.
    """
    for name in names:
        try:
            rows, problems = _table(archive.read(name, TABLE_BYTES), name, folder)
        except CorpusError:
            continue
        if len(rows):
            archive.problems += problems
            return name, rows
    return None


def _by_table(archive: ReceivedArchive, name: str, rows: pd.DataFrame, folder: Path) -> pd.DataFrame:
    """The rows of the table, their files unpacked; a row whose file is not there is left out."""
    import pandas as pd

    clips = _Clips(archive, folder)
    base = name.rpartition("/")[0]
    places = [c for c in rows if column_key(str(c)) in ("path", SOUND_COLUMN, *FEATURE_COLUMNS.values())]
    kept = []
    for row in rows.to_dict("records"):
        try:
            kept.append({**row, **{c: clips.of_cell(row[c], base) for c in places if row[c]}})
        except CorpusError as error:
            archive.problems.append(Problem(str(row["id"]), str(error)))
    if not kept:
        raise CorpusError(
            f"none of the files that {name} names is in {archive.name}: pack the clips with the table, their "
            "paths relative to it"
        )
    return pd.DataFrame(kept)


def _by_folder(archive: ReceivedArchive, folder: Path, tables: Sequence[str], speaker: str) -> pd.DataFrame:
    """One row for each clip in a folder that is named for an emotion."""
    import pandas as pd

    media = [n for n in archive.names if n.lower().endswith(MEDIA_SUFFIXES)]
    if not media:
        raise CorpusError(_nothing(archive, tables))
    pattern = speaker_pattern(speaker)
    clips, there, kept = _Clips(archive, folder), set(archive.names), []
    for name in media:
        path = PurePosixPath(name)
        label = next((found for part in path.parts[:-1] if (found := class_label(part))), "")
        if not label:
            reason = f"it lies in no folder named for an emotion ({', '.join(EMOTIONS)} or an alias)"
            archive.problems.append(Problem(name, reason))
            continue
        words = str(path.with_suffix(".txt"))
        try:
            text = decoded(archive.read(words, WORDS_BYTES)).strip() if words in there else ""
            kept.append([name, clips.unpacked(name), text, label, speaker_in(path.stem, pattern)])
        except CorpusError as error:
            archive.problems.append(Problem(name, str(error)))
    if not kept:
        raise CorpusError(
            f"{archive.name} has no folder named for an emotion, such as anger/ or joy/, and no table with "
            "labels: put the clips into such folders, or add the template filled in"
        )
    return pd.DataFrame(kept, columns=["id", "path", "text", "label", "speaker"])


def _nothing(archive: ReceivedArchive, tables: Sequence[str]) -> str:
    """Why an archive without clips gives no corpus."""
    if tables:
        return (
            f"{tables[0]} in {archive.name} has no column of labels, and there are no clips: name one of its "
            "columns label, or start from the template"
        )
    first = f" ({archive.problems[0].id}: {archive.problems[0].reason})" if archive.problems else ""
    return f"{archive.name} holds neither clips nor a table that can be read{first}: pack them into it"


class _Clips:
    """The files of an archive under numbers, each unpacked when it is first asked for."""

    def __init__(self, archive: ReceivedArchive, folder: Path) -> None:
        self._archive, self._folder = archive, folder
        (folder / CLIPS).mkdir()
        self._done: dict[str, str] = {}
        self._by_name = {name.lower(): name for name in archive.names}

    def of_cell(self, cell: str, base: str) -> str:
        """Our path of the file that a cell names, relative to the table or to the archive.

        Raises:
            CorpusError: there is no such file, or it is damaged.
        """
        try:
            plain = member_name(cell)
        except ValueError as error:
            raise CorpusError(str(error)) from error
        for candidate in (f"{base}/{plain}".lstrip("/"), plain):
            if name := self._by_name.get(candidate.lower()):
                return self.unpacked(name)
        raise CorpusError(f"its file {cell} is not in the archive")

    def unpacked(self, name: str) -> str:
        """Our path of a file: its number and the end of its name."""
        suffix = PurePosixPath(name).suffix.lower()
        if suffix not in (*MEDIA_SUFFIXES, ".npy"):
            raise CorpusError(f"{name} is neither a clip, a sound nor a picture")
        if name not in self._done:
            path = f"{CLIPS}/{len(self._done) + 1:04d}{suffix}"
            self._archive.write(name, self._folder / path)
            self._done[name] = path
        return self._done[name]
