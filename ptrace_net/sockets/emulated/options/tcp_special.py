"""Options of IPPROTO_TCP that are no integers: names of algorithms, keys (tcp(7), RFC 2385, RFC 7413)."""

from __future__ import annotations

import errno
import struct

from ptrace_net.sockets.emulated.options.model import CAP_NET_ADMIN, Ask
from ptrace_net.syscalls.seam import Errno

_NAME_SIZE = 16
_SYSCTL = "/proc/sys/net/ipv4/"
# struct tcp_md5sig: an address, flags, prefix, length, interface, key
_MD5SIG = struct.Struct("=H126sBBHi80s")
_MD5_KEY = 80
_KEY_SIZES = (16, 32)


def _sysctl(name: str, default: str) -> str:
    try:
        with open(_SYSCTL + name) as file:
            return file.read().strip()
    except OSError:
        return default


def _name(ask: Ask) -> str:
    """A string of at most 15 bytes."""
    value = ask.new
    if value.length < 1:
        raise Errno(errno.EINVAL)
    size = min(value.length, _NAME_SIZE - 1)
    data = value.data[:size]
    if b"\0" not in data and len(data) < size:
        raise Errno(errno.EFAULT)
    return data.partition(b"\0")[0].decode(errors="surrogateescape")


def set_congestion(ask: Ask) -> None:
    """The algorithms of the host, so that a program finds what it finds natively."""
    name = _name(ask)
    if name not in _sysctl("tcp_available_congestion_control", "reno cubic").split():
        raise Errno(errno.ENOENT)
    if name not in _sysctl("tcp_allowed_congestion_control", "reno cubic").split():
        ask.demand(CAP_NET_ADMIN)
    ask.options.keep_blob(ask.level, ask.option, name.encode(errors="surrogateescape"))


def congestion(ask: Ask) -> bytes:
    kept = ask.options.blob(ask.level, ask.option) or _sysctl("tcp_congestion_control", "cubic").encode()
    return kept.ljust(_NAME_SIZE, b"\0")


def congestion_info(ask: Ask) -> bytes:
    """struct tcp_bbr_info before the first measurement; reno and cubic have none."""
    name = congestion(ask._replace(option=13)).rstrip(b"\0")
    return bytes(20) if name == b"bbr" else b""


def set_protocol_above(ask: Ask) -> None:
    """No protocol runs in the kernel above a socket that is not the kernel's: as without its modules."""
    _name(ask)
    raise Errno(errno.ENOENT)


def protocol_above(ask: Ask) -> bytes:
    return b""


def set_fast_open_key(ask: Ask) -> None:
    value = ask.new
    if value.length not in _KEY_SIZES:
        raise Errno(errno.EINVAL)
    ask.options.keep_blob(ask.level, ask.option, value.first(value.length))


def fast_open_key(ask: Ask) -> bytes:
    return ask.options.blob(ask.level, ask.option)


def set_md5_key(ask: Ask, number: int) -> int:
    """Checked and forgotten: no segment travels between two programs of the run that could be signed."""
    family, _, _, _, length, _, _ = _MD5SIG.unpack(ask.new.first(_MD5SIG.size))
    if family != ask.target.family or length > _MD5_KEY:
        raise Errno(errno.EINVAL)
    if not length:
        raise Errno(errno.ENOENT)
    return 0
