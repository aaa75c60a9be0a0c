"""The seccomp user notification descriptor (seccomp_unotify(2), linux/seccomp.h).

``receive`` takes the next intercepted call, ``answer`` and ``let_through`` end it, ``install`` puts a
descriptor into the program. A call whose thread got a signal in between is gone: FileNotFoundError, and the
program will issue it again.
"""

from __future__ import annotations

import fcntl
import select
import struct

_RECV, _SEND, _ID_VALID, _ADDFD, _SET_FLAGS = 0xC0502100, 0xC0182101, 0x40082102, 0x40182103, 0x40082104
_SYNC_WAKE_UP = 1  # wake the program on the supervisor's CPU: it is about to sleep
_CONTINUE = 1
_ADDFD_SETFD, _ADDFD_SEND = 1, 2
O_CLOEXEC = 0o2000000

_NOTIF = struct.Struct("=QIIQQ6Q")
_RESP = struct.Struct("=QqiI")
_FD = struct.Struct("=QIIII")
_ID = struct.Struct("=Q")
_ZEROS = bytes(_NOTIF.size)  # the kernel insists on them


def prepare(listener: int) -> bool:
    """Ask for synchronous wake-ups; older kernels (before 6.6) do without: False."""
    try:
        fcntl.ioctl(listener, _SET_FLAGS, _SYNC_WAKE_UP)
    except OSError:
        return False
    return True


def receive(listener: int) -> tuple[int, ...]:
    """``(id, tid, flags, code, ip, arg0 … arg5)``; InterruptedError on a signal.

    ``code`` is the call's number and, in its high half, AUDIT_ARCH: ``decode.code_of``.
    """
    return _NOTIF.unpack(fcntl.ioctl(listener, _RECV, _ZEROS))


def answer(listener: int, identity: int, value: int) -> None:
    """End the call with ``value``; -errno for a failure."""
    if -4095 <= value < 0:
        fcntl.ioctl(listener, _SEND, _RESP.pack(identity, 0, value, 0))
    else:
        fcntl.ioctl(listener, _SEND, _RESP.pack(identity, value, 0, 0))


def let_through(listener: int, identity: int) -> None:
    fcntl.ioctl(listener, _SEND, _RESP.pack(identity, 0, 0, _CONTINUE))


def install(listener: int, identity: int, descriptor: int, *, cloexec: bool, answer: bool) -> int:
    """Duplicate ``descriptor`` into the program; its number there. ``answer`` also ends the call with it."""
    flags = _ADDFD_SEND if answer else 0
    mode = O_CLOEXEC if cloexec else 0
    fd: int = fcntl.ioctl(
        listener, _ADDFD, bytearray(_FD.pack(identity, flags, descriptor, 0, mode)), True
    )
    return fd


def put(listener: int, identity: int, descriptor: int, fd: int, *, cloexec: bool) -> None:
    """Put a duplicate of ``descriptor`` in place of the program's ``fd``."""
    mode = O_CLOEXEC if cloexec else 0
    fcntl.ioctl(listener, _ADDFD, bytearray(_FD.pack(identity, _ADDFD_SETFD, descriptor, fd, mode)), True)


def is_deserted(listener: int) -> bool:
    """Whether the last task under the filter has gone."""
    poll = select.poll()
    poll.register(listener, 0)
    return bool(poll.poll(0))


def is_valid(listener: int, identity: int) -> bool:
    """Whether the thread still waits in this call."""
    try:
        fcntl.ioctl(listener, _ID_VALID, _ID.pack(identity))
    except FileNotFoundError:
        return False
    return True
