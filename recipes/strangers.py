"""Strangers: each modality on whole corpora that it was not trained on, in one table.

`python -m recipes.strangers --data DIR --work DIR` runs the steps whose results are missing in the work
folder, and prints the table. Everything that the recipes choose is chosen by the means of this table, in
which a corpus counts, not a clip.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mmer_core.json_files import write_json
from mmer_core.labels import EMOTIONS, MODALITY_TITLES, Modality
from recipes import left_out
from recipes.bundle.held_out import HeldOut
from recipes.command import recipe_parser, run_recipe
from recipes.left_out import MEANS
from recipes.steps import run_step

#: Name of each modality's files in the work folder, and the step that writes them last.
STEPS: dict[Modality, tuple[str, str]] = {
    Modality.TEXT: ("text", "more-words"),
    Modality.AUDIO: ("voice", "voice"),
    Modality.VISUAL: ("face", "face-votes"),
}
HEADER = ("", "corpus", "n", "UA", "accuracy", "says", "ECE", "cross-entropy", "recall", "says how often")


def strangers(work: Path, modality: Modality) -> dict[str, Any]:
    """Of one modality: "corpora", {corpus: scores} and their "mean" (see `left_out.strangers`), and
    "left_out", {corpus: what could not be measured and why}.

    Raises:
        FileNotFoundError: its step has not been run.
    """
    name, step = STEPS[modality]
    if not (work / f"{name}.json").is_file():
        raise FileNotFoundError(f"{work / name}.json is missing: run python -m recipes --only {step} first")
    report = json.loads((work / f"{name}.json").read_text(encoding="utf-8"))
    trained, answered = (
        np.array([report.get(key, report["prior"])[e] for e in EMOTIONS]) for key in ("prior", "answer_prior")
    )
    reasons = left_out.usable(left_out.read(work / f"{name}_strangers.parquet"))[1]
    held_out = HeldOut.read(work, name)
    lent = list(held_out.lent.values())
    scored = left_out.strangers(held_out.corpora, trained, answered, lent)
    return {"corpora": scored, "left_out": reasons}


def table(found: Mapping[Modality, Mapping[str, Any]]) -> str:
    """The scores of all modalities as a Markdown table, and a line for what was left out."""
    rows = [HEADER, ("---",) * len(HEADER)]
    notes = []
    for modality, parts in found.items():
        title = MODALITY_TITLES[modality].lower()
        rows += [_row(title, name, scores) for name, scores in parts["corpora"].items()]
        notes += [f"left out of {title}, {name}: {why}" for name, why in parts["left_out"].items()]
    return "\n".join([*(f"| {' | '.join(row)} |" for row in rows), *notes])


def _row(title: str, corpus: str, scores: Mapping[str, Any]) -> tuple[str, ...]:
    shares = [
        ", ".join(f"{e} {100 * v:.0f}" for e, v in scores.get(key, {}).items())
        for key in ("recall", "answered")
    ]
    size = f"{scores['n']:,}" if "n" in scores else ""
    return title, corpus, size, *(f"{scores[key]:.3f}" for key in MEANS), *shares


def measure_strangers(data: Path, work: Path, seed: int = 0) -> dict[str, Any]:
    """Run the steps whose results are missing, write `work/strangers.json`, print the table."""
    found = {}
    for modality, (name, step) in STEPS.items():
        if not (work / f"{name}_strangers.parquet").is_file():
            run_step(step, data, work, work / "model", seed)
        found[modality] = strangers(work, modality)
    write_json(work / "strangers.json", {m.value: parts for m, parts in found.items()})
    print(table(found), flush=True)
    return {m.value: parts for m, parts in found.items()}


def _run(args: argparse.Namespace) -> None:
    measure_strangers(args.data, args.work, args.seed)


def main(argv: Sequence[str] | None = None) -> None:
    """The command line of this table."""
    corpora = "ravdess, emodb, tess, voices, fer2013, faces, meld, goemotions and texts"
    run_recipe(
        recipe_parser("Measure all modalities on corpora that they have not seen.", corpora), argv, _run
    )


if __name__ == "__main__":
    main()
