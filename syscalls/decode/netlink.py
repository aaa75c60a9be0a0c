"""Netlink datagrams as values: header, body and attributes of every message; ``abi.netlink`` decodes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ptrace_net.abi.constants.if_addr import IFA_F
from ptrace_net.abi.constants.netlink import NLM_F_ACK_FLAGS, NLM_F_GET, NLM_F_NEW
from ptrace_net.abi.constants.rtnetlink import RT_TABLE
from ptrace_net.abi.errors import AbiError
from ptrace_net.abi.layout import Layout
from ptrace_net.abi.netlink.attributes import Attributes, Kind, address, binary, string
from ptrace_net.abi.netlink.messages import ROUTE_BODIES, Message, decode_netlink, table_of
from ptrace_net.abi.netlink.route import rtgenmsg
from ptrace_net.syscalls.decode import scalars
from ptrace_net.syscalls.decode.layouts import struct
from ptrace_net.syscalls.decode.sockaddr import host, interface
from ptrace_net.syscalls.decode.values import Array, Data, Name, Struct, Symbol, Value

if TYPE_CHECKING:
    from ptrace_net.abi.arch import Arch
    from ptrace_net.abi.netlink.attributes import Attribute

MOST = 1 << 16  # bytes read of one datagram
_PREFIXES = {0: "RTM_", 4: "SOCK_DIAG_", 16: "GENL_ID_"}
_INTERFACES = {"RTA_OIF", "RTA_IIF", "IFLA_LINK"}
_FLAGS = {"IFA_FLAGS": IFA_F}
_ENUMERATIONS = {"RTA_TABLE": RT_TABLE}


def datagram(data: bytes, protocol: int, arch: Arch) -> Value:
    """The messages of one datagram; the bytes where they are none."""
    try:
        messages = decode_netlink(data, protocol, arch, strict=False)
    except (AbiError, ValueError):
        return Data(data, len(data))
    items = tuple(_message(message, protocol, arch) for message in messages)
    if not items:
        return Data(data, len(data))
    return items[0] if len(items) == 1 else Array(items)


def _message(message: Message, protocol: int, arch: Arch) -> Value:
    parts: list[Value] = [_header(message, protocol)]
    if message.layout is rtgenmsg:
        parts.append(_family(message))
    elif message.layout is not None and message.body is not None:
        parts.append(struct(message.layout, message.body, arch))
    elif isinstance(message.body, int):
        parts.append(message.body)
    elif message.payload:
        parts.append(Data(message.payload, len(message.payload)))
    if message.attributes:
        parts.append(_attributes(message.attributes, table_of(message, protocol), arch))
    return Array(tuple(parts))


def _family(message: Message) -> Value:
    """The least that a dump request may be: the family, called as in the struct that it stands for."""
    layout = ROUTE_BODIES[message.header.nlmsg_type][0]
    return Struct(((layout.names[0], scalars.domain(message.body.rtgen_family)),), abbreviated=True)


def _header(message: Message, protocol: int) -> Value:
    head = message.header
    request = head.nlmsg_flags & 1
    table = (NLM_F_GET if "_GET" in message.name else NLM_F_NEW) if request else NLM_F_ACK_FLAGS
    return Struct((
        ("nlmsg_len", head.nlmsg_len),
        ("nlmsg_type", _type(message.name, head.nlmsg_type, _PREFIXES.get(protocol, "NLMSG_"))),
        ("nlmsg_flags", scalars.flags(table, head.nlmsg_flags)),
        ("nlmsg_seq", head.nlmsg_seq),
        ("nlmsg_pid", head.nlmsg_pid),
    ))  # fmt: skip


def _type(name: str, number: int, prefix: str) -> Value:
    return Symbol(f"{number:#x} /* {prefix}??? */" if name.isdigit() else name, number)


def _attributes(attributes: tuple[Attribute, ...], table: Attributes | None, arch: Arch) -> Value:
    return Array(tuple(_attribute(each, table, arch) for each in attributes))


def _attribute(attribute: Attribute, table: Attributes | None, arch: Arch) -> Value:
    kind = _type(attribute.name, attribute.number, table.names.prefix if table else "NLA_")
    head = Struct((("nla_len", len(attribute.payload) + 4), ("nla_type", kind)))
    return Array((head, _payload(attribute, table.kind(attribute.number) if table else binary, arch)))


def _payload(attribute: Attribute, kind: Kind, arch: Arch) -> Value:
    value, raw = attribute.value, attribute.payload
    if isinstance(value, int):
        return _number(attribute.name, value)
    if isinstance(kind, Attributes) and isinstance(value, tuple):
        return _attributes(value, kind, arch)
    if isinstance(kind, Layout) and hasattr(value, "_asdict"):
        return struct(kind, value, arch)
    if kind is address:
        return host(raw) if len(raw) in (4, 16) else Symbol(raw.hex(":"), int.from_bytes(raw, "big"))
    if kind is string:
        return Name(raw.rstrip(b"\0"))
    return Data(raw, len(raw))


def _number(name: str, value: int) -> Value:
    if name in _INTERFACES:
        return interface(value)
    if name in _FLAGS:
        return scalars.flags(_FLAGS[name], value)
    table = _ENUMERATIONS.get(name)
    return scalars.named(table, value, table.prefix) if table and table.name(value, "") else value
