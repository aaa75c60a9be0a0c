"""Packet formats: checksums against a slow independent sum, headers there and back, every truncation."""

import errno
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stack_net import IP4, IP6, MACS, pseudo_header, slow_checksum

from ptrace_net.stack import addresses as ad
from ptrace_net.stack import arp, checksum, ethernet, icmp, igmp, ipv4, ipv6, mld, ndp, udp
from ptrace_net.stack.frame import Malformed

ip4s = st.binary(min_size=4, max_size=4)
ip6s = st.binary(min_size=16, max_size=16)
pairs = st.one_of(st.tuples(ip4s, ip4s), st.tuples(ip6s, ip6s))


@given(st.binary(max_size=600))
def test_the_checksum_is_the_slow_one(data: bytes) -> None:
    assert checksum.checksum(data) == slow_checksum(data)


def test_the_checksum_of_rfc_1071s_example() -> None:
    assert checksum.checksum(bytes.fromhex("0001f203f4f5f6f7")) == 0x220D


def test_all_zero_bytes_are_not_valid() -> None:
    assert checksum.checksum(bytes(8)) == 0xFFFF
    assert not checksum.valid(bytes(8))


@given(pairs, st.integers(0, 255), st.binary(max_size=300))
def test_the_pseudo_header_sum_is_that_of_its_bytes(
    ends: tuple[bytes, bytes], protocol: int, data: bytes
) -> None:
    src, dst = ends
    expected = slow_checksum(pseudo_header(src, dst, protocol, len(data)) + data)
    assert checksum.checksum(data, checksum.pseudo_sum(src, dst, protocol, len(data))) == expected


