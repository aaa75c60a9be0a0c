"""IP_OPTIONS: the options of every IPv4 packet (RFC 791 3.1, ip_options_compile of net/ipv4/ip_options.c)."""

from __future__ import annotations

import errno

from ptrace_net.sockets.emulated.options.model import CAP_NET_RAW, Ask
from ptrace_net.syscalls.seam import Errno

_LONGEST = 40
_END, _NOOP, _RECORD_ROUTE, _TIMESTAMP, _LOOSE, _STRICT, _ALERT = 0, 1, 7, 68, 131, 137, 148


def set_ip_options(ask: Ask) -> None:
    """Kept as they would be sent: padded to whole words, nothing after the end."""
    value = ask.new
    if value.length > _LONGEST:
        raise Errno(errno.EINVAL)
    data = value.first(value.length)
    padded = bytearray(data.ljust(-(-len(data) // 4) * 4, b"\0"))
    at = 0
    while at < len(padded) and padded[at] != _END:
        at += 1 if padded[at] == _NOOP else _checked(ask, padded, at)
    padded[at:] = bytes(len(padded) - at)
    ask.options.keep_blob(ask.level, ask.option, bytes(padded))


def _checked(ask: Ask, data: bytearray, at: int) -> int:
    """The length of the option at ``at``."""
    kind, length = data[at], data[at + 1] if at + 1 < len(data) else 0
    if length < 2 or at + length > len(data):
        raise Errno(errno.EINVAL)
    if kind in (_RECORD_ROUTE, _LOOSE, _STRICT, _TIMESTAMP):
        if length < 3 or data[at + 2] < 4:
            raise Errno(errno.EINVAL)
    elif kind != _ALERT and not ask.privileged(CAP_NET_RAW):
        raise Errno(errno.EINVAL)
    return length
