"""The sockets of a run, for ss(8), netstat(8) and /proc/net: implements ``network.sockets.SocketList``."""

from __future__ import annotations

import os
import re
import socket
import struct
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from ptrace_net.netlink import wire
from ptrace_net.network.refused import Refused
from ptrace_net.network.sockets import (
    IPPROTO_TCP,
    SOCK_RAW,
    SOCK_STREAM,
    TCP_CLOSE,
    TCP_ESTABLISHED,
    TCP_LISTEN,
    TCP_SYN_SENT,
    InetSocket,
    NetlinkPort,
)
from ptrace_net.sockets.emulated.names import Name, any_of
from ptrace_net.sockets.emulated.stream import CONNECTED, CONNECTING, Stream

if TYPE_CHECKING:
    from ptrace_net.sockets.emulated.layer import EmulatedSockets
    from ptrace_net.sockets.emulated.sock import EmulatedSocket
    from ptrace_net.sockets.netlink.layer import NetlinkLayer

NETLINK_SOCK_DIAG, SOCK_DIAG_BY_FAMILY = 4, 20
UDIAG_SHOW_RQLEN, UNIX_DIAG_RQLEN = 0x10, 4
_AF_INET, _AF_INET6 = socket.AF_INET, socket.AF_INET6
_MAPPED = bytes(10) + b"\xff\xff"
_DIAG_BODY, _INODE_AT, _ATTRIBUTES_AT = struct.Struct("=BBHIIIII"), 4, 16
_SOCKET = re.compile(r"socket:\[(\d+)\]")


class Listing:
    """``layer`` knows the inet sockets, ``netlink`` the others."""

    def __init__(self, layer: EmulatedSockets, netlink: NetlinkLayer) -> None:
        self._layer = layer
        self._netlink = netlink
        self._kernel: socket.socket | None = None

    def inet(self) -> Iterator[InetSocket]:
        queues = self._queues()
        for sock in self._layer.registry.all():
            if sock.family not in (_AF_INET, _AF_INET6):
                continue
            if sock.inode not in queues and not self._layer.is_open(sock):
                continue
            state = _state(sock)
            if state is not None:
                yield _told(sock, state, queues.get(sock.inode, (0, 0)))

    def netlink(self) -> Iterable[NetlinkPort]:
        return [
            NetlinkPort(port.protocol, port.portid, port.mask, port.inode, port.dropped)
            for port in self._netlink.ports.all()
        ]

    def hidden(self) -> set[int]:
        own = set()
        for name in os.listdir("/proc/self/fd"):
            try:
                found = _SOCKET.match(os.readlink(f"/proc/self/fd/{name}"))
            except OSError:
                continue
            if found:
                own.add(int(found[1]))
        return own | {sock.inode for sock in self._layer.registry.all()}

    # The kernel's local sockets

    def local(self, body: bytes, dump: bool) -> Iterator[bytes]:
        """What the kernel says of local sockets: the payloads of its messages, but for the hidden ones."""
        hidden = self.hidden()
        for payload in self._ask(body, dump):
            if int.from_bytes(payload[_INODE_AT : _INODE_AT + 4], "little") not in hidden:
                yield payload
            elif not dump:
                raise Refused(2)  # ENOENT

    def _ask(self, body: bytes, dump: bool) -> list[bytes]:
        """The whole answer: what is left unread would be taken for that of the next question."""
        if self._kernel is None:
            self._kernel = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_SOCK_DIAG)
        flags = wire.NLM_F_REQUEST | (wire.NLM_F_DUMP if dump else wire.NLM_F_ACK)
        self._kernel.send(wire.message(SOCK_DIAG_BY_FAMILY, flags, 1, 0, body))
        found: list[bytes] = []
        while True:
            for message in wire.split(self._kernel.recv(1 << 17)):
                head = wire.head_of(message)
                payload = message[wire.HEADER :]
                if head.type in (wire.NLMSG_DONE, wire.NLMSG_ERROR):
                    number = int.from_bytes(payload[:4], "little", signed=True)
                    if number:
                        raise Refused(-number)
                    return found
                found.append(payload)

    def _queues(self) -> dict[int, tuple[int, int]]:
        """(receive, send) of each local socket that is open, by inode: UNIX_DIAG_RQLEN."""
        no_cookie = (0xFFFFFFFF, 0xFFFFFFFF)
        body = _DIAG_BODY.pack(socket.AF_UNIX, 0, 0, 0xFFFFFFFF, 0, UDIAG_SHOW_RQLEN, *no_cookie)
        found = {}
        try:
            for payload in self._ask(body, dump=True):
                inode = int.from_bytes(payload[_INODE_AT : _INODE_AT + 4], "little")
                most = len(payload)
                attributes = wire.parse_attributes(payload, _ATTRIBUTES_AT, most, UNIX_DIAG_RQLEN, {})
                lengths = attributes.get(UNIX_DIAG_RQLEN, bytes(8))
                found[inode] = struct.unpack("=II", lengths[:8])
        except Refused:  # a kernel without unix_diag: the layer knows what is open
            return {}
        return found


def _state(sock: EmulatedSocket) -> int | None:
    """TCP_*; None for a socket that is in none of the kernel's tables."""
    if isinstance(sock, Stream):
        if sock.listening:
            return TCP_LISTEN
        return {CONNECTED: TCP_ESTABLISHED, CONNECTING: TCP_SYN_SENT}.get(sock.state)
    if sock.kind == SOCK_RAW:
        return TCP_CLOSE
    if sock.binding is None:
        return None
    return TCP_ESTABLISHED if sock.connected else TCP_CLOSE


def _told(sock: EmulatedSocket, state: int, queues: tuple[int, int]) -> InetSocket:
    local = sock.local
    remote = sock.peer or Name(any_of(sock.family), 0)
    receive, send = queues
    if isinstance(sock, Stream) and sock.queue is not None:
        send = sock.queue.backlog
    else:  # what waits at the other end of the backing pair has arrived
        receive, send = (receive, 0) if sock.kind == SOCK_STREAM else (0, 0)
    port = sock.protocol if sock.kind == SOCK_RAW else local.port
    protocol = IPPROTO_TCP if sock.kind == SOCK_STREAM else sock.protocol
    return InetSocket(
        sock.family, sock.kind, protocol, state, _sized(local.address, sock.family), port,
        _sized(remote.address, sock.family), remote.port, sock.inode, _owner(sock), receive, send,
        sock.v6only or (len(local.address) == 16 and any(local.address)),  # as bind(2) makes it
        info=sock.tcp_info if isinstance(sock, Stream) else None,
    )  # fmt: skip


def _sized(address: bytes, family: int) -> bytes:
    """An address as the family has it: of IPv4 on an IPv6 socket mapped, and 0.0.0.0 as ::."""
    if family == _AF_INET or len(address) == 16:
        return address
    return _MAPPED + address if any(address) else bytes(16)


def _owner(sock: EmulatedSocket) -> int:
    seen = sock.seen
    try:
        return os.stat(f"/proc/{seen[0].tgid}").st_uid if seen else 0
    except OSError:
        return 0


