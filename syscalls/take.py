"""recvfrom(2), recvmsg(2), recvmmsg(2) where the provider receives, not the kernel."""

from __future__ import annotations

import errno
import struct
import time
from typing import TYPE_CHECKING

from ptrace_net.abi.msghdr import cmsghdr, mmsghdr, msghdr
from ptrace_net.syscalls.memory import give_name, read_int
from ptrace_net.syscalls.msghdr import UIO_MAXIOV, checked, fitted, pieces, raw_header
from ptrace_net.syscalls.seam import Answer, Call, Errno, Return, Wait, WouldBlock

if TYPE_CHECKING:
    from ptrace_net.abi.arch import Arch
    from ptrace_net.syscalls.sockets import Held, Received

POLLIN = 1
MSG_OOB, MSG_PEEK, MSG_CTRUNC, MSG_TRUNC, MSG_DONTWAIT = 0x1, 0x2, 0x8, 0x20, 0x40
MSG_ERRQUEUE, MSG_WAITFORONE = 0x2000, 0x10000
_NO_MORE = MSG_OOB | MSG_PEEK | MSG_DONTWAIT | MSG_ERRQUEUE | MSG_WAITFORONE
_MOST = 1 << 17  # bytes taken at once: more than any datagram
_TIMESPEC = {4: "ii", 8: "qq"}


def asks(call: Call, address: int, flags: int) -> bool:
    """Whether the msghdr at ``address`` has room for a source, or an error is wanted."""
    return bool(flags & MSG_ERRQUEUE or raw_header(call.task, call.arch, address).name)


def first_asks(call: Call) -> bool:
    """The same of recvmmsg's first msghdr. Where there is none, the kernel knows which error comes first."""
    try:
        return call.args[2] != 0 and asks(call, call.args[1], call.args[3])
    except Errno:
        return False


def received_from(call: Call, held: Held) -> Answer:
    address, size, flags, name_address, length_address = call.args[1:]
    try:
        got = held.sock.receive(call.task, held.handle, min(size, _MOST), flags)
    except WouldBlock as blocked:
        return _wait(call, blocked)
    call.task.write(address, got.data)
    if name_address:
        room = read_int(call.task, call.arch, length_address)
        give_name(call.task, call.arch, got.name, name_address, length_address, room)
    return Return(_result(got, flags))


def received_message(call: Call, held: Held) -> Answer:
    try:
        return Return(_into(call, held, call.args[1], call.args[2]))
    except WouldBlock as blocked:
        return _wait(call, blocked)


def received_messages(call: Call, held: Held) -> Answer:
    """All that are asked for, or what is there; the deadline is looked at after each, as the kernel does."""
    _, address, count, flags, timeout = call.args[:5]
    stride, length_at = mmsghdr.fast(call.arch).size, msghdr.size(call.arch)
    patience, done = _timeout(call, timeout), 0
    if count > 1 and not flags & _NO_MORE:
        sleep = held.sock.several_more(call, held.handle, min(count, UIO_MAXIOV), patience)
        if sleep is not None:
            return sleep
    deadline = None if patience is None else time.monotonic() + patience
    for at in range(address, address + min(count, UIO_MAXIOV) * stride, stride):
        try:
            length = _into(call, held, at, flags & ~MSG_WAITFORONE)
            call.task.write(at + length_at, struct.pack(call.arch.endian + "I", length))
        except WouldBlock as blocked:
            if done:
                break
            return _wait(call, blocked)
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


def _into(call: Call, held: Held, address: int, flags: int) -> int:
    """Receive into the msghdr at ``address``, scattered as its iovec says."""
    task, arch = call.task, call.arch
    asked = raw_header(task, arch, address)
    header = checked(asked)
    places = pieces(task, arch, header)
    size = min(sum(length for _, length in places), _MOST)
    got = held.sock.receive(task, held.handle, size, flags)
    offset = 0
    for base, length in places:
        task.write(base, got.data[offset : offset + length])
        offset += length
    room = header.control_length if header.control else 0
    control, cut = fitted(packed(got.control, arch), room, arch)
    task.write(header.control, control)
    if header.name:
        task.write(header.name, got.name[: header.name_length])
    out = got.flags | (MSG_CTRUNC if cut else 0)
    length = len(got.name) if header.name else asked.name_length
    filled = asked._replace(name_length=length, control_length=len(control), flags=out)
    task.write(address, msghdr.fast(arch).pack(*filled))
    return _result(got, flags)


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


def _wait(call: Call, blocked: WouldBlock) -> Wait:
    return Wait(call.args[0], POLLIN, blocked.timeout, restart=blocked.timeout is None)
