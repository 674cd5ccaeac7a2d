"""Made-up features, to try training without a corpus. They are random numbers: nothing that is learned from
them holds for people.
"""

from __future__ import annotations

import csv
import io
import zipfile
from pathlib import Path

import numpy as np

from mmer_core.labels import Modality

CLASSES = ("neutral", "anger", "joy", "sadness")
SPEAKERS = 12
UTTERANCES = 20  # of each speaker
WIDTHS = {Modality.TEXT: 16, Modality.AUDIO: 12, Modality.VISUAL: 8}
FRAMES = {Modality.TEXT: 1, Modality.AUDIO: 6, Modality.VISUAL: 4}
#: Distance of the classes in standard deviations: the voice tells them best, the words worst.
CLEARNESS = {Modality.TEXT: 0.25, Modality.AUDIO: 0.4, Modality.VISUAL: 0.35}
HABIT = 0.5  # standard deviation of a speaker's offset, the same in all utterances
ABSENT = 0.05  # share of the arrays that are not there


def write(folder: Path, seed: int = 0) -> Path:
    """Write an archive that `corpora.read("features:FOLDER")` reads: 240 utterances of 12 speakers, four
    classes, three modalities.

    Args:
        folder: made if needed; its features.zip and dataset.csv are replaced.
        seed: of the draw.

    Returns:
        The folder.
    """
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    centres = {m: rng.normal(size=(len(CLASSES), width)) * CLEARNESS[m] for m, width in WIDTHS.items()}
    rows = []
    with zipfile.ZipFile(folder / "features.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for speaker in range(SPEAKERS):
            habit = {m: rng.normal(size=width) * HABIT for m, width in WIDTHS.items()}
            for number in range(UTTERANCES):
                id, label = f"made-up-{speaker:02}-{number:02}", int(rng.integers(len(CLASSES)))
                row = {"id": id, "speaker": f"made-up-{speaker:02}", "emotion": CLASSES[label]}
                for m, width in WIDTHS.items():
                    frames = centres[m][label] + habit[m] + rng.normal(size=(FRAMES[m], width))
                    row[m] = f"{m}/{id}.npy" if rng.random() >= ABSENT else ""
                    if row[m]:
                        archive.writestr(row[m], _npy(frames.astype(np.float32)))
                rows.append(row)
    with (folder / "dataset.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return folder


def _npy(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()
