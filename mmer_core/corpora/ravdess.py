"""RAVDESS (Livingstone & Russo 2018): 24 actors speak two sentences in eight emotions; each clip's name says
everything.

`modality-channel-emotion-intensity-statement-repetition-actor`, for example `03-01-05-02-01-01-12.wav`. The
name without its first field is the id, so the same utterance has the same id as video (01), silent video
(02), sound (03) and in the table of action units.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

from mmer_core.corpora import READERS
from mmer_core.corpora.collector import Collector
from mmer_core.corpora.feature_files import INSIDE, FeatureFiles
from mmer_core.corpora.files import folder_of, media_files
from mmer_core.corpora.manifest import FEATURE_COLUMNS, CorpusError, Manifest
from mmer_core.labels import EMOTIONS, Modality

_NAME = re.compile(r"0[123]-(0[12])-(0[1-8])-(0[12])-(0[12])-(0[12])-(\d\d)")
_EMOTIONS = {
    "01": "neutral",
    "02": "calm",
    "03": "joy",
    "04": "sadness",
    "05": "anger",
    "06": "fear",
    "07": "disgust",
    "08": "surprise",
}
_STATEMENTS = {"01": "Kids are talking by the door.", "02": "Dogs are sitting by the door."}
#: Eight: the corpus's; seven: ours; four: as in much published work (864 clips).
CLASSES: dict[int, tuple[str, ...]] = {
    8: (*EMOTIONS, "calm"),
    7: EMOTIONS,
    4: ("neutral", "anger", "joy", "sadness"),
}


@READERS.register(
    "ravdess",
    title="RAVDESS",
    description="24 actors speak two sentences in eight emotions (Livingstone and Russo 2018)",
)
def read(
    folder: Path,
    *,
    classes: Literal[8, 7, 4] = 8,
    media: Literal["any", "audio", "video"] = "any",
    channel: Literal["speech", "song", "both"] = "speech",
    action_units: str = "auto",
) -> Manifest:
    """Read the clips below a folder: the official `Actor_01`... trees or all in one place.

    Args:
        folder: where the clips are.
        classes: 8, 7 or 4; with 7 and 4, calm counts as neutral, with 4 only neutral, anger, joy and sadness
            stay.
        media: "audio" (03), "video" (01), or "any": video with sound if there, else sound, else silent video.
        channel: "speech", "song" or "both".
        action_units: a table of OpenFace action units below the folder, used as visual features; "auto" takes
            a `face_action_units.csv`, "" none.
    """
    if classes not in CLASSES:
        raise CorpusError(f"RAVDESS has 8, 7 or 4 classes, not {classes}")
    channels = {"speech": "01", "song": "02", "both": "01 02"}.get(channel)
    order = {"any": "132", "audio": "3", "video": "1"}.get(media)
    if channels is None or order is None:
        raise CorpusError(
            f"RAVDESS has no media {media!r} or channel {channel!r}: media is any, audio or video; "
            "channel is speech, song or both"
        )
    root = folder_of(folder)
    rows = Collector("ravdess", root)
    units = _action_units(root, action_units)
    clips = {id: path for id, path in _clips(rows, order).items() if id[:2] in channels}
    for id in sorted({*clips, *(i for i in units if i[:2] in channels)}):
        _add(rows, id, clips.get(id), units.get(id, ""), CLASSES[classes])
    return rows.manifest(CLASSES[classes])


def _clips(rows: Collector, order: str) -> dict[str, Path]:
    """{id: file}, of several files for one utterance the first kind in `order`."""
    found: dict[str, Path] = {}
    for file in media_files(rows.root):
        if not _NAME.fullmatch(file.stem):
            rows.problem(
                file.relative_to(rows.root).as_posix(),
                "its name is not a RAVDESS name such as 03-01-05-02-01-01-12",
            )
            continue
        kind, id = file.stem[1], file.stem[3:]
        if kind in order and (id not in found or order.index(kind) < order.index(found[id].stem[1])):
            found[id] = file
    return found


def _action_units(root: Path, table: str) -> dict[str, str]:
    """{id: locator} of the action units; empty without a table."""
    if table == "auto":
        found = sorted(root.rglob("face_action_units.csv"))
        table = found[0].relative_to(root).as_posix() if found else ""
    if not table:
        return {}
    with FeatureFiles(root) as files:
        return {
            str(name)[3:]: f"{table}{INSIDE}{name}"
            for name in files.action_units(table).index
            if _NAME.fullmatch(str(name))
        }


def _add(rows: Collector, id: str, clip: Path | None, units: str, classes: tuple[str, ...]) -> None:
    channel, emotion, intensity, statement, _, actor = id.split("-")
    label = _EMOTIONS[emotion]
    if label == "calm" and "calm" not in classes:
        label = "neutral"
    if label not in classes:
        return
    if clip is None:
        rows.problem(id, "it has action units but no clip")
    path = rows.media(id, clip) if clip is not None else ""
    if not path and not units:
        return
    rows.add(
        id,
        label,
        path=path,
        text=_STATEMENTS[statement],
        group=actor,
        intensity={"01": "normal", "02": "strong"}[intensity],
        channel={"01": "speech", "02": "song"}[channel],
        **({FEATURE_COLUMNS[Modality.VISUAL]: units} if units else {}),
    )
