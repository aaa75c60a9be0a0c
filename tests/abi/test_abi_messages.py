"""Control messages and netlink streams: round trips, what the kernel refuses too, and the one error."""

from __future__ import annotations

import socket
import struct
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ptrace_net.abi.address import decode_sockaddr, encode_sockaddr
from ptrace_net.abi.arch import ARCHES, S390X, Arch
from ptrace_net.abi.cmsg import CMSG, build_control, control_messages, decode_control
from ptrace_net.abi.constants.netlink import NETLINK
from ptrace_net.abi.constants.rtnetlink import RTM
from ptrace_net.abi.errors import AbiError
from ptrace_net.abi.msghdr import cmsg_len, cmsg_space
from ptrace_net.abi.netlink import tables
from ptrace_net.abi.netlink.attributes import build_attribute
from ptrace_net.abi.netlink.messages import (
    ROUTE_BODIES,
    build_message,
    build_object,
    decode_netlink,
    split_messages,
)

ARCH = pytest.mark.parametrize("arch", ARCHES.values(), ids=str)
FUZZ = settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
PAYLOADS = st.lists(st.tuples(st.integers(0, 300), st.integers(0, 90), st.binary(max_size=40)), max_size=5)


@ARCH
@FUZZ
@given(messages=PAYLOADS)
def test_control_round_trip(arch: Arch, messages: list[tuple[int, int, bytes]]) -> None:
    data = build_control(tuple(messages), arch)
    assert list(control_messages(data, arch)) == messages
    assert len(data) == sum(cmsg_space(len(payload), arch) for _, _, payload in messages)


def test_control_macros_are_those_of_the_c_library() -> None:
    for size in range(40):
        assert cmsg_len(size) == socket.CMSG_LEN(size)
        assert cmsg_space(size) == socket.CMSG_SPACE(size)


@FUZZ
@given(st.one_of(st.binary(max_size=200), st.builds(
    lambda level, kind, payload: build_control(((level, kind, payload),)),
    st.sampled_from([0, 1, 6, 17, 41, 263, 270]), st.integers(0, 84), st.binary(max_size=80))))  # fmt: skip
def test_no_bytes_make_decode_control_raise_anything_else(data: bytes) -> None:
    try:
        decode_control(data)
    except AbiError:
        return


def test_a_length_that_cannot_be_is_refused_as_the_kernel_does() -> None:
    """EINVAL from sendmsg and AbiError from the decoder, for the same control buffers."""
    fds = struct.pack("=i", 1)
    for length, wrong in ((20, False), (15, True), (0, True), (25, True), (1 << 40, True)):
        control = struct.pack("=QII", length, 1, 1) + fds + bytes(4)
        left, right = socket.socketpair(socket.AF_UNIX)
        with left, right:
            assert refused_by_kernel(left, control) is wrong, length
        if wrong:
            with pytest.raises(AbiError, match=r"cmsghdr\.cmsg_len at offset 0"):
                decode_control(control)
        else:
            assert decode_control(control)[0].value == (1,)


def refused_by_kernel(sock: socket.socket, control: bytes) -> bool:
    import ctypes

    from ptrace_net.abi.msghdr import iovec, msghdr

    data, buffer = ctypes.create_string_buffer(b"x"), ctypes.create_string_buffer(control, len(control))
    vector = ctypes.create_string_buffer(iovec.build((ctypes.addressof(data), 1)))
    values = (0, 0, ctypes.addressof(vector), 1, ctypes.addressof(buffer), len(control), 0)
    message = ctypes.create_string_buffer(msghdr.build(values))
    return ctypes.CDLL(None).sendmsg(sock.fileno(), message, 0) < 0


def test_every_payload_is_decoded_at_its_own_length() -> None:
    for (level, kind), known in CMSG.items():
        size = known.kind.size(S390X)
        message = decode_control(build_control(((level, kind, bytes(size or 4)),), S390X), S390X)[0]
        assert message.name == known.name


def test_one_byte_and_four_byte_forms() -> None:
    assert decode_control(build_control(((0, 1, b"\x10"),)))[0].value == 16
    assert decode_control(build_control(((0, 1, struct.pack("=i", 16)),)))[0].value == 16
    with pytest.raises(AbiError, match="IP_TOS"):
        decode_control(build_control(((0, 1, b"\x10\0"),)))


@FUZZ
@given(st.binary(max_size=200), st.sampled_from([0, 4, 16, 12]), st.booleans())
def test_no_bytes_make_decode_netlink_raise_anything_else(data: bytes, protocol: int, strict: bool) -> None:
    try:
        decode_netlink(data, protocol, strict=strict)
    except AbiError:
        return


