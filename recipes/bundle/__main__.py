"""Assemble the shipped models: `python -m recipes.bundle --data DIR --work DIR [--out DIR] [--only STEP]`."""

from __future__ import annotations

from collections.abc import Sequence

from recipes.command import run_recipe
from recipes.steps import BUNDLE_STEPS, run_steps, steps_parser


def main(argv: Sequence[str] | None = None) -> None:
    """The command line of this recipe."""
    parser = steps_parser("Assemble the shipped models from the results of the other recipes.", BUNDLE_STEPS)
    run_recipe(parser, argv, lambda args: run_steps(args, BUNDLE_STEPS))


if __name__ == "__main__":
    main()
