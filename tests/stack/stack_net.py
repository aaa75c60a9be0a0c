"""Hosts, links and crafted packets for the tests of the stack: no sockets, no clock, seeded randomness."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from ptrace_net.stack import ethernet, ipv4, ipv6
from ptrace_net.stack.addresses import parse_ip
from ptrace_net.stack.ethernet import ETH_P_IP, ETH_P_IPV6
from ptrace_net.stack.frame import NO_OFFLOAD, Frame, Offload
from ptrace_net.stack.host import Host
from ptrace_net.stack.interface import Interface
from ptrace_net.stack.result import Fail
from ptrace_net.stack.tcp import options, segment
from ptrace_net.stack.tcp.config import TcpConfig
from ptrace_net.stack.tcp.segment import Addressing, Segment
from ptrace_net.stack.tcp.socket import TcpSocket

MACS = (bytes.fromhex("020000000001"), bytes.fromhex("020000000002"))
IP4 = (parse_ip("10.0.0.1"), parse_ip("10.0.0.2"))
IP6 = (parse_ip("fd00::1"), parse_ip("fd00::2"))
Link = Callable[[Frame], list[Frame]]


def slow_checksum(data: bytes) -> int:
    """RFC 1071 word by word: the independent witness."""
    if len(data) % 2:
        data += b"\0"
    total = 0
    for at in range(0, len(data), 2):
        total += data[at] << 8 | data[at + 1]
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF


def pseudo_header(src: bytes, dst: bytes, protocol: int, length: int) -> bytes:
    """As RFC 793 and RFC 8200 draw it."""
    if len(src) == 4:
        return src + dst + bytes((0, protocol)) + length.to_bytes(2, "big")
    return src + dst + length.to_bytes(4, "big") + bytes((0, 0, 0, protocol))


def make_host(
    number: int, mtu: int = 1500, offload: Offload = NO_OFFLOAD, config: TcpConfig | None = None
) -> Host:
    """Host 0 or 1 with lo and eth0 in 10.0.0.0/24 and fd00::/64."""
    host = Host(random.Random(number).randbytes, config or TcpConfig())
    host.add_loopback()
    eth0 = host.add_interface("eth0", MACS[number], mtu, offload, dad=False)
    eth0.add_address(IP4[number], 24, 0.0)
    eth0.add_address(IP6[number], 64, 0.0)
    return host


@dataclass
class Lab:
    """Two hosts on one cable.  ``links`` says what becomes of a frame: from host 0, from host 1."""

    hosts: list[Host]
    now: float = 100.0
    links: list[Link] = field(default_factory=lambda: [lambda frame: [frame], lambda frame: [frame]])
    log: list[tuple[int, Frame]] = field(default_factory=list)

    @classmethod
    def pair(cls, mtu: int = 1500, offload: Offload = NO_OFFLOAD, config: TcpConfig | None = None) -> "Lab":
        return cls([make_host(0, mtu, offload, config), make_host(1, mtu, offload, config)])

    def exchange(self) -> int:
        """Let every host send what it has; how many frames arrived somewhere."""
        moved = 0
        for number, host in enumerate(self.hosts):
            for interface, frames in host.poll(self.now):
                for frame in frames:
                    moved += self._carry(number, interface, frame)
        return moved

    def _carry(self, number: int, interface: Interface, frame: Frame) -> int:
        if interface.name == "lo":
            self.hosts[number].feed(interface, frame, self.now)
            return 1
        self.log.append((number, frame))
        other = self.hosts[1 - number]
        arriving = self.links[number](frame)
        for piece in arriving:
            other.feed(other.interfaces["eth0"], piece, self.now)
        return len(arriving)

    def settle(self) -> None:
        """Exchange until nothing moves, without letting time pass."""
        for _ in range(10_000):
            if not self.exchange():
                return
        raise AssertionError("the hosts never come to rest")

    def sleep(self, seconds: float) -> None:
        """Let time pass, stopping at every deadline."""
        end = self.now + seconds
        while True:
            self.settle()
            times = [at for host in self.hosts if (at := host.deadline()) is not None]
            self.now = max(self.now + 1e-6, min([end, *times]))
            if self.now >= end:
                self.now = end
                self.settle()
                return

    def wait(self, condition: Callable[[], object], seconds: float = 600.0) -> bool:
        """Let time pass until ``condition`` holds."""
        end = self.now + seconds
        while not condition():
            if self.now >= end:
                return False
            self.settle()
            times = [at for host in self.hosts if (at := host.deadline()) is not None]
            self.now = min([end, *[max(at, self.now + 1e-6) for at in times]])
        return True

    def connect(self, version: int = 4, port: int = 80) -> tuple[TcpSocket, TcpSocket]:
        """A connection from host 0 to host 1: both handles."""
        addresses = IP4 if version == 4 else IP6
        listener = self.hosts[1].tcp_socket(version)
        assert listener.bind(addresses[1], port) is None
        assert listener.listen(16) is None
        client = self.hosts[0].tcp_socket(version)
        assert client.connect(addresses[1], port, self.now).errno
        self.settle()
        server = listener.accept()
        assert isinstance(server, TcpSocket)
        listener.close(self.now)
        return client, server


def pump(lab: Lab, source: TcpSocket, sink: TcpSocket, data: bytes, seconds: float = 900.0) -> bytes:
    """Send ``data`` and FIN, and collect what arrives, until the end of the stream or an error."""
    sent = 0
    received: list[bytes] = []
    ended = False

    def turn() -> bool:
        nonlocal sent, ended
        while sent < len(data):
            taken = source.send(data[sent : sent + 65536])
            if isinstance(taken, Fail):
                ended = ended or source.tcb is None or bool(source.tcb.error) or taken.errno != 11
                break
            sent += taken
            if sent == len(data):
                source.shutdown(1, lab.now)
        while True:
            chunk = sink.recv(1 << 20)
            if isinstance(chunk, Fail):
                return ended or chunk.errno != 11
            if not chunk:
                return True
            received.append(chunk)

    lab.wait(turn, seconds)
    return b"".join(received)


@dataclass
class Peer:
    """The far end of one TCP connection, played by the test: it sends any segment and reads the replies.

    ``host`` is host 0; the peer has host 1's addresses.  Sequence numbers are relative: ``seq`` and ``ack``
    of 1 are the first data bytes.
    """

    host: Host
    version: int = 4
    local_port: int = 80
    peer_port: int = 4000
    isn: int = 1_000_000
    now: float = 100.0
    their_isn: int = 0
    window: int = 65535
    ts: int | None = None
    sent: list[Segment] = field(default_factory=list)

    def __post_init__(self) -> None:
        ours, theirs = (IP4, IP4) if self.version == 4 else (IP6, IP6)
        self.src, self.dst = theirs[1], ours[0]
        interface = self.host.interfaces["eth0"]
        cache = interface.neighbors4 if self.version == 4 else interface.neighbors6
        cache.reachable_time = 1e9
        cache.observe(self.src, MACS[1], self.now)
        cache.confirm(self.src, MACS[1], self.now)
        self.poll()
        self.sent.clear()

    def send(
        self,
        flags: int,
        seq: int = 1,
        ack: int = 1,
        payload: bytes = b"",
        opts: bytes = b"",
        window: int | None = None,
    ) -> list[Segment]:
        """Send one segment; what the host says to it at once."""
        head = segment.header(
            Addressing.of(self.src, self.peer_port, self.dst, self.local_port),
            (self.isn + seq) & 0xFFFFFFFF,
            (self.their_isn + ack) & 0xFFFFFFFF if flags & segment.ACK else 0,
            flags,
            self.window if window is None else window,
            opts,
            payload,
            False,
        )
        self.host.feed(self.host.interfaces["eth0"], self.frame(head + payload), self.now)
        return self.poll()

    def frame(self, transport: bytes, protocol: int = 6) -> Frame:
        if self.version == 4:
            ip = ipv4.header(self.src, self.dst, protocol, len(transport))
            return Frame(ethernet.header(MACS[0], MACS[1], ETH_P_IP) + ip + transport)
        ip = ipv6.header(self.src, self.dst, protocol, len(transport))
        return Frame(ethernet.header(MACS[0], MACS[1], ETH_P_IPV6) + ip + transport)

    def poll(self, seconds: float = 0.0) -> list[Segment]:
        """Let time pass; the TCP segments that the host sends to this peer."""
        self.now += seconds
        replies = []
        for interface, frames in self.host.poll(self.now):
            for frame in frames:
                if interface.name == "eth0" and (found := self._segment(frame)):
                    replies.append(found)
        self.sent += replies
        return replies

    def _segment(self, frame: Frame) -> Segment | None:
        view = memoryview(frame.data)
        if ethernet.parse(view).type == ETH_P_IP:
            packet4 = ipv4.parse(view[14:])
            if packet4.protocol != 6:
                return None
            return segment.parse(packet4.payload, packet4.src, packet4.dst)
        if ethernet.parse(view).type == ETH_P_IPV6:
            packet6 = ipv6.parse(view[14:])
            if packet6.next_header != 6:
                return None
            return segment.parse(packet6.payload, packet6.src, packet6.dst)
        return None

    def syn_options(self, mss: int = 1460, sack: bool = False, wscale: int | None = None) -> bytes:
        return options.pack_syn(options.Options(mss, wscale, sack, ts_val=self.ts))

    def listen(self, backlog: int = 8) -> TcpSocket:
        handle = self.host.tcp_socket(self.version)
        assert handle.bind(self.dst, self.local_port) is None
        assert handle.listen(backlog) is None
        return handle

    def open(self, opts: bytes | None = None) -> TcpSocket:
        """A connection that the host accepted from this peer."""
        listener = self.listen()
        (syn_ack,) = self.send(segment.SYN, 0, 0, opts=self.syn_options() if opts is None else opts)
        self.their_isn = syn_ack.seq
        self.send(segment.ACK, 1, 1)
        handle = listener.accept()
        assert isinstance(handle, TcpSocket)
        listener.close(self.now)
        self.sent.clear()
        return handle

    def connecting(self) -> TcpSocket:
        """A handle of the host that is connecting to this peer."""
        handle = self.host.tcp_socket(self.version)
        handle.connect(self.src, self.peer_port, self.now)
        (syn,) = self.poll()
        self.local_port, self.their_isn = syn.src_port, syn.seq
        return handle


def flags_of(replies: list[Segment]) -> str:
    """Replies as letters: ``SA``, ``R``, ``A FA``."""
    names = "FSRPA"
    return " ".join(
        "".join(n for bit, n in enumerate(names) if r.flags >> bit & 1 and n != "P") for r in replies
    )
