"""Initial sequence numbers (RFC 6528) and timestamp offsets (RFC 7323, 5.4), hashed from the four-tuple."""

import hashlib
from dataclasses import dataclass

from ..addresses import IP
from .sequence import MASK

_TICKS_PER_SECOND = 250_000  # one per 4 us


@dataclass(frozen=True, slots=True)
class InitialSequence:
    """``secret`` is 16 random bytes from the caller."""

    secret: bytes

    def _hash(self, what: bytes, ends: tuple[IP, int, IP, int]) -> int:
        local, port, remote, remote_port = ends
        data = local + remote + port.to_bytes(2, "big") + remote_port.to_bytes(2, "big")
        digest = hashlib.blake2b(data, key=self.secret, person=what, digest_size=4)
        return int.from_bytes(digest.digest(), "big")

    def number(self, ends: tuple[IP, int, IP, int], now: float) -> int:
        """The initial sequence number for (local, port, remote, port) at ``now`` seconds."""
        return (int(now * _TICKS_PER_SECOND) + self._hash(b"isn", ends)) & MASK

    def timestamp_offset(self, ends: tuple[IP, int, IP, int]) -> int:
        """What is added to the milliseconds of this connection's timestamps."""
        return self._hash(b"ts", ends)
