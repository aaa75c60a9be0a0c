"""The sockets that programs are told of by sock_diag(7) and /proc/net: what the socket layer is asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple, Protocol

TCP_ESTABLISHED, TCP_SYN_SENT, TCP_CLOSE, TCP_CLOSE_WAIT, TCP_LISTEN = 1, 2, 7, 8, 10
IPPROTO_TCP, IPPROTO_UDP = 6, 17
SOCK_STREAM, SOCK_DGRAM, SOCK_RAW = 1, 2, 3


class InetSocket(NamedTuple):
    """A socket of AF_INET or AF_INET6. Addresses are of the family's size; ``kind`` is SOCK_*.

    Of a raw socket ``local_port`` is its protocol. ``receive`` of a listener counts connections that wait,
    ``send`` is its backlog. ``info`` gives struct tcp_info, of TCP.
    """

    family: int
    kind: int
    protocol: int
    state: int
    local: bytes
    local_port: int
    remote: bytes
    remote_port: int
    inode: int
    uid: int = 0
    receive: int = 0
    send: int = 0
    v6only: bool = False
    ifindex: int = 0
    info: Callable[[], bytes] | None = None


class NetlinkPort(NamedTuple):
    """A socket of AF_NETLINK."""

    protocol: int
    portid: int
    groups: int
    inode: int
    dropped: int = 0


class SocketList(Protocol):
    """Who knows the sockets of a run."""

    def inet(self) -> Iterable[InetSocket]:
        """Those that are bound, listening, connecting or connected, and still open."""

    def netlink(self) -> Iterable[NetlinkPort]: ...

    def hidden(self) -> set[int]:
        """Inodes of AF_UNIX sockets that are not programs' own: backing sockets, and the supervisor's."""
