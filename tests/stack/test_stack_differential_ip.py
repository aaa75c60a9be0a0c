"""The same IP packets to our stack and to the Linux kernel: the same ICMP in return."""

import select
import struct
import time
from collections.abc import Iterator

import pytest
from kernel_peer import Kernels, kernels
from stack_net import IP4, IP6, MACS, Peer, make_host
from test_stack_kernel import REFUSED

from ptrace_net.stack import ethernet, icmp, ipv4, ipv6, ndp, udp
from ptrace_net.stack.addresses import (
    ALL_NODES6,
    ANY4,
    ANY6,
    BROADCAST4,
    BROADCAST_MAC,
    multicast_mac,
    parse_ip,
    solicited_node,
)
from ptrace_net.stack.frame import Frame, Malformed

pytestmark = pytest.mark.skipif(bool(REFUSED), reason=REFUSED)

FROM4, FROM6 = IP4[::-1], IP6[::-1]
SUBNET_BROADCAST = parse_ip("10.0.0.255")


def four(protocol: int, body: bytes, dst: bytes = IP4[0], src: bytes = IP4[1], **fields: int) -> bytes:
    return ipv4.header(src, dst, protocol, len(body), **fields) + body


def six(
    next_header: int, body: bytes, dst: bytes = IP6[0], src: bytes = IP6[1], hop_limit: int = 64
) -> bytes:
    return ipv6.header(src, dst, next_header, len(body), hop_limit=hop_limit) + body


def datagram(ends: tuple[bytes, bytes], data: bytes = b"x" * 40, port: int = 9) -> bytes:
    return udp.header(*ends, 5000, port, data) + data


def echo(ends: tuple[bytes, bytes], size: int = 20) -> bytes:
    return icmp.pack(*ends, 8 if len(ends[0]) == 4 else 128, 0, 0x70001, bytes(size))


def with_options(options: bytes) -> bytes:
    body = echo(FROM4)
    return ipv4.header_with_options(*FROM4, 1, len(body), options) + body


