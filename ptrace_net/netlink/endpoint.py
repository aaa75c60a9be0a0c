"""What every netlink protocol does with a request: net/netlink/af_netlink.c.

A datagram may hold several messages; each is answered by what it asks for, an NLMSG_ERROR, or nothing. A
dump is cut into datagrams that fit the buffers that programs read with, and ends with NLMSG_DONE.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from typing import NamedTuple, Protocol

from ptrace_net.abi.constants.netlink import NLMSGERR_ATTR
from ptrace_net.netlink import wire
from ptrace_net.netlink.ports import Port
from ptrace_net.netlink.wire import Head
from ptrace_net.network.refused import Refused

#: NLMSG_GOODSIZE where pages have 4096 bytes: glibc reads into one page
DUMP_SIZE = 3776


class Piece(NamedTuple):
    """A message of a reply, its header still to come."""

    type: int
    payload: bytes


class Dump(NamedTuple):
    """The answer to NLM_F_DUMP. A dump that is refused ends at once, with the error in its NLMSG_DONE."""

    pieces: Iterable[Piece] = ()
    filtered: bool = False
    refused: Refused | None = None


class Service(Protocol):
    """A netlink protocol: what the kernel registers with netlink_kernel_create()."""

    def request(self, message: bytes, head: Head, port: Port, now: float) -> Iterable[Piece] | Dump:
        """Do what a message asks for. Raises Refused."""


def handle(service: Service, port: Port, data: bytes, now: float) -> list[bytes]:
    """The datagrams that answer ``data``, which ``port`` sent to the kernel (netlink_rcv_skb)."""
    datagrams: list[bytes] = []
    for message in wire.split(data):
        datagrams += _answer(service, port, message, now)
    return datagrams


def _answer(service: Service, port: Port, message: bytes, now: float) -> list[bytes]:
    head = wire.head_of(message)
    datagrams: list[bytes] = []
    refused: Refused | None = None
    if head.flags & wire.NLM_F_REQUEST and head.type >= wire.NLMSG_MIN_TYPE:
        try:
            answer = service.request(message, head, port, now)
            if isinstance(answer, Dump):
                return _dump(answer, head, port)
            datagrams = [wire.message(p.type, 0, head.seq, port.portid, p.payload) for p in answer]
        except Refused as error:
            refused = error
    if refused is not None or head.flags & wire.NLM_F_ACK:
        datagrams.append(acknowledge(message, port, refused))
    return datagrams


def acknowledge(message: bytes, port: Port, refused: Refused | None) -> bytes:
    """NLMSG_ERROR (netlink_ack): an error repeats the request unless NETLINK_CAP_ACK; texts with
    NETLINK_EXT_ACK.
    """
    head = wire.head_of(message)
    number = refused.number if refused else 0
    whole = number and not port.cap_ack
    flags = 0 if whole else wire.NLM_F_CAPPED
    told = _extended(refused) if refused and port.ext_ack else b""
    if told:
        flags |= wire.NLM_F_ACK_TLVS
    quoted = message if whole else message[: wire.HEADER]
    payload = struct.pack("=i", -number) + quoted
    if told:
        payload += bytes(-len(payload) & 3) + told
    return wire.message(wire.NLMSG_ERROR, flags, head.seq, port.portid, payload)


def _extended(refused: Refused) -> bytes:
    parts = []
    if refused.text:
        parts.append(wire.text(NLMSGERR_ATTR["NLMSGERR_ATTR_MSG"], refused.text))
    if refused.offset:
        parts.append(wire.u32(NLMSGERR_ATTR["NLMSGERR_ATTR_OFFS"], refused.offset))
    if refused.missing:
        parts.append(wire.u32(NLMSGERR_ATTR["NLMSGERR_ATTR_MISS_TYPE"], refused.missing))
    return b"".join(parts)


def _dump(dump: Dump, head: Head, port: Port) -> list[bytes]:
    """The datagrams of a dump, the last of which ends with NLMSG_DONE."""
    flags = wire.NLM_F_MULTI | (wire.NLM_F_DUMP_FILTERED if dump.filtered else 0)
    datagrams = list(
        _packed(
            wire.message(piece.type, flags, head.seq, port.portid, piece.payload) for piece in dump.pieces
        )
    )
    error = dump.refused
    told = _extended(error) if error and port.ext_ack else b""
    done = struct.pack("=i", -error.number if error else 0) + told
    flags = wire.NLM_F_MULTI | (wire.NLM_F_ACK_TLVS if told else 0)
    end = wire.message(wire.NLMSG_DONE, flags, head.seq, port.portid, done)
    if datagrams and len(datagrams[-1]) + len(end) <= DUMP_SIZE:
        datagrams[-1] += end
    else:
        datagrams.append(end)
    return datagrams


def _packed(messages: Iterable[bytes]) -> Iterator[bytes]:
    """Messages gathered into datagrams of at most ``DUMP_SIZE`` bytes; a longer one stands alone."""
    gathered = b""
    for message in messages:
        if gathered and len(gathered) + len(message) > DUMP_SIZE:
            yield gathered
            gathered = b""
        gathered += message
    if gathered:
        yield gathered
