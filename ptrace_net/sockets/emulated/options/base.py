"""Level SOL_SOCKET: what the backing socket does not do by itself (socket(7), net/core/sock.c)."""

from __future__ import annotations

import errno
import socket
import struct
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple

from ptrace_net.sockets import hostcalls
from ptrace_net.sockets.emulated.options import filters, timestamps
from ptrace_net.sockets.emulated.options.model import (
    CAP_NET_ADMIN,
    CAP_NET_RAW,
    DGRAM,
    INT,
    INT_MIN,
    RAW,
    STREAM,
    Ask,
    Row,
    cut,
    flag,
    get_row,
    read_int,
    read_only,
    refused,
    room,
    set_row,
)
from ptrace_net.sockets.emulated.options.native import NATIVE_SET
from ptrace_net.syscalls.seam import Errno

if TYPE_CHECKING:
    from ptrace_net.sockets.emulated.options import Options

LEVEL = socket.SOL_SOCKET
SNDBUF, RCVBUF, RCVLOWAT, BINDTODEVICE, PEEK_OFF, MEMINFO, BINDTOIFINDEX = 7, 8, 18, 25, 42, 55, 62
_TCP_SNDBUF, _TCP_RCVBUF = 16384, 131072  # the middle numbers of tcp_wmem and tcp_rmem
_LARGEST_RCVLOWAT = 1 << 24  # half the last number of tcp_rmem
_NAME_SIZE = 16
_WIDER = {13: 8, 20: 16, 21: 16, 61: 8, 66: 16, 67: 16}  # structures, with their sizes
_LONGEST = 1 << 10


class _Privilege(NamedTuple):
    """A number outside of ``low`` to ``high`` needs one of the capabilities."""

    low: int
    high: int
    capabilities: tuple[int, ...]


_PRIVILEGED = {
    1: _Privilege(1, 0, (CAP_NET_ADMIN,)),  # SO_DEBUG
    12: _Privilege(0, 6, (CAP_NET_RAW, CAP_NET_ADMIN)),  # SO_PRIORITY
    36: _Privilege(1, 0, (CAP_NET_RAW, CAP_NET_ADMIN)),  # SO_MARK
    46: _Privilege(INT_MIN, 0, (CAP_NET_ADMIN,)),  # SO_BUSY_POLL
    69: _Privilege(0, 0, (CAP_NET_ADMIN,)),  # SO_PREFER_BUSY_POLL
    70: _Privilege(INT_MIN, 8, (CAP_NET_ADMIN,)),  # SO_BUSY_POLL_BUDGET
    75: _Privilege(1, 0, (CAP_NET_RAW, CAP_NET_ADMIN)),  # SO_RCVMARK
}
_TOKEN, _MOST_TOKENS = 8, 128
_NO_PEER = struct.pack("=iii", 0, -1, -1)  # struct ucred


def _on_backing(ask: Ask) -> None:
    """Set it on the backing socket, whose errors are right for it; privileges are the program's."""
    value = ask.new
    number = read_int(value)
    wanted = _PRIVILEGED.get(ask.option)
    if wanted is not None and not wanted.low <= number <= wanted.high:
        ask.demand(*wanted.capabilities)
    needed = _WIDER.get(ask.option, INT.size)
    if value.length >= needed:
        value.first(needed)
    data = value.data[: min(value.length, _LONGEST)]
    hostcalls.setsockopt(ask.handle, LEVEL, ask.option, data.ljust(min(value.length, _LONGEST), b"\0"))


def _low_water(ask: Ask) -> None:
    value = read_int(ask.new)
    if ask.target.kind == STREAM and not 0 <= value <= _LARGEST_RCVLOWAT:
        hostcalls.set_int(ask.handle, LEVEL, ask.option, _LARGEST_RCVLOWAT)
    else:
        _on_backing(ask)


def _set_peek_offset(ask: Ask) -> None:
    _demand_offsets(ask)
    _on_backing(ask)


def _peek_offset(ask: Ask) -> bytes:
    _demand_offsets(ask)
    return _backed(ask)


def _demand_offsets(ask: Ask) -> None:
    """Raw and ICMP sockets have no SO_PEEK_OFF."""
    if ask.value is not None:
        read_int(ask.value)
    if ask.target.protocol not in (socket.IPPROTO_TCP, socket.IPPROTO_UDP) or ask.target.kind == RAW:
        raise Errno(errno.EOPNOTSUPP)


def _backed(ask: Ask) -> bytes:
    return hostcalls.getsockopt(ask.handle, LEVEL, ask.option, min(ask.size, _LONGEST))


def _buffer(ask: Ask, number: int) -> int:
    """SO_SNDBUF and SO_RCVBUF: what the kernel makes of the number."""
    hostcalls.set_int(ask.handle, LEVEL, ask.option, number)
    return hostcalls.get_int(ask.handle, LEVEL, ask.option)


def _force_buffer(ask: Ask, number: int) -> int:
    ask.demand(CAP_NET_ADMIN)
    hostcalls.set_int(ask.handle, LEVEL, ask.option, number)
    option = SNDBUF if ask.option == 32 else RCVBUF
    ask.options.keep(LEVEL, option, hostcalls.get_int(ask.handle, LEVEL, option))
    return 0


