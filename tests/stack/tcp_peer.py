"""Connections in a certain state, and what happens to them: for the tests of TCP on the wire."""

import pytest
from stack_net import MACS, Lab, Peer, make_host

from ptrace_net.stack import ethernet, icmp, ipv4, ipv6
from ptrace_net.stack.addresses import IP, parse_ip
from ptrace_net.stack.ethernet import ETH_P_IP, ETH_P_IPV6
from ptrace_net.stack.frame import Frame
from ptrace_net.stack.result import AGAIN
from ptrace_net.stack.tcp import options
from ptrace_net.stack.tcp.config import TcpConfig
from ptrace_net.stack.tcp.segment import ACK, SYN
from ptrace_net.stack.tcp.socket import TcpSocket

ROUTER = {4: parse_ip("10.0.0.77"), 6: parse_ip("fd00::77")}


def peer_with(config: TcpConfig | None = None, **fields: object) -> Peer:
    return Peer(make_host(0, config=config), **fields)


def pump_part(lab: Lab, source: TcpSocket, sink: TcpSocket, data: bytes) -> bool:
    """Send without closing; whether everything came."""
    sent = received = 0
    while received < len(data):
        taken = source.send(data[sent : sent + 65536]) if sent < len(data) else AGAIN
        sent += taken if isinstance(taken, int) else 0
        lab.sleep(0.01)
        chunk = sink.recv(1 << 20)
        received += len(chunk) if isinstance(chunk, bytes) else 0
    return True


def icmp_about(peer: Peer, kind: int, code: int, rest: int, sequence: int) -> None:
    """An ICMP error, of the peer's family, that quotes a segment from the host."""
    about = peer.local_port.to_bytes(2, "big") + peer.peer_port.to_bytes(2, "big")
    about += (sequence & 0xFFFFFFFF).to_bytes(4, "big")
    packet = error_packet((peer.dst, peer.src), kind, code, rest, 6, about)
    ethertype = ETH_P_IP if peer.version == 4 else ETH_P_IPV6
    frame = Frame(ethernet.header(MACS[0], MACS[1], ethertype) + packet)
    peer.host.feed(peer.host.interfaces["eth0"], frame, peer.now)


def error_packet(
    ends: tuple[IP, IP], kind: int, code: int, rest: int, protocol: int, transport: bytes
) -> bytes:
    """A router's, about a packet from the first of ``ends`` to the second."""
    if len(ends[0]) == 4:
        quoted = ipv4.header(*ends, protocol, 1480, fragment=ipv4.IP_DF) + transport
        message = icmp.error(ROUTER[4], ends[0], kind, code, rest, quoted)
        return ipv4.header(ROUTER[4], ends[0], icmp.IPPROTO_ICMP, len(message)) + message
    quoted = ipv6.header(*ends, protocol, 1440) + transport
    message = icmp.error(ROUTER[6], ends[0], kind, code, rest, quoted)
    return ipv6.header(ROUTER[6], ends[0], icmp.IPPROTO_ICMPV6, len(message)) + message


def timestamped(peer: Peer) -> TcpSocket:
    """A connection with timestamps."""
    listener = peer.listen()
    (syn_ack,) = peer.send(SYN, 0, 0, opts=peer.syn_options())
    peer.their_isn = syn_ack.seq
    peer.send(ACK, 1, 1, opts=options.pack_timestamps(peer.ts + 1, syn_ack.options.ts_val))
    handle = listener.accept()
    assert isinstance(handle, TcpSocket)
    listener.close(peer.now)
    return handle


def measured(peer: Peer) -> TcpSocket:
    """A connection with SACK that has measured a round trip of 10 ms."""
    handle = peer.open(peer.syn_options(sack=True))
    handle.set_nodelay(True)
    handle.send(b"x")
    peer.poll()
    peer.poll(0.01)
    peer.send(ACK, 1, 2)
    assert handle.tcb.rtt.srtt == pytest.approx(0.01, abs=0.01)
    return handle


def ranges(peer: Peer, *blocks: tuple[int, int]) -> bytes:
    return options.pack_sack([(peer.their_isn + a, peer.their_isn + b) for a, b in blocks])
