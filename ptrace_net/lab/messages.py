"""What supervisors and their visitors say: JSON objects, one a packet (unix(7), SOCK_SEQPACKET), perhaps with
a descriptor.
"""

from __future__ import annotations

import errno
import json
import os
import socket
import struct
from typing import Any, TypeAlias

Message: TypeAlias = dict[str, Any]
PATIENCE = 5.0  # seconds that the other side may take
_LONGEST = 1 << 18
_UCRED = struct.Struct("=iII")  # pid, uid, gid


def owner_of(peer: socket.socket) -> tuple[int, int]:
    """``(pid, uid)`` of the process at the other end, or that began to listen there (SO_PEERCRED)."""
    pid, uid, _ = _UCRED.unpack(peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size))
    return pid, uid


def send(peer: socket.socket, message: Message, fd: int = -1) -> None:
    """Raises OSError."""
    data = json.dumps(message).encode()
    if fd < 0:
        peer.send(data)
    else:
        socket.send_fds(peer, [data], [fd])


def receive(peer: socket.socket) -> tuple[Message, int]:
    """The next message and its descriptor, -1 for none; OSError(ECONNRESET) at the end."""
    data, fds, _, _ = socket.recv_fds(peer, _LONGEST, 1)
    fd = fds[0] if fds else -1
    try:
        message = json.loads(data) if data else None
    except ValueError:
        message = None
    if not isinstance(message, dict):
        if fd >= 0:
            os.close(fd)
        raise ConnectionResetError(errno.ECONNRESET, "no message")
    return message, fd
