"""How the replay and its workers talk: length-prefixed JSON over two pipes, by read(2) and write(2) only.

No socket is used for it, so that a policy under which the workers run has nothing to say about it.

An argument of a call is a number or a block of memory::

    {"m": "hex", "n": size, "o": 0 | 1 | 2, "r": [[offset, argument], …]}

`n` is its size, `m` what it begins with, `r` the pointers in it, `o` whether it comes back: not at all,
whole, or as many bytes as the call returned.
"""

import json
import os
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


def send(channel: int, message: dict[str, Any]) -> None:
    """Write one message to a pipe. Raises `OSError`."""
    raw = json.dumps(message, separators=(",", ":")).encode()
    left = memoryview(HEAD.pack(len(raw)) + raw)
    while left:
        left = left[os.write(channel, left) :]


def receive(channel: int) -> dict[str, Any] | None:
    """Read one message from a pipe; None at its end. Raises `OSError`."""
    head = _exactly(channel, HEAD.size)
    raw = _exactly(channel, min(HEAD.unpack(head)[0], LIMIT)) if head else None
    if raw is None:
        return None
    message: dict[str, Any] = json.loads(raw)
    return message


def _exactly(channel: int, size: int) -> bytes | None:
    raw = bytearray()
    while len(raw) < size:
        part = os.read(channel, min(size - len(raw), 1 << 20))
        if not part:
            return None
        raw += part
    return bytes(raw)
