"""Start a program stopped at the edge of its life: forked, seized, filtered, then executed.

The child waits on a pipe until the parent has seized it, restores the signal dispositions that Python changed,
installs the filter (seccomp(2)) and executes. A failure of any step comes back through a close-on-exec pipe.
"""

from __future__ import annotations

import ctypes
import errno
import os
import signal
import struct
from collections.abc import Callable
from typing import NamedTuple

PR_SET_NO_NEW_PRIVS = 38
SECCOMP_SET_MODE_FILTER = 1
_CAP_SYS_ADMIN = 21

_libc = ctypes.CDLL(None, use_errno=True)


class SpawnError(Exception):
    """``step`` is "exec", "seccomp" or "seize"; ``number`` the errno."""

    def __init__(self, step: str, number: int) -> None:
        super().__init__(step, number)
        self.step = step
        self.number = number


class Child(NamedTuple):
    """A forked child that waits: a byte to ``go`` lets it execute; ``failure`` tells, at its end, if it could not."""

    pid: int
    go: int
    failure: int


def spawn(argv: list[str], program: bytes, seize: Callable[[int], None]) -> tuple[int, int]:
    """Run ``argv`` under the BPF ``program`` after ``seize(pid)``; ``(pid, descriptor for failure_of)``."""
    child = _fork(argv, program)
    try:
        seize(child.pid)
    except OSError as error:
        os.close(child.go)
        os.close(child.failure)
        os.waitpid(child.pid, 0)
        raise SpawnError("seize", error.errno or errno.EPERM) from None
    os.write(child.go, b"g")
    os.close(child.go)
    return child.pid, child.failure


def failure_of(descriptor: int) -> SpawnError | None:
    """Read the child's report to its end: nothing came when the exec succeeded."""
    report = os.read(descriptor, 64)
    os.close(descriptor)
    if not report:
        return None
    number, step = struct.unpack_from("=i", report)[0], report[4:].decode()
    return SpawnError(step, number)


def _fork(argv: list[str], program: bytes) -> Child:
    go_read, go_write = os.pipe()
    fail_read, fail_write = os.pipe()
    pid = os.fork()
    if pid:
        os.close(go_read)
        os.close(fail_write)
        return Child(pid, go_write, fail_read)
    os.close(go_write)
    os.close(fail_read)
    _child(argv, program, go_read, fail_write)
    os._exit(125)


def _child(argv: list[str], program: bytes, go: int, failure: int) -> None:
    step = "seccomp"
    try:
        if not os.read(go, 1):
            return
        os.close(go)
        restore_signals()
        install_filter(program)
        step = "exec"
        os.execvp(argv[0], argv)
    except OSError as error:
        os.write(failure, struct.pack("=i", error.errno or 0) + step.encode())


def restore_signals() -> None:
    """Undo what the interpreter did to the dispositions that exec passes on: it ignores these two."""
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)


def install_filter(program: bytes, flags: int = 0) -> int:
    """seccomp(SECCOMP_SET_MODE_FILTER): sets no_new_privs unless CAP_SYS_ADMIN makes that unnecessary."""
    if not has_capability("self", _CAP_SYS_ADMIN):
        _check(_libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
    code = ctypes.create_string_buffer(program, len(program))
    prog = struct.pack("=HxxxxxxQ", len(program) // 8, ctypes.addressof(code))
    prog_buffer = ctypes.create_string_buffer(prog, len(prog))
    number = {"x86_64": 317, "aarch64": 277, "riscv64": 277}[os.uname().machine]
    result: int = _libc.syscall(
        ctypes.c_long(number), ctypes.c_long(SECCOMP_SET_MODE_FILTER), ctypes.c_long(flags), prog_buffer
    )
    _check(result)
    return result


def has_capability(pid: str | int, capability: int) -> bool:
    """Whether ``/proc/PID/status`` shows ``capability`` in the effective set (capabilities(7))."""
    with open(f"/proc/{pid}/status") as status:
        for line in status:
            if line.startswith("CapEff:"):
                return bool(int(line.split()[1], 16) >> capability & 1)
    return False


def _check(result: int) -> None:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
