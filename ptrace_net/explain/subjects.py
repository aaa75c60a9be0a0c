"""The pages of calls, options, errors, constants and kinds of netlink messages."""

from __future__ import annotations

from collections.abc import Iterator

from ptrace_net.abi import catalog
from ptrace_net.abi.arch import ARCHES, SOCKETCALL, Arch
from ptrace_net.abi.cmsg import CMSG
from ptrace_net.abi.constants.errno import ERRNO
from ptrace_net.abi.constants.table import Constants
from ptrace_net.abi.ioctl import IOCTLS
from ptrace_net.abi.kinds import Array
from ptrace_net.abi.layout import Layout
from ptrace_net.abi.netlink.attributes import Attributes, Kind
from ptrace_net.abi.netlink.messages import ROUTE_BODIES
from ptrace_net.abi.sockopt import SCOPES, Option
from ptrace_net.explain.calls import CALLS, Call
from ptrace_net.explain.layouts import byte_map, compared, fields_table, values_table
from ptrace_net.explain.meaning import named, quoted
from ptrace_net.explain.page import Block, Page, Table, facts

# The C type of an argument by the name of its kind in the table of calls, and the layout behind a pointer.
_TYPES = {
    "fd": "int", "domain": "int", "type": "int", "protocol": "int", "level": "int", "option": "int",
    "how": "int",
    "int": "int", "length": "socklen_t", "msg flags": "unsigned int", "accept flags": "int",
    "request": "unsigned int", "count": "unsigned int", "size": "size_t", "sockaddr": "struct sockaddr *",
    "length pointer": "socklen_t *", "buffer": "void *", "option value": "void *",
    "msghdr": "struct msghdr *",
    "mmsghdr": "struct mmsghdr *", "timespec": "struct timespec *", "fd pair": "int [2]", "ioctl": "void *",
    "pollfd": "struct pollfd *", "epoll_event": "struct epoll_event *", "fd_set": "fd_set *",
    "sigset": "sigset_t *", "timeval": "struct timeval *",
}  # fmt: skip
_LAYOUTS = {
    "sockaddr": "sockaddr_in sockaddr_in6 sockaddr_un sockaddr_nl sockaddr_ll",
    "msghdr": "msghdr iovec cmsghdr",
    "mmsghdr": "mmsghdr msghdr", "timespec": "timespec", "pollfd": "pollfd", "epoll_event": "epoll_event",
    "fd_set": "fd_set", "timeval": "timeval",
}  # fmt: skip
_DIRECTIONS = {"in": "in", "out": "out", "inout": "in, out", "": ""}


def call_page(call: Call, arches: tuple[Arch, ...]) -> Page:
    """Arguments, directions, layouts, flags and errors of a call, and its number on each architecture."""
    docs = {"sockfd": "the socket", "flags": "flags", **dict(call.docs)}
    rows = tuple(
        (
            each.name,
            _TYPES[each.kind.name],
            _DIRECTIONS[each.direction],
            _behind(each.kind.name),
            docs[each.name],
        )
        for each in call.arguments
    )
    blocks: list[Block] = [facts(("returns", call.result), ("note", call.notes), *numbers(call.name, arches))]
    blocks.append(Table("arguments", ("argument", "type", "direction", "layouts", "meaning"), rows))
    if call.flag_docs:
        blocks.append(Table("flags", ("flag", "value", "meaning"), tuple(_flags(call))))
    blocks.append(Table("errors", ("errno", "when"), call.errors))
    return Page(f"{call.name}(2)", call.summary, tuple(blocks))


def _behind(kind: str) -> str:
    names = _LAYOUTS.get(kind, "").split()
    return " ".join(names[:2]) + (" …" if len(names) > 2 else "")


def _flags(call: Call) -> Iterator[tuple[str, str, str]]:
    for name, doc in call.flag_docs:
        table = next(table for table in call.flags if name in table)
        yield name, hex(table[name]), doc


