"""The address map: both directions agree, and what is wrong with a pair is said by its text."""

import ipaddress
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ptrace_net.policies.mapping import (
    ANY4,
    ANY6,
    DEFAULT_PAIRS,
    V4_MAPPED,
    AddressMap,
    MappingError,
    is_v4_mapped,
    pair,
    parse_prefix,
)

FOURS = st.binary(min_size=4, max_size=4)
SIXES = st.binary(min_size=16, max_size=16)


def four(text: str) -> bytes:
    return ipaddress.IPv4Address(text).packed


def six(text: str) -> bytes:
    return ipaddress.IPv6Address(text).packed


@st.composite
def pairs(draw: st.DrawFn):
    """A pair of prefixes with equal host bits, as texts."""
    host = draw(st.integers(0, 32))
    low = draw(FOURS)
    high = draw(SIXES)
    as_four = ipaddress.IPv4Network((low, 32 - host), strict=False)
    as_six = ipaddress.IPv6Network((high, 128 - host), strict=False)
    return str(as_six), str(as_four)


KNOWN = [
    ("::1", "127.6.0.1"),
    ("::", "0.0.0.0"),
    ("::ffff:1.2.3.4", "1.2.3.4"),
    ("2001:db8::5", "10.9.0.5"),
    ("2001:db8::ff", "10.9.0.255"),
    ("64:ff9b::8.8.8.8", None),
    ("fe80::1", None),
    ("2001:db8::1:5", None),
]


@pytest.mark.parametrize(("asked", "host"), KNOWN)
def test_known_addresses(asked: str, host: str | None) -> None:
    addresses = AddressMap((pair("2001:db8::/120", "10.9.0.0/24"), *DEFAULT_PAIRS))
    assert addresses.four(six(asked)) == (four(host) if host else None)
    if host:
        assert addresses.six(four(host)) == six(asked)


@given(pairs(), st.integers(0, (1 << 32) - 1))
def test_a_pair_maps_its_prefix_and_nothing_else(texts: tuple[str, str], bits: int) -> None:
    net6, net4 = ipaddress.ip_network(texts[0]), ipaddress.ip_network(texts[1])
    addresses = AddressMap((pair(*texts),))
    inside = net6[bits % net6.num_addresses]
    if inside.packed != ANY6 and not is_v4_mapped(inside.packed):
        there = addresses.four(inside.packed)
        assert there == net4[bits % net4.num_addresses].packed
        if there != ANY4:
            assert addresses.six(there) == inside.packed


@given(SIXES, pairs())
def test_what_no_pair_covers_has_no_counterpart(address: bytes, texts: tuple[str, str]) -> None:
    covered = ipaddress.IPv6Address(address) in ipaddress.ip_network(texts[0])
    special = address == ANY6 or is_v4_mapped(address)
    there = AddressMap((pair(*texts),)).four(address)
    assert (there is None) == (not covered and not special)


@given(FOURS)
def test_every_ipv4_address_comes_back(address: bytes) -> None:
    addresses = AddressMap(DEFAULT_PAIRS)
    assert addresses.four(addresses.six(address)) == address
    assert addresses.four(V4_MAPPED + address) == address
    assert is_v4_mapped(V4_MAPPED + address)


def test_the_first_pair_decides() -> None:
    narrow, wide = pair("2001:db8::7/128", "10.0.0.1/32"), pair("2001:db8::/120", "10.9.0.0/24")
    assert AddressMap((narrow, wide)).four(six("2001:db8::7")) == four("10.0.0.1")
    assert AddressMap((wide, narrow)).four(six("2001:db8::7")) == four("10.9.0.7")


@given(st.ip_addresses(), st.integers(0, 140))
def test_prefixes(address: ipaddress.IPv4Address | ipaddress.IPv6Address, length: int) -> None:
    text = f"{address}/{length}"
    try:
        network = ipaddress.ip_network(text)
    except ValueError:
        with pytest.raises(MappingError, match=re.escape(repr(text))):
            parse_prefix(text)
    else:
        assert parse_prefix(text) == (int(network.network_address), length, network.max_prefixlen)


@given(st.text(max_size=40))
def test_any_text_is_a_prefix_or_a_named_error(text: str) -> None:
    try:
        value, length, bits = parse_prefix(text)
    except MappingError as error:
        said = str(error)
    else:
        said = repr(text)
        assert (value >> (bits - length)) << (bits - length) == value
    assert repr(text) in said


WRONG = [
    ("10.0.0.0/8", "10.0.0.0/8", "an IPv6 prefix is mapped onto an IPv4 one"),
    ("::1/128", "::2/128", "an IPv6 prefix is mapped onto an IPv4 one"),
    ("2001:db8::/64", "10.0.0.0/8", "64 host bits, .* has 24"),
    ("2001:db8::1/64", "10.0.0.0/8", "bits set after its first 64"),
    ("2001:db8::/120", "10.0.0.1/24", "bits set after its first 24"),
    ("2001:db8::/129", "10.0.0.0/24", "0 to 128"),
    ("2001:db8::/120", "10.0.0.0/-1", "0 to 32"),
    ("2001:db8::/x", "10.0.0.0/24", "is not ADDRESS/LENGTH"),
    ("2001:db8::g/120", "10.0.0.0/24", "is not ADDRESS/LENGTH"),
    ("2001:db8::/120", "10.0.0/24", "is not ADDRESS/LENGTH"),
    ("2001:db8::/120", "", "is not ADDRESS/LENGTH"),
    ("2001:db8::\0/120", "10.0.0.0/24", "is not ADDRESS/LENGTH"),
]


@pytest.mark.parametrize(("asked", "host", "said"), WRONG)
def test_pairs_that_cannot_be(asked: str, host: str, said: str) -> None:
    with pytest.raises(MappingError, match=said) as caught:
        pair(asked, host)
    assert repr(asked) in str(caught.value) or repr(host) in str(caught.value)
