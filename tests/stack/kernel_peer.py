"""The far end of one connection, played by the test, with the Linux kernel or our stack on the near end.

Both near ends take the same segments and the same calls, and what they answer comes as text that can be
compared: flags, sequence and acknowledgment relative to the initial numbers, length.
"""

import select
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from kernel_side import Namespace
from stack_net import IP4, IP6, MACS, Peer, make_host
from tcp_peer import error_packet, icmp_about

from ptrace_net.devices.tap import TapDevice, open_tap
from ptrace_net.stack import arp, ethernet, ipv4, ipv6, udp
from ptrace_net.stack.addresses import format_ip, format_mac
from ptrace_net.stack.ethernet import ETH_P_ARP, ETH_P_IP, ETH_P_IPV6
from ptrace_net.stack.frame import Frame
from ptrace_net.stack.result import Fail
from ptrace_net.stack.tcp import segment
from ptrace_net.stack.tcp.segment import ACK, SYN, Addressing, Segment
from ptrace_net.stack.tcp.socket import TcpSocket

PORT, PEER_PORT, ISN = 80, 4000, 1_000_000
LISTEN_FOR = 0.08  # seconds: longer than a delayed acknowledgment, shorter than a retransmission
_NAMES = "FSRPA"
_ETHERTYPES = {4: ETH_P_IP, 6: ETH_P_IPV6}


class Near(Protocol):
    """What a scenario does to the near end."""

    def send(self, flags: int, seq: int, ack: int, payload: bytes = b"", window: int = 65535) -> str: ...
    def wait(self, seconds: float) -> str: ...
    def listen(self) -> None: ...
    def accept(self) -> None: ...
    def connect(self) -> str: ...
    def write(self, data: bytes) -> str: ...
    def read(self) -> bytes | None: ...
    def shutdown(self) -> str: ...
    def close(self) -> str: ...
    def error(self, kind: int, code: int, rest: int, seq: int) -> None: ...
    def take_error(self) -> int: ...
    def take_datagram_error(self, kind: int, code: int, rest: int) -> int: ...


def render(replies: list[Segment], their_isn: int) -> str:
    """``SA 0:1`` is a SYN-ACK, ``PA 1:1+4`` four bytes of data; pushes are left out, as policies differ."""
    words = []
    for reply in replies:
        flags = "".join(name for bit, name in enumerate(_NAMES) if reply.flags >> bit & 1 and name != "P")
        seq = (reply.seq - their_isn) & 0xFFFFFFFF if their_isn else 0
        ack = (reply.ack - ISN) & 0xFFFFFFFF if reply.flags & ACK else "-"
        size = f"+{len(reply.payload)}" if len(reply.payload) else ""
        words.append(f"{flags} {'?' if 'R' in flags and 'A' in flags else seq}:{ack}{size}")
    return ", ".join(words)


