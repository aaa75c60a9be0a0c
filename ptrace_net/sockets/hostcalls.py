"""Socket calls on borrowed descriptors, with addresses, options and messages as raw bytes.

The C library's functions through ctypes: Python's socket objects would parse every address into a tuple and
look the family up first. Every function raises ``Errno``.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import select
import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, TypeVar

from ptrace_net.syscalls.seam import Errno, Task

if TYPE_CHECKING:
    import mmap

MSG_PEEK: Final = 0x2
MSG_DONTWAIT: Final = 0x40
MSG_NOSIGNAL: Final = 0x4000
SOCK_CLOEXEC: Final = 0o2000000
SO_PEEK_OFF: Final = 42

T = TypeVar("T")
# The interpreter is not let go for them: none of these calls sleeps.
_libc: Final = ctypes.PyDLL(None, use_errno=True)
_accept4: Final = _libc.accept4
_connect: Final = _libc.connect
_getsockopt: Final = _libc.getsockopt
_recvmsg: Final = _libc.recvmsg
_setsockopt: Final = _libc.setsockopt
_socket: Final = _libc.socket
_get_errno: Final = ctypes.get_errno
_is_blocking: Final = os.get_blocking

_NAME_SIZE: Final = 128
_name: Final = ctypes.create_string_buffer(_NAME_SIZE)
_name_address: Final = ctypes.addressof(_name)
_length: Final = ctypes.c_int()
_length_reference: Final = ctypes.byref(_length)
_TIMEVAL: Final = struct.Struct("=qq")
_SOL_SOCKET: Final = 1

# Messages pass through buffers of ours, one at a time. More than a datagram fits, and the control messages of
# any socket (net.core.optmem_max).
_ROOM, _CONTROL_ROOM = 1 << 17, 1 << 17
_IOV, _MSGHDR = struct.Struct("=QQ"), struct.Struct("=QIxxxxQQQQIxxxx")
_pack_iov, _pack_header = _IOV.pack_into, _MSGHDR.pack_into
_filled = struct.Struct("=8xI28xQI4x").unpack_from


def place(buffer: bytearray | mmap.mmap) -> int:
    """Where its bytes lie, for as long as it lives."""
    return ctypes.addressof(ctypes.c_char.from_buffer(buffer))


_out_iov, _out_header = bytearray(_IOV.size), bytearray(_MSGHDR.size)
_out_iov_address, _out_header_pointer = place(_out_iov), ctypes.c_void_p(place(_out_header))
_in, _in_iov, _in_header = bytearray(_ROOM), bytearray(_IOV.size), bytearray(_MSGHDR.size)
_in_address, _in_iov_address = place(_in), place(_in_iov)
_in_header_pointer = ctypes.c_void_p(place(_in_header))
_in_control = bytearray(_CONTROL_ROOM)
_in_control_address = place(_in_control)
_in_view, _in_control_view = memoryview(_in), memoryview(_in_control)

# Told of every call on the host while a trace is made: name, handle, arguments, result (negative errno).
watch: Callable[[str, int, tuple[object, ...], int], None] | None = None


class borrowed:
    """The program's descriptor as one of ours, for as long as the block lasts."""

    __slots__ = ("_fd", "_handle", "_owned", "_task")

    def __init__(self, task: Task, fd: int) -> None:
        self._task = task
        self._fd = fd

    def __enter__(self) -> int:
        self._handle = self._task.held(self._fd)
        self._owned = self._handle < 0
        if self._owned:
            self._handle = self._task.borrow(self._fd)
        return self._handle

    def __exit__(self, *exception: object) -> None:
        if self._owned:
            os.close(self._handle)


def _check(result: int, name: str = "", handle: int = -1, *given: object) -> int:
    number = _get_errno() if result < 0 else 0
    if watch is not None and name:
        watch(name, handle, given, -number or result)
    if number:
        raise Errno(number)
    return result


def bind(handle: int, name: bytes) -> None:
    _check(_libc.bind(handle, name, len(name)), "bind", handle, name)


def connect(handle: int, name: bytes) -> None:
    _check(_connect(handle, name, len(name)), "connect", handle, name)


def listen(handle: int, backlog: int) -> None:
    _check(_libc.listen(handle, backlog), "listen", handle, backlog)


def shutdown(handle: int, how: int) -> None:
    _check(_libc.shutdown(handle, how), "shutdown", handle, how)


def new_socket(domain: int, kind: int, protocol: int) -> int:
    return _check(_socket(domain, kind, protocol))


def read_now(handle: int) -> bytes | None:
    """The next message on a non-blocking socket of ours; None where there is none."""
    try:
        return os.read(handle, 1 << 17) or None
    except OSError:
        return None


def hung_up(handle: int) -> bool:
    """Whether the other end of a connection is closed."""
    watched = select.poll()
    watched.register(handle, select.POLLRDHUP)
    return bool(watched.poll(0))


def was_reset(handle: int) -> bool:
    """Whether an error of the connection waits to be read."""
    watched = select.poll()
    watched.register(handle, 0)
    return any(events & select.POLLERR for _, events in watched.poll(0))


def getsockname(handle: int) -> bytes:
    _length.value = _NAME_SIZE
    result = _libc.getsockname(handle, _name, _length_reference)
    _check(result, "getsockname", handle, ctypes.string_at(_name, _length.value))
    return ctypes.string_at(_name, _length.value)


def getpeername(handle: int) -> bytes:
    _length.value = _NAME_SIZE
    result = _libc.getpeername(handle, _name, _length_reference)
    _check(result, "getpeername", handle, ctypes.string_at(_name, _length.value))
    return ctypes.string_at(_name, _length.value)


