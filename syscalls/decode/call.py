"""A call as a value: its arguments decoded at entry and at exit by their kinds in ``syscalls.table``.

``decode_entry`` gives a value for every argument that the program brings and None for what only the exit
tells; what the exit needs to know of the entry (the room for an address) is kept beside it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from ptrace_net.abi.constants.errno import ERRNO
from ptrace_net.abi.time import kernel_timespec, timespec
from ptrace_net.syscalls import table
from ptrace_net.syscalls.decode import ioctls, messages, scalars
from ptrace_net.syscalls.decode.netlink import MOST, datagram
from ptrace_net.syscalls.decode.options import option_value
from ptrace_net.syscalls.decode.sockaddr import sockaddr
from ptrace_net.syscalls.decode.values import Array, Change, Pointer, Struct, Value
from ptrace_net.syscalls.decode.view import TEXT_LIMIT, View, netlink_protocol

if TYPE_CHECKING:
    from ptrace_net.syscalls.seam import Call

SOCKADDR_STORAGE = 128
_LONGEST_OPTION = 1 << 12
_MESSAGES = {"sendto", "recvfrom", "send", "recv", "sendmsg", "recvmsg"}


class Step(NamedTuple):
    """What the host got on the way: a call as it was made, and its result (negative errno)."""

    name: str
    arguments: tuple[tuple[str, Value], ...]
    result: int | None


class DecodedCall(NamedTuple):
    """One call of one thread. ``result`` is negative for an errno, None when the call did not return.

    ``time`` is seconds since the epoch at entry, ``left`` what remained of a timeout.
    """

    time: float
    pid: int
    tid: int
    name: str
    arch: str
    arguments: tuple[tuple[str, Value], ...]
    raw: tuple[int, ...]
    result: int | None
    steps: tuple[Step, ...] = ()
    left: Value | None = None

    @property
    def errno(self) -> str | None:
        """The name of the error; None for success and for the kernel's private restart codes."""
        return ERRNO.name(-self.result, "") or None if self.result is not None and self.result < 0 else None


class Entry(NamedTuple):
    """What the entry of a call told: None for what its exit decides; lengths as they were before."""

    values: tuple[Value | None, ...]
    lengths: tuple[int | None, ...]
    rooms: tuple[int, ...]  # msg_namelen of each message
    view: View


class _At(NamedTuple):
    """An argument being decoded: ``place`` in ``args``; ``entry`` and ``result`` at the exit."""

    view: View
    args: tuple[int, ...]
    row: tuple[table.Argument, ...]
    place: int
    name: str

    @property
    def raw(self) -> int:
        return self.args[self.place]

    @property
    def argument(self) -> table.Argument:
        return self.row[self.place]

    def length(self) -> int:
        """The argument that says how long this one is."""
        wanted = self.argument.length
        place = next((i for i, each in enumerate(self.row) if each.name == wanted), self.place)
        return self.args[place]


def arguments(name: str, values: tuple[Value | None, ...]) -> tuple[tuple[str, Value], ...]:
    """The values under the names that the manual page has for them."""
    row = table.ARGUMENTS[name]
    return tuple((each.name, value) for each, value in zip(row, values, strict=False) if value is not None)


def decode_entry(call: Call, limit: int = TEXT_LIMIT) -> Entry:
    """The arguments as the program passes them; never raises."""
    row = table.ARGUMENTS[call.name]
    protocol = netlink_protocol(call) if call.name in _MESSAGES else -1
    view = View(call.task, call.arch, limit, protocol)
    places = [_At(view, call.args, row, index, call.name) for index in range(min(len(row), len(call.args)))]
    values = tuple(_ENTRY[at.argument.kind.name](at) for at in places)
    lengths = tuple(_length_before(at) for at in places)
    return Entry(values, lengths, _rooms(places), view)


def decode_exit(call: Call, entry: Entry, result: int) -> tuple[Value, ...]:
    """The arguments as they stand after the call returned ``result`` (negative errno); never raises."""
    if None not in entry.values:
        return tuple(value for value in entry.values if value is not None)
    row = table.ARGUMENTS[call.name]
    values: list[Value] = []
    for index, value in enumerate(entry.values):
        at = _At(entry.view, call.args, row, index, call.name)
        values.append(_EXIT[row[index].kind.name](at, entry, result) if value is None else value)
    return tuple(values)


def time_left(call: Call, entry: Entry, result: int) -> Value | None:
    """What the kernel left of the timeout of recvmmsg(2), which strace shows behind the result."""
    if not call.name.startswith("recvmmsg") or result <= 0 or not call.args[4]:
        return None
    return _timespec(_At(entry.view, call.args, table.ARGUMENTS[call.name], 4, call.name))


def _length_before(at: _At) -> int | None:
    kind = at.argument.kind
    if kind is table.LENGTH_POINTER:
        return at.view.integer(at.raw)
    if kind is table.IOCTL and at.args[1] == ioctls.SIOCGIFCONF:
        return at.view.integer(at.raw)
    return None


def _rooms(places: list[_At]) -> tuple[int, ...]:
    for at in places:
        kind = at.argument.kind
        if kind is table.MSGHDR and at.argument.direction == "inout":
            return messages.name_lengths(at.view, at.raw, 1)
        if kind is table.MMSGHDR and at.name.startswith("recvmmsg"):
            return messages.name_lengths(at.view, at.raw, at.length())
    return ()


# At entry: a value, or None for what the exit decides.


def _plain(at: _At) -> Value | None:
    return at.raw


