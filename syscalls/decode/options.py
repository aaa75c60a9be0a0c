"""Values of socket options and control messages by level and number, from their tables in ``abi``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ptrace_net.abi.address import Address
from ptrace_net.abi.cmsg import CMSG, ExtendedError, decode_payload
from ptrace_net.abi.constants.socket import SCM
from ptrace_net.abi.errors import AbiError
from ptrace_net.abi.errqueue import sock_extended_err
from ptrace_net.abi.in_ import ip_mreq
from ptrace_net.abi.kinds import Array as ArrayOf
from ptrace_net.abi.kinds import Bytes, Integer
from ptrace_net.abi.layout import Layout
from ptrace_net.abi.msghdr import cmsg_align, cmsghdr
from ptrace_net.abi.sockaddr import BY_FAMILY
from ptrace_net.abi.sockopt import option
from ptrace_net.syscalls.decode import scalars
from ptrace_net.syscalls.decode.layouts import partial_struct, struct
from ptrace_net.syscalls.decode.sockaddr import byte_array, sockaddr
from ptrace_net.syscalls.decode.values import Array, Data, Struct, Symbol, Value

if TYPE_CHECKING:
    from ptrace_net.abi.arch import Arch

_MEMBERSHIPS = {(0, 35), (0, 36)}  # IP_ADD_MEMBERSHIP, IP_DROP_MEMBERSHIP: structs told apart by length
_SCM_RIGHTS = (1, 1)
_BYTE_LISTS = {(0, 1)}  # IP_TOS: shown byte by byte, as strace does
_SPELLED = {(1, 3), (1, 38), (1, 39)}  # SO_TYPE, SO_PROTOCOL, SO_DOMAIN: numbers in strace


def option_value(level: int, number: int, data: bytes, arch: Arch) -> Value:
    """The value of an option: ``[n]`` for an int, a struct by its layout (or as much of it as there is)."""
    if (level, number) in _MEMBERSHIPS and len(data) >= ip_mreq.size(arch):
        return struct(ip_mreq, ip_mreq.parse(data[: ip_mreq.size(arch)], arch), arch)
    known = option(level, number)
    kind = known.kind if known else None
    if isinstance(kind, Layout):
        fields = kind.parse_prefix(data, arch)
        return partial_struct(kind, fields, arch) if fields else Data(data, len(data))
    whole = len(data) == 4 or (isinstance(kind, Integer) and kind.size(arch) == 4 < len(data))
    if isinstance(kind, Bytes | ArrayOf) or not whole:
        return Data(data, len(data))
    return Array((int.from_bytes(data[:4], arch.byteorder, signed=True),))


def control(data: bytes, arch: Arch) -> Value:
    """The control messages in a control buffer, up to the first length that cannot be."""
    return Array(tuple(_messages(data, arch)))


def _messages(data: bytes, arch: Arch) -> Iterator[Value]:
    head, offset = cmsghdr.fast(arch), 0
    while offset + head.size <= len(data):
        length, level, kind = head.unpack(data, offset)
        fields: tuple[tuple[str, Value], ...] = (
            ("cmsg_len", length),
            ("cmsg_level", scalars.level(level)),
            ("cmsg_type", _type(level, kind)),
        )
        payload = data[offset + head.size : offset + length]
        if length > head.size:
            fields = (*fields, ("cmsg_data", payload_value(level, kind, payload, arch)))
        yield Struct(fields)
        if length < head.size:
            return
        offset += cmsg_align(length, arch)


def _type(level: int, kind: int) -> Value:
    if level == 1 and SCM.name(kind, ""):
        return Symbol(SCM.name(kind), kind)
    known = CMSG.get((level, kind))
    return Symbol(known.name, kind) if known else scalars.option(level, kind)


def payload_value(level: int, kind: int, payload: bytes, arch: Arch) -> Value:
    """What one control message carries."""
    if (level, kind) in _BYTE_LISTS:
        return byte_array(payload)
    known = CMSG.get((level, kind))
    if known is None:
        return Data(payload, len(payload))
    try:
        return _typed(known.kind, decode_payload(level, kind, payload, arch), payload, arch)
    except (AbiError, ValueError):
        return Data(payload, len(payload))


def _typed(kind: Any, value: Any, payload: bytes, arch: Arch) -> Value:
    if isinstance(value, ExtendedError):
        error = struct(sock_extended_err, value.error, arch)
        if not isinstance(value.offender, Address):
            return error
        offender = sockaddr(payload[sock_extended_err.size(arch) :], arch)
        return Struct((*error.fields, ("offender", offender)))
    if kind in BY_FAMILY.values():
        return sockaddr(payload, arch)
    if isinstance(kind, Layout):
        return struct(kind, value, arch)
    if isinstance(value, tuple):
        return Array(value)
    return Array((value,)) if isinstance(value, int) else Data(payload, len(payload))
