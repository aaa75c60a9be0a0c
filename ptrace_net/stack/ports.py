"""Ephemeral ports (RFC 6056, algorithm 3: a keyed hash of the destination, then one by one)."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field

from .addresses import IP

LOW, HIGH = 32768, 60999  # net.ipv4.ip_local_port_range


@dataclass(slots=True)
class EphemeralPorts:
    """``secret`` comes from the caller's random source; the range is inclusive."""

    secret: bytes
    low: int = LOW
    high: int = HIGH
    _next: dict[int, int] = field(default_factory=dict)

    def choose(self, taken: Callable[[int], bool], peer: IP = b"", peer_port: int = 0) -> int | None:
        """A port for which ``taken`` is false, or None where the range is exhausted."""
        span = self.high - self.low + 1
        digest = hashlib.blake2b(peer + peer_port.to_bytes(2, "big"), key=self.secret, digest_size=8).digest()
        offset, slot = int.from_bytes(digest, "big"), digest[0]
        for step in range(span):
            count = self._next.get(slot, 0) + step
            port = self.low + (offset + count) % span
            if not taken(port):
                self._next[slot] = count + 1
                return port
        return None