def _buffer_size(ask: Ask) -> bytes:
    default = _TCP_SNDBUF if ask.option == SNDBUF else _TCP_RCVBUF
    if ask.target.kind != STREAM:
        default = hostcalls.get_int(ask.handle, LEVEL, ask.option)
    return INT.pack(ask.kept(default))


def _bind_to_device(ask: Ask) -> None:
    value = ask.new
    size = min(value.length, _NAME_SIZE - 1)
    name = value.first(size).partition(b"\0")[0].decode(errors="surrogateescape")
    index = 0
    if name:
        index = next((at for at, (known, _) in ask.target.interfaces().items() if known == name), 0)
        if not index:
            raise Errno(errno.ENODEV)
    ask.options.keep(LEVEL, BINDTOIFINDEX, _to_interface(ask, index))


def _to_interface(ask: Ask, index: int) -> int:
    if ask.options.number(LEVEL, BINDTOIFINDEX, 0):
        ask.demand(CAP_NET_RAW)
    return index


def _device(ask: Ask) -> bytes:
    index = ask.options.number(LEVEL, BINDTOIFINDEX, 0)
    if not index:
        return b""
    if ask.size < _NAME_SIZE:
        raise Errno(errno.EINVAL)
    found = ask.target.interfaces().get(index)
    if found is None:
        raise Errno(errno.ENODEV)
    return found[0].encode(errors="surrogateescape") + b"\0"


def _zero_copy(ask: Ask, number: int) -> int:
    if ask.target.kind not in (STREAM, DGRAM):
        raise Errno(errno.EOPNOTSUPP)
    if number not in (0, 1):
        raise Errno(errno.EINVAL)
    return number


def _rehash(ask: Ask, number: int) -> int:
    if ask.target.kind != STREAM:
        raise Errno(errno.EOPNOTSUPP)
    if not -1 <= number <= 1:
        raise Errno(errno.EINVAL)
    return abs(number)  # -1 asks for the default


def _get_rehash(ask: Ask) -> bytes:
    if ask.target.kind != STREAM:
        raise Errno(errno.EOPNOTSUPP)
    return INT.pack(ask.kept(1))


def _peer_name(ask: Ask) -> bytes:
    name = ask.target.peer_name(ask.handle)
    if len(name) < ask.size:
        raise Errno(errno.EINVAL)
    return name


def _memory(ask: Ask) -> bytes:
    numbers = list(struct.unpack("=9I", hostcalls.getsockopt(ask.handle, LEVEL, MEMINFO, 36)))
    for at, option in ((1, RCVBUF), (3, SNDBUF)):
        numbers[at] = INT.unpack(_buffer_size(ask._replace(option=option)))[0]
    return struct.pack("=9I", *numbers)


def _give_back(ask: Ask, number: int) -> int:
    """Tokens of device memory, of which the socket has none."""
    if ask.target.kind != STREAM:
        raise Errno(errno.EBADF)
    if ask.new.length % _TOKEN or ask.new.length > _MOST_TOKENS * _TOKEN:
        raise Errno(errno.EINVAL)
    return 0


def _not_unix(name: str) -> Row:
    return refused(name, errno.EOPNOTSUPP, errno.EOPNOTSUPP)


def _as_backing(name: str) -> Row:
    return Row(name, get=_backed)