@FUZZ
@given(st.sampled_from(sorted(ROUTE_BODIES)), st.binary(max_size=120), st.integers(0, 0xFFFF))
def test_no_body_makes_decode_netlink_raise_anything_else(number: int, payload: bytes, flags: int) -> None:
    for protocol, kind in ((0, number), (4, 20), (16, 16), (0, 2), (0, 3)):
        try:
            decode_netlink(build_message(kind, payload, flags=flags), protocol)
        except AbiError:
            continue


@ARCH
def test_netlink_round_trip(arch: Arch) -> None:
    body = {"ifa_family": 10, "ifa_prefixlen": 128, "ifa_scope": 254, "ifa_index": 1}
    attributes = {"IFA_ADDRESS": bytes(15) + b"\1", "IFA_LABEL": "lo", "IFA_FLAGS": 0x80,
                  "IFA_CACHEINFO": (0xFFFFFFFF, 0xFFFFFFFF, 22, 22)}  # fmt: skip
    data = build_object(RTM["RTM_NEWADDR"], body, attributes, flags=2, seq=7, pid=9, arch=arch)
    message = decode_netlink(data * 2, arch=arch)[1]
    assert message.name == "RTM_NEWADDR"
    assert (message.header.nlmsg_seq, message.header.nlmsg_pid, message.body.ifa_scope) == (7, 9, 254)
    assert {each.name: each.value for each in message.attributes} == attributes
    assert len(list(split_messages(data * 2, arch))) == 2


def test_nested_attributes() -> None:
    values = {"IFLA_LINKINFO": {"IFLA_INFO_KIND": "veth"}, "IFLA_PROP_LIST": {"IFLA_ALT_IFNAME": "other"},
              "IFLA_AF_SPEC": {"AF_INET6": {"IFLA_INET6_FLAGS": 0x80000000}}}  # fmt: skip
    message = decode_netlink(build_object(RTM["RTM_NEWLINK"], {"ifi_index": 2}, values))[0]
    assert message.attribute("IFLA_LINKINFO")[0].value == "veth"
    assert message.attribute("IFLA_AF_SPEC")[0].value[0].value == 0x80000000


def test_next_hops() -> None:
    hops = [({"rtnh_ifindex": 2, "rtnh_hops": 9}, {"RTA_GATEWAY": b"\xc0\0\2\1"}), ({"rtnh_ifindex": 3}, {})]
    message = decode_netlink(build_object(RTM["RTM_NEWROUTE"], {"rtm_family": 2}, {"RTA_MULTIPATH": hops}))[0]
    first, second = message.attribute("RTA_MULTIPATH")
    assert (first.values.rtnh_len, first.values.rtnh_hops, first.attributes[0].name) == (16, 9, "RTA_GATEWAY")
    assert (second.values.rtnh_len, second.values.rtnh_ifindex, second.attributes) == (8, 3, ())
    for length in (7, 9, 0):
        bad = struct.pack("=HBBi", length, 0, 0, 1)
        with pytest.raises(AbiError, match=r"rtnexthop\.rtnh_len at offset 0"):
            decode_netlink(build_message(RTM["RTM_NEWROUTE"], bytes(12) + build_attribute(9, bad)))


def test_extended_acknowledgement() -> None:
    request = build_message(18, bytes(16), flags=5, seq=3)
    told = tables.NLMSGERR.build({"NLMSGERR_ATTR_MSG": "Invalid header", "NLMSGERR_ATTR_OFFS": 16})
    error = struct.pack("=i", -22) + request + told
    message = decode_netlink(build_message(2, error, flags=0x200, seq=3))[0]
    assert (message.body.error, message.body.msg.nlmsg_type) == (-22, 18)
    assert message.attribute("NLMSGERR_ATTR_MSG") == "Invalid header"
    capped = struct.pack("=i", -22) + request[:16] + told
    assert decode_netlink(build_message(2, capped, flags=0x300))[0].attribute("NLMSGERR_ATTR_OFFS") == 16


def test_the_kernel_s_own_acknowledgement() -> None:
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as sock:
        sock.setsockopt(270, 11, 1)  # NETLINK_EXT_ACK
        sock.send(build_object(RTM["RTM_GETLINK"], {"ifi_index": 0x7FFFFFF0}, {}, flags=5, seq=3))
        message = decode_netlink(sock.recv(4096))[0]
    assert (message.name, message.body.error, message.body.msg.nlmsg_seq) == ("NLMSG_ERROR", -19, 3)


