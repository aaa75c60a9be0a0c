"""How the replay and its workers talk: length-prefixed JSON over an AF_UNIX stream, descriptors beside it.

An argument of a call is a number or a block of memory::

    {"m": "hex", "n": size, "o": 0 | 1 | 2, "r": [[offset, argument], …]}

`n` is its size, `m` what it begins with, `r` the pointers in it, `o` whether it comes back: not at all,
whole, or as many bytes as the call returned.
"""

import json
import socket
import struct
from typing import Any, Final

HEAD: Final = struct.Struct("<I")
LIMIT: Final = 64 << 20

Argument = int | dict[str, Any]


def block(
    data: bytes = b"", size: int | None = None, out: int = 0, refs: list[list[Any]] | None = None
) -> Argument:
    """A block of memory as an argument."""
    made: dict[str, Any] = {"m": data.hex(), "n": len(data) if size is None else size, "o": out}
    if refs:
        made["r"] = refs
    return made


def send(channel: socket.socket, message: dict[str, Any], descriptors: tuple[int, ...] = ()) -> None:
    """Send one message."""
    raw = json.dumps(message, separators=(",", ":")).encode()
    data = HEAD.pack(len(raw)) + raw
    if descriptors:
        sent = socket.send_fds(channel, [data], list(descriptors))
        data = data[sent:]
    if data:
        channel.sendall(data)


def receive(channel: socket.socket) -> tuple[dict[str, Any], list[int]] | None:
    """One message with the descriptors that came with it; None at the end. Raises `OSError`."""
    head, descriptors, _, _ = socket.recv_fds(channel, HEAD.size, 4)
    while head and len(head) < HEAD.size:
        head += channel.recv(HEAD.size - len(head)) or b"\0" * HEAD.size
    if not head:
        return None
    (length,) = HEAD.unpack(head[: HEAD.size])
    raw = bytearray()
    while len(raw) < min(length, LIMIT):
        part = channel.recv(min(length - len(raw), 1 << 20))
        if not part:
            return None
        raw += part
    message: dict[str, Any] = json.loads(raw)
    return message, descriptors
