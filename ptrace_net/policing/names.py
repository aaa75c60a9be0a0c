"""Addresses as policies look at them: the bytes of an IP address and a port, out of a sockaddr.

Which argument of a call is an address is the same for every provider; a ``sockaddr_in6`` that holds an IPv4
address (``::ffff:a.b.c.d``) is looked at as both.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple

from ptrace_net.abi.arch import Arch
from ptrace_net.policies.mapping import V4_MAPPED
from ptrace_net.syscalls.memory import read_name
from ptrace_net.syscalls.seam import Call, Errno, Task

if TYPE_CHECKING:
    from ptrace_net.policies.values import Where

AF_INET, AF_INET6 = 2, 10
# call -> the place of its sockaddr, and of the sockaddr's length
GIVEN = {"bind": (1, 2), "connect": (1, 2), "sendto": (4, 5)}
TOLD = {"getsockname": (1, 2), "getpeername": (1, 2), "accept": (1, 2), "accept4": (1, 2), "recvfrom": (4, 5)}
MESSAGES = ("sendmsg", "recvmsg")
SOCKADDR_ROOM = 128
_FAMILY = {"<": struct.Struct("<H"), ">": struct.Struct(">H")}


class Endpoint(NamedTuple):
    """``address`` is 4 or 16 bytes."""

    address: bytes
    port: int


def endpoint(name: bytes, arch: Arch) -> Endpoint | None:
    """The IP address and port of a sockaddr; None of another family, or of too few bytes."""
    if len(name) < 16:
        return None
    family = _FAMILY[arch.endian].unpack_from(name)[0]
    port = int.from_bytes(name[2:4], "big")
    if family == AF_INET:
        return Endpoint(name[4:8], port)
    return Endpoint(name[8:24], port) if family == AF_INET6 and len(name) >= 24 else None


def with_port(name: bytes, port: int) -> bytes:
    return name[:2] + port.to_bytes(2, "big") + name[4:]


def given(call: Call) -> bytes:
    """The sockaddr that the program gives with ``call``; empty where there is none. Raises Errno."""
    if call.name in GIVEN:
        address, length = (call.args[place] for place in GIVEN[call.name])
        return read_name(call.task, address, length) if address else b""
    if call.name == "sendmsg":
        return message_name(call.task, call.arch, call.args[1])
    if call.name == "sendmmsg" and call.args[2] > 0:
        return message_name(call.task, call.arch, call.args[1])
    return b""


def message_name(task: Task, arch: Arch, address: int) -> bytes:
    """The sockaddr in a msghdr that is sent; raises Errno."""
    from ptrace_net.syscalls.msghdr import read_header

    header = read_header(task, arch, address)
    return task.read(header.name, header.name_length) if header.name and header.name_length else b""


def is_local(address: bytes) -> bool:
    """Whether it is this machine's own, whatever its interfaces are: loopback, or no address at all."""
    four = address[12:] if address.startswith(V4_MAPPED) else address
    if len(four) == 4:
        return four[0] == 127 or not any(four)
    return four in (bytes(15) + b"\x01", bytes(16))


def fits(where: Where, at: Endpoint) -> bool:
    """Whether an address and a port are what ``where`` asks for."""
    if where.ports is not None and not where.ports[0] <= at.port <= where.ports[1]:
        return False
    if where.outside and is_local(at.address):
        return False
    if where.address is None:
        return True
    value, length, bits = where.address
    address = at.address
    if bits == 32 and address.startswith(V4_MAPPED):
        address = address[12:]
    shift = bits - length
    return len(address) * 8 == bits and int.from_bytes(address, "big") >> shift == value >> shift


def readable(call: Call) -> bytes:
    """``given``, or nothing where the program's memory is bad: the kernel answers that."""
    try:
        return given(call)
    except Errno:
        return b""
