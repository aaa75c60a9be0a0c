"""recvfrom(2), recvmsg(2), recvmmsg(2) where the provider receives, not the kernel."""

from __future__ import annotations

import errno
import struct
import time
from typing import TYPE_CHECKING

from ptrace_net.abi.msghdr import cmsghdr, mmsghdr, msghdr
from ptrace_net.syscalls.memory import read_int
from ptrace_net.syscalls.msghdr import UIO_MAXIOV, Header, checked, fitted, pieces, raw_header, raw_headers
from ptrace_net.syscalls.seam import Answer, Call, Errno, Return, Wait, WouldBlock

if TYPE_CHECKING:
    from collections.abc import Callable

    from ptrace_net.abi.arch import Arch
    from ptrace_net.syscalls.sockets import Held, Received

POLLIN = 1
MSG_OOB, MSG_PEEK, MSG_CTRUNC, MSG_TRUNC, MSG_DONTWAIT = 0x1, 0x2, 0x8, 0x20, 0x40
MSG_ERRQUEUE, MSG_WAITFORONE = 0x2000, 0x10000
_NO_MORE = MSG_OOB | MSG_PEEK | MSG_DONTWAIT | MSG_ERRQUEUE | MSG_WAITFORONE
_MOST = 1 << 17  # bytes taken at once: more than any datagram
_INT = {"<": struct.Struct("<i"), ">": struct.Struct(">i")}
_TIMESPEC = {4: "ii", 8: "qq"}


def first_asks(call: Call) -> bool:
    """Whether recvmmsg's first msghdr has room for a source, or an error is wanted. Where there is none, the
    kernel knows which error comes first.
    """
    try:
        return call.args[2] != 0 and asks(raw_header(call.task, call.arch, call.args[1]), call.args[3])
    except Errno:
        return False


def asks(header: Header, flags: int) -> bool:
    return bool(flags & MSG_ERRQUEUE or header.name)


def received_from(call: Call, held: Held) -> Answer:
    size, flags = call.args[2:4]
    return _received(call, held, min(size, _MOST), flags, lambda got: _give(call, got))


def _give(call: Call, got: Received) -> int:
    """Data, then the source (__sys_recvfrom); the length is looked at last, and written first."""
    _, address, _, flags, name_address, length_address = call.args
    task, data = call.task, got.data
    if not name_address:
        task.write(address, data)
        return _result(got, flags)
    try:
        room = read_int(task, call.arch, length_address)
    except Errno:
        task.write(address, data)
        raise
    if room < 0:
        task.write(address, data)
        raise Errno(errno.EINVAL)
    name = got.name
    length = _INT[call.arch.endian].pack(len(name))
    task.write_all(((address, data), (length_address, length), (name_address, name[:room])))
    return _result(got, flags)


def _received(
    call: Call, held: Held, size: int, flags: int, give: Callable[[Received], int]
) -> Answer:
    """At once, or the call sleeps."""
    sock, handle = held.sock, held.handle
    asleep = sock.sleeps(call, handle, size, flags, give)
    if asleep is not None:
        return asleep
    try:
        return Return(give(sock.receive(call.task, handle, size, flags)))
    except WouldBlock as blocked:
        timeout = blocked.timeout
    return sock.sleeps(call, handle, size, flags, give) or Wait(
        call.args[0], POLLIN, timeout, restart=timeout is None
    )


def received_message(call: Call, held: Held, asked: Header) -> Answer:
    """``asked`` is the msghdr as it lies there."""
    address, flags = call.args[1:3]
    places = pieces(call.task, call.arch, checked(asked))
    size = min(sum(length for _, length in places), _MOST)
    return _received(call, held, size, flags, lambda got: _scatter(call, got, address, flags, asked, places))


