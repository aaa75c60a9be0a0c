"""Frames with TCP in them, as hosts hand them to devices and as they are on the wire."""

from ptrace_net.stack import ethernet, ipv4, ipv6
from ptrace_net.stack.addresses import parse_ip, parse_mac
from ptrace_net.stack.frame import Frame
from ptrace_net.stack.tcp import segment
from ptrace_net.stack.tcp.segment import ACK, FIN, PSH, Addressing

MACS = (parse_mac("02:00:00:00:00:01"), parse_mac("02:00:00:00:00:02"))
IP4 = (parse_ip("10.0.0.1"), parse_ip("10.0.0.2"))
IP6 = (parse_ip("fd00::1"), parse_ip("fd00::2"))


def super_frame(
    payload: bytes, ends: tuple[bytes, bytes] = IP4, gso_size: int = 1000, flags: int = PSH | FIN | ACK
) -> Frame:
    """A TCP segment with its checksum left to the device."""
    head = segment.header(Addressing.of(ends[0], 1, ends[1], 2), 0xFFFFFF00, 7, flags, 99, b"", payload, True)
    length = len(head) + len(payload)
    if len(ends[0]) == 4:
        ip, ethertype = ipv4.header(*ends, 6, length, ident=0xFFFF), 0x800
    else:
        ip, ethertype = ipv6.header(*ends, 6, length), 0x86DD
    data = ethernet.header(*MACS, ethertype) + ip + head + payload
    return Frame(data, gso_size, True, False, 14 + len(ip), 16)


def parsed(frame: Frame) -> segment.Segment:
    view = memoryview(frame.data)[14:]
    if view[0] >> 4 == 4:
        packet = ipv4.parse(view)
        return segment.parse(packet.payload, packet.src, packet.dst)
    packet6 = ipv6.parse(view)
    return segment.parse(packet6.payload, packet6.src, packet6.dst)
