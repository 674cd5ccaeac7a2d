"""Keeps a process, and those that it starts, from reaching beyond this machine and its own network, and notes
who tried. Python imports this at its start where the folder is on PYTHONPATH, which `conftest.py` sees to.
"""

from __future__ import annotations

import ipaddress
import os
import socket
import sys
import traceback

ATTEMPTS = "MMER_TESTS_ATTEMPTS"  # names the file that they are noted in
OWN_NAMES = {"", "localhost", "localhost.localdomain", socket.gethostname()}


class NetworkBlocked(OSError):
    """Something tried to reach another machine."""


def is_near(host: object) -> bool:
    """Whether an address is of this machine or its own network; a name is only if it is this machine's."""
    text = host.decode() if isinstance(host, bytes) else host
    if text is None or text in OWN_NAMES:
        return True
    try:
        return not ipaddress.ip_address(str(text).partition("%")[0]).is_global
    except ValueError:
        return str(text).endswith(".local")


def refuse(host: object) -> None:
    """Note an attempt and fail it."""
    with open(os.environ.get(ATTEMPTS, os.devnull), "a", encoding="utf-8") as file:
        caller = "".join(traceback.format_stack(limit=8)[:-2])
        file.write(f"{host} was asked for by {' '.join(sys.argv[:2])}\n{caller}")
    raise NetworkBlocked(f"{host} is another machine: no network in tests")


def _guarded(method):
    def guarded(self, *arguments):
        address = arguments[-1]
        if self.family in (socket.AF_INET, socket.AF_INET6) and not is_near(address[0]):
            refuse(address[0])
        return method(self, *arguments)

    return guarded


class _Socket(socket.socket):
    connect = _guarded(socket.socket.connect)
    connect_ex = _guarded(socket.socket.connect_ex)
    sendto = _guarded(socket.socket.sendto)


def _getaddrinfo(host, *arguments, **options):
    if not is_near(host):
        refuse(host)
    return _asked(host, *arguments, **options)


_asked = socket.getaddrinfo
socket.socket = _Socket
socket.getaddrinfo = _getaddrinfo
