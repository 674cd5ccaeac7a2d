"""Cross-validate fusion networks on a corpus, and fit a model of each that reads clips: RUN/model.

Folds keep speakers apart unless another kind is asked for by name. A command that was stopped goes on where
it was when given again.
"""

from __future__ import annotations

import argparse
from dataclasses import fields
from functools import partial

from mmer_core import options
from mmer_core.backends import LOCAL
from mmer_core.cli.several import add_backend
from mmer_core.training import request_flags
from mmer_core.training.request import TrainRequest


def add_arguments(parser: argparse.ArgumentParser) -> None:
    request_flags.add_arguments(parser)
    parser.add_argument(
        "--jobs",
        type=int,
        metavar="N",
        help="processes that train networks of the folds side by side, each with a copy of the features; the "
        "results are the same (default: as many as there are cores, where that saves time; of a cluster, one "
        "for each core)",
    )
    add_backend(parser)
    parser.add_argument(
        "--list-options", action="store_true", help="print the options of the fusion networks and stop"
    )


def run(args: argparse.Namespace) -> int:
    if args.list_options:
        print(describe_options(args.fusion or "early"))
        return 0
    request = TrainRequest.from_json(request_flags.json_of(args))
    _refuse_empty(request)
    from mmer_core.crossval.cross_validation import cross_validate
    from mmer_core.runs.text_table import text_table

    if args.jobs is not None and args.jobs < 1:
        raise ValueError(f"--jobs must be at least 1, not {args.jobs}")
    say = partial(print, flush=True)
    jobs = 0 if args.jobs is None and args.backend == LOCAL else args.jobs
    for trained in cross_validate(request, say=say, jobs=jobs, where=args.backend):
        print(f"\n{trained.path}\n{text_table(trained.record)}")
    return 0


def _refuse_empty(request: TrainRequest) -> None:
    """Raise EmptyCorpus, after listing its rows, for a table of which none can be used; readers of other
    corpora raise it themselves.
    """
    from mmer_core import corpora
    from mmer_core.cli.reading import refuse_empty, tell_left_out

    if corpora.reader_of(request.corpus) != "csv":
        return
    manifest = corpora.read(request.corpus, **request.corpus_options)
    if not len(manifest):
        tell_left_out(manifest.problems)
        refuse_empty(request.corpus, 0, len(manifest.problems))


def describe_options(names: str) -> str:
    """The options of fusion networks as a table for the terminal.

    Args:
        names: of networks, joined by commas, or "all".
    """
    from mmer_core import fusion

    chosen = fusion.names() if names == "all" else [n.strip() for n in names.split(",") if n.strip()]
    lines = []
    for name, kind in request_flags.option_kinds(chosen).items():
        explained = options.attribute_help(kind)
        lines.append(name)
        lines += [
            f"  {f.name}={options.text_of(getattr(kind(), f.name))}  {explained.get(f.name, '')}"
            for f in fields(kind)
        ]
    return "\n".join(lines)
