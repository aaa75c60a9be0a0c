"""Whose frame it is: the program and its pid, as the comment of a captured frame."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ptrace_net.sockets.emulated.names import Name
from ptrace_net.sockets.wire.end import End
from ptrace_net.sockets.wire.listening import Listening
from ptrace_net.sockets.wire.pump import Pump
from ptrace_net.stack import ethernet, ipv4, ipv6
from ptrace_net.stack.frame import Malformed
from ptrace_net.stack.tcp.segment import IPPROTO_TCP
from ptrace_net.stack.tcp.socket import TcpSocket
from ptrace_net.stack.udp import IPPROTO_UDP

if TYPE_CHECKING:
    from ptrace_net.sockets.emulated.layer import EmulatedSockets
    from ptrace_net.sockets.emulated.sock import EmulatedSocket
    from ptrace_net.stack.frame import Frame
    from ptrace_net.stack.host import Host

INBOUND = 1  # pcapng.INBOUND
_MOST = 4096


class _Flow(NamedTuple):
    """The ends of a packet, as it says them."""

    protocol: int
    src: bytes
    dst: bytes
    src_port: int
    dst_port: int

    def seen_from_here(self, inbound: bool) -> _Flow:
        """Our end first."""
        return _Flow(self.protocol, self.dst, self.src, self.dst_port, self.src_port) if inbound else self


class Owners:
    """``comment`` is for ``devices.open.Devices``."""

    def __init__(self, layer: EmulatedSockets, host: Host) -> None:
        self._layer, self._host = layer, host
        self._names: dict[int, str] = {}

    def comment(self, frame: Frame, direction: int) -> str:
        """``curl[123]``; empty where no program of the run is known to be concerned."""
        try:
            flow = _flow(memoryview(frame.data))
        except Malformed:
            return ""
        if flow is None:
            return ""
        sides = [flow.seen_from_here(direction == INBOUND)]
        if flow.src in self._host.local_addresses and flow.dst in self._host.local_addresses:
            sides = [flow, flow.seen_from_here(True)]  # on lo both ends are ours
        found = [self._name(sock) for side in sides if (sock := self._owner(side)) is not None]
        return " > ".join(filter(None, found))

    def _owner(self, flow: _Flow) -> EmulatedSocket | None:
        if flow.protocol == IPPROTO_UDP:
            return next(iter(self._layer.datagrams_at(flow.src_port)), None)
        ports = flow.dst_port.to_bytes(2, "big") + flow.src_port.to_bytes(2, "big")
        tcb = self._host.tcp.connections.get(flow.dst + flow.src + ports)
        owner = tcb.owner if tcb is not None else None
        tag = owner.tag if isinstance(owner, TcpSocket) else None
        if isinstance(tag, Pump):
            return tag.program.sock if isinstance(tag.program, End) else None
        if isinstance(tag, Listening):
            return tag.sock
        return self._layer.listener_at(Name(flow.src, flow.src_port), Name(flow.dst, flow.dst_port))

    def _name(self, sock: EmulatedSocket) -> str:
        """Who used the socket last."""
        if sock.seen is None:
            return ""
        tgid = sock.seen[0].tgid
        name = self._names.get(tgid)
        if name is None:
            if len(self._names) >= _MOST:
                self._names.clear()
            name = self._names[tgid] = _comm(tgid)
        return f"{name}[{tgid}]"


def _comm(tgid: int) -> str:
    try:
        with open(f"/proc/{tgid}/comm") as file:
            return file.read().strip()
    except OSError:
        return "?"


def _flow(view: memoryview) -> _Flow | None:
    """The ends of a TCP or UDP packet, of the first fragment too; Malformed where it is none."""
    header = ethernet.parse(view)
    if header.type == ethernet.ETH_P_IP:
        packet = ipv4.parse(view[ethernet.ETH_HLEN :])
        if packet.offset:
            return None
        src, dst, protocol, payload = packet.src, packet.dst, packet.protocol, packet.payload
    elif header.type == ethernet.ETH_P_IPV6:
        packet6 = ipv6.parse(view[ethernet.ETH_HLEN :])
        upper = ipv6.walk(packet6)
        src, dst, protocol = packet6.src, packet6.dst, upper.protocol
        payload = packet6.raw[upper.offset :]
    else:
        return None
    if protocol not in (IPPROTO_TCP, IPPROTO_UDP) or len(payload) < 4:
        return None
    ports = int.from_bytes(payload[:2], "big"), int.from_bytes(payload[2:4], "big")
    return _Flow(protocol, src, dst, *ports)
