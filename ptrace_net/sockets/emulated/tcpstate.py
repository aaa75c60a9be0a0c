"""The states of a TCP connection within the run (RFC 9293, 3.3.2), as far as a program is told of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ptrace_net.sockets import hostcalls
from ptrace_net.sockets.emulated import tcpinfo

if TYPE_CHECKING:
    from ptrace_net.sockets.emulated.stream import Stream


def has_ended(sock: Stream, handle: int) -> bool:
    """Whether both sides have sent their end: the connection is closed then, though the socket is not."""
    if not sock.mute or sock.on_host or sock.end is not None:
        return False
    mate = sock.mate
    if mate is not None:
        return mate.mute or not sock.layer.is_open(mate)
    return not sock.deaf and hostcalls.hung_up(handle)


def is_closed(sock: Stream, handle: int) -> bool:
    """The same, or a reset by the peer that the program has not been told of yet."""
    if sock.on_host or sock.end is not None:
        return False
    return has_ended(sock, handle) or hostcalls.was_reset(handle)


def state(sock: Stream, handle: int) -> int:
    """What struct tcp_info says."""
    if sock.peer is None:
        return tcpinfo.LISTEN if sock.listening else tcpinfo.CLOSE
    ended = handle >= 0 and not sock.deaf and hostcalls.hung_up(handle)
    if sock.mute:
        return tcpinfo.CLOSE if ended else tcpinfo.FIN_WAIT2
    return tcpinfo.CLOSE_WAIT if ended else tcpinfo.ESTABLISHED
