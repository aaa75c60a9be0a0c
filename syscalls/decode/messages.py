"""struct msghdr and mmsghdr as values: the name, the pieces, the control messages; sendmsg(2), recvmsg(2)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ptrace_net.abi.msghdr import iovec, mmsghdr, msghdr
from ptrace_net.syscalls.decode import scalars
from ptrace_net.syscalls.decode.netlink import MOST, datagram
from ptrace_net.syscalls.decode.options import control
from ptrace_net.syscalls.decode.sockaddr import sockaddr
from ptrace_net.syscalls.decode.values import Array, Change, Pointer, Struct, Value

if TYPE_CHECKING:
    from ptrace_net.syscalls.decode.view import View

PIECES = 32  # of a message, and messages of one call, that are shown (strace: -e abbrev)
UIO_MAXIOV = 1024
_LONGEST_CONTROL = 1 << 16


class Header(NamedTuple):
    """``struct msghdr``, flat."""

    name: int
    name_length: int
    iov: int
    iov_length: int
    control: int
    control_length: int
    flags: int


def header(view: View, address: int) -> Header | None:
    values = view.values(msghdr, address)
    return None if values is None else Header(*values)


def name_lengths(view: View, address: int, count: int) -> tuple[int, ...]:
    """msg_namelen of ``count`` messages before the call: the room for each name."""
    stride = mmsghdr.size(view.arch)
    heads = (header(view, address + index * stride) for index in range(min(count, UIO_MAXIOV)))
    return tuple(0 if head is None else head.name_length for head in heads)


def message(view: View, address: int, moved: int | None, room: int | None = None) -> Value:
    """A msghdr with ``moved`` bytes in its pieces (None: full); ``room`` is msg_namelen before the call."""
    head = header(view, address)
    if head is None:
        return Pointer(address)
    return Struct((
        ("msg_name", _name(view, head, room)),
        ("msg_namelen", _length(head.name_length, room)),
        ("msg_iov", pieces(view, head.iov, head.iov_length, moved)),
        ("msg_iovlen", head.iov_length),
        *_control(view, head),
        ("msg_flags", scalars.message_flags(head.flags)),
    ))  # fmt: skip


def _length(after: int, before: int | None) -> Value:
    return after if before is None or before == after else Change(before, after)


def _name(view: View, head: Header, room: int | None) -> Value:
    length = head.name_length if room is None else min(head.name_length, room)
    if not head.name or not length >= 2:
        return Pointer(head.name)
    data = view.read(head.name, min(length, 128))
    return Pointer(head.name) if data is None else sockaddr(data, view.arch)


def _control(view: View, head: Header) -> tuple[tuple[str, Value], ...]:
    length = ("msg_controllen", head.control_length)
    if not head.control_length:
        return (length,)
    data = view.read(head.control, min(head.control_length, _LONGEST_CONTROL)) if head.control else None
    return (("msg_control", Pointer(head.control) if data is None else control(data, view.arch)), length)


def pieces(view: View, address: int, count: int, moved: int | None) -> Value:
    """An array of iovec with what is in each of them."""
    if not count:
        return Array(()) if address else Pointer(0)
    size = iovec.size(view.arch)
    shown: list[Value] = []
    for index in range(min(count, PIECES)):
        values = view.values(iovec, address + index * size)
        if values is None:
            return Array((*shown, Pointer(address + index * size))) if shown else Pointer(address)
        base, length = values
        total = length if moved is None else min(length, moved)
        shown.append(_piece(view, base, length, total))
        moved = None if moved is None else moved - total
    return Array(tuple(shown), abbreviated=count > PIECES)


def _piece(view: View, base: int, length: int, total: int) -> Value:
    content = view.buffer(base, total)
    if view.netlink >= 0 and total >= 16:
        data = view.read(base, min(total, MOST))
        content = content if data is None else datagram(data, view.netlink, view.arch)
    return Struct((("iov_base", content), ("iov_len", length)))


def several(view: View, address: int, count: int, rooms: tuple[int, ...] | None) -> Value:
    """``count`` elements of a mmsghdr array after the call; ``rooms`` as ``name_lengths`` gave them."""
    stride, offset = mmsghdr.size(view.arch), msghdr.size(view.arch)
    items: list[Value] = []
    for index in range(min(count, PIECES)):
        at = address + index * stride
        length = view.integer(at + offset, signed=False)
        if length is None:
            items.append(Pointer(at))
            break
        room = rooms[index] if rooms is not None and index < len(rooms) else None
        items.append(Struct((("msg_hdr", message(view, at, length, room)), ("msg_len", length))))
    return Array(tuple(items), abbreviated=count > PIECES)
