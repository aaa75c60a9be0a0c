"""Options of level SOL_NETLINK: netlink(7)."""

from __future__ import annotations

import errno
import struct
from typing import TYPE_CHECKING

from ptrace_net.sockets import not_unix
from ptrace_net.syscalls.seam import Errno

if TYPE_CHECKING:
    from ptrace_net.netlink.ports import Port, Ports
    from ptrace_net.syscalls.options import OptionValue

SOL_SOCKET, SOL_NETLINK = 1, 270
ADD_MEMBERSHIP, DROP_MEMBERSHIP, LIST_MEMBERSHIPS = 1, 2, 9
#: option -> the attribute of a port that it switches
SWITCHES = {
    3: "pktinfo", 4: "broadcast_error", 5: "no_enobufs", 8: "listen_all_nsid", 10: "cap_ack", 11: "ext_ack",
    12: "strict",
}  # fmt: skip


def serves(level: int, option: int) -> bool:
    """All levels but SOL_SOCKET; of that one, what the backing socket would answer for itself."""
    if level == SOL_SOCKET:
        return option in not_unix.OF_NETLINK
    if level != SOL_NETLINK:
        raise Errno(errno.ENOPROTOOPT)
    return True


def set_option(ports: Ports, port: Port, option: int, value: OptionValue) -> None:
    """netlink_setsockopt(): raises Errno and Refused."""
    number = struct.unpack("=I", value.first(4))[0] if value.length >= 4 else 0
    if option == ADD_MEMBERSHIP:
        ports.join(port, number)
    elif option == DROP_MEMBERSHIP:
        ports.leave(port, number)
    elif option in SWITCHES:
        setattr(port, SWITCHES[option], bool(number))
    else:
        raise Errno(errno.ENOPROTOOPT)


def get_option(port: Port, option: int, size: int) -> bytes:
    """netlink_getsockopt()."""
    if size < 0:
        raise Errno(errno.EINVAL)
    if option == LIST_MEMBERSHIPS:
        words = (max(port.groups, default=0) + 31) // 32
        bits = sum(1 << group - 1 for group in port.groups)
        return bits.to_bytes(4 * words, "little")[: size & ~3]
    if option not in SWITCHES:
        raise Errno(errno.ENOPROTOOPT)
    if size < 4:
        raise Errno(errno.EINVAL)
    return struct.pack("=i", getattr(port, SWITCHES[option]))
