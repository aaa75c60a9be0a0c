"""Pages of bytes that are no single struct: addresses by family, control messages, netlink messages, and a
msghdr with what it points to.
"""

from __future__ import annotations

from collections.abc import Iterator

from ptrace_net.abi.address import decode_sockaddr
from ptrace_net.abi.arch import Arch
from ptrace_net.abi.cmsg import CMSG, ControlMessage, ExtendedError, decode_control
from ptrace_net.abi.constants.socket import AF, SOL
from ptrace_net.abi.errors import AbiError
from ptrace_net.abi.kinds import Array, Integer
from ptrace_net.abi.layout import Layout
from ptrace_net.abi.msghdr import cmsg_align, cmsghdr, msghdr
from ptrace_net.abi.netlink.attributes import Attribute, Attributes, Record, Records
from ptrace_net.abi.netlink.header import nlmsghdr
from ptrace_net.abi.netlink.messages import Message, attributes_of, decode_netlink, table_of
from ptrace_net.abi.netlink.tables import VALUES
from ptrace_net.explain.layouts import byte_map, values_table
from ptrace_net.explain.meaning import address_meaning, address_text, named, quoted, struct_meaning
from ptrace_net.explain.page import Block, Page, Table, facts


def sockaddr_page(data: bytes, arch: Arch) -> Page:
    """An address of any family and any length that Linux takes. Raises AbiError for others."""
    address = decode_sockaddr(data, arch)
    layout = address.layout
    what = address_text(address)
    summary = f"{AF.name(address.family)}: {what}" if what != AF.name(address.family) else what
    whole = data[: layout.size(arch)].ljust(layout.size(arch), b"\0")
    values = layout.parse(whole, arch)
    notes = facts(("length", f"{len(data)} of {layout.size(arch)} bytes: {layout.lengths}"))
    blocks: list[Block] = [notes, byte_map(layout, arch, values), values_table(layout, whole, arch, values)]
    return Page(f"{layout.c}, {len(data)} bytes on {arch}", summary, tuple(blocks))


def control_page(data: bytes, arch: Arch) -> Page:
    """A control buffer: its messages, each with its head and payload. Raises AbiError."""
    messages = decode_control(data, arch)
    title = f"control messages, {len(data)} bytes on {arch}"
    return Page(
        title, f"{len(messages)} message{'s' * (len(messages) != 1)}", tuple(_controls(data, messages, arch))
    )


def _controls(data: bytes, messages: tuple[ControlMessage, ...], arch: Arch) -> Iterator[Block]:
    at, head = 0, cmsghdr.size(arch)
    for index, message in enumerate(messages):
        length = head + len(message.payload)
        title = f"cmsghdr {index} at {at}: {SOL.name(message.level)}, {message.name}"
        yield _told(values_table(cmsghdr, data[at : at + head], arch, at=at), title, cmsg_type=message.name)
        yield Table("", ("offset", "payload", "value", "meaning"), (_payload(message, at + head, arch),))
        at += cmsg_align(length, arch)


def _told(table: Table, title: str, **meanings: str) -> Table:
    """A table of values under a title, with what only its surroundings tell of some fields."""
    rows = tuple((*row[:4], meanings.get(row[1], row[4])) for row in table.rows)
    return table._replace(title=title, rows=rows)


def _payload(message: ControlMessage, at: int, arch: Arch) -> tuple[str, str, str, str]:
    known = CMSG.get((message.level, message.type))
    shown = message.payload.hex(" ") if len(message.payload) <= 20 else message.payload[:18].hex(" ") + " …"
    return str(at), shown, control_value(message, arch), known.doc if known else "unknown to this table"


def control_value(message: ControlMessage, arch: Arch) -> str:
    """The value of a control message in one line."""
    known, value = CMSG.get((message.level, message.type)), message.value
    if isinstance(value, ExtendedError):
        by = f" offender={address_text(value.offender)}" if value.offender else ""
        return struct_meaning(_layout(known), value.error, arch) + by
    if known and isinstance(known.kind, Layout):
        return struct_meaning(known.kind, value, arch)
    if known and isinstance(known.kind, Array | Integer):
        return " ".join(map(str, value)) if isinstance(value, tuple) else str(value)
    return quoted(value) if known and known.kind.name == "char[]" else ""


def _layout(known: object) -> Layout:
    kind = getattr(known, "kind", None)
    assert isinstance(kind, Layout)
    return kind


