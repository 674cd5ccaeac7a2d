"""Train the shipped text networks: `python -m recipes.words --data DIR --work DIR [--large | --more]`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from mmer_core.config import DEFAULT_CHECKPOINT
from recipes.command import recipe_parser, run_recipe
from recipes.words.more import train_more_words
from recipes.words.recipes import LARGE
from recipes.words.train import TEACHER, train_words


def main(argv: Sequence[str] | None = None) -> None:
    """The command line of this recipe."""
    parser = recipe_parser(
        "Train the shipped text networks on MELD and GoEmotions.",
        "meld and goemotions, with --more also texts",
    )
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--large",
        action="store_true",
        help="train the large model's, which is the teacher of the default model's (needs MPNet's weights)",
    )
    which.add_argument(
        "--more",
        action="store_true",
        help="go on training the words of --base with more corpora, for people unlike those of MELD",
    )
    parser.add_argument(
        "--base",
        type=Path,
        default=DEFAULT_CHECKPOINT,
        metavar="DIR",
        help="the model that --more goes on from (default: the shipped one)",
    )
    run_recipe(parser, argv, _train)


def _train(args: argparse.Namespace) -> None:
    if args.more:
        train_more_words(args.data, args.work, args.seed, args.base)
    elif args.large:
        train_words(args.data, args.work / TEACHER, args.seed, LARGE)
    else:
        train_words(args.data, args.work, args.seed)


if __name__ == "__main__":
    main()
