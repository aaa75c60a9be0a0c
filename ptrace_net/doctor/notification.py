"""What seccomp(2) offers: each feature of the notification engine is used once, on a child's getppid(2)."""

from __future__ import annotations

import ctypes
import errno
import os
import select
import socket
from typing import NamedTuple

from ptrace_net.doctor.child import SECONDS, child
from ptrace_net.doctor.finding import LIMITED, MISSING, OK, Finding
from ptrace_net.tracer import notification
from ptrace_net.tracer.filter import NOTIFY, Rule, assemble
from ptrace_net.tracer.registers import arches
from ptrace_net.tracer.spawn import SECCOMP_FILTER_FLAG_NEW_LISTENER, install_filter

_ANSWER = 4242
_CONFIG = "CONFIG_SECCOMP_FILTER must be on; for Docker: --security-opt seccomp=unconfined"
_OTHER = "the ptrace engine serves runs (--engine ptrace), without --name and --join"
_getppid = ctypes.CDLL(None).getppid  # not os.getppid, so that an answer comes through as it is


class Notified(NamedTuple):
    """What came of it; ``error`` where the filter was refused, None for what was not reached."""

    error: int = 0
    answered: bool = False
    added: int | None = None  # errno of ADDFD
    sent: int | None = None  # errno of ADDFD with SEND
    synchronous: bool = False


def filters() -> Finding:
    found = _tried()
    if found.error not in (0, errno.EBUSY):
        return Finding("seccomp filter", MISSING, f"refused: {os.strerror(found.error)}", _CONFIG)
    return Finding("seccomp filter", OK, "calls that nobody wants cost nothing")


def listener() -> Finding:
    what, found = "seccomp user notification", _tried()
    if found.error == errno.EBUSY:
        told = "another supervisor listens to these processes already"
        return Finding(what, MISSING, told, f"start outside of it, or {_OTHER}")
    if found.error or not found.answered:
        return Finding(what, MISSING, "the kernel does not offer it (Linux 5.0)", _OTHER)
    return Finding(what, OK, "calls are answered in one round trip")


def descriptors() -> Finding:
    what, found = "descriptors given with the answer (ADDFD, SEND)", _tried()
    if found.sent == 0:
        return Finding(what, OK, "socket and accept in one round trip")
    if found.added == 0:
        return Finding(what, MISSING, "ADDFD alone (Linux 5.14 has SEND)", _OTHER)
    return Finding(what, MISSING, "the kernel does not offer it (Linux 5.9, 5.14)", _OTHER)


def wake_up() -> Finding:
    what = "synchronous wake-ups"
    if _tried().synchronous:
        return Finding(what, OK, "program and supervisor take turns on one processor")
    return Finding(what, LIMITED, "calls cost more without (Linux 6.6)", "a newer kernel")


_found: list[Notified] = []


def _tried() -> Notified:
    if not _found:
        _found.append(_try())
    return _found[0]


def _try() -> Notified:
    ours, theirs = socket.socketpair()
    program = assemble((Rule("getppid", (), NOTIFY),), arches())

    def calls() -> int:
        try:
            handle = install_filter(program, SECCOMP_FILTER_FLAG_NEW_LISTENER)
        except OSError as error:
            theirs.send(bytes((error.errno or errno.EINVAL,)))
            return 1
        socket.send_fds(theirs, [b"\0"], [handle])
        os.close(handle)
        return int(_getppid() != _ANSWER or _getppid() < 0 or _getppid() < 0)

    with ours, theirs, child(calls):
        ours.settimeout(SECONDS)
        data, handles, _, _ = socket.recv_fds(ours, 1, 1)
        if not handles:
            return Notified(data[0] if data else errno.EINVAL)
        try:
            return _serve(handles[0])
        except OSError:
            return Notified()
        finally:
            os.close(handles[0])


def _serve(handle: int) -> Notified:
    synchronous = notification.prepare(handle)
    notification.answer(handle, _next(handle), _ANSWER)
    identity = _next(handle)
    added = _add(handle, identity, answer=False)
    notification.answer(handle, identity, 0)
    sent = _add(handle, _next(handle), answer=True)
    return Notified(0, True, added, sent, synchronous)


def _next(handle: int) -> int:
    if not select.select([handle], [], [], SECONDS)[0]:
        raise TimeoutError
    return notification.receive(handle)[0]


def _add(handle: int, identity: int, *, answer: bool) -> int:
    try:
        notification.install(handle, identity, 2, cloexec=True, answer=answer)
    except OSError as error:
        return error.errno or errno.EINVAL
    return 0
