"""Addresses on their way to the host and back: lengths, families, and which belong to one family alone."""

import socket
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ptrace_net.policies.policy import Policy, load
from ptrace_net.sockets.faces import (
    Endpoint,
    FourOnSix,
    SixOnFour,
    family_of,
    pack_in,
    pack_in6,
    parse_in,
    parse_in6,
)
from ptrace_net.syscalls.seam import Errno

SIX_ON_FOUR = SixOnFour(Policy().addresses)
FOUR_ON_SIX = FourOnSix(load("ipv4-on-ipv6").addresses)
PORTS = st.integers(0, 65535)


def four(text: str) -> bytes:
    return socket.inet_aton(text)


def six(text: str) -> bytes:
    return socket.inet_pton(socket.AF_INET6, text)


@given(st.binary(min_size=4, max_size=4), PORTS)
def test_sockaddr_in(address: bytes, port: int) -> None:
    name = pack_in(Endpoint(address, port))
    assert name == struct.pack("=HH", socket.AF_INET, port) + address + bytes(8)
    assert parse_in(name) == parse_in(name + b"rest") == Endpoint(address, port)


@given(st.binary(min_size=16, max_size=16), PORTS)
def test_sockaddr_in6(address: bytes, port: int) -> None:
    name = pack_in6(Endpoint(address, port))
    assert name == struct.pack("=HHI", socket.AF_INET6, port, 0) + address + bytes(4)
    for length in (24, 25, 27, 28, 128):
        assert parse_in6(name.ljust(128, b"\xff")[:length])[:2] == (address, port)


@given(st.binary(max_size=30))
def test_short_names_are_einval(name: bytes) -> None:
    for parse, shortest in ((parse_in, 16), (parse_in6, 24), (family_of, 2)):
        if len(name) < shortest:
            with pytest.raises(Errno) as caught:
                parse(name)
            assert caught.value.number == 22
        else:
            parse(name)


KNOWN = [("::1", "127.6.0.1"), ("::", "0.0.0.0"), ("::ffff:9.8.7.6", "9.8.7.6"), ("2001:db8::1", None)]


@pytest.mark.parametrize(("asked", "host"), KNOWN)
def test_six_on_four(asked: str, host: str | None) -> None:
    assert SIX_ON_FOUR.to_host(six(asked)) == (four(host) if host else None)
    if host:
        assert SIX_ON_FOUR.from_host(four(host)) == six(asked)


def test_four_on_six() -> None:
    for asked, host in (("127.0.0.1", "::1"), ("0.0.0.0", "::"), ("8.8.8.8", "64:ff9b::8.8.8.8")):
        assert FOUR_ON_SIX.to_host(four(asked)) == six(host)
        assert FOUR_ON_SIX.from_host(six(host)) == four(asked)
    assert FourOnSix(Policy().addresses).to_host(four("8.8.8.8")) is None


@given(st.binary(min_size=4, max_size=4))
def test_hosts_addresses_come_back(address: bytes) -> None:
    assert SIX_ON_FOUR.to_host(SIX_ON_FOUR.from_host(address)) == address


@given(st.binary(min_size=16, max_size=16))
def test_an_address_is_of_ipv6_alone_or_of_both(address: bytes) -> None:
    both = address == bytes(16) or address[:12] == bytes(10) + b"\xff\xff"
    assert SIX_ON_FOUR.own(address) == (not both)
    assert not FOUR_ON_SIX.own(address[:4])
