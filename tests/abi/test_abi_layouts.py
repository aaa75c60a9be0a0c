"""Every layout: round trips of random values, the fast form equal to construct, and the one error."""

from __future__ import annotations

import importlib
import pkgutil
import subprocess
import sys

import abi_strategies as strategies
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import ptrace_net.abi
from ptrace_net.abi import catalog
from ptrace_net.abi.address import decode_sockaddr, encode_sockaddr
from ptrace_net.abi.arch import ARCHES, S390X, X86_64, Arch
from ptrace_net.abi.errors import AbiError
from ptrace_net.abi.kinds import u8, u16, u64
from ptrace_net.abi.layout import Field, Layout
from ptrace_net.abi.msghdr import cmsghdr, iovec, mmsghdr, msghdr
from ptrace_net.abi.netlink.header import nlmsghdr
from ptrace_net.abi.poll import descriptor_bits, descriptors, epoll_event, fd_set, pollfd
from ptrace_net.abi.sockaddr import sockaddr_in, sockaddr_in6, sockaddr_ll, sockaddr_nl
from ptrace_net.abi.time import timespec

LAYOUTS = tuple(catalog.layouts().values())
HOT = (sockaddr_in, sockaddr_in6, sockaddr_nl, sockaddr_ll, msghdr, mmsghdr, iovec, cmsghdr, nlmsghdr, pollfd,
       epoll_event, timespec)  # fmt: skip
ARCH = pytest.mark.parametrize("arch", ARCHES.values(), ids=str)
BOUNDED = settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
THOROUGH = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


@ARCH
@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda each: each.name)
def test_round_trip(layout: Layout, arch: Arch) -> None:
    @BOUNDED
    @given(strategies.values(layout, arch))
    def check(values: tuple[object, ...]) -> None:
        data = layout.build(values, arch)
        assert len(data) == layout.size(arch)
        assert layout.parse(data, arch) == values
        assert layout.read(data, arch) == values
        assert layout.build(values._asdict(), arch) == data  # type: ignore[attr-defined]

    check()


@pytest.mark.parametrize("arch", [X86_64, ARCHES["i386"], S390X], ids=str)
@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda each: each.name)
def test_fast_form_equals_construct(layout: Layout, arch: Arch) -> None:
    size = layout.size(arch)

    @(THOROUGH if layout in HOT else BOUNDED)
    @given(st.binary(min_size=size, max_size=size))
    def check(data: bytes) -> None:
        fast = layout.fast(arch)
        values = layout.parse(data, arch)
        assert fast.exact(data) == strategies.flat(values)
        assert fast.unpack(b"--" + data + b"-", 2) == strategies.flat(values)
        assert fast.pack(*strategies.flat(values)) == layout.build(values, arch)

    check()


def _failure(parse: object, data: bytes) -> tuple[str, str, int, str]:
    with pytest.raises(AbiError) as caught:
        parse(data)  # type: ignore[operator]
    error = caught.value
    return error.layout, error.field, error.offset, error.problem


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda each: each.name)
def test_every_wrong_length_is_the_same_error(layout: Layout) -> None:
    size = layout.size()
    for length in [*range(min(size, 150)), size - 1, size + 1, size + 100]:
        data = bytes(length)
        strict = _failure(layout.parse, data)
        assert strict == _failure(layout.fast().exact, data)
        assert strict[0] == layout.name
        if length < size:
            assert strict == _failure(layout.fast().unpack, data)
            assert strict == _failure(layout.read, data)


def test_the_error_names_layout_field_and_offset() -> None:
    with pytest.raises(AbiError, match=r"sockaddr_in6\.sin6_addr at offset 8: truncated: 20 of 28 bytes"):
        sockaddr_in6.parse(bytes(20))
    with pytest.raises(AbiError, match=r"sockaddr_in6 at offset 28: 2 trailing bytes"):
        sockaddr_in6.parse(bytes(30))


