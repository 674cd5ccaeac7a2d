"""Measure how well speakers are told apart: `python -m recipes.speakers --data DIR --work DIR`."""

from __future__ import annotations

from collections.abc import Sequence

from recipes.command import recipe_parser, run_recipe
from recipes.speakers.conversations import TURNS
from recipes.speakers.measure import CHOOSING, TESTING, measure_speakers


def main(argv: Sequence[str] | None = None) -> None:
    """The command line of this recipe."""
    parser = recipe_parser(
        "Measure the diarisation error rate on conversations made of recordings of unheard speakers.",
        "ravdess, emodb, tess and voices",
    )
    parser.add_argument(
        "--each", type=int, default=6, metavar="N", help="conversations for each number of people"
    )
    parser.add_argument(
        "--turns", type=int, default=TURNS, metavar="N", help="turns of each person, on average; at least 2"
    )
    parser.add_argument(
        "--choosing",
        action="store_true",
        help="measure on the half of the speakers that parameters were chosen on",
    )
    run_recipe(
        parser,
        argv,
        lambda args: measure_speakers(
            args.data,
            args.work,
            seed=args.seed,
            each=args.each,
            turns=args.turns,
            part=CHOOSING if args.choosing else TESTING,
        ),
    )


if __name__ == "__main__":
    main()
