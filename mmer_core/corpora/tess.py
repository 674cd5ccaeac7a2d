"""TESS, the Toronto emotional speech set (Pichora-Fuller & Dupuis 2020): two women, 26 and 64 years old, say
200 words in seven emotions.

The name says everything: `OAF_back_angry` is the older speaker, the word back, anger; `ps` stands for
pleasant surprise. Files named after the word alone take speaker and emotion from their folder
(`YAF_pleasant_surprised`).
"""

from __future__ import annotations

import re
from pathlib import Path

from mmer_core.corpora import READERS
from mmer_core.corpora.classes import class_label
from mmer_core.corpora.collector import Collector
from mmer_core.corpora.files import AUDIO_SUFFIXES, folder_of, media_files
from mmer_core.corpora.manifest import Manifest

_NAME = re.compile(r"(OAF?|YAF?)_([a-z]+)_([a-z][a-z _-]*)", re.IGNORECASE)  # OA: a slip in one official file
_FOLDER = re.compile(r"(OAF?|YAF?)[ _-]+([a-z][a-z _-]*)", re.IGNORECASE)


@READERS.register(
    "tess",
    title="TESS",
    description="two women, 200 words, seven emotions (Pichora-Fuller and Dupuis 2020)",
)
def read(folder: Path) -> Manifest:
    """Read the recordings below a folder: the official `OAF_angry`... tree, or all in one place.

    Args:
        folder: where the recordings are.
    """
    rows = Collector("tess", folder_of(folder))
    seen: set[str] = set()
    again = 0
    for file in media_files(rows.root, AUDIO_SUFFIXES):
        speaker, word, label = _facts(file)
        if not label:
            rows.problem(
                file.relative_to(rows.root).as_posix(), "its name is not a TESS name such as OAF_back_angry"
            )
            continue
        id = f"{speaker}_{word}_{label}"
        if id in seen:
            again += 1  # a well-known copy of the corpus has all of it twice
            continue
        path = rows.media(id, file)
        if path:
            seen.add(id)
            rows.add(id, label, path=path, text=f"Say the word {word}.", group=speaker)
    if again:
        rows.notes.append(f"{again} further files of recordings that are there already were left out")
    return rows.manifest()


def _facts(file: Path) -> tuple[str, str, str]:
    """(speaker, word, label) of a file; the label is "" where neither it nor its folder is named so."""
    if name := _NAME.fullmatch(file.stem):
        speaker, word, emotion = name.groups()
    elif (name := _FOLDER.fullmatch(file.parent.name)) and file.stem.isalpha():
        (speaker, emotion), word = name.groups(), file.stem
    else:
        return "", "", ""
    return f"{speaker[0].upper()}AF", word.lower(), class_label(emotion)
