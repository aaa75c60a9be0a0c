"""The seccomp user notification descriptor (seccomp_unotify(2), linux/seccomp.h).

``receive`` takes the next intercepted call, ``answer`` and ``let_through`` end it, ``install`` puts a
descriptor into the program. A call whose thread got a signal in between is gone: FileNotFoundError, and the
program will issue it again.

Memory for ioctl(2) is a bytearray: of bytes fcntl tries first whether they may be written to, which takes
longer than the call. What is said to the kernel lies in one of ours each: one thread at a time speaks.
"""

from __future__ import annotations

import select
import struct
from fcntl import ioctl
from typing import Final

_RECV: Final = 0xC0502100
_SEND: Final = 0xC0182101
_ID_VALID: Final = 0x40082102
_ADDFD: Final = 0x40182103
_SET_FLAGS: Final = 0x40082104
_SYNC_WAKE_UP: Final = 1  # wake the program on the supervisor's CPU: it is about to sleep
_CONTINUE: Final = 1
_ADDFD_SETFD: Final = 1
_ADDFD_SEND: Final = 2
O_CLOEXEC: Final = 0o2000000

_NOTIF: Final = struct.Struct("=QIIQQ6Q")
_RESP: Final = struct.Struct("=QqiI")
_FD: Final = struct.Struct("=QIIII")
_ID: Final = struct.Struct("=Q")
_ioctl: Final = ioctl
_unpack_notification: Final = _NOTIF.unpack
_pack_response: Final = _RESP.pack_into
_pack_descriptor: Final = _FD.pack_into
_pack_identity: Final = _ID.pack_into
_response: Final = bytearray(_RESP.size)
_descriptor: Final = bytearray(_FD.size)
_identity: Final = bytearray(_ID.size)


def prepare(listener: int) -> bool:
    """Ask for synchronous wake-ups; older kernels (before 6.6) do without: False."""
    try:
        _ioctl(listener, _SET_FLAGS, _SYNC_WAKE_UP)
    except OSError:
        return False
    return True


def receive(listener: int) -> tuple[int, ...]:
    """``(id, tid, flags, code, ip, arg0 … arg5)``; InterruptedError on a signal.

    ``code`` is the call's number and, in its high half, AUDIT_ARCH: ``decode.code_of``.
    """
    notification = bytearray(80)  # the kernel insists on zeros
    _ioctl(listener, _RECV, notification)
    return _unpack_notification(notification)


def answer(listener: int, identity: int, value: int) -> None:
    """End the call with ``value``; -errno for a failure."""
    failed = -4095 <= value < 0
    _pack_response(_response, 0, identity, 0 if failed else value, value if failed else 0, 0)
    _ioctl(listener, _SEND, _response)


def let_through(listener: int, identity: int) -> None:
    _pack_response(_response, 0, identity, 0, 0, _CONTINUE)
    _ioctl(listener, _SEND, _response)


def install(listener: int, identity: int, descriptor: int, *, cloexec: bool, answer: bool) -> int:
    """Duplicate ``descriptor`` into the program; its number there. ``answer`` also ends the call with it."""
    flags = _ADDFD_SEND if answer else 0
    _pack_descriptor(_descriptor, 0, identity, flags, descriptor, 0, O_CLOEXEC if cloexec else 0)
    fd: int = _ioctl(listener, _ADDFD, _descriptor)
    return fd


def put(listener: int, identity: int, descriptor: int, fd: int, *, cloexec: bool) -> None:
    """Put a duplicate of ``descriptor`` in place of the program's ``fd``."""
    mode = O_CLOEXEC if cloexec else 0
    _pack_descriptor(_descriptor, 0, identity, _ADDFD_SETFD, descriptor, fd, mode)
    _ioctl(listener, _ADDFD, _descriptor)


def is_deserted(listener: int) -> bool:
    """Whether the last task under the filter has gone."""
    poll = select.poll()
    poll.register(listener, 0)
    return bool(poll.poll(0))


def is_valid(listener: int, identity: int) -> bool:
    """Whether the thread still waits in this call."""
    try:
        _pack_identity(_identity, 0, identity)
        _ioctl(listener, _ID_VALID, _identity)
    except FileNotFoundError:
        return False
    return True
