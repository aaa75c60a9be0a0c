"""Addresses as values: the sockaddr of every family, of any length; sockaddr(3type)."""

from __future__ import annotations

import socket
from functools import lru_cache
from typing import TYPE_CHECKING

from ptrace_net.abi.address import decode_sockaddr
from ptrace_net.abi.constants.if_arp import ARPHRD
from ptrace_net.abi.constants.if_packet import PACKET_TYPE
from ptrace_net.abi.constants.vm_sockets import VMADDR_CID
from ptrace_net.abi.errors import AbiError
from ptrace_net.syscalls.decode import scalars
from ptrace_net.syscalls.decode.values import Applied, Array, Data, Host, Name, Struct, Symbol, Value

if TYPE_CHECKING:
    from typing import Any

    from ptrace_net.abi.arch import Arch

_WITHOUT_SCOPE = 24  # bytes of a sockaddr_in6 that ends before its scope
_SHORTEST_LL = 20  # strace shows a shorter sockaddr_ll as bytes
Fields = tuple[tuple[str, Value], ...]


@lru_cache(4096)
def sockaddr(data: bytes, arch: Arch) -> Value:
    """The value of an address of ``len(data)`` bytes, at least the two of its family."""
    try:
        address = decode_sockaddr(data, arch)
    except AbiError:
        return _unknown(data, arch)
    decode = _FAMILIES.get(address.family)
    if decode is None or (address.family == scalars.AF_PACKET and len(data) < _SHORTEST_LL):
        return _unknown(data, arch)
    fields = decode(address.values)
    if address.family == scalars.AF_INET6 and len(data) <= _WITHOUT_SCOPE:
        fields = fields[:-1]
    return Struct((("sa_family", scalars.domain(address.family)), *fields))


def _unknown(data: bytes, arch: Arch) -> Value:
    family = ("sa_family", scalars.domain(int.from_bytes(data[:2], arch.byteorder)))
    rest = data[2:]
    return Struct((family, ("sa_data", Data(rest, len(rest))))) if rest else Struct((family,))


def host(packed: bytes) -> Host:
    """An address as it is in a packet: 4 or 16 bytes."""
    family = socket.AF_INET if len(packed) == 4 else socket.AF_INET6
    return Host(socket.inet_ntop(family, packed), int(family))


@lru_cache(256)
def interface(index: int) -> Value:
    """An interface by the name it has now, or its number."""
    try:
        name = socket.if_indextoname(index).encode()
    except (OSError, OverflowError):
        return index
    return Applied("if_nametoindex", Name(name), index)


def _in(values: Any) -> Fields:
    port = Applied("htons", values.sin_port, values.sin_port)
    return (("sin_port", port), ("sin_addr", host(values.sin_addr)))


def _in6(values: Any) -> Fields:
    return (
        ("sin6_port", Applied("htons", values.sin6_port, values.sin6_port)),
        ("sin6_flowinfo", Applied("htonl", values.sin6_flowinfo, values.sin6_flowinfo)),
        ("sin6_addr", host(values.sin6_addr)),
        ("sin6_scope_id", _scope(values.sin6_addr, values.sin6_scope_id)),
    )


def _scope(address: bytes, scope: int) -> Value:
    local = address[:1] == b"\xfe" and address[1] & 0xC0 == 0x80
    link_multicast = address[:1] == b"\xff" and address[1] & 0xF == 2
    return interface(scope) if scope and (local or link_multicast) else scope


def _un(values: Any) -> Fields:
    return (("sun_path", Name(values.sun_path)),) if values.sun_path else ()


def _nl(values: Any) -> Fields:
    groups = values.nl_groups
    text = f"{groups:#08x}" if groups else "00000000"
    return (("nl_pid", values.nl_pid), ("nl_groups", Symbol(text, groups)))


def _ll(values: Any) -> Fields:
    head: Fields = (
        ("sll_protocol", scalars.ethertype(values.sll_protocol)),
        ("sll_ifindex", interface(values.sll_ifindex)),
        ("sll_hatype", scalars.named(ARPHRD, values.sll_hatype, "ARPHRD_")),
        ("sll_pkttype", scalars.named(PACKET_TYPE, values.sll_pkttype, "PACKET_")),
        ("sll_halen", values.sll_halen),
    )
    shown = values.sll_addr[: min(values.sll_halen, 8)]
    return (*head, ("sll_addr", byte_array(shown))) if shown else head


def byte_array(data: bytes) -> Array:
    return Array(tuple(Symbol(hex(byte) if byte else "0", byte) for byte in data))


def _vm(values: Any) -> Fields:
    cid = values.svm_cid
    return (
        ("svm_cid", scalars.named(VMADDR_CID, cid, "VMADDR_CID_") if VMADDR_CID.name(cid, "") else cid),
        ("svm_port", values.svm_port),
    )


_FAMILIES = {1: _un, 2: _in, 10: _in6, 16: _nl, 17: _ll, 40: _vm}