def numbers(name: str, arches: tuple[Arch, ...]) -> Iterator[tuple[str, str]]:
    """How each architecture calls it: a number of its own, or one of socketcall's."""
    multiplexed = {call: number for number, (call, _) in SOCKETCALL.items()}
    texts = []
    for arch in arches:
        ways = [str(arch.syscalls[name])] if name in arch.syscalls else []
        if arch.socketcall and name in multiplexed:
            ways.append(f"socketcall({arch.socketcall}) {multiplexed[name]}")
        texts.append(f"{arch} {' or '.join(ways) or 'none'}")
    yield "number", ", ".join(texts)


def option_page(option: Option, arches: tuple[Arch, ...]) -> Page:
    """Level, number, value, default and scope of an option; its value on several architectures."""
    arch = arches[0]
    access = {
        "rw": "getsockopt and setsockopt",
        "r": "getsockopt only",
        "w": "setsockopt only",
        "": "neither",
    }
    kind = option.kind.c if isinstance(option.kind, Layout) else option.kind.name
    size = option.size(arch)
    rows = facts(
        ("level", f"{option.level_name} = {option.level}"),
        ("number", str(option.number)),
        ("also", ", ".join(option.aliases)),
        ("value", f"{kind}, {size} bytes" if size else f"{kind}, any length"),
        ("access", access[option.access]),
        ("default", option.default if option.default not in ("", "-") else ""),
        ("scope", SCOPES[option.scope]),
        ("message", _message_of(option)),
    )
    blocks: list[Block] = [rows]
    if isinstance(option.kind, Layout) and len(arches) > 1:
        blocks += compared(option.kind, arches).blocks[1:]
    elif isinstance(option.kind, Layout):
        blocks += [byte_map(option.kind, arch, title=option.kind.c), fields_table(option.kind, arch)]
    if option.values is not None:
        blocks.append(constants_table(option.values, "values"))
    return Page(option.name, option.doc, tuple(blocks))


def option_value_page(option: Option, data: bytes, arch: Arch) -> Page:
    """The value of an option in ``data``. Raises AbiError where it is none."""
    decoded, kind = option.decode(data, arch), option.form(len(data), arch)
    title = f"{option.name}, {len(data)} bytes on {arch}"
    if isinstance(kind, Layout) and len(data) == kind.size(arch):
        blocks = (byte_map(kind, arch, decoded), values_table(kind, data, arch, decoded))
        return Page(title, option.doc, blocks)
    if isinstance(kind, Layout):  # one that grows: only what is there
        rows = tuple((name, str(value)) for name, value in decoded._asdict().items() if value is not None)
        return Page(title, option.doc, (Table("", ("field", "value"), rows),))
    said = named(decoded, option.values, option.flags) if isinstance(decoded, int) else ""
    text = quoted(decoded) if isinstance(decoded, bytes) else str(decoded)
    return Page(
        title, option.doc, (facts(("bytes", data.hex(" ") or "none"), ("value", text), ("meaning", said)),)
    )


def _message_of(option: Option) -> str:
    found = CMSG.get((option.level, option.number))
    return f"also a control message: {found.doc}" if found else ""


def errno_page(name: str) -> Page:
    """The number and text of an error, and the calls that give it, each with when."""
    rows = tuple(
        (f"{call.name}(2)", when) for call in CALLS.values() for errno, when in call.errors if errno == name
    )
    number = ERRNO[name]
    also = ", ".join(other for other in ERRNO.names(number) if other != name)
    text = ERRNO.docs.get(ERRNO.name(number), "")
    blocks: list[Block] = [facts(("number", str(number)), ("text", text), ("also", also))]
    if rows:
        blocks.append(Table("given by", ("call", "when"), rows))
    return Page(name, text, tuple(blocks))


