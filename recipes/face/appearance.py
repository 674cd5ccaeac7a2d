"""How well a face is known again: pairs of press photographs of one person against pairs of two people.

`python -m recipes.face.appearance --data DIR [--seed N]` measures it: a threshold chosen on half of the
people, and the shipped `appearance.SAME`, on the other half.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from mmer_core.clip import Clip
from mmer_core.media.appearance import SAME, Appearance, sface
from mmer_core.media.face_crops import Detection
from mmer_core.media.faces import find_faces
from recipes.face.photographs import FOLDER

WRONG = 0.01  # share of pairs of two people that the chosen threshold takes for one


def read_appearances(folder: Path, appearance: Appearance) -> tuple[np.ndarray, np.ndarray]:
    """The main face of each photograph: (N, 128) float32 of length 1, and (N,) whose it is.

    Raises:
        FileNotFoundError: there is no labels.csv, or a photograph is missing.
    """
    path = folder / "labels.csv"
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing: give the folder that holds {FOLDER} with --data")
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    vectors, people = [], []
    for name, person in zip(table["path"], table["speaker"], strict=True):
        picture = cv2.imread(str(folder / name))
        if picture is None:
            raise FileNotFoundError(f"{folder / name} cannot be read: copy the corpus again")
        frames = np.ascontiguousarray(picture[None, ..., ::-1])
        clip = find_faces(Clip(name, "", "picture", frames=frames))
        track = clip.faces
        if track is not None and person:
            face = Detection(track.boxes[0], track.landmarks[0], float(track.scores[0]))
            vectors.append(appearance(frames[0], face))
            people.append(person)
    return np.stack(vectors), np.array(people)


def pairs(vectors: np.ndarray, people: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Cosines of all pairs of photographs: of one person, and of two."""
    cosines = vectors @ vectors.T
    upper = np.triu(np.ones_like(cosines, dtype=bool), 1)
    same = people[:, None] == people[None, :]
    return cosines[upper & same], cosines[upper & ~same]


def threshold(other: np.ndarray, wrong: float = WRONG) -> float:
    """The cosine that a share `wrong` of the pairs of two people reaches."""
    return float(np.quantile(other, 1 - wrong))


def verification(same: np.ndarray, other: np.ndarray, at: float) -> dict[str, float]:
    """Figures of a threshold: share of pairs of one person that are missed, and of two that are joined; and
    the equal error rate of all thresholds.
    """
    steps = np.sort(np.concatenate([same, other[:: max(len(other) // 20_000, 1)]]))
    missed = np.searchsorted(np.sort(same), steps) / len(same)
    joined = 1 - np.searchsorted(np.sort(other), steps) / len(other)
    nearest = int(np.abs(missed - joined).argmin())
    return {
        "pairs_of_one": len(same),
        "pairs_of_two": len(other),
        "equal_error_rate": float((missed[nearest] + joined[nearest]) / 2),
        "threshold": at,
        "missed": float((same < at).mean()),
        "joined": float((other >= at).mean()),
    }


def measure_appearance(data: Path, seed: int = 0) -> dict[str, object]:
    """Choose a threshold on half of the people, and measure it and the shipped one on the other half."""
    vectors, people = read_appearances(data / FOLDER, sface())
    names = np.random.default_rng(seed).permutation(np.unique(people))
    chosen = np.isin(people, names[: len(names) // 2])
    first, second = pairs(vectors[chosen], people[chosen]), pairs(vectors[~chosen], people[~chosen])
    return {
        "photographs": len(people),
        "people": len(names),
        "choosing": verification(*first, threshold(first[1])),
        "testing": verification(*second, threshold(first[1])),
        "testing_shipped": verification(*second, SAME),
    }


def main() -> None:
    """The command line of this recipe."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help=f"folder that holds {FOLDER}")
    parser.add_argument("--seed", type=int, default=0, help="of the halves")
    args = parser.parse_args()
    try:
        print(json.dumps(measure_appearance(args.data, args.seed), indent=2))
    except FileNotFoundError as error:
        parser.exit(2, f"{error}\n")


if __name__ == "__main__":
    main()
