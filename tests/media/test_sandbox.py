"""What a process that reads a hostile file can no longer do, whatever the file makes it try."""

from __future__ import annotations

import errno
import json
import os
import platform
import struct
import subprocess
import sys

import media_factory as make
import pytest

from mmer_core.config import ROOT, Limits
from mmer_core.media import decoding, warm_decoder
from mmer_core.media.decoder import sandbox
from mmer_core.media.loading import load_clip

ATTEMPTS = """
import errno, json, os, resource, socket, subprocess, sys, threading

def attempts():
    return {
        "read a file": lambda: open("/etc/hostname"),
        "create a file": lambda: os.open("created", os.O_CREAT | os.O_WRONLY),
        "create a folder": lambda: os.mkdir("created"),
        "rename a file": lambda: os.rename("kept", "renamed"),
        "delete a file": lambda: os.unlink("kept"),
        "link a file": lambda: os.symlink("kept", "created"),
        "ask about a file": lambda: os.stat("kept"),
        "open a connection": lambda: socket.socket(),
        "open a pair of sockets": lambda: socket.socketpair(),
        "start a program": lambda: subprocess.run(["/bin/true"]),
        "become a program": lambda: os.execv("/bin/true", ["true"]),
        "start a process": lambda: os.fork(),
        "signal its parent": lambda: os.kill(os.getppid(), 0),
        "raise its priority": lambda: os.setpriority(os.PRIO_PROCESS, 0, -5),
    }

def tell(*_, **__):
    found = {}
    for name, attempt in attempts().items():
        try:
            attempt()
            found[name] = 0
        except OSError as error:
            found[name] = error.errno
    worked = []
    thread = threading.Thread(target=lambda: worked.append(1))
    thread.start()
    thread.join()
    os.fstat(0), resource.getrlimit(resource.RLIMIT_AS), resource.getrusage(resource.RUSAGE_SELF)
    sys.stderr.write(json.dumps([found, len(worked)]))
    sys.stderr.flush()
    os._exit(0)
"""
#: each kind of child: the module and what in it reads the file
CHILDREN = {
    "mmer_core.media.decoder.__main__": "decode",
    "mmer_core.media.decoder.excerpt": "copy",
    "mmer_core.media.decoder.film": "Film",
}
REPLACED = "import importlib, sys, attempts; setattr(importlib.import_module({0!r}), {1!r}, attempts.tell); "
SCRIPT = {"start": 0.0, "end": 1.0, "side": 64, "format": "mp4", "people": [], "captions": []}
both = pytest.mark.skipif(
    sandbox.available() != ("landlock", "seccomp"), reason="this system has no Landlock or no seccomp"
)
landlock = pytest.mark.skipif("landlock" not in sandbox.available(), reason="this system has no Landlock")
seccomp = pytest.mark.skipif("seccomp" not in sandbox.available(), reason="this system has no seccomp")


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "attempts.py").write_text(ATTEMPTS)
    (tmp_path / "kept").write_text("kept")
    make.write_sound(tmp_path / "a.wav", seconds=0.1)
    return tmp_path