def constant_page(name: str) -> Page:
    """The value of a constant, what it means where that is known, and its neighbours of the same header."""
    table = next(table for table in catalog.tables() if name in table)
    rows = facts(
        (" ".join(f"<{header}>" for header in table.headers), _value(table, name)),
        ("meaning", table.docs.get(name, "")),
        ("since", _since(table.since.get(name, ""))),
        *flag_docs(name),
    )
    return Page(name, "", (rows, constants_table(table, f"{table.prefix}* of the same header")))


def _since(version: str) -> str:
    return version if version.startswith("glibc") or not version else f"Linux {version}"


def flag_docs(name: str) -> Iterator[tuple[str, str]]:
    """What a flag means to the calls that take it, calls of one mind together."""
    found: dict[str, list[str]] = {}
    for call in CALLS.values():
        for flag, doc in call.flag_docs:
            if flag == name:
                found.setdefault(doc, []).append(call.name)
    yield from ((", ".join(calls), doc) for doc, calls in found.items())


def ioctl_page(name: str, number: int, arch: Arch) -> Page:
    """What an ioctl asks, and the layout of its argument."""
    found = IOCTLS[number]
    kind = found.argument
    called = "none" if kind is None else kind.c if isinstance(kind, Layout) else kind.name
    rows = facts(
        ("number", f"{number:#x}"),
        ("argument", called),
        ("direction", _DIRECTIONS[found.direction]),
        ("also", found.name if found.name != name else ""),
    )
    blocks: list[Block] = [rows]
    if isinstance(kind, Layout):
        blocks += [byte_map(kind, arch, title=f"{kind.c} ({kind.name})"), fields_table(kind, arch)]
    return Page(name, found.doc, tuple(blocks))


def _value(table: Constants, name: str) -> str:
    return f"{table[name]} ({table[name]:#x})"


def constants_table(table: Constants, title: str) -> Table:
    rows = tuple((name, str(value), hex(value)) for name, value in table.items())
    return Table(title, ("name", "value", "hex"), rows)


def message_page(name: str, number: int, arch: Arch) -> Page:
    """The body of a kind of rtnetlink message and the attributes that may follow it."""
    layout, attributes = ROUTE_BODIES[number]
    summary = f"Message type {number} of NETLINK_ROUTE: nlmsghdr, {layout.name}, then attributes."
    blocks = (
        byte_map(layout, arch, title=layout.c),
        fields_table(layout, arch),
        attributes_table(attributes, arch),
    )
    return Page(name, summary, blocks)


def attributes_table(attributes: Attributes, arch: Arch) -> Table:
    rows = tuple((str(n), name, _kind(attributes.kind(n), arch)) for name, n in attributes.names.items())
    return Table("attributes", ("number", "name", "payload"), rows)


def _kind(kind: Kind, arch: Arch) -> str:
    if isinstance(kind, Attributes):
        return f"nested {kind.names.prefix}*"
    if isinstance(kind, Layout):
        return f"{kind.c}, {kind.size(arch)} bytes"
    return f"array of {kind.item.name}" if isinstance(kind, Array) else kind.name


def arch_page(arch: Arch) -> Page:
    """The sizes, byte order and registers of an architecture."""
    rows = facts(
        ("word", f"{arch.word} bytes: long, size_t, pointers"),
        ("order", "little-endian" if arch.endian == "<" else "big-endian"),
        ("64-bit", f"aligned to {arch.align64} bytes in a struct"),
        ("audit", f"AUDIT_ARCH {arch.audit:#x}"),
        ("call", f"number in {arch.number}, arguments in {', '.join(arch.args)}, result in {arch.result}"),
        (
            "socketcall",
            f"number {arch.socketcall}: the socket calls may come through it" if arch.socketcall else "",
        ),
        ("calls", f"{len(arch.syscalls)}"),
    )
    return Page(
        arch.name, "An architecture; the others: " + ", ".join(n for n in ARCHES if n != arch.name), (rows,)
    )
