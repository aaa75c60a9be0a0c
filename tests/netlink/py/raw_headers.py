"""Raw sockets with headers, checksums and filters: IP_HDRINCL, IPV6_CHECKSUM, ICMP_FILTER."""

import os
import socket
import struct

IPPROTO_IPV6, IPPROTO_ICMPV6, SOL_RAW = 41, 58, 255
IP_HDRINCL, IPV6_HDRINCL, IPV6_CHECKSUM, FILTER = 3, 36, 7, 1
PROTOCOL = 253  # for experiments (RFC 3692)
HERE, HERE6 = ("127.0.0.1", 0), ("::1", 0)


def told(call, *arguments: object) -> object:
    try:
        return call(*arguments)
    except OSError as error:
        return os.strerror(error.errno)


def raw(family: int, protocol: int) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_RAW, protocol)
    sock.settimeout(10)
    return sock


def packet(payload: bytes, source: str = "127.0.0.1", target: str = "127.0.0.1", **given: int) -> bytes:
    """An IPv4 header as given, and a payload."""
    return struct.pack(
        "!BBHHHBBH4s4s", 0x40 | given.get("ihl", 5), 0, given.get("length", 0), given.get("ident", 3), 0, 9,
        PROTOCOL, given.get("sum", 0), socket.inet_aton(source), socket.inet_aton(target),
    ) + payload  # fmt: skip


PACKETS = {
    "whole": packet(b"hello"), "no source, no identification": packet(b"hello", "0.0.0.0", ident=0),
    "wrong length and checksum": packet(b"hello", length=999, sum=0xBEEF),
    "another source": packet(b"x", "10.0.2.15"), "another target": packet(b"x", target="127.0.0.9"),
    "cut": packet(b"")[:19], "nothing": b"", "only a header": packet(b""),
    "longer than it is": packet(b"", ihl=15), "options": packet(b"\1\1\1\0hello", ihl=6),
    "shorter than a header": packet(b"hello", ihl=4), "too long": packet(bytes(65517)),
}  # fmt: skip


def headers4() -> None:
    receiver = raw(socket.AF_INET, PROTOCOL)
    for protocol in (PROTOCOL, socket.IPPROTO_RAW):
        sender = raw(socket.AF_INET, protocol)
        print(protocol, sender.getsockopt(socket.IPPROTO_IP, IP_HDRINCL))
        for value in (0, 7):
            sender.setsockopt(socket.IPPROTO_IP, IP_HDRINCL, value)
            print(value, sender.getsockopt(socket.IPPROTO_IP, IP_HDRINCL))
        for name, data in PACKETS.items():
            said = told(sender.sendto, data, HERE)
            print(name, said, *seen(receiver, "identification" in name) if said == len(data) else ())


def seen(receiver: socket.socket, hidden: bool) -> tuple[str, object]:
    """Without an identification that the kernel has chosen, and the checksum over it."""
    data, source = receiver.recvfrom(70000)
    return (data[:4] + data[6:10] + data[12:] if hidden else data).hex(), source


def headers6() -> None:
    receiver, sender = raw(socket.AF_INET6, PROTOCOL), raw(socket.AF_INET6, PROTOCOL)
    print(sender.getsockopt(IPPROTO_IPV6, IPV6_HDRINCL), sender.setsockopt(IPPROTO_IPV6, IPV6_HDRINCL, 1))
    address = socket.inet_pton(socket.AF_INET6, "::1")
    header = struct.pack("!IHBB", 0x60000000, 5, PROTOCOL, 7) + address * 2
    for data in (header + b"hello", header[:39], b""):
        said = told(sender.sendto, data, HERE6)
        print(len(data), said, receiver.recv(100) if said == len(data) else "")


