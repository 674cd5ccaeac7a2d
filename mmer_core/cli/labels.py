"""Print the labels of other corpora that count as each of the seven emotions."""

from __future__ import annotations

import argparse

from mmer_core.labels import EMOTIONS, LABEL_ALIASES


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add no options."""


def run(args: argparse.Namespace) -> int:
    """Print a line for each emotion; returns 0."""
    for emotion in EMOTIONS:
        aliases = sorted(alias for alias, target in LABEL_ALIASES.items() if target == emotion)
        print(f"{emotion:<9} {', '.join(aliases)}")
    return 0