def msghdr_page(data: bytes, arch: Arch, control: bytes | None, name: bytes | None) -> Page:
    """A msghdr and, where they are given, the bytes that its pointers lead to. Raises AbiError."""
    values = msghdr.parse(data, arch)
    blocks: list[Block] = [byte_map(msghdr, arch, values), values_table(msghdr, data, arch, values)]
    if name is not None:
        blocks.append(facts(("msg_name", address_text(decode_sockaddr(name, arch)))))
        blocks += sockaddr_page(name, arch).blocks[-1:]
    if control is not None:
        if values.msg_controllen != len(control):
            problem = (
                f"msg_controllen says {values.msg_controllen}, but {len(control)} bytes of control were given"
            )
            raise AbiError("msghdr", "msg_controllen", msghdr.fields(arch)[5].offset, problem)
        blocks += _controls(control, decode_control(control, arch), arch)
    return Page(f"struct msghdr, {len(data)} bytes on {arch}", msghdr.doc, tuple(blocks))


def netlink_page(data: bytes, protocol: int, arch: Arch, *, strict: bool = False) -> Page:
    """A stream of netlink messages, to its last byte if ``strict``. Raises AbiError."""
    messages = decode_netlink(data, protocol, arch, strict=strict)
    blocks: list[Block] = []
    at = 0
    for message in messages:
        blocks += _message(data[at:], message, protocol, at, arch)
        at += (message.header.nlmsg_len + 3) & -4
    if not messages:
        raise nlmsghdr.error(min(len(data), nlmsghdr.size(arch) - 1), arch)
    if at < len(data):
        blocks.append(facts(("then", f"{len(data) - at} bytes that are no message: the kernel ignores them")))
    names = ", ".join(message.name for message in messages)
    return Page(f"netlink, {len(data)} bytes on {arch}", names, tuple(blocks))


def _message(data: bytes, message: Message, protocol: int, at: int, arch: Arch) -> Iterator[Block]:
    head = nlmsghdr.size(arch)
    table = values_table(nlmsghdr, data[:head], arch, message.header, at)
    yield _told(table, f"nlmsghdr at {at}: {message.name}", nlmsg_type=message.name)
    if message.layout is not None:
        body = data[head : head + message.layout.size(arch)]
        title = f"{message.layout.name} at {at + head}"
        yield values_table(message.layout, body, arch, message.body, at + head)._replace(title=title)
    elif message.body is not None:
        yield facts(("status", str(message.body)))
    if message.attributes:
        start, kinds = at + head + attributes_of(message), table_of(message, protocol)
        rows = tuple(_attributes(message.attributes, kinds, start, 0, arch))
        yield Table(f"attributes at {start}", ("offset", "attribute", "length", "value"), rows)


def _attributes(
    attributes: tuple[Attribute, ...], table: Attributes | None, at: int, depth: int, arch: Arch
) -> Iterator[tuple[str, str, str, str]]:
    for each in attributes:
        kind = table.kind(each.number) if table else None
        name = "  " * depth + each.name
        deep = isinstance(kind, Attributes | Records)
        yield str(at), name, str(4 + len(each.payload)), "" if deep else attribute_value(each, kind, arch)
        if isinstance(kind, Attributes):
            yield from _attributes(each.value, kind, at + 4, depth + 1, arch)
        elif isinstance(kind, Records):
            yield from _records(each.value, kind, at + 4, depth + 1, arch)
        at += (4 + len(each.payload) + 3) & -4


def _records(
    records: tuple[Record, ...], kind: Records, at: int, depth: int, arch: Arch
) -> Iterator[tuple[str, str, str, str]]:
    for values, attributes in records:
        shown = struct_meaning(kind.layout, values, arch)
        yield str(at), "  " * depth + kind.layout.name, str(values[0]), shown
        yield from _attributes(attributes, kind.attributes, at + kind.layout.size(arch), depth + 1, arch)
        at += (values[0] + 3) & -4


def attribute_value(each: Attribute, kind: object, arch: Arch) -> str:
    """The value of an attribute in one line."""
    if isinstance(kind, Layout):
        return struct_meaning(kind, each.value, arch)
    if isinstance(each.value, bytes):
        shown = getattr(kind, "shown", "raw")
        return address_meaning(each.value) if shown == "address" else each.value.hex(" ")
    if isinstance(each.value, tuple):
        return " ".join(map(str, each.value))
    if isinstance(each.value, str):
        return f'"{each.value}"'
    called = named(each.value, *VALUES[each.name]) if each.name in VALUES else ""
    return f"{each.value} ({called})" if called else str(each.value)
