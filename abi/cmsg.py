"""Control messages: every payload of sendmsg(2) and recvmsg(2); cmsg(3), unix(7), ip(7), RFC 3542.

``CMSG`` is the table, keyed (level, type) as cmsghdr has them; ``decode_control`` reads a control buffer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from ptrace_net.abi.address import decode_sockaddr
from ptrace_net.abi.arch import X86_64, Arch
from ptrace_net.abi.constants.if_packet import PACKET
from ptrace_net.abi.constants.in6 import IPV6
from ptrace_net.abi.constants.in_ import IP
from ptrace_net.abi.constants.netlink import NETLINK_OPTIONS
from ptrace_net.abi.constants.socket import SCM, SO, SOL
from ptrace_net.abi.constants.table import Constants
from ptrace_net.abi.constants.tcp import TCP
from ptrace_net.abi.constants.udp import UDP
from ptrace_net.abi.errors import AbiError
from ptrace_net.abi.errqueue import scm_timestamping, scm_timestamping64, scm_ts_pktinfo, sock_extended_err
from ptrace_net.abi.if_packet import tpacket_auxdata
from ptrace_net.abi.in6 import in6_pktinfo, ip6_mtuinfo
from ptrace_net.abi.in_ import in_pktinfo
from ptrace_net.abi.kinds import Array, Bytes, CType, Integer
from ptrace_net.abi.layout import Layout
from ptrace_net.abi.msghdr import cmsg_align, cmsghdr
from ptrace_net.abi.netlink.header import nl_pktinfo
from ptrace_net.abi.sockaddr import sockaddr_in, sockaddr_in6
from ptrace_net.abi.socket import ucred
from ptrace_net.abi.time import kernel_sock_timeval, kernel_timespec, timespec, timeval


class Payload(NamedTuple):
    """What a control message carries: the name of its type and the kind of its payload."""

    name: str
    kind: CType | Layout
    doc: str


class ControlMessage(NamedTuple):
    """One control message. ``value`` is an int, a tuple, a named tuple, an Address, or the payload itself."""

    level: int
    type: int
    name: str  # SCM_RIGHTS, IP_PKTINFO…; the number where it has none
    payload: bytes
    value: Any


class ExtendedError(NamedTuple):
    """IP_RECVERR and its like: the error, and the address of who caused it (or None)."""

    error: Any
    offender: Any


_int, _u32, _u64 = Integer("int", 4, signed=True), Integer("__u32", 4), Integer("__u64", 8)
_ints = Array(_int)
_bytes = Bytes("bytes", 0)
_text = Bytes("char[]", 0, shown="text")

Row = tuple[str, CType | Layout, str]

_SOCKET: tuple[Row, ...] = (
    ("SO_TIMESTAMP_OLD", timeval, "when it was received (SCM_TIMESTAMP)"),
    ("SO_TIMESTAMP_NEW", kernel_sock_timeval, "when it was received, 64-bit time"),
    ("SO_TIMESTAMPNS_OLD", timespec, "when it was received (SCM_TIMESTAMPNS)"),
    ("SO_TIMESTAMPNS_NEW", kernel_timespec, "when it was received, 64-bit time"),
    ("SO_TIMESTAMPING_OLD", scm_timestamping, "three stamps (SCM_TIMESTAMPING)"),
    ("SO_TIMESTAMPING_NEW", scm_timestamping64, "three stamps, 64-bit time"),
    ("SO_WIFI_STATUS", _int, "whether the frame was acknowledged"),
    ("SO_RXQ_OVFL", _u32, "datagrams dropped so far"),
    ("SO_MARK", _u32, "mark of the packet (SO_RCVMARK; to send: SO_MARK)"),
    ("SO_PRIORITY", _u32, "priority of the packet"),
    ("SO_TXTIME", _u64, "when to send, ns (SCM_TXTIME)"),
    ("SO_INQ", _int, "bytes left to read (SCM_INQ)"),
)

_SCM: tuple[Row, ...] = (
    ("SCM_RIGHTS", _ints, "open descriptors, at most 253"),
    ("SCM_CREDENTIALS", ucred, "who sent it"),
    ("SCM_SECURITY", _text, "security context of the sender"),
    ("SCM_PIDFD", _int, "pidfd of the sender"),
    ("SCM_TIMESTAMPING_OPT_STATS", _bytes, "statistics of the connection, as netlink attributes"),
    ("SCM_TIMESTAMPING_PKTINFO", scm_ts_pktinfo, "where a stamped packet came in"),
    ("SCM_TS_OPT_ID", _u32, "id for the timestamp of what is sent"),
)

_IP: tuple[Row, ...] = (
    ("IP_PKTINFO", in_pktinfo, "interface and addresses"),
    ("IP_TTL", _int, "time to live"),
    ("IP_TOS", _int, "type of service: received in one byte, sent in one or four"),
    ("IP_RECVOPTS", _bytes, "IP options"),
    ("IP_RETOPTS", _bytes, "IP options, ready to be sent back"),
    ("IP_ORIGDSTADDR", sockaddr_in, "address that it was for"),
    ("IP_RECVERR", sock_extended_err, "a queued error and the offender's address"),
    ("IP_CHECKSUM", _u32, "checksum of the datagram"),
    ("IP_RECVFRAGSIZE", _int, "size of the largest fragment"),
    ("IP_PASSSEC", _text, "security label"),
    ("IP_PROTOCOL", _int, "protocol of a packet sent with IP_HDRINCL"),
)

_IPV6: tuple[Row, ...] = (
    ("IPV6_PKTINFO", in6_pktinfo, "interface and address"),
    ("IPV6_2292PKTINFO", in6_pktinfo, "interface and address (RFC 2292)"),
    ("IPV6_HOPLIMIT", _int, "hop limit"),
    ("IPV6_2292HOPLIMIT", _int, "hop limit (RFC 2292)"),
    ("IPV6_TCLASS", _int, "traffic class"),
    ("IPV6_FLOWINFO", Integer("__be32", 4, endian=">"), "flow information"),
    ("IPV6_HOPOPTS", _bytes, "hop-by-hop options"),
    ("IPV6_DSTOPTS", _bytes, "destination options"),
    ("IPV6_RTHDRDSTOPTS", _bytes, "destination options before the routing header"),
    ("IPV6_RTHDR", _bytes, "routing header"),
    ("IPV6_2292HOPOPTS", _bytes, "hop-by-hop options (RFC 2292)"),
    ("IPV6_2292DSTOPTS", _bytes, "destination options (RFC 2292)"),
    ("IPV6_2292RTHDR", _bytes, "routing header (RFC 2292)"),
    ("IPV6_PATHMTU", ip6_mtuinfo, "path MTU has changed"),
    ("IPV6_DONTFRAG", _int, "do not fragment this one"),
    ("IPV6_ORIGDSTADDR", sockaddr_in6, "address that it was for"),
    ("IPV6_RECVERR", sock_extended_err, "a queued error and the offender's address"),
    ("IPV6_RECVFRAGSIZE", _int, "size of the largest fragment"),
)

_OTHER: tuple[tuple[int, Constants, Row], ...] = (
    (SOL["SOL_TCP"], TCP, ("TCP_CM_INQ", _int, "bytes left to read (TCP_INQ)")),
    (
        SOL["SOL_UDP"],
        UDP,
        ("UDP_SEGMENT", Integer("__u16", 2), "split into datagrams of so many bytes (GSO)"),
    ),
    (SOL["SOL_UDP"], UDP, ("UDP_GRO", _int, "several datagrams of so many bytes each")),
    (SOL["SOL_PACKET"], PACKET, ("PACKET_AUXDATA", tpacket_auxdata, "what came with the packet")),
    (SOL["SOL_PACKET"], PACKET, ("PACKET_TX_TIMESTAMP", sock_extended_err, "a frame was sent")),
    (SOL["SOL_NETLINK"], NETLINK_OPTIONS, ("NETLINK_PKTINFO", nl_pktinfo, "group that it was sent to")),
    (
        SOL["SOL_NETLINK"],
        NETLINK_OPTIONS,
        ("NETLINK_LISTEN_ALL_NSID", _int, "id of the namespace it is from"),
    ),
)


def _table() -> Iterator[tuple[tuple[int, int], Payload]]:
    levels: tuple[tuple[int, Constants, tuple[Row, ...]], ...] = (
        (SOL["SOL_SOCKET"], SO, _SOCKET), (SOL["SOL_SOCKET"], SCM, _SCM), (SOL["SOL_IP"], IP, _IP),
        (SOL["SOL_IPV6"], IPV6, _IPV6), *((level, names, (row,)) for level, names, row in _OTHER),
    )  # fmt: skip
    for level, names, declared in levels:
        for row in declared:
            yield (level, names[row[0]]), Payload(*row)


CMSG: Mapping[tuple[int, int], Payload] = MappingProxyType(dict(_table()))


def control_messages(data: bytes, arch: Arch = X86_64) -> Iterator[tuple[int, int, bytes]]:
    """(level, type, payload) of each control message, walked as CMSG_NXTHDR does.

    Fewer bytes than a head at the end are no message, to the kernel either.

    Raises:
        AbiError: a cmsg_len that is too short for its head or too long for the buffer (the kernel: EINVAL).
    """
    head, offset = cmsghdr.fast(arch), 0
    while offset + head.size <= len(data):
        length, level, kind = head.unpack(data, offset)
        if not head.size <= length <= len(data) - offset:
            problem = f"{length} bytes, where {len(data) - offset} are left and {head.size} are the least"
            raise AbiError("cmsghdr", "cmsg_len", offset, problem)
        yield level, kind, bytes(data[offset + head.size : offset + length])
        offset += cmsg_align(length, arch)


def decode_control(data: bytes, arch: Arch = X86_64) -> tuple[ControlMessage, ...]:
    """The control messages in a buffer of msg_controllen bytes, with the values of those that are known.

    Raises:
        AbiError: a length that cannot be, or a payload that does not fit its kind.
    """
    return tuple(
        ControlMessage(level, kind, name_of(level, kind), payload, decode_payload(level, kind, payload, arch))
        for level, kind, payload in control_messages(data, arch)
    )


def name_of(level: int, kind: int) -> str:
    """SCM_RIGHTS, IP_PKTINFO…: the name of a control message, or its number."""
    known = CMSG.get((level, kind))
    return known.name if known else str(kind)


def decode_payload(level: int, kind: int, payload: bytes, arch: Arch = X86_64) -> Any:
    """The value of one payload; the bytes themselves where the type is unknown or has no structure."""
    known = CMSG.get((level, kind))
    if known is None:
        return payload
    if known.kind is sock_extended_err:
        return _extended_error(payload, arch)
    if isinstance(known.kind, Layout):
        if len(payload) != known.kind.size(arch):
            raise known.kind.error(len(payload), arch)
        return known.kind.read(payload, arch)
    if isinstance(known.kind, Array):
        return tuple(_number(known, payload[at : at + 4], arch) for at in range(0, len(payload) & -4, 4))
    return _number(known, payload, arch) if isinstance(known.kind, Integer) else payload


def _extended_error(payload: bytes, arch: Arch) -> ExtendedError:
    """The error and the address after it, which is of no family where nobody is to blame."""
    size = sock_extended_err.size(arch)
    error = sock_extended_err.read(payload, arch)
    offender = payload[size:]
    return ExtendedError(error, decode_sockaddr(offender, arch) if any(offender) else None)


def _number(known: Payload, payload: bytes, arch: Arch) -> int:
    """An integer, or its one-byte form (IP_TOS)."""
    kind = known.kind.item if isinstance(known.kind, Array) else known.kind
    assert isinstance(kind, Integer)
    if len(payload) not in (1, kind.size(arch)):
        raise AbiError(known.name, "", 0, f"{len(payload)} bytes for {kind.name}")
    order = "big" if kind.endian == ">" else arch.byteorder
    return int.from_bytes(payload, order, signed=kind.signed and len(payload) > 1)


def build_control(messages: tuple[tuple[int, int, bytes], ...], arch: Arch = X86_64) -> bytes:
    """A control buffer of (level, type, payload) messages, each padded to the word."""
    head = cmsghdr.fast(arch)
    whole = (
        head.pack(head.size + len(payload), level, kind) + payload + bytes(-len(payload) % arch.word)
        for level, kind, payload in messages
    )
    return b"".join(whole)