def checksum_options() -> None:
    for value in (-7, -1, 0, 2, 3, 4, 1000):
        for protocol in (PROTOCOL, IPPROTO_ICMPV6, socket.IPPROTO_RAW):
            sock = raw(socket.AF_INET6, protocol)
            for level in (IPPROTO_IPV6, SOL_RAW):
                said = told(sock.setsockopt, level, IPV6_CHECKSUM, value)
                print(value, protocol, level, said, sock.getsockopt(level, IPV6_CHECKSUM))


def checksums() -> None:
    """Written by the sender, at whatever place; verified by the receiver."""
    receiver = raw(socket.AF_INET6, PROTOCOL)
    for place in (-1, 0, 2, 4, 6, 8):
        sender = raw(socket.AF_INET6, PROTOCOL)
        sender.setsockopt(IPPROTO_IPV6, IPV6_CHECKSUM, place)
        for data in (b"ab", b"abcdef", b"abcdefg", b"\xff" * 8, bytes(8)):
            said = told(sender.sendto, data, HERE6)
            print(place, data, said, receiver.recv(100).hex() if said == len(data) else "")
    verifying = raw(socket.AF_INET6, PROTOCOL)
    verifying.setsockopt(SOL_RAW, IPV6_CHECKSUM, 2)
    plain, summed = raw(socket.AF_INET6, PROTOCOL), raw(socket.AF_INET6, PROTOCOL)
    summed.setsockopt(SOL_RAW, IPV6_CHECKSUM, 2)
    print(plain.sendto(b"wrong", HERE6), summed.sendto(b"right", HERE6), verifying.recv(100))


def short() -> None:
    """What has no room for a checksum, or for what the kernel looks at; and a checksum that is 0."""
    icmps = (socket.AF_INET, socket.IPPROTO_ICMP, HERE), (socket.AF_INET6, IPPROTO_ICMPV6, HERE6)
    for family, icmp, here in icmps:
        for protocol in (icmp, socket.IPPROTO_UDP, PROTOCOL):
            sender = raw(family, protocol)
            print(family, protocol, [told(sender.sendto, bytes((200,) * size), here) for size in range(5)])
    for protocol in (socket.IPPROTO_UDP, IPPROTO_ICMPV6, PROTOCOL):
        sender, receiver = raw(socket.AF_INET6, protocol), raw(socket.AF_INET6, protocol)
        if protocol != IPPROTO_ICMPV6:
            sender.setsockopt(IPPROTO_IPV6, IPV6_CHECKSUM, 2)
        sender.sendto(bytes((200, 0, 0, 0, 0, 0)), HERE6)
        first = receiver.recv(100)
        while len(first) != 6:  # those before may come late
            first = receiver.recv(100)
        sender.sendto(bytes((200, 0, 0, 0)) + first[2:4], HERE6)
        print(protocol, first.hex(), receiver.recv(100).hex())


def filters(family: int, level: int, types: tuple[int, int], here: tuple[str, int], size: int) -> None:
    """A bit for each type that is not wanted; ``types`` are those of echo requests and replies."""
    protocol = IPPROTO_ICMPV6 if family == socket.AF_INET6 else socket.IPPROTO_ICMP
    request = types[0]
    for blocked in ((), types[:1], types[1:]):
        receiver, sender = raw(family, protocol), raw(family, protocol)
        bits = sum(1 << kind for kind in blocked)
        receiver.setsockopt(level, FILTER, bits.to_bytes(size, "little"))
        for _ in range(2):
            echo = bytes((request, 0, 0xF7, 0xFF)) if family == socket.AF_INET else bytes((request, 0, 0, 0))
            sender.sendto(echo + bytes(4), here)
        got = [receiver.recv(100)[-8:] for _ in range(4 if not blocked else 2)]
        print(family, blocked, receiver.getsockopt(level, FILTER, size).hex())
        print(sorted(each[0] for each in got))


headers4()
headers6()
checksum_options()
checksums()
short()
filters(socket.AF_INET, SOL_RAW, (8, 0), HERE, 4)
filters(socket.AF_INET6, IPPROTO_ICMPV6, (128, 129), HERE6, 32)