def test_values_that_do_not_fit_are_blamed_on_their_field() -> None:
    with pytest.raises(AbiError, match=r"sockaddr_in6\.sin6_port at offset 2: 65536 does not fit __be16"):
        sockaddr_in6.build({"sin6_port": 65536})
    with pytest.raises(AbiError, match=r"sockaddr_in6\.sin6_addr at offset 8"):
        sockaddr_in6.build({"sin6_addr": b"::1"})
    with pytest.raises(AbiError, match="no such field"):
        sockaddr_in6.build({"sin_port": 1})
    with pytest.raises(AbiError):
        sockaddr_in6.fast().pack(10, 80, 0, b"::1", 0)
    with pytest.raises(AbiError):
        sockaddr_in6.fast().pack(10, 80)
    with pytest.raises(AbiError):
        sockaddr_in6.fast().pack(10, -1, 0, bytes(16), 0)


def test_what_a_mapping_lacks_is_zero() -> None:
    assert sockaddr_in.build({"sin_family": 2}) == b"\2" + bytes(15)
    assert sockaddr_in.build({"sin_family": 2}, S390X) == b"\0\2" + bytes(14)
    assert mmsghdr.build({}) == bytes(64)


def test_a_prefix_gives_the_whole_fields_in_it() -> None:
    data = sockaddr_in6.build((10, 80, 0, bytes(15) + b"\1", 7))
    assert sockaddr_in6.parse_prefix(data[:25]) == {
        "sin6_family": 10, "sin6_port": 80, "sin6_flowinfo": 0, "sin6_addr": bytes(15) + b"\1",
    }  # fmt: skip
    assert sockaddr_in6.parse_prefix(data + b"x")["sin6_scope_id"] == 7


def test_padding_follows_the_architecture() -> None:
    layout = Layout("example", "-", "", Field("a", u8), Field("b", u64), Field("c", u16))
    offsets = {name: [place.offset for place in layout.fields(arch)] for name, arch in ARCHES.items()}
    assert offsets["x86_64"] == offsets["arm"] == [0, 8, 16]
    assert offsets["i386"] == [0, 4, 12]
    assert (layout.size(X86_64), layout.size(ARCHES["i386"])) == (24, 16)


@ARCH
@settings(max_examples=20, deadline=None)
@given(fds=st.sets(st.integers(0, 1023)))
def test_fd_set_round_trip(arch: Arch, fds: set[int]) -> None:
    data = descriptor_bits(fds, arch)
    assert len(data) == fd_set.size(arch) == 128
    assert descriptors(data, arch) == tuple(sorted(fds))


@settings(max_examples=400, deadline=None)
@given(st.one_of(st.binary(max_size=140), st.tuples(st.sampled_from([0, 1, 2, 10, 16, 17, 40]), st.binary(
    max_size=140)).map(lambda each: bytes([each[0], 0]) + each[1])))  # fmt: skip
def test_no_bytes_make_decode_sockaddr_raise_anything_else(data: bytes) -> None:
    try:
        address = decode_sockaddr(data)
    except AbiError:
        return
    again = encode_sockaddr(address)
    if address.family == 17:  # sll_addr is returned as far as sll_halen goes
        assert data.startswith(again) or len(data) < len(again)
    else:
        assert decode_sockaddr(again) == address
    assert encode_sockaddr(decode_sockaddr(again)) == again


def test_the_catalogue_is_complete() -> None:
    """Every layout that any module of the package holds is in the catalogue, once."""
    found: dict[str, Layout] = {}
    for info in pkgutil.walk_packages(ptrace_net.abi.__path__, "ptrace_net.abi."):
        for value in vars(importlib.import_module(info.name)).values():
            if isinstance(value, Layout):
                assert found.setdefault(value.name, value) is value
    assert found == dict(catalog.layouts())
    assert [len(members) > 0 for members in catalog.by_module().values()] == [True] * len(catalog.DECLARING)


def test_decoding_does_not_import_construct() -> None:
    """construct costs more than everything else on the way to the first call that is serviced."""
    script = """
import sys
from ptrace_net.abi import cmsg, ioctl, sockopt
from ptrace_net.abi.address import decode_sockaddr
from ptrace_net.abi.netlink.messages import RTM, build_message, decode_netlink
decode_sockaddr(bytes([10, 0]) + bytes(26))
cmsg.decode_control(cmsg.build_control(((1, 1, bytes(4)),)))
decode_netlink(build_message(RTM["RTM_NEWADDR"], bytes(8)))
print(sorted(name for name in sys.modules if name.split(".")[0] in ("construct", "ptrace", "pyroute2")))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("[]\n", "")
