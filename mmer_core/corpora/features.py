"""Features per utterance in an archive, with a table beside it: `features.zip` and `dataset.csv`.

The table has id, speaker, emotion and, for each modality, the path of a `.npy` inside the archive; a column
transcript or session is used if there. Arrays are (T, D) sequences or (D,) vectors. The archive is never
unpacked to disk; instead of it, the arrays may lie in the folder as files.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from mmer_core.clip import Absent
from mmer_core.corpora import READERS
from mmer_core.corpora.classes import class_label
from mmer_core.corpora.collector import Collector
from mmer_core.corpora.feature_files import INSIDE, FeatureFiles
from mmer_core.corpora.files import folder_of, member_name, relative_path
from mmer_core.corpora.iemocap import FOUR_CLASSES
from mmer_core.corpora.manifest import FEATURE_COLUMNS, CorpusError, Manifest
from mmer_core.corpora.tables import Table, read_table, whole
from mmer_core.labels import EMOTIONS, Modality

_WORDS = {
    Modality.TEXT: ("text", "lexical", "language", "words", "bert"),
    Modality.AUDIO: ("audio", "acoustic", "voice", "speech", "vggish"),
    Modality.VISUAL: ("visual", "video", "vision", "face", "resnet"),
}
_OPTIONAL = ("transcript", "session")
_SESSION = re.compile(r"Ses\d\d")


class Found(NamedTuple):
    """One undamaged array: its place and its width (0 if it was not read)."""

    locator: str
    width: int


@READERS.register(
    "features",
    title="Features in an archive",
    description="features per utterance in an archive, with a table beside it",
    order=20,
)
def read(
    folder: Path,
    *,
    table: str = "dataset.csv",
    archive: str = "features.zip",
    complete: bool = False,
    check: bool = True,
) -> Manifest:
    """Read the table and check every array that it names.

    An array that is missing, damaged, not finite or of another width than the rest is listed; its utterance
    keeps its other modalities.

    Args:
        folder: holds the table and the archive; or the table.
        table: name of the table.
        archive: name of the archive; if it is not there, paths are files in the folder.
        complete: leave out utterances that lack a modality.
        check: read every array now; without it, a damaged one is found when it is used.
    """
    if folder.is_file():
        folder, table = folder.parent, folder.name
    rows = Collector("features", folder_of(folder))
    found_table = read_table(rows.root / table).named(("id", "speaker", "emotion"), also=_OPTIONAL)
    columns = _feature_columns(found_table)
    rows.take_problems(found_table.problems)
    lines = [row for _, row in found_table.records()]
    packed = archive if (rows.root / archive).exists() else ""
    with FeatureFiles(rows.root) as files:
        if packed:
            files.archive(packed)
        found = [_arrays(rows, files, row, columns, archive=packed, check=check) for row in lines]
    if not packed and not any(found):
        raise CorpusError(
            f"{rows.root} has neither {archive} nor the files that {table} names: put the archive "
            "beside the table"
        )
    _drop_odd_widths(rows, lines, found)
    for row, arrays in zip(lines, found, strict=True):
        _add(rows, row, {FEATURE_COLUMNS[m]: array.locator for m, array in arrays.items()})
    return _finish(rows.manifest(), columns, complete)


def _feature_columns(table: Table) -> dict[Modality, str]:
    """{modality: the column with its paths}, known by name ("visual", "audio_path", "lexical_features")."""
    found: dict[Modality, str] = {}
    for modality, words in _WORDS.items():
        named = [c for c in table.rows.columns if set(re.findall(r"[a-z]+", str(c).lower())) & set(words)]
        paths = [c for c in named if table.rows[c].str.lower().str.endswith(".npy").any()]
        if paths:
            found[modality] = paths[0]
    if not found:
        raise CorpusError(f"{table.file} has no column of .npy paths: name them visual, audio and text")
    return found


def _arrays(
    rows: Collector,
    files: FeatureFiles,
    row: dict[str, str],
    columns: dict[Modality, str],
    *,
    archive: str,
    check: bool,
) -> dict[Modality, Found]:
    """The undamaged arrays of one line; the others are noted as problems."""
    found: dict[Modality, Found] = {}
    for modality, column in columns.items():
        try:
            if not row[column]:
                raise Absent("the table names no file")
            locator = _locator(rows, files, row[column], archive)
            found[modality] = Found(locator, files.read(locator).shape[1] if check else 0)
        except (Absent, ValueError) as error:
            rows.problem(row["id"], f"{modality}: {error}")
    return found


def _locator(rows: Collector, files: FeatureFiles, path: str, archive: str) -> str:
    """The locator of an array; paths may leave out the archive's top folder. Raises Absent or ValueError."""
    if not archive:
        return relative_path(rows.root, path)
    member = member_name(path)
    packed = files.archive(archive)
    for candidate in (member, f"{Path(archive).stem}/{member}"):
        if candidate in packed:
            return f"{archive}{INSIDE}{candidate}"
    raise Absent(f"{path} is missing from {archive}")


def _drop_odd_widths(
    rows: Collector, lines: list[dict[str, str]], found: list[dict[Modality, Found]]
) -> None:
    """Take out arrays that are wider or narrower than most of their modality."""
    for modality in FEATURE_COLUMNS:
        widths = Counter(arrays[modality].width for arrays in found if modality in arrays)
        usual = widths.most_common(1)[0][0] if widths else 0
        for row, arrays in zip(lines, found, strict=True):
            if modality in arrays and arrays[modality].width != usual:
                odd = arrays.pop(modality)
                rows.problem(
                    row["id"],
                    f"{modality}: {odd.locator.partition(INSIDE)[2] or odd.locator} is {odd.width} "
                    f"wide, the others {usual}",
                )


def _add(rows: Collector, row: dict[str, str], locators: dict[str, str]) -> None:
    id = row["id"]
    label = class_label(row["emotion"])
    if not id or not label:
        rows.problem(
            id,
            f"unknown label {row['emotion']!r}: use one of {', '.join(EMOTIONS)} or an alias such as happy"
            if id
            else "the id is empty",
        )
        return
    session = _SESSION.match(row["speaker"]) or _SESSION.match(id)
    rows.add(
        id,
        label,
        text=row.get("transcript", ""),
        group=whole(row["speaker"]),
        session=session.group() if session else whole(row.get("session", "")),
        **locators,
    )


def _finish(manifest: Manifest, columns: dict[Modality, str], complete: bool) -> Manifest:
    """Leave out incomplete utterances if asked; put the four classes into the order of published work."""
    if complete:
        whole = (manifest.table[[FEATURE_COLUMNS[m] for m in columns]] != "").all(axis=1).to_numpy()
        note = f"{int((~whole).sum())} utterances that lack a modality were left out"
        manifest = replace(manifest.take(whole), notes=(*manifest.notes, note))
    four = set(manifest.labels) == set(FOUR_CLASSES)
    return replace(manifest, labels=FOUR_CLASSES) if four else manifest
