"""Any struct of ``abi`` as a value: what the fields of its layout say decides how they are shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ptrace_net.abi.kinds import Bytes
from ptrace_net.abi.layout import Layout
from ptrace_net.syscalls.decode import scalars
from ptrace_net.syscalls.decode.sockaddr import byte_array, host, interface, sockaddr
from ptrace_net.syscalls.decode.values import Applied, Array, Data, Name, Pointer, Struct, Value

if TYPE_CHECKING:
    from ptrace_net.abi.arch import Arch
    from ptrace_net.abi.layout import Field

_INTERFACES = {"ifi_index", "ifa_index", "ndm_ifindex", "tcm_ifindex", "ipi_ifindex", "ipi6_ifindex",
               "imr_ifindex", "ipv6mr_ifindex", "gr_interface", "gsr_interface", "mr_ifindex"}  # fmt: skip


def struct(layout: Layout, values: Any, arch: Arch) -> Struct:
    """``values`` as ``layout.parse`` returned them."""
    return partial_struct(layout, values._asdict(), arch)


def partial_struct(layout: Layout, values: Mapping[str, Any], arch: Arch) -> Struct:
    """Those fields of a struct that are there (``layout.parse_prefix``)."""
    fields = {field.name: field for field in layout.members}
    return Struct(tuple((name, value_of(fields[name], value, arch)) for name, value in values.items()))


def value_of(field: Field, value: Any, arch: Arch) -> Value:
    """One field by its names, its type and what it is known to hold."""
    if isinstance(value, int):
        return _number(field, value)
    if isinstance(value, bytes):
        return _bytes(field.type, value, arch)
    if hasattr(value, "_asdict") and isinstance(field.type, Layout):
        return struct(field.type, value, arch)
    if isinstance(value, tuple):
        return Array(tuple(each if isinstance(each, int) else _nested(each) for each in value))
    return Name(str(value).encode())


def _number(field: Field, value: int) -> Value:
    if field.name in _INTERFACES:
        return interface(value) if value else 0
    if field.values is not None and field.flags:
        return scalars.flags(field.values, value)
    if field.values is not None:
        return scalars.named(field.values, value, field.values.prefix)
    if field.type.name.startswith("void"):
        return Pointer(value)
    if field.type.name.startswith("__be"):
        return Applied("htons" if field.type.name == "__be16" else "htonl", value, value)
    return value


def _bytes(kind: Any, value: bytes, arch: Arch) -> Value:
    shown = kind.shown if isinstance(kind, Bytes) else "raw"
    if shown in ("ip4", "ip6") and len(value) in (4, 16):
        return host(value)
    if shown == "text":
        return Name(value.split(b"\0")[0])
    if shown == "sockaddr" and len(value) >= 2:
        return sockaddr(value, arch)
    return byte_array(value) if shown == "mac" else Data(value, len(value))


def _nested(value: Any) -> Value:
    if hasattr(value, "_asdict"):
        return Struct(tuple((name, each if isinstance(each, int) else Name(repr(each).encode()))
                            for name, each in value._asdict().items()))  # fmt: skip
    return Name(repr(value).encode())
