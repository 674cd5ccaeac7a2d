"""Train the shipped models from the raw data: face, voice, words, then their fusion; every step is seeded and goes on where it was stopped.

The large model's words come before the default one's, which learn from them; they need weights that only a hub or a local folder brings.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from mmer_core.config import DEFAULT_CHECKPOINT, LARGE_CHECKPOINT

STEPS = ("face", "voice", "large-text", "text", "familiarity", "fuse", "large")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--data", type=Path, required=True, metavar="DIR", help="folder with fer2013, ravdess, emodb, tess, meld and goemotions in it"
    )
    parser.add_argument("--work", type=Path, default=Path("work/default"), metavar="DIR", help="where steps keep their state (default: work/default)")
    parser.add_argument(
        "--out",
        type=Path,
        default=DEFAULT_CHECKPOINT,
        metavar="DIR",
        help="where the model goes (default: the shipped one's place); the large one goes beside it",
    )
    parser.add_argument("--only", action="append", choices=STEPS, help="run only this step; repeatable")
    parser.add_argument("--seed", type=int, default=0)


def run(args: argparse.Namespace) -> int:
    from mmer_core.default_model.bundle import bundle
    from mmer_core.default_model.face import train_face
    from mmer_core.default_model.known_inputs import learn_familiarity
    from mmer_core.default_model.large import bundle_large, train_large_text
    from mmer_core.default_model.text import train_text
    from mmer_core.default_model.voice import train_voice

    if not args.data.is_dir():
        raise ValueError(f"--data {args.data} is not a folder: name the one that holds fer2013, ravdess, emodb, tess, meld and goemotions")
    args.work.mkdir(parents=True, exist_ok=True)
    steps = {
        "face": lambda: train_face(args.data, args.work, seed=args.seed),
        "voice": lambda: train_voice(args.data, args.work, seed=args.seed),
        "large-text": lambda: train_large_text(args.data, args.work, seed=args.seed),
        "text": lambda: train_text(args.data, args.work, seed=args.seed),
        "familiarity": lambda: learn_familiarity(args.data, args.work, seed=args.seed),
        "fuse": lambda: bundle(args.work, args.out, seed=args.seed),
        "large": lambda: bundle_large(args.data, args.work, args.out.parent / LARGE_CHECKPOINT.name, args.out, seed=args.seed),
    }
    for name in args.only or STEPS:
        print(f"== {name}", flush=True)
        steps[name]()
    return 0
