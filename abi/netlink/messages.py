"""Streams of netlink messages: what a datagram on a netlink socket holds, as values; netlink(7).

``decode_netlink`` walks the messages and, by protocol and type, decodes the body and the attributes after it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from ptrace_net.abi.arch import X86_64, Arch
from ptrace_net.abi.constants.genetlink import GENL_ID
from ptrace_net.abi.constants.netlink import NETLINK, NLM_F_ACK_FLAGS, NLMSG
from ptrace_net.abi.constants.rtnetlink import RTM
from ptrace_net.abi.constants.sock_diag import SOCK_DIAG
from ptrace_net.abi.constants.socket import AF
from ptrace_net.abi.errors import AbiError
from ptrace_net.abi.layout import Layout
from ptrace_net.abi.netlink import tables
from ptrace_net.abi.netlink.attributes import Attribute, Attributes
from ptrace_net.abi.netlink.diag import (
    genlmsghdr,
    inet_diag_msg,
    inet_diag_req_v2,
    sock_diag_req,
    unix_diag_msg,
    unix_diag_req,
)
from ptrace_net.abi.netlink.header import nlmsgerr, nlmsghdr
from ptrace_net.abi.netlink.route import fib_rule_hdr, ifaddrmsg, ifinfomsg, ndmsg, rtgenmsg, rtmsg, tcmsg

Body = tuple[Layout, Attributes]

_LINK, _ADDRESS, _ROUTE = (ifinfomsg, tables.LINK), (ifaddrmsg, tables.ADDRESS), (rtmsg, tables.ROUTE)
_NEIGHBOUR, _TRAFFIC = (ndmsg, tables.NEIGHBOUR), (tcmsg, tables.TRAFFIC)

_ROUTE_OBJECTS: Mapping[str, Body] = {
    "LINK": _LINK, "ADDR": _ADDRESS, "ROUTE": _ROUTE, "NEIGH": _NEIGHBOUR, "QDISC": _TRAFFIC,
    "TCLASS": _TRAFFIC, "TFILTER": _TRAFFIC,
    "RULE": (fib_rule_hdr, tables.RULE),
}  # fmt: skip
ROUTE_BODIES: Mapping[int, Body] = {
    RTM[f"RTM_{verb}{what}"]: body
    for what, body in _ROUTE_OBJECTS.items()
    for verb in ("NEW", "DEL", "GET", "SET")
    if f"RTM_{verb}{what}" in RTM
}
_DIAG_BODIES: Mapping[tuple[int, bool], Body] = {
    (AF["AF_INET"], True): (inet_diag_req_v2, tables.RAW),
    (AF["AF_INET6"], True): (inet_diag_req_v2, tables.RAW),
    (AF["AF_UNIX"], True): (unix_diag_req, tables.RAW),
    (AF["AF_INET"], False): (inet_diag_msg, tables.INET_DIAG),
    (AF["AF_INET6"], False): (inet_diag_msg, tables.INET_DIAG),
    (AF["AF_UNIX"], False): (unix_diag_msg, tables.UNIX_DIAG),
}


class Message(NamedTuple):
    """One netlink message. ``body`` and ``layout`` are None where the type is unknown or has no body.

    ``payload`` is everything after the header; of an NLMSG_ERROR, ``attributes`` are the extended
    acknowledgement, and of NLMSG_DONE ``body`` is the number that ended the dump.
    """

    header: Any
    name: str
    layout: Layout | None
    body: Any
    attributes: tuple[Attribute, ...]
    payload: bytes

    def attribute(self, name: str) -> Any:
        """The value of the first attribute called ``name``, or None."""
        return next((each.value for each in self.attributes if each.name == name), None)


def decode_netlink(
    data: bytes, protocol: int = 0, arch: Arch = X86_64, *, strict: bool = True
) -> tuple[Message, ...]:
    """The messages in ``data``, read as ``protocol`` (NETLINK_*; NETLINK_ROUTE unless told otherwise).

    Without ``strict`` the first length that cannot be ends the stream, as it does for the kernel: iproute2
    sends zeros after its requests.

    Raises:
        AbiError: a message or attribute whose length cannot be; the offset is that in its own layout.
    """
    return tuple(_message(each, protocol, arch) for each in split_messages(data, arch, strict=strict))


def split_messages(data: bytes, arch: Arch = X86_64, *, strict: bool = True) -> Iterator[bytes]:
    """The bytes of each message in a stream, its header included; see ``decode_netlink``."""
    head, offset = nlmsghdr.fast(arch), 0
    while offset + (0 if strict else head.size - 1) < len(data):
        length = head.unpack(data, offset)[0]
        if length < head.size or offset + length > len(data):
            if not strict:
                return
            left = len(data) - offset
            problem = f"{length} bytes, where {left} are left and {head.size} are the least"
            raise AbiError("nlmsghdr", "nlmsg_len", offset, problem)
        yield bytes(data[offset : offset + length])
        offset += (length + 3) & -4


def table_of(message: Message, protocol: int) -> Attributes | None:
    """The table that the attributes of a decoded message were read with."""
    if message.header.nlmsg_type in (NLMSG["NLMSG_ERROR"], NLMSG["NLMSG_DONE"]):
        return tables.NLMSGERR
    known = _body(message.header, message.payload, protocol) if message.payload else None
    return known[1] if known else None


def attributes_of(message: Message) -> int:
    """Where in the payload of a decoded message its attributes begin."""
    whole = sum((4 + len(each.payload) + 3) & -4 for each in message.attributes)
    return max(0, ((len(message.payload) + 3) & -4) - whole)


def message_name(number: int, protocol: int) -> str:
    """The name of a message type in a protocol: RTM_NEWADDR, NLMSG_DONE…; the number where it has none."""
    if number < NLMSG["NLMSG_MIN_TYPE"]:
        return NLMSG.name(number)
    by_protocol = {NETLINK["NETLINK_ROUTE"]: RTM, NETLINK["NETLINK_SOCK_DIAG"]: SOCK_DIAG}
    return by_protocol.get(protocol, GENL_ID).name(number)


def _message(data: bytes, protocol: int, arch: Arch) -> Message:
    header = nlmsghdr.read(data, arch)
    payload = data[nlmsghdr.size(arch) :]
    name = message_name(header.nlmsg_type, protocol)
    if header.nlmsg_type == NLMSG["NLMSG_ERROR"]:
        return _error(header, name, payload, arch)
    if header.nlmsg_type == NLMSG["NLMSG_DONE"]:
        return _done(header, name, payload, arch)
    known = _body(header, payload, protocol) if payload else None
    if known is None:
        return Message(header, name, None, None, (), payload)
    layout, attributes = known
    if len(payload) < layout.size(arch) and protocol == NETLINK["NETLINK_ROUTE"]:
        return Message(header, name, rtgenmsg, rtgenmsg.read(payload, arch), (), payload)
    body = layout.read(payload, arch)
    rest = payload[(layout.size(arch) + 3) & -4 :]
    return Message(header, name, layout, body, attributes.decode(rest, arch), payload)


def _body(header: Any, payload: bytes, protocol: int) -> Body | None:
    """The layout after the header and the table of the attributes after that."""
    if protocol == NETLINK["NETLINK_ROUTE"]:
        return ROUTE_BODIES.get(header.nlmsg_type)
    if protocol == NETLINK["NETLINK_SOCK_DIAG"] and header.nlmsg_type == SOCK_DIAG["SOCK_DIAG_BY_FAMILY"]:
        request = bool(header.nlmsg_flags & NLM_F_ACK_FLAGS["NLM_F_REQUEST"])
        return _DIAG_BODIES.get((payload[0], request), (sock_diag_req, tables.RAW))
    if protocol == NETLINK["NETLINK_GENERIC"] and header.nlmsg_type >= NLMSG["NLMSG_MIN_TYPE"]:
        return genlmsghdr, tables.CONTROLLER if header.nlmsg_type == GENL_ID["GENL_ID_CTRL"] else tables.RAW
    return None


def _error(header: Any, name: str, payload: bytes, arch: Arch) -> Message:
    """An acknowledgement: the request is inside, unless it was capped, and attributes may follow it."""
    body = nlmsgerr.read(payload, arch)
    start = nlmsgerr.size(arch)
    if not header.nlmsg_flags & NLM_F_ACK_FLAGS["NLM_F_CAPPED"]:
        start += max(0, (body.msg.nlmsg_len + 3 & -4) - nlmsghdr.size(arch))
    told = header.nlmsg_flags & NLM_F_ACK_FLAGS["NLM_F_ACK_TLVS"]
    attributes = tables.NLMSGERR.decode(payload[start:], arch) if told else ()
    return Message(header, name, nlmsgerr, body, attributes, payload)


def _done(header: Any, name: str, payload: bytes, arch: Arch) -> Message:
    told = header.nlmsg_flags & NLM_F_ACK_FLAGS["NLM_F_ACK_TLVS"]
    status = int.from_bytes(payload[:4], arch.byteorder, signed=True) if len(payload) >= 4 else None
    attributes = tables.NLMSGERR.decode(payload[4:], arch) if told else ()
    return Message(header, name, None, status, attributes, payload)


def build_message(number: int, payload: bytes, *, flags: int = 0, seq: int = 0, pid: int = 0,
                  arch: Arch = X86_64) -> bytes:  # fmt: skip
    """One message with its header and the padding after it."""
    head = nlmsghdr.fast(arch)
    length = head.size + len(payload)
    return head.pack(length, number, flags, seq, pid) + payload + bytes(-length & 3)


def build_object(number: int, body: Any, attributes: Mapping[str, Any], *, flags: int = 0, seq: int = 0,
                 pid: int = 0, arch: Arch = X86_64) -> bytes:  # fmt: skip
    """An rtnetlink message from the values of its body (a mapping or tuple) and attributes by name.

    Raises:
        AbiError: a value that does not fit, or a type without a body.
    """
    if number not in ROUTE_BODIES:
        raise AbiError("nlmsghdr", "nlmsg_type", 4, f"{RTM.name(number)} has no body here")
    layout, table = ROUTE_BODIES[number]
    payload = layout.build(body, arch) + table.build(attributes, arch)
    return build_message(number, payload, flags=flags, seq=seq, pid=pid, arch=arch)