class Ours:
    """Our stack, in its own time."""

    def __init__(self, version: int = 4) -> None:
        self.peer = Peer(make_host(0), version, isn=ISN, peer_port=PEER_PORT, local_port=PORT)
        self.listener: TcpSocket | None = None
        self.handle: TcpSocket | None = None

    def _said(self, replies: list[Segment]) -> str:
        for reply in replies:
            if reply.flags & SYN:
                self.peer.their_isn = reply.seq
        return render(replies, self.peer.their_isn)

    def send(self, flags: int, seq: int, ack: int, payload: bytes = b"", window: int = 65535) -> str:
        replies = self.peer.send(flags, seq, ack, payload, window=window)
        return self._said(replies + self._later(LISTEN_FOR))

    def _later(self, seconds: float) -> list[Segment]:
        replies, steps = [], 16
        for _ in range(steps):
            replies += self.peer.poll(seconds / steps)
        return replies

    def wait(self, seconds: float) -> str:
        return self._said(self._later(seconds))

    def listen(self) -> None:
        self.listener = self.peer.listen()

    def accept(self) -> None:
        assert self.listener is not None
        accepted = self.listener.accept()
        assert isinstance(accepted, TcpSocket)
        self.handle = accepted

    def connect(self) -> str:
        self.handle = self.peer.host.tcp_socket(self.peer.version)
        self.handle.bind(self.peer.dst, PORT)
        self.handle.connect(self.peer.src, PEER_PORT, self.peer.now)
        return self.wait(LISTEN_FOR)

    def write(self, data: bytes) -> str:
        self.handle.send(data)
        return self.wait(LISTEN_FOR)

    def read(self) -> bytes | None:
        data = self.handle.recv(1 << 20)
        return None if isinstance(data, Fail) else data

    def shutdown(self) -> str:
        self.handle.shutdown(socket.SHUT_WR, self.peer.now)
        return self.wait(LISTEN_FOR)

    def close(self) -> str:
        self.handle.close(self.peer.now)
        return self.wait(LISTEN_FOR)

    def error(self, kind: int, code: int, rest: int, seq: int) -> None:
        icmp_about(self.peer, kind, code, rest, self.peer.their_isn + seq)

    def take_error(self) -> int:
        return _number(self.handle.take_error())

    def take_datagram_error(self, kind: int, code: int, rest: int) -> int:
        peer = self.peer
        handle = peer.host.udp_socket(peer.version)
        handle.bind(peer.dst, PORT)
        handle.connect(peer.src, PEER_PORT, peer.now)
        about = udp.header(peer.dst, peer.src, PORT, PEER_PORT, b"")
        packet = error_packet((peer.dst, peer.src), kind, code, rest, 17, about)
        frame = Frame(ethernet.header(MACS[0], MACS[1], _ETHERTYPES[peer.version]) + packet)
        peer.host.feed(peer.host.interfaces["eth0"], frame, peer.now)
        number = _number(handle.take_error())
        handle.close(peer.now)
        return number


def _number(failed: Fail | None) -> int:
    return 0 if failed is None else failed.errno


