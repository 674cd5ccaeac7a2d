"""Train the shipped models from the raw data: `python -m recipes --data DIR --work DIR [--only STEP]`."""

from __future__ import annotations

from collections.abc import Sequence

from recipes.command import run_recipe
from recipes.steps import STEPS, run_steps, steps_parser


def main(argv: Sequence[str] | None = None) -> None:
    """The command line of all recipes."""
    parser = steps_parser(
        "Train the shipped models from the raw data: face, voice and words, then their fusion.", STEPS
    )
    run_recipe(parser, argv, lambda args: run_steps(args, STEPS))


if __name__ == "__main__":
    main()
