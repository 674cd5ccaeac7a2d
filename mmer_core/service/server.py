"""Running the service: socket, signals, threads, and what a person is told when it starts."""

from __future__ import annotations

import ipaddress
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import uvicorn

from mmer_core import config
from mmer_core.service.app import create_app
from mmer_core.service.service import Service
from mmer_core.service.settings import Settings

if TYPE_CHECKING:
    from mmer_core.inference.emotion_model import EmotionModel

CONNECTIONS = 256  # at a time; more are answered with 503 by uvicorn
LAST = 30  # seconds beyond the timeout in which running requests may finish at the end
SHORTEST_TOKEN = 16


class _Server(uvicorn.Server):
    """Refuses what waits as soon as it is told to end, and lets what runs finish."""

    def __init__(self, configuration: uvicorn.Config, service: Service) -> None:
        super().__init__(configuration)
        self._service = service

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """End in good order; at a second Ctrl+C at once. Unlike in `uvicorn.Server` the signal is not raised
        again afterwards.
        """
        self.force_exit = self.should_exit and sig == signal.SIGINT
        self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """See `uvicorn.Server`."""
        self._service.close()
        await super().shutdown(sockets)


def serve(
    settings: Settings,
    load: Callable[[], EmotionModel],
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    started: Callable[[str], Any] = print,
    server_ready: Callable[[uvicorn.Server], None] = lambda _: None,
) -> None:
    """Answer requests until a signal (SIGTERM, Ctrl+C) ends it.

    Args:
        settings: bounds.
        load: reads the model.
        host: to listen at.
        port: to listen at; 0 for any that is free.
        started: is told the address.
        server_ready: is handed the server before it runs, whose `should_exit` ends it.

    Raises:
        ValueError: the address cannot be listened at.
        CheckpointError, EncoderUnavailable: the model cannot be loaded.
    """
    share_threads(settings.workers)
    ask_no_network()
    listening = listen(host, port)
    service = Service(settings, load)
    app = create_app(service, failed=lambda: setattr(server, "should_exit", True))
    server = _Server(
        uvicorn.Config(
            app,
            log_level="warning",
            access_log=False,
            server_header=False,
            limit_concurrency=CONNECTIONS,
            timeout_graceful_shutdown=int(settings.timeout) + LAST,
        ),
        service,
    )
    shown = f"[{host}]" if ":" in host else host
    started(f"http://{shown}:{listening.getsockname()[1]}")
    server_ready(server)
    server.run(sockets=[listening])
    if service.failure is not None:
        raise service.failure
    service.join()


def share_threads(workers: int) -> None:
    """Divide the threads of the processor among the workers; before torch is imported."""
    if "torch" in sys.modules:
        logging.getLogger(__name__).debug("torch is loaded: its threads stay as they are")
    os.environ["OMP_NUM_THREADS"] = str(max(1, config.threads() // workers))


def ask_no_network() -> None:
    """Keep onnxruntime, which since 1.29 reports its use to its makers, from that; before it is imported."""
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"


def listen(host: str, port: int) -> socket.socket:
    """A listening socket at an address.

    Raises:
        ValueError: it cannot be had.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        found = socket.socket(family, socket.SOCK_STREAM)
        try:
            found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            found.bind(address)
            found.listen()  # who comes before the server has started waits for it
        except OSError:
            found.close()
            raise
    except OSError as error:
        raise ValueError(
            f"port {port} at {host} cannot be used ({error.strerror}): choose another with --port or --host"
        ) from error
    return found


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def read_token(path: Path) -> str:
    """The token in a file.

    Raises:
        ValueError: it cannot be read, or is too short to be one.
    """
    try:
        token = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} cannot be read: name a file with the token in --token-file") from error
    if len(token) < SHORTEST_TOKEN or not token.isascii() or not token.isprintable() or " " in token:
        raise ValueError(
            f"{path} holds no token: write at least {SHORTEST_TOKEN} letters and digits into it, in one line"
        )
    return token
