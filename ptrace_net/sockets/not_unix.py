"""SOL_SOCKET of AF_NETLINK and AF_PACKET sockets, where an AF_UNIX backing socket would tell of itself
(net/core/sock.c).
"""

from __future__ import annotations

import errno
import struct
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from ptrace_net.syscalls.seam import Errno

if TYPE_CHECKING:
    from ptrace_net.syscalls.options import OptionValue

SO_TYPE, SO_PEERCRED, SO_PEERNAME, SO_PROTOCOL, SO_DOMAIN = 3, 17, 28, 38, 39
_NO_PEER = struct.pack("=iii", 0, -1, -1)  # struct ucred
#: option -> what setsockopt(2) and getsockopt(2) say of it, whose value is none of ours
_REFUSED = {
    16: (errno.EOPNOTSUPP, errno.EOPNOTSUPP),  # SO_PASSCRED
    34: (errno.EOPNOTSUPP, errno.EOPNOTSUPP),  # SO_PASSSEC
    42: (errno.EOPNOTSUPP, errno.EOPNOTSUPP),  # SO_PEEK_OFF
    59: (errno.ENOPROTOOPT, errno.ENODATA),  # SO_PEERGROUPS
    76: (errno.EOPNOTSUPP, errno.EOPNOTSUPP),  # SO_PASSPIDFD
    77: (errno.ENOPROTOOPT, errno.ENODATA),  # SO_PEERPIDFD
    83: (errno.EOPNOTSUPP, errno.EOPNOTSUPP),  # SO_PASSRIGHTS
}
OF_PACKET = frozenset({SO_TYPE, SO_PEERCRED, SO_PEERNAME, SO_PROTOCOL, SO_DOMAIN, *_REFUSED})
OF_NETLINK = OF_PACKET - {16, 34}


class Said(NamedTuple):
    """What the program's socket is; ``peer`` gives the name that getpeername(2) does."""

    family: int
    kind: int
    protocol: int
    peer: Callable[[], bytes]


def set_option(option: int, value: OptionValue) -> None:
    """None of them can be set; a value that is too short is told first."""
    value.first(4)
    raise Errno(_REFUSED.get(option, (errno.ENOPROTOOPT, 0))[0])


def get_option(said: Said, option: int, size: int) -> bytes:
    if size < 0:
        raise Errno(errno.EINVAL)
    if option in _REFUSED:
        raise Errno(_REFUSED[option][1])
    if option == SO_PEERCRED:
        return _NO_PEER[:size]
    if option == SO_PEERNAME:
        return _peer_name(said, size)
    number = {SO_TYPE: said.kind, SO_DOMAIN: said.family, SO_PROTOCOL: said.protocol}[option]
    return struct.pack("=i", number)[:size]


def _peer_name(said: Said, size: int) -> bytes:
    try:
        name = said.peer()
    except Errno:
        raise Errno(errno.ENOTCONN) from None
    if len(name) < size:
        raise Errno(errno.EINVAL)
    return name[:size]