def test_zeros_after_a_message_end_the_stream_where_asked() -> None:
    data = build_object(RTM["RTM_GETADDR"], {}, {}) + bytes(128)
    assert len(decode_netlink(data, strict=False)) == 1
    with pytest.raises(AbiError, match=r"nlmsghdr\.nlmsg_len at offset 24: 0 bytes"):
        decode_netlink(data)


def test_a_short_request_is_an_rtgenmsg() -> None:
    message = decode_netlink(build_message(RTM["RTM_GETLINK"], b"\2", flags=0x301))[0]
    assert (message.layout.name, message.body.rtgen_family) == ("rtgenmsg", 2)


def test_attribute_lengths_that_cannot_be() -> None:
    for attribute in (b"\3\0\1\0", b"\x09\0\1\0xyz\0", b"\4\0\1"):
        with pytest.raises(AbiError, match="nlattr"):
            decode_netlink(build_message(RTM["RTM_NEWADDR"], bytes(8) + attribute))
    with pytest.raises(AbiError, match="IFA_FLAGS"):
        decode_netlink(build_message(RTM["RTM_NEWADDR"], bytes(8) + build_attribute(8, b"\1\2")))
    with pytest.raises(AbiError, match="IFA_FLAGS"):
        build_object(RTM["RTM_NEWADDR"], {}, {"IFA_FLAGS": "many"})
    with pytest.raises(AbiError, match="no body"):
        build_object(RTM["RTM_NEWNSID"], {}, {})


@pytest.mark.parametrize(
    ("data", "kind", "path"),
    [
        (b"\1\0", "unnamed", b""),
        (b"\1\0/tmp/x\0", "pathname", b"/tmp/x"),
        (b"\1\0/tmp/x", "pathname", b"/tmp/x"),
        (b"\1\0\0abc\0d", "abstract", b"\0abc\0d"),
        (b"\1\0" + b"p" * 108, "pathname", b"p" * 108),
    ],
)
def test_local_addresses(data: bytes, kind: str, path: bytes) -> None:
    address = decode_sockaddr(data)
    assert (address.kind, address.values.sun_path) == (kind, path)
    assert decode_sockaddr(encode_sockaddr(address)) == address


def test_minimum_lengths_are_linux_s() -> None:
    """bind(2) answers EINVAL exactly where the decoder finds the address too short or too long."""
    for family in (socket.AF_INET, socket.AF_INET6, socket.AF_NETLINK):
        kind = socket.SOCK_RAW if family == socket.AF_NETLINK else socket.SOCK_DGRAM
        for length in (*range(2, 31), 128, 129):
            data = struct.pack("=H", family) + bytes(length - 2)
            with socket.socket(family, kind) as sock:
                assert bound(sock, data) is decodes(data), (family, length)


def test_what_the_notes_say_of_addresses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full sun_path comes back with a NUL, autobind gives six bytes, link-local wants a scope."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        monkeypatch.chdir(tmp_path)
        assert bound(sock, b"\1\0" + b"p" * 108)
        assert len(own_name(sock)) == 111
        assert decode_sockaddr(own_name(sock)).values.sun_path == b"p" * 108
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        assert bound(sock, b"\1\0")
        assert len(decode_sockaddr(own_name(sock)).values.sun_path) == 6
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock:
        assert not bound(sock, struct.pack("=HHI", 10, 0, 0) + b"\xfe\x80" + bytes(13) + b"\1" + bytes(4))


def own_name(sock: socket.socket) -> bytes:
    import ctypes

    name, length = ctypes.create_string_buffer(128), ctypes.c_uint(128)
    assert ctypes.CDLL(None).getsockname(sock.fileno(), name, ctypes.byref(length)) == 0
    return name.raw[: length.value]


def bound(sock: socket.socket, data: bytes) -> bool:
    import ctypes

    return ctypes.CDLL(None).bind(sock.fileno(), data, len(data)) == 0


def decodes(data: bytes) -> bool:
    try:
        decode_sockaddr(data)
    except AbiError:
        return False
    return True


def test_protocols_are_told_apart() -> None:
    data = build_message(20, bytes(4))
    assert decode_netlink(data)[0].name == "RTM_NEWADDR"
    assert decode_netlink(data, NETLINK["NETLINK_SOCK_DIAG"])[0].name == "SOCK_DIAG_BY_FAMILY"
