"""The sockets of a run as ss(8) shows them: a row for each that some process of it holds.

Names are those that the programs know. Queues: bytes that the program has not read, and those that have not
left it; of a listener, the connections that wait and how many may. What a stream of the run sends is in its
peer's queue at once, so its own is empty.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from ptrace_net.lab import queues
from ptrace_net.policies.mapping import ANY6, V4_MAPPED
from ptrace_net.sockets.emulated.datagram import Datagram
from ptrace_net.sockets.emulated.layer import EmulatedSockets
from ptrace_net.sockets.emulated.names import AF_INET, AF_INET6, family_of, parse
from ptrace_net.sockets.emulated.stream import CONNECTING, Stream
from ptrace_net.sockets.host import HostSockets
from ptrace_net.sockets.mixed import MixedSockets
from ptrace_net.sockets.registry import sockets_of
from ptrace_net.syscalls.seam import Errno
from ptrace_net.tracer.task import duplicate

if TYPE_CHECKING:
    from ptrace_net.lab.messages import Message
    from ptrace_net.lab.queues import HostRow, Queues
    from ptrace_net.sockets.emulated.sock import EmulatedSocket
    from ptrace_net.sockets.mapped import MappedSocket
    from ptrace_net.syscalls.sockets import Sockets

_NETIDS: dict[int, str] = {socket.SOCK_STREAM: "tcp", socket.SOCK_DGRAM: "udp", socket.SOCK_RAW: "raw"}
_FAMILIES = (AF_INET, AF_INET6)


class User(NamedTuple):
    """A descriptor of a socket."""

    comm: str
    pid: int
    fd: int


def rows(sockets: Sockets, processes: Iterable[int]) -> Iterator[Message]:
    """Every socket that one of ``processes`` holds."""
    users = _users(processes)
    known = sockets.registry.all() if isinstance(sockets, EmulatedSockets) else []
    own = {sock.inode: sock for sock in known}
    hosts = sockets.host if isinstance(sockets, MixedSockets) else sockets
    mapped = hosts.mapped() if isinstance(hosts, HostSockets) else {}
    host, unix = queues.host_rows(), queues.unix_queues()
    for inode, held in sorted(users.items(), key=lambda item: item[1]):
        sock = own.get(inode)
        if sock is not None and sock.family in _FAMILIES and (sock.bound or sock.connected):
            row = _emulated(sock, host.get(inode), unix)
        elif sock is None and inode in host:
            row = _of_host(host[inode])
            if inode in mapped:
                row.update(_as_told(mapped[inode], held[0]))
        else:
            continue
        yield {**row, "users": [user._asdict() for user in held]}


def _users(processes: Iterable[int]) -> dict[int, list[User]]:
    users: dict[int, list[User]] = {}
    for pid in sorted(processes):
        comm = ""
        with suppress(OSError), open(f"/proc/{pid}/comm") as file:
            comm = file.read().strip()
        for inode, fd in sockets_of(pid):
            users.setdefault(inode, []).append(User(comm, pid, fd))
    return users


def _emulated(sock: EmulatedSocket, host: HostRow | None, unix: dict[int, Queues]) -> Message:
    received: int | None
    sent: int | None
    if host is not None:
        received, sent = host.queues
    else:
        received, sent = unix.get(sock.inode, (None, None))
        if isinstance(sock, Datagram):
            sent = queues.unread(sock.ours)
        elif not sock.listening:
            sent = 0
    local, peer = sock.local, sock.peer
    dual = sock.family == AF_INET6 and local.address == ANY6 and not sock.v6only
    return {
        "netid": _NETIDS.get(sock.kind, "???"), "state": _state(sock), "recv_q": received, "send_q": sent,
        "local": shown(sock.family, local.address, local.port, dual=dual),
        "peer": _nobody(sock.family, dual) if peer is None else shown(sock.family, peer.address, peer.port),
    }  # fmt: skip


def _state(sock: EmulatedSocket) -> str:
    if sock.listening:
        return "LISTEN"
    if isinstance(sock, Stream) and sock.state == CONNECTING and sock.error:
        return "SYN-SENT"
    return "ESTAB" if sock.connected else "UNCONN"


def _of_host(row: HostRow) -> Message:
    return {
        "netid": row.netid, "state": row.state, "recv_q": row.queues[0], "send_q": row.queues[1],
        "local": shown(row.family, *row.local),
        "peer": shown(row.family, *row.peer) if row.peer[1] else _nobody(row.family, False),
    }  # fmt: skip


def _as_told(sock: MappedSocket, user: User) -> Message:
    """The names of a socket of the other family, as its program is told them."""
    try:
        pidfd = os.pidfd_open(user.pid)
        try:
            handle = duplicate(pidfd, user.fd)
        finally:
            os.close(pidfd)
    except OSError:  # closed meanwhile
        return {}
    try:
        local, peer = sock.local_name(handle), None
        with suppress(Errno):
            peer = sock.peer_name(handle)
    except Errno:
        return {}
    finally:
        os.close(handle)
    family = family_of(local)
    name = parse(family, local)
    dual = family == AF_INET6 and name.address == ANY6 and not sock.v6only
    return {
        "local": shown(family, name.address, name.port, dual=dual),
        "peer": _nobody(family, dual) if peer is None else shown(family, *parse(family, peer)[:2]),
    }


def shown(family: int, address: bytes, port: int, *, dual: bool = False) -> str:
    """An address and port as ss(8) writes them; ``dual``: ``::`` that takes IPv4 too."""
    end = str(port) if port else "*"
    if dual:
        return f"*:{end}"
    if family == AF_INET:
        return f"{socket.inet_ntop(AF_INET, address)}:{end}"
    six = V4_MAPPED + address if len(address) == 4 else address
    return f"[{socket.inet_ntop(AF_INET6, six)}]:{end}"


def _nobody(family: int, dual: bool) -> str:
    return "*:*" if dual else "0.0.0.0:*" if family == AF_INET else "[::]:*"
