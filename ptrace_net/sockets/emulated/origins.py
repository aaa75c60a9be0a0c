"""Where a datagram came from travels with it: as a descriptor of a sealed file that says so (SCM_RIGHTS).

A program that receives without asking for the source, by calls that nobody intercepts, throws the descriptor
away with the datagram; so whatever it takes, the next one's origin is the next one's. Only our own end of a
backing pair can put datagrams in. Of one origin for each socket, its usual one, they come without.
"""

from __future__ import annotations

import os
import socket
import struct
from typing import NamedTuple

from ptrace_net.sockets.emulated.names import Name
from ptrace_net.sockets.outgoing import Outgoing

CONTROL_ROOM = 24  # CMSG_SPACE(sizeof(int))
_CMSG = struct.Struct("=QiiI4x")
_FD_AT = 16
_MOST = 512  # files kept open
_HANDLE = struct.Struct("=i")
_ORIGIN = struct.Struct("=BB16sHI16sIBBI")


class Origin(NamedTuple):
    """Source and destination of a datagram, the interface it came in on, hop limit and traffic class."""

    source: Name
    destination: bytes
    interface: int = 1
    ttl: int = 64
    tos: int = 0
    serial: int = 0  # of one datagram, where something more is kept about it


PLAIN = Outgoing(b"")  # datagrams of a socket's usual origin


class Origins:
    """Control messages for origins, made once and kept."""

    def __init__(self) -> None:
        self._files: dict[Origin, tuple[int, Outgoing]] = {}

    def outgoing(self, origin: Origin) -> Outgoing:
        """What sends datagrams of ``origin``; to be used at once."""
        known = self._files.get(origin)
        if known is None:
            known = self._files[origin] = self._made(origin)
        return known[1]

    def control(self, origin: Origin) -> bytes:
        """The control buffer to send a datagram of ``origin`` with."""
        return self.outgoing(origin).control

    def forget(self) -> None:
        """Close the files; datagrams that are under way have their own descriptors of them."""
        for handle, _ in self._files.values():
            os.close(handle)
        self._files.clear()

    def _made(self, origin: Origin) -> tuple[int, Outgoing]:
        if len(self._files) >= _MOST:
            oldest = next(iter(self._files))
            os.close(self._files.pop(oldest)[0])
        handle = os.memfd_create("origin", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        os.write(handle, _packed(origin))
        return handle, Outgoing(_CMSG.pack(20, socket.SOL_SOCKET, socket.SCM_RIGHTS, handle))


_unpacked_lately: dict[bytes, Origin] = {}


def taken(control: bytes) -> Origin | None:
    """The origin in a control buffer that was received; its descriptor is closed."""
    if len(control) < _FD_AT + 4:
        return None
    (handle,) = _HANDLE.unpack_from(control, _FD_AT)
    try:
        data = os.pread(handle, _ORIGIN.size, 0)
    finally:
        os.close(handle)
    origin = _unpacked_lately.get(data)
    if origin is None:
        if len(_unpacked_lately) >= _MOST:
            _unpacked_lately.clear()
        origin = _unpacked_lately[data] = _unpacked(data)
    return origin


def _packed(origin: Origin) -> bytes:
    source, destination = origin.source, origin.destination
    return _ORIGIN.pack(
        len(source.address), len(destination), source.address, source.port, source.scope, destination,
        origin.interface, origin.ttl, origin.tos, origin.serial,
    )  # fmt: skip


def _unpacked(data: bytes) -> Origin:
    source_size, size, source, port, scope, destination, interface, ttl, tos, serial = _ORIGIN.unpack(data)
    return Origin(Name(source[:source_size], port, scope), destination[:size], interface, ttl, tos, serial)
