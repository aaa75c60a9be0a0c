"""shutdown(2) of datagram sockets (inet_shutdown).

Once it is shut down for reading, an AF_UNIX SOCK_SEQPACKET socket gives an end of file to whoever reads; a
SOCK_DGRAM one gives it to those who would wait, as UDP does, and EAGAIN to others (unix_dgram_recvmsg). So
the program gets an end of such a pair (``telling``), where its descriptor is the only one.
"""

from __future__ import annotations

import errno
import os
import socket
import time
from functools import partial
from typing import TYPE_CHECKING

from ptrace_net.sockets import hostcalls
from ptrace_net.sockets.registry import sockets_of
from ptrace_net.syscalls.seam import Answer, Fail, Replace, Return

if TYPE_CHECKING:
    from ptrace_net.sockets.emulated.datagram import Datagram

SHUT_RD, SHUT_WR, SHUT_RDWR = socket.SHUT_RD, socket.SHUT_WR, socket.SHUT_RDWR
_A_MOMENT = 0.5  # seconds in which who sleeps on the old pair wakes, and sees no hang-up


def shut(sock: Datagram, handle: int, how: int) -> Answer:
    """Without a peer it is done all the same."""
    answer: Return | Fail = Return(0) if sock.peer is not None else Fail(errno.ENOTCONN)
    if how != SHUT_RD:
        how = _mute(sock, how)
    if how != SHUT_WR:
        return _deafen(sock, handle, how, answer)
    if sock.sends_fail:
        hostcalls.shutdown(handle, how)
    return answer


def _mute(sock: Datagram, how: int) -> int:
    """A raw socket still sends (raw_sendmsg allocates with sock_wmalloc, which does not look)."""
    if not sock.sends_fail:
        return SHUT_RD if how == SHUT_RDWR else how
    if not sock.mute:
        sock.mute = True
        sock.layer.reactor.remove(sock.ours)
    return how


def _deafen(sock: Datagram, handle: int, how: int, answer: Return | Fail) -> Answer:
    sock.deaf, sock.dry = True, False
    hostcalls.shutdown(handle, how)
    sock.sleepers.wake()
    if sock.seen is None or sock.telling is not None or sock.ours < 0 or not _is_single(sock):
        return answer
    old = os.dup(sock.ours)
    sock.layer.reactor.call_at(time.monotonic() + _A_MOMENT, partial(os.close, old))
    renewed = sock.layer.tellers.wanted(sock, handle, sock.seen[1])
    if not isinstance(renewed, Replace):
        return answer
    hostcalls.shutdown(renewed.handle, how)
    return renewed._replace(answer=answer)


def _is_single(sock: Datagram) -> bool:
    """Whether no other descriptor of the run is the same socket."""
    tgids = {task.tgid for task in sock.layer.tasks()}
    return sum(inode == sock.inode for tgid in tgids for inode, _ in sockets_of(tgid)) == 1