ROWS: Mapping[int, Row] = {
    1: _as_backing("SO_DEBUG"),
    2: _as_backing("SO_REUSEADDR"),
    3: read_only("SO_TYPE", lambda ask: INT.pack(ask.target.kind)),
    4: read_only("SO_ERROR", lambda ask: INT.pack(ask.target.take_error(ask.handle))),
    5: _as_backing("SO_DONTROUTE"),
    6: _as_backing("SO_BROADCAST"),
    7: Row("SO_SNDBUF", check=_buffer, get=_buffer_size),
    8: Row("SO_RCVBUF", check=_buffer, get=_buffer_size),
    9: _as_backing("SO_KEEPALIVE"),
    10: _as_backing("SO_OOBINLINE"),
    11: _as_backing("SO_NO_CHECK"),
    12: _as_backing("SO_PRIORITY"),
    13: _as_backing("SO_LINGER"),
    14: _as_backing("SO_BSDCOMPAT"),
    15: flag("SO_REUSEPORT"),
    16: _not_unix("SO_PASSCRED"),
    17: read_only("SO_PEERCRED", lambda ask: _NO_PEER),
    18: _as_backing("SO_RCVLOWAT"),
    19: read_only("SO_SNDLOWAT", _backed),
    20: _as_backing("SO_RCVTIMEO_OLD"),
    21: _as_backing("SO_SNDTIMEO_OLD"),
    22: refused("SO_SECURITY_AUTHENTICATION"),
    23: refused("SO_SECURITY_ENCRYPTION_TRANSPORT"),
    24: refused("SO_SECURITY_ENCRYPTION_NETWORK"),
    25: Row("SO_BINDTODEVICE", get=_device),
    26: Row("SO_ATTACH_FILTER", check=filters.attach, get=filters.read),
    27: Row("SO_DETACH_FILTER", check=filters.detach, unread=errno.ENOPROTOOPT),
    28: read_only("SO_PEERNAME", _peer_name),
    29: flag("SO_TIMESTAMP_OLD", check=timestamps.stamp),
    30: read_only("SO_ACCEPTCONN", lambda ask: INT.pack(ask.target.listening)),
    31: refused("SO_PEERSEC"),
    32: Row("SO_SNDBUFFORCE", check=_force_buffer, unread=errno.ENOPROTOOPT),
    33: Row("SO_RCVBUFFORCE", check=_force_buffer, unread=errno.ENOPROTOOPT),
    34: _not_unix("SO_PASSSEC"),
    35: flag("SO_TIMESTAMPNS_OLD", check=timestamps.stamp),
    36: _as_backing("SO_MARK"),
    37: Row("SO_TIMESTAMPING_OLD", check=timestamps.stamping, get=timestamps.stamping_flags),
    38: read_only("SO_PROTOCOL", lambda ask: INT.pack(ask.target.protocol)),
    39: read_only("SO_DOMAIN", lambda ask: INT.pack(ask.target.family)),
    40: _as_backing("SO_RXQ_OVFL"),
    41: _as_backing("SO_WIFI_STATUS"),
    42: Row("SO_PEEK_OFF", get=_peek_offset),
    43: _as_backing("SO_NOFCS"),
    44: flag("SO_LOCK_FILTER", check=filters.lock),
    45: _as_backing("SO_SELECT_ERR_QUEUE"),
    46: _as_backing("SO_BUSY_POLL"),
    47: _as_backing("SO_MAX_PACING_RATE"),
    48: read_only("SO_BPF_EXTENSIONS", _backed),
    49: _as_backing("SO_INCOMING_CPU"),
    50: Row("SO_ATTACH_BPF", check=filters.attach_program, unread=errno.ENOPROTOOPT),
    51: Row("SO_ATTACH_REUSEPORT_CBPF", check=filters.attach_to_group, unread=errno.ENOPROTOOPT),
    52: Row("SO_ATTACH_REUSEPORT_EBPF", check=filters.attach_program, unread=errno.ENOPROTOOPT),
    53: Row("SO_CNX_ADVICE", unread=errno.ENOPROTOOPT),
    55: read_only("SO_MEMINFO", _memory),
    56: read_only("SO_INCOMING_NAPI_ID", _backed),
    57: read_only("SO_COOKIE", _backed),
    59: refused("SO_PEERGROUPS", errno.ENOPROTOOPT, errno.ENODATA),
    60: Row("SO_ZEROCOPY", check=_zero_copy),
    61: _as_backing("SO_TXTIME"),
    62: Row("SO_BINDTOIFINDEX", low=0, check=_to_interface),
    63: flag("SO_TIMESTAMP_NEW", check=timestamps.stamp),
    64: flag("SO_TIMESTAMPNS_NEW", check=timestamps.stamp),
    65: Row("SO_TIMESTAMPING_NEW", check=timestamps.stamping, get=timestamps.stamping_flags),
    66: _as_backing("SO_RCVTIMEO_NEW"),
    67: _as_backing("SO_SNDTIMEO_NEW"),
    68: Row("SO_DETACH_REUSEPORT_BPF", check=filters.detach_from_group, unread=errno.ENOPROTOOPT),
    69: _as_backing("SO_PREFER_BUSY_POLL"),
    70: Row("SO_BUSY_POLL_BUDGET", get=_backed),
    71: read_only("SO_NETNS_COOKIE", _backed),
    72: _as_backing("SO_BUF_LOCK"),
    73: _as_backing("SO_RESERVE_MEM"),
    74: Row("SO_TXREHASH", 1, check=_rehash, get=_get_rehash),
    75: _as_backing("SO_RCVMARK"),
    76: _not_unix("SO_PASSPIDFD"),
    77: refused("SO_PEERPIDFD", errno.ENOPROTOOPT, errno.ENODATA),
    80: Row("SO_DEVMEM_DONTNEED", check=_give_back, unread=errno.ENOPROTOOPT),
    82: _as_backing("SO_RCVPRIORITY"),
    83: _not_unix("SO_PASSRIGHTS"),
    84: refused("SO_INQ"),
}
_SETTERS: Mapping[int, Callable[[Ask], None]] = {
    **dict.fromkeys(NATIVE_SET, _on_backing),
    RCVLOWAT: _low_water,
    PEEK_OFF: _set_peek_offset,
    BINDTODEVICE: _bind_to_device,
}


def set_option(ask: Ask) -> None:
    setter = _SETTERS.get(ask.option)
    if setter is not None:
        setter(ask)
    else:
        set_row(ask, ROWS.get(ask.option), read_int(ask.new))


def get_option(ask: Ask) -> bytes:
    room(ask.size)
    if ask.option == filters.ATTACH_FILTER:
        return filters.read(ask)  # whose size is not in bytes
    return cut(get_row(ROWS, ask), ask.size)


def default_of(options: Options, option: int) -> int:
    return ROWS[option].default
