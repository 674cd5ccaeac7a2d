"""Fusion of modalities that were never seen together, measured where real pairs exist (see `unpaired`).

python -m recipes.studies.pairing --manifest ravdess:DIR --encoders audio=voice_frames,visual=given
--folds folds.json --store DIR [--json FILE]
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmer_core.crossval.study import make_study, read_corpus
from mmer_core.evaluation import statistics
from mmer_core.training.request import TrainRequest
from recipes.studies.unpaired import REFERENCE, Scored, compare_pairings


def report(scored: Sequence[Scored]) -> str:
    """The table as Markdown, in per cent; p-values of the differences corrected after Holm."""
    others = [s for s in scored if s.method != REFERENCE]
    corrected = statistics.holm([s.against_product.p_bootstrap for s in others])
    p_of = {s.method: p for s, p in zip(others, corrected, strict=True)}
    lines = [
        "| method | accuracy | UA | ECE | against the product | p |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for s in scored:
        against, p = "", ""
        if s.method in p_of:
            d = s.against_product.difference
            against = f"{100 * d.value:+.1f} [{100 * d.low:.1f}, {100 * d.high:.1f}]"
            p = f"{p_of[s.method]:.3f}"
        accuracy = f"{100 * s.accuracy.value:.1f} [{100 * s.accuracy.low:.1f}, {100 * s.accuracy.high:.1f}]"
        lines.append(f"| {s.method} | {accuracy} | {100 * s.ua:.1f} | {s.ece:.3f} | {against} | {p} |")
    return "\n".join(lines)


def to_json(s: Scored) -> dict[str, Any]:
    """The figures of one method; intervals as [value, low, high]."""
    d = s.against_product.difference
    return {
        "method": s.method,
        "accuracy": [s.accuracy.value, s.accuracy.low, s.accuracy.high],
        "ua": s.ua,
        "ece": s.ece,
        "against_product": [d.value, d.low, d.high],
        "p_bootstrap": s.against_product.p_bootstrap,
    }


def main(argv: Sequence[str] | None = None) -> None:
    """The command line of this study; corpus, features and folds are given by the flags of `mmer train`."""
    parser = argparse.ArgumentParser(
        prog="python -m recipes.studies.pairing",
        description="Compare ways to fuse modalities that were never seen together. Corpus, features and "
        "folds are given as to `mmer train`.",
        allow_abbrev=False,
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures here")
    args, flags = parser.parse_known_args(argv)
    try:
        request = TrainRequest.from_flags(flags)
        study = make_study(request, read_corpus(request))
    except (OSError, ValueError) as error:
        parser.exit(2, f"{error}\n")
    scored = compare_pairings(study)
    print(report(scored))
    if args.json:
        args.json.write_text(json.dumps([to_json(s) for s in scored], indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
