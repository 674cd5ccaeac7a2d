"""The fork server of this process, started with the first file; see `decoder.fork_server`."""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

from mmer_core.media.decoder import fork_server

AVAILABLE = hasattr(os, "fork") and hasattr(socket, "send_fds")
_START = 60.0  # seconds in which a server must have imported everything
_SERVER = (sys.executable, "-m", "mmer_core.media.decoder.fork_server")


class ServerGone(RuntimeError):
    """The fork server ended, or never began."""


class Child:
    """A running child.

    Attributes:
        pid: process id, that of its session too.
        held: the most memory that it held, bytes, once it has ended by itself; 0 before.
    """

    def __init__(self, answer: int) -> None:
        self._answer, self._said, self._ended = answer, b"", False
        first = self._line(_START)
        if not first:
            raise ServerGone("it did not answer")
        self.pid, self.held = int(first), 0

    def _line(self, seconds: float) -> bytes:
        """The next line of the answer; "" where time is over, or the keeper was ended."""
        end = time.monotonic() + seconds
        while b"\n" not in self._said:
            ready, _, _ = select.select([self._answer], [], [], max(end - time.monotonic(), 0.0))
            more = os.read(self._answer, 64) if ready else b""
            if not more:
                return b""
            self._said += more
        line, _, self._said = self._said.partition(b"\n")
        return line

    def wait(self, seconds: float) -> int | None:
        """The exit status; None if the child still runs after these seconds."""
        line = self._line(max(seconds, 0.0))
        self._ended = bool(line)
        if not line:
            return None
        status, self.held = map(int, line.split())
        return status

    def close(self) -> None:
        """End the child and whatever it started, if it still runs."""
        if not self._ended:
            self._end()
        os.close(self._answer)

    def _end(self) -> None:
        for kill in (os.killpg, os.kill):  # it may not have begun its session yet
            with contextlib.suppress(ProcessLookupError, PermissionError):
                kill(self.pid, signal.SIGKILL)
        self._line(5.0)


class WarmDecoder:
    """Starts children through one server; a server that ended is started again.

    Args:
        environment: of the server.
    """

    def __init__(self, environment: Callable[[], Mapping[str, str]]) -> None:
        self._environment, self._lock = environment, threading.Lock()
        self._socket: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._owner = 0

    def start(
        self, module: str, arguments: Sequence[str], source: BinaryIO, errors: BinaryIO, folder: Path
    ) -> Child:
        """Run `module.main(arguments)` in a child that reads `source`, works in `folder` and writes to
        `errors`.

        Raises:
            ServerGone: it cannot be had; the caller starts a process of its own.
        """
        request = {"module": module, "arguments": list(arguments), "folder": str(folder)}
        answer, its_end = os.pipe()
        try:
            self._send(json.dumps(request).encode(), [source.fileno(), errors.fileno(), its_end])
        except OSError as error:
            os.close(answer)
            raise ServerGone(str(error)) from error
        finally:
            os.close(its_end)
        try:
            return Child(answer)
        except BaseException:  # an interruption, too
            os.close(answer)
            raise

    def _send(self, message: bytes, descriptors: list[int]) -> None:
        if len(message) > fork_server.LARGEST:
            raise OSError("the request is too long")
        with self._lock:
            for attempt in (0, 1):
                requests = self._server()
                try:
                    socket.send_fds(requests, [message], descriptors)
                    return
                except OSError:
                    self.close()
                    if attempt:
                        raise

    def _server(self) -> socket.socket:
        """The socket of the running server; a process that was forked from another starts its own."""
        if self._socket is not None and self._owner == os.getpid():
            return self._socket
        ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with its:
            self._process = subprocess.Popen(
                [*_SERVER, str(its.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[its.fileno()],
                env=dict(self._environment()),
                start_new_session=True,
            )
        self._socket, self._owner = ours, os.getpid()
        atexit.register(self.close)
        return ours

    def close(self) -> None:
        """End the server; a next file starts another."""
        if self._socket is not None:
            self._socket.close()
        if self._process is not None and self._owner == os.getpid():
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(2.0)
            if self._process.poll() is None:
                self._process.kill()
        self._socket = self._process = None
