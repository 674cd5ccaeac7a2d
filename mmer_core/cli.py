"""`python -m mmer_core COMMAND`: one table of commands; only the chosen one is imported, so `--help` is instant."""

from __future__ import annotations

import argparse
import logging
import sys
from importlib import import_module

from mmer_core import __version__

COMMANDS: dict[str, str] = {
    "predict": "the emotion in one clip",
    "evaluate": "score a model on a manifest, for every modality subset",
    "train": "cross-validate a fusion model on a corpus",
    "compare": "paired tests between runs",
    "extract": "encode a corpus into the feature store",
    "leakage": "what a split has on both sides",
    "train-default": "train the shipped model from the raw data",
    "labels": "how corpora's labels map to ours",
    "doctor": "what works on this machine, and what is missing",
}


def main(argv: list[str] | None = None) -> int:
    """Run one command; returns the exit status: 0 done, 1 said why not, 2 wrong usage, 130 interrupted."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    parser = argparse.ArgumentParser(
        prog="python -m mmer_core",
        description="Multimodal emotion recognition.",
        epilog="commands:\n" + "\n".join(f"  {name:<14} {text}" for name, text in COMMANDS.items()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=__version__)
    parser.add_argument("command", choices=COMMANDS, metavar="COMMAND", help="one of those below; COMMAND --help tells its options")
    name = parser.parse_args(arguments[:1]).command
    module = import_module(f"mmer_core.commands.{name.replace('-', '_')}")
    subparser = argparse.ArgumentParser(
        prog=f"python -m mmer_core {name}", description=module.__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    module.add_arguments(subparser)
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    return _run(module, subparser.parse_args(arguments[1:]))


def _run(module: object, args: argparse.Namespace) -> int:
    """Run a command; expected failures are one sentence on stderr, not a traceback."""
    from mmer_core.checkpoint import CheckpointError
    from mmer_core.encoders.spec import EncoderUnavailable
    from mmer_core.media import MediaError

    try:
        return int(module.run(args))  # type: ignore[attr-defined]
    except (MediaError, CheckpointError, EncoderUnavailable, ValueError, OSError) as error:
        logging.getLogger(__name__).debug("command failed", exc_info=True)
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