def accept(listener: int, flags: int) -> tuple[int, bytes]:
    """A new descriptor, closed on exec, with ``flags`` (SOCK_NONBLOCK) and the peer's name."""
    _length.value = _NAME_SIZE
    handle = _check(_accept4(listener, _name, _length_reference, flags | SOCK_CLOEXEC))
    return handle, ctypes.string_at(_name, _length.value)


def accept_nameless(listener: int, flags: int) -> int:
    return _check(_accept4(listener, None, None, flags | SOCK_CLOEXEC))


def accept_now(listener: int, flags: int, take: Callable[[int, int], T], *, blocking: bool) -> T:
    """``take`` (one of the above), but Errno(EAGAIN) where nobody waits, ``blocking`` or not: a single call
    has no flag for that, so the listener's own is changed for a moment.
    """
    if not blocking:
        return take(listener, flags)
    os.set_blocking(listener, False)
    try:
        return take(listener, flags)
    finally:
        os.set_blocking(listener, True)


def setsockopt(handle: int, level: int, option: int, value: bytes) -> None:
    result = _setsockopt(handle, level, option, value, len(value))
    _check(result, "setsockopt", handle, level, option, value)


def set_int(handle: int, level: int, option: int, value: int) -> None:
    setsockopt(handle, level, option, struct.pack("=i", value))


def getsockopt(handle: int, level: int, option: int, size: int) -> bytes:
    buffer = _name if size <= _NAME_SIZE else ctypes.create_string_buffer(size)
    _length.value = size
    result = _getsockopt(handle, level, option, buffer, _length_reference)
    value = buffer.raw[: _length.value]
    _check(result, "getsockopt", handle, level, option, value)
    return value


def get_int(handle: int, level: int, option: int) -> int:
    value: int = struct.unpack("=i", getsockopt(handle, level, option, 4))[0]
    return value


def get_timeout(handle: int, option: int) -> float | None:
    """SO_RCVTIMEO or SO_SNDTIMEO in seconds; None: for ever."""
    if watch is None:
        _length.value = _TIMEVAL.size
        if _getsockopt(handle, _SOL_SOCKET, option, _name, _length_reference) < 0:
            raise Errno(_get_errno())
        seconds, microseconds = _TIMEVAL.unpack_from(_name)
    else:
        seconds, microseconds = _TIMEVAL.unpack(getsockopt(handle, _SOL_SOCKET, option, _TIMEVAL.size))
    return seconds + microseconds / 1e6 if seconds or microseconds else None


def sendmsg(handle: int, data: bytes, name: bytes, control: bytes, flags: int) -> int:
    """One message; the supervisor never blocks and never gets SIGPIPE."""
    _pack_iov(_out_iov, 0, address(data), len(data))
    _pack_header(
        _out_header, 0, address(name), len(name), _out_iov_address, 1, address(control), len(control), 0
    )
    flags |= MSG_DONTWAIT | MSG_NOSIGNAL
    result = _libc.sendmsg(handle, _out_header_pointer, flags)
    return _check(result, "sendmsg", handle, data, name, control, flags)


def recvmsg(handle: int, size: int, room: int, flags: int) -> tuple[bytes, bytes, bytes, int, int]:
    """One message of at most ``size`` bytes and ``room`` bytes of control; never blocks.

    Returns ``(data, name, control, msg_flags, result)``; the result is longer than the data with MSG_TRUNC
    asked for.
    """
    size, room = min(size, _ROOM), min(room, _CONTROL_ROOM)
    _pack_iov(_in_iov, 0, _in_address, size)
    _pack_header(_in_header, 0, _name_address, _NAME_SIZE, _in_iov_address, 1, _in_control_address, room, 0)
    result = _recvmsg(handle, _in_header_pointer, flags | MSG_DONTWAIT)
    if result < 0:
        raise Errno(ctypes.get_errno())
    name_length, control_length, out = _filled(_in_header)
    return (
        _in_view[: min(result, size)].tobytes(),
        ctypes.string_at(_name, name_length) if name_length else b"",
        _in_control_view[:control_length].tobytes() if control_length else b"",
        out,
        result,
    )


def queued(handle: int, most: int) -> int:
    """How many messages wait in the queue of a datagram socket: at most ``most`` (SO_PEEK_OFF, socket(7))."""
    before, found = get_int(handle, socket.SOL_SOCKET, SO_PEEK_OFF), 0
    room = ctypes.create_string_buffer(1 << 16)
    set_int(handle, socket.SOL_SOCKET, SO_PEEK_OFF, 0)
    try:
        while found < most and _libc.recv(handle, room, len(room), MSG_PEEK | MSG_DONTWAIT) >= 0:
            found += 1
    finally:
        set_int(handle, socket.SOL_SOCKET, SO_PEEK_OFF, before)
    return found


def address(data: bytes) -> int:
    """Where the bytes of an immutable object lie; the caller keeps it alive. 0 for none."""
    return ctypes.cast(ctypes.c_char_p(data), ctypes.c_void_p).value or 0 if data else 0


def is_writable(handle: int) -> bool:
    """Whether a connect in progress has ended."""
    watched = select.poll()
    watched.register(handle, select.POLLOUT)
    return bool(watched.poll(0))


def set_blocking(handle: int) -> None:
    os.set_blocking(handle, True)


def is_blocking(handle: int) -> bool:
    return _is_blocking(handle)


@contextmanager
def not_blocking(handle: int) -> Iterator[None]:
    """O_NONBLOCK for a moment: the flag belongs to the file description, which the program shares."""
    flags = fcntl.fcntl(handle, fcntl.F_GETFL)
    fcntl.fcntl(handle, fcntl.F_SETFL, flags | os.O_NONBLOCK)
    try:
        yield
    finally:
        fcntl.fcntl(handle, fcntl.F_SETFL, flags)