def received_messages(call: Call, held: Held) -> Answer:
    """All that are asked for, or what is there; the deadline is looked at after each, as the kernel does."""
    _, address, count, flags, timeout = call.args[:5]
    stride = mmsghdr.fast(call.arch).size
    patience, done = _timeout(call, timeout), 0
    if count > 1 and not flags & _NO_MORE:
        sleep = held.sock.several_more(call, held.handle, min(count, UIO_MAXIOV), patience)
        if sleep is not None:
            return sleep
    deadline = None if patience is None else time.monotonic() + patience
    count = min(count, UIO_MAXIOV)
    headers = raw_headers(call.task, call.arch, address, count)
    for index in range(count):
        at = address + index * stride
        try:
            asked = headers[index] if index < len(headers) else raw_header(call.task, call.arch, at)
            _into(call, held, at, flags & ~MSG_WAITFORONE, asked)
        except WouldBlock as blocked:
            if done:
                break
            return Wait(call.args[0], POLLIN, blocked.timeout, restart=blocked.timeout is None)
        except Errno as error:
            if not done:
                raise
            if error.number != errno.EAGAIN:
                held.sock.fail(error.number)  # for the next call (__sys_recvmmsg)
            break
        done += 1
        if flags & MSG_WAITFORONE:
            flags |= MSG_DONTWAIT
        if deadline is not None and time.monotonic() >= deadline:
            break
    return Return(done)


def _timeout(call: Call, address: int) -> float | None:
    if not address:
        return None
    form = call.arch.endian + _TIMESPEC[8 if call.name == "recvmmsg_time64" else call.arch.word]
    seconds, nanoseconds = struct.unpack(form, call.task.read(address, struct.calcsize(form)))
    if seconds < 0 or not 0 <= nanoseconds < 10**9:
        raise Errno(errno.EINVAL)
    left: float = seconds + nanoseconds / 1e9
    return left


def _into(call: Call, held: Held, address: int, flags: int, asked: Header) -> None:
    """Receive into the mmsghdr at ``address``."""
    places = pieces(call.task, call.arch, checked(asked))
    size = min(sum([length for _, length in places]), _MOST)
    got = held.sock.receive(call.task, held.handle, size, flags)
    _scatter(call, got, address, flags, asked, places, several=True)


def _scatter(
    call: Call, got: Received, address: int, flags: int, asked: Header, places: list[tuple[int, int]],
    *, several: bool = False,
) -> int:
    """Write a message as the iovec says, and the fields of its msghdr; of ``several`` its length too."""
    task, arch = call.task, call.arch
    header, written, offset = checked(asked), [], 0
    for base, length in places:
        piece = got.data[offset : offset + length]
        written.append((base, piece))
        offset += length
    room = header.control_length if header.control else 0
    control, cut = fitted(packed(got.control, arch), room, arch) if got.control else (b"", False)
    written.append((header.control, control))
    name, _, iov, count, at, _, _ = asked
    if name:
        written.append((name, got.name[: header.name_length]))
    filled = (
        name, len(got.name) if name else asked.name_length, iov, count, at, len(control),
        got.flags | (MSG_CTRUNC if cut else 0),
    )  # fmt: skip
    result = _result(got, flags)
    layout = mmsghdr if several else msghdr
    written.append((address, layout.fast(arch).pack(*filled, *([result] if several else []))))
    task.write_all(written)
    return result


def packed(messages: list[tuple[int, int, bytes]], arch: Arch) -> bytes:
    """A control buffer; times have the words of ``arch`` (put_cmsg, put_cmsg_compat)."""
    head, found = cmsghdr.fast(arch), b""
    for level, kind, payload in messages:
        if arch.word == 4 and (level, kind) in ((1, 29), (1, 35)):
            payload = struct.pack(arch.endian + "ii", *struct.unpack("=qq", payload))
        found += head.pack(head.size + len(payload), level, kind) + payload
        found += bytes(-len(found) % arch.word)
    return found


def _result(got: Received, flags: int) -> int:
    return got.total if flags & MSG_TRUNC else len(got.data)

