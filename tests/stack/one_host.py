"""One host on a cable's end: what it is fed, and what it sends."""

from stack_net import IP4, IP6, MACS, make_host

from ptrace_net.stack import ethernet, icmp, ipv6
from ptrace_net.stack.addresses import parse_ip
from ptrace_net.stack.ethernet import ETH_P_IP
from ptrace_net.stack.frame import Frame
from ptrace_net.stack.host import Host
from ptrace_net.stack.interface import Interface

GROUP4, GROUP6 = parse_ip("239.1.1.1"), parse_ip("ff15::7")


def eth0(host: Host) -> Interface:
    return host.interfaces["eth0"]


def feed(
    host: Host, payload: bytes, ethertype: int = ETH_P_IP, dst: bytes = MACS[0], now: float = 100.0
) -> None:
    eth = eth0(host)
    host.feed(eth, Frame(ethernet.header(dst, MACS[1], ethertype) + payload), now)


def sent(host: Host, now: float = 100.0) -> list[memoryview]:
    return [
        memoryview(f.data) for interface, frames in host.poll(now) for f in frames if interface.name == "eth0"
    ]


def quiet_host() -> Host:
    """A host that has said its announcements and knows its neighbor."""
    host = make_host(0)
    host.poll(99.0)
    for cache, address in ((eth0(host).neighbors4, IP4[1]), (eth0(host).neighbors6, IP6[1])):
        cache.reachable_time = 1e9
        cache.observe(address, MACS[1], 99.0)
        cache.confirm(address, MACS[1], 99.0)
    return host


def parsed6(frame: memoryview) -> tuple[ipv6.Ipv6Packet, icmp.IcmpMessage]:
    packet = ipv6.parse(frame[14:])
    return packet, icmp.parse(packet.raw[ipv6.walk(packet).offset :], packet.src, packet.dst)
