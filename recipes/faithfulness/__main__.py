"""Measure how faithful explanations are: `python -m recipes.faithfulness --data DIR --work DIR`."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mmer_core.config import DEFAULT_CHECKPOINT
from mmer_core.explanation.faithfulness import FILE, SCHEMA
from mmer_core.inference.emotion_model import EmotionModel
from mmer_core.json_files import write_json
from mmer_core.labels import MODALITY_TITLES, Modality
from recipes.command import recipe_parser, run_recipe
from recipes.faithfulness.areas import areas_of, report
from recipes.faithfulness.clips import HeldOut, faces, voices, words

COUNT = 200
COMMAND = "python -m recipes.faithfulness --data DIR --work DIR"


def measure(
    data: Path, work: Path, out: Path, *, count: int = COUNT, seed: int = 0, only: Sequence[Modality] = ()
) -> dict[str, Any]:
    """Measure the modalities whose figures are missing in `work`, and write `out/faithfulness.json`.

    Returns:
        Its content.

    Raises:
        FileNotFoundError, CorpusError: a corpus is missing.
        CheckpointError: there is no model in `out`.
    """
    model = EmotionModel.load(out, "cpu")
    sources: dict[Modality, Callable[[], HeldOut]] = {
        Modality.TEXT: lambda: words(model, data, seed),
        Modality.VISUAL: lambda: faces(model, data, seed),
        Modality.AUDIO: lambda: voices(model, data, work, seed),
    }
    found = {}
    for modality, source in sources.items():
        if modality not in model.encoders:
            continue
        kept = work / f"faithfulness_{modality}.json"
        if modality in only or not kept.is_file():
            held = source()
            write_json(kept, report(held, areas_of(held, count)))  # kept, so that a stopped run goes on
            print(f"faithfulness: {modality} {kept.read_text(encoding='utf-8')}", flush=True)
        found[modality.value] = json.loads(kept.read_text(encoding="utf-8"))
    found = {m.value: found[m.value] for m in model.modalities if m.value in found}
    content = {"schema": SCHEMA, "modalities": found, "command": COMMAND}
    write_json(out / FILE, content)
    return content


def table(modalities: Mapping[str, Mapping[str, Any]]) -> str:
    """The figures as a Markdown table, in percentage points."""
    rows = [("", "held-out clips", "n", "deletion", "insertion", "telling"), ("---",) * 6]
    for name, entry in modalities.items():
        cells = (_interval(entry[test]) for test in ("deletion", "insertion"))
        title = MODALITY_TITLES[Modality(name)]
        rows.append((title, entry["corpus"], str(entry["n"]), *cells, f"{entry['telling']:.0%}"))
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _interval(entry: Mapping[str, float]) -> str:
    middle, low, high = (f"{100 * entry[key]:.1f}" for key in ("area", "low", "high"))
    return f"{middle} [{low}, {high}]"


def main(argv: Sequence[str] | None = None) -> None:
    """The command line of this recipe."""
    parser = recipe_parser(
        "Measure explanations by deletion and insertion.", "meld, fer2013 and the corpora of voices"
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=DEFAULT_CHECKPOINT,
        metavar="DIR",
        help="the model (default: the shipped one)",
    )
    parser.add_argument("--count", type=int, default=COUNT, help=f"clips of each modality (default: {COUNT})")
    parser.add_argument(
        "--only", action="append", default=[], type=Modality, help="measure this modality anew; repeatable"
    )

    def recipe(args: argparse.Namespace) -> None:
        found = measure(args.data, args.work, args.out, count=args.count, seed=args.seed, only=args.only)
        print(table(found["modalities"]))

    run_recipe(parser, argv, recipe)


if __name__ == "__main__":
    main()
