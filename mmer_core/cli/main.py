"""The command `mmer`: one table of subcommands, of which only the chosen one is imported, so `--help` is
instant.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from importlib import import_module
from types import ModuleType

from mmer_core import __version__

PROGRAM = "mmer"
COMMANDS: dict[str, str] = {
    "predict": "the emotion in clips",
    "explain": "why a clip gets its answer: words, moments, regions of the face",
    "serve": "the same over HTTP, for other programs",
    "evaluate": "score a model on a manifest, for every modality subset",
    "train": "cross-validate fusion models on a corpus, and fit one that reads clips",
    "compare": "paired tests between runs",
    "extract": "encode a corpus into the feature store",
    "leakage": "what a split has on both sides",
    "labels": "how corpora's labels map to ours",
    "speakers": "who speaks when in a recording",
    "doctor": "what works on this machine, and what is missing",
}
RENAMED: dict[str, str] = {
    "train-default": "the shipped models are trained by python -m recipes, in a checkout of the project",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status: 0 done, 1 failed with a reason, 2 wrong usage or something
    that could not be read (a clip of several, all rows of a corpus), 130 interrupted.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments and arguments[0] in RENAMED:
        print(f"error: {PROGRAM} {arguments[0]} is gone: {RENAMED[arguments[0]]}", file=sys.stderr)
        return 2
    name = _parser().parse_args(arguments[:1]).command
    module = import_module(f"mmer_core.cli.{name}")
    parser = argparse.ArgumentParser(
        prog=f"{PROGRAM} {name}",
        description=module.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    module.add_arguments(parser)
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    return _run(module, parser.parse_args(arguments[1:]), own_process=argv is None)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=PROGRAM,
        description="Multimodal emotion recognition.",
        epilog="commands:\n" + "\n".join(f"  {name:<10} {text}" for name, text in COMMANDS.items()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=__version__)
    parser.add_argument(
        "command",
        choices=COMMANDS,
        metavar="COMMAND",
        help="one of those below; COMMAND --help tells its options",
    )
    return parser


def _run(module: ModuleType, args: argparse.Namespace, *, own_process: bool = False) -> int:
    """Run a command; expected failures become one sentence on stderr and in the starter's error file."""
    from mmer_core.checkpoint import CheckpointError
    from mmer_core.corpora.manifest import EmptyCorpus
    from mmer_core.encoders.base import EncoderUnavailable
    from mmer_core.media.loading import MediaError
    from mmer_core.media.private_folder import work_in_private_folder
    from mmer_core.runs import error_file

    try:
        if own_process:
            work_in_private_folder()
        return int(module.run(args))
    except (MediaError, CheckpointError, EncoderUnavailable, ValueError, OSError) as error:
        logging.getLogger(__name__).debug("command failed", exc_info=True)
        error_file.leave(str(error))
        print(f"error: {error}", file=sys.stderr)
        return 2 if isinstance(error, EmptyCorpus) else 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    except Exception as error:
        error_file.leave(f"{type(error).__name__}: {error}")
        raise
