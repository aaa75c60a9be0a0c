"""Mutated frames never raise: real conversations, with bytes changed, cut, repeated and added.

Checksums are repaired in half of the frames, or hardly anything would get past them.
"""

import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stack_net import IP4, IP6, MACS, Lab, pump, slow_checksum

from ptrace_net.devices.describe import describe
from ptrace_net.stack import icmp, igmp, ipv4, ipv6, mld, ndp
from ptrace_net.stack.addresses import ALL_NODES6, ANY4, ANY6, parse_ip
from ptrace_net.stack.dhcp_service import DhcpService
from ptrace_net.stack.ethernet import header
from ptrace_net.stack.frame import Frame
from ptrace_net.stack.host import Host


def conversations() -> list[bytes]:
    """Frames of every protocol, as host 1 receives them or sends them."""
    lab = Lab.pair()
    service = DhcpService(lab.hosts[0], lab.hosts[0].interfaces["eth0"])
    service.start(lab.now)
    for version, addresses in ((4, IP4), (6, IP6)):
        client, server = lab.connect(version)
        pump(lab, client, server, bytes(20_000))
        client.close(lab.now)
        server.close(lab.now)
        raw = lab.hosts[0].raw_socket(version, 1 if version == 4 else 58)
        for size in (30, 3000):
            echo = icmp.pack(*addresses, 8 if version == 4 else 128, 0, 1, bytes(size))
            raw.send(echo, addresses[1], lab.now)
        lab.hosts[0].udp_socket(version).send(bytes(4000), lab.now, (addresses[1], 9))
        lab.settle()
        group = parse_ip("239.1.1.1") if version == 4 else parse_ip("ff15::7")
        lab.hosts[0].interfaces["eth0"].join(group, lab.now)
        lab.sleep(2.0)
    return [bytes(frame.data) for _number, frame in lab.log] + crafted()


def crafted() -> list[bytes]:
    """What two plain hosts do not say to each other."""
    router = parse_ip("fe80::99")
    advert = bytes(8) + ndp.link_option(1, MACS[0]) + bytes((3, 4, 64, 0xC0)) + bytes(12) + parse_ip("fd05::")
    messages = [
        icmp.pack(router, ALL_NODES6, ndp.ROUTER_ADVERT, 0, 64 << 24 | 1800, advert),
        icmp.pack(router, ALL_NODES6, mld.QUERY, 0, 100 << 16, bytes(20)),
        icmp.error(router, ALL_NODES6, 2, 0, 1300, ipv6.header(*IP6[::-1], 6, 20) + bytes(20)),
    ]
    frames = [
        header(b"\x33\x33\0\0\0\1", MACS[0], 0x86DD)
        + ipv6.header(router, ALL_NODES6, 58, len(m), hop_limit=255)
        + m
        for m in messages
    ]
    options = bytes((60, 0, 5, 2, 0, 0, 1, 0)) + bytes((58, 0, 1, 4, 0, 0, 0, 0))
    frames.append(
        header(MACS[1], MACS[0], 0x86DD)
        + ipv6.header(*IP6, 0, 24)
        + options
        + icmp.pack(*IP6, 128, 0, 1, b"")
    )
    query = igmp._with_sum(bytes((0x11, 10, 0, 0)) + bytes(4))
    for protocol, body in (
        (2, query),
        (1, icmp.error(*IP4, 3, 4, 1000, ipv4.header(*IP4[::-1], 6, 20) + bytes(20))),
    ):
        frames.append(header(MACS[1], MACS[0], 0x800) + ipv4.header(*IP4, protocol, len(body)) + body)
    return frames


CORPUS = conversations()


def repair(data: bytearray) -> None:
    """Recompute what checksums can be found."""
    if data[12:14] == b"\x08\x00" and len(data) >= 34:
        data[24:26] = bytes(2)
        data[24:26] = slow_checksum(bytes(data[14:34])).to_bytes(2, "big")


def mutate(fate: random.Random, data: bytes) -> Frame:
    mutated = bytearray(data)
    for _ in range(fate.randrange(1, 5)):
        kind = fate.randrange(6)
        at = fate.randrange(len(mutated)) if mutated else 0
        if kind <= 2 and mutated:
            limit = min(len(mutated), fate.choice((20, 60, 100, 2000)))
            mutated[fate.randrange(limit)] = fate.choice((0, 1, 0x7F, 0x80, 0xFF, fate.randrange(256)))
        elif kind == 3:
            del mutated[at:]
        elif kind == 4:
            mutated[at:at] = fate.randbytes(fate.randrange(1, 30))
        else:
            del mutated[at : at + fate.randrange(1, 9)]
    if fate.random() < 0.5:
        repair(mutated)
    return Frame(bytes(mutated), verified=fate.random() < 0.8)


def target() -> Host:
    """A host with everything open."""
    lab = Lab.pair()
    lab.connect(4)
    lab.connect(6, port=81)
    host = lab.hosts[1]
    eth0 = host.interfaces["eth0"]
    DhcpService(host, eth0).start(lab.now)
    eth0.autoconf.start_router_discovery(lab.now)
    for version, address in ((4, ANY4), (6, ANY6)):
        listener = host.tcp_socket(version)
        listener.bind(address, 80)
        listener.listen(5)
        datagrams = host.udp_socket(version)
        datagrams.bind(address, 9)
        datagrams.join(parse_ip("239.1.1.1") if version == 4 else parse_ip("ff15::7"), "eth0", lab.now)
        host.raw_socket(version, 1 if version == 4 else 58)
    return host


def bombard(seed: int, count: int) -> int:
    """Feed ``count`` mutated frames; how many were malformed."""
    malformed = 0
    fate = random.Random(seed)
    host, now = target(), 100.0
    eth0 = host.interfaces["eth0"]
    for number in range(count):
        frame = mutate(fate, fate.choice(CORPUS))
        host.feed(eth0, frame, now)
        if number % 50 == 0:
            now += fate.random() * 3
            host.poll(now)
            host.take_events()
        if number % 20 == 0:
            describe(frame)
        if number % 5000 == 4999:
            malformed += eth0.counters.rx_malformed
            host = target()
            eth0 = host.interfaces["eth0"]
    return malformed


def test_mutated_frames_never_raise() -> None:
    assert bombard(1, 30_000) > 5000


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", range(10, 14))
def test_a_million_mutated_frames_never_raise(seed: int) -> None:
    assert bombard(seed, 250_000) > 50_000


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.binary(max_size=120), st.sampled_from([b"\x08\x00", b"\x86\xdd", b"\x08\x06"]), st.booleans())
def test_noise_never_raises(noise: bytes, ethertype: bytes, verified: bool) -> None:
    host = Lab.pair().hosts[0]
    frame = Frame(MACS[0] + MACS[1] + ethertype + noise, verified=verified)
    host.feed(host.interfaces["eth0"], frame, 1.0)
    host.poll(1.0)
    assert describe(frame)


def test_the_corpus_is_what_it_claims_to_be() -> None:
    text = "\n".join(describe(Frame(data)) for data in CORPUS)
    for word in (
        "ARP who-has",
        "is-at",
        "TCP [S]",
        "UDP len",
        "ICMP type 8",
        "ICMP6 type 128",
        "fragment",
        "type 143",
        "proto 2",
    ):
        assert word in text
    assert "malformed" not in text
