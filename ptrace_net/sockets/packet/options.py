"""Options of level SOL_PACKET: packet(7).

Rings are those of TPACKET_V2, where the engine can give the program memory; else ENOPROTOOPT, as in a kernel
without CONFIG_PACKET_MMAP.
"""

from __future__ import annotations

import errno
import struct
from typing import TYPE_CHECKING

from ptrace_net.sockets import not_unix
from ptrace_net.sockets.packet import bpf
from ptrace_net.syscalls.seam import Errno
from ptrace_net.syscalls.special import Counted

if TYPE_CHECKING:
    from ptrace_net.sockets.packet.socket import PacketSocket
    from ptrace_net.syscalls.options import OptionValue

SOL_SOCKET, SOL_PACKET = 1, 263
ADD_MEMBERSHIP, DROP_MEMBERSHIP, RX_RING, STATISTICS, AUXDATA = 1, 2, 5, 6, 8
VERSION, RESERVE, IGNORE_OUTGOING = 10, 12, 23
SO_ATTACH_FILTER, SO_DETACH_FILTER = FILTERS = 26, 27
TPACKET_V1, TPACKET_V2 = 0, 1
_SWITCHES = {AUXDATA: "auxdata", IGNORE_OUTGOING: "ignore_outgoing"}
_MREQ = struct.Struct("=iHH8s")
_PROMISC, _ALLMULTI = 1, 2


def serves(level: int, option: int) -> bool:
    """Of SOL_SOCKET what the backing socket would answer for itself; filters are run here too."""
    if level == SOL_SOCKET:
        return option in FILTERS or option in not_unix.OF_PACKET
    if level != SOL_PACKET:
        raise Errno(errno.ENOPROTOOPT)
    return True


def set_option(sock: PacketSocket, option: int, value: OptionValue) -> None:
    """packet_setsockopt()."""
    if option in (ADD_MEMBERSHIP, DROP_MEMBERSHIP):
        index, kind, _, _ = _MREQ.unpack(value.first(_MREQ.size))
        if sock.nl.network.by_index(index) is None:
            raise Errno(errno.ENODEV)
        if kind in (_PROMISC, _ALLMULTI):
            _count(sock, index, kind, 1 if option == ADD_MEMBERSHIP else -1)
        return
    if option in (VERSION, RESERVE) and sock.can_map():
        number = struct.unpack("=I", value.first(4))[0]
        if sock.ring is not None:
            raise Errno(errno.EBUSY)
        if option == VERSION and number != TPACKET_V2:
            raise Errno(errno.EINVAL)
        setattr(sock, "version" if option == VERSION else "reserve", number)
        return
    if option not in _SWITCHES:
        raise Errno(errno.ENOPROTOOPT)
    setattr(sock, _SWITCHES[option], bool(struct.unpack("=i", value.first(4))[0]))


def _count(sock: PacketSocket, index: int, kind: int, step: int) -> None:
    """packet_dev_mc(): who wants to see all frames, or all groups."""
    held = sock.memberships.get((index, kind), 0)
    if held + step < 0:
        return
    sock.memberships[index, kind] = held + step
    interface = sock.nl.network.by_index(index)
    if interface is not None:
        facts = sock.nl.network.facts_of(interface)
        if kind == _PROMISC:
            facts.promiscuity += step
        else:
            facts.allmulti += step


def leave_all(sock: PacketSocket) -> None:
    """The socket is closed."""
    for (index, kind), count in list(sock.memberships.items()):
        _count(sock, index, kind, -count)


def get_option(sock: PacketSocket, level: int, option: int, size: int) -> bytes:
    """packet_getsockopt()."""
    if size < 0:
        raise Errno(errno.EINVAL)
    if level == SOL_SOCKET:
        return _of_socket(sock, option, size)
    if option == STATISTICS:
        packets, drops = sock.packets, sock.drops
        sock.packets = sock.drops = 0
        return struct.pack("=II", packets + drops, drops)[:size]
    if option in (VERSION, RESERVE) and sock.can_map():
        return struct.pack("=I", _ring_option(sock, option))[:size]
    if option not in _SWITCHES:
        raise Errno(errno.ENOPROTOOPT)
    return struct.pack("=i", getattr(sock, _SWITCHES[option]))[:size]


def _ring_option(sock: PacketSocket, option: int) -> int:
    return sock.version if option == VERSION else sock.reserve


def _of_socket(sock: PacketSocket, option: int, size: int) -> bytes:
    """SO_GET_FILTER, which is SO_ATTACH_FILTER, counts in instructions: without room it says how many."""
    if option not in FILTERS:
        said = not_unix.Said(sock.family, sock.type, 0, sock.peer_name)  # sk_protocol stays 0
        return not_unix.get_option(said, option, size)
    if option == SO_DETACH_FILTER:
        raise Errno(errno.ENOPROTOOPT)
    program = sock.filter or ()
    if size and size < len(program):
        raise Errno(errno.EINVAL)
    answer = Counted(bpf.packed(program) if size else b"")
    answer.told = len(program)
    return answer
