"""Answer over HTTP: POST a clip, a sentence or a list of either to /v1/predict, a recording to
/v1/recordings. It listens at this machine only, unless --host says otherwise, and keeps nothing;
/openapi.json describes the rest.
"""

from __future__ import annotations

import argparse
import sys
from importlib.util import find_spec
from pathlib import Path

from mmer_core import config
from mmer_core.cli.predict import add_model_arguments

NEEDED = ("fastapi", "uvicorn", "python_multipart", "prometheus_client")
MEGABYTE = 2**20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--host", default="127.0.0.1", help="address to listen at (default: this machine only)"
    )
    parser.add_argument("--port", type=int, default=8000, help="port; 0 for any that is free (default: 8000)")
    add_model_arguments(parser)
    parser.add_argument(
        "--model",
        dest="checkpoint",
        default=argparse.SUPPRESS,
        metavar="MODEL",
        help="the same as --checkpoint",
    )
    parser.add_argument(
        "--token-file",
        type=Path,
        metavar="FILE",
        help="clients must show the token in this file (Authorization: Bearer TOKEN)",
    )
    _add_bounds(parser)


def _add_bounds(parser: argparse.ArgumentParser) -> None:
    """Add the flags that say what the service may spend."""
    parser.add_argument(
        "--queue",
        type=_positive,
        default=16,
        metavar="N",
        help="requests that may wait, sentences and clips each; one more is told when to come back "
        "(default: 16)",
    )
    parser.add_argument(
        "--workers",
        type=_positive,
        default=config.threads(),
        metavar="N",
        help="clips that are read side by side (default: OMP_NUM_THREADS, or 2)",
    )
    parser.add_argument(
        "--timeout",
        type=_positive,
        default=120,
        metavar="S",
        help="seconds in which a clip or a sentence must be answered (default: 120)",
    )
    parser.add_argument(
        "--max-mb",
        type=_positive,
        default=config.Limits.max_bytes // MEGABYTE,
        metavar="MB",
        help="the largest request, in megabytes; as many times --queue may lie in the temporary folder "
        "(default: %(default)s, as in the app)",
    )


def _positive(text: str) -> int:
    if not text.isdigit() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 on")
    return int(text)


def run(args: argparse.Namespace) -> int:
    """Serve until a signal; the exit status is then 0."""
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise ValueError(
            f"mmer serve needs packages that are not installed ({', '.join(missing)}): run "
            "pip install 'mmer[service]', or pip install '.[service]' in a checkout"
        )
    from mmer_core.inference.memory import keep_little
    from mmer_core.inference.shipped import load_model
    from mmer_core.media.private_folder import work_in_private_folder
    from mmer_core.service.server import is_loopback, read_token, serve
    from mmer_core.service.settings import Settings

    settings = Settings(
        queue=args.queue,
        workers=args.workers,
        timeout=float(args.timeout),
        max_bytes=args.max_mb * MEGABYTE,
        token=read_token(args.token_file) if args.token_file else "",
    )
    if not is_loopback(args.host):
        print(_warning(args.host, bool(settings.token)), file=sys.stderr)
    work_in_private_folder()
    keep_little()
    serve(
        settings,
        lambda: load_model(args.checkpoint, args.device),
        host=args.host,
        port=args.port,
        started=lambda address: print(f"serving at {address}; the model is being loaded", flush=True),
    )
    return 0


def _warning(host: str, token: bool) -> str:
    """What to know before others reach the service, in one line."""
    if token:
        return (
            f"warning: {host} is reached from other machines and the token travels unencrypted: put a "
            "reverse proxy with HTTPS in front"
        )
    return (
        f"warning: {host} is reached from other machines and there is no authentication: put a reverse proxy "
        "with HTTPS and a login in front, or give --token-file"
    )
