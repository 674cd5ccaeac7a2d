"""The steps from raw data to the shipped models, in their order."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from mmer_core.config import DEFAULT_CHECKPOINT, LARGE_CHECKPOINT
from recipes.command import recipe_parser

#: The large model's words come before the default one's, whose teacher they are; they need weights that only
#: a hub or a local folder brings.
BUNDLE_STEPS = ("out-of-distribution", "fuse", "large")
STEPS = ("face", "face-votes", "voice", "large-words", "words", "more-words", *BUNDLE_STEPS)
#: Instead of "large" where its weights are not at hand: the large model as it is, on the new default one.
REFIT = "large-refit"
#: Words in other languages; measured, and not part of the shipped model.
LANGUAGES = "languages"


def steps_parser(description: str, steps: Sequence[str]) -> argparse.ArgumentParser:
    """A command line with --out and --only."""
    parser = recipe_parser(
        description, "fer2013, faces, ravdess, emodb, tess, voices, meld, goemotions and texts"
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=DEFAULT_CHECKPOINT,
        metavar="DIR",
        help="where the model goes (default: the shipped one's place); the large one goes beside it",
    )
    parser.add_argument(
        "--only", action="append", choices=(*steps, REFIT, LANGUAGES), help="run only this step; repeatable"
    )
    return parser


def run_steps(args: argparse.Namespace, steps: Sequence[str]) -> None:
    """Run the chosen ones of these steps, or all of them."""
    for name in args.only or steps:
        print(f"== {name}", flush=True)
        run_step(name, args.data, args.work, args.out, args.seed)


def run_step(name: str, data: Path, work: Path, out: Path, seed: int) -> None:
    """Run one step; it is seeded and goes on where it was stopped.

    Raises:
        ValueError: a step before it has not been run, or `work` belongs to other data or options.
        FileNotFoundError: a corpus is missing.
        EncoderUnavailable: pretrained weights cannot be had; the message says how.
    """
    from recipes.bundle import assemble, detectors, large
    from recipes.bundle.refit import refit_large
    from recipes.face.train import train_face
    from recipes.face.votes import train_face_votes
    from recipes.voice.train import train_voice
    from recipes.words.languages import train_languages
    from recipes.words.more import train_more_words
    from recipes.words.train import train_words

    match name:
        case "face":
            train_face(data, work, seed)
        case "face-votes":
            train_face_votes(data, work, seed)
        case "voice":
            train_voice(data, work, seed)
        case "large-words":
            large.train_large_words(data, work, seed)
        case "words":
            train_words(data, work, seed)
        case "more-words":
            train_more_words(data, work, seed, out)
        case "languages":
            train_languages(data, work, seed)
        case "out-of-distribution":
            detectors.fit_detectors(data, work, seed)
        case "fuse":
            assemble.bundle(work, out, seed)
        case "large":
            large.bundle_large(data, work, out.parent / LARGE_CHECKPOINT.name, out, seed)
        case "large-refit":
            refit_large(out.parent / LARGE_CHECKPOINT.name, out)
