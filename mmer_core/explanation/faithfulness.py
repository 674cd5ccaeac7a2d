"""How faithful explanations of a model were measured to be on held-out clips, from a file beside the model.

The file is written by `python -m recipes.faithfulness`:
    {"schema": 1, "modalities": {modality: {what, corpus, n, encoder, deletion: {area, low, high},
    insertion: {...}, telling}}, "command": ...}
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmer_core.json_files import read_json
from mmer_core.labels import MODALITY_TITLES, Modality

if TYPE_CHECKING:
    from mmer_core.inference.emotion_model import EmotionModel

FILE = "faithfulness.json"
SCHEMA = 1


@dataclass(frozen=True)
class Faithfulness:
    """The deletion and insertion tests of one modality, means over held-out clips.

    Attributes:
        corpus: on what they were measured, as a part of a sentence.
        n: clips.
        deletion: mean area between the curves of random orders and of the order of importance, in
            probability, with the ends of its 95 % interval; above 0 the explanation says more than a random
            one.
        insertion: the same for parts that are put in.
        telling: share of the answers whose own check says that the explanation is better than random.
        current: it was measured with the encoder that the model has.
    """

    corpus: str
    n: int
    deletion: tuple[float, float, float]
    insertion: tuple[float, float, float]
    telling: float
    current: bool = True

    @property
    def better(self) -> bool:
        """Whether both intervals lie above 0, what a random explanation has."""
        return self.deletion[1] > 0 and self.insertion[1] > 0


def read(folder: Path | None, record: Mapping[str, Any]) -> dict[Modality, Faithfulness]:
    """{modality: what was measured} for the model in a folder, with this record; empty without the file, or
    for one of another schema.
    """
    if folder is None:
        return {}
    return {
        modality: _from_json(entry, record["modalities"].get(modality.value, {}))
        for modality, entry in _entries(folder / FILE).items()
    }


@lru_cache(maxsize=8)
def _entries(path: Path) -> dict[Modality, dict[str, Any]]:
    if not path.is_file():
        return {}
    content = read_json(path)
    if content.get("schema") != SCHEMA:
        return {}
    return {Modality(name): entry for name, entry in content["modalities"].items()}


def _from_json(entry: Mapping[str, Any], own: Mapping[str, Any]) -> Faithfulness:
    areas = {
        test: tuple(float(entry[test][key]) for key in ("area", "low", "high"))
        for test in ("deletion", "insertion")
    }
    current = entry["encoder"] == own.get("fingerprint")
    return Faithfulness(entry["corpus"], int(entry["n"]), **areas, telling=entry["telling"], current=current)  # type: ignore[arg-type]


def measured(model: EmotionModel, modality: Modality) -> Faithfulness | None:
    """How faithful explanations of a modality are on held-out clips; None where it was not measured."""
    return read(model.folder, model.record).get(modality)


def withheld(model: EmotionModel, modality: Modality) -> str:
    """Why explanations of a modality by this model should not be shown, in one sentence; "" where they may.

    They should not where they were measured and a random explanation may be as good. Where nothing was
    measured, which is so of every model that a person trains, the check of each answer decides alone.
    """
    found = measured(model, modality)
    if found is None or found.better:
        return ""
    title = MODALITY_TITLES[modality].lower()
    return f"on {found.n} held-out clips ({found.corpus}) parts of the {title} told no more than random ones"


def shown(model: EmotionModel, modality: Modality) -> bool:
    """Whether explanations of a modality by this model may be shown; `withheld` says why not."""
    return not withheld(model, modality)
