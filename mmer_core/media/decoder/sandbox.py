"""What Linux can take from a process for good, by raw system calls: no library is needed.

Landlock takes every right to files, TCP ports and other processes; seccomp lets through only the system
calls that computing, reading and writing open descriptors, and threads need. Either holds alone where the
kernel has only one. Source: linux/landlock.h, linux/seccomp.h, linux/bpf_common.h, asm-generic/unistd.h.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct
import sys
from functools import cache

LANDLOCK_CREATE, LANDLOCK_RESTRICT = 444, 446  # the same everywhere
NO_NEW_PRIVILEGES = 38  # of prctl
SECCOMP_FILTER, SECCOMP_AVAILABLE, ALL_THREADS = 1, 2, 1
ALLOW, REFUSE = 0x7FFF0000, 0x00050000  # what a filter returns; to the second the error number is added
THREAD = 0x10000  # CLONE_THREAD: the flag that tells a thread from a process
EMPTY_PATH = 0x1000  # AT_EMPTY_PATH: the facts of an open file are asked, not those of a path
X32 = 0x40000000  # the other way to call an x86-64 kernel
UNIFIED = 424  # newer calls have one number everywhere; what is not known is said to be unknown
#: (AUDIT_ARCH, column of `CALLS`) by `platform.machine()`
MACHINES = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1)}
SECCOMP = (317, 277)
CLONE, KILL, TGKILL, FSTATAT, PRLIMIT = (56, 220), (62, 129), (234, 131), (262, 79), (302, 261)
#: {what is allowed: numbers on x86-64 and aarch64; None: there is no such call}
CALLS: dict[str, tuple[int | None, int | None]] = {
    **{"read": (0, 63), "readv": (19, 65), "pread64": (17, 67), "preadv": (295, 69), "preadv2": (327, 286)},
    **{"write": (1, 64), "writev": (20, 66), "pwrite64": (18, 68), "pwritev": (296, 70)},
    **{"lseek": (8, 62), "close": (3, 57), "close_range": (436, 436), "fstat": (5, 80)},
    **{"ftruncate": (77, 46), "fsync": (74, 82), "fdatasync": (75, 83), "fadvise64": (221, 223)},
    **{"fallocate": (285, 47), "mmap": (9, 222), "munmap": (11, 215), "mremap": (25, 216)},
    **{"mprotect": (10, 226), "madvise": (28, 233), "brk": (12, 214), "mincore": (27, 232)},
    **{"membarrier": (324, 283), "futex": (202, 98), "set_robust_list": (273, 99)},
    **{"get_robust_list": (274, 100), "set_tid_address": (218, 96), "rseq": (334, 293)},
    **{"rt_sigaction": (13, 134), "rt_sigprocmask": (14, 135), "rt_sigreturn": (15, 139)},
    **{"rt_sigtimedwait": (128, 137), "rt_sigpending": (127, 136), "sigaltstack": (131, 132)},
    **{"poll": (7, None), "ppoll": (271, 73), "select": (23, None), "pselect6": (270, 72)},
    **{"nanosleep": (35, 101), "clock_nanosleep": (230, 115), "clock_gettime": (228, 113)},
    **{"clock_getres": (229, 114), "gettimeofday": (96, 169), "time": (201, None), "times": (100, 153)},
    **{"getrusage": (98, 165), "sysinfo": (99, 179), "uname": (63, 160), "getrandom": (318, 278)},
    **{"getpid": (39, 172), "gettid": (186, 178), "getppid": (110, 173), "getuid": (102, 174)},
    **{"geteuid": (107, 175), "getgid": (104, 176), "getegid": (108, 177), "getcpu": (309, 168)},
    **{"sched_yield": (24, 124), "sched_getaffinity": (204, 123), "sched_getparam": (143, 121)},
    **{"sched_getscheduler": (145, 120), "sched_get_priority_max": (146, 125)},
    **{"sched_get_priority_min": (147, 126), "getrlimit": (97, 163), "arch_prctl": (158, None)},
    **{"restart_syscall": (219, 128), "exit": (60, 93), "exit_group": (231, 94)},
}
# Instructions of the kernel's packet filter: load a word, jump if equal, not less, or any bit set; return.
LOAD, EQUAL, NOT_LESS, ANY_BIT, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
NUMBER, ARCHITECTURE, ARGUMENTS = 0, 4, 16  # where they stand in what a filter sees; 8 bytes an argument


def available() -> tuple[str, ...]:
    """Which of "landlock" and "seccomp" this system has."""
    return tuple(
        name for name, there in (("landlock", _landlock_version() > 0), ("seccomp", _has_seccomp())) if there
    )


def close_files() -> bool:
    """Give up for good the right to open or create any file, to bind or connect a TCP socket, and to signal a
    process of others; what is open stays open. To be called before no descriptor can be had any more.

    Returns:
        Whether that holds now: there is Landlock.
    """
    version = _landlock_version()
    if version < 1:
        return False
    files = 13 + (version >= 2) + (version >= 3) + (version >= 5)  # rights known to the version
    rules = struct.pack("=QQQ", (1 << files) - 1, 3, 3)  # files; binding, connecting; sockets, signals
    size = 8 if version < 4 else 16 if version < 6 else 24
    ruleset = _call(LANDLOCK_CREATE, ctypes.create_string_buffer(rules, len(rules)), size, 0)
    if ruleset < 0:
        return False
    try:
        _give_up_privileges()
        return _call(LANDLOCK_RESTRICT, ruleset, 0) == 0
    finally:
        os.close(ruleset)


def close_calls() -> bool:
    """Give up for good every system call of every thread that is not in `CALLS`, among them those that open
    files and sockets, start or signal another process, and raise limits: they fail with EPERM, and those
    that are not known with ENOSYS. To be called last.

    Returns:
        Whether that holds now: there is seccomp, and the machine is one of `MACHINES`.
    """
    if not _has_seccomp():
        return False
    architecture, column = MACHINES[platform.machine()]
    code = program(architecture, column, os.getpid())
    held = ctypes.create_string_buffer(code, len(code))
    given = struct.pack("@HP", len(code) // 8, ctypes.addressof(held))
    _give_up_privileges()
    status = _call(
        SECCOMP[column], SECCOMP_FILTER, ALL_THREADS, ctypes.create_string_buffer(given, len(given))
    )
    return status == 0


def _give_up_privileges() -> None:
    """Without this only root may restrict itself."""
    _libc().prctl(NO_NEW_PRIVILEGES, *map(ctypes.c_ulong, (1, 0, 0, 0)))


@cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _call(number: int, *arguments: int | ctypes.Array[ctypes.c_char] | None) -> int:
    """The result of a system call; -1 where it fails."""
    given = [ctypes.c_ulong(a) if isinstance(a, int) else a for a in arguments]
    return int(_libc().syscall(ctypes.c_long(number), *given))


def _landlock_version() -> int:
    """The version of Landlock's interface; less than 1 where there is none, or it is off."""
    return _call(LANDLOCK_CREATE, None, 0, 1) if sys.platform.startswith("linux") else 0


