"""A process that has imported what decoding needs, and forks a child for every file.

So no file waits for an interpreter to start, and each still has a process of its own, which is gone after it.
The server itself never sees a file's bytes. It ends when its parent does.

A request is a line of JSON with three descriptors: the file, where errors go, and a pipe for the answer. The
answer is a line with the child's process id, then one with its exit status and the most memory that it held,
bytes.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
from importlib import import_module
from typing import Any

MODULES = ("mmer_core.media.decoder.__main__", "mmer_core.media.decoder.excerpt")
LARGEST = 65_536  # bytes of a request


def serve(requests: socket.socket) -> None:
    """Answer requests until the other end is closed."""
    modules = {name: import_module(name) for name in MODULES}
    decoder = modules[MODULES[0]]
    decoder.get_ready("")
    decoder.get_ready("jpeg")
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # keepers need no farewell
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what an interrupt means
    while True:
        message, descriptors, _, _ = socket.recv_fds(requests, LARGEST, 3)
        if not message:
            return
        if os.fork() == 0:
            requests.close()
            _keep(json.loads(message), modules, *descriptors)
        for descriptor in descriptors:
            os.close(descriptor)


def _keep(request: dict[str, Any], modules: dict[str, Any], source: int, errors: int, answer: int) -> None:
    """Fork the child, tell its process id, wait for it, tell its status and memory; never returns."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    child = os.fork()
    if child == 0:
        os.close(answer)
        status = 1
        try:
            status = _work(request, modules, source, errors)
        finally:
            sys.stderr.flush()
            os._exit(status)
    os.write(answer, f"{child}\n".encode())
    _, ended, used = os.wait4(child, 0)
    held = used.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    os.write(answer, f"{os.waitstatus_to_exitcode(ended)} {held}\n".encode())
    os._exit(0)


def _work(request: dict[str, Any], modules: dict[str, Any], source: int, errors: int) -> int:
    """What the child does, in a session of its own; its exit status."""
    import traceback

    os.setsid()
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    os.dup2(source, 0)
    os.dup2(errors, 2)
    os.closerange(3, 256)
    os.chdir(request["folder"])
    sys.stdin = os.fdopen(0, closefd=False)
    try:
        status: int = modules[request["module"]].main(request["arguments"])
    except BaseException:  # noqa: BLE001 - nothing may go on above: this is a copy of the server
        traceback.print_exc()
        return 1
    return status


def main(arguments: list[str]) -> int:
    """Serve the socket whose descriptor is named; returns 0 when the parent has gone."""
    with socket.socket(fileno=int(arguments[0])) as requests:
        serve(requests)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
