"""CREMA-D (Cao et al. 2014): 91 actors, twelve sentences, six emotions.

The name says everything: `1001_DFA_ANG_XX` is actor 1001, sentence DFA, anger, intensity not stated.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

from mmer_core.corpora import READERS
from mmer_core.corpora.collector import Collector
from mmer_core.corpora.files import AUDIO_SUFFIXES, VIDEO_SUFFIXES, folder_of, media_files
from mmer_core.corpora.manifest import SOUND_COLUMN, CorpusError, Manifest

_NAME = re.compile(
    r"(\d{4})_([A-Z]{3})_(ANG|DIS|FEA|HAP|NEU|SAD)_(LO|MD|HI|XX?)"
)  # one X: a name that was once misspelt upstream
_EMOTIONS = {
    "ANG": "anger",
    "DIS": "disgust",
    "FEA": "fear",
    "HAP": "joy",
    "NEU": "neutral",
    "SAD": "sadness",
}
_INTENSITIES = {"LO": "low", "MD": "medium", "HI": "high"}
_SENTENCES = {
    "IEO": "It's eleven o'clock.",
    "TIE": "That is exactly what happened.",
    "IOM": "I'm on my way to the meeting.",
    "IWW": "I wonder what this is about.",
    "TAI": "The airplane is almost full.",
    "MTI": "Maybe tomorrow it will be cold.",
    "IWL": "I would like a new alarm clock.",
    "ITH": "I think I have a doctor's appointment.",
    "DFA": "Don't forget a jacket.",
    "ITS": "I think I've seen this before.",
    "TSI": "The surface is slick.",
    "WSI": "We'll stop in a couple of minutes.",
}
#: Damaged in every release (the corpus's README and its issue 8).
_DAMAGED = {
    "1076_MTI_NEU_XX": "known to be damaged: it cannot be played",
    "1076_MTI_SAD_XX": "known to be damaged: no sound and no face",
    "1064_TIE_SAD_XX": "known to be damaged: it has no duration",
    "1064_IEO_DIS_MD": "known to be damaged: one minute with several emotions",
}


@READERS.register(
    "crema_d",
    title="CREMA-D",
    description="91 actors, twelve sentences, six emotions (Cao et al. 2014)",
)
def read(folder: Path, *, media: Literal["any", "audio", "video"] = "any") -> Manifest:
    """Read the clips below a folder: the official `AudioWAV`, `VideoFlash` tree or all in one place. Labels
    are the acted emotions. Of a clip with video and sound, faces are read from the video, the rest from the
    sound.

    Args:
        folder: where the clips are.
        media: "audio", "video", or "any": both where they are there.
    """
    order = {"any": (*VIDEO_SUFFIXES, *AUDIO_SUFFIXES), "audio": AUDIO_SUFFIXES, "video": VIDEO_SUFFIXES}.get(
        media
    )
    if order is None:
        raise CorpusError(f"the option media is any, audio or video, not {media!r}")
    rows = Collector("crema_d", folder_of(folder))
    clips: dict[str, list[Path]] = {}
    for file in media_files(rows.root, order):
        if not _NAME.fullmatch(file.stem):
            rows.problem(
                file.relative_to(rows.root).as_posix(),
                "its name is not a CREMA-D name such as 1001_DFA_ANG_XX",
            )
            continue
        clips.setdefault(file.stem + "X" if file.stem.endswith("_X") else file.stem, []).append(file)
    for id, files in sorted(clips.items()):
        if id in _DAMAGED:
            rows.problem(id, _DAMAGED[id])
        else:
            _add(rows, id, sorted(files, key=lambda file: order.index(file.suffix.lower())))
    return rows.manifest()


def _add(rows: Collector, id: str, files: list[Path]) -> None:
    """Take one clip, of its files the first that can be used; if that is a video, the sound beside it too."""
    usable = [path for path in (rows.media(id, file) for file in files) if path]
    if not usable:
        return
    sounds = [path for path in usable if path.lower().endswith(AUDIO_SUFFIXES)]
    actor, sentence, emotion, intensity = id.split("_")
    rows.add(
        id,
        _EMOTIONS[emotion],
        path=usable[0],
        text=_SENTENCES.get(sentence, ""),
        group=actor,
        intensity=_INTENSITIES.get(intensity, ""),
        **({SOUND_COLUMN: sounds[0]} if sounds and sounds[0] != usable[0] else {}),
    )