class Kernels:
    """Linux, behind a TAP that the test reads and writes frame by frame."""

    def __init__(self, namespace: Namespace, tap: TapDevice, mac: bytes, version: int) -> None:
        self.namespace, self.tap, self.mac, self.version = namespace, tap, mac, version
        self.ends = IP4 if version == 4 else IP6
        self.their_isn = 0
        self.listener: socket.socket | None = None
        self.socket: socket.socket | None = None

    def send(self, flags: int, seq: int, ack: int, payload: bytes = b"", window: int = 65535) -> str:
        head = segment.header(
            Addressing.of(self.ends[1], PEER_PORT, self.ends[0], PORT), (ISN + seq) & 0xFFFFFFFF,
            (self.their_isn + ack) & 0xFFFFFFFF if flags & ACK else 0, flags, window, b"", payload, False,
        )  # fmt: skip
        header = ipv4.header if self.version == 4 else ipv6.header
        self._feed(header(self.ends[1], self.ends[0], 6, len(head) + len(payload)) + head + payload)
        return self.wait(LISTEN_FOR)

    def _feed(self, packet: bytes) -> None:
        self.tap.send(Frame(ethernet.header(self.mac, MACS[1], _ETHERTYPES[self.version]) + packet), 0.0)

    def wake(self) -> None:
        """Ask for its address until it answers: an interface that has just come up drops what it sends."""
        question = arp.request(MACS[1], IP4[1], IP4[0]).pack()
        frame = Frame(ethernet.header(b"\xff" * 6, MACS[1], ETH_P_ARP) + question)
        end = time.monotonic() + 10
        while time.monotonic() < end:
            self.tap.send(frame, 0.0)
            select.select([self.tap.fd], [], [], 0.02)
            if any(bytes(found.data[12:14]) == b"\x08\x06" for found in self.tap.receive(0.0)):
                return
        raise TimeoutError("the kernel does not answer on tap0")

    def wait(self, seconds: float) -> str:
        replies = []
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            select.select([self.tap.fd], [], [], left)
            for frame in self.tap.receive(0.0):
                if (found := self._segment(frame)) is not None:
                    replies.append(found)
        return render(replies, self.their_isn)

    def _segment(self, frame: Frame) -> Segment | None:
        view = memoryview(frame.data)
        if ethernet.parse(view).type != _ETHERTYPES[self.version]:
            return None
        packet = ipv4.parse(view[14:]) if self.version == 4 else ipv6.parse(view[14:])
        if (packet.protocol if self.version == 4 else packet.next_header) != 6:
            return None
        found = segment.parse(packet.payload, packet.src, packet.dst)
        if found.flags & SYN:
            self.their_isn = found.seq
        return found

    def _socket(self, kind: socket.SocketKind = socket.SOCK_STREAM) -> socket.socket:
        family = socket.AF_INET if self.version == 4 else socket.AF_INET6
        made: socket.socket = self.namespace.start(socket.socket, family, kind).result()
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((format_ip(self.ends[0]), PORT))
        made.setblocking(False)
        return made

    def listen(self) -> None:
        self.listener = self._socket()
        self.listener.listen(8)

    def accept(self) -> None:
        assert self.listener is not None
        self.socket = self.listener.accept()[0]
        self.socket.setblocking(False)

    def connect(self) -> str:
        self.socket = self._socket()
        self.socket.connect_ex((format_ip(self.ends[1]), PEER_PORT))
        return self.wait(LISTEN_FOR)

    def write(self, data: bytes) -> str:
        self.socket.send(data)
        return self.wait(LISTEN_FOR)

    def read(self) -> bytes | None:
        try:
            return self.socket.recv(1 << 20)
        except OSError:
            return None

    def shutdown(self) -> str:
        self.socket.shutdown(socket.SHUT_WR)
        return self.wait(LISTEN_FOR)

    def close(self) -> str:
        self.socket.close()
        return self.wait(LISTEN_FOR)

    def error(self, kind: int, code: int, rest: int, seq: int) -> None:
        about = struct.pack("!HHI", PORT, PEER_PORT, (self.their_isn + seq) & 0xFFFFFFFF)
        self._feed(error_packet(self.ends, kind, code, rest, 6, about))

    def take_error(self) -> int:
        return self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)

    def take_datagram_error(self, kind: int, code: int, rest: int) -> int:
        with self._socket(socket.SOCK_DGRAM) as near:
            near.connect((format_ip(self.ends[1]), PEER_PORT))
            about = udp.header(*self.ends, PORT, PEER_PORT, b"")
            self._feed(error_packet(self.ends, kind, code, rest, 17, about))
            self.wait(LISTEN_FOR)
            return near.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)


@contextmanager
def kernels(version: int = 4) -> Iterator[Kernels]:
    """Linux with options off, so that both sides speak plain TCP."""
    namespace = Namespace()
    try:
        namespace.shell("ip link set lo up", "ip tuntap add dev tap0 mode tap")
        namespace.shell(f"ip addr add {format_ip(IP4[0])}/24 brd + dev tap0", "ip link set tap0 up")
        namespace.shell(f"ip -6 addr add {format_ip(IP6[0])}/64 dev tap0 nodad")
        for peer in (IP4[1], IP6[1]):
            known = f"ip neigh add {format_ip(peer)} lladdr {format_mac(MACS[1])} dev tap0 nud permanent"
            namespace.shell(known)
        tap = namespace.start(lambda: open_tap("tap0", MACS[1], segmentation=False)).result()
        mac = namespace.start(_tap_mac).result()
        near = Kernels(namespace, tap, mac, version)
        near.wake()
        try:
            yield near
        finally:
            for used in (near.socket, near.listener):
                if used is not None:
                    used.close()
            tap.close()
    finally:
        namespace.close()


def _tap_mac() -> bytes:
    """The kernel's address on tap0, asked for in its namespace."""
    import fcntl
    import struct

    with socket.socket() as asking:
        answer = fcntl.ioctl(asking, 0x8927, struct.pack("16s24x", b"tap0"))  # SIOCGIFHWADDR
    return bytes(answer[18:24])
