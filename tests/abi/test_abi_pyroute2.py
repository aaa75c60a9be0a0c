"""Netlink messages agree with pyroute2 both ways, and on what the kernel's dumps say."""

from __future__ import annotations

import ipaddress
import os
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from pyroute2.netlink import ctrlmsg
from pyroute2.netlink.diag import MarshalDiag, inet_diag_req, unix_diag_req
from pyroute2.netlink.rtnl.ifaddrmsg import ifaddrmsg
from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg
from pyroute2.netlink.rtnl.marshal import MarshalRtnl
from pyroute2.netlink.rtnl.ndmsg import ndmsg
from pyroute2.netlink.rtnl.rtmsg import rtmsg

from ptrace_net.abi.constants.netlink import NETLINK, NLM_F_GET
from ptrace_net.abi.constants.rtnetlink import RTM
from ptrace_net.abi.netlink.attributes import Attribute
from ptrace_net.abi.netlink.diag import genlmsghdr, inet_diag_req_v2
from ptrace_net.abi.netlink.diag import unix_diag_req as unix_request
from ptrace_net.abi.netlink.messages import Message, build_message, build_object, decode_netlink

# Our field -> pyroute2's, where taking off the prefix (ifa_, rtm_, ndm_…) is not enough.
_THEIRS = {"rtm_protocol": "proto", "ifi_type": "ifi_type", "ndm_type": "ndm_type", "tcm_ifindex": "index"}

# (class of pyroute2, type, our body, attributes with the values that both take)
MESSAGES = [
    pytest.param(ifaddrmsg, "RTM_NEWADDR",
                 {"ifa_family": 2, "ifa_prefixlen": 24, "ifa_flags": 0x80, "ifa_scope": 0, "ifa_index": 3},
                 {"IFA_ADDRESS": "192.0.2.1", "IFA_LOCAL": "192.0.2.1", "IFA_BROADCAST": "192.0.2.255",
                  "IFA_LABEL": "eth0", "IFA_FLAGS": 0x280}, id="ifaddrmsg"),
    pytest.param(ifaddrmsg, "RTM_DELADDR",
                 {"ifa_family": 10, "ifa_prefixlen": 64, "ifa_flags": 0, "ifa_scope": 253, "ifa_index": 2},
                 {"IFA_ADDRESS": "fe80::1", "IFA_FLAGS": 0x80}, id="ifaddrmsg6"),
    pytest.param(ifinfmsg, "RTM_NEWLINK",
                 {"ifi_family": 0, "ifi_type": 1, "ifi_index": 2, "ifi_flags": 0x1043, "ifi_change": 0},
                 {"IFLA_IFNAME": "eth0", "IFLA_MTU": 1500, "IFLA_TXQLEN": 1000, "IFLA_LINKMODE": 0,
                  "IFLA_ADDRESS": "02:00:00:00:00:01", "IFLA_GROUP": 0}, id="ifinfomsg"),
    pytest.param(rtmsg, "RTM_NEWROUTE",
                 {"rtm_family": 2, "rtm_dst_len": 24, "rtm_src_len": 0, "rtm_tos": 0, "rtm_table": 254,
                  "rtm_protocol": 3, "rtm_scope": 0, "rtm_type": 1, "rtm_flags": 0},
                 {"RTA_TABLE": 254, "RTA_DST": "198.51.100.0", "RTA_GATEWAY": "192.0.2.2", "RTA_OIF": 3,
                  "RTA_PRIORITY": 100}, id="rtmsg"),
    pytest.param(rtmsg, "RTM_NEWROUTE",
                 {"rtm_family": 10, "rtm_dst_len": 64, "rtm_src_len": 0, "rtm_tos": 0, "rtm_table": 254,
                  "rtm_protocol": 2, "rtm_scope": 0, "rtm_type": 1, "rtm_flags": 0},
                 {"RTA_DST": "2001:db8::", "RTA_PREFSRC": "2001:db8::1", "RTA_PREF": 0}, id="rtmsg6"),
    pytest.param(ndmsg, "RTM_NEWNEIGH",
                 {"ndm_family": 2, "ndm_ifindex": 3, "ndm_state": 0x80, "ndm_flags": 0, "ndm_type": 1},
                 {"NDA_DST": "192.0.2.9", "NDA_LLADDR": "02:00:00:00:00:09"}, id="ndmsg"),
]  # fmt: skip
BUILD = pytest.mark.parametrize(("kind", "name", "body", "attributes"), MESSAGES)


