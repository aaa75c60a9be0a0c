"""The rows of socket options against the running kernel: which can be read and set, sizes, defaults."""

from __future__ import annotations

import ctypes
import errno
import os
import socket

import pytest
from abi_corpus import SOCKETS
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ptrace_net.abi.constants import if_packet, in6, in_, netlink, tcp, udp
from ptrace_net.abi.constants import socket as socket_h
from ptrace_net.abi.errors import AbiError
from ptrace_net.abi.sockopt import OPTIONS, Option, option, option_named

_libc = ctypes.CDLL(None, use_errno=True)
_ABSENT = (errno.ENOPROTOOPT, errno.EOPNOTSUPP)
# What a kernel may be without: AppArmor or SELinux, TCP-AO, VMCI; and what more than the socket decides
# (memory control groups, the protocol of a raw socket).
_OPTIONAL = {
    "SO_PEERSEC", "TCP_AO_ADD_KEY", "TCP_AO_DEL_KEY", "TCP_AO_INFO", "TCP_AO_GET_KEYS", "TCP_AO_REPAIR",
    "SO_VM_SOCKETS_PEER_HOST_VM_ID", "SO_VM_SOCKETS_TRUSTED", "IPV6_ROUTER_ALERT", "IP_XFRM_POLICY",
    "IPV6_XFRM_POLICY", "IP_IPSEC_POLICY", "IPV6_IPSEC_POLICY", "SO_DEVMEM_DONTNEED", "SO_RESERVE_MEM",
}  # fmt: skip
_KERNEL = tuple(map(int, os.uname().release.split("-")[0].split(".")[:2]))
_NEWER = {
    name: tuple(map(int, since.split(".")))
    for table in (socket_h.SO, in_.IP, in6.IPV6, tcp.TCP, if_packet.PACKET)
    for name, since in table.since.items()
}
ROWS = [
    each
    for each in OPTIONS.values()
    if each.name not in _OPTIONAL and _NEWER.get(each.name, _KERNEL) <= _KERNEL
]
EACH = pytest.mark.parametrize("row", ROWS, ids=lambda each: f"{each.level_name}-{each.name}")


@pytest.fixture
def sock(row: Option) -> socket.socket:
    try:
        made = socket.socket(*SOCKETS[row.scope])
    except OSError as error:
        pytest.skip(f"no socket of {row.scope}: {error.strerror}")
    with made:
        yield made


def _get(sock: socket.socket, row: Option, room: int = 1024) -> tuple[int, bytes]:
    value, length = ctypes.create_string_buffer(room), ctypes.c_uint(room)
    ctypes.set_errno(0)
    failed = _libc.getsockopt(sock.fileno(), row.level, row.number, value, ctypes.byref(length))
    return (ctypes.get_errno(), b"") if failed else (0, value.raw[: length.value])


@EACH
def test_what_can_be_read_and_how_it_decodes(row: Option, sock: socket.socket) -> None:
    error, value = _get(sock, row)
    assert (error not in _ABSENT) == ("r" in row.access)
    if error or "r" not in row.access:
        return
    decoded = row.decode(value)
    if row.size() and not row.forms and row.name not in ("TCP_INFO", "TCP_ZEROCOPY_RECEIVE"):
        assert len(value) == row.size()
    if isinstance(decoded, int) and row.default.lstrip("-").isdigit():
        assert decoded == int(row.default)


@EACH
def test_what_can_be_set(row: Option, sock: socket.socket) -> None:
    ctypes.set_errno(0)
    value = bytes(row.size() or 4)
    failed = _libc.setsockopt(sock.fileno(), row.level, row.number, value, len(value))
    assert (not failed or ctypes.get_errno() not in _ABSENT) == ("w" in row.access)


@pytest.mark.parametrize(
    "table",
    [socket_h.SO, in_.IP, in6.IPV6, tcp.TCP, udp.UDP, if_packet.PACKET, netlink.NETLINK_OPTIONS],
    ids=repr,
)
def test_every_option_of_the_headers_has_a_row(table: socket_h.Constants) -> None:
    """The control messages and token types among the constants are no options."""
    others = {"TCP_CM_INQ", "SO_DEVMEM_LINEAR", "SO_DEVMEM_DMABUF"}
    assert {name for name in table if option_named(name) is None} <= others


def test_lookup() -> None:
    assert option(41, 26).name == "IPV6_V6ONLY"
    assert option(1, 20).aliases == ("SO_RCVTIMEO",)
    assert option_named("SO_RCVTIMEO") is option(1, 20)
    assert option(1, 9999) is None


def test_forms_are_told_by_their_length() -> None:
    multicast = option_named("IP_MULTICAST_IF")
    assert multicast.decode(b"\x7f\0\0\1").s_addr == b"\x7f\0\0\1"
    assert multicast.decode(bytes(12)).imr_ifindex == 0
    info = option_named("TCP_INFO").decode(b"\1" + bytes(103))
    assert (info.tcpi_state, info.tcpi_total_retrans, info.tcpi_bytes_sent) == (1, 0, None)


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(list(OPTIONS.values())), st.binary(max_size=300))
def test_no_bytes_make_decode_raise_anything_else(row: Option, data: bytes) -> None:
    try:
        row.decode(data)
    except AbiError:
        return


@pytest.mark.parametrize("row", OPTIONS.values(), ids=lambda each: f"{each.level_name}-{each.name}")
def test_encode_is_the_inverse_of_decode(row: Option) -> None:
    data = bytes(n % 251 + 1 for n in range(row.size() or 8))
    if row.name in ("TCP_INFO", "TCP_ZEROCOPY_RECEIVE"):
        assert row.encode(row.decode(data))[: len(data)] == data
    else:
        assert row.decode(row.encode(row.decode(data))) == row.decode(data)
    with pytest.raises(AbiError):
        row.encode(object())
