"""Train the shipped voice network: `python -m recipes.voice --data DIR --work DIR [--processes N]`."""

from __future__ import annotations

from collections.abc import Sequence

from recipes.command import recipe_parser, run_recipe
from recipes.voice.train import train_voice


def main(argv: Sequence[str] | None = None) -> None:
    """The command line of this recipe."""
    parser = recipe_parser(
        "Train the shipped voice network on RAVDESS, EMO-DB, TESS, ASED, nEMO and Polish words.",
        "ravdess, emodb, tess and voices",
    )
    parser.add_argument("--processes", type=int, default=2, metavar="N", help="recordings encoded at once")
    run_recipe(
        parser,
        argv,
        lambda args: train_voice(args.data, args.work, args.seed, processes=args.processes),
    )


if __name__ == "__main__":
    main()