def their_name(field: str) -> str:
    return _THEIRS.get(field, field.split("_", 1)[1])


def packed(value: Any) -> Any:
    """An address in text as the bytes that it is; everything else as it is."""
    if not isinstance(value, str):
        return value
    if value.count(":") == 5 and "::" not in value:
        return bytes.fromhex(value.replace(":", ""))
    try:
        return ipaddress.ip_address(value).packed
    except ValueError:
        return value


@BUILD
def test_theirs_decodes_here(kind: Any, name: str, body: dict[str, int], attributes: dict[str, Any]) -> None:
    message = kind()
    for field, value in body.items():
        message[their_name(field)] = value
    message["attrs"] = list(attributes.items())
    message["header"] |= {"type": RTM[name], "flags": 5, "sequence_number": 9, "pid": 77}
    message.encode()
    ours = decode_netlink(bytes(message.data))[0]
    assert ours.name == name
    assert tuple(ours.header)[1:] == (RTM[name], 5, 9, 77)
    assert ours.body._asdict() == body
    values = {key: packed(value) for key, value in attributes.items()}
    assert {each.name: each.value for each in ours.attributes} == values
    built = build_object(RTM[name], body, values, flags=5, seq=9, pid=77)
    assert built == bytes(message.data).ljust(len(built), b"\0")


@BUILD
def test_ours_decodes_there(kind: Any, name: str, body: dict[str, int], attributes: dict[str, Any]) -> None:
    values = {key: packed(value) for key, value in attributes.items()}
    data = build_object(RTM[name], body, values, flags=5, seq=9, pid=77)
    theirs = next(iter(MarshalRtnl().parse(data)))
    assert theirs["event"] == name
    assert (theirs["header"]["sequence_number"], theirs["header"]["pid"]) == (9, 77)
    assert {field: theirs[their_name(field)] for field in body} == body
    assert dict(theirs["attrs"]) == attributes


def dump(protocol: int, request: bytes) -> Iterator[bytes]:
    """The datagrams of the kernel's reply, to the one that ends it."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, protocol) as sock:
        sock.settimeout(5)
        sock.send(request)
        while True:
            data = sock.recv(1 << 18)
            yield data
            if decode_netlink(data, protocol)[-1].name in ("NLMSG_DONE", "NLMSG_ERROR"):
                return


@pytest.mark.parametrize("what", ["LINK", "ADDR", "ROUTE", "NEIGH", "QDISC"])
def test_dumps(what: str) -> None:
    request = build_object(RTM[f"RTM_GET{what}"], {}, {}, flags=NLM_F_GET["NLM_F_DUMP"] | 1, seq=5)
    compared = 0
    for data in dump(NETLINK["NETLINK_ROUTE"], request):
        ours = [each for each in decode_netlink(data) if each.layout is not None]
        theirs = [each for each in MarshalRtnl().parse(data) if each["header"]["type"] > 3]
        assert len(ours) == len(theirs)
        compared += sum(same(*pair) for pair in zip(ours, theirs, strict=True))
    assert compared or what == "NEIGH"


def same(ours: Message, theirs: Any) -> int:
    """Check a message's body and the attributes whose values are plain in both; how many those were."""
    assert ours.name == theirs["event"]
    for field, value in ours.body._asdict().items():
        assert theirs[their_name(field) if their_name(field) in theirs else field] == value
    named = list(theirs["attrs"])
    known = [each for each in ours.attributes if not each.name.isdigit()]
    known = [each for each in known if each.name in dict(named)]
    return sum(attribute_same(each, dict(named)[each.name]) for each in known)