@given(st.binary(min_size=2, max_size=300).map(lambda data: data[: len(data) // 2 * 2]))
def test_what_is_filled_in_is_valid(data: bytes) -> None:
    field = checksum.checksum(b"\0\0" + data)
    assert checksum.valid(field.to_bytes(2, "big") + data)


def test_addresses_are_their_text() -> None:
    assert ad.format_ip(ad.parse_ip("fe80::1")) == "fe80::1"
    assert ad.format_ip(ad.parse_ip("10.1.2.3")) == "10.1.2.3"
    assert ad.format_mac(ad.parse_mac("52:54:98:76:54:33")) == "52:54:98:76:54:33"
    with pytest.raises(ValueError, match="not an Ethernet address"):
        ad.parse_mac("52:54")


def test_kinds_of_addresses() -> None:
    assert ad.is_multicast(ad.parse_ip("224.0.0.1"))
    assert ad.is_multicast(ad.parse_ip("ff02::1"))
    assert ad.is_loopback(ad.parse_ip("127.9.9.9"))
    assert ad.is_link_local(ad.parse_ip("169.254.3.4"))
    assert ad.is_link_local(ad.parse_ip("febf::1"))
    assert not ad.is_link_local(ad.parse_ip("fec0::1"))
    assert ad.is_unicast(IP4[0])
    assert not any(map(ad.is_unicast, (ad.ANY4, ad.BROADCAST4, ad.ALL_NODES6)))
    assert ad.multicast_mac(ad.parse_ip("239.255.1.2")) == ad.parse_mac("01:00:5e:7f:01:02")
    assert ad.multicast_mac(ad.parse_ip("ff02::1:2")) == ad.parse_mac("33:33:00:01:00:02")
    assert ad.solicited_node(ad.parse_ip("fe80::1:800:200e:8c6c")) == ad.parse_ip("ff02::1:ff0e:8c6c")
    assert ad.link_local(ad.parse_mac("34:56:78:9a:bc:de")) == ad.parse_ip("fe80::3656:78ff:fe9a:bcde")
    assert not ad.in_prefix(IP4[0], IP6[0], 0)


@given(ip4s, st.integers(0, 32))
def test_prefixes_contain_their_addresses(address: bytes, length: int) -> None:
    network = ad.network_of(address, length)
    assert ad.in_prefix(address, network, length)
    assert ad.in_prefix(ad.broadcast_of(address, length), network, length)


@given(
    st.tuples(ip4s, ip4s),
    st.integers(0, 255),
    st.integers(0, 1000),
    st.integers(0, 65535),
    st.integers(0, 65535),
    st.integers(0, 255),
    st.integers(0, 255),
)
def test_ipv4_headers_come_back(ends, protocol, length, ident, fragment, ttl, tos) -> None:
    head = ipv4.header(*ends, protocol, length, ident=ident, fragment=fragment, ttl=ttl, tos=tos)
    assert slow_checksum(head) == 0
    packet = ipv4.parse(memoryview(head + bytes(length) + b"padding"))
    assert (packet.src, packet.dst, packet.protocol, len(packet.payload)) == (*ends, protocol, length)
    assert (packet.ident, packet.fragment, packet.ttl, packet.tos) == (ident, fragment, ttl, tos)
    assert packet.is_fragment == (packet.more or packet.offset > 0)


@pytest.mark.parametrize("change", [(0, 0x65), (0, 0x44), (2, 0xFF), (3, 0), (10, 1)])
def test_broken_ipv4_headers_are_malformed(change: tuple[int, int]) -> None:
    head = bytearray(ipv4.header(*IP4, 17, 4) + b"data")
    head[change[0]] = change[1]
    with pytest.raises(Malformed):
        ipv4.parse(memoryview(head))


def test_short_ipv4_is_malformed() -> None:
    with pytest.raises(Malformed):
        ipv4.parse(memoryview(ipv4.header(*IP4, 17, 0))[:19])


@pytest.mark.parametrize(
    ("options", "routed"),
    [
        (b"\x01\x01\x01\x00", False), (b"\x94\x04\x00\x00", False), (b"\x83\x07\x04\x0a\x00\x00\x01", True),
        (b"\x01\x89\x07\x04\x0a\x00\x00\x01", True), (b"\x94\x04\x00\x00\x44", True), (b"\x44\x01", True),
        (b"\x01\x01\x01\x01", False),
    ],
)  # fmt: skip
def test_source_routes_are_found(options: bytes, routed: bool) -> None:
    head = ipv4.header_with_options(*IP4, 2, 0, options)
    assert slow_checksum(head) == 0
    padded = options + bytes(-len(options) % 4)
    if options[-1:] == b"\x44":
        padded = options  # an option without its length byte
        assert ipv4.source_routed(memoryview(bytes(20) + padded)) is routed
        return
    assert ipv4.source_routed(ipv4.parse(memoryview(head)).header) is routed


@given(
    st.tuples(ip6s, ip6s),
    st.binary(max_size=64),
    st.integers(0, 255),
    st.integers(0, 255),
    st.integers(0, 2**20 - 1),
)
def test_ipv6_headers_come_back(ends, data: bytes, hop_limit: int, traffic: int, label: int) -> None:
    head = ipv6.header(*ends, 59, len(data), hop_limit=hop_limit, traffic_class=traffic, flow_label=label)
    packet = ipv6.parse(memoryview(head + data + b"padding"))
    assert (packet.src, packet.dst, bytes(packet.payload)) == (*ends, data)
    assert (packet.hop_limit, packet.traffic_class, packet.flow_label) == (hop_limit, traffic, label)
    for length in range(40 + len(data)):
        with pytest.raises(Malformed):
            ipv6.parse(memoryview(head + data)[:length])


def packet6(next_header: int, body: bytes) -> ipv6.Ipv6Packet:
    return ipv6.parse(memoryview(ipv6.header(*IP6, next_header, len(body)) + body))


def test_extension_headers_are_walked() -> None:
    hop = bytes((60, 0, 5, 2, 0, 0, 1, 0))
    destination = bytes((43, 0, 0, 0, 1, 2, 0, 0))
    routing = bytes((44, 0, 0, 0, 0, 0, 0, 0))
    fragment = ipv6.fragment_header(17, 16, True, 7)
    upper = ipv6.walk(packet6(0, hop + destination + routing + fragment + b"x" * 8))
    assert upper == ipv6.Upper(44, 64, ipv6.FragmentHeader(17, 16, True, 7))
    assert ipv6.walk(packet6(60, bytes((6, 0, 1, 4, 0, 0, 0, 0)))) == ipv6.Upper(6, 48)


@pytest.mark.parametrize(
    ("kind", "body", "code", "pointer"),
    [
        (60, bytes((0, 0, 1, 4, 0, 0, 0, 0)) + bytes(8), 1, 40),  # hop-by-hop not first
        (43, bytes((6, 0, 0, 1, 0, 0, 0, 0)), 0, 42),  # segments left
        (60, bytes((6, 0, 0x80, 0, 0, 0, 0, 0)), 2, 42),  # unknown option: report
        (60, bytes((6, 0, 0, 0xC2, 0, 0, 0, 0)), 2, 43),  # the same unless multicast
    ],
)
def test_bad_extension_headers_are_parameter_problems(
    kind: int, body: bytes, code: int, pointer: int
) -> None:
    with pytest.raises(ipv6.ParameterProblem) as caught:
        ipv6.walk(packet6(kind, body))
    assert (caught.value.code, caught.value.pointer) == (code, pointer)


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (60, b"\x06"), (60, bytes((6, 9, 0, 0, 0, 0, 0, 0))), (44, b"\x06\0\0"),
        (60, bytes((6, 0, 0x40, 0, 0, 0, 0, 0))), (60, bytes((6, 0, 1, 9, 0, 0, 0, 0))),
        (60, bytes((6, 0, 1, 3, 0, 0, 0, 1))),
    ],
)  # fmt: skip
def test_extension_headers_that_do_not_add_up_are_malformed(kind: int, body: bytes) -> None:
    with pytest.raises(Malformed):
        ipv6.walk(packet6(kind, body))


def test_ethernet_and_arp_come_back() -> None:
    request = arp.request(MACS[0], *IP4)
    view = memoryview(request.pack())
    assert arp.parse(view) == request
    answer = arp.reply(MACS[1], request)
    assert (answer.sender_ip, answer.target_ip, answer.target_mac) == (IP4[1], IP4[0], MACS[0])
    assert arp.probe(MACS[0], IP4[1]).sender_ip == ad.ANY4
    with pytest.raises(Malformed):
        arp.parse(view[:27])
    with pytest.raises(Malformed):
        arp.parse(memoryview(b"\0\6" + bytes(26)))
    assert ethernet.parse(memoryview(ethernet.header(*MACS, 0x806))) == (*MACS, 0x806)
    with pytest.raises(Malformed):
        ethernet.parse(memoryview(bytes(13)))


@given(pairs, st.integers(0, 65535), st.integers(0, 65535), st.binary(max_size=200))
def test_udp_comes_back_with_the_slow_checksum(ends, sport: int, dport: int, data: bytes) -> None:
    whole = udp.header(*ends, sport, dport, data) + data
    assert slow_checksum(pseudo_header(*ends, 17, len(whole)) + whole) == 0
    assert whole[6:8] != b"\0\0"
    parsed = udp.parse(memoryview(whole + b"trailer"), *ends)
    assert (parsed.src_port, parsed.dst_port, bytes(parsed.payload)) == (sport, dport, data)


def test_udp_refusals() -> None:
    whole = udp.header(*IP4, 1, 2, b"data") + b"data"
    for broken in (
        whole[:7],
        whole[:4] + b"\0\7" + whole[6:],
        whole[:4] + b"\0\x20" + whole[6:],
        whole[:-1] + b"x",
    ):
        with pytest.raises(Malformed):
            udp.parse(memoryview(broken), *IP4)
    unsummed = whole[:6] + b"\0\0" + whole[8:]
    assert bytes(udp.parse(memoryview(unsummed), *IP4).payload) == b"data"
    with pytest.raises(Malformed):
        udp.parse(memoryview(unsummed), *IP6)
    assert udp.parse(memoryview(whole[:-1] + b"x"), *IP4, verified=True)


@given(pairs, st.integers(0, 255), st.integers(0, 255), st.integers(0, 2**32 - 1), st.binary(max_size=200))
def test_icmp_comes_back_with_the_slow_checksum(ends, kind, code, rest, body) -> None:
    message = icmp.pack(*ends, kind, code, rest, body)
    pseudo = pseudo_header(*ends, 58, len(message)) if len(ends[0]) == 16 else b""
    if any(message):
        assert slow_checksum(pseudo + message) == 0
        assert icmp.parse(memoryview(message), *ends) == (kind, code, rest, body)
    with pytest.raises(Malformed):
        icmp.parse(memoryview(message)[:7], *ends)
    with pytest.raises(Malformed):
        icmp.parse(memoryview(message[:2] + bytes((message[2] ^ 1,)) + message[3:]), *ends)


def test_icmp_errors_quote_no_more_than_the_minimum_mtu() -> None:
    assert len(icmp.error(*IP4, 3, 3, 0, bytes(3000))) == 576 - 20
    assert len(icmp.error(*IP6, 1, 4, 0, bytes(3000))) == 1280 - 40


def test_icmp_verdicts() -> None:
    assert icmp.error_verdict(4, 3, 3) == (errno.ECONNREFUSED, True)
    assert icmp.error_verdict(4, 3, 16) is None
    assert icmp.error_verdict(4, 11, 0) == (errno.EHOSTUNREACH, False)
    assert icmp.error_verdict(4, 11, 1) is None
    assert icmp.error_verdict(4, 12, 0) == (errno.EPROTO, True)
    assert icmp.error_verdict(4, 8, 0) is None
    assert icmp.error_verdict(6, 1, 4) == (errno.ECONNREFUSED, True)
    assert icmp.error_verdict(6, 1, 99) == (errno.EPROTO, True)
    assert icmp.error_verdict(6, 99, 0) == (errno.EPROTO, False)
    assert icmp.error_verdict(6, 2, 0) == (errno.EMSGSIZE, False)
    assert icmp.error_verdict(6, 129, 0) is None
    assert icmp.is_error(4, 3)
    assert not icmp.is_error(4, 8)
    assert icmp.is_error(6, 4)
    assert not icmp.is_error(6, 128)


def test_next_mtu() -> None:
    assert icmp.next_mtu(4, 1400, 1500) == 1400
    assert icmp.next_mtu(4, 0, 1500) == 1492
    assert icmp.next_mtu(4, 0, 60) == 0
    assert icmp.next_mtu(6, 1280, 1500) == 1280


def test_igmp_queries_and_reports() -> None:
    group = ad.parse_ip("239.1.2.3")

    def query(code: int, tail: bytes = b"") -> memoryview:
        body = struct.pack("!BBH4s", 0x11, code, 0, group) + tail
        return memoryview(body[:2] + slow_checksum(body).to_bytes(2, "big") + body[4:])

    assert igmp.parse_query(query(50)) == igmp.Query(group, 5.0, 2)
    assert igmp.parse_query(query(0)) == igmp.Query(group, 10.0, 1)
    assert igmp.parse_query(query(100, bytes(4))) == igmp.Query(group, 10.0, 3)
    assert igmp.parse_query(query(0x9A, bytes(4))) == igmp.Query(group, (0x1A << 4) / 10, 3)
    for message in (igmp.v2_message(igmp.V2_LEAVE, group), igmp.v3_report([(4, group)])):
        assert slow_checksum(message) == 0
        assert igmp.parse_query(memoryview(message)) is None
    for broken in (bytes(7), b"\x11" + bytes(7)):
        with pytest.raises(Malformed):
            igmp.parse_query(memoryview(broken))


def test_mld_queries() -> None:
    group = ad.parse_ip("ff15::1")
    assert mld.parse_query(5000 << 16, memoryview(group)) == mld.Query(group, 5.0, 1)
    assert mld.parse_query(5000 << 16, memoryview(group + bytes(4))) == mld.Query(group, 5.0, 2)
    assert mld.parse_query(0x9000 << 16, memoryview(group + bytes(4))).max_delay == (0x1000 << 4) / 1000
    with pytest.raises(Malformed):
        mld.parse_query(0, memoryview(bytes(15)))
    assert len(mld.v2_records([(4, group), (3, group)])) == 40


def test_ndp_options_and_messages() -> None:
    body = ndp.solicit_body(IP6[1], MACS[0])
    assert ndp.parse_neighbor(ndp.NEIGHBOR_SOLICIT, 0, memoryview(body)) == (IP6[1], MACS[0], 0)
    assert ndp.parse_neighbor(ndp.NEIGHBOR_SOLICIT, 0, memoryview(ndp.solicit_body(IP6[1], None))).mac is None
    advert = ndp.parse_neighbor(
        ndp.NEIGHBOR_ADVERT, ndp.NA_SOLICITED, memoryview(ndp.advert_body(IP6[1], MACS[1]))
    )
    assert advert == (IP6[1], MACS[1], ndp.NA_SOLICITED)
    for broken in (bytes(15), ad.ALL_NODES6, body[:-8] + b"\1\0" + bytes(6), body[:-1], body + b"\1"):
        with pytest.raises(Malformed):
            ndp.parse_neighbor(ndp.NEIGHBOR_SOLICIT, 0, memoryview(broken))
    redirect = IP6[0] + IP6[1] + ndp.link_option(ndp.TARGET_LINK, MACS[1])
    assert ndp.parse_redirect(memoryview(redirect)) == (IP6[0], IP6[1], MACS[1])
    for broken in (bytes(31), bytes(16) + ad.ALL_NODES6):
        with pytest.raises(Malformed):
            ndp.parse_redirect(memoryview(broken))


def router_advert(
    *options: bytes, lifetime: int = 1800, flags: int = 0x80, hop_limit: int = 50
) -> tuple[int, bytes]:
    """The second word and the body of a router advertisement."""
    return hop_limit << 24 | flags << 16 | lifetime, bytes(8) + b"".join(options)


def prefix_option(
    prefix: str, bits: int = 64, flags: int = 0xC0, valid: int = 3600, preferred: int = 1800
) -> bytes:
    return struct.pack("!BBBBIII16s", 3, 4, bits, flags, valid, preferred, 0, ad.parse_ip(prefix))


def test_router_adverts() -> None:
    dns = bytes((25, 3)) + bytes(6) + IP6[1]
    mtu = bytes((5, 1, 0, 0)) + (1400).to_bytes(4, "big")
    rest, body = router_advert(ndp.link_option(1, MACS[1]), mtu, prefix_option("fd01::"), dns)
    advert = ndp.parse_advert(rest, memoryview(body))
    assert (advert.hop_limit, advert.managed, advert.other, advert.lifetime) == (50, True, False, 1800)
    assert (advert.mac, advert.mtu, advert.dns) == (MACS[1], 1400, (IP6[1],))
    assert advert.prefixes == (ndp.Prefix(ad.parse_ip("fd01::"), 64, True, True, 3600, 1800),)
    assert ndp.parse_advert(0, memoryview(bytes(8))).mtu is None
    with pytest.raises(Malformed):
        ndp.parse_advert(0, memoryview(bytes(7)))
    with pytest.raises(Malformed):
        ndp.parse_advert(0, memoryview(bytes(8) + prefix_option("fd01::", bits=129)))