def _has_seccomp() -> bool:
    """Whether the system has filters that refuse with an error, and the machine is one of `MACHINES`."""
    machine = MACHINES.get(platform.machine()) if sys.platform.startswith("linux") else None
    if machine is None or sys.maxsize < 2**32:
        return False
    action = ctypes.create_string_buffer(struct.pack("=I", REFUSE), 4)
    return _call(SECCOMP[machine[1]], SECCOMP_AVAILABLE, 0, action) == 0


def program(architecture: int, column: int, own: int) -> bytes:
    """The filter, 8 bytes an instruction.

    Args:
        architecture: AUDIT_ARCH of the machine.
        column: of the machine in `CALLS`.
        own: process id of the only process that may be signalled.
    """
    refuse = REFUSE | errno.EPERM
    rules = [
        (LOAD, 0, 0, ARCHITECTURE),
        *((EQUAL, 1, 0, architecture), (RETURN, 0, 0, refuse)),
        (LOAD, 0, 0, NUMBER),
        *((NOT_LESS, 0, 1, X32), (RETURN, 0, 0, refuse)),
    ]
    for numbers in CALLS.values():
        if (number := numbers[column]) is not None:
            rules += [(EQUAL, 0, 1, number), (RETURN, 0, 0, ALLOW)]
    for number, argument, test, value in (
        (CLONE[column], 0, ANY_BIT, THREAD),
        (KILL[column], 0, EQUAL, own),
        (TGKILL[column], 0, EQUAL, own),
        (FSTATAT[column], 3, ANY_BIT, EMPTY_PATH),
    ):
        rules += [
            *((EQUAL, 0, 4, number), (LOAD, 0, 0, ARGUMENTS + 8 * argument)),
            *((test, 0, 1, value), (RETURN, 0, 0, ALLOW), (RETURN, 0, 0, refuse)),
        ]
    limits = ARGUMENTS + 8 * 2  # limits may be asked for: then there is no address of new ones
    rules += [
        *((EQUAL, 0, 6, PRLIMIT[column]), (LOAD, 0, 0, limits), (EQUAL, 0, 3, 0)),
        *((LOAD, 0, 0, limits + 4), (EQUAL, 0, 1, 0), (RETURN, 0, 0, ALLOW), (RETURN, 0, 0, refuse)),
        *((NOT_LESS, 0, 1, UNIFIED), (RETURN, 0, 0, REFUSE | errno.ENOSYS), (RETURN, 0, 0, refuse)),
    ]
    return b"".join(struct.pack("=HBBI", *rule) for rule in rules)