def attribute_same(ours: Attribute, theirs: Any) -> bool:
    if isinstance(ours.value, int | str):
        assert theirs == ours.value or isinstance(theirs, str | bytes), (ours, theirs)
        return True
    if isinstance(ours.value, bytes) and isinstance(theirs, str) and len(ours.value) in (4, 6, 16):
        assert packed(theirs) == ours.value, (ours, theirs)
        return True
    return False


def test_inet_diag_request() -> None:
    theirs = inet_diag_req()
    theirs["header"] |= {"type": 20, "flags": 0x301, "sequence_number": 4, "pid": 0}
    theirs |= {"sdiag_family": 10, "sdiag_protocol": 6, "idiag_ext": 2, "idiag_states": 0xFFF}
    theirs |= {"idiag_sport": 80, "idiag_dst": (0, 0, 0, 1), "idiag_cookie": 0x200000001}
    theirs.encode()
    ours = decode_netlink(bytes(theirs.data), NETLINK["NETLINK_SOCK_DIAG"])[0]
    assert (ours.body.sdiag_family, ours.body.sdiag_protocol, ours.body.idiag_states) == (10, 6, 0xFFF)
    assert (ours.body.id.idiag_sport, ours.body.id.idiag_cookie) == (80, (1, 2))
    assert ours.body.id.idiag_dst == bytes(15) + b"\1"
    assert inet_diag_req_v2.build(ours.body) == bytes(theirs.data)[16:]


def test_unix_diag_request() -> None:
    theirs = unix_diag_req()
    theirs["header"] |= {"type": 20, "flags": 0x301, "sequence_number": 4, "pid": 0}
    theirs |= {"sdiag_family": 1, "udiag_states": 0xFFF, "udiag_show": 0x1F}
    theirs.encode()
    ours = decode_netlink(bytes(theirs.data), NETLINK["NETLINK_SOCK_DIAG"])[0]
    assert (ours.body.udiag_states, ours.body.udiag_show) == (0xFFF, 0x1F)
    assert unix_request.build(ours.body) == bytes(theirs.data)[16:]


def test_socket_dump() -> None:
    body = unix_request.build({"sdiag_family": 1, "udiag_states": 0xFFFFFFFF, "udiag_show": 0x1})
    protocol = NETLINK["NETLINK_SOCK_DIAG"]
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(b"\0ptrace-net test of a socket dump %d" % os.getpid())
        names = []
        for data in dump(protocol, build_message(20, body, flags=0x301, seq=8)):
            ours = [each for each in decode_netlink(data, protocol) if each.layout is not None]
            theirs = [each for each in MarshalDiag().parse(data) if each["header"]["type"] == 20]
            assert [each.body.udiag_ino for each in ours] == [each["udiag_ino"] for each in theirs]
            names += [each.attribute("UNIX_DIAG_NAME") for each in ours]
    assert b"\0ptrace-net test of a socket dump %d" % os.getpid() in names


def test_generic_families() -> None:
    """CTRL_CMD_GETFAMILY of the controller itself, decoded by both."""
    protocol = NETLINK["NETLINK_GENERIC"]
    request = genlmsghdr.build((3, 1, 0)) + b"\x0b\0\2\0nlctrl\0\0"
    data = next(dump(protocol, build_message(16, request, flags=5, seq=6)))
    ours = decode_netlink(data, protocol)[0]
    theirs = ctrlmsg(data)
    theirs.decode()
    plain = ("CTRL_ATTR_FAMILY_NAME", "CTRL_ATTR_FAMILY_ID", "CTRL_ATTR_VERSION", "CTRL_ATTR_MAXATTR")
    assert [ours.attribute(name) for name in plain] == [theirs.get_attr(name) for name in plain]
    assert ours.attribute("CTRL_ATTR_FAMILY_ID") == 16
    operations = [{each.name: each.value for each in one.value} for one in ours.attribute("CTRL_ATTR_OPS")]
    assert 3 in [each["CTRL_ATTR_OP_ID"] for each in operations]
    groups = ours.attribute("CTRL_ATTR_MCAST_GROUPS")
    groups = [{each.name: each.value for each in one.value} for one in groups]
    assert groups == [{"CTRL_ATTR_MCAST_GRP_NAME": "notify", "CTRL_ATTR_MCAST_GRP_ID": 16}]
