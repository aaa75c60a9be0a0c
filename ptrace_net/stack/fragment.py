"""Fragmentation and reassembly for IPv4 (RFC 791, 3.2) and IPv6 (RFC 8200, 4.5).

A ``Reassembler`` keeps the pieces of each datagram until they are whole.  Overlapping fragments discard the
datagram in both families (RFC 5722; Linux does the same for IPv4 since 4.20), exact duplicates are ignored,
and both the time (30 s, 60 s for IPv6) and the memory are bounded.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from .addresses import IP
from .frame import Malformed

MAX_DATAGRAM = 65535
MEMORY_LIMIT = 4 << 20
IPV4_LIFETIME = 30.0
IPV6_LIFETIME = 60.0


class FragmentKey(NamedTuple):
    """What identifies the datagram that a fragment belongs to."""

    src: IP
    dst: IP
    ident: int
    protocol: int  #: 0 for IPv6, where the identification alone decides


class Expired(NamedTuple):
    """A datagram that never became whole; ``first`` is its first fragment's packet, where one came."""

    key: FragmentKey
    first: bytes | None


@dataclass(slots=True)
class _Datagram:
    deadline: float
    pieces: dict[int, bytes] = field(default_factory=dict)
    total: int | None = None
    size: int = 0
    first: bytes | None = None

    def clashes(self, start: int, end: int) -> bool:
        return any(start < at + len(piece) and at < end for at, piece in self.pieces.items())

    def contradicts_end(self, end: int, more: bool) -> bool:
        """Whether the fragment's end disagrees with where the datagram is known to end."""
        if more:
            return self.total is not None and end > self.total
        if self.total is not None:
            return end != self.total
        return any(at + len(piece) > end for at, piece in self.pieces.items())


@dataclass(slots=True)
class Reassembler:
    """Collects fragments; ``memory`` is the payload bytes it holds, ``limit`` the largest whole payload."""

    lifetime: float
    limit: int = MAX_DATAGRAM
    memory: int = 0
    failures: int = 0
    _pending: dict[FragmentKey, _Datagram] = field(default_factory=dict)

    def add(
        self, key: FragmentKey, offset: int, more: bool, payload: memoryview, now: float,
        packet: memoryview | None = None,
    ) -> bytes | None:
        """One fragment in; the whole payload out once it is complete.

        ``packet`` is kept of the first fragment, for the ICMP error that its expiry may need.
        """
        end = offset + len(payload)
        if end > self.limit or (more and len(payload) % 8) or not payload:
            raise Malformed("fragment length")
        datagram = self._pending.get(key)
        if datagram is None:
            self._make_room(len(payload))
            datagram = self._pending[key] = _Datagram(now + self.lifetime)
        if len(datagram.pieces.get(offset, b"")) == len(payload):
            return None
        if datagram.clashes(offset, end) or datagram.contradicts_end(end, more):
            self._forget(key)
            self.failures += 1
            return None
        self._store(datagram, offset, payload)
        if not more:
            datagram.total = end
        if offset == 0 and packet is not None:
            datagram.first = bytes(packet)
        return self._finish(key, datagram)

    def _store(self, datagram: _Datagram, offset: int, payload: memoryview) -> None:
        datagram.pieces[offset] = bytes(payload)
        datagram.size += len(payload)
        self.memory += len(payload)

    def _finish(self, key: FragmentKey, datagram: _Datagram) -> bytes | None:
        if datagram.size != datagram.total:
            return None
        self._forget(key)
        return b"".join(piece for _, piece in sorted(datagram.pieces.items()))

    def _forget(self, key: FragmentKey) -> None:
        self.memory -= self._pending.pop(key).size

    def _make_room(self, size: int) -> None:
        while self._pending and self.memory + size > MEMORY_LIMIT:
            self._forget(next(iter(self._pending)))
            self.failures += 1

    def expire(self, now: float) -> list[Expired]:
        """Drop the datagrams whose time has passed."""
        late = [key for key, datagram in self._pending.items() if datagram.deadline <= now]
        expired = [Expired(key, self._pending[key].first) for key in late]
        for key in late:
            self._forget(key)
        self.failures += len(late)
        return expired

    def deadline(self) -> float | None:
        return next(iter(self._pending.values())).deadline if self._pending else None


class Piece(NamedTuple):
    offset: int
    more: bool
    payload: memoryview


def split(payload: memoryview, room: int) -> Iterator[Piece]:
    """Cut ``payload`` into pieces of at most ``room`` bytes, all but the last a multiple of 8 long."""
    step = room & ~7
    if step <= 0:
        raise ValueError(f"no fragment fits in {room} bytes")
    for offset in range(0, len(payload), step):
        yield Piece(offset, offset + step < len(payload), payload[offset : offset + step])
