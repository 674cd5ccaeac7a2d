"""Train the shipped face networks: `python -m recipes.face --data DIR --work DIR [--seed N] [--cycles N,N]
...`, one option for the epochs of each network.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

from recipes.command import recipe_parser, run_recipe
from recipes.face.networks import EPOCHS, Epochs
from recipes.face.train import train_face

_HELP = {
    "cycles": "the first network",
    "mobile": "the second, from published weights",
    "distilled": "the third, whose teachers are the first two",
    "resnet": "the fourth, from other published weights",
    "resnet_again": "the fourth once more, with four teachers",
    "distilled_again": "the third once more, with four teachers",
    "resnet_distilled": "another like the fourth, with four teachers",
}


def main(argv: Sequence[str] | None = None) -> None:
    """The command line of this recipe."""
    parser = recipe_parser("Train the shipped face networks on FER2013.", "fer2013")
    for field in fields(Epochs):
        parser.add_argument(
            f"--{field.name.replace('_', '-')}",
            type=_epochs,
            default=getattr(EPOCHS, field.name),
            metavar="N,N",
            help=f"epochs of {_HELP[field.name]}, for each cycle of the learning rate",
        )
    run_recipe(
        parser,
        argv,
        lambda args: train_face(
            args.data,
            args.work,
            args.seed,
            Epochs(**{field.name: getattr(args, field.name) for field in fields(Epochs)}),
        ),
    )


def _epochs(text: str) -> tuple[int, ...]:
    return tuple(int(n) for n in text.split(","))


if __name__ == "__main__":
    main()
