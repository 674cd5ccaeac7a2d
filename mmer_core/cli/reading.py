"""The corpus that a command names, and on the terminal what was left out of it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mmer_core.corpora import Manifest

SHOWN = 20  # rows that are listed; the rest is counted


def read_corpus(spec: str, options: Sequence[str] = ()) -> Manifest:
    """Return the corpus, after listing on stderr what its reader left out.

    Args:
        spec: as `corpora.read` takes it.
        options: of its reader, as text ("classes=4").

    Raises:
        EmptyCorpus: there is nothing left.
        CorpusError: it cannot be read.
    """
    from mmer_core import corpora

    manifest = corpora.read(spec, **corpora.parse_options(spec, options))
    tell_left_out(manifest.problems)
    refuse_empty(spec, len(manifest), len(manifest.problems))
    return manifest


def tell_left_out(problems: Sequence[tuple[str, str]]) -> None:
    """List rows or parts that cannot be used on stderr, up to `SHOWN` of them."""
    for id, reason in problems[:SHOWN]:
        print(f"left out: {id}: {reason}", file=sys.stderr)
    if len(problems) > SHOWN:
        print(f"left out: {len(problems) - SHOWN} more", file=sys.stderr)


def refuse_empty(spec: str, usable: int, left_out: int) -> None:
    """Raise EmptyCorpus if no row of a corpus can be used."""
    from mmer_core.corpora import EmptyCorpus

    if not usable:
        rows = "its only row was" if left_out == 1 else f"all {left_out} rows were"
        raise EmptyCorpus(
            f"{spec} has nothing that can be used: {rows} left out; mend what the lines above say"
        )
