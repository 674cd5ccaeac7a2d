"""EMO-DB (Burkhardt et al. 2005): ten German actors, ten sentences, seven emotions.

The name says everything: `03a01Fa` is speaker 03, sentence a01, F (joy), take a.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

from mmer_core.corpora import READERS
from mmer_core.corpora.collector import Collector
from mmer_core.corpora.files import AUDIO_SUFFIXES, folder_of, media_files
from mmer_core.corpora.manifest import CorpusError, Manifest

_NAME = re.compile(r"(\d\d)([ab]\d\d)([WLEAFTN])[a-z]")
_EMOTIONS = {
    "W": "anger",
    "L": "boredom",
    "E": "disgust",
    "A": "fear",
    "F": "joy",
    "T": "sadness",
    "N": "neutral",
}
SENTENCES = {
    "a01": "Der Lappen liegt auf dem Eisschrank.",
    "a02": "Das will sie am Mittwoch abgeben.",
    "a04": "Heute Abend könnte ich es ihm sagen.",
    "a05": "Das schwarze Stück Papier befindet sich da oben neben dem Holzstück.",
    "a07": "In sieben Stunden wird es soweit sein.",
    "b01": "Was sind denn das für Tüten, die da unter dem Tisch stehen?",
    "b02": "Sie haben es gerade hochgetragen und jetzt gehen sie wieder runter.",
    "b03": "An den Wochenenden bin ich jetzt immer nach Hause gefahren und habe Agnes besucht.",
    "b09": "Ich will das eben wegbringen und dann mit Karl was trinken gehen.",
    "b10": "Die wird auf dem Platz sein, wo wir sie immer hinlegen.",
}


@READERS.register(
    "emodb",
    title="EMO-DB",
    description="ten German actors, ten sentences, seven emotions (Burkhardt et al. 2005)",
)
def read(folder: Path, *, boredom: Literal["keep", "drop"] = "keep") -> Manifest:
    """Read the clips below a folder (the official `wav/`, or any other).

    Args:
        folder: where the clips are.
        boredom: "keep" it as a class of its own, after ours, or "drop" its clips.
    """
    if boredom not in ("keep", "drop"):
        raise CorpusError(f"the option boredom is keep or drop, not {boredom!r}")
    rows = Collector("emodb", folder_of(folder))
    dropped = 0
    for file in media_files(rows.root, AUDIO_SUFFIXES):
        name = _NAME.fullmatch(file.stem)
        if name is None:
            rows.problem(
                file.relative_to(rows.root).as_posix(), "its name is not an EMO-DB name such as 03a01Fa"
            )
            continue
        speaker, sentence, letter = name.groups()
        if letter == "L" and boredom == "drop":
            dropped += 1
            continue
        path = rows.media(file.stem, file)
        if path:
            rows.add(file.stem, _EMOTIONS[letter], path=path, text=SENTENCES.get(sentence, ""), group=speaker)
    if dropped:
        rows.notes.append(f"{dropped} clips of boredom were left out")
    return rows.manifest()