@pytest.fixture
def environment(folder):
    return {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{folder}"}


def arguments(folder, module):
    """Of a child of this kind that works in a folder."""
    limits, outputs = json.dumps(Limits().to_json()), [str(folder / f"out{n}") for n in range(3)]
    if module.endswith("excerpt"):
        return [limits, *outputs[:2], "0.0", "1.0", "1000"]
    if module.endswith("film"):
        (folder / "script").write_text(json.dumps(SCRIPT))
        return [limits, str(folder / "script"), *outputs[:2]]
    return [limits, *outputs]


def run(code, folder, environment, *given):
    """What a process of its own writes about its attempts."""
    with (folder / "a.wav").open("rb") as source:
        found = subprocess.run(
            [sys.executable, "-c", code, *given],
            stdin=source,
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
    return found.stderr


def check(told, folder, expected=(errno.EPERM,)):
    found, threads = json.loads(told)
    assert threads == 1
    assert {name: number for name, number in found.items() if number not in expected} == {}
    assert (folder / "kept").read_text() == "kept"
    assert not {"created", "renamed"} & {path.name for path in folder.iterdir()}


@both
@pytest.mark.parametrize("module", CHILDREN)
def test_a_child_with_its_own_interpreter_can_open_and_start_nothing(folder, environment, module):
    code = REPLACED.format(module, CHILDREN[module]) + f"import {module} as m; m.main(sys.argv[1:])"
    check(run(code, folder, environment, *arguments(folder, module)), folder)


@both
@pytest.mark.skipif(not warm_decoder.AVAILABLE, reason="this system forks no processes")
@pytest.mark.parametrize("module", [name for name in CHILDREN if not name.endswith("film")])
def test_a_forked_child_can_open_and_start_nothing(folder, environment, module, monkeypatch):
    code = REPLACED.format(module, CHILDREN[module]) + (
        "from mmer_core.media.decoder import fork_server; fork_server.main(sys.argv[1:])"
    )
    monkeypatch.setattr(warm_decoder, "_SERVER", (sys.executable, "-c", code))
    server = warm_decoder.WarmDecoder(lambda: environment)
    try:
        with (folder / "a.wav").open("rb") as source, (folder / "errors").open("w+b") as errors:
            child = server.start(module, arguments(folder, module), source, errors, folder)
            assert child.wait(30.0) == 0
            child.close()
            errors.seek(0)
            check(errors.read().decode(), folder)
    finally:
        server.close()


@landlock
def test_landlock_alone_closes_files_and_other_processes(folder, environment):
    code = (
        "import attempts; from mmer_core.media.decoder import sandbox; assert sandbox.close_files();"
        "kept = attempts.attempts; files = [n for n in kept() if ('file' in n or 'folder' in n)"
        " and not n.startswith('ask') or n == 'become a program'];"
        "attempts.attempts = lambda: {n: kept()[n] for n in files}; attempts.tell()"
    )
    told = run(code, folder, environment)
    assert len(json.loads(told)[0]) == 7
    check(told, folder, (errno.EACCES,))


@seccomp
def test_seccomp_alone_closes_the_same(folder, environment):
    code = (
        "import attempts; from mmer_core.media.decoder import sandbox; "
        "assert sandbox.close_calls(); attempts.tell()"
    )
    check(run(code, folder, environment), folder)


@seccomp
def test_a_limit_that_was_taken_on_stays(folder, environment):
    code = (
        "import resource, sys; from mmer_core.config import Limits; "
        "from mmer_core.media.decoder.confinement import restrict; restrict(Limits())\n"
        "try: resource.setrlimit(resource.RLIMIT_NOFILE, (9, 9))\n"
        "except (OSError, ValueError): sys.stderr.write(str(resource.getrlimit(resource.RLIMIT_NOFILE)))"
    )
    assert run(code, folder, environment) == "(0, 0)"


def test_without_either_files_are_decoded_as_before(small_video, decoder_that):
    decoder_that(
        "from mmer_core.media.decoder import sandbox\n"
        "sandbox._landlock_version = lambda: 0\nsandbox._has_seccomp = lambda: False\n"
        "assert sandbox.available() == () and not sandbox.close_files() and not sandbox.close_calls()\nrun()"
    )
    assert make.corner_colours(load_clip(small_video).frames[0]) == make.CORNERS


def test_another_machine_has_no_filter(monkeypatch):
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")
    assert "seccomp" not in sandbox.available()
    assert not sandbox.close_calls()


def verdict(code, architecture, number, *given):
    """What the filter returns for a call: the kernel's packet filter, as far as it is used."""
    seen = struct.pack("=iIQ6Q", number, architecture, 0, *given, *[0] * (6 - len(given)))
    at = accumulator = 0
    while True:
        what, yes, no, value = struct.unpack_from("=HBBI", code, 8 * at)
        at += 1
        if what == sandbox.RETURN:
            return value
        if what == sandbox.LOAD:
            (accumulator,) = struct.unpack_from("=I", seen, value)
        elif what == sandbox.EQUAL:
            at += yes if accumulator == value else no
        elif what == sandbox.NOT_LESS:
            at += yes if accumulator >= value else no
        elif what == sandbox.ANY_BIT:
            at += yes if accumulator & value else no
        else:
            raise AssertionError(f"instruction {what:#x}")


@pytest.mark.parametrize("machine", sandbox.MACHINES)
def test_the_filter_of_each_machine(machine):
    architecture, column = sandbox.MACHINES[machine]
    code = sandbox.program(architecture, column, 77)
    refused, unknown = sandbox.REFUSE | errno.EPERM, sandbox.REFUSE | errno.ENOSYS
    judge = lambda calls, *given: verdict(code, architecture, calls[column], *given)  # noqa: E731
    for numbers in sandbox.CALLS.values():
        if numbers[column] is not None:
            assert judge(numbers) == sandbox.ALLOW
    assert judge(sandbox.CLONE, sandbox.THREAD | 0x500) == sandbox.ALLOW
    assert judge(sandbox.CLONE, 0x11) == refused
    for call in (sandbox.KILL, sandbox.TGKILL):
        assert (judge(call, 77), judge(call, 78)) == (sandbox.ALLOW, refused)
    assert judge(sandbox.FSTATAT, 0, 0, 0, sandbox.EMPTY_PATH) == sandbox.ALLOW
    assert judge(sandbox.FSTATAT, 0, 0, 0, 0) == refused
    assert judge(sandbox.PRLIMIT, 0, 7, 0) == sandbox.ALLOW
    assert judge(sandbox.PRLIMIT, 0, 7, 2**32) == judge(sandbox.PRLIMIT, 0, 7, 1) == refused
    for call in ((257, 56), (41, 198), (42, 203), (59, 221), (101, 117), (16, 29), (272, 97), (298, 241)):
        assert judge(call) == refused  # openat, socket, connect, execve, ptrace, ioctl, unshare, perf
    for call in (435, 437, 425, 9999):  # clone3, openat2, io_uring_setup, one of the future
        assert verdict(code, architecture, call) == unknown
    assert verdict(code, architecture, sandbox.X32 + 1) == refused
    assert verdict(code, 0x40000003, 0) == refused  # the same machine called as another


def test_the_fork_server_knows_each_child_but_the_film():
    assert {m for m in CHILDREN if not m.endswith("film")} == set(decoding.MODULES)
