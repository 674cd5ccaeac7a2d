"""Train the shipped text networks: `python -m recipes.words --data DIR --work DIR [--seed N] [--large]`."""

from __future__ import annotations

from collections.abc import Sequence

from recipes.command import recipe_parser, run_recipe
from recipes.words.recipes import LARGE
from recipes.words.train import TEACHER, train_words


def main(argv: Sequence[str] | None = None) -> None:
    """The command line of this recipe."""
    parser = recipe_parser("Train the shipped text networks on MELD and GoEmotions.", "meld and goemotions")
    parser.add_argument(
        "--large",
        action="store_true",
        help="train the large model's, which is the teacher of the default model's (needs MPNet's weights)",
    )
    run_recipe(
        parser,
        argv,
        lambda args: (
            train_words(args.data, args.work / TEACHER, args.seed, LARGE)
            if args.large
            else train_words(args.data, args.work, args.seed)
        ),
    )


if __name__ == "__main__":
    main()
