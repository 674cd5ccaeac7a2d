"""What the command lines of the recipes share."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from mmer_core.encoders.base import EncoderUnavailable


def recipe_parser(description: str, data: str) -> argparse.ArgumentParser:
    """A command line with --data, --work and --seed.

    Args:
        data: what the folder of --data must hold, for the help.
    """
    parser = argparse.ArgumentParser(description=description, allow_abbrev=False)
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help=f"folder that holds {data}")
    parser.add_argument(
        "--work",
        type=Path,
        default=Path("work/default"),
        metavar="DIR",
        help="where the steps keep their state and results (default: work/default)",
    )
    parser.add_argument("--seed", type=int, default=0)
    return parser


def run_recipe(
    parser: argparse.ArgumentParser, argv: Sequence[str] | None, recipe: Callable[[argparse.Namespace], Any]
) -> None:
    """Run a recipe with the parsed arguments; errors that a user can correct end in one sentence, code 2."""
    args = parser.parse_args(argv)
    try:
        if not args.data.is_dir():
            raise ValueError(f"--data {args.data} is not a folder: name the one that holds the corpora")
        args.work.mkdir(parents=True, exist_ok=True)
        recipe(args)
    except (EncoderUnavailable, FileNotFoundError, ValueError) as error:
        parser.exit(2, f"{error}\n")
