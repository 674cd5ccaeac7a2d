"""A folder of clips, sounds or pictures: one subfolder for each label (`angry/…`, `happy/…`)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

from mmer_core.corpora import READERS
from mmer_core.corpora.classes import class_label
from mmer_core.corpora.collector import Collector
from mmer_core.corpora.files import MEDIA_SUFFIXES, all_files, folder_of
from mmer_core.corpora.manifest import CorpusError, Manifest
from mmer_core.corpora.tables import decoded, read_table, whole
from mmer_core.labels import EMOTIONS


@READERS.register(
    "folder",
    title="A folder of clips by label",
    description="a folder of clips, sounds or pictures with one subfolder for each label",
    order=30,
)
def read(
    folder: Path, *, speaker: str = "", speakers: str = "speakers.csv", own_labels: bool = False
) -> Manifest:
    """Read `label/file` below a folder; the words of `clip.mp4` may stand in `clip.txt` beside it. Files of
    other kinds are listed, one problem for each ending.

    Args:
        folder: holds the label folders; anything deeper counts for its first folder.
        speaker: regular expression searched in the file's name without suffix; its group named speaker, else
            its first group, else the whole match is the speaker: `[A-Z]+` for `YAF_angry_01.wav`.
        speakers: table in the folder with the columns path (relative to the folder) and speaker; used if it
            is there. The pattern comes first.
        own_labels: take folder names as classes as they are, instead of mapping them to ours (happy -> joy).
    """
    rows = Collector("folder", folder_of(folder))
    pattern = speaker_pattern(speaker)
    table = _speakers(rows, speakers)
    unknown: Counter[str] = Counter()
    others: list[Path] = []
    for file in all_files(rows.root):
        relative = file.relative_to(rows.root)
        if file.suffix.lower() not in MEDIA_SUFFIXES:
            others.append(relative)
            continue
        if len(relative.parts) < 2:
            rows.problem(relative.as_posix(), "it lies in no label folder: put it into one such as angry/")
            continue
        name = relative.parts[0]
        label = name if own_labels else class_label(name)
        if not label:
            unknown[name] += 1
            continue
        id = relative.as_posix()
        path = rows.media(id, file)
        if path:
            rows.add(
                id,
                label,
                path=path,
                text=_words(file),
                group=speaker_in(file.stem, pattern) or table.get(id, ""),
            )
    _tell_unknown(rows, unknown)
    _tell_others(rows, others, speakers)
    return rows.manifest()


def _tell_unknown(rows: Collector, unknown: Mapping[str, int]) -> None:
    """Note label folders whose name is none."""
    for name, count in unknown.items():
        rows.problem(
            f"{name}/",
            f"{count} files: the folder's name is no known emotion ({', '.join(EMOTIONS)} or an "
            "alias): rename it or set own_labels",
        )


def _tell_others(rows: Collector, others: Iterable[Path], speakers: str) -> None:
    """Note files of other kinds, one problem for each ending, save the words and the speakers of clips."""
    used = {speakers, *(Path(id).with_suffix(".txt").as_posix() for id in rows.ids)}
    for suffix, files in _by_suffix(path for path in others if path.as_posix() not in used).items():
        kinds = f"{suffix or 'without an ending'}, which {'is' if suffix else 'are'} not read here"
        rows.problem(
            f"*{suffix}",
            f"{_files(len(files))} left out (first: {files[0].as_posix()}): {kinds}; clips, sounds and "
            f"pictures end in {', '.join(MEDIA_SUFFIXES)}",
        )


def _by_suffix(files: Iterable[Path]) -> dict[str, list[Path]]:
    found: dict[str, list[Path]] = {}
    for file in files:
        found.setdefault(file.suffix.lower(), []).append(file)
    return dict(sorted(found.items()))


def _files(count: int) -> str:
    return "1 file is" if count == 1 else f"{count} files are"


def speaker_pattern(speaker: str) -> re.Pattern[str] | None:
    """The compiled pattern; None for an empty one.

    Raises:
        CorpusError: it is no regular expression.
    """
    try:
        return re.compile(speaker) if speaker else None
    except re.error as error:
        raise CorpusError(f"the speaker pattern {speaker!r} is not a regular expression ({error})") from error


def speaker_in(stem: str, pattern: re.Pattern[str] | None) -> str:
    """The speaker in a file's name: the group named speaker, else the first group, else the whole match."""
    match = pattern.search(stem) if pattern else None
    if match is None:
        return ""
    return match.groupdict().get("speaker") or (match.group(1) if match.groups() else match.group()) or ""


def _speakers(rows: Collector, name: str) -> dict[str, str]:
    """{path: speaker} from the table beside the clips; empty if there is none."""
    if not name or not (rows.root / name).is_file():
        return {}
    table = read_table(rows.root / name).named(("path", "speaker"))
    rows.take_problems(table.problems, of=name)
    return {row["path"].replace("\\", "/"): whole(row["speaker"]) for _, row in table.records()}


def _words(file: Path) -> str:
    try:
        return decoded(file.with_suffix(".txt").read_bytes()).strip()
    except OSError:
        return ""  # most clips have no such file
