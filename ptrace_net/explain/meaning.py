"""What a value means: names for numbers, addresses as people write them, times and texts."""

from __future__ import annotations

import ipaddress
from typing import Any

from ptrace_net.abi.address import Address, decode_sockaddr
from ptrace_net.abi.arch import Arch
from ptrace_net.abi.constants.socket import AF
from ptrace_net.abi.constants.table import Constants
from ptrace_net.abi.errors import AbiError
from ptrace_net.abi.kinds import Bytes, CType, Integer
from ptrace_net.abi.layout import Field, Layout


def named(number: int, values: Constants | None, flags: bool = False) -> str:
    """The name of a number, or of its flags; empty where there is none."""
    if values is None:
        return ""
    if flags or values.enum_mask:
        return values.text(number)
    return values.name(number, "")


def value_text(kind: CType, value: Any) -> str:
    """The value itself: decimal, hexadecimal for addresses in memory, and hex for bytes."""
    if isinstance(value, bytes):
        return value.hex() if len(value) <= 16 else value[:15].hex() + "…"
    if isinstance(value, tuple):
        return " ".join(map(str, value))
    return hex(value) if isinstance(kind, Integer) and kind.name == "void *" else str(value)


def meaning(field: Field, value: Any, arch: Arch) -> str:
    """What the value of a field means, as far as its declaration says."""
    if isinstance(value, int):
        return named(value, field.values, field.flags) or number_meaning(field, value)
    return bytes_meaning(field.type, value, arch) if isinstance(value, bytes) else ""


def number_meaning(field: Field, value: int) -> str:
    if field.name.endswith("port"):
        return f"port {value}"
    if isinstance(field.type, Integer) and field.type.name == "void *":
        return "" if value else "NULL"
    if value in (0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF):
        return "all ones"
    return (
        hex(value)
        if value > 9 and field.name.endswith(("flags", "mask", "groups", "states", "flowinfo"))
        else ""
    )


def bytes_meaning(kind: CType, value: bytes, arch: Arch) -> str:
    """An address, a name or a nested sockaddr, by what its type says it shows."""
    shown = kind.shown if isinstance(kind, Bytes) else "raw"
    if shown == "text":
        return quoted(value.split(b"\0")[0] or value.rstrip(b"\0"))
    if shown == "ip4" or (shown == "ip" and not any(value[4:])):
        return str(ipaddress.IPv4Address(value[:4]))
    if shown in ("ip6", "ip"):
        return ip6(value)
    if shown == "mac":
        return ":".join(f"{octet:02x}" for octet in value)
    if shown == "address":
        return address_meaning(value)
    return sockaddr_meaning(value, arch) if shown == "sockaddr" else ""


def address_meaning(value: bytes) -> str:
    """A netlink address: its length says what it is."""
    if len(value) == 4:
        return str(ipaddress.IPv4Address(value))
    return ip6(value) if len(value) == 16 else ":".join(f"{octet:02x}" for octet in value)


def ip6(value: bytes) -> str:
    """An IPv6 address, mapped IPv4 ones in the form that inet_ntop(3) has."""
    address = ipaddress.IPv6Address(value)
    return f"::ffff:{address.ipv4_mapped}" if address.ipv4_mapped else str(address)


def quoted(data: bytes) -> str:
    """Bytes as a C string, ``"lo"``, with what is not printable escaped."""
    text = data.decode("latin-1").encode("unicode_escape").decode("ascii")
    return f'"{text}"' if data else ""


def sockaddr_meaning(data: bytes, arch: Arch) -> str:
    """A sockaddr in one line: ``[::1]:80``, ``127.0.0.1:80``, ``@name``…; its family where it has no form."""
    try:
        return address_text(decode_sockaddr(data, arch))
    except AbiError:
        return ""


def address_text(address: Address) -> str:
    values, layout = address.fields, address.layout.name
    if layout == "sockaddr_in":
        return f"{ipaddress.IPv4Address(values['sin_addr'])}:{values['sin_port']}"
    if layout == "sockaddr_in6":
        scope = f"%{values['sin6_scope_id']}" if values["sin6_scope_id"] else ""
        return f"[{ip6(values['sin6_addr'])}{scope}]:{values['sin6_port']}"
    if layout == "sockaddr_un":
        return f"{address.kind} {quoted(values['sun_path'])}".strip()
    return AF.name(address.family)


def struct_meaning(layout: Layout, value: Any, arch: Arch) -> str:
    """A struct in one line, ``pid=1 uid=0 gid=0``, with the meaning of each field where it has one."""
    parts = []
    for field in layout.members:
        if field.name in layout.names:
            one = getattr(value, field.name)
            if isinstance(field.type, Layout):
                shown = "{" + struct_meaning(field.type, one, arch) + "}"
            else:
                shown = meaning(field, one, arch) or value_text(field.type, one)
            parts.append(f"{field.name}={shown}")
    return " ".join(parts)
