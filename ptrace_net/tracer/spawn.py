"""Start a program stopped at the edge of its life: forked, seized, filtered, then executed.

The child waits on a pipe until the parent is ready, restores the signal dispositions that Python changed,
installs the filter (seccomp(2)), hands its listener over where there is one, and executes. A failure of any
step comes back through a close-on-exec pipe.
"""

from __future__ import annotations

import ctypes
import errno
import os
import signal
import struct
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

from ptrace_net import signals

PR_SET_NO_NEW_PRIVS, PR_SET_PTRACER = 38, 0x59616D61
SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER = 1, 1 << 3
SECCOMP_NUMBER = {"x86_64": 317, "aarch64": 277, "riscv64": 277}
_SYS_PIDFD_GETFD = 438
_REPORT = struct.Struct("=i12s")  # errno or descriptor, and the step
_CAP_SYS_ADMIN = 21

_libc = ctypes.CDLL(None, use_errno=True)


class SpawnError(Exception):
    """``step`` is "exec", "seccomp", "listener" or "seize"; ``number`` the errno."""

    def __init__(self, step: str, number: int) -> None:
        super().__init__(step, number)
        self.step = step
        self.number = number


class Child(NamedTuple):
    """A forked child that waits for a byte at ``go``; ``report`` tells what it did, and ends at a successful
    exec.
    """

    pid: int
    go: int
    report: int


def spawn_traced(argv: list[str], program: bytes, seize: Callable[[int], None]) -> tuple[int, int]:
    """Run ``argv`` under the BPF ``program`` after ``seize(pid)``; ``(pid, descriptor for failure_of)``."""
    child = _fork(argv, program, 0)
    try:
        seize(child.pid)
    except OSError as error:
        raise _abandoned(child, SpawnError("seize", error.errno or errno.EPERM)) from None
    os.write(child.go, b"g")
    os.close(child.go)
    return child.pid, child.report


def spawn_notified(
    argv: list[str], program: bytes, ready: Callable[[int, int], None] | None = None, tracer: int = 0
) -> tuple[int, int, int]:
    """Run ``argv`` with a listener on ``program``; ``(pid, listener, descriptor for failure_of)``. Raises
    SpawnError.

    ``ready(pid, listener)`` is called before the program is executed, which it prevents by raising. Process
    ``tracer`` may reach into the program although it stands elsewhere (PR_SET_PTRACER).
    """
    child = _fork(argv, program, SECCOMP_FILTER_FLAG_NEW_LISTENER, tracer)
    os.write(child.go, b"g")
    said = _parse(os.read(child.report, _REPORT.size))
    if said.step != "listener":
        raise _abandoned(child, said)
    pidfd = os.pidfd_open(child.pid)
    listener: int = _libc.syscall(_SYS_PIDFD_GETFD, pidfd, said.number, 0)
    number = ctypes.get_errno()
    os.close(pidfd)
    if listener < 0:
        raise _abandoned(child, SpawnError("listener", number))
    if ready is not None:
        _hand_over(child, listener, ready)
    os.write(child.go, b"g")
    os.close(child.go)
    return child.pid, listener, child.report


def failure_of(report: int) -> SpawnError | None:
    """Read the child's report to its end: nothing came when the exec succeeded."""
    said = os.read(report, _REPORT.size)
    os.close(report)
    return _parse(said) if said else None


def _parse(said: bytes) -> SpawnError:
    number, step = _REPORT.unpack(said.ljust(_REPORT.size, b"\0"))
    return SpawnError(step.rstrip(b"\0").decode(), number)


def _hand_over(child: Child, listener: int, ready: Callable[[int, int], None]) -> None:
    taken = False
    try:
        ready(child.pid, listener)
        taken = True
    finally:
        if not taken:
            os.close(listener)
            _abandon(child)


def _abandoned(child: Child, error: SpawnError) -> SpawnError:
    """Let the waiting child end; ``error`` is for the caller to raise."""
    _abandon(child)
    return error


def _abandon(child: Child) -> None:
    os.close(child.go)
    os.close(child.report)
    with suppress(ChildProcessError):  # a thread that follows it was faster
        os.waitpid(child.pid, 0)


def _fork(argv: list[str], program: bytes, flags: int, tracer: int = 0) -> Child:
    go_read, go_write = os.pipe()
    report_read, report_write = os.pipe()
    pid = os.fork()
    if pid:
        os.close(go_read)
        os.close(report_write)
        return Child(pid, go_write, report_read)
    os.close(go_write)
    os.close(report_read)
    try:
        if tracer:
            _libc.prctl(PR_SET_PTRACER, ctypes.c_ulong(tracer), 0, 0, 0)
        _child(argv, program, flags, go_read, report_write)
    finally:
        os._exit(125)  # whatever happens: the parent's code is not the child's


def _child(argv: list[str], program: bytes, flags: int, go: int, report: int) -> None:
    step = "seccomp"
    try:
        if not os.read(go, 1):
            return
        restore_signals()
        listener = install_filter(program, flags)
        if flags:
            os.write(report, _REPORT.pack(listener, b"listener"))
            if not os.read(go, 1):
                return
            os.close(listener)
        os.close(go)
        step = "exec"
        os.execvp(argv[0], argv)
    except OSError as error:
        os.write(report, _REPORT.pack(error.errno or 0, step.encode()))
    except ValueError:  # execvp() of an empty name
        os.write(report, _REPORT.pack(errno.ENOENT, step.encode()))


def restore_signals() -> None:
    """Undo what the interpreter did to the dispositions that exec passes on: it ignores these two. Signals
    that wait for us are not to wait for the program.
    """
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)
    signals.let_go()


def install_filter(program: bytes, flags: int = 0) -> int:
    """seccomp(SECCOMP_SET_MODE_FILTER): sets no_new_privs unless CAP_SYS_ADMIN makes that unnecessary."""
    if not has_capability("self", _CAP_SYS_ADMIN):
        _check(_libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
    code = ctypes.create_string_buffer(program, len(program))
    prog = struct.pack("=HxxxxxxQ", len(program) // 8, ctypes.addressof(code))
    prog_buffer = ctypes.create_string_buffer(prog, len(prog))
    number = SECCOMP_NUMBER[os.uname().machine]
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


def has_privilege(tid: int, capability: int) -> bool:
    """Whether ``capability`` of thread ``tid`` counts in our user namespace, where the supervisor acts for
    it.

    Capabilities of a namespace that the program made itself do not.
    """
    try:
        shared = os.stat(f"/proc/{tid}/ns/user").st_ino == os.stat("/proc/self/ns/user").st_ino
    except OSError:
        return False
    return shared and has_capability(tid, capability)


def _check(result: int) -> None:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
