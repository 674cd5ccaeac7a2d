"""The shipped model's answers to the samples of the app: `python -m recipes.samples` writes
samples/answers.json, to be run whenever the model or a sample changes.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from mmer_core.config import DEFAULT_CHECKPOINT, ROOT
from mmer_core.inference.emotion_model import EmotionModel
from mmer_core.inference.observation import as_clip
from mmer_core.inference.timeline import changes
from mmer_core.inference.windows import fuse, has_timeline, score_windows
from mmer_core.json_files import write_json
from mmer_core.labels import Modality, subset_name, subsets

FOLDER = ROOT / "samples"


def answers(model: EmotionModel, folder: Path = FOLDER) -> dict[str, Any]:
    """{"model": sha256, "samples": {id: answer}} for the samples that samples.json in the folder lists."""
    listed = json.loads((folder / "samples.json").read_text(encoding="utf-8"))
    found = {entry["id"]: _answer(model, entry, folder) for entry in listed}
    return {"model": model.identity["sha256"], "samples": found}


def _answer(model: EmotionModel, entry: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """The predictions for every subset of a sample's modalities, its words, and how it changes."""
    file = entry.get("file")
    observation = model.observe(as_clip(None if file is None else folder / file, entry.get("text")))
    timeline = None
    if has_timeline(observation):
        timeline = fuse(model, score_windows(model, observation), model.modalities)
    chosen: Iterator[tuple[Modality, ...]] = subsets(observation.features)
    lacking = tuple(m for m in model.modalities if m not in observation.features)  # not switched off
    return {
        "subsets": {
            subset_name(use): replace(model.fuse(observation, use + lacking), timings={}).to_json()
            for use in ((), *chosen)
        },
        "words": observation.clip.text or "",
        "changes": [
            [round(c.start, 2), round(c.end, 2), c.label, round(c.probability, 4)]
            for c in (changes(timeline) if timeline is not None else ())
        ],
        "duration": round(observation.clip.duration, 2),
    }


def main(argv: Sequence[str] | None = None) -> None:
    """Write the answers of a model beside the samples."""
    parser = argparse.ArgumentParser(prog="python -m recipes.samples", description=__doc__)
    parser.add_argument("--model", type=Path, default=DEFAULT_CHECKPOINT, help="folder of the model")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="folder of the samples")
    given = parser.parse_args(argv)
    write_json(given.folder / "answers.json", answers(EmotionModel.load(given.model), given.folder))
    print(f"wrote {given.folder / 'answers.json'}")


if __name__ == "__main__":
    main()