def _address(at: _At) -> Value | None:
    if at.argument.direction == "out":
        return None
    length = at.length()
    data = at.view.read(at.raw, min(length, SOCKADDR_STORAGE)) if at.raw and length >= 2 else None
    return Pointer(at.raw) if data is None else sockaddr(data, at.view.arch)


def _content(at: _At, size: int) -> Value:
    if at.view.netlink >= 0 and size >= 16:
        data = at.view.read(at.raw, min(size, MOST))
        return Pointer(at.raw) if data is None else datagram(data, at.view.netlink, at.view.arch)
    return at.view.buffer(at.raw, size)


def _buffer(at: _At) -> Value | None:
    return None if at.argument.direction == "out" else _content(at, at.length())


def _option(at: _At, size: int) -> Value:
    data = at.view.read(at.raw, min(size, _LONGEST_OPTION)) if at.raw and size > 0 else None
    return Pointer(at.raw) if data is None else option_value(at.args[1], at.args[2], data, at.view.arch)


def _option_in(at: _At) -> Value | None:
    return None if at.argument.direction == "out" else _option(at, at.length())


def _message(at: _At) -> Value | None:
    return messages.message(at.view, at.raw, None) if at.argument.direction == "in" else None


def _timespec(at: _At) -> Value:
    layout = kernel_timespec if at.name.endswith("_time64") else timespec
    values = at.view.values(layout, at.raw)
    if values is None:
        return Pointer(at.raw)
    nanoseconds = values[1] & ((1 << at.view.arch.bits) - 1)  # strace shows tv_nsec without a sign
    return Struct((("tv_sec", values[0]), ("tv_nsec", nanoseconds)))


_ENTRY: dict[str, Callable[[_At], Value | None]] = {
    "fd": _plain, "int": _plain, "length": _plain, "count": _plain, "size": _plain,
    "domain": lambda at: scalars.domain(at.raw),
    "type": lambda at: scalars.socket_type(at.raw),
    "protocol": lambda at: at.raw if at.name == "socketpair" else scalars.protocol(at.args[0], at.raw),
    "level": lambda at: scalars.level(at.raw),
    "option": lambda at: scalars.option(at.args[1], at.raw),
    "how": lambda at: scalars.how(at.raw),
    "msg flags": lambda at: scalars.message_flags(at.raw),
    "accept flags": lambda at: scalars.accept_flags(at.raw),
    "request": lambda at: scalars.request(at.raw),
    "sockaddr": _address,
    "length pointer": lambda at: None,
    "buffer": _buffer,
    "option value": _option_in,
    "msghdr": _message,
    "mmsghdr": lambda at: None,
    "timespec": _timespec,
    "fd pair": lambda at: None,
    "ioctl": lambda at: ioctls.before(at.view, at.args[1], at.raw),
}  # fmt: skip


# At exit.


def _lengths(at: _At, entry: Entry) -> tuple[int | None, int | None]:
    """(before, after) of the value-result length that belongs to this address or option value."""
    wanted = at.argument.length or at.argument.name
    place = next(i for i, each in enumerate(at.row) if each.name == wanted)
    return entry.lengths[place], at.view.integer(at.args[place])


def _address_out(at: _At, entry: Entry, result: int) -> Value:
    before, after = _lengths(at, entry)
    if result < 0 or not at.raw or before is None or after is None:
        return Pointer(at.raw)
    length = min(before, after, SOCKADDR_STORAGE)
    data = at.view.read(at.raw, length) if length >= 2 else None
    return Pointer(at.raw) if data is None else sockaddr(data, at.view.arch)


def _length_out(at: _At, entry: Entry, result: int) -> Value:
    before, after = _lengths(at, entry)
    unwanted = at.row[at.place - 1].kind is table.SOCKADDR and not at.args[at.place - 1]
    if before is None or after is None or unwanted:  # no address: its length is not looked at either
        return Pointer(at.raw)
    return Array((before if before == after or result < 0 else Change(before, after),))


def _option_out(at: _At, entry: Entry, result: int) -> Value:
    before, after = _lengths(at, entry)
    if result < 0 or before is None or not after or after < 0:
        return Pointer(at.raw)
    return _option(at, min(after, before) if before >= 0 else after)


def _buffer_out(at: _At, entry: Entry, result: int) -> Value:
    return Pointer(at.raw) if result < 0 else _content(at, min(result, at.length()))


def _message_out(at: _At, entry: Entry, result: int) -> Value:
    room = entry.rooms[0] if entry.rooms else None
    if result >= 0:
        return messages.message(at.view, at.raw, result, room)
    head = messages.header(at.view, at.raw)
    return Pointer(at.raw) if head is None else Struct((("msg_namelen", head.name_length),))


def _messages_out(at: _At, entry: Entry, result: int) -> Value:
    if result < 0 or not at.raw:
        return Pointer(at.raw)
    return messages.several(at.view, at.raw, result, entry.rooms if at.name.startswith("recv") else None)


def _pair_out(at: _At, entry: Entry, result: int) -> Value:
    return Pointer(at.raw) if result < 0 else at.view.integers(at.raw, 2)


def _ioctl_out(at: _At, entry: Entry, result: int) -> Value:
    return ioctls.after(at.view, at.args[1], at.raw, entry.lengths[at.place], result < 0)


_EXIT: dict[str, Callable[[_At, Entry, int], Value]] = {
    "sockaddr": _address_out,
    "length pointer": _length_out,
    "buffer": _buffer_out,
    "option value": _option_out,
    "msghdr": _message_out,
    "mmsghdr": _messages_out,
    "fd pair": _pair_out,
    "ioctl": _ioctl_out,
}