def pieces4(*cuts: tuple[int, int, bool]) -> list[bytes]:
    """Fragments of one echo request: (from, to, more)."""
    whole = echo(FROM4, 2000)
    return [
        four(1, whole[start:end], ident=7, fragment=start // 8 | (ipv4.IP_MF if more else 0))
        for start, end, more in cuts
    ]


def pieces6(*cuts: tuple[int, int, bool]) -> list[bytes]:
    whole = echo(FROM6, 2000)
    return [six(44, ipv6.fragment_header(58, start, more, 7) + whole[start:end]) for start, end, more in cuts]


def changed(packet: bytes, at: int, value: int) -> bytes:
    return packet[:at] + bytes((value,)) + packet[at + 1 :]


def neighbor(
    target: bytes, src: bytes, mac: bytes | None, hop_limit: int = 255, dst: bytes | None = None
) -> bytes:
    to = dst or solicited_node(target)
    message = icmp.pack(src, to, ndp.NEIGHBOR_SOLICIT, 0, 0, ndp.solicit_body(target, mac))
    return six(58, message, to, src, hop_limit)


def option6(kind: int) -> bytes:
    """A destination options header with one option of that kind, and an echo request behind it."""
    return bytes((58, 0, kind, 4, 0, 0, 0, 0)) + echo(FROM6)


BROADCAST = (IP4[1], BROADCAST4)
CASES: dict[str, list[bytes]] = {
    "echo": [four(1, echo(FROM4)), six(58, echo(FROM6))],
    "echo to broadcasts": [
        four(1, echo(BROADCAST), BROADCAST4), four(1, echo((IP4[1], SUBNET_BROADCAST)), SUBNET_BROADCAST),
    ],
    "echo to all nodes": [six(58, echo((IP6[1], ALL_NODES6)), ALL_NODES6)],
    "echo with a wrong checksum": [four(1, changed(echo(FROM4), 2, 0)), six(58, changed(echo(FROM6), 2, 0))],
    "echo with padding": [four(1, echo(FROM4)) + bytes(9)],
    "echo from martians": [
        four(1, echo((parse_ip("127.0.0.1"), IP4[0])), src=parse_ip("127.0.0.1")),
        four(1, echo((parse_ip("224.0.0.1"), IP4[0])), src=parse_ip("224.0.0.1")),
        four(1, echo((BROADCAST4, IP4[0])), src=BROADCAST4), four(1, echo((ANY4, IP4[0])), src=ANY4),
        six(58, echo((ALL_NODES6, IP6[0])), src=ALL_NODES6),
    ],
    "broken headers": [
        changed(four(1, echo(FROM4)), 0, 0x46), changed(four(1, echo(FROM4)), 0, 0x65),
        changed(four(1, echo(FROM4)), 10, 0), changed(four(1, echo(FROM4)), 3, 255),
        changed(six(58, echo(FROM6)), 0, 0x40), changed(six(58, echo(FROM6)), 5, 255),
    ],
    "harmless options": [with_options(b"\x01\x01\x01\x00"), with_options(b"\x94\x04\x00\x00")],
    "source route": [with_options(b"\x83\x07\x04\x0a\x00\x00\x01\x00")],
    "closed port": [four(17, datagram(FROM4)), six(17, datagram(FROM6))],
    "closed port, large": [four(17, datagram(FROM4, bytes(1400))), six(17, datagram(FROM6, bytes(1400)))],
    "closed port, broadcast": [four(17, datagram(BROADCAST), BROADCAST4)],
    "closed port, group": [six(17, datagram((IP6[1], ALL_NODES6)), ALL_NODES6)],
    "closed port, unspecified source": [six(17, datagram((ANY6, IP6[0])), src=ANY6)],
    "datagram with a wrong checksum": [
        four(17, changed(datagram(FROM4), 6, 1)), six(17, changed(datagram(FROM6), 6, 1)),
    ],
    "datagram without a checksum": [
        four(17, datagram(FROM4)[:6] + b"\0\0" + bytes(40)),
        six(17, datagram(FROM6)[:6] + b"\0\0" + bytes(40)),
    ],
    "datagram with a wrong length": [
        four(17, changed(datagram(FROM4), 5, 7)), four(17, changed(datagram(FROM4), 5, 200)),
    ],
    "unknown protocol": [four(99, bytes(30)), six(99, bytes(30))],
    "unknown protocol, broadcast": [four(99, bytes(30), BROADCAST4)],
    "no next header": [six(59, b"")],
    "an error about nothing of ours": [four(1, icmp.error(*FROM4, 3, 3, 0, four(17, datagram(FROM4))))],
    "fragments in order": pieces4((0, 800, True), (800, 1600, True), (1600, 2008, False)),
    "fragments backwards": pieces4((1600, 2008, False), (800, 1600, True), (0, 800, True)),
    "a fragment twice": pieces4((0, 800, True), (0, 800, True), (800, 2008, False)),
    "overlapping fragments": pieces4((0, 800, True), (400, 1200, True), (800, 2008, False)),
    "a fragment of odd length": pieces4((0, 801, True), (800, 2008, False)),
    "fragments in order, IPv6": pieces6((0, 800, True), (800, 2008, False)),
    "overlapping fragments, IPv6": pieces6((0, 800, True), (400, 1200, True), (800, 2008, False)),
    "an atomic fragment": [six(44, ipv6.fragment_header(58, 0, False, 7) + echo(FROM6))],
    "padding options": [six(kind, bytes((58, 0, 1, 4, 0, 0, 0, 0)) + echo(FROM6)) for kind in (60, 0)],
    "unknown options": [six(60, option6(kind)) for kind in (0x1F, 0x5F, 0x9F, 0xDF)],
    "unknown options to a group": [six(60, option6(kind), ALL_NODES6) for kind in (0x9F, 0xDF)],
    "a routing header": [six(43, bytes((58, 0, 9, left, 0, 0, 0, 0)) + echo(FROM6)) for left in (0, 1)],
    "hop-by-hop not first": [
        six(60, bytes((0, 0, 1, 4, 0, 0, 0, 0)) + bytes((58, 0, 1, 4, 0, 0, 0, 0)) + echo(FROM6)),
    ],
    "neighbor solicitation": [neighbor(IP6[0], IP6[1], MACS[1])],
    "neighbor solicitation, unicast": [neighbor(IP6[0], IP6[1], MACS[1], dst=IP6[0])],
    "duplicate address detection": [neighbor(IP6[0], ANY6, None)],
    "neighbor solicitation from afar": [neighbor(IP6[0], IP6[1], MACS[1], hop_limit=64)],
    "neighbor solicitation for another": [neighbor(parse_ip("fd00::99"), IP6[1], MACS[1], dst=IP6[0])],
}  # fmt: skip


def link(packet: bytes, mac: bytes) -> Frame:
    """The frame that carries a packet to whoever it is for."""
    version = 6 if len(packet) >= 40 and packet[0] >> 4 == 6 else 4
    dst = packet[16:20] if version == 4 else packet[24:40]
    if version == 6 and dst[0] == 0xFF:
        mac = multicast_mac(dst)
    elif dst in (BROADCAST4, SUBNET_BROADCAST):
        mac = BROADCAST_MAC
    ethertype = 0x800 if version == 4 or packet[0] >> 4 == 4 else 0x86DD
    return Frame(ethernet.header(mac, MACS[1], ethertype) + packet)


def rendered(frames: list[Frame]) -> Iterator[tuple[object, ...]]:
    """ICMP that is meant for the peer, or for everybody in answer to it."""
    for frame in frames:
        view = memoryview(frame.data)
        try:
            if ethernet.parse(view).type == 0x800:
                packet = ipv4.parse(view[14:])
                if packet.protocol != 1 or packet.dst != IP4[1]:
                    continue
                message = icmp.parse(packet.payload, packet.src, packet.dst)
                yield 4, packet.src == IP4[0], *message[:3], len(message.body)
            elif ethernet.parse(view).type == 0x86DD:
                packet6 = ipv6.parse(view[14:])
                if packet6.next_header != 58:
                    continue
                message = icmp.parse(packet6.payload, packet6.src, packet6.dst)
                if packet6.dst == IP6[1] or message.type == ndp.NEIGHBOR_ADVERT:
                    yield 6, packet6.src[:2], *message[:3], len(message.body)
        except Malformed:
            yield "malformed", bytes(view)


def linux_says(near: Kernels, packets: list[bytes]) -> list[object]:
    said: list[object] = []
    for packet in packets:
        near.tap.send(link(packet, near.mac), 0.0)
        frames: list[Frame] = []
        end = time.monotonic() + 0.05
        while (left := end - time.monotonic()) > 0:
            select.select([near.tap.fd], [], [], left)
            frames += near.tap.receive(0.0)
        said.append(sorted(rendered(whole(frames)), key=str))
    return said


def we_say(packets: list[bytes]) -> list[object]:
    peer, six_too = Peer(make_host(0)), Peer(make_host(0), version=6)
    host = peer.host
    cache = six_too.host.interfaces["eth0"].neighbors6
    host.interfaces["eth0"].neighbors6 = cache
    said: list[object] = []
    for packet in packets:
        host.feed(host.interfaces["eth0"], link(packet, MACS[0]), peer.now)
        frames = [
            frame for interface, sent in host.poll(peer.now) for frame in sent if interface.name == "eth0"
        ]
        said.append(sorted(rendered(whole(frames)), key=str))
        peer.now += 0.05
    return said


def whole(frames: list[Frame]) -> list[Frame]:
    """Replies to large pings come in fragments; their first says enough."""
    found = []
    for frame in frames:
        data = bytes(frame.data)
        if data[12:14] == b"\x08\x00" and struct.unpack_from("!H", data, 20)[0] & 0x3FFF:
            continue
        found.append(frame)
    return found


@pytest.fixture(scope="module")
def linux() -> Iterator[Kernels]:
    with kernels() as near:
        yield near


@pytest.mark.parametrize("case", sorted(CASES))
def test_as_linux(case: str, linux: Kernels) -> None:
    assert we_say(CASES[case]) == linux_says(linux, CASES[case])


def test_some_cases_have_an_answer() -> None:
    answered = [case for case, packets in CASES.items() if any(we_say(packets))]
    assert len(answered) > 12
