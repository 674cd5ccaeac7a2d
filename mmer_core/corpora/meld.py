"""MELD (Poria et al. 2019): conversations of a television series, seven emotions, three sentiments, official
split.

Tables with columns like its own are read too. The clips are optional: without them the corpus is
its words and dialogue positions.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from mmer_core.corpora import READERS
from mmer_core.corpora.classes import class_label
from mmer_core.corpora.collector import Collector
from mmer_core.corpora.files import AUDIO_SUFFIXES, VIDEO_SUFFIXES, folder_of, media_files
from mmer_core.corpora.manifest import CorpusError, Manifest
from mmer_core.corpora.tables import read_table, whole
from mmer_core.corpora.transcripts import repaired
from mmer_core.labels import EMOTIONS

if TYPE_CHECKING:
    import pandas as pd

SPLITS = ("train", "dev", "test")
_CLIP = re.compile(r"dia(\d+)_utt(\d+)")
_TIME = re.compile(r"(?:(\d+):)?(\d+):(\d+)[,.](\d+)")
_SUFFIXES = (*VIDEO_SUFFIXES, *AUDIO_SUFFIXES)
#: Our name of each column, and the names it goes by, letters and digits only.
_COLUMNS: dict[str, tuple[str, ...]] = {
    "text": ("utterance", "text", "transcript"),
    "speaker": ("speaker",),
    "emotion": ("emotion", "label"),
    "dialogue": ("dialogueid", "dialogue"),
    "utterance": ("utteranceid", "uttid"),
    "sentiment": ("sentiment",),
    "start": ("starttime", "start"),
    "end": ("endtime", "end"),
}
_OPTIONAL = ("sentiment", "start", "end")
#: Clips that the official release lacks or that cannot be played (issues 22, 27 and 39 of declare-lab/MELD);
#: their words are fine.
KNOWN_GAPS = {
    ("dev", "110", "7"): "the official release has no clip of this utterance: only its words are used",
    ("train", "125", "3"): "the official clip of this utterance cannot be played: only its words are used",
}


@READERS.register(
    "meld",
    title="MELD",
    description="conversations of a television series, seven emotions, official split (Poria et al. 2019)",
)
def read(folder: Path, *, split: str = "all") -> Manifest:
    """Read those of `train_sent_emo.csv`, `dev_sent_emo.csv`, `test_sent_emo.csv` that are there, and clips
    `dia#_utt#` in folders named after them.

    Args:
        folder: holds the tables, at any depth; or one table.
        split: "all", or one or more of train, dev, test, joined by commas.
    """
    wanted = SPLITS if split == "all" else tuple(part.strip() for part in split.split(","))
    strange = [s for s in wanted if s not in SPLITS]
    if strange:
        raise CorpusError(f"MELD has no split {strange[0]!r}: choose of {', '.join(SPLITS)}, or all")
    tables = (
        [folder]
        if folder.is_file()
        else sorted((p for p in folder_of(folder).rglob("*.csv") if _split_of(p.name)), key=_official_first)
    )
    if not tables:
        raise CorpusError(
            f"{folder} has no table such as train_sent_emo.csv: name the folder of MELD's annotations"
        )
    rows = Collector("meld", folder.parent if folder.is_file() else folder)
    clips = _clips(rows.root)
    for name in (*SPLITS, ""):
        of_split = [t for t in tables if _split_of(t.name) == name]
        if len(of_split) > 1:
            rows.notes.append(
                f"{of_split[0].name} was read; other tables of the same split were not: "
                f"{', '.join(t.name for t in of_split[1:])}"
            )
        if of_split and (name in wanted or not name):
            _add_split(rows, of_split[0], name, clips)
    if not clips:
        rows.notes.append("no clips dia#_utt# were found: words and dialogue positions only")
    return rows.manifest(EMOTIONS)


def _official_first(table: Path) -> tuple[bool, int, str]:
    """Sort key: `train_sent_emo.csv` before other tables of its split, such as the dyadic ones."""
    return not table.name.endswith("_sent_emo.csv"), len(table.parts), table.as_posix()


def _split_of(name: str) -> str:
    """The split that a file or folder is named after; "" for none."""
    words = re.findall(r"[a-z]+", name.lower())
    names = {
        "train": "train",
        "dev": "dev",
        "val": "dev",
        "valid": "dev",
        "validation": "dev",
        "test": "test",
    }
    return next((names[w] for w in words if w in names), "")


def _clips(root: Path) -> dict[tuple[str, str, str], Path]:
    """{(split, dialogue, utterance): file}, video before sound; split "" where the folder names none."""
    found: dict[tuple[str, str, str], Path] = {}
    for file in media_files(root, _SUFFIXES):
        name = _CLIP.fullmatch(file.stem)
        if name is None:
            continue  # the test folder holds stray `final_videos_test...` copies
        folders = reversed(file.relative_to(root).parts[:-1])
        split = next((s for s in map(_split_of, folders) if s), "")
        key = (split, name[1], name[2])
        if key not in found or _SUFFIXES.index(file.suffix.lower()) < _SUFFIXES.index(
            found[key].suffix.lower()
        ):
            found[key] = file
    return found


def _add_split(rows: Collector, file: Path, split: str, clips: dict[tuple[str, str, str], Path]) -> None:
    """Take every line of one table."""
    import pandas as pd

    read = read_table(file)
    rows.take_problems(read.problems, of=file.name)
    table = _columns(read.rows, file)
    table["order"] = pd.to_numeric(table["utterance"], errors="coerce")
    table = table.sort_values("order", kind="stable")
    table["position"] = table.groupby("dialogue", sort=False).cumcount()
    table["turns"] = table.groupby("dialogue")["dialogue"].transform("size")
    has_clips = any(key[0] in (split, "") for key in clips)
    for row in table.sort_index().to_dict("records"):
        dialogue, utterance = row["dialogue"], row["utterance"]
        id = f"{split or file.stem}_dia{dialogue}_utt{utterance}"
        label = class_label(row["emotion"])
        if not label:
            rows.problem(id, f"unknown label {row['emotion']!r} in {file.name}")
            continue
        key = (split, dialogue, utterance)
        clip = clips.get(key) or clips.get(("", dialogue, utterance))
        path = _path(rows, id, clip, KNOWN_GAPS.get(key)) if has_clips else ""
        rows.add(
            id,
            label,
            path=path,
            text=repaired(row["text"]),
            group=repaired(row["speaker"]),
            dialogue=f"{split or file.stem}_dia{dialogue}",
            utterance=row["position"],
            turns=row["turns"],
            start=_seconds(row.get("start", "")),
            end=_seconds(row.get("end", "")),
            split=split,
            sentiment=row.get("sentiment", "").strip().lower(),
        )


def _columns(table: pd.DataFrame, file: Path) -> pd.DataFrame:
    """The table with our names for its columns."""
    plain = {re.sub(r"[^a-z0-9]", "", str(c).lower()): c for c in table.columns}
    found: dict[str, str] = {}
    for ours, theirs in _COLUMNS.items():
        match = next((plain[t] for t in theirs if t in plain), None)
        if match is not None:
            found[match] = ours
        elif ours not in _OPTIONAL:
            raise CorpusError(
                f"{file} has no column for the {ours}: MELD's table has Utterance, Speaker, Emotion, "
                "Dialogue_ID and Utterance_ID"
            )
    named = table[list(found)].rename(columns=found)
    # clips are named after the numbers, which some programs write as 3.0
    return named.assign(**{c: named[c].map(whole) for c in ("dialogue", "utterance")})


def _path(rows: Collector, id: str, clip: Path | None, gap: str | None) -> str:
    """The clip's checked path; "" after noting why there is none."""
    if clip is not None and not (gap and not _has_index(clip)):
        return rows.media(id, clip)
    rows.problem(id, gap or "its clip is missing: only its words are used")
    return ""


def _has_index(file: Path) -> bool:
    """Whether an mp4 has the `moov` box without which it cannot be played: someone may have put a repaired
    clip in the place of the damaged one.
    """
    if file.suffix.lower() != ".mp4":
        return True
    with file.open("rb") as stream:
        while len(head := stream.read(8)) == 8:
            size, kind = int.from_bytes(head[:4], "big"), head[4:]
            if kind == b"moov":
                return True
            if size == 1:  # the true size follows in 8 bytes
                size = int.from_bytes(stream.read(8), "big") - 8
            if size < 8:
                return False
            stream.seek(size - 8, 1)
    return False


def _seconds(time: str) -> float:
    """Seconds from "00:16:16,059" or "976.059"; NaN if it is neither."""
    match = _TIME.fullmatch(time.strip())
    if match:
        hours, minutes, seconds, fraction = match.groups()
        return int(hours or 0) * 3600 + int(minutes) * 60 + float(f"{seconds}.{fraction}")
    try:
        return float(time)
    except ValueError:
        return float("nan")
