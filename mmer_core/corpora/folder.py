"""A folder of clips, sounds or pictures: one subfolder for each label (`angry/…`, `happy/…`)."""

from __future__ import annotations

import re
from pathlib import Path

from mmer_core.corpora import READERS
from mmer_core.corpora.classes import class_label
from mmer_core.corpora.collector import Collector
from mmer_core.corpora.files import folder_of, media_files, read_table
from mmer_core.corpora.manifest import CorpusError, Manifest
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
    """Read `label/file` below a folder; the words of `clip.mp4` may stand in `clip.txt` beside it.

    Args:
        folder: holds the label folders; anything deeper counts for its first folder.
        speaker: regular expression searched in the file's name without suffix; its group named speaker, else
            its first group, else the whole match is the speaker: `[A-Z]+` for `YAF_angry_01.wav`.
        speakers: CSV in the folder with the columns path (relative to the folder) and speaker; used if it is
            there. The pattern comes first.
        own_labels: take folder names as classes as they are, instead of mapping them to ours (happy -> joy).
    """
    rows = Collector("folder", folder_of(folder))
    pattern = _pattern(speaker)
    table = _speakers(rows.root, speakers)
    unknown: dict[str, int] = {}
    for file in media_files(rows.root):
        relative = file.relative_to(rows.root)
        if len(relative.parts) < 2:
            rows.problem(relative.as_posix(), "it lies in no label folder: put it into one such as angry/")
            continue
        name = relative.parts[0]
        label = name if own_labels else class_label(name)
        if not label:
            unknown[name] = unknown.get(name, 0) + 1
            continue
        id = relative.as_posix()
        path = rows.media(id, file)
        if path:
            rows.add(
                id,
                label,
                path=path,
                text=_words(file),
                group=_speaker(file.stem, pattern) or table.get(id, ""),
            )
    for name, count in unknown.items():
        rows.problem(
            f"{name}/",
            f"{count} files: the folder's name is no known emotion ({', '.join(EMOTIONS)} or an "
            "alias): rename it or set own_labels",
        )
    return rows.manifest()


def _pattern(speaker: str) -> re.Pattern[str] | None:
    try:
        return re.compile(speaker) if speaker else None
    except re.error as error:
        raise CorpusError(f"the speaker pattern {speaker!r} is not a regular expression ({error})") from error


def _speaker(stem: str, pattern: re.Pattern[str] | None) -> str:
    match = pattern.search(stem) if pattern else None
    if match is None:
        return ""
    return match.groupdict().get("speaker") or (match.group(1) if match.groups() else match.group()) or ""


def _speakers(root: Path, name: str) -> dict[str, str]:
    """{path: speaker} from the table beside the clips; empty if there is none."""
    if not name or not (root / name).is_file():
        return {}
    table = read_table(root / name)
    missing = [c for c in ("path", "speaker") if c not in table]
    if missing:
        raise CorpusError(f"{root / name} has no column {missing[0]!r}: it needs path and speaker")
    return {
        path.strip().replace("\\", "/"): who.strip()
        for path, who in zip(table["path"], table["speaker"], strict=True)
    }


def _words(file: Path) -> str:
    try:
        return file.with_suffix(".txt").read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""  # most clips have no such file
